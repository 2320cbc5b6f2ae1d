"""The jobs of one table's cells: prepare, fit, refine, train, adapt, score and select."""

from __future__ import annotations

from collections.abc import Iterator

from bench.api import Frozen, Need
from bench.results.record import Cell
from bench.run.code.digest import Roots, installed
from bench.run.jobs import fit, prepare, refine, score, select, train
from bench.run.jobs.kinds import KINDS
from bench.run.jobs.work import NetworkSpec
from bench.run.plan.graph import Job, PlannedCell
from bench.run.plan.phases import phases_of
from bench.run.seeds import seed_from
from bench.run.store import digest_of
from bench.suites.arms import Arm
from bench.suites.resolve import ResolvedRefiner, ResolvedTable


class TableBuilder:
    """Adds one table's jobs to the graph."""

    def __init__(self, table: ResolvedTable, jobs: dict[str, Job]) -> None:
        self.table = table
        self.jobs = jobs
        self.model = table.task.model(table.model.name)
        width, height = table.space.width, table.space.height
        self.counts = {**table.pair.counts(table.limits), "pixels": width * height}
        self._refiners: dict[str, set[type]] = {}
        for _, row in table.rows:
            if row is not None:
                self._refiners.setdefault(row.described.name, set()).add(type(row.refiner))
        self.source = self._prepare("source")
        self.target = self._prepare("target")

    def cells(self) -> Iterator[PlannedCell]:
        """Cells seed by seed, so that every row has its first score before any has its second."""
        for refiner_seed in range(self.table.refiner_seeds):
            for _, refiner in self.table.rows:
                if refiner is not None and not refiner.refiner.needs:
                    self.refined(refiner, refiner_seed)
        if not self.table.is_scored:
            return  # Nothing to score with: the refined sets are all that can be made.
        for task_seed in range(self.table.seeds):
            for refiner_seed in range(self.table.refiner_seeds):
                for arm, refiner in self.table.rows:
                    if refiner is not None or refiner_seed == 0:
                        yield self.cell(arm, refiner, refiner_seed, task_seed)

    def network(self) -> NetworkSpec:
        table = self.table
        return NetworkSpec(
            task=table.task_described,
            model=table.model,
            space=table.space,
            batch_size=table.budget.batch_size,
            inputs=table.space.inputs,
            ms_per_image=self.model.ms_at(self.counts["pixels"]),
        )

    def add(self, kind: str, label: str, spec: Frozen, inputs: dict[str, str]) -> str:
        roots = self._roots(kind, spec)
        code = installed().digest(roots)
        job_id = digest_of([kind, KINDS[kind].VERSION, code, spec.model_dump(mode="json"), inputs])
        if job_id not in self.jobs:
            seconds, n_bytes = KINDS[kind].estimate(spec, self.counts)
            needed = tuple(sorted(inputs.items()))
            self.jobs[job_id] = Job(job_id, kind, label, spec, needed, seconds, n_bytes, roots, code)
        return job_id

    def _roots(self, kind: str, spec: Frozen) -> Roots:
        """Where the code of a job begins: with its kind, and with the plug-ins that its specification names."""
        table, plugins = self.table, list[type]()
        for part, plugin in (("pair", table.pair), ("task", table.task)):
            if getattr(spec, part, None) is not None:
                plugins.append(type(plugin))
        if described := getattr(spec, "refiner", None):
            plugins += self._refiners.get(described.name, set())
        task = table.task if getattr(spec, "model", None) is not None else None
        return installed().roots(KINDS[kind], plugins, task, table.model.name)

    def _prepare(self, side: str) -> str:
        table = self.table
        size = (table.space.width, table.space.height)
        spec = prepare.Spec.model_validate(
            {"pair": table.pair_described, "side": side, "size": size, "fit": table.task.fit, "limits": table.limits}
        )
        return self.add("prepare", f"prepare {table.pair_variant} {side}", spec, {})

    def _fitted(self, refiner: ResolvedRefiner, refiner_seed: int) -> str:
        table, needs = self.table, refiner.refiner.needs
        inputs = {"source": self.source, "target": self.target}
        if Need.SOURCE_MODEL in needs:
            inputs["source_model"] = self.train(Arm("source"), None, 0, refiner_seed)
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
        return self.add("fit", f"fit {refiner.variant}{_suffix(refiner_seed)}", fit_spec, inputs)

    def refined(self, refiner: ResolvedRefiner, refiner_seed: int) -> str:
        spec = refine.Spec(
            refiner=refiner.described,
            seed=self._fit_seed(refiner, refiner_seed),
            views=refiner.refiner.views,
            reads=self._reads(refiner),
        )
        label = f"refine {self.table.pair_variant} with {refiner.variant}{_suffix(refiner_seed)}"
        return self.add("refine", label, spec, {"fit": self._fitted(refiner, refiner_seed), "source": self.source})

    def _fit_seed(self, refiner: ResolvedRefiner, refiner_seed: int) -> int:
        return seed_from("fit", refiner.described.name, refiner_seed)

    def _reads(self, refiner: ResolvedRefiner) -> tuple[str, ...]:
        """The label columns that a refiner gets: those that it names, and the task's where it trains with its loss."""
        of_task = frozenset(self.table.task.labels) if refiner.refiner.needs else frozenset[str]()
        return tuple(sorted((refiner.refiner.reads | of_task) & self.table.pair.source_labels))

    def train(self, arm: Arm, refined: str | None, refiner_seed: int, task_seed: int, variant: str = "") -> str:
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
        return self.add(
            "train", f"train {table.model_variant} on {name} ({table.recipe}, seed {task_seed})", spec, inputs
        )

    def _train_seed(self, task_seed: int) -> int:
        return seed_from("train", self.table.task.name, self.table.model.name, task_seed)

    def _subset_seed(self, task_seed: int) -> int:
        return seed_from("subset", task_seed)

    def cell(self, arm: Arm, refiner: ResolvedRefiner | None, refiner_seed: int, task_seed: int) -> PlannedCell:
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
                jobs["refine"] = refined = self.refined(refiner, refiner_seed)
            trained_arm = Arm("source") if arm.kind == "adabn" else arm
            jobs["train"] = weights = self.train(trained_arm, refined, refiner_seed, task_seed, variant)
        network = self.network()
        if arm.kind == "adabn":
            label = f"adapt {table.model_variant} by adabn ({table.recipe}, seed {task_seed})"
            inputs = {"train": weights, "target": self.target}
            jobs["adapt"] = weights = self.add("adapt", label, network, inputs)
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
        jobs["score"] = self.add("score", label, score_spec, {"weights": weights, "target": self.target})
        if table.checkpoints and "train" in jobs and arm.kind != "adabn" and not arm.has_target_labels:
            steps = train.checkpoint_steps(table.budget.train_steps, table.checkpoints)
            inputs = {"train": weights, "source": self.source, "target": self.target}
            label = f"checkpoints of {cell.id}"
            jobs["select"] = self.add("select", label, select.Spec(**dict(score_spec), steps=steps), inputs)
        return PlannedCell(cell, table, jobs, seeds)


def _suffix(refiner_seed: int) -> str:
    return f", seed {refiner_seed}" if refiner_seed else ""
