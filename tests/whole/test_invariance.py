"""What must not change a number: names of folders, a refiner's name, how often a network is evaluated."""

import numpy as np
import pytest
from PIL import Image

import bench.run.plan.cells
from bench import stats
from bench.plugins.registry import Registry
from bench.report.frame import cell_frame
from bench.report.gains import by_seed
from bench.run.jobs import score
from bench.run.seeds import seed_from
from toy_runs import TOYS, InlineRun, toy_suite

RUN_BY_RUN = {"cost", "environment"}


def write_class_folders(root, seed, n=40):
    """Two classes: stripes along and across, in noise."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        image = rng.integers(0, 90, (32, 32, 3))
        stripes = slice(None, None, 4)
        image[(stripes, slice(None)) if i % 2 else (slice(None), stripes)] += 120
        path = root / ("across" if i % 2 else "along") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
    return root


def test_renaming_the_folders_of_a_pair_changes_nothing_but_names(tmp_path):
    found = []
    source, target = write_class_folders(tmp_path / "rendered", 0), write_class_folders(tmp_path / "photos", 1)
    for place, name in enumerate(("", "other")):
        if name:
            source, target = (folder.rename(tmp_path / f"{name}-{folder.name}") for folder in (source, target))
        pair = f"own:source={source},target={target},task=classification"
        suite = toy_suite(pair=pair, refiners=["histogram", "fda"], arms=["refined"], seeds=2, limits={})
        run = InlineRun(suite, tmp_path / str(place), Registry())
        assert run.listener.failures == {}
        found.append({(r.cell.recipe, r.cell.arm, r.cell.refiner, r.cell.task_seed): r for r in run.outcome.records})
    first, second = found
    assert first.keys() == second.keys()
    for cell, record in first.items():
        excluded = {"cell": {"pair"}, "pair": {"title"}, **dict.fromkeys(RUN_BY_RUN, True)}
        assert record.model_dump(exclude=excluded) == second[cell].model_dump(exclude=excluded)
        assert record.cell.pair != second[cell].cell.pair


@pytest.fixture
def twins(tmp_path):
    """A refiner with randomness, and the same under another name."""
    file = tmp_path / "twins.py"
    file.write_text("from toys import Twice\n\nclass Again(Twice):\n    name, version = 'again', 1\n")
    return Registry([TOYS, file])


def run_twins(folder, registry):
    run = InlineRun(toy_suite(seeds=4, refiners=["twice", "again"], arms=["refined"]), folder, registry)
    assert run.listener.failures == {}
    frame = cell_frame(run.outcome.records)
    return tuple(frame[frame.refiner == name] for name in ("twice", "again"))


def test_a_refiner_under_another_name_gives_statistically_equal_rows(tmp_path, twins):
    twice, again = run_twins(tmp_path, twins)
    assert set(twice.training_digest).isdisjoint(again.training_digest), "its seeds come from its name"
    interval, p = stats.change(*(np.stack(list(by_seed(row).values())) for row in (twice, again)))
    assert interval.low <= 0 <= interval.high
    assert p is None or p > 0.05


def test_with_equal_seeds_it_gives_equal_numbers(tmp_path, twins, monkeypatch):
    def nameless(*names):
        return seed_from(names[0], *names[2:]) if names[0] == "fit" else seed_from(*names)

    monkeypatch.setattr(bench.run.plan.cells, "seed_from", nameless)
    twice, again = run_twins(tmp_path, twins)
    for column in ("score", "training_digest", "weights_digest"):
        assert list(twice[column]) == list(again[column])


def test_evaluating_again_gives_the_same_scores_and_statistics(tmp_path, registry, monkeypatch):
    suite = toy_suite(refiners=["darker"], arms=["refined", "adabn"])
    first = InlineRun(suite, tmp_path / "first", registry)
    monkeypatch.setattr(score, "VERSION", score.VERSION + 1)
    again = InlineRun(suite, tmp_path / "again", registry, first.store)
    assert set(again.executor.counts) == {"score"}
    before, after = ({r.cell.id: r.model_dump(exclude={"cost"}) for r in run.outcome.records} for run in (first, again))
    assert after == before
