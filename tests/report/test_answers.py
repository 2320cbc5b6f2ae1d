"""The questions of docs/design.md and their answers: each from numbers of its own table, on every page."""

from __future__ import annotations

import html
import re

import pytest

from bench.report import tables_of, write_report
from bench.report.answers import answers
from bench.results.cost import Cost
from bench.results.measurement import CONFOUNDED, Measurement, Quantity, Subject

ROWS = {("source", ""): 0.6, ("refined", "fda"): 0.7, ("refined", "cut"): 0.62, ("oracle", ""): 0.9}
QUESTIONS = ["How much", "Is that real", "What does it cost", "Does it damage", "How many labelled real images"]


def measurement(record, refiner, flags=(), judge="`oracle` of task seed 0", **values):
    cell = record.cell
    of = Subject(
        **cell.model_dump(include={"pair", "task", "model", "recipe", "budget"}), refiner=refiner, width=8, height=8
    )
    about = {
        "judge": judge,
        "reference": "identity: the same scenes unrefined",
        "metric": "accuracy",
        "n_images": "500",
        "outlines": "none",
        "score_flagged_below": "80 %",
        "edges_flagged_below": "45 %",
    }
    stated = {
        "score_kept": Quantity(value=96, low=92, high=100),
        "score_kept_identity": Quantity(value=100),
        "edges_kept": Quantity(value=67, low=65, high=69),
        "edges_before": Quantity(value=0.9),
        "edges_after": Quantity(value=0.768),
        "similarity": Quantity.not_measurable("no masks"),
    }
    return Measurement(
        suite="quick",
        kind="label_preservation",
        of=of,
        status="ok",
        about=about,
        flags=flags,
        values=stated | values,
        digests={"pair": record.pair.digest},
    )


@pytest.fixture
def answered(make_records):
    def answer(rows=ROWS, measure=True, flags=(), judge="`oracle` of task seed 0", **options):
        records = make_records(rows, **options)
        measured = [
            measurement(records[0], refiner, flags if refiner == "cut" else (), judge)
            for refiner in ("fda", "cut")
            if measure
        ]
        (table,) = tables_of(records, measured)
        found = answers(table)
        assert [question[: len(start)] for (question, _), start in zip(found, QUESTIONS, strict=True)] == QUESTIONS
        return table, dict(zip(("much", "noise", "cost", "labels", "saved"), (a for _, a in found), strict=True))

    return answer


def test_every_answer_is_about_the_best_refiner_and_of_the_tables_own_numbers(answered):
    table, said = answered(seed_spread=0.005)
    row = table.find("refined", "fda")
    assert said["much"].startswith(f"{row.gain.value:+.1f} points in accuracy with `fda`, 95 % [")
    assert f"95 % [{row.gain.interval.low:+.1f}, " in said["much"]
    assert "] (holds for the 2 rows with a refiner at once)" in said["much"]
    assert f"{row.gap_closed_percent:.0f} % of the way to `oracle`" in said["much"]
    assert said["noise"].startswith("Resolved, a gain: adjusted p ")
    assert "5 seeds × 400 test images" in said["noise"]
    assert f"A true gain of {table.gains.test.minimal_detectable_gain:.1f} points in accuracy" in said["noise"]
    assert said["labels"] == (
        "No damage was seen. Kept, in %: the judge's score 96 [92, 100] (identity 100); label edges 67 [65, 69] "
        "(identity 100; agreement 0.90 → 0.77). Foreground SSIM not measurable: no masks."
    )
    assert said["saved"].startswith("Not measured: that takes `real@k` or `hybrid@k` at 2 values of k or more")


def test_noise_and_losses_are_called_that(answered):
    _, nothing = answered({**ROWS, ("refined", "fda"): 0.603, ("refined", "cut"): 0.59}, seed_spread=0.02)
    assert nothing["noise"].startswith("Not told from noise: adjusted p 0.")
    _, loss = answered({**ROWS, ("refined", "fda"): 0.5, ("refined", "cut"): 0.4}, seed_spread=0.005)
    assert loss["noise"].startswith("Resolved, a loss: adjusted p ")
    assert loss["much"].startswith("-")


def test_the_cost_names_what_the_refiner_itself_took(answered):
    cost = Cost(
        fit_seconds=300,
        refine_seconds=2,
        train_seconds=20,
        gpu_seconds=11.5,
        peak_memory_mb=812,
        fit_images_seen=5088,
        refiner_parameters=14419,
    )
    _, said = answered(cost=cost)
    assert said["cost"] == (
        "300.0 s to fit (5,088 images seen, 14,419 parameters) and 2.0 s to refine, once for all trainings that use "
        "it; each training takes 20.0 s (20.0 s unrefined); 11.5 s of all that on a GPU. Memory: 812 MB at most."
    )
    _, said = answered()
    assert said["cost"].startswith("1.2 s to fit and 0.5 s to refine")
    assert "GPU" not in said["cost"]


def test_damage_is_named_whoever_it_is_of_and_what_confounds_it(answered):
    _, said = answered(flags=("score", "edges"))
    assert said["labels"].endswith("Flagged: `cut` (score, edges).")
    worse = {**ROWS, ("refined", "fda"): 0.5}
    _, said = answered(worse, flags=("score",), judge=f"`source`: the target has no labels, so {CONFOUNDED}")
    assert said["labels"].startswith(f"⚑ flagged (score; {CONFOUNDED}). Kept, in %: the judge's score 96 [92, 100] (id")
    assert f"(identity 100; {CONFOUNDED})" in said["labels"]
    _, said = answered(measure=False)
    assert said["labels"] == "Not measured."


def test_labels_saved_are_those_of_the_curves_and_else_say_what_would_tell(answered):
    few = {**ROWS, ("real@20", ""): 0.65, ("refined_hybrid@20", "fda"): 0.8}
    _, said = answered(few, seed_spread=0.0)
    assert said["saved"].endswith("Gains with the few labels tried: `refined_hybrid@20 fda` +20.0, `real@20` +5.0.")
    curve = {(f"real@{k}", ""): 0.6 + k / 1000 for k in (20, 50, 100, 200)}
    curve |= {(f"refined_hybrid@{k}", "fda"): 0.7 + k / 1000 for k in (20, 50)}
    table, said = answered(ROWS | curve, seed_spread=0.0)
    assert said["saved"] == table.sections[0].finding
    assert "`fda` scores like training on 100 labelled real images alone: +100 [" in said["saved"]


def test_without_a_tested_refiner_nothing_is_claimed(answered):
    _, said = answered({("source", ""): 0.6, ("oracle", ""): 0.9})
    assert len({said[name] for name in ("much", "noise", "cost", "labels")}) == 1
    assert said["much"].startswith("Not known: no refiner here has 3 seeds")
    _, said = answered(seeds=2)
    assert said["much"].startswith("Not known")


def test_the_answers_stand_before_the_first_table_of_every_page(make_records, tmp_path):
    records = make_records(ROWS, seed_spread=0.005)
    paths = write_report(
        records, tmp_path, [measurement(records[0], "fda"), measurement(records[0], "cut", ("edges",))]
    )
    markdown = paths.markdown.read_text()
    assert markdown.index("| How much does refining gain? | +") < markdown.index("**Ranked**")
    page = html.unescape(re.sub(r"</?code>", "", paths.html.read_text()))
    for question, answer in answers(paths.tables[0]):
        assert f"<dt>{question}</dt><dd>{answer.replace('`', '')}</dd>" in page
    assert page.index('<dl class="answers">') < page.index("<table")
    card = page[page.index('<li class="card') : page.index("</ol>")]
    assert "⚑ labels flagged</span> cut" in card
