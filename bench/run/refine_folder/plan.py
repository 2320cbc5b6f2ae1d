"""What ``bench refine`` will do: the request checked against both folders and ``OUT``, and the graph of its jobs.

Nothing is run or written here. All that can be refused is refused here, in one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.api import Budget, Described, Frozen, Refiner, UserError
from bench.api.names import canonical
from bench.data.fitting import Size
from bench.data.own.matching import sample_sizes
from bench.data.own.usable import refuse_nested
from bench.data.whole_folder import FolderSpec, WholeFolder, read_photographs, read_whole
from bench.plugins.registry import Registry
from bench.run.code.digest import installed
from bench.run.jobs import fit
from bench.run.jobs.kinds import KINDS
from bench.run.plan.graph import Job, Plan
from bench.run.refine_folder import refine_files, sample
from bench.run.refine_folder.identity import MANIFEST, Before, identity_of, inspect
from bench.run.refine_folder.rescale_labels import refuse_unscalable
from bench.run.seeds import seed_from
from bench.run.store import digest_of
from bench.suites.resolve import ResolvedSuite

TRAIN_STEPS, BATCH = {"light": 500, "standard": 10_000, "paper": 500_000}, 16
"""For refiners that read them; nothing is trained here."""
FIT_STEPS: int | None = None
"""Caps fits in tests."""
BLOCK_IMAGES, BLOCK_PIXELS = 32, 32_000_000
"""Of the images of one job, at most: what is lost when a run is killed."""


@dataclass(frozen=True)
class Request:
    """What was asked: folders, a refiner's variant, a budget's name, and a size (width, height) or ``None``."""

    refiner: str
    source: Path
    target: Path
    out: Path
    budget: Literal["light", "standard", "paper"] = "light"
    size: Size | None = None


@dataclass(frozen=True)
class Refinement:
    """A request that can be served: what the folders are, the jobs, and what the output folder holds already."""

    request: Request
    given: WholeFolder
    target: WholeFolder
    views: int
    plan: Plan
    blocks: Mapping[str, range]
    identity: Mapping[str, Any]
    before: Before | None


def plan_refinement(request: Request, registry: Registry) -> Refinement:
    """Read both folders, refuse what cannot be served, and plan the jobs; nothing is run or written.

    Raises
    ------
    UserError: a refiner that needs a task's network or labels that are not there, or an output folder that is part of
        an input, holds one, or holds something else than this refinement.
    DataError: folders that cannot be read; names the file.
    """
    request = replace(request, refiner=canonical(request.refiner))
    refiner, described = registry.refiner(request.refiner)
    _refuse_overlap(request)
    refuse_nested({"source": request.source, "target": request.target})
    given, target = read_whole(request.source), read_photographs(request.target)
    given = replace(given, others=tuple(file for file in given.others if file != Path(MANIFEST)))
    _refuse_refiner(refiner, given)
    if request.size and given.pictures.format == "BOP":
        raise UserError("--size cannot rescale the labels of a BOP folder (camera matrices among them); leave it out")
    if request.size:
        refuse_unscalable(request.source, given.others, request.size)
    source_spec, target_spec = FolderSpec.of(request.source), FolderSpec.of(request.target)
    plan, blocks = _plan(request, refiner, described, given, target, source_spec, target_spec)
    installed().save()
    identity = identity_of(
        request.refiner,
        described,
        code=digest_of(sorted({job.code for job in plan.jobs.values()})),
        budget=request.budget,
        seed=0,
        size=request.size,
        source=source_spec,
        target=target_spec,
    )
    before = inspect(request.out, identity)
    return Refinement(request, given, target, refiner.views, plan, blocks, identity, before)


def _refuse_overlap(request: Request) -> None:
    out = request.out.resolve()
    for option in ("source", "target"):
        folder = getattr(request, option).resolve()
        if out == folder or folder in out.parents or out in folder.parents:
            raise UserError(
                f"--out {request.out} lies in, around or on --{option} {folder}; name a folder apart from it"
            )


def _refuse_refiner(refiner: Refiner, given: WholeFolder) -> None:
    if refiner.needs:
        raise UserError(
            f"refiner {refiner.name!r} is trained with a task's network and cannot refine a folder by itself; run a "
            "comparison (`python -m bench run --source … --target … --task …`), or name another refiner"
        )
    missing = refiner.reads.required - frozenset(given.pictures.pixels)
    if missing:
        notes = "".join(f"; {note}" for note in given.pictures.notes)
        raise UserError(
            f"refiner {refiner.name!r} reads {sorted(missing)[0]!r}, and {given.root} ({given.pictures.format}) has "
            f"{', '.join(sorted(given.pictures.labels)) or 'no labels'}{notes}; name another refiner"
        )


def _plan(
    request: Request,
    refiner: Refiner,
    described: Described,
    given: WholeFolder,
    target: WholeFolder,
    source_spec: FolderSpec,
    target_spec: FolderSpec,
) -> tuple[Plan, dict[str, range]]:
    """The jobs, and the rows of each *refine_files* job by its id."""
    reads = tuple(sorted((refiner.reads | frozenset()) & frozenset(given.pictures.pixels)))
    seed = seed_from("fit", described.name, 0)
    n_images = given.pictures.n_images
    sizes = np.array([request.size]) if request.size else sample_sizes(given.pictures)
    pixels = int(np.median(sizes.prod(axis=1)))
    counts = {"source": n_images, "target": target.pictures.n_images, "pixels": pixels, "networks": int(refiner.tiles)}
    jobs: dict[str, Job] = {}

    def add(kind: str, label: str, spec: Frozen, inputs: dict[str, str]) -> str:
        roots = installed().roots(KINDS[kind], [type(refiner)])
        code = installed().digest(roots)
        job_id = digest_of([kind, KINDS[kind].VERSION, code, spec.model_dump(mode="json"), inputs])
        seconds, n_bytes = KINDS[kind].estimate(spec, counts)
        jobs[job_id] = Job(job_id, kind, label, spec, tuple(sorted(inputs.items())), seconds, n_bytes, roots, code)
        return job_id

    sampled = add(
        "sample",
        "read both folders",
        sample.Spec(
            source=source_spec,
            target=target_spec,
            size=request.size,
            reads=reads,
            budget=request.budget,
            networks=refiner.tiles,
        ),
        {},
    )
    budget = Budget(name=request.budget, train_steps=TRAIN_STEPS[request.budget], batch_size=BATCH, fit_steps=FIT_STEPS)
    fit_spec = fit.Spec(refiner=described, seed=seed, budget=budget, reads=reads, light_seconds=refiner.fit_seconds)
    fitted = add("fit", f"fit {request.refiner}", fit_spec, {"source": sampled, "target": sampled})
    each = max(1, min(BLOCK_IMAGES, BLOCK_PIXELS // max(1, pixels)))
    blocks = {}
    for first in range(0, n_images, each):
        rows = range(first, min(first + each, n_images))
        spec = refine_files.Spec(
            refiner=described,
            seed=seed,
            reads=reads,
            folder=source_spec,
            size=request.size,
            first=rows.start,
            last=rows.stop,
        )
        blocks[add("refine_files", f"refine images {rows.start + 1} to {rows.stop}", spec, {"fit": fitted})] = rows
    return Plan(ResolvedSuite("refine", "refine", ()), jobs, ()), blocks
