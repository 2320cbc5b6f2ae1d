"""Suite ``smoke`` in processes that can import what ``pip install .`` brings and nothing else, and less than that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.results.gallery import read_galleries
from bench.results.measurement import read_measurements
from declared import name_of, restricted_environment, run_time

PROBE = """
import importlib.metadata, importlib.util, multiprocessing, sys

def tried(name):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        return str(error)
    return "imported"

def say(name, pipe):
    pipe.send([tried(name), importlib.util.find_spec(name) is None])

if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("forkserver")
    for name in sys.argv[1:]:
        child = context.Process(target=say, args=(name, theirs))
        child.start()
        print(name, "here:", tried(name), "in a worker:", *ours.recv())
        child.join()
    print(any(found.name == "pytest" for found in importlib.metadata.distributions()))
"""


def probed(environment: dict[str, str], folder: Path, *modules: str) -> list[str]:
    (folder / "probe.py").write_text(PROBE)
    command = [sys.executable, str(folder / "probe.py"), *modules]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_such_a_process_and_its_workers_see_what_is_declared_and_nothing_else(tmp_path):
    environment = restricted_environment(run_time(), tmp_path / "importable.json")
    shown = probed(environment, tmp_path, "yaml", "lazy_loader", "pytest", "h5py")
    missing = "here: No module named '{0}' in a worker: No module named '{0}' True"
    assert shown == [
        "yaml here: imported in a worker: imported False",
        "lazy_loader here: imported in a worker: imported False",  # scikit-image needs it
        f"pytest {missing.format('pytest')}",
        f"h5py {missing.format('h5py')}",
        "False",
    ]


def test_a_dependency_that_is_no_longer_declared_is_not_there(tmp_path):
    fewer = [text for text in run_time() if name_of(text) != "scikit-image"]
    assert len(fewer) == len(run_time()) - 1
    environment = restricted_environment(fewer, tmp_path / "importable.json")
    assert "No module named 'skimage'" in probed(environment, tmp_path, "skimage")[0]


def bench(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.slow
def test_smoke_ends_whole_with_what_an_installation_brings(tmp_path):
    done = bench(restricted_environment(run_time(), tmp_path / "importable.json"), tmp_path, "run", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    results = tmp_path / "results" / "local" / "smoke"
    records = [json.loads(path.read_text()) for path in (results / "records").iterdir()]
    assert {record["status"] for record in records} == {"ok"}
    measured = read_measurements(results)
    assert {m.status for m in measured} == {"ok"}
    tables = {tuple(record["cell"][key] for key in ("pair", "task", "model", "budget")) for record in records}
    assert {m.of.table for m in measured} == tables
    galleries = read_galleries(results)
    assert not [gallery for gallery in galleries if gallery.missing or not gallery.strips]
    assert len([gallery for gallery in galleries if gallery.find("nearest")]) >= len(tables)
    assert not (results / "failures").exists()


LITTLE = {
    "name": "little",
    "title": "One small table",
    "tables": [
        {
            "pair": "objects",
            "task": "pose",
            "recipe": "strong",
            "seeds": 3,
            "refiners": ["histogram"],
            "arms": ["refined"],
            "limits": {"source_images": 20, "target_images": 10, "test_images": 10},
            "train_steps": 2,
        }
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "module", "failed"),
    [("scikit-image", "skimage", "measures failed"), ("matplotlib", "matplotlib", "part")],
)
def test_without_one_dependency_a_run_says_so_last_and_its_pages_stay_readable(tmp_path, gone, module, failed):
    (tmp_path / "little.yaml").write_text(yaml.safe_dump(LITTLE))
    environment = restricted_environment(run_time(), tmp_path / "importable.json", without=gone)
    done = bench(environment, tmp_path, "run", "little.yaml")
    assert done.returncode == 1, done.stdout + done.stderr
    last = done.stdout.rstrip().rpartition("\n\n")[2].splitlines()
    assert last[0] == "FAILED: not everything is there."
    assert any(failed in line and f"the package of `{module}` is not installed" in line for line in last[1:-1])
    assert "install the missing packages with `python -m pip install -c constraints.txt .`" in last[-1]
    results = tmp_path / "results" / "local" / "little"
    for name in ("leaderboard.md", "leaderboard.html"):
        page = (results / name).read_text()
        assert "Incomplete: " in page
        assert "No module named" not in page
        assert "refined" in page
    strips = {strip.name for gallery in read_galleries(results) for strip in gallery.strips}
    assert strips >= {"source", "refined", "before", "after", "test", "truth", "predicted"}
