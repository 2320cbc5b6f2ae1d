"""The finding of a table in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.leaderboard import MIN_SEEDS
from bench.report.table import Estimate, Row, Table
from bench.report.text import amount, bracket, code, mark


def best_refiner(table: Table) -> tuple[Row, Estimate] | None:
    """The ranked refiner that the headline is about: of those that gain, else of all that were tested, the best."""
    tested = _tested(table)
    gaining = [pair for pair in tested if pair[1].verdict == "gain"]
    return max(gaining or tested, key=lambda pair: pair[1].value, default=None)


def _tested(table: Table) -> list[tuple[Row, Estimate]]:
    return [(row, row.gain) for row in table.block("ranked") if row.refiner and row.gain and row.gain.interval]


def headline(table: Table) -> str:
    """The answer of a table: the best refiner's gain where one is resolved, else what could not be seen; and rivals."""
    if not table.block("ranked"):
        needs = f"No row is ranked: a ranked row needs {MIN_SEEDS} seeds and every cell scored."
        return f"{needs} The table gives the reasons."
    if table.gains.test is None:
        return f"No gain can be stated: {table.gains.problem}."
    best = best_refiner(table)
    if best is None:
        said = ["No refiner is tested in this table."]
    elif best[1].verdict == "gain":
        said = _one_gains(table, *best)
    else:
        said = _none_gains(table, _tested(table), *best)
    return " ".join([*said, *_better_without_refiner(table, best[0] if best else None)])


def verdict(table: Table) -> str:
    """The headline in a word: ``gain``, ``loss`` (every refiner loses), ``not resolved``, or nothing to say."""
    tested = _tested(table)
    if not tested or table.gains.test is None:
        return ""
    verdicts = {gain.verdict for _, gain in tested}
    return "gain" if "gain" in verdicts else "loss" if verdicts == {"loss"} else "not resolved"


def summary(tables: Sequence[Table]) -> str:
    """The answer of a page: in how many of its tables refining helps."""
    found = [verdict(table) for table in tables]
    n_tested = len(found) - found.count("")
    if not n_tested:
        return "No refiner is tested here yet"
    if len(tables) == 1:
        return {
            "gain": "Refining the synthetic images helps detectably",
            "loss": "Refining the synthetic images hurts",
            "not resolved": "No refiner helps detectably",
        }[found[0]]
    n_gain, n_loss = found.count("gain"), found.count("loss")
    if n_gain:
        said = f"A refiner helps detectably in {n_gain} of {n_tested} tables"
    else:
        said = "No refiner helps detectably" + (f" in any of {n_tested} tables" if n_tested > 1 else "")
    return said + (f"; in {n_loss} every refiner hurts" if n_loss else "")


def _measured(estimate: Estimate, table: Table) -> str:
    """``+3.2 points in accuracy [+1.0, +5.4] (▲ gain)``."""
    parts = [amount(estimate.value, table, signed=True)]
    if estimate.interval:
        parts.append(bracket(estimate.interval, table.decimals, signed=True))
    return " ".join([*parts, f"({mark(estimate.verdict)})"])


def _one_gains(table: Table, row: Row, gain: Estimate) -> list[str]:
    how = "Refining with" if row.arm == "refined" else "Training on source and refined images together with"
    said = f"{how} {code(row.refiner)} gains {amount(gain.value, table, signed=True)}"
    if gain.interval:
        said += f", 95 % simultaneous interval {bracket(gain.interval, table.decimals, signed=True)},"
    said += f" over the same synthetic images unrefined (recipe {code(table.recipe)})"
    if row.gap_closed_percent is not None:
        said += f"; it closes {row.gap_closed_percent:.0f} % of the gap to `oracle`"
    if row.measured and row.measured.labels.values:
        said += "; labels flagged" if row.measured.labels.flags else "; labels intact"
    sentences = [f"{said}."]
    if table.recipe == "plain" and row.strong_gain:
        sentences.append(f"Over `source` under the recipe `strong` it is {_measured(row.strong_gain, table)}.")
    return sentences


def _none_gains(table: Table, tested: Sequence[tuple[Row, Estimate]], best: Row, gain: Estimate) -> list[str]:
    losing = [row for row, estimate in tested if estimate.verdict == "loss"]
    if len(losing) == len(tested):
        return [f"Every refiner loses; the smallest loss is that of {code(best.refiner)}: {_measured(gain, table)}."]
    unresolved = f"No refiner's gain is resolved with {len(table.gains.seeds)} seeds"
    smallest = table.gains.test and table.gains.test.minimal_detectable_gain
    if smallest:
        unresolved += f"; a gain under {amount(smallest, table)} would be missed more than one time in five"
    sentences = [f"{unresolved}."]
    if losing:
        sentences.append(f"Resolved losses: {', '.join(code(row.refiner) for row in losing)}.")
    return sentences


def _better_without_refiner(table: Table, best: Row | None) -> list[str]:
    """The best rival without refiner or target labels, if it scores above the best refiner or its gain is resolved."""
    sign = 1.0 if table.metric.higher_is_better else -1.0
    references = [row for row in table.rows if not row.refiner and not row.target_labels and row.arm != "source"]
    rivals = [(row, row.gain) for row in references if row.score and row.gain]
    if not rivals:
        return []
    rival, gain = max(rivals, key=lambda pair: pair[1].value)
    bar = best.score.value if best and best.score else None
    if gain.value <= 0:
        return []
    if bar is not None and rival.score and sign * (rival.score.value - bar) <= 0:
        resolved = gain.verdict == "gain"
        return [f"Without any refiner, {code(rival.arm)} gains {_measured(gain, table)}."] if resolved else []
    return [f"{code(rival.arm)} needs no refiner and {'scores higher' if best else 'leads'}: {_measured(gain, table)}."]
