"""The questions that a leaderboard is asked (docs/design.md), each with its answer of one table in a sentence or two.

The first four answers are about one row, the ranked refiner of the headline. What a table does not know is said, with
what would tell: no question stays without an answer.
"""

from __future__ import annotations

import math

from bench.report.headline import best_refiner
from bench.report.image_measures import EDGES_KEPT, SCORE_KEPT, SIMILARITY, VERDICT
from bench.report.leaderboard import MIN_SEEDS
from bench.report.sections import hybrid_curves as curves
from bench.report.table import Estimate, Row, Table
from bench.report.text import amount, bracket, code, kind_of_target, number, p_value
from bench.suites.arms import Arm

NO_REFINER = f"Not known: no refiner here has {MIN_SEEDS} seeds with every cell scored, and a `source` to compare with."


def answers(table: Table) -> list[tuple[str, str]]:
    """(question, answer) as prose, in the order of the questions."""
    best = best_refiner(table)
    if best is None:
        much = noise = cost = labels = NO_REFINER
    else:
        row, gain = best
        much, noise, cost = _much(table, row, gain), _noise(table, gain), _cost(table, row)
        labels = _labels(table, row)
    return [
        ("How much does refining gain?", much),
        ("Is that real or noise?", noise),
        ("What does it cost?", cost),
        ("Does it damage the labels?", labels),
        (f"How many labelled {kind_of_target(table)} images does it save?", _saved(table)),
    ]


def _much(table: Table, row: Row, gain: Estimate) -> str:
    said = f"{amount(gain.value, table, signed=True)} with {code(row.refiner)}"
    said += "" if row.arm == "refined" else f" in the arm {code(row.arm)}"
    n_rows = sum(1 for other in table.block("ranked") if other.refiner and other.gain and other.gain.interval)
    if gain.interval:
        all_rows = f" (holds for the {n_rows} rows with a refiner at once)" if n_rows > 1 else ""
        said += f", 95 % {bracket(gain.interval, table.decimals, signed=True)}{all_rows}"
    if row.gap_closed_percent is not None and gain.value > 0:
        said += f"; that is {row.gap_closed_percent:.0f} % of the way to `oracle`"
    return f"{said}."


def _noise(table: Table, gain: Estimate) -> str:
    test = table.gains.test
    if test is None or gain.p_adjusted is None:
        return "Not tested."
    images = f" × {table.pair_info.n_target_test:,} test images" if table.pair_info else ""
    verdict = {"gain": "Resolved, a gain", "loss": "Resolved, a loss"}.get(gain.verdict, "Not told from noise")
    said = f"{verdict}: adjusted p {p_value(gain.p_adjusted)}, {len(table.gains.seeds)} seeds{images}."
    if test.minimal_detectable_gain is not None:
        smallest = amount(test.minimal_detectable_gain, table)
        said += f" A true gain of {smallest} would be seen four times in five, a smaller one less often."
    return said


def _cost(table: Table, row: Row) -> str:
    costs, source = row.costs, table.find("source")
    of_fit = [
        f"{costs[name]:,.0f} {what}"
        for name, what in (("fit_images_seen", "images seen"), ("refiner_parameters", "parameters"))
        if name in costs
    ]
    said = f"{costs['fit_seconds']:,.1f} s to fit"
    said += f" ({', '.join(of_fit)})" if of_fit else ""
    said += f" and {costs['refine_seconds']:,.1f} s to refine, once for all trainings that use it; "
    said += f"each training takes {costs['train_seconds']:,.1f} s"
    said += f" ({source.costs['train_seconds']:,.1f} s unrefined)" if source and source.costs else ""
    if costs.get("gpu_seconds"):
        said += f"; {costs['gpu_seconds']:,.1f} s of all that on a GPU"
    return f"{said}. Memory: {costs['peak_memory_mb']:,.0f} MB at most."


def _labels(table: Table, row: Row) -> str:
    found = row.measured
    said = "Not measured in this table"
    if found and not found.labels.values:
        said = found.labels.problem[:1].upper() + found.labels.problem[1:]
    elif found:
        said = "No damage was seen" if not found.labels.flags else VERDICT.text(found, 0)
        score, edges, similarity = (shown.text(found, 0) for shown in (SCORE_KEPT, EDGES_KEPT, SIMILARITY))
        said += f". Kept, in %: the judge's score {score}; label edges {edges}. Foreground SSIM {similarity}"
    others = {
        other.refiner: other.measured.labels.flags
        for other in table.rows
        if other.measured and other.measured.labels.flags and other.refiner != row.refiner
    }
    if others:
        flagged = ", ".join(f"{code(refiner)} ({', '.join(flags)})" for refiner, flags in others.items())
        said += f". Flagged: {flagged}"
    return f"{said}."


def _saved(table: Table) -> str:
    section = next((section for section in table.sections if section.csv == curves.CSV), None)
    if section is not None:
        return section.finding
    said = f"Not measured: that takes `real@k` or `hybrid@k` at {curves.LEAST_K} values of k or more (suite `labels`)."
    few = [row for row in table.block("labelled") if Arm.parse(row.arm).k is not None and row.gain]
    gains = [
        f"{code(f'{row.arm} {row.refiner}'.strip())} {number(row.gain.value, table.decimals, signed=True)}"
        for row in few
        if row.gain and math.isfinite(row.gain.value)
    ]
    return f"{said} Gains with the few labels tried: {', '.join(gains)}." if gains else said
