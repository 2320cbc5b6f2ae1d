"""Whatever is larger, deeper or stranger than it may be is refused in one line, before it costs memory or time."""

import re
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml

from bench.api import UserError
from bench.api.errors import DataError
from bench.api.plain_text import clean, name_part, without_controls
from bench.data.formats.yolo_names import _of_yaml as meaning_of_yaml
from bench.results.files import write_atomically
from bench.results.measurement import Subject, file_name
from bench.results.record import Array, Cell
from bench.run import timings
from bench.run.runner import OURS, Runner
from bench.run.store import MANIFEST, Misplaced, Store
from bench.suites.load import load_suite
from bench.suites.narrow import narrowed, with_lengths, with_refiners
from bench.suites.own_folders import own_suite

KEY = "ab" * 32
SUITE = """
name: mine
title: A suite
tables:
  - pair: toy
    task: classification
    refiners: [histogram]
    arms: [refined]
"""


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(UserError) as refused:
        load_suite(str(path))
    assert time.monotonic() - begun < 10  # a second untraced and on a machine of its own
    assert tracemalloc.get_traced_memory()[1] < 500e6
    tracemalloc.stop()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 800
    return str(refused.value)


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"title: *a{levels - 1}"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SUITE + "    seeds: 1000000\n", "less than or equal to 1000"),
        (SUITE + "    refiner_seeds: 1000000\n", "less than or equal to 100"),
        (SUITE + "    checkpoints: 1000000000\n", "less than or equal to 1000"),
        (SUITE + f"    train_steps: {10**17}\n", "less than or equal to 1000000000"),
        (SUITE + f"    train_steps: {'1' * 5000}\n", "a number of 5000 characters"),
        (SUITE + "    seeds: 1000\n    refiner_seeds: 100\n", "cells .* at most"),
        (SUITE.replace("[histogram]", "[" + ", ".join(["histogram"] * 1000) + "]"), "at most 500"),
        (SUITE.replace("[histogram]", "['']"), "a refiner without a name"),
        (SUITE.replace("[refined]", f"['real@{{{','.join(['5'] * 1000)}}}']"), "at most 500"),
        (SUITE + "".join(f"key{n}: 1\n" for n in range(20_000)), "more than 5,000 values"),
        (bomb(9), "aliases counted in full"),
        ("a: &a [*a]", "an alias inside what it stands for"),
        ("[" * 20_000, "nested more than 40 deep"),
        ("x" * 2_000_000, "larger than"),
        ("", "found nothing at the top"),
        ("- a", "found list at the top"),
        ("? [a]\n: 1", "as a key"),
        (SUITE.replace("A suite", "[1, 2]"), "title: "),
    ],
)
def test_a_suite_beyond_its_bounds_is_refused_in_a_line(tmp_path, text, said):
    assert re.search(said, refusal(tmp_path / "s.yaml", text))


def test_names_are_cut_by_bytes():
    long = "雪" * 80
    cell = Cell(
        pair=f"own:{long}", task=long, model=long, recipe="strong", budget="light", arm="a", refiner=long, task_seed=0
    )
    subject = Subject(
        pair=long, task=long, model=long, recipe="strong", budget="light", refiner=long, width=1, height=1
    )
    for name in (f".{cell.id}.json.1234567.tmp", f".{file_name('domain_gap', subject)}.1234567.tmp"):
        assert len(name.encode()) <= 255
    assert name_part("a-b/c", 3) == "a-b"


def test_controls_reach_neither_terminal_nor_record():
    assert without_controls("a\x1b[2J\x9b1m\u202eb\nc") == "a[2J1mb\nc"
    assert clean({"a\x07": ["\x00b", 3]}) == {"a": ["b", 3]}
    cell = Cell(pair="a\x1b[2J", task="t", model="m", recipe="strong", budget="light", arm="a", task_seed=0)
    assert cell.pair == "a[2J"


def fill(folder: Path) -> dict:
    (folder / "data.bin").write_bytes(b"x")
    return {}


@pytest.mark.parametrize("what", ["file", "link to another", "dangling link", "loop", "nested manifest"])
def test_what_is_no_entry_is_removed_and_made_again(tmp_path, what):
    store = Store(tmp_path)
    path = store.write(KEY, fill).path
    other = tmp_path / "other"
    if what == "nested manifest":
        (path / MANIFEST).write_text("[" * 100_000)
    else:
        path.rename(other)
    if what == "file":
        path.write_text("x")
    elif what == "link to another":
        path.symlink_to(other)
    elif what == "dangling link":
        path.symlink_to(tmp_path / "gone")
    elif what == "loop":
        path.symlink_to(path.name)
    assert store.find(KEY) is None
    store.write(KEY, fill)
    assert store.find(KEY) is not None
    assert what == "nested manifest" or (other / "data.bin").exists()


@pytest.mark.parametrize("what", ["folder", "dangling link"])
def test_a_lock_that_is_no_file_is_replaced(tmp_path, what):
    store = Store(tmp_path)
    lock = tmp_path / "locks" / f"{KEY}.lock"
    lock.parent.mkdir()
    lock.mkdir() if what == "folder" else lock.symlink_to(tmp_path / "no" / "where")
    with store.lock(KEY) as free:
        assert free


@pytest.mark.parametrize("name", ["locks", "partial", "unfinished", "objects"])
def test_a_file_for_a_folder_of_the_store_is_named(tmp_path, name):
    store = Store(tmp_path)
    (tmp_path / name).write_text("mine")
    use = {"locks": lambda: store.lock(KEY).__enter__(), "unfinished": lambda: store.unfinished(KEY)}
    with pytest.raises(Misplaced, match=f"{name} is no folder.*remove it"):
        use.get(name, lambda: store.write(KEY, fill))()


def test_timings_are_best_effort(tmp_path):
    file = tmp_path / timings.FILE
    for text in ("[" * 100_000, "{", '{"a": 1e999}', "[]"):
        file.write_text(text)
        assert timings.load(tmp_path) == {}
    file.unlink()
    file.mkdir()
    assert timings.load(tmp_path) == {}


def test_a_folder_where_a_file_is_written_is_named(tmp_path):
    (tmp_path / "leaderboard.md").mkdir()
    with pytest.raises(UserError, match=r"leaderboard\.md is a folder"):
        write_atomically(tmp_path / "leaderboard.md", b"")


def test_strangers_in_a_results_folder_stay(tmp_path):
    records = tmp_path / "records"
    (records / "mine").mkdir(parents=True)
    (records / "notes.json").write_text("{}")
    old = records / "digits-classification-r0-s0-0123456789.json"
    old.write_text("{}")
    assert OURS.fullmatch(old.name)

    class Nothing:
        products = cells = ()

    runner = Runner.__new__(Runner)
    runner.plan, runner.results, runner.records = Nothing(), tmp_path, records
    runner._remove_strangers()
    assert sorted(path.name for path in records.iterdir()) == ["mine", "notes.json"]


def test_a_packed_array_unpacks_no_more_than_it_states():
    import base64
    import zlib

    packed = base64.b64encode(zlib.compress(bytes(100_000_000))).decode()
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 8 bytes"):
        Array(dtype="<f8", shape=(1,), zlib64=packed).unpack()
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    for dtype in ("V8", "O", "[('a','<f8')]", "no such"):
        with pytest.raises(ValueError):
            Array(dtype=dtype, shape=(1,), zlib64=packed).unpack()
    with pytest.raises(ValueError, match="more than"):
        Array(dtype="<f8", shape=(10**12,), zlib64=packed).unpack()


def test_the_pages_of_a_broken_suite_file_are_refused(tmp_path):
    from bench.report import suite_of

    (tmp_path / "suite.yaml").write_text(bomb(9))
    with pytest.raises(UserError, match="aliases counted in full"):
        suite_of(tmp_path)
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump({"title": "a\x1b[2J"}))
    assert suite_of(tmp_path)[0] == "a[2J"


def test_options_of_the_command_line_are_held_to_the_maxima_of_a_suite(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SUITE)
    suite = load_suite(str(path))
    assert [table.seeds for table in with_lengths(suite, 7, None).tables] == [7]
    for seeds, fit_steps in ((1001, None), (None, 10**10)):
        with pytest.raises(UserError, match="less than or equal to"):
            with_lengths(suite, seeds, fit_steps)
    with pytest.raises(UserError, match="at most 500"):
        with_refiners(suite, [f"fda:beta=0.{n}" for n in range(600)])


def test_a_suite_of_own_folders_is_held_to_the_maxima_too(tmp_path):
    options = {"source": str(tmp_path), "target": str(tmp_path)}
    with pytest.raises(UserError, match="seeds: input should be less than or equal to 1000; found 5000"):
        own_suite("depth", options, seeds=5000)


def test_a_suite_narrowed_to_many_rows_has_a_folder_s_name(tmp_path):
    path = tmp_path / "mine.yaml"
    variants = [f"fda:beta=0.{n}" for n in range(100, 140)]
    path.write_text(SUITE.replace("[histogram]", str(variants)))
    suite = load_suite(str(path))
    names = [narrowed(suite, rows=[f"refined {v}" for v in some]).name for some in (variants, variants[:-1])]
    assert max(map(len, names)) <= 120
    assert names[0] != names[1]
    for name in names:
        (tmp_path / name).mkdir()


def test_a_bomb_among_class_files_is_refused(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text("names:\n  a: 1\n" + bomb(9))
    with pytest.raises(DataError, match="aliases counted in full"):
        meaning_of_yaml(path, needed=True)
