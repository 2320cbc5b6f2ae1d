"""From finished jobs to a cell's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.results.cost import _cost
from bench.results.record import Array, MetricInfo, PairInfo, Record, Selection
from bench.run.plan.graph import Plan, PlannedCell, versions_of
from bench.run.plan.phases import phases_of
from bench.run.store import Entry
from bench.run.stored_sets import pair_digest
from bench.suites.arms import Arm

CODE = ("fit", "refine", "train", "score")
"""Jobs of a cell whose code its record names, as ``digests["code of train"]``."""


def codes_of(plan: Plan, planned: PlannedCell) -> dict[str, str]:
    """Digests of the code that a cell's jobs run in this plan, as a record names them."""
    return {f"code of {role}": plan.jobs[planned.jobs[role]].code for role in CODE if role in planned.jobs}


def record_of(
    planned: PlannedCell, entries: Mapping[str, Entry], suite: str, training: str, codes: Mapping[str, str]
) -> Record:
    """The record of a cell whose jobs (``entries`` by role) are all in the store.

    Parameters
    ----------
    training: the hash of what its training was asked to do.
    codes: of its jobs (:func:`codes_of`).
    """
    table, metas = planned.table, {role: entry.meta for role, entry in entries.items()}
    with np.load(entries["score"].path / "statistics.npz", allow_pickle=False) as arrays:
        statistics = {name: np.asarray(arrays[name]) for name in arrays.files}
    target = metas["target"]["sets"]["target_test"]
    groups = None
    if "groups" in target:
        groups = Array.pack(np.load(entries["target"].path / target["groups"], allow_pickle=False))
    # What was trained to be scored: of the arm end_to_end, the network that the refiner's fit trained with itself.
    trained = entries["train"] if "train" in entries else entries["fit"]
    return Record(
        suite=suite,
        cell=planned.cell,
        status="ok",
        pair=_pair_info(planned, entries),
        metrics=tuple(
            MetricInfo(
                name=metric.name,
                value=metas["score"]["metrics"][metric.name],
                higher_is_better=metric.higher_is_better,
                unit=metric.unit,
                scale=metric.scale,
                label=metric.title,
            )
            for metric in table.task.metrics
        ),
        contributions=Array.pack(statistics.pop("contributions")),
        per_image={name: Array.pack(array) for name, array in statistics.items()},
        groups=groups,
        seeds=planned.seeds,
        digests={
            "training": training,
            "weights": entries.get("adapt", trained).files["weights.safetensors"],
            "test": entries["target"].files[target["columns"]["image"]["file"]],
            **codes,
        },
        versions=versions_of(planned.table, planned.cell.refiner),
        environment=trained.meta["environment"],
        cost=_cost(metas),
        training=_training(planned, metas),
        selection=_selection(metas.get("select")),
    )


def _selection(meta: Mapping[str, Any] | None) -> Selection | None:
    return None if meta is None else Selection(checkpoints=meta["checkpoints"], problem=meta["problem"])


def _training(planned: PlannedCell, metas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if "train" not in metas:
        return {"steps": metas["fit"]["steps"], "final_loss": metas["fit"]["final_loss"]}
    train, budget = metas["train"], planned.table.budget
    return {
        "steps": budget.train_steps,
        "batch_size": budget.batch_size,
        "real_fraction": real_fraction_of(planned),
        "n_images": train["n_images"],
        "final_loss": train["final_loss"],
        "loss_curve": train["loss_curve"],
    }


def failed_record(planned: PlannedCell, reason: str, suite: str) -> Record:
    """The record of a cell that has no score, and why."""
    return Record(
        suite=suite,
        cell=planned.cell,
        status="failed",
        reason=reason,
        seeds=planned.seeds,
        versions=versions_of(planned.table, planned.cell.refiner),
    )


def _pair_info(planned: PlannedCell, entries: Mapping[str, Entry]) -> PairInfo:
    pair = planned.table.pair
    source, target = entries["source"].meta["counts"], entries["target"].meta["counts"]
    return PairInfo(
        title=pair.title,
        stand_in=pair.stand_in,
        redistributable=pair.redistributable,
        licence=pair.licence,
        digest=pair_digest(entries["source"], entries["target"]),
        n_source=source["source_train"],
        n_target_train=target["target_train"],
        n_target_labelled=target.get("target_train_labelled", 0),
        n_target_test=target["target_test"],
        class_names=pair.class_names,
        tuned=pair.tuned,
    )


def real_fraction_of(planned: PlannedCell) -> float:
    """Share of a cell's training images, as they were drawn, that are labelled real ones."""
    arm = Arm.parse("source" if planned.cell.arm == "adabn" else planned.cell.arm)
    phases = phases_of(arm, planned.table.budget.train_steps)
    real = sum(p.steps * s.fraction for p in phases for s in p.streams if s.pool == "labelled")
    return real / sum(p.steps for p in phases)
