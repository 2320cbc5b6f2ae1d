import io

import pytest
from rich.console import Console

from bench.run.plan import make_plan
from bench.run.plan.first import first_finding
from bench.run.progress import LineDisplay, LiveDisplay, display
from bench.run.record import failed_record
from bench.suites.resolve import resolve
from toy_runs import toy_suite


@pytest.fixture
def plan(registry):
    return make_plan(resolve(toy_suite(arms=["oracle"]), registry))


@pytest.fixture
def jobs(plan):
    return list(plan.jobs.values())


def ignore(records):
    return None


def consoles(terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=100), output


def test_elsewhere_than_on_a_terminal_lines_say_failures_and_nothing_blinks(plan, jobs):
    console, output = consoles(terminal=False)
    with display(console, plan, False, False, ignore) as shown:
        assert isinstance(shown, LineDisplay)
        shown.started(jobs[0])
        shown.progressed(jobs[0], 3, 10, 0.5)
        shown.finished(jobs[0], made=True)
        shown.failed(jobs[1], "it [broke]", own=True)
        shown.failed(jobs[2], "it [broke]", own=False)
    text = output.getvalue()
    assert text == f"[2/{len(jobs)}] FAILED {jobs[1].label}: it [broke]\n".replace(
        "[2/", f"[{2:>{len(str(len(jobs)))}}/"
    )
    assert "\x1b" not in text


def test_the_first_finding_is_done_first_and_handed_on_while_its_table_is_at_work(registry):
    plan = make_plan(resolve(toy_suite(seeds=3, arms=["oracle", "refined"], refiners=["twice", "darker"]), registry))
    cells = first_finding(plan)
    assert {(p.cell.arm, p.cell.refiner, p.cell.recipe) for p in cells} == {
        ("source", "", "strong"),
        ("refined", "darker", "strong"),  # `twice` stores, and so costs, two views
    }
    assert len(cells) == 6
    told = []
    shown = LineDisplay(consoles(terminal=False)[0], plan, False, False, ignore, told.append)
    others = [planned for planned in plan.cells if planned not in cells]
    shown.recorded(failed_record(others[0], "", "toys"))
    for planned in cells[:-1]:
        shown.recorded(failed_record(planned, "", "toys"))
    assert told == []
    shown.finished(next(iter(plan.jobs.values())), made=True)
    shown.recorded(failed_record(cells[-1], "", "toys"))
    assert [[record.cell for record in records] for records in told] == [[planned.cell for planned in cells]]


def test_what_was_there_before_is_no_first_finding_and_one_or_two_seeds_find_nothing(registry):
    plan = make_plan(resolve(toy_suite(seeds=3, arms=["oracle", "refined"], refiners=["darker"]), registry))
    told = []
    shown = LineDisplay(consoles(terminal=False)[0], plan, False, False, ignore, told.append)
    for planned in first_finding(plan):
        shown.finished(plan.jobs[planned.jobs["score"]], made=False)
        shown.recorded(failed_record(planned, "", "toys"))
    assert told == []
    assert first_finding(make_plan(resolve(toy_suite(arms=["refined"], refiners=["darker"]), registry))) == ()


def test_verbose_says_every_job_and_what_was_reused(plan, jobs):
    console, output = consoles(terminal=False)
    with display(console, plan, True, False, ignore) as shown:
        shown.finished(jobs[0], made=True)
        shown.finished(jobs[1], made=False)
    first, second = output.getvalue().splitlines()
    assert first.endswith(jobs[0].label)
    assert second.endswith(f"{jobs[1].label}: already in the store")


def test_a_terminal_shows_a_line_for_each_running_job_with_step_and_loss(plan, jobs):
    console, output = consoles(terminal=True)
    with display(console, plan, False, False, ignore) as shown:
        assert isinstance(shown, LiveDisplay)
        shown.started(jobs[0])
        shown.progressed(jobs[0], 37, 400, 1.25)
        shown.progress.refresh()
        assert jobs[0].label in output.getvalue()
        assert "37/400" in output.getvalue()
        assert "loss 1.250" in output.getvalue()
        shown.finished(jobs[0], made=True)
        assert len(shown.progress.tasks) == 1


def test_quiet_is_quiet_on_a_terminal_too(plan, jobs):
    console, output = consoles(terminal=True)
    with display(console, plan, False, True, ignore) as shown:
        for job in jobs:
            shown.finished(job, made=True)
    assert output.getvalue() == ""


def test_a_table_is_handed_on_as_soon_as_all_its_cells_are_recorded(plan):
    console, _ = consoles(terminal=False)
    heard = []
    with display(console, plan, False, False, heard.append) as shown:
        records = [failed_record(planned, "no reason", "toys") for planned in plan.cells]
        for record in records[:-1]:
            shown.recorded(record)
        assert heard == []
        shown.recorded(records[-1])
    assert heard == [records]
