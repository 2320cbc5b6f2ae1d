"""What a table leaves beside its cells: measures of its refined sets, and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from bench.metrics.label_preservation import WITH_OUTLINES
from bench.results.gallery import Part, Shown
from bench.results.measurement import Kind, Subject
from bench.run.jobs import domain_gap, features, judge, label_preservation
from bench.run.jobs import draw_gallery as gallery
from bench.run.jobs.judge import Look
from bench.run.outputs.gallery import PlannedGallery
from bench.run.outputs.measurement import PlannedMeasure
from bench.run.plan.cells import TableBuilder
from bench.run.plan.graph import versions_of
from bench.suites.arms import REFINED, Arm
from bench.suites.resolve import ResolvedRefiner


class TableProducts:
    """Adds the jobs of one table's products to the graph, beside those of its cells."""

    def __init__(self, builder: TableBuilder) -> None:
        self.builder, self.table, self.jobs = builder, builder.table, builder.jobs
        self.source, self.target = builder.source, builder.target

    def measures(self) -> Iterator[PlannedMeasure]:
        """What is measured of every refined set that the table's rows train on, whatever their arms."""
        refiners = {refiner.variant: refiner for arm, refiner in self.table.rows if refiner and arm.kind in REFINED}
        for refiner_seed in range(self.table.refiner_seeds):
            for refiner in refiners.values():
                jobs = {
                    "source": self.source,
                    "target": self.target,
                    "refine": self.builder.refined(refiner, refiner_seed),
                }
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
        parts: dict[Part, dict[str, str]] = {"source": {}, "test": {}, **self._predicted(Arm("source"), None)}
        if table.measures:
            shared = {"source": self.source, "target": self.target}
            parts["nearest"] = {f"{role}_features": self._features(role, shared[role]) for role in shared}
        yield self._gallery("", parts)
        for refiner in refined:
            of_refiner: dict[Part, dict[str, str]] = {"refined": {"refined": self.builder.refined(refiner, 0)}}
            yield self._gallery(refiner.variant, of_refiner | self._predicted(Arm("refined"), refiner))

    def _predicted(self, arm: Arm, refiner: ResolvedRefiner | None) -> dict[Part, dict[str, str]]:
        """The part that shows predictions of a row's first cell; none where the target has no labels to score with."""
        if not self.table.is_scored:
            return {}
        return {"predicted": {"score": self.builder.cell(arm, refiner, 0, 0).jobs["score"]}}

    def _gallery(self, refiner: str, parts: Mapping[Part, Mapping[str, str]]) -> PlannedGallery:
        """``parts`` are the inputs of each beside source and target, by role."""
        table = self.table
        jobs: dict[str, str] = {}
        for part, more in parts.items():
            spec = gallery.Spec(part=part, task=table.task_described, space=table.space, labels=table.task.labels)
            inputs = {"source": self.source, "target": self.target, **more}
            label = f"pictures of {refiner or table.pair.name} ({part})"
            jobs[part] = self.builder.add("gallery", label, spec, inputs)
        of = Shown(
            pair=table.pair_variant,
            task=table.task_variant,
            model=table.model_variant,
            recipe=table.recipe,
            budget=table.budget.name,
            refiner=refiner,
        )
        return PlannedGallery(of, jobs, table.pair.redistributable)

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
        return self.builder.add("features", f"features for {self.jobs[images].label}", spec, {"images": images})

    def _domain_gap(self, refiner: ResolvedRefiner, gap: dict[str, str]) -> dict[str, str]:
        """Jobs by role: the features, and the gap measured on them."""
        spec = domain_gap.Spec(side_px=features.SIZES[self.table.budget.name][1])
        inputs = {"source": gap["source"], "target": gap["target"], "refined": gap["refine"]}
        measure = self.builder.add("domain_gap", f"domain gap of {refiner.variant}", spec, inputs)
        return {**{f"{role}_features": job for role, job in gap.items()}, "measure": measure}

    def _label_preservation(self, refiner: ResolvedRefiner, refined: str) -> dict[str, str]:
        """Jobs by role: the judge's training, its answers, and what follows from them.

        The judge has seen labelled target images, so nothing but reports may read its answers.
        """
        table, metric = self.table, self.table.task.metrics[0]
        has_labels = table.is_scored and self.builder.counts["target_train_labelled"] > 0
        arm: Literal["oracle", "source"] = "oracle" if has_labels else "source"
        has_look = has_labels and "in_target_look" in table.pair.source_labels
        look: Look = "in_target_look" if has_look else "image"
        trainer = self.builder if has_labels else TableBuilder(replace(table, recipe="strong"), self.jobs)
        jobs = {"train": trainer.train(Arm(arm), None, 0, 0)}
        jobs["judged_identity"] = self._judged(jobs["train"], "image")
        jobs["judged_reference"] = self._judged(jobs["train"], look)
        jobs["judged"] = self._judged(jobs["train"], "refined", refined)
        spec = label_preservation.Spec(
            judge=arm,
            reference="target_look" if has_look else "unrefined",
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
        return {**jobs, "measure": self.builder.add("label_preservation", label, spec, inputs)}

    def _judged(self, weights: str, look: Look, refined: str = "") -> str:
        table = self.table
        spec = judge.Spec(
            **dict(self.builder.network()), labels=table.task.labels, geometry=table.task.geometry, look=look
        )
        inputs = {"weights": weights, "source": self.source} | ({"refined": refined} if refined else {})
        of = self.jobs[refined or self.source].label
        return self.builder.add(
            "judge", f"judge {of}{' in the target look' if look == 'in_target_look' else ''}", spec, inputs
        )
