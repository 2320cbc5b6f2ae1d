"""What ``new-refiner`` writes works as written."""

import runpy
import sys

import pytest

from bench.api import Refiner, UserError
from bench.plugins.registry import Registry
from bench.plugins.scaffold import write_refiner


def test_the_file_is_a_short_refiner_that_list_can_describe(tmp_path):
    file, test = write_refiner("my_own", tmp_path / "new")
    assert (file, test) == (tmp_path / "new" / "my_own.py", tmp_path / "new" / "test_my_own.py")
    (cls,) = Registry([file]).classes_of(file, Refiner)
    assert (cls.__name__, cls.name, cls.version) == ("MyOwn", "my_own", 1)
    assert cls.__doc__
    code = file.read_text().split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30


def test_the_written_test_passes_and_can_fail(tmp_path, monkeypatch):
    file, test = write_refiner("my_own", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def run_test() -> None:
        monkeypatch.delitem(sys.modules, "my_own", raising=False)
        runpy.run_path(str(test))["test_my_own_keeps_its_contract"]()

    run_test()
    file.write_text(file.read_text().replace(".clamp(0, 1)", ""))
    with pytest.raises(AssertionError, match="- range: refined 6 images at 32×32"):
        run_test()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("3x", "no refiner can be called '3x'"),
        ("my-own", "no refiner can be called 'my-own'"),
        ("My", "no refiner can be called 'My'"),
        ("class", "no refiner can be called 'class'"),
        ("fda", "there is a refiner 'fda' already"),
        ("random", "there is a Python module 'random', which .*random.py would hide"),
        ("here", r"here\.py exists already"),
        ("tested", r"test_tested\.py exists already"),
    ],
)
def test_an_unusable_name_is_refused_in_one_line_and_nothing_is_written(tmp_path, name, message):
    for existing in ("here.py", "test_tested.py"):
        (tmp_path / existing).write_text("mine")
    with pytest.raises(UserError, match=message) as caught:
        write_refiner(name, tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.py", "test_tested.py"]
    assert (tmp_path / "here.py").read_text() == "mine"
