"""What a table's notes say of its measures: what they compare, on what, and whether the gap predicts the gain.

docs/measures.md explains the words.
"""

from __future__ import annotations

import numpy as np

from bench import stats
from bench.data.imageset import DataError
from bench.report.board import Row, Table


def about_measures(table: Table) -> list[str]:
    """Notes on label preservation, domain gap and their relation to the gain; nothing where nothing was measured."""
    rows = [row for row in table.rows if row.measured]
    said = []
    labels = next((row.measured.labels.about for row in rows if row.measured and row.measured.labels.about), None)
    if labels:
        edges = f"below {labels['edges_flagged_below']} (edges, of `{labels['outlines']}`)"
        placed = f" or, for labels that have a place in the image, {edges}" if labels["outlines"] != "none" else ""
        said.append(
            f"Labels after refining: measured on {labels['n_images']} refined images that no row trains on. Score kept "
            f"is the {labels['metric'].replace('_', ' ')} of {labels['judge']}, relative to the same network on "
            f"{labels['reference']}. Flagged where whole intervals lie below "
            f"{labels['score_flagged_below']} (score, also relative to unrefined images){placed}."
        )
    gap = next((row.measured.gap.about for row in rows if row.measured and row.measured.gap.about), None)
    if gap:
        said.append(
            f"Domain gap: kernel distance (KID) to {gap['n_target']} test images, from {gap['n_source']} images before "
            f"and after refining, on {gap['n_features']} features of `{gap['encoder']}` (ImageNet weights "
            f"`{gap['weights_sha256'][:8]}`; images resized to {gap['resized_to_px']} pixels). It ranks nothing. "
            + gap_and_gain(table)
        )
    return said


def gap_and_gain(table: Table) -> str:
    """Whether refiners that close more of the gap gain more: a rank correlation over those of the arm ``refined``."""
    points = [
        (reduction, row.gain.value) for row in table.rows if (reduction := _reduction(row)) is not None and row.gain
    ]
    try:
        found = stats.rank_correlation(*np.array(points, float).reshape(-1, 2).T)
    except stats.TooFew as error:
        return f"Whether closing it goes with gaining: n too small (have {error.have} refiners, need {error.need})."
    except DataError:
        return "Whether closing it goes with gaining cannot be told: all refiners close or gain the same."
    return (
        f"Over {len(points)} refiners, closing it and gaining have a rank correlation of {found.mean:+.2f} "
        f"[{found.low:+.2f}, {found.high:+.2f}]."
    )


def _reduction(row: Row) -> float | None:
    """How much nearer the target the refined images are; ``identity``, by construction no nearer, says nothing."""
    if row.arm != "refined" or row.measured is None or (row.gain and row.gain.verdict == "same training"):
        return None
    return row.measured.gap.get("kid_reduction").value
