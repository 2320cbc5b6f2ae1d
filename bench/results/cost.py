"""What a cell cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.results.files import Strict


class Cost(Strict):
    """Work behind a cell, whether done for it or shared with others (a fit serves all task seeds).

    ``peak_memory_mb`` is the most that a worker process had held by the end of the cell's jobs (of a GPU: in them).
    Those of fit, refine and train are known of a GPU alone. ``images_seen`` and ``n_parameters`` are the training's
    and its network's; ``fit_images_seen`` and ``refiner_parameters`` the refiner's own. ``None``: not recorded.
    """

    fit_seconds: float = 0.0
    refine_seconds: float = 0.0
    train_seconds: float = 0.0
    score_seconds: float = 0.0
    gpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    images_seen: int = 0
    n_parameters: int = 0
    fit_images_seen: int | None = None
    refiner_parameters: int | None = None
    fit_gpu_seconds: float | None = None
    refine_gpu_seconds: float | None = None
    train_gpu_seconds: float | None = None
    fit_peak_memory_mb: float | None = None
    refine_peak_memory_mb: float | None = None
    train_peak_memory_mb: float | None = None


PHASES = ("fit", "refine", "train")


def _cost(metas: Mapping[str, Mapping[str, Any]]) -> Cost:
    def seconds(*roles: str) -> float:
        return float(sum(metas[role]["seconds"] for role in roles if role in metas))

    trained = metas["train"] if "train" in metas else metas["fit"]
    work = [meta for role, meta in metas.items() if role not in ("source", "target", "select")]
    on_gpu = {phase: metas[phase] for phase in PHASES if phase in metas and metas[phase]["gpu_seconds"]}
    return Cost(
        fit_seconds=seconds("fit"),
        refine_seconds=seconds("refine"),
        train_seconds=seconds("train", "adapt"),
        score_seconds=seconds("score"),
        gpu_seconds=float(sum(meta["gpu_seconds"] for meta in work)),
        peak_memory_mb=float(max(meta["peak_memory_mb"] for meta in work)),
        images_seen=trained["images_seen"],
        n_parameters=trained["n_parameters"],
        fit_images_seen=metas["fit"]["images_seen"] if "fit" in metas else None,
        refiner_parameters=metas["fit"]["n_parameters"] if "fit" in metas else None,
        **{
            f"{phase}_{name}": meta[name]
            for phase, meta in on_gpu.items()
            for name in ("gpu_seconds", "peak_memory_mb")
        },
    )
