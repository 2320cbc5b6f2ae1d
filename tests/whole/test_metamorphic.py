"""Checks of the harness itself: what must change with a table's images, and what must not change with its rows.

The controls are the thresholds' own: ``flip`` breaks labels that have a place in the image and is flagged on every
pair; ``oracle_style`` is a perfect change of look, is never flagged, and closes the gap by every figure.
"""

import numpy as np
import pytest

from bench.plugins.registry import Registry
from bench.report import tables_of
from bench.results.measurement import read_measurements
from bench.run.jobs import features
from bench.suites.load import Suite
from own_folders import save
from toy_runs import InlineRun, toy_suite

FEW = {"source_images": 40, "target_images": 24, "test_images": 40}
COMPARED = {"cost", "environment"}


@pytest.fixture(autouse=True)
def small_features(monkeypatch):
    monkeypatch.setitem(features.SIZES, "light", (40, 64))


def run_controls(pair, task, folder, refiners=("identity", "flip"), **table):
    """Measurements of a pair's controls by (kind, refiner), after trainings of two steps unless more are asked for."""
    entry = {"seeds": 1, "train_steps": 2, "limits": FEW, "refiners": list(refiners), "arms": ["refined"], **table}
    suite = {"name": "controls", "title": "controls", "tables": [{"pair": pair, "task": task, **entry}]}
    run = InlineRun(Suite.model_validate(suite), folder, Registry())
    assert run.listener.failures == {}
    return run, {(m.kind, m.of.refiner): m for m in read_measurements(run.results)}


def test_flip_is_flagged_and_the_perfect_change_of_look_is_not_and_closes_the_gap(tmp_path):
    _, found = run_controls("objects", "pose", tmp_path, ("identity", "flip", "oracle_style"))
    flags = {refiner: m.flags for (kind, refiner), m in found.items() if kind == "label_preservation"}
    assert flags == {"identity": (), "flip": ("edges",), "oracle_style": ()}
    assert found["label_preservation", "oracle_style"].value("score_kept").value == 100
    to_truth = {
        name: found["label_preservation", name].value("to_truth").value for name in ("identity", "oracle_style")
    }
    assert to_truth["oracle_style"] == 0
    assert to_truth["identity"] == found["label_preservation", "flip"].value("to_truth_identity").value > 20
    assert found["domain_gap", "oracle_style"].value("kid_reduction").low > 0
    assert found["domain_gap", "identity"].value("kid_reduction").value == 0
    before, after = (found["domain_gap", "oracle_style"].value(f"kid_{when}") for when in ("before", "after"))
    assert after.value < before.value / 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "task"),
    [
        ("street", "segmentation"),
        ("street", "detection"),
        ("indoor", "depth"),
        ("indoor", "avoidance"),
        ("vending", "detection"),
    ],
)
def test_flip_is_flagged_on_every_pair_whose_labels_have_a_place(pair, task, tmp_path):
    _, found = run_controls(pair, task, tmp_path)
    flags = {refiner: m.flags for (kind, refiner), m in found.items() if kind == "label_preservation"}
    assert flags["identity"] == ()
    assert "edges" in flags["flip"]


def write_blobs(root, seed, n=60):
    """Pictures of noise with one bright rectangle somewhere, and its mask."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        image = rng.integers(0, 90, (32, 48, 3))
        mask = np.zeros((32, 48), np.uint8)
        top, left = rng.integers(0, 18), rng.integers(0, 34)
        mask[top : top + 14, left : left + 14] = 1
        image[mask == 1] += 140
        save(image.astype(np.uint8), root / "images" / f"{i:03d}.png")
        save(mask, root / "masks" / f"{i:03d}.png")
    (root / "classes.txt").write_text("around\nblob\n")
    return root


@pytest.mark.slow
def test_flip_is_flagged_and_loses_where_labels_have_a_place(tmp_path):
    folders = (f"{side}={write_blobs(tmp_path / side, seed)}" for seed, side in enumerate(("source", "target")))
    pair = f"own:{','.join(folders)},task=segmentation,size=48x32"
    table = {"seeds": 3, "train_steps": 60, "limits": {}}
    run, found = run_controls(pair, "segmentation", tmp_path / "run", ("flip",), **table)
    assert "edges" in found["label_preservation", "flip"].flags
    strong = next(t for t in tables_of(run.outcome.records, read_measurements(run.results)) if t.recipe == "strong")
    assert strong.find("refined", "flip").gain.verdict == "loss"


@pytest.mark.slow
def test_a_perfect_change_of_look_gains_by_score_too(tmp_path):
    table = {"seeds": 3, "train_steps": 80, "limits": {"source_images": 300, "target_images": 60, "test_images": 100}}
    run, found = run_controls("objects", "classification", tmp_path, ("oracle_style",), **table)
    measurements = read_measurements(run.results)
    strong = next(t for t in tables_of(run.outcome.records, measurements) if t.recipe == "strong")
    assert strong.find("refined", "oracle_style").gain.verdict == "gain"
    assert found["domain_gap", "oracle_style"].value("kid_reduction").low > 0
    assert found["label_preservation", "oracle_style"].flags == ()


def test_all_else_stays_when_a_refiner_is_added_and_when_a_suite_is_run_afresh(tmp_path, registry):
    """Records and measurements are equal but for cost and environment; only the added refiner's are new."""
    suites = [
        toy_suite(arms=["refined", "adabn"], refiners=refiners, measures=True, seeds=1)
        for refiners in (["darker", "twice"], ["same", "darker", "twice"])
    ]
    few, many = (InlineRun(suite, tmp_path / str(i), registry) for i, suite in enumerate(suites))
    again = InlineRun(suites[0], tmp_path / "again", registry)
    records, of_many, of_again = (
        {r.cell.id: r.model_dump(exclude=COMPARED) for r in run.outcome.records} for run in (few, many, again)
    )
    assert records == of_again
    assert records == {cell: record for cell, record in of_many.items() if cell in records}
    assert {record["cell"]["refiner"] for cell, record in of_many.items() if cell not in records} == {"same"}
    first, second, third = (
        {
            (m.kind, m.of.refiner): m.model_dump(exclude={"seconds", "environment"})
            for m in read_measurements(run.results)
        }
        for run in (few, many, again)
    )
    assert first == third
    assert first == {key: value for key, value in second.items() if key in first}
    assert {refiner for _, refiner in second.keys() - first.keys()} == {"same"}
