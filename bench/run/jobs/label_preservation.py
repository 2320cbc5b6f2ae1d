"""*label_preservation*: whether the labels of ``source_val`` still fit its refined images; thresholds and flag.

Values::

    score_kept, score_kept_identity      %  judge's score on refined (on source) images, relative to the reference
    score_to_identity                    %  judge's score on refined images, relative to that on source images
    score, score_identity, score_reference  the scores themselves, in the metric's printed unit
    edges_before, edges_after               agreement of image edges with label boundaries, 0.5 = none
    edges_kept                           %  (edges_after − 0.5) / (edges_before − 0.5), over all images
    similarity                              SSIM of luminance inside the foreground; 1 for ``identity``
    to_truth, to_truth_identity   levels    mean |image − the same scene drawn as the target is|, where the pair has it

The judge and its reference are said in ``about``. Per image: ``similarity`` (of the whole image where there is no
foreground), ``edges_before``, ``edges_after``, ``judged`` and ``judged_reference`` (contributions to the scores), and
``changed_most``, rows of ``source_val``, the least similar first.

Two objections flag a refiner, each only if the whole 95 % interval lies below its threshold::

    score   score_kept and score_to_identity, both < SCORE_KEPT_PERCENT: the judge reads the labels worse than in the
            reference, and worse than before refining: ``identity`` is not damaged because it is rendered
    edges   edges_kept < EDGES_KEPT_PERCENT, where the task's labels have a place in the image; a class has none, and
            a digit may change its outline and stay what it is

SSIM flags nothing: a perfect change of look lowers it more than a mirror does (docs/measures.md has the figures that
the thresholds stand on, and the command).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.api import Frozen
from bench.api.imageset import Column, ImageSet
from bench.metrics.label_preservation import boundaries, edge_agreement, relative_score, similarity
from bench.results.measurement import CONFOUNDED, Quantity
from bench.run.jobs.judge import SPLIT
from bench.run.jobs.work import Inputs, Work
from bench.run.store import Entry
from bench.run.stored_sets import column_digests, load_set
from bench.stats.variance import Estimate, Z

VERSION = 3
BATCH = 64
N_CHANGED_MOST = 8
SCORE_KEPT_PERCENT = 80.0
EDGES_KEPT_PERCENT = 45.0

JUDGES = {
    "oracle": "`oracle` of task seed 0, for reporting only",
    "source": f"`source` under the recipe `strong`, task seed 0: no real label is lent to training, so {CONFOUNDED}",
}
REFERENCES = {
    "target_look": "the same scenes drawn as the target is",
    "unrefined": "the same scenes unrefined",
}


class Spec(Frozen):
    """Whose scores are compared with what, how to read them, and which labels of the pair have ``outlines``."""

    judge: Literal["oracle", "source"]
    reference: Literal["target_look", "unrefined"]
    metric: str
    higher_is_better: bool
    unit: str
    scale: float
    labels_have_place: bool
    outlines: tuple[str, ...]
    has_truth: bool


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The judge's answers, the images before and after, and the labels that have boundaries."""
    return {
        "kind": "label_preservation",
        "version": VERSION,
        **spec.model_dump(),
        "judged": {role: inputs[role].files for role in ("judged", "judged_identity", "judged_reference")},
        "source": column_digests(
            inputs["source"],
            SPLIT,
            ("image", "box_class", *spec.outlines, *(("in_target_look",) if spec.has_truth else ())),
        ),
        "refined": column_digests(inputs["refined"], SPLIT, ("image",)),
        "views": inputs["refined"].meta["views"],
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """All values, and ``per_image.npz``."""
    source, refined = load_set(inputs["source"], SPLIT), load_set(inputs["refined"], SPLIT).columns["image"]
    judged = {role: _contributions(inputs[role]) for role in ("judged", "judged_identity", "judged_reference")}
    compared = []
    for first in range(0, source.n_images, BATCH):
        rows = np.arange(first, min(first + BATCH, source.n_images))
        compared.append(_compare(spec, source, refined, rows))
        work.progress(int(rows[-1]) + 1, source.n_images, float("nan"))
    per_image = {name: np.concatenate([part[name] for part in compared]) for name in compared[0]}
    values = _scores(spec, judged) | _edges(spec, per_image) | _similarity(spec, per_image) | _to_truth(per_image)
    del judged["judged_identity"], per_image["has_foreground"]
    changed_most = np.argsort(per_image["similarity"], kind="stable")[:N_CHANGED_MOST]
    np.savez_compressed(folder / "per_image.npz", changed_most=changed_most, **per_image, **judged)  # type: ignore[arg-type]
    return {
        "values": {name: quantity.model_dump() for name, quantity in values.items()},
        "about": {
            "judge": JUDGES[spec.judge],
            "reference": f"{spec.reference}: {REFERENCES[spec.reference]}",
            "metric": spec.metric,
            "n_images": str(source.n_images),
            "outlines": spec.outlines[0] if spec.outlines else "none",
            "score_flagged_below": f"{SCORE_KEPT_PERCENT:.0f} %",
            "edges_flagged_below": f"{EDGES_KEPT_PERCENT:.0f} %",
        },
        "flags": flags_of(values, spec.labels_have_place),
    }


def _compare(spec: Spec, source: ImageSet, refined: Column, rows: np.ndarray) -> dict[str, np.ndarray]:
    """What is seen in the images themselves, one entry a row."""
    before, after = source.columns["image"].take(rows), refined.take(rows)
    inside = np.zeros(before.shape[:3], bool)
    found = {}
    if "foreground" in spec.outlines:
        inside = source.columns["foreground"].take(rows)
    if spec.outlines:
        kind = spec.outlines[0]
        names = (kind, "box_class") if kind == "boxes" else (kind,)
        labels = {name: source.columns[name].take(rows) for name in names}
        edges = boundaries(kind, labels, source.image_size)
        found = {"edges_before": edge_agreement(before, edges), "edges_after": edge_agreement(after, edges)}
    has_foreground = np.asarray(inside.any(axis=(1, 2)))
    found["similarity"] = similarity(before, after, inside | ~has_foreground[:, None, None])
    if spec.has_truth:
        truth = source.columns["in_target_look"].take(rows)
        found |= {"to_truth": _levels(after, truth), "to_truth_identity": _levels(before, truth)}
    return {**found, "has_foreground": has_foreground}


def _levels(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each image ``(N,)``."""
    return np.abs(images.astype(np.int16) - truth).mean(axis=(1, 2, 3))


def flags_of(values: Mapping[str, Quantity], labels_have_place: bool) -> list[str]:
    """The objections that values earn; see the module's docstring."""

    def below(name: str, threshold: float) -> bool:
        high = values[name].high
        return high is not None and high < threshold

    reads_worse = below("score_kept", SCORE_KEPT_PERCENT) and below("score_to_identity", SCORE_KEPT_PERCENT)
    flags = ["score"] if reads_worse else []
    if labels_have_place and below("edges_kept", EDGES_KEPT_PERCENT):
        flags.append("edges")
    return flags


def _scores(spec: Spec, judged: dict[str, np.ndarray]) -> dict[str, Quantity]:
    values = {
        name: Quantity(value=float(judged[role].mean()) * spec.scale, unit=spec.unit)
        for name, role in (
            ("score", "judged"),
            ("score_identity", "judged_identity"),
            ("score_reference", "judged_reference"),
        )
    }
    for name, role, to in (
        ("score_kept", "judged", "judged_reference"),
        ("score_kept_identity", "judged_identity", "judged_reference"),
        ("score_to_identity", "judged", "judged_identity"),
    ):
        ratio = relative_score(judged[role], judged[to], spec.higher_is_better)
        values[name] = _percent(ratio, "the judge's score leaves nothing to divide by")
    return values


def _edges(spec: Spec, per_image: dict[str, np.ndarray]) -> dict[str, Quantity]:
    names = ("edges_before", "edges_after", "edges_kept")
    if not spec.outlines:
        return dict.fromkeys(names, Quantity.not_measurable("no masks, boxes or depth"))
    before, after = per_image["edges_before"], per_image["edges_after"]
    scored = np.isfinite(before)
    if not scored.any():
        return dict.fromkeys(names, Quantity.not_measurable(f"no boundary in {spec.outlines[0]}"))
    before, after = before[scored], after[scored]
    kept = _percent(relative_score(after - 0.5, before - 0.5, True), "the labels' edges do not show in the source")
    return dict(zip(names, (_mean(before), _mean(after), kept), strict=True))


def _similarity(spec: Spec, per_image: dict[str, np.ndarray]) -> dict[str, Quantity]:
    shown = per_image["has_foreground"]
    if shown.any():
        return {"similarity": _mean(per_image["similarity"][shown])}
    reasons = {"foreground": "no foreground in any image", "mask": "class masks have no foreground"}
    reason = next((reasons[kind] for kind in reasons if kind in spec.outlines), "no masks")
    return {"similarity": Quantity.not_measurable(reason)}


def _to_truth(per_image: dict[str, np.ndarray]) -> dict[str, Quantity]:
    """No score of the refiner: a network need not see what pixels say."""
    return {
        name: Quantity(value=float(per_image[name].mean()), unit="levels")
        if name in per_image
        else Quantity.not_measurable("no scenes in the target's look")
        for name in ("to_truth", "to_truth_identity")
    }


def _percent(ratio: Estimate | None, problem: str) -> Quantity:
    if ratio is None:
        return Quantity.not_measurable(problem)
    return Quantity(value=100 * ratio.value, low=100 * ratio.low, high=100 * ratio.high, unit="%")


def _mean(values: np.ndarray) -> Quantity:
    mean = float(values.mean())
    if len(values) < 2:
        return Quantity(value=mean)
    half = Z * float(values.std(ddof=1)) / np.sqrt(len(values))
    return Quantity(value=mean, low=mean - half, high=mean + half)


def _contributions(entry: Entry) -> np.ndarray:
    with np.load(entry.path / "statistics.npz", allow_pickle=False) as arrays:
        found: np.ndarray = arrays["contributions"]
    return found


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Gradients and similarities of ``source_val``."""
    return counts[SPLIT] * counts["pixels"] * 1e-6 + 0.1, counts[SPLIT] * 40
