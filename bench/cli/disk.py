"""Before anything is made: a command that cannot end for lack of space does not begin."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import UserError

if TYPE_CHECKING:
    from bench.run.plan.graph import Plan
    from bench.run.refine_folder.plan import Refinement
    from bench.run.store import Store


def refuse_beyond_free_disk(plan: Plan, store: Store, what: str = "this run") -> int:
    """Bytes that a plan's jobs need in the store, less those that are there.

    Raises
    ------
    UserError
        The disk has less.
    """
    from bench.run.runner import resolve_cached

    free = _free(store.root)
    needed = sum(job.n_bytes for job in plan.jobs.values())
    if needed <= free:
        return needed
    cached = resolve_cached(plan, store)
    needed = sum(job.n_bytes for job in plan.jobs.values() if job.id not in cached)
    if needed > free:
        raise UserError(
            f"{what} needs about {needed / 1e6:.0f} MB in {store.root}, where {free / 1e6:.0f} MB are free; "
            "free some space or name another disk with --store"
        )
    return needed


def refuse_full_output(refinement: Refinement, store: Store) -> None:
    """Refuse a refinement whose jobs or whose folder do not fit on their disks.

    The folder is taken to be as large as the source; only files that are missing in it count.

    Raises
    ------
    UserError
        Says how much is needed where, and how much is free.
    """
    in_store = refuse_beyond_free_disk(refinement.plan, store, "refining")
    given, out, before = refinement.given, refinement.request.out, refinement.before
    files = [*map(given.relative, range(given.pictures.n_images)), *given.others]
    missing = None if before is None else set(before.missing)
    needed = sum((given.root / file).stat().st_size for file in files if missing is None or file.as_posix() in missing)
    shared = in_store if _device(out) == _device(store.root) else 0
    free = _free(out)
    if needed + shared > free:
        raise UserError(
            f"refining needs about {(needed + shared) / 1e6:.0f} MB for --out {out}, where {free / 1e6:.0f} MB are "
            "free; free some space or name a folder on another disk"
        )


def _free(path: Path) -> int:
    return shutil.disk_usage(_existing(path)).free


def _device(path: Path) -> int:
    return _existing(path).stat().st_dev


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
