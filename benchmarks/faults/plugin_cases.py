"""Hostile and clumsy plug-ins: a table of snippets, each at import, in ``fit`` and in ``refine``.

A plug-in survives when its own row fails or is scored, every other row is scored bit-equal to an undisturbed run, and a
later run on the same store, without the plug-in, gives the same numbers. Several plug-ins share one run; where that run
is at fault each of them is tried by itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.faults.runs import command, difference, end, last_line, scores, start, write_suite
from benchmarks.faults.trials import Trial, Trials

PER_RUN = 20
HOOKS = ("import", "fit", "refine")
HEAD = "import os, sys, time, json, signal, threading, subprocess, random, builtins, resource, warnings, gc\n"
HEAD += "import numpy as np\nimport torch\nfrom bench.api import Refiner\n\n"
ENDLESS = "def endless():\n    while True: torch.manual_seed(0)\n"
SNIPPETS: dict[str, str] = {
    "raises": "raise RuntimeError('the flux capacitor is empty')",
    "base exception": "raise BaseException('not an Exception')",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "sys.exit": "sys.exit('no licence found')",
    "generator exit": "raise GeneratorExit",
    "stop iteration": "raise StopIteration",
    "memory error": "raise MemoryError",
    "recursion": "f = lambda f: f(f); f(f)",
    "str of exception raises": "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
    "control characters": "raise ValueError('\\x1b[2J\\x00\\r\\u202e')",
    "lone surrogate": "raise ValueError('\\ud800')",
    "long reason": "raise ValueError('why ' * 100000)",
    "prints a lot": "print('noise\\n' * 100000)",
    "writes to descriptor 1": "os.write(1, b'noise\\n' * 10000)",
    "closes descriptors": "os.close(1); os.close(2)",
    "mkldnn off": "torch.backends.mkldnn.enabled = False",
    "matmul precision": "torch.set_float32_matmul_precision('medium')",
    "deterministic": "torch.use_deterministic_algorithms(True)",
    "default dtype": "torch.set_default_dtype(torch.float64)",
    "grad off": "torch.set_grad_enabled(False)",
    "inference mode": "torch.inference_mode().__enter__()",
    "autocast": "torch.autocast('cpu', torch.bfloat16).__enter__()",
    "anomaly mode": "torch.autograd.set_detect_anomaly(True)",
    "threads": "torch.set_num_threads(3)",
    "seeds": "torch.manual_seed(0); random.seed(0); np.random.seed(0)",
    "cross entropy patched": "torch.nn.functional.cross_entropy = lambda *a, **k: torch.zeros((), requires_grad=True)",
    "json patched": "json.dumps = lambda *a, **k: '{}'",
    "np.load patched": "np.load = None",
    "np.mean patched": "np.mean = lambda *a, **k: 0.5",
    "open patched": "builtins.open = None",
    "Adam patched": "torch.optim.Adam.step = lambda *a, **k: None",
    "environment": "os.environ['OMP_NUM_THREADS'] = '7'; os.environ['REALGAIN_STORE'] = '/nowhere'",
    "working folder": "os.chdir('/')",
    "umask": "os.umask(0o777)",
    "recursion limit": "sys.setrecursionlimit(200)",
    "alarm": "signal.setitimer(signal.ITIMER_REAL, 0.3)",
    "signals ignored": "[signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGINT)]",
    "file size limit": "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))",
    "few descriptors": "resource.setrlimit(resource.RLIMIT_NOFILE, (8, resource.RLIM_INFINITY))",
    "modules removed": "[sys.modules.pop(m) for m in list(sys.modules) if m.startswith('numpy')]",
    "thread of seeds": ENDLESS + "threading.Thread(target=endless, daemon=True).start()",
    "thread that exits": "threading.Timer(0.3, lambda: os._exit(3)).start()",
    "child process": "subprocess.Popen(['sleep', '600'])",
    "warnings are errors": "warnings.simplefilter('error')",
    "no garbage collection": "gc.disable(); gc.freeze()",
    "standard streams": "sys.stdout = sys.stderr = sys.stdin = None",
}
AFTER_IMPORT: dict[str, str] = {
    "exits": "os._exit(7)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "aborts": "os.abort()",
    "loops": "while True: time.sleep(0.01)",
}
"""Not at import: whoever imports a file that the user named has to wait for it, and ends with it."""


def cases() -> list[tuple[str, str, str]]:
    """(hook, name, source of the plug-in), the hooks in turn."""
    found = [(hook, name) for name in SNIPPETS for hook in HOOKS]
    found += [(hook, name) for name in AFTER_IMPORT for hook in HOOKS[1:]]
    return [
        (hook, name, source(hook, SNIPPETS.get(name) or AFTER_IMPORT[name], k)) for k, (hook, name) in enumerate(found)
    ]


def source(hook: str, snippet: str, number: int) -> str:
    """A refiner called ``case<number>`` that runs the snippet in one place."""

    def body(of: str) -> str:
        lines = snippet.splitlines() if hook == of else ["pass"]
        return "".join(f"        {line}\n" for line in lines)

    at_import = f"{snippet}\n\n" if hook == "import" else ""
    fit = f"    def fit(self, source, target, budget, context):\n{body('fit')}\n"
    refine = f"    def refine(self, batch, generators):\n{body('refine')}        return dict(batch.inputs)\n"
    return f"{HEAD}{at_import}class Case(Refiner):\n    name, version = 'case{number}', 1\n\n{fit}\n{refine}"


def run(trials: Trials, work: Path, n_cases: int) -> None:
    """Try ``n_cases`` plug-ins, spread over the table; those of one run have one hook."""
    every = cases()
    chosen = [every[round(k * (len(every) - 1) / max(1, n_cases - 1))] for k in range(n_cases)]
    suite, reference = write_suite(work), scores(work / "reference")
    for hook in HOOKS:
        todo = [c for c in chosen if c[0] == hook and (f"plug-in, {hook}", c[1]) not in trials.done]
        for first in range(0, len(todo), PER_RUN):
            _batch(trials, work, suite, reference, todo[first : first + PER_RUN])


def _batch(
    trials: Trials, work: Path, suite: Path, reference: dict[str, str], batch: list[tuple[str, str, str]]
) -> None:
    problem = _together(work, suite, reference, batch)
    if problem and len(batch) > 1:
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            _batch(trials, work, suite, reference, half)
        return
    for hook, name, _ in batch:
        trials.add(Trial(f"plug-in, {hook}", name, problem))


def _together(work: Path, suite: Path, reference: dict[str, str], batch: list[tuple[str, str, str]]) -> str:
    """What a run with these plug-ins broke, and the same store without them."""
    place = work / "plugins"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    store = place / "store"
    more = []
    for number, (_, _, text) in enumerate(batch):
        file = place / f"plugin_{number}.py"
        file.write_text(text)
        name = text.partition("name, version = '")[2].partition("'")[0]
        more += ["--plugin", str(file), "--refiner", name]
    ended = end(start(command(suite, store, place / "results", more)))
    refused = ended.code == 2 and not (place / "results" / "records").exists()
    problem = ended.violation or difference(scores(place / "results"), reference, whole=not refused)
    if refused:
        return problem or ("" if len(batch) == 1 else f"refused: {last_line(ended.output)}")
    if not problem and ended.code not in (0, 1):
        problem = f"exit code {ended.code}: {last_line(ended.output)}"
    if not problem:
        again = end(start(command(suite, store, place / "again")))
        problem = again.violation or difference(scores(place / "again"), reference, whole=True)
    return problem
