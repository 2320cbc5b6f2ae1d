"""Damaged store files: every kind of file in a finished store, damaged in every way, then asked for or run again.

A damage survives when the store reports the entry and drops it (or nothing of it is read), and when a run on a store
damaged in many places at once ends well with the records of an undisturbed run.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from bench.run.jobs import checkpoint_files
from bench.run.store import Store
from benchmarks.faults.runs import command, difference, end, scores, start, write_suite
from benchmarks.faults.trials import Trials

PER_RUN = 20
"""Damages that one run of the suite has to mend."""


def flip(path: Path, rng: random.Random) -> None:
    """One bit of one byte."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))


def truncate(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def zero(path: Path, rng: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def append(path: Path, rng: random.Random) -> None:
    path.write_bytes(path.read_bytes() + rng.randbytes(7))


def delete(path: Path, rng: random.Random) -> None:
    path.unlink()


def link(path: Path, rng: random.Random) -> None:
    """A link that leads nowhere, in the file's place."""
    path.unlink()
    path.symlink_to("nowhere")


def folder(path: Path, rng: random.Random) -> None:
    """A folder with something in it, in the file's place."""
    path.unlink()
    path.mkdir()
    (path / "stray").write_text("x")


def loop(path: Path, rng: random.Random) -> None:
    """A link to itself, in the file's place."""
    path.unlink()
    path.symlink_to(path.name)


def swap_entry(path: Path, rng: random.Random) -> None:
    """A plain file in place of the whole entry."""
    shutil.rmtree(path.parent)
    path.parent.write_text("no folder")


def link_entry(path: Path, rng: random.Random) -> None:
    """A link that leads nowhere in place of the whole entry."""
    shutil.rmtree(path.parent)
    path.parent.symlink_to("nowhere")


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    flip,
    truncate,
    zero,
    append,
    delete,
    link,
    folder,
    loop,
    swap_entry,
    link_entry,
)
INSIDE = DAMAGES[:8]
"""Those that leave the folder of the file alone."""


def run(trials: Trials, work: Path, n_files: int, seed: int = 0) -> None:
    """Damage ``n_files`` store files, a sixth of them unfinished checkpoints."""
    suite, pristine, store = write_suite(work), work / "store", work / "damaged"
    reference = scores(work / "reference")
    rng = random.Random(f"store {seed}")
    n_checkpoints = n_files // 6
    for number in range(n_checkpoints):
        damage = INSIDE[number % len(INSIDE)]
        name = f"{number}: {damage.__name__}"
        trials.attempt("damaged checkpoint", name, lambda damage=damage: _checkpoint(work / "unfinished", damage, rng))
    files = sorted(path for path in (pristine / "objects").rglob("*") if path.is_file())
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(path.name, []).append(path)
    names = [rng.choice(kinds[sorted(kinds)[number % len(kinds)]]) for number in range(n_files - n_checkpoints)]
    for first in range(0, len(names), PER_RUN):
        batch = [(number, names[number]) for number in range(first, min(first + PER_RUN, len(names)))]
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(pristine, store, symlinks=True)
        for number, original in batch:
            damage = DAMAGES[(number // len(kinds) + number) % len(DAMAGES)]
            name = f"{number}: {damage.__name__} {original.name}"
            trials.attempt("damaged store file", name, lambda d=damage, o=original: _entry(work / "entry", d, o, rng))
            path = store / original.relative_to(pristine)
            if path.is_file() and not path.is_symlink():  # an earlier one may have taken the entry's place
                damage(path, rng)
        trials.attempt("run on a damaged store", f"files {first} on", lambda: _mended(suite, store, work, reference))
    shutil.rmtree(store, ignore_errors=True)


def _entry(scratch: Path, damage: Callable[[Path, random.Random], None], original: Path, rng: random.Random) -> str:
    """Damage a file of a copy of its entry, in a store that holds nothing else, and look the entry up."""
    key = original.parent.name
    heard: list[str] = []
    alone = Store(scratch, lambda _, reason: heard.append(reason))
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(original.parent, alone.path(key))
    try:
        damage(alone.path(key) / original.name, rng)
        found = alone.find(key)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if alone.path(key).exists() and not found:
        return "the entry was not dropped"
    return "" if found is None and heard else "the damage was not noticed"


def _checkpoint(place: Path, damage: Callable[[Path, random.Random], None], rng: random.Random) -> str:
    """A checkpoint that was damaged is refused, or was never there."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    path = place / "abcd.safetensors"
    state = {"weights": torch.arange(50.0), "step": torch.tensor(3)}
    checkpoint_files.write(path, state, 1.5)
    damage(path, rng)
    try:
        read = checkpoint_files.read(path)
    except checkpoint_files.Damaged:
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if read is None:
        return ""
    tensors, seconds = read
    same = tensors.keys() == state.keys() and all(torch.equal(tensors[name], state[name]) for name in state)
    return "" if same and seconds == 1.5 else "other tensors, and nobody noticed"


def _mended(suite: Path, store: Path, work: Path, reference: dict[str, str]) -> str:
    results = work / "mended"
    shutil.rmtree(results, ignore_errors=True)
    ended = end(start(command(suite, store, results)))
    wrong = "" if ended.code == 0 else f"exit code {ended.code}: {ended.output.strip()[-200:]}"
    return ended.violation or wrong or difference(scores(results), reference, whole=True)
