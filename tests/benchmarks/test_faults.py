"""The campaign of faults notices what it looks for; its quick form finds nothing."""

import ast
import random

import pytest

from bench.api import UserError
from benchmarks.faults import bad_inputs, plugin_cases, store_damage
from benchmarks.faults.__main__ import CAMPAIGN
from benchmarks.faults.runs import Ended, difference
from benchmarks.faults.trials import Trial, Trials


def test_there_are_as_many_cases_as_the_campaign_promises():
    assert len(plugin_cases.cases()) >= 130
    assert len(bad_inputs.every_case()) >= 200
    assert CAMPAIGN["kills"] >= 100


def test_every_plug_in_of_the_table_is_python():
    for hook, name, text in plugin_cases.cases():
        assert ast.parse(text), (hook, name)


@pytest.mark.parametrize("damage", store_damage.INSIDE)
def test_every_damage_changes_the_file(tmp_path, damage):
    path = tmp_path / "file"
    path.write_bytes(b"content" * 20)
    damage(path, random.Random(1))
    assert not path.is_file() or path.read_bytes() != b"content" * 20


def refuse(folder):
    raise UserError("no such thing")


def crash(folder):
    raise KeyError("seconds")


@pytest.mark.parametrize(("read", "said"), [(refuse, ""), (len, "TypeError"), (crash, "KeyError"), (str, "")])
def test_an_input_that_crashes_is_a_violation_and_a_refusal_is_none(tmp_path, read, said):
    assert bad_inputs.judge(read, tmp_path / "input").startswith(said)
    assert bool(bad_inputs.judge(read, tmp_path / "input")) == bool(said)


def test_an_input_that_never_ends_is_a_violation(tmp_path, monkeypatch):
    monkeypatch.setattr(bad_inputs, "LIMIT_SECONDS", 1)

    def loop(folder):
        while True:
            pass

    assert bad_inputs.judge(loop, tmp_path / "input") == "took more than 1 s"


def test_other_numbers_missing_cells_tracebacks_and_hangs_are_violations():
    assert difference({"a": "1"}, {"a": "1", "b": "2"}, whole=False) == ""
    assert difference({"a": "1"}, {"a": "1", "b": "2"}, whole=True).startswith("1 cells without")
    assert difference({"a": "3"}, {"a": "1"}, whole=False).startswith("other numbers in 1 of 1")
    assert Ended(1, "Traceback (most recent call last)\nKeyError: 1").violation == "a traceback: KeyError: 1"
    assert Ended(None, "").violation
    assert Ended(1, "FAILED: not everything is there.").violation == ""


def test_a_campaign_goes_on_where_it_was_stopped(tmp_path):
    file = tmp_path / "trials.jsonl"
    Trials(file).attempt("suite", "empty", lambda: "a traceback")
    again = Trials(file)
    again.attempt("suite", "empty", lambda: pytest.fail("it was tried already"))
    again.add(Trial("suite", "other"))
    assert list(again.table())[-1] == "| suite | 2 | 1 | 1 |"
    assert again.n_violated == 1
