"""*label_preservation*: whether the labels of ``source_val`` still fit its refined images; thresholds and flag.

Values::

    score_kept, score_kept_identity      %  judge's score on refined (on source) images, relative to the reference
    score_to_identity                    %  judge's score on refined images, relative to that on source images
    score, score_identity, score_reference  the scores themselves, in the metric's printed unit
    edges_before, edges_after               agreement of image edges with label boundaries, 0.5 = none
    edges_kept                           %  (edges_after − 0.5) / (edges_before − 0.5), over all images
    similarity                              SSIM of luminance inside the foreground; 1 for ``identity``

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

from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.api import Frozen
from bench.data.imageset import ImageSet
from bench.data.stored import column_digests, load_set
from bench.jobs.judge import SPLIT
from bench.jobs.work import Inputs, Work
from bench.measures import Quantity
from bench.metrics.domain_gap import Estimate, Z
from bench.metrics.label_preservation import boundaries, edge_agreement, relative_score, similarity
from bench.store import Entry

VERSION = 2
N_CHANGED_MOST = 8
SCORE_KEPT_PERCENT = 80.0
EDGES_KEPT_PERCENT = 45.0

JUDGES = {
    "oracle": "`oracle` of task seed 0, for reporting only",
    "source": "`source` under the recipe `strong`, task seed 0: the target has no labels, so confounded by realism",
}
REFERENCES = {
    "oracle_style": "the same scenes drawn as the target is",
    "identity": "the same scenes unrefined",
}


class Spec(Frozen):
    """Whose scores are compared with what, how to read them, and which labels of the pair have ``outlines``."""

    judge: Literal["oracle", "source"]
    reference: Literal["oracle_style", "identity"]
    metric: str
    higher_is_better: bool
    unit: str
    scale: float
    labels_have_place: bool
    outlines: tuple[str, ...]


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The judge's answers, the images before and after, and the labels that have boundaries."""
    return {
        "kind": "label_preservation",
        "version": VERSION,
        **spec.model_dump(),
        "judged": {role: inputs[role].files for role in ("judged", "judged_identity", "judged_reference")},
        "source": column_digests(inputs["source"], SPLIT, ("image", "box_class", *spec.outlines)),
        "refined": column_digests(inputs["refined"], SPLIT, ("image",)),
        "views": inputs["refined"].meta["views"],
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """All values, and ``per_image.npz``."""
    source = load_set(inputs["source"], SPLIT)
    rows = np.arange(source.n_images)
    before = source.columns["image"].take(rows)
    after = load_set(inputs["refined"], SPLIT).columns["image"].take(rows)
    labels = {name: source.columns[name].take(rows) for name in spec.outlines}
    if "boxes" in labels:
        labels["box_class"] = source.columns["box_class"].take(rows)
    values, per_image = _scores(spec, inputs)
    for found in (_edges(source, labels, before, after), _similarity(labels, before, after)):
        values |= found[0]
        per_image |= found[1]
    per_image["changed_most"] = np.argsort(per_image["similarity"], kind="stable")[:N_CHANGED_MOST]
    np.savez_compressed(folder / "per_image.npz", **per_image)  # type: ignore[arg-type]
    return {
        "values": {name: quantity.model_dump() for name, quantity in values.items()},
        "about": {
            "judge": JUDGES[spec.judge],
            "reference": f"{spec.reference}: {REFERENCES[spec.reference]}",
            "metric": spec.metric,
            "n_images": str(source.n_images),
        },
        "flags": _flags(spec, values),
    }


def _flags(spec: Spec, values: dict[str, Quantity]) -> list[str]:
    def below(name: str, threshold: float) -> bool:
        high = values[name].high
        return high is not None and high < threshold

    reads_worse = below("score_kept", SCORE_KEPT_PERCENT) and below("score_to_identity", SCORE_KEPT_PERCENT)
    flags = ["score"] if reads_worse else []
    if spec.labels_have_place and below("edges_kept", EDGES_KEPT_PERCENT):
        flags.append("edges")
    return flags


Found = tuple[dict[str, Quantity], dict[str, np.ndarray]]


def _scores(spec: Spec, inputs: Inputs) -> Found:
    contributions = {role: _contributions(inputs[role]) for role in ("judged", "judged_identity", "judged_reference")}
    values = {
        name: Quantity(value=float(contributions[role].mean()) * spec.scale, unit=spec.unit)
        for name, role in (
            ("score", "judged"),
            ("score_identity", "judged_identity"),
            ("score_reference", "judged_reference"),
        )
    }
    for name, role in (("score_kept", "judged"), ("score_kept_identity", "judged_identity")):
        ratio = relative_score(contributions[role], contributions["judged_reference"], spec.higher_is_better)
        values[name] = (
            _percent(ratio) if ratio else Quantity.not_measurable("the judge scores nothing on the reference")
        )
    return values, {"judged": contributions["judged"], "judged_reference": contributions["judged_reference"]}


def _edges(source: ImageSet, labels: dict[str, np.ndarray], before: np.ndarray, after: np.ndarray) -> Found:
    if not labels:
        missing = Quantity.not_measurable("no masks, boxes or depth")
        return dict.fromkeys(("edges_before", "edges_after", "edges_kept"), missing), {}
    kind = next(iter(labels))
    edges = boundaries(kind, labels, source.image_size)
    per_image = {"edges_before": edge_agreement(before, edges), "edges_after": edge_agreement(after, edges)}
    scored = np.isfinite(per_image["edges_before"])
    if not scored.any():
        missing = Quantity.not_measurable(f"no boundary in {kind}")
        return dict.fromkeys(("edges_before", "edges_after", "edges_kept"), missing), per_image
    values = {name: _mean(agreement[scored]) for name, agreement in per_image.items()}
    kept = relative_score(per_image["edges_after"][scored] - 0.5, per_image["edges_before"][scored] - 0.5, True)
    values["edges_kept"] = (
        _percent(kept) if kept else Quantity.not_measurable(f"edges of {kind} do not show in the source")
    )
    return values, per_image


def _similarity(labels: dict[str, np.ndarray], before: np.ndarray, after: np.ndarray) -> Found:
    foreground = labels.get("foreground", np.zeros(before.shape[:3], bool))
    shown = np.asarray(foreground.any(axis=(1, 2)))
    per_image = similarity(before, after, foreground | ~shown[:, None, None])
    if "foreground" not in labels:
        return {"similarity": Quantity.not_measurable("no masks")}, {"similarity": per_image}
    if not shown.any():
        return {"similarity": Quantity.not_measurable("no foreground in any image")}, {"similarity": per_image}
    return {"similarity": _mean(per_image[shown])}, {"similarity": per_image}


def _percent(ratio: Estimate) -> Quantity:
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
