"""The notes under a table."""

from __future__ import annotations

import shlex
from pathlib import PurePath

import numpy as np

from bench import stats
from bench.api.errors import DataError
from bench.report.table import Row, Table
from bench.report.text import amount, bracket, code, mark, number, p_value, points, with_unit
from bench.results.record import label_of
from bench.suites.load import shipped

OVER_BOTH = "over seeds × images"


def detail(row: Row, table: Table) -> list[tuple[str, str]]:
    """What stands behind a row, as (term, text): seeds, both intervals, correction, cost."""
    seeds = f"{len(row.seeds)} task seeds ({', '.join(map(str, row.seeds))})" if row.seeds else "no scored seed"
    n_test = f" × {table.pair_info.n_target_test:,} test images" if table.pair_info and row.seeds else ""
    said = [("n", seeds + n_test)]
    for term, estimate, signed in (("score", row.score, False), ("gain", row.gain, True)):
        if estimate is None:
            continue
        figure = number(estimate.value, table.decimals, signed)
        parts = [with_unit(figure, points(table.metric) if signed else table.metric.unit)]
        for what, limits in (
            (OVER_BOTH if estimate.alone is None else f"{OVER_BOTH}, all rows at once", estimate.interval),
            (f"{OVER_BOTH}, this row by itself", estimate.alone),
            ("over seeds", estimate.over_seeds),
        ):
            if limits:
                parts.append(f"{bracket(limits, table.decimals, signed)} {what}")
        if estimate.p_adjusted is not None:
            parts.append(f"adjusted p {p_value(estimate.p_adjusted)}")
        if estimate.verdict:
            parts.append(mark(estimate.verdict))
        said.append((term, "; ".join(parts)))
    if row.costs:
        seconds = [f"{name} {row.costs[f'{name}_seconds']:,.1f} s" for name in ("fit", "refine", "train")]
        images = f"{row.costs['images_seen']:,.0f} images seen"
        said.append(("cost", ", ".join([*seconds, images, f"{row.costs['peak_memory_mb']:,.0f} MB at most"])))
    if row.reason:
        said.append(("why not ranked", row.reason.replace("`", "")))
    return said


def notes(table: Table) -> list[str]:
    """What a reader must know about the numbers: test set, training, statistical test, power, and what was left out."""
    said = [*_about_pair(table)]
    if len(table.steps) == 1 and len(table.batch_sizes) == 1:
        said.append(
            f"Budget {code(table.budget)}: {table.steps[0]:,} steps of {table.batch_sizes[0]} images for every row; "
            "the weights after the last step are scored."
        )
    said.append(
        "Brackets are 95 % t intervals over seeds × test images: what other seeds and another test set would give. "
        "A gain is signed so that + is better. The bracket of a gain holds for all rows of its family at once and "
        "agrees with the verdict: it excludes 0 exactly where the gain or loss is resolved. A round bracket at 0 "
        "excludes 0. "
        "The interval of each row by itself, and those over seeds alone, are in `leaderboard.csv`."
    )
    said += _about_tests(table)
    if any(row.gain and row.gain.verdict == "same training" for row in table.rows):
        said.append(
            "Same training: the training images equal those of `source`, so its training was reused, not tested."
        )
    if table.is_measured:
        said += about_measures(table)
    if table.gap_problem:
        said.append(f"No gap closed is printed: {table.gap_problem}.")
    if not table.has_strong_source:
        said.append(
            "No gain over the strong source is printed: there is no scored `source` row of the recipe `strong`."
        )
    if table.recipe == "strong" and table.find("source (plain)") is None:
        said.append("`source` under the recipe `plain` is not among these records.")
    return said


def warnings(table: Table) -> list[str]:
    """What makes rows of the table less comparable than they look; usually nothing."""
    found = [
        f"Cells of this table mix {code(key)}: {', '.join(code(value) for value in values)}. "
        "Run the suite again in one environment before trusting small differences."
        for key, values in table.versions.items()
        if len(values) > 1
    ]
    flagged = {row.refiner: row.measured.labels.flags for row in table.rows if row.measured}
    if objections := [f"{code(refiner)} ({' and '.join(flags)})" for refiner, flags in flagged.items() if flags]:
        found.append(
            f"Labels flagged: {', '.join(objections)}. Either the labels no longer fit, or the judge cannot read these "
            "images. Until that is known, do not put a gain or loss of these refiners down to realism."
        )
    for what, numbers in (("training steps", table.steps), ("batch sizes", table.batch_sizes)):
        if len(numbers) > 1:
            found.append(f"Cells of this table mix {what}: {', '.join(f'{n:,}' for n in numbers)}.")
    return found


def run_command(suite: str, results: str = ".") -> str:
    """What runs a suite again: its name if it ships; otherwise the file that its run left in the folder ``results``."""
    return f"python -m bench run {shlex.quote(suite if suite in shipped() else str(PurePath(results, 'suite.yaml')))}"


def reproduce(table: Table) -> list[str]:
    """The command behind the records, and what ran them."""
    commands = " and ".join(dict.fromkeys(code(run_command(suite)) for suite in table.suites))
    versions = ", ".join(f"{key} {' / '.join(values)}" for key, values in table.versions.items() if " of " not in key)
    return [
        f"Reproduce: {commands}; the suite as it was run is `suite.yaml` beside this page.",
        *([f"Made with {versions.replace('`', chr(39))}."] if versions else []),
    ]


def _about_pair(table: Table) -> list[str]:
    pair = table.pair_info
    if pair is None:
        return []
    images = "test images, rendered stand-ins," if pair.stand_in else "real test images"
    said = f"Scored on {pair.n_target_test:,} {images}"
    said += f" of pair {code(table.pair)} ({pair.title}; licence: {pair.licence}; version {code(pair.digest[:12])})."
    if pair.stand_in:
        said += " The target is a rendered stand-in: what helps here may not help on photographs."
    return [
        said,
        f"Training data: {pair.n_source:,} synthetic images, {pair.n_target_train:,} unlabelled target images for "
        f"refiners, {pair.n_target_labelled:,} labelled ones for the arms that use labels.",
        *([f"Tuning: {pair.tuned}"] if pair.tuned else []),
    ]


def _about_tests(table: Table) -> list[str]:
    test = table.gains.test
    if test is None:
        return [f"Gains are not tested: {table.gains.problem}."]
    tested = [name for name, comparison in test.comparisons.items() if comparison.p is not None]
    n_refiners = sum(" " in name for name in tested)
    said = [
        f"Test: paired t by task seed and test image against `source` of the same recipe. {test.statement} Holm's "
        f"correction within the tested rows with a refiner ({n_refiners}) and within those without "
        f"({len(tested) - n_refiners}); resolved means adjusted p < 0.05."
    ]
    if test.minimal_detectable_gain is not None:
        smallest = amount(test.minimal_detectable_gain, table)
        said.append(f"Smallest gain seen with 80 % power at Holm's first step: {smallest}.")
    lacking = [seed for seed in table.seeds if seed not in table.gains.seeds]
    if lacking:
        seeds = ", ".join(map(str, lacking))
        said.append(f"`source` has no score for task seed {seeds}: gains are paired over the other seeds.")
    return said


def about_measures(table: Table) -> list[str]:
    """Notes on label preservation, domain gap and their relation to the gain; nothing where nothing was measured."""
    rows = [row for row in table.rows if row.measured]
    said = _not_measured(table)
    labels = next((row.measured.labels.about for row in rows if row.measured and row.measured.labels.about), None)
    if labels:
        edges = f"below {labels['edges_flagged_below']} (edges, of `{labels['outlines']}`)"
        placed = f" or, for labels that have a place in the image, {edges}" if labels["outlines"] != "none" else ""
        said.append(
            f"Labels after refining: measured on {labels['n_images']} refined images that no row trains on. Score kept "
            f"is the {label_of(labels['metric'])} of {labels['judge']}, relative to the same network on "
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


def _not_measured(table: Table) -> list[str]:
    """One note per reason: which measures of which refiners are not there."""
    found: dict[str, dict[str, None]] = {}
    for row in table.rows:
        parts = (("labels", row.measured.labels), ("domain gap", row.measured.gap)) if row.measured else ()
        for what, part in parts:
            if part.why:
                found.setdefault(part.why, {})[f"{what} of `{row.refiner}`"] = None
    return [f"Not measured: {', '.join(which)}. Reason: {why}." for why, which in found.items()]


def gap_and_gain(table: Table) -> str:
    """Whether refiners that close more of the gap gain more: a rank correlation over those of the arm ``refined``."""
    points = [
        (reduction, row.gain.value) for row in table.rows if (reduction := _reduction(row)) is not None and row.gain
    ]
    try:
        found = stats.rank_correlation(*np.array(points, float).reshape(-1, 2).T)
    except stats.TooFew as error:
        return (
            "Whether refiners that close more of it gain more is not known: "
            f"{error.need} refiners are needed, {error.have} were measured."
        )
    except DataError:
        return "Whether refiners that close more of it gain more is not known: all of them close or gain the same."
    return (
        f"Over {len(points)} refiners, closing it and gaining have a rank correlation of {found.mean:+.2f} "
        f"[{found.low:+.2f}, {found.high:+.2f}]."
    )


def _reduction(row: Row) -> float | None:
    """How much nearer the target the refined images are; ``identity``, by construction no nearer, says nothing."""
    if row.arm != "refined" or row.measured is None or (row.gain and row.gain.verdict == "same training"):
        return None
    return row.measured.gap.get("kid_reduction").value
