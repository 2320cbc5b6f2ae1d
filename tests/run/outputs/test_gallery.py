"""Pictures of a run: what is drawn, that refiners share rows, and that restricted images stay where they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.contact_sheet import CELL_PX
from bench.plugins.registry import Registry
from bench.report import write_report
from bench.results.gallery import may_show, read_galleries
from bench.results.measurement import read_measurements
from bench.run.jobs import draw_gallery as gallery
from bench.run.jobs.draw_gallery import N_CHANGED, N_ROWS
from bench.run.jobs.work import Work
from bench.run.store import Store
from toy_runs import InlineRun, toy_suite

DRAWN = {"arms": ["refined"], "pictures": True, "seeds": 1, "refiners": ["same", "darker"]}


@pytest.fixture(scope="module")
def finished(registry, tmp_path_factory):
    return InlineRun(toy_suite(**DRAWN), tmp_path_factory.mktemp("finished") / "local", registry)


def test_a_run_leaves_strips_of_the_table_and_of_each_refiner(finished):
    run = finished
    galleries = {g.of.refiner: g for g in read_galleries(run.results) if g.of.recipe == "strong"}
    assert set(galleries) == {"", "same", "darker"}
    names = {refiner: [strip.name for strip in g.strips] for refiner, g in galleries.items()}
    assert names[""] == ["source", "test", "truth", "predicted"]
    assert names["darker"] == ["refined", "before", "after", "predicted"]
    for found in galleries.values():
        for strip in found.strips:
            with Image.open(run.results / "gallery" / strip.file) as image:
                assert image.size == (strip.width, strip.height)
                assert image.width == CELL_PX
    rows = {g.find(name).rows for g, name in ((galleries[""], "source"), (galleries["same"], "refined"))}
    assert len(rows) == 1
    assert len(rows.pop()) == N_ROWS
    tested = {g.find("predicted").rows for g in galleries.values()}
    assert tested == {galleries[""].find("test").rows}
    assert galleries["same"].change == (0.0,) * N_CHANGED
    assert galleries["darker"].change[0] >= galleries["darker"].change[-1] > 5


def test_a_second_run_draws_nothing_and_leaves_the_same(finished, registry, tmp_path):
    files = {path.name: path.read_bytes() for path in (finished.results / "gallery").iterdir()}
    shutil.copytree(finished.results, tmp_path / "local")
    second = InlineRun(toy_suite(**DRAWN), tmp_path / "local", registry)
    assert second.executor.orders == []
    assert {path.name: path.read_bytes() for path in (second.results / "gallery").iterdir()} == files
    fewer = InlineRun(toy_suite(**DRAWN | {"refiners": ["same"]}), tmp_path / "local", registry)
    assert not list((fewer.results / "gallery").glob("*darker*"))


def test_images_that_may_not_be_redistributed_stay_in_local_results(finished, registry, tmp_path):
    run = InlineRun(toy_suite(**DRAWN), tmp_path / "published", registry, finished.store)
    assert not list((run.results / "gallery").glob("*.webp"))
    assert all("may not be redistributed" in g.reason for g in read_galleries(run.results))


@pytest.mark.parametrize(
    ("folder", "free", "allowed"),
    [
        ("results/local/quick", False, True),
        ("results/quick", False, False),
        ("results/quick", True, True),
        ("results/localised", False, False),
    ],
)
def test_local_results_are_those_below_a_folder_of_that_name(tmp_path, folder, free, allowed):
    assert may_show(tmp_path / folder, free) is allowed


def test_a_failed_refiner_costs_its_own_pictures(finished, registry, tmp_path):
    suite = toy_suite(**DRAWN | {"refiners": ["same", "grows"]})
    run = InlineRun(suite, tmp_path / "local", registry, finished.store)
    galleries = {g.of.refiner: g for g in read_galleries(run.results) if g.of.recipe == "strong"}
    assert galleries["same"].strips
    assert not galleries["grows"].strips
    assert set(galleries["grows"].missing) == {"refined", "before", "after", "predicted"}
    assert all("grows" in reason for reason in galleries["grows"].missing.values())


def test_strips_that_cannot_be_drawn_take_no_other_with_them(registry, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("the lens cap is on")

    monkeypatch.setattr("bench.run.jobs.features._encoder", broken)
    monkeypatch.setattr("bench.run.jobs.draw_gallery._changed_most", broken)
    suite = toy_suite(**DRAWN | {"refiners": ["darker"], "measures": True})
    run = InlineRun(suite, tmp_path / "local", registry)
    galleries = {g.of.refiner: g for g in read_galleries(run.results) if g.of.recipe == "strong"}
    assert [strip.name for strip in galleries[""].strips] == ["source", "test", "truth", "predicted"]
    assert set(galleries[""].missing) == {"nearest"}
    assert [strip.name for strip in galleries["darker"].strips] == ["predicted"]
    assert set(galleries["darker"].missing) == {"refined", "before", "after"}
    files = {strip.file for gallery in read_galleries(run.results) for strip in gallery.strips}
    assert {path.name for path in (run.results / "gallery").glob("*.webp")} == files
    paths = write_report(run.outcome.records, run.results, read_measurements(run.results), figures=False)
    page = paths.html.read_text()
    assert "Not drawn: nearest. Reason: features for" in page
    assert "data:image/webp" in page
    assert "the lens cap is on" not in page + paths.markdown.read_text()


def test_published_results_hold_no_restricted_image():
    for suite in (Path(__file__).parents[3] / "results").glob("*/gallery"):
        assert all(found.redistributable or not found.strips for found in read_galleries(suite.parent))


# ------------------------------------------------------------------------------------- every task, without a network


def as_predicted(name: str, column: np.ndarray) -> dict[str, np.ndarray]:
    """A label column as a perfect model would predict it, in its task's own names."""
    if name == "boxes":
        return {"box": column, "score": np.full(column.shape[:2], 0.9, np.float32)}
    return {{"box_class": "class_id", "free_distance_m": "predicted_distance_m"}.get(name, name): column}


@pytest.mark.parametrize(
    ("pair_name", "task_name"),
    [
        ("digits", "classification"),
        ("objects", "pose"),
        ("street", "segmentation"),
        ("indoor", "depth"),
        ("vending", "detection"),
        ("indoor", "avoidance"),
    ],
)
def test_perfect_predictions_look_like_the_truth(
    pair_name: str, task_name: str, tmp_path: Path, drawn: Callable[..., dict[str, Image.Image]]
) -> None:
    strips = drawn(pair_name, task_name, tmp_path)
    assert strips["truth"].size == strips["predicted"].size == strips["test"].size
    truth, predicted, plain = (np.asarray(strips[n].convert("RGB"), int) for n in ("truth", "predicted", "test"))
    assert np.abs(truth - predicted).mean() < 1
    assert np.abs(truth - plain).mean() > 0.1


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Image.Image]]:
    """``drawn(pair, task, folder)``: short strips of a shipped pair whose predictions are its test labels."""
    monkeypatch.setattr(gallery, "N_ROWS", 2)

    def draw(pair_name: str, task_name: str, folder: Path) -> dict[str, Image.Image]:
        import torch

        from bench.run.jobs import prepare
        from bench.run.plan import make_plan
        from bench.run.stored_sets import load_set
        from bench.suites.load import Suite
        from bench.suites.resolve import resolve

        registry = Registry()
        table = {"pair": pair_name, "task": task_name, "arms": ["refined"], "refiners": ["histogram"], "seeds": 1}
        table["limits"] = {"source_images": 20, "target_images": 10, "test_images": 10}
        suite = Suite.model_validate({"name": "drawn", "title": "drawn", "tables": [table]})
        plan = make_plan(resolve(suite, registry))
        store = Store(folder / "store")
        work = Work(registry, torch.device("cpu"), lambda *_: None, folder / "unfinished")
        inputs = {}
        for job in plan.jobs.values():
            if job.kind == "prepare":
                made = store.write(job.id, lambda path, job=job: prepare.run(job.spec, {}, path, work))
                inputs[job.spec.side] = made
        specs = {job.spec.part: job.spec for job in plan.jobs.values() if job.kind == "gallery"}
        test = load_set(inputs["target"], "target_test")
        predictions = {}
        for name in specs["test"].labels:
            predictions |= as_predicted(name, test.columns[name].take(np.arange(test.n_images)))

        def score(path: Path) -> dict:
            np.savez(path / "predictions.npz", **predictions)
            return {}

        inputs["score"] = store.write("score", score)
        strips = folder / "strips"
        strips.mkdir()
        for part in ("test", "predicted"):
            gallery.run(specs[part], inputs, strips, work)
        return {path.stem: Image.open(path) for path in strips.iterdir()}

    return draw
