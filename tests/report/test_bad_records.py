"""Records that no report could compute with are refused with file and reason."""

import json

import numpy as np
import pytest

from bench.api import UserError
from bench.results.record import Array, read_records, write_record

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
