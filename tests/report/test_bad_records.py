"""Records that no report could compute with are refused with file and reason."""

import json

import numpy as np
import pytest

from bench.api import UserError
from bench.cli import main
from bench.results.record import Array, read_records, readable_records, write_record

BAD = {
    "NaN cost": (("cost", "fit_seconds"), "NaN", "cost.fit_seconds"),
    "text for steps": (("training", "steps"), "y", "training.steps"),
    "text contributions": (("contributions",), Array.pack(np.array(["a"])).model_dump(mode="json"), "contributions"),
    "NaN in selection": (
        ("selection",),
        {"checkpoints": [{"step": 1, "source_score": "NaN", "target_score": 1, "entropy": None, "density": None}]},
        "selection.checkpoints.0.source_score",
    ),
    "void": (("contributions", "dtype"), "V8", "contributions"),
    "text in statistics": (
        ("per_image",),
        {"hit": Array.pack(np.array(["a"])).model_dump(mode="json")},
        "per_image.hit",
    ),
    "void groups": (("groups",), {"dtype": "V8", "shape": [1], "zlib64": ""}, "groups"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_record_that_cannot_be_used_is_named_with_its_reason(make_record, tmp_path, name):
    path = write_record(tmp_path, make_record(np.ones(8)))
    (*above, last), value, said = BAD[name]
    content = json.loads(path.read_text())
    place = content
    for key in above:
        place = place[key]
    place[last] = value
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=said) as refused:
        read_records(tmp_path)
    assert str(path) in str(refused.value)


def test_control_characters_and_folders_among_records_are_harmless(make_record, tmp_path):
    write_record(tmp_path, make_record(np.ones(8), arm="refined", refiner="a\x1b[2J\x00b"))
    (tmp_path / "mine.json").mkdir()
    (record,) = read_records(tmp_path)
    assert record.cell.refiner == "a[2Jb"


def with_a_bad_one(make_record, folder):
    """Two readable records and one that is none; returns the name of the bad one."""
    for seed in range(2):
        write_record(folder, make_record(np.ones(8), task_seed=seed))
    (folder / "records" / "bad\x1b[2J[bold].json").write_text("{}")
    (folder / "suite.yaml").write_text("- no suite")
    return "records/bad[2J[bold].json"


def test_the_readable_records_are_given_beside_what_is_wrong_with_the_others(make_record, tmp_path):
    name = with_a_bad_one(make_record, tmp_path)
    records, ((place, line),) = readable_records(tmp_path)
    assert [record.cell.task_seed for record in records] == [0, 1]
    assert place == name
    assert "is not a record of schema 1" in line
    with pytest.raises(UserError, match="delete it and run the suite again"):
        read_records(tmp_path)


def test_report_compare_and_check_go_on_without_a_bad_record_and_name_it(make_record, tmp_path, capsys, monkeypatch):
    place = tmp_path / "[bold]results"
    name = with_a_bad_one(make_record, place)
    commands = (["report", "--no-figures", str(place)], ["compare", str(place), str(place)], ["check", str(place)])
    for words in commands:
        monkeypatch.setattr("sys.argv", ["bench", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = "".join(capsys.readouterr())
        assert ended.value.code == 1, said
        assert "\x1b" not in said, words
        assert name in said, words
        assert "Traceback (most" not in said
        assert "[bold]results" in said, words
    assert "1 file cannot be read" in (place / "leaderboard.md").read_text()
