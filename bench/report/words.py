"""What a table says in sentences: its headline, the notes below it, and how to reproduce it.

Prose is plain text with names between backticks; :func:`spans` takes it apart for a renderer to escape. A target that
is a rendered stand-in is called that, and no sentence calls it real.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from bench.report.about_measures import about_measures
from bench.report.board import Block, Estimate, Row, Table
from bench.report.columns import MARKS, interval, number, p_value, points
from bench.report.leaderboard import MIN_SEEDS
from bench.suite import shipped


def spans(prose: str) -> Iterator[tuple[bool, str]]:
    """Pieces of prose in order, each with whether it stood between backticks."""
    for position, piece in enumerate(prose.split("`")):
        if piece:
            yield position % 2 == 1, piece


def code(name: str) -> str:
    """A name for use in prose; backticks of its own would end it early."""
    return f"`{name.replace('`', chr(39))}`"


def block_title(table: Table, block: Block) -> str:
    """The heading of a block."""
    labelled = f"With labelled {kind_of_target(table)} images"
    return {"ranked": "Ranked", "labelled": labelled, "unranked": "Not ranked"}[block]


def kind_of_target(table: Table) -> str:
    """``real``, or ``stand-in`` where the target is rendered."""
    return "stand-in" if table.pair_info and table.pair_info.stand_in else "real"


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
        return (
            f"No row is ranked: a ranked row needs {MIN_SEEDS} seeds and every cell scored; reasons stand in the table."
        )
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


def detail(row: Row, table: Table) -> list[tuple[str, str]]:
    """What stands behind a row, as (term, text): seeds, both intervals, correction, cost."""
    seeds = f"{len(row.seeds)} task seeds ({', '.join(map(str, row.seeds))})" if row.seeds else "no scored seed"
    n_test = f" × {table.pair_info.n_target_test:,} test images" if table.pair_info and row.seeds else ""
    said = [("n", seeds + n_test)]
    for term, estimate, signed in (("score", row.score, False), ("gain", row.gain, True)):
        if estimate is None:
            continue
        figure = number(estimate.value, table.decimals, signed)
        parts = [f"{figure} {points(table.metric) if signed else table.metric.unit}".strip()]
        for what, limits in (
            ("seeds × images", estimate.interval),
            ("seeds alone", estimate.over_seeds),
            ("all rows at once", estimate.simultaneous),
        ):
            if limits:
                parts.append(f"{interval(limits.low, limits.high, table.decimals, signed)} over {what}")
        if estimate.p_adjusted is not None:
            parts.append(f"adjusted p {p_value(estimate.p_adjusted)}")
        if estimate.verdict:
            parts.append(MARKS.get(estimate.verdict, estimate.verdict))
        said.append((term, "; ".join(parts)))
    if row.costs:
        seconds = [f"{name} {row.costs[f'{name}_seconds']:,.1f} s" for name in ("fit", "refine", "train")]
        images = f"{row.costs['images_seen']:,.0f} images seen"
        said.append(("cost", ", ".join([*seconds, images, f"{row.costs['peak_memory_mb']:,.0f} MB at most"])))
    if row.reason:
        said.append(("why not ranked", row.reason.replace("`", "")))
    return said


def notes(table: Table) -> list[str]:
    """What a reader must know of the numbers above: test set, training, test used, power, and what is not there."""
    said = [*_about_pair(table)]
    if len(table.steps) == 1 and len(table.batch_sizes) == 1:
        said.append(
            f"Budget {code(table.budget)}: {table.steps[0]:,} steps of {table.batch_sizes[0]} images for every row; "
            "the weights after the last step are scored."
        )
    said.append(
        "Brackets are 95 % t intervals over seeds × test images, what other seeds and another test set would give; "
        "those over seeds alone are in leaderboard.csv. A gain is signed so that + is better."
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
            f"Labels flagged: {', '.join(objections)}. Either they no longer fit, or the judge cannot read these "
            "images; until that is known, what these refiners gain or lose is no matter of looks alone."
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


def amount(value: float, table: Table, signed: bool = False) -> str:
    """``+3.2 accuracy points``, ``-4.0 mm of translation_error``."""
    metric = table.metric
    figure = number(value, table.decimals, signed)
    if metric.unit == "%":
        return f"{figure} {metric.name.replace('_', ' ')} points"
    name = metric.name.replace("_", " ")
    return f"{figure} {metric.unit} of {name}" if metric.unit else f"{figure} of {name}"


def _measured(estimate: Estimate, table: Table) -> str:
    """``+3.2 accuracy points [+1.0, +5.4] (▲ gain)``."""
    parts = [amount(estimate.value, table, signed=True)]
    if estimate.interval:
        parts.append(interval(estimate.interval.low, estimate.interval.high, table.decimals, signed=True))
    return " ".join([*parts, f"({MARKS.get(estimate.verdict, estimate.verdict)})"])


def _one_gains(table: Table, row: Row, gain: Estimate) -> list[str]:
    how = "Refining with" if row.arm == "refined" else "Training on source and refined images together with"
    said = f"{how} {code(row.refiner)} gains {amount(gain.value, table, signed=True)}"
    if gain.simultaneous:
        limits = interval(gain.simultaneous.low, gain.simultaneous.high, table.decimals, signed=True)
        said += f", 95 % simultaneous interval {limits},"
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
        f"refiners, {pair.n_target_labelled:,} labelled ones for the rows that say so.",
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
