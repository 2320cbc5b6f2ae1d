"""Numbers of another machine are the same numbers; anything that a reader could see is a difference."""

import pytest

from bench.check.same_text import first_difference


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a,10.511239184304168\n", "a,10.511239184304173\n"),
        ("10", "10.000000000000002"),
        ("1e-17", "-3.1e-17"),
        ("+0.0 points", "−0.0 points"),
        ("M12.5000001,3.25", "M12.5,3.25"),
        ("3.4999999e-05", "3.5e-05"),
    ],
)
def test_rounding_is_no_difference(one, other):
    assert first_difference(one, other) is None


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ("a,10.51124\n", "a,10.51130\n", (1, "10.51124", "10.51130")),
        ("n = 5 cells", "n = 6 cells", (1, "5", "6")),
        ("+11.1", "+11.2", (1, "+11.1", "+11.2")),
        ("+11.1", "−11.1", (1, "+11.1", "−11.1")),
        ("digest 12345678ab", "digest 12345679ab", (1, "8ab", "9ab")),
        ("seed 9007199254740993", "seed 9007199254740992", (1, "9007199254740993", "9007199254740992")),
        ("x\ngain resolved\n", "x\ngain not resolved\n", (2, "resolved", "not resolved")),
        ("one\n1.5\n", "one\n1.5\n2.5\n", (3, "", "2.5")),
    ],
)
def test_anything_else_is_one(one, other, difference):
    assert first_difference(one, other) == difference
