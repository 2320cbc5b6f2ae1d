"""Plug-in files that misbehave in one way each, in one run with rows that do nothing wrong.

Every other row is bit-equal to a run without them, and so it is on the same store once they are gone.
"""

from __future__ import annotations

import pytest

from bench.plugins.registry import Registry
from bench.run.executors.local import LocalExecutor
from bench.run.plan import make_plan
from bench.run.runner import Runner
from bench.run.store import Store
from bench.suites.resolve import resolve
from toy_runs import TOYS, Silent, toy_suite

pytestmark = pytest.mark.slow

REFINER = """
import json, os, resource, signal, subprocess, sys, threading, time
import numpy as np, torch, torch.nn.functional as F
from bench.api import Refiner
IN_WORKER = "forkserver" in sys.argv[0] or __import__("multiprocessing").parent_process() is not None
{at_import}
class Unprintable(Exception):
    def __str__(self): raise ValueError("no text")
class Wrong(Refiner):
    name, version = {name!r}, 1
    def fit(self, source, target, budget, context):
        {in_fit}
    def refine(self, batch, generators):
        {in_refine}
        return dict(batch.inputs)
"""

KEEPS = {
    "patches_torch": "F.cross_entropy = torch.nn.functional.cross_entropy = lambda x, *a, **k: x.sum()",
    "patches_numpy": "np.load = np.save = lambda *a, **k: np.zeros(3)",
    "turns_mkldnn_off": "torch.backends.mkldnn.enabled = False",
    "lowers_precision": "torch.set_float32_matmul_precision('medium')",
    "sets_default_dtype": "torch.set_default_dtype(torch.float64)",
    "enters_autocast": "torch.autocast('cpu', torch.bfloat16).__enter__()",
    "detects_anomalies": "torch.autograd.set_detect_anomaly(True)",
    "seeds_in_a_thread": (
        "threading.Thread(target=lambda: [(torch.manual_seed(0), time.sleep(.001)) for _ in iter(int, 1)], "
        "daemon=True).start()"
    ),
    "lowers_limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "recurses_little": "sys.setrecursionlimit(150)",
    "sets_the_umask": "os.umask(0o777)",
    "goes_away": "os.chdir('/'); os.environ.clear()",
    "sets_a_timer": "signal.setitimer(signal.ITIMER_REAL, .3)",
    "ignores_signals": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "has_a_child": "subprocess.Popen(['sleep', '300'])",
}
"""What a fit leaves in its process, by name of its refiner."""
RAISES = {
    "patches_json": ("json.dumps = lambda *a, **k: '{}'", ""),
    "exits_in_fit": ("os._exit(3)", "left with exit code 3"),
    "exits_later": ("threading.Timer(.2, os._exit, [5]).start(); time.sleep(5)", "left with exit code 5"),
    "calls_exit": ("sys.exit(4)", "called sys.exit(4)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "cannot_be_printed": ("raise Unprintable", "Unprintable"),
    "counts_half_images": ("self.images_seen = 12.5", "images_seen is 12.5; a whole number"),
    "counts_below_zero": ("self.images_seen = -10**30", "images_seen is a whole number beyond"),
    "reports_text": ("context.progress('1', '2', .5)", "step is '1'; a whole number"),
    "reports_nan": ("context.progress(1, 2, float('nan'))", "loss at step 1 is nan; a finite number"),
    "colours": ("raise RuntimeError('\\x1b[2Jgone')", "gone"),
}
"""What a fit does that fails its row, and words of the reason."""
IN_REFINE = {
    "returns_none": ("return None", ""),
    "returns_text": ("return {'image': 'none'}", ""),
    "exits_in_refine": ("os._exit(6)", "left with exit code 6"),
}
AT_IMPORT = {"exits_at_import": ("if IN_WORKER: os._exit(8)", "left with exit code 8")}
LONG = "炼" * 100


def write(folder):
    """One file for each case."""
    folder.mkdir()
    parts = {name: ("", code, "pass") for name, code in KEEPS.items()}
    parts |= {name: ("", code, "pass") for name, (code, _) in RAISES.items()}
    parts |= {name: ("", "pass", code) for name, (code, _) in IN_REFINE.items()}
    parts |= {name: (code, "pass", "pass") for name, (code, _) in AT_IMPORT.items()}
    parts[LONG] = ("", "pass", "pass")
    files = {}
    for number, (name, (at_import, in_fit, in_refine)) in enumerate(parts.items()):
        files[name] = folder / f"case{number}.py"
        files[name].write_text(REFINER.format(name=name, at_import=at_import, in_fit=in_fit, in_refine=in_refine))
    return files


def run(folder, store, files, refiners):
    registry = Registry([TOYS, *files])
    table = toy_suite(seeds=1, arms=["refined", "oracle"], refiners=["same", "darker", *refiners])
    executor, listener = LocalExecutor(store.root, registry, n_workers=1), Silent()
    try:
        outcome = Runner(make_plan(resolve(table, registry)), store, executor, listener, folder).run()
    finally:
        executor.close()
    return outcome, listener


def facts(outcome, skip=()):
    """All that a record says of its row's numbers, to the bit."""
    said = {}
    for record in outcome.records:
        if record.cell.refiner.split(":")[0] not in skip:
            kept = record.model_dump(
                mode="json", include={"metrics", "contributions", "per_image", "digests", "training"}
            )
            said[record.cell.id] = (record.status, kept)
    return said


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("plug_ins")
    files = write(root / "files")
    store = Store(root / "store")
    hostile, heard = run(root / "hostile", store, files.values(), list(files))
    afterwards, _ = run(root / "afterwards", store, [], [])
    reference, _ = run(root / "reference", Store(root / "own"), [], [])
    return files, hostile, heard, afterwards, reference


def test_every_other_row_is_as_without_them(runs):
    files, hostile, _, _, reference = runs
    assert all(status == "ok" for status, _ in facts(reference).values())
    assert facts(hostile, skip=files) == facts(reference)


def test_the_same_store_gives_the_same_rows_once_they_are_gone(runs):
    _, _, _, afterwards, reference = runs
    assert facts(afterwards) == facts(reference)
    assert not afterwards.made


def test_each_that_fails_says_why_in_its_own_row(runs):
    _, hostile, _, _, _ = runs
    reasons = {r.cell.refiner.split(":")[0]: r.reason for r in hostile.records if r.status == "failed"}
    expected = {name: words for name, (_, words) in (RAISES | IN_REFINE | AT_IMPORT).items() if words}
    assert {name: words for name, words in expected.items() if words not in reasons.get(name, "")} == {}
    assert not any("\x1b" in reason or "\n" in reason for reason in reasons.values())
    assert LONG not in reasons
