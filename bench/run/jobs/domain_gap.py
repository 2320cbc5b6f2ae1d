"""*domain_gap*: how far the source and its refined twin look from ``target_test``, from stored *features* alone.

Values, each before (source → target) and after (refined → target)::

    kid_before, kid_after, kid_reduction      with intervals; the reduction's is paired by scene
    frechet_before, frechet_after             where n allows
    two_sample_before, two_sample_after       %, 50 = alike, with intervals
    colour_before, colour_after               CIELAB units
    spectrum_before, spectrum_after           dB

``target_test`` is what no refiner has seen. The measures are for reading only: nothing ranks by them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import Frozen
from bench.metrics.domain_gap import colour_distance, frechet, kid, reduction, spectrum_distance, two_sample_accuracy
from bench.results.measurement import Quantity
from bench.run.jobs.work import Inputs, Work
from bench.run.store import Entry
from bench.stats import TooFew
from bench.stats.variance import Estimate
from bench.training.weights import BUNDLED_MODEL, BUNDLED_SHA256

VERSION = 1
ROLES = ("source", "refined", "target")


class Spec(Frozen):
    """Nothing to choose: the features of three sets are inputs, and this is how they were made."""

    side_px: int
    encoder: str = BUNDLED_MODEL
    weights_sha256: str = BUNDLED_SHA256


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The contents of the features."""
    return {
        "kind": "domain_gap",
        "version": VERSION,
        **spec.model_dump(),
        "features": {role: inputs[role].files for role in ROLES},
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """All values; a set that is too small for one says so in its place."""
    source, refined, target = (_read(inputs[role], "features") for role in ROLES)
    values: dict[str, Quantity] = {}
    for when, features in (("before", source), ("after", refined)):
        values[f"kid_{when}"] = _measured(partial(_kid, features, target))
        values[f"frechet_{when}"] = _measured(partial(frechet, features, target))
        values[f"two_sample_{when}"] = _measured(partial(two_sample_accuracy, features, target), "%", 100.0)
        role = "source" if when == "before" else "refined"
        for name, distance, file, unit in (
            ("colour", colour_distance, "colours", "CIELAB units"),
            ("spectrum", spectrum_distance, "spectrum", "dB"),
        ):
            apart = distance(_read(inputs[role], file), _read(inputs["target"], file))
            values[f"{name}_{when}"] = Quantity(value=apart, unit=unit)
    values["kid_reduction"] = _measured(lambda: reduction(kid(source, target), kid(refined, target)))
    return {
        "values": {name: quantity.model_dump() for name, quantity in values.items()},
        "about": {
            "encoder": spec.encoder,
            "weights_sha256": spec.weights_sha256,
            "resized_to_px": f"{spec.side_px}x{spec.side_px}",
            "n_source": str(len(source)),
            "n_refined": str(len(refined)),
            "n_target": str(len(target)),
            "n_features": str(target.shape[1]),
        },
        "flags": [],
    }


def _kid(x: np.ndarray, y: np.ndarray) -> Estimate:
    return kid(x, y).estimate()


def _measured(figure: Callable[[], Estimate | float], unit: str = "", scale: float = 1.0) -> Quantity:
    try:
        found = figure()
    except TooFew as error:
        return Quantity.not_measurable(f"n too small (have {error.have}, need {error.need})")
    if isinstance(found, Estimate):
        return Quantity(value=found.value * scale, low=found.low * scale, high=found.high * scale, unit=unit)
    return Quantity(value=found * scale, unit=unit)


def _read(entry: Entry, name: str) -> np.ndarray:
    array: np.ndarray = np.load(entry.path / f"{name}.npy", allow_pickle=False)
    return array


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Kernels of a few hundred images."""
    return 0.3, 5_000
