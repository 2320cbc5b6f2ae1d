"""``bench refine``: a user's synthetic training set, adapted to their photographs, as a folder like the one they gave.

    sample        crops for networks, since what they learn is texture at a scale; whole images for all others
    fit           one job; it goes on where a killed run stopped
    refine_files  one job per few images, at native size
    writer        everything into ``OUT`` when all jobs are done (:mod:`.writer`)

The jobs run like those of ``bench run``: same runner, executor and store, so that what is finished is not done again.
``OUT`` belongs to one refinement (:mod:`.identity`). The input is never written to.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.api import UserError
from bench.run import timings
from bench.run.executors import Executor
from bench.run.plan.graph import Job
from bench.run.refine_folder import refine_files
from bench.run.refine_folder.plan import Refinement
from bench.run.refine_folder.writer import Progress, write_folder
from bench.run.runner import Listener, Runner
from bench.run.store import Store, digest_of


@dataclass(frozen=True)
class Outcome:
    """What became of a refinement.

    Attributes
    ----------
    n_written, n_kept: images written now, and those that were there before.
    changed: by key of :data:`bench.data.rewriting.CHANGES`, the images that are not quite what they were.
    rewritten: label files that are not the source's byte for byte, since they hold the picture itself.
    failure: why nothing was written, in one line; ``mistake`` if the folders, the request or a plug-in are to blame.
    details: the folder with the traceback of the failure.
    """

    n_written: int = 0
    n_kept: int = 0
    changed: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    rewritten: tuple[Path, ...] = ()
    made_seconds: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    mistake: bool = False
    details: Path | None = None


class _Failed(Exception):
    """The first job that failed: the others would be for nothing."""


def carry_out(
    refinement: Refinement,
    store: Store,
    executor: Executor,
    listener: Listener,
    progress: Progress = lambda n_done, n_all: None,
    least_limit_seconds: float = timings.LEAST_LIMIT_SECONDS,
) -> Outcome:
    """Run the jobs, then write the output folder; after a failure nothing is written.

    Parameters
    ----------
    progress: called as ``progress(n_done, n_all)`` while files are written.
    """
    request, given, before = refinement.request, refinement.given, refinement.before
    n_images = given.pictures.n_images
    if before is not None and not before.missing:
        return Outcome(n_kept=n_images)
    results = store.root / "refine" / digest_of(dict(refinement.identity))[:12]
    shutil.rmtree(results, ignore_errors=True)
    runner = Runner(refinement.plan, store, executor, _Stopping(listener), results, least_limit_seconds)
    try:
        runner.run()
    except _Failed as failed:
        job_id, reason = failed.args
        return Outcome(failure=reason, mistake=job_id in runner.outcome.mistakes, details=runner.failures)
    files: list[Path] = []
    changed: dict[str, list[Path]] = {}
    for job_id, rows in refinement.blocks.items():
        entry = runner.entries[job_id]
        files += [entry.path / refine_files.file_name(place) for place in range(len(rows))]
        for word, found in entry.meta["changed"].items():
            changed.setdefault(word, []).extend(map(given.relative, found))
    with store.lock(digest_of(["refine --out", str(request.out.resolve())])) as free:
        if not free:
            raise UserError(f"another run writes to --out {request.out} at this moment; wait for it")
        written = write_folder(request.out.resolve(), given, files, refinement.identity, request.size, before, progress)
    return Outcome(
        n_written=written.n_images,
        n_kept=n_images - written.n_images,
        changed={word: tuple(paths) for word, paths in changed.items()},
        rewritten=written.rewritten,
        made_seconds=runner.outcome.made,
    )


class _Stopping:
    """A listener that hands on what it hears, and stops the run at its first failure."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def failed(self, job: Job, reason: str, own: bool) -> None:
        self._listener.failed(job, reason, own)
        if own:
            raise _Failed(job.id, reason)
