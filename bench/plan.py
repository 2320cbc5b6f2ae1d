"""Suite → jobs: a pure function from a resolved suite to a graph of jobs, and the cells and products that they serve.

A job's *recipe id* is the hash of all that determines it by description: kind, names, parameters, versions, digests of
plug-in files and named folders, budget, seeds, and the ids of its inputs. Nothing is read, made or trained here.

``source@2N`` trains on as many steps and images a batch as any other arm; only its pool is twice as large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from bench.api import Frozen, Need
from bench.arms import REFINED, Arm
from bench.galleries import Shown
from bench.jobs import (
    KINDS,
    domain_gap,
    features,
    fit,
    gallery,
    judge,
    label_preservation,
    prepare,
    refine,
    score,
    select,
    train,
)
from bench.jobs.judge import Look
from bench.jobs.train import PhaseSpec, StreamSpec
from bench.jobs.work import NetworkSpec, digest_of
from bench.measures import Kind, Subject
from bench.measuring import PlannedMeasure
from bench.metrics.label_preservation import WITH_OUTLINES
from bench.picturing import PlannedGallery
from bench.products import Product
from bench.records import Cell
from bench.seeds import seed_from
from bench.suite import ResolvedRefiner, ResolvedSuite, ResolvedTable

REAL_FRACTION = 0.5


@dataclass(frozen=True)
class Job:
    """A node of the graph. ``inputs`` are (role, recipe id) pairs; ``seconds`` and ``n_bytes`` are prior estimates."""

    id: str
    kind: str
    label: str
    spec: Frozen
    inputs: tuple[tuple[str, str], ...]
    seconds: float
    n_bytes: int

    @property
    def signature(self) -> str:
        """Jobs that should take equally long on one machine: what measured times are remembered by."""
        spec = self.spec.model_dump(mode="json")
        owner = next((spec[part]["name"] for part in ("refiner", "model", "pair") if spec.get(part)), "")
        return ":".join([self.kind, owner, str(spec.get("side", "")), str(spec.get("recipe", ""))])


@dataclass(frozen=True)
class PlannedCell:
    """A cell, the table that it stands in, and its jobs by role (``train``, ``score``, ``refine`` …)."""

    cell: Cell
    table: ResolvedTable
    jobs: dict[str, str]
    seeds: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """Jobs in an order in which inputs come first, the cells, and what else the run will leave (:mod:`.products`)."""

    suite: ResolvedSuite
    jobs: dict[str, Job]
    cells: tuple[PlannedCell, ...]
    products: tuple[Product, ...] = ()

    @cached_property
    def dependants(self) -> dict[str, list[str]]:
        """For each job, the jobs that take it as an input."""
        dependants: dict[str, list[str]] = {job_id: [] for job_id in self.jobs}
        for job in self.jobs.values():
            for _, needed in job.inputs:
                dependants[needed].append(job.id)
        return dependants


@dataclass(frozen=True)
class TableWork:
    """What one table adds to a plan: its jobs that no table before it has, and the core seconds that it may cost."""

    title: str
    jobs: tuple[Job, ...]
    n_cells: int
    core_seconds: float | None


def work_by_table(plan: Plan) -> list[TableWork]:
    """The plan's jobs, each under the first table that needs it; the two recipes of a table are one."""
    owners: dict[str, tuple[str, ...]] = {}
    needs: list[tuple[tuple[str, ...], Mapping[str, str]]] = [(p.cell.table, p.jobs) for p in plan.cells]
    needs += [(product.awaited_by, product.jobs) for product in plan.products if product.awaited_by]
    for table, jobs in needs:
        pending = list(jobs.values())
        while pending:
            job_id = pending.pop()
            if job_id not in owners:
                owners[job_id] = table
                pending += [needed for _, needed in plan.jobs[job_id].inputs]
    cells: dict[tuple[str, ...], list[PlannedCell]] = {}
    for planned in plan.cells:
        cells.setdefault(planned.cell.table, []).append(planned)
    return [
        TableWork(
            " · ".join(table),
            tuple(job for job in plan.jobs.values() if owners.get(job.id) == table),
            len(of_table),
            next((p.table.core_seconds for p in of_table if p.table.core_seconds is not None), None),
        )
        for table, of_table in cells.items()
    ]


def make_plan(suite: ResolvedSuite) -> Plan:
    """The graph of all that the suite needs; equal jobs of several tables are one job."""
    jobs: dict[str, Job] = {}
    cells: dict[str, PlannedCell] = {}
    products: list[Product] = []
    for table in suite.tables:
        builder = _TableBuilder(table, jobs)
        for planned in builder.cells():
            cells.setdefault(planned.cell.id, planned)
        if table.measures:
            products += builder.measures()
        if table.pictures:
            products += builder.galleries()
    return Plan(suite, jobs, tuple(cells.values()), tuple(products))


class _TableBuilder:
    """Adds one table's jobs to the graph."""

    def __init__(self, table: ResolvedTable, jobs: dict[str, Job]) -> None:
        self.table = table
        self.jobs = jobs
        self.model = table.task.model(table.model.name)
        width, height = table.space.width, table.space.height
        self.counts = {**table.pair.counts(table.limits), "pixels": width * height}
        self.source = self._prepare("source")
        self.target = self._prepare("target")

    def cells(self) -> Iterator[PlannedCell]:
        """Cells seed by seed, so that every row has its first score before any has its second."""
        for refiner_seed in range(self.table.refiner_seeds):
            for _, refiner in self.table.rows:
                if refiner is not None and not refiner.refiner.needs:
                    self._refined(refiner, refiner_seed)
        if not self.table.is_scored:
            return  # Nothing to score with: the refined sets are all that can be made.
        for task_seed in range(self.table.seeds):
            for refiner_seed in range(self.table.refiner_seeds):
                for arm, refiner in self.table.rows:
                    if refiner is not None or refiner_seed == 0:
                        yield self._cell(arm, refiner, refiner_seed, task_seed)

    def measures(self) -> Iterator[PlannedMeasure]:
        """What is measured of every refined set that the table's rows train on, whatever their arms."""
        refiners = {refiner.variant: refiner for arm, refiner in self.table.rows if refiner and arm.kind in REFINED}
        for refiner_seed in range(self.table.refiner_seeds):
            for refiner in refiners.values():
                jobs = {"source": self.source, "target": self.target, "refine": self._refined(refiner, refiner_seed)}
                gap = {role: self._features(role, jobs[role]) for role in jobs}
                yield self._measure("domain_gap", refiner, refiner_seed, jobs | self._domain_gap(refiner, gap))
                kept = self._label_preservation(refiner, jobs["refine"])
                yield self._measure("label_preservation", refiner, refiner_seed, jobs | kept)

    def galleries(self) -> Iterator[PlannedGallery]:
        """Pictures of the table, and of each refiner that has the arm ``refined``; first seeds."""
        table = self.table
        refined = [refiner for arm, refiner in table.rows if refiner is not None and str(arm) == "refined"]
        if not refined:
            return
        shared = {"source": self.source, "target": self.target}
        features = {f"{role}_features": self._features(role, shared[role]) for role in shared if table.measures}
        yield self._gallery("", shared | features | self._scored(Arm("source"), None))
        for refiner in refined:
            of_refiner = {"refined": self._refined(refiner, 0), **self._scored(Arm("refined"), refiner)}
            yield self._gallery(refiner.variant, shared | of_refiner)

    def _scored(self, arm: Arm, refiner: ResolvedRefiner | None) -> dict[str, str]:
        """The score job of a row's first cell, by role; none where the target has no labels to score with."""
        if not self.table.is_scored:
            return {}
        return {"score": self._cell(arm, refiner, 0, 0).jobs["score"]}

    def _gallery(self, refiner: str, inputs: dict[str, str]) -> PlannedGallery:
        table = self.table
        spec = gallery.Spec(task=table.task_described, space=table.space, labels=table.task.labels)
        job = self._add("gallery", f"pictures of {refiner or table.pair.name}", spec, inputs)
        of = Shown(
            pair=table.pair_variant,
            task=table.task_variant,
            model=table.model_variant,
            recipe=table.recipe,
            budget=table.budget.name,
            refiner=refiner,
        )
        return PlannedGallery(of, {"gallery": job}, table.pair.redistributable)

    def _measure(self, kind: Kind, refiner: ResolvedRefiner, refiner_seed: int, jobs: dict[str, str]) -> PlannedMeasure:
        table = self.table
        of = Subject(
            pair=table.pair_variant,
            task=table.task_variant,
            model=table.model_variant,
            recipe=table.recipe,
            budget=table.budget.name,
            refiner=refiner.variant,
            refiner_seed=refiner_seed,
            width=table.space.width,
            height=table.space.height,
        )
        return PlannedMeasure(kind, of, jobs, versions_of(table, refiner.variant))

    def _features(self, role: str, images: str) -> str:
        split: Literal["source_train", "target_test"] = "target_test" if role == "target" else "source_train"
        n_images, side_px = features.SIZES[self.table.budget.name]
        spec = features.Spec(split=split, n_images=n_images, side_px=side_px)
        return self._add("features", f"features for {self.jobs[images].label}", spec, {"images": images})

    def _domain_gap(self, refiner: ResolvedRefiner, gap: dict[str, str]) -> dict[str, str]:
        """Jobs by role: the features, and the gap measured on them."""
        spec = domain_gap.Spec(side_px=features.SIZES[self.table.budget.name][1])
        inputs = {"source": gap["source"], "target": gap["target"], "refined": gap["refine"]}
        measure = self._add("domain_gap", f"domain gap of {refiner.variant}", spec, inputs)
        return {**{f"{role}_features": job for role, job in gap.items()}, "measure": measure}

    def _label_preservation(self, refiner: ResolvedRefiner, refined: str) -> dict[str, str]:
        """Jobs by role: the judge's training, its answers, and what follows from them.

        The judge has seen labelled target images, so nothing but reports may read its answers.
        """
        table, metric = self.table, self.table.task.metrics[0]
        has_labels = table.is_scored and self.counts["target_train_labelled"] > 0
        arm: Literal["oracle", "source"] = "oracle" if has_labels else "source"
        has_look = has_labels and "in_target_look" in table.pair.source_labels
        look: Look = "in_target_look" if has_look else "image"
        trainer = self if has_labels else _TableBuilder(replace(table, recipe="strong"), self.jobs)
        jobs = {"train": trainer._train(Arm(arm), None, 0, 0)}
        jobs["judged_identity"] = self._judged(jobs["train"], "image")
        jobs["judged_reference"] = self._judged(jobs["train"], look)
        jobs["judged"] = self._judged(jobs["train"], "refined", refined)
        spec = label_preservation.Spec(
            judge=arm,
            reference="oracle_style" if has_look else "identity",
            metric=metric.name,
            higher_is_better=metric.higher_is_better,
            unit=metric.unit,
            scale=metric.scale,
            labels_have_place=set(table.task.labels) != {"class_id"},
            outlines=tuple(kind for kind in WITH_OUTLINES if kind in table.pair.source_labels),
            has_truth="in_target_look" in table.pair.source_labels,
        )
        inputs = {role: jobs[role] for role in ("judged", "judged_identity", "judged_reference")}
        inputs |= {"source": self.source, "refined": refined}
        label = f"label preservation of {refiner.variant}"
        return {**jobs, "measure": self._add("label_preservation", label, spec, inputs)}

    def _judged(self, weights: str, look: Look, refined: str = "") -> str:
        table = self.table
        spec = judge.Spec(**dict(self._network()), labels=table.task.labels, geometry=table.task.geometry, look=look)
        inputs = {"weights": weights, "source": self.source} | ({"refined": refined} if refined else {})
        of = self.jobs[refined or self.source].label
        return self._add(
            "judge", f"judge {of}{' in the target look' if look == 'in_target_look' else ''}", spec, inputs
        )

    def _network(self) -> NetworkSpec:
        table = self.table
        return NetworkSpec(
            task=table.task_described,
            model=table.model,
            space=table.space,
            batch_size=table.budget.batch_size,
            inputs=table.space.inputs,
            ms_per_image=self.model.ms_at(self.counts["pixels"]),
        )

    def _add(self, kind: str, label: str, spec: Frozen, inputs: dict[str, str]) -> str:
        version = KINDS[kind].VERSION
        job_id = digest_of([kind, version, spec.model_dump(mode="json"), inputs])
        if job_id not in self.jobs:
            seconds, n_bytes = KINDS[kind].estimate(spec, self.counts)
            self.jobs[job_id] = Job(job_id, kind, label, spec, tuple(sorted(inputs.items())), seconds, n_bytes)
        return job_id

    def _prepare(self, side: str) -> str:
        table = self.table
        size = (table.space.width, table.space.height)
        spec = prepare.Spec.model_validate(
            {"pair": table.pair_described, "side": side, "size": size, "fit": table.task.fit, "limits": table.limits}
        )
        return self._add("prepare", f"prepare {table.pair_variant} {side}", spec, {})

    def _fitted(self, refiner: ResolvedRefiner, refiner_seed: int) -> str:
        table, needs = self.table, refiner.refiner.needs
        inputs = {"source": self.source, "target": self.target}
        if Need.SOURCE_MODEL in needs:
            inputs["source_model"] = self._train(Arm("source"), None, 0, refiner_seed)
        fit_spec = fit.Spec(
            refiner=refiner.described,
            seed=self._fit_seed(refiner, refiner_seed),
            budget=table.budget,
            reads=self._reads(refiner),
            needs=tuple(sorted(needs)),
            task=table.task_described if needs else None,
            model=table.model if needs else None,
            space=table.space if needs else None,
            joint=refiner.refiner.joint,
            light_seconds=refiner.refiner.fit_seconds,
        )
        return self._add("fit", f"fit {refiner.variant}{_suffix(refiner_seed)}", fit_spec, inputs)

    def _refined(self, refiner: ResolvedRefiner, refiner_seed: int) -> str:
        spec = refine.Spec(
            refiner=refiner.described,
            seed=self._fit_seed(refiner, refiner_seed),
            views=refiner.refiner.views,
            reads=self._reads(refiner),
        )
        label = f"refine {self.table.pair_variant} with {refiner.variant}{_suffix(refiner_seed)}"
        return self._add("refine", label, spec, {"fit": self._fitted(refiner, refiner_seed), "source": self.source})

    def _fit_seed(self, refiner: ResolvedRefiner, refiner_seed: int) -> int:
        return seed_from("fit", refiner.described.name, refiner_seed)

    def _reads(self, refiner: ResolvedRefiner) -> tuple[str, ...]:
        """The label columns that a refiner gets: those that it names, and the task's where it trains with its loss."""
        of_task = frozenset(self.table.task.labels) if refiner.refiner.needs else frozenset[str]()
        return tuple(sorted((refiner.refiner.reads | of_task) & self.table.pair.source_labels))

    def _train(self, arm: Arm, refined: str | None, refiner_seed: int, task_seed: int, variant: str = "") -> str:
        table = self.table
        phases = phases_of(arm, table.budget.train_steps)
        pools = {stream.pool for phase in phases for stream in phase.streams}
        inputs = {"source": self.source} if pools - {"labelled"} else {}
        if "labelled" in pools:
            inputs["target"] = self.target
        if "refined" in pools and refined is not None:
            inputs["refined"] = refined
        spec = train.Spec(
            task=table.task_described,
            model=table.model,
            space=table.space,
            recipe=table.recipe,
            phases=phases,
            batch_size=table.budget.batch_size,
            seed=self._train_seed(task_seed),
            subset_seed=self._subset_seed(task_seed),
            labels=table.task.labels,
            inputs=table.space.inputs,
            optimiser=self.model.optimiser,
            ms_per_image=self.model.ms_at(self.counts["pixels"]),
            checkpoints=0 if arm.has_target_labels else table.checkpoints,
        )
        name = " ".join(filter(None, [str(arm), variant]))
        return self._add(
            "train", f"train {table.model_variant} on {name} ({table.recipe}, seed {task_seed})", spec, inputs
        )

    def _train_seed(self, task_seed: int) -> int:
        return seed_from("train", self.table.task.name, self.table.model.name, task_seed)

    def _subset_seed(self, task_seed: int) -> int:
        return seed_from("subset", task_seed)

    def _cell(self, arm: Arm, refiner: ResolvedRefiner | None, refiner_seed: int, task_seed: int) -> PlannedCell:
        table = self.table
        jobs = {"source": self.source, "target": self.target}
        seeds = {"train": self._train_seed(task_seed), "subset": self._subset_seed(task_seed)}
        variant = refiner.variant if refiner else ""
        if arm.kind == "end_to_end":
            # The fit is the training: another one for each task seed, or the row would show no variance.
            refiner_seed = task_seed
        if refiner is not None:
            jobs["fit"] = self._fitted(refiner, refiner_seed)
            seeds["fit"] = self._fit_seed(refiner, refiner_seed)
        if arm.kind == "end_to_end":
            weights = jobs["fit"]
        else:
            refined = None
            if refiner is not None:
                jobs["refine"] = refined = self._refined(refiner, refiner_seed)
            trained_arm = Arm("source") if arm.kind == "adabn" else arm
            jobs["train"] = weights = self._train(trained_arm, refined, refiner_seed, task_seed, variant)
        network = self._network()
        if arm.kind == "adabn":
            label = f"adapt {table.model_variant} by adabn ({table.recipe}, seed {task_seed})"
            inputs = {"train": weights, "target": self.target}
            jobs["adapt"] = weights = self._add("adapt", label, network, inputs)
        cell = Cell(
            pair=table.pair_variant,
            task=table.task_variant,
            model=table.model_variant,
            recipe=table.recipe,
            budget=table.budget.name,
            arm=str(arm),
            refiner=variant,
            refiner_seed=refiner_seed,
            task_seed=task_seed,
        )
        score_spec = score.Spec(**dict(network), labels=table.task.labels, geometry=table.task.geometry)
        label = f"score {' '.join(filter(None, [str(arm), variant]))} ({table.recipe}, seed {task_seed})"
        jobs["score"] = self._add("score", label, score_spec, {"weights": weights, "target": self.target})
        if table.checkpoints and "train" in jobs and arm.kind != "adabn" and not arm.has_target_labels:
            steps = train.checkpoint_steps(table.budget.train_steps, table.checkpoints)
            inputs = {"train": weights, "source": self.source, "target": self.target}
            label = f"checkpoints of {cell.id}"
            jobs["select"] = self._add("select", label, select.Spec(**dict(score_spec), steps=steps), inputs)
        return PlannedCell(cell, table, jobs, seeds)


def versions_of(table: ResolvedTable, variant: str) -> dict[str, str]:
    """Versions of pair and task, and of a refiner of the table (``""``: none), for records and measurements."""
    versions = {"pair": str(table.pair_described.version), "task": str(table.task_described.version)}
    for _, refiner in table.rows:
        if refiner is not None and refiner.variant == variant:
            versions["refiner"] = str(refiner.described.version)
            if refiner.described.digest:
                versions["refiner_source"] = refiner.described.digest
    return versions


def _suffix(refiner_seed: int) -> str:
    return f", seed {refiner_seed}" if refiner_seed else ""


def phases_of(arm: Arm, steps: int) -> tuple[PhaseSpec, ...]:
    """How an arm fills its batches over ``steps`` steps (DESIGN §5)."""
    real = StreamSpec(pool="labelled", fraction=REAL_FRACTION, k=arm.k)
    only_real = StreamSpec(pool="labelled", fraction=1.0, k=arm.k)
    rendered: train.Pool = "refined" if arm.has_refiner else "source"
    if arm.finetune:
        first = steps // 2
        return (
            PhaseSpec(steps=first, streams=(StreamSpec(pool=rendered, fraction=1.0),)),
            PhaseSpec(steps=steps - first, streams=(only_real,)),
        )
    streams: dict[str, tuple[StreamSpec, ...]] = {
        "source": (StreamSpec(pool="source", fraction=1.0),),
        "refined": (StreamSpec(pool="refined", fraction=1.0),),
        "source_refined": (StreamSpec(pool="source", fraction=0.5), StreamSpec(pool="refined", fraction=0.5)),
        "source@2N": (StreamSpec(pool="source@2N", fraction=1.0),),
        "real": (only_real,),
        "hybrid": (StreamSpec(pool=rendered, fraction=1 - REAL_FRACTION), real),
        "refined_hybrid": (StreamSpec(pool=rendered, fraction=1 - REAL_FRACTION), real),
        "oracle": (only_real,),
    }
    return (PhaseSpec(steps=steps, streams=streams[arm.kind]),)
