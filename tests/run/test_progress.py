import io

import pytest
from rich.console import Console

from bench.run.plan import make_plan
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
