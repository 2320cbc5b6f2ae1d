"""Bad suites, records, archives and folders, read in this process.

An input survives when it is refused with one of the project's own errors, or is taken and can be used, within
:data:`LIMIT_SECONDS` and 500 MB.
"""

from __future__ import annotations

import itertools
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from bench.api import UserError
from bench.api.errors import DataError
from benchmarks.faults import bad_files
from benchmarks.faults.trials import Trials

LIMIT_SECONDS = 10
MOST_KILOBYTES = 500_000
Case = tuple[str, str, Callable[[Path], object]]
"""Kind, name, and what reads the input in an empty folder."""

LONG = "x" * 300
VALUES: dict[str, str] = {
    "nothing": "",
    "null": "null",
    "minus one": "-1",
    "a fraction": "1.5",
    "infinity": ".inf",
    "not a number": ".nan",
    "a million": "1000000",
    "5000 digits": "9" * 5000,
    "base 60": "1:30",
    "text": "many",
    "a list": "[1, 2]",
    "nested lists": "[" * 20_000,
    "a mapping": "{a: 1}",
    "true": "true",
    "a date": "2020-01-01",
    "a path": "../../etc/passwd",
    "controls": '"\\e[2J\\0"',
    "a long word": LONG,
    "a tag": "!!python/object/apply:os.system [id]",
    "markup": "'[/bold]'",
    "other digits": "real@٣",
}
FIELDS = ("pair", "task", "model", "seeds", "refiner_seeds", "refiners", "arms", "train_steps", "checkpoints")
WHOLE: dict[str, str] = {
    "empty": "",
    "a list": "- 1",
    "no YAML": "{",
    "unknown keys": "\n".join(f"key{k}: 1" for k in range(20_000)),
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(bad_files.BOMB),
    "itself": "&a [*a]",
    "a key twice": "name: a\nname: b",
    "a list as key": "? [a]\n: 1",
    "binary": "\x00\x01",
}
TABLE = {"pair": "digits", "task": "classification", "seeds": "1", "refiners": "[identity]", "arms": "[refined]"}


def suite_cases() -> Iterator[Case]:
    """Each field with each value, and files that are no suite."""
    texts = dict(WHOLE)
    for (name, value), field in itertools.product(VALUES.items(), FIELDS):
        lines = "\n".join(f"    {key}: {stated}" for key, stated in (TABLE | {field: value}).items())
        texts[f"{field} is {name}"] = f"name: a\ntitle: b\ntables:\n  -\n{lines}\n"

    def read(folder: Path, text: str) -> object:
        from bench.plugins.registry import Registry
        from bench.suites.load import load_suite
        from bench.suites.resolve import resolve

        path = folder / "suite.yaml"
        path.write_text(text)
        return resolve(load_suite(str(path)), Registry())

    for name, text in texts.items():
        yield "suite", name, lambda folder, text=text: read(folder, text)


def every_case() -> list[Case]:
    """All cases, those of the kinds mixed, so that the first ones are of every kind."""
    kinds = [list(suite_cases()), *bad_files.every_kind()]
    return [kind[place] for place in range(max(map(len, kinds))) for kind in kinds if place < len(kind)]


def run(trials: Trials, work: Path, n_cases: int) -> None:
    """Try the first ``n_cases``."""
    for kind, name, read in every_case()[:n_cases]:
        trials.attempt(kind, name, lambda read=read: judge(read, work / "input"))


def judge(read: Callable[[Path], object], folder: Path) -> str:
    """Read one input in ``folder``; returns what it broke."""

    class TooLong(BaseException):
        """Not an Exception: nobody's handler takes it."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise TooLong

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before: Any = signal.signal(signal.SIGALRM, stop)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(LIMIT_SECONDS)
    try:
        read(folder)
    except (UserError, DataError):
        pass  # refused, in words
    except TooLong:
        return f"took more than {LIMIT_SECONDS} s"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        shutil.rmtree(folder, ignore_errors=True)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used
    return f"took {more / 1000:.0f} MB" if more > MOST_KILOBYTES else ""
