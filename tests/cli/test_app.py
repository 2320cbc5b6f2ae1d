"""The command line with real workers and the toy plug-ins; in a process of its own where that is the point."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from toy_runs import TOYS, toy_suite

ROOT = Path(__file__).parents[2]


def suite_file(folder: Path, **table) -> str:
    suite = toy_suite(**table).model_dump(mode="json", exclude_defaults=True)
    path = folder / "toys.yaml"
    path.write_text(yaml.safe_dump(suite))
    return str(path)


def n_trainings(store: Path) -> int:
    manifests = (json.loads(path.read_text())["meta"] for path in store.glob("objects/*/*/manifest.json"))
    return sum(meta["kind"] == "train" for meta in manifests)


def test_help_loads_no_torch():
    code = "import sys, runpy; sys.argv = ['bench', '--help']\n" + (
        "try: runpy.run_module('bench', run_name='__main__')\n"
        "except SystemExit: print('torch' in sys.modules, 'pandas' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert "run" in shown
    assert shown.endswith("False False\n")


@pytest.mark.parametrize("group", [[], ["data"]])
def test_help_says_what_each_command_does_in_a_line_of_eighty_characters(cli, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    lines = cli(*group, "--help").stdout.partition("Commands:\n")[2].splitlines()
    assert len(lines) > 3
    assert not [line for line in lines if line.endswith("...") or len(line.split()) < 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "gone.yaml"], "no suite file gone.yaml"),
        (["report", "nowhere"], "no records in nowhere"),
        (["run", "smoke", "--out", str(TOYS)], "File exists"),
        (["run", "smoke", "--plugin", "gone.py"], "no file or folder gone.py"),
        (["run", "smoke", "--refiner", "histgram"], "no refiner 'histgram'; did you mean 'histogram'?"),
        (["check-refiner", "histgram"], "no refiner 'histgram'; did you mean 'histogram'?"),
        (["check-refiner", "gone.py"], "no file or folder gone.py"),
        (
            ["run", "smoke", "--plugin", str(TOYS), "--refiner", "cyclgan"],
            "no refiner 'cyclgan'; did you mean 'cyclegan'? Av",
        ),
        (
            ["run", "smoke", "--model", "light_cn"],
            "no model 'light_cn' for task 'classification'; did you mean 'light_cnn'?",
        ),
        (
            ["data", "preview", "digits", "--out", "digits.xyz"],
            "no picture can be written as 'digits.xyz'; allowed: names",
        ),
        (["data", "preview", "digit"], "no pair 'digit'; did you mean 'digits'? Available: "),
        (["new-refiner", "fda"], "there is a refiner 'fda' already"),
        (["rn"], "no such command 'rn'. Did you mean 'run'?; see python -m bench --help"),
        (["run", "--seed", "3"], "no such option: --seed (Possible options: --seeds"),
        (["run", "--seeds", "0"], "invalid value for '--seeds': "),
        (["data", "export", "digits"], "missing option '--out'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(cli, arguments, message):
    done = cli(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_a_process_ends_as_its_command_does(cli_process):
    done = cli_process("run", "quik")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no suite 'quik'; did you mean 'quick'? Available: ")
    assert done.stderr.count("\n") == 1


def test_plan_and_run_and_report(cli, cli_process, tmp_path):
    suite = suite_file(tmp_path, arms=["refined", "oracle"], refiners=["same", "histogram"])
    dry = cli("plan", suite, "--plugin", str(TOYS))
    assert dry.returncode == 0, dry.stderr
    assert "10 cells" in dry.stdout
    assert "0 cached" in dry.stdout
    assert "MB of disk" in " ".join(dry.stdout.split())
    assert not list(tmp_path.glob("results/local/store/objects/*"))

    done = cli_process("run", suite, "--plugin", str(TOYS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not fit, refine, train, score or measure" in " ".join(done.stdout.split())
    results = tmp_path / "results" / "local" / "toys"
    assert len(list((results / "records").glob("*.json"))) == 10
    first = {name: (results / name).read_bytes() for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.html")}
    assert n_trainings(tmp_path / "results/local/store") == 8

    rebuilt = cli("report", str(results))
    assert rebuilt.returncode == 0
    assert {name: (results / name).read_bytes() for name in first} == first

    again = cli("run", suite, "--plugin", str(TOYS), "-q")
    assert again.returncode == 0
    assert "jobs:" not in again.stdout
    assert {name: (results / name).read_bytes() for name in first} == first

    dry = cli("plan", suite, "--plugin", str(TOYS))
    assert "; 0 to do" in " ".join(dry.stdout.split())


@pytest.mark.parametrize(("allowed", "said"), [(1e6, "within its 1000000"), (0.5, "MORE THAN its 0")])
def test_plan_holds_a_table_against_the_core_seconds_that_it_may_cost(cli, tmp_path, allowed, said):
    dry = cli("plan", suite_file(tmp_path, core_seconds=allowed), "--plugin", str(TOYS))
    assert said in " ".join(dry.stdout.split())


def test_failures_end_in_exit_code_1_with_all_other_rows_done(cli, tmp_path):
    suite = suite_file(tmp_path, arms=["refined", "oracle"], refiners=["exits", "raises", "histogram"], seeds=1)
    done = cli("run", suite, "--plugin", str(TOYS))
    assert done.returncode == 1
    assert "the flux capacitor is empty" in done.stdout
    assert "the worker process left with exit code 7" in done.stdout
    assert "Traceback (most" not in done.stdout + done.stderr
    results = "results/local/toys"
    last = done.stdout.rpartition("\n\n")[2].splitlines()
    assert last[0] == "FAILED: not everything is there."
    assert last[1].startswith("  2 of 6 cells failed: ")
    assert last[1].endswith("(1 time; 1 other reason)")
    assert last[2].startswith("  Next: mend the cause, then run the same command again; finished work is kept.")
    assert last[2].endswith(f"Tracebacks are in {results}/failures.")
    page = (tmp_path / results / "leaderboard.md").read_text()
    assert "Incomplete: 2 of 6 cells failed" in page.partition("## ")[0]
    for command in (["report", results], ["compare", results, results]):
        again = cli(*command)
        assert again.returncode == 1
        assert "2 of 6 cells failed" in again.stdout.rpartition("\n\n")[2]


def test_the_first_finding_is_on_the_screen_before_its_table(cli, tmp_path):
    suite = suite_file(tmp_path, arms=["oracle", "refined", "source_refined"], refiners=["darker"], seeds=3)
    done = cli("run", suite, "--plugin", str(TOYS), "--workers", "1")
    assert done.returncode == 0, done.stdout
    shown = " ".join(done.stdout.split())
    first = "First finding, from refined darker and source alone (the whole table follows): toy · classification"
    assert shown.index(first) < shown.index("Ranked")
    again = cli("run", suite, "--plugin", str(TOYS), "--workers", "1")
    assert "First finding" not in again.stdout


def test_what_nobody_foresaw_ends_with_a_line_that_says_what_to_do(cli, monkeypatch):
    def broken(*_):
        raise KeyError("gone")

    monkeypatch.setattr("bench.plugins.registry.Registry.names", broken)
    done = cli("list")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("Traceback")
    assert done.stderr.splitlines()[-1] == "error: unexpected KeyError: 'gone'; finished jobs are kept"

    def missing(*_):
        raise ModuleNotFoundError("No module named 'skimage'", name="skimage")

    monkeypatch.setattr("bench.plugins.registry.Registry.names", missing)
    done = cli("list")
    assert done.returncode == 1
    assert done.stderr == (
        "error: the package of 'skimage' is not installed; run `python -m pip install -c constraints.txt .`, then try "
        "again\n"
    )


@pytest.mark.slow
def test_misbehaving_plug_ins_cost_their_own_rows_and_shout_at_nobody(cli_process, tmp_path):
    refiners = ["chatters", "leaves", "loops", "histogram"]
    suite = suite_file(tmp_path, arms=["refined"], refiners=refiners, seeds=1)
    done = cli_process("run", suite, "--plugin", str(TOYS), "--time-limit", "3")
    assert done.returncode == 1
    assert "noise" not in done.stdout + done.stderr
    assert len(done.stdout) < 20_000
    results = tmp_path / "results" / "local" / "toys"
    records = [json.loads(path.read_text()) for path in (results / "records").glob("*.json")]
    reasons = {record["cell"]["refiner"]: record["reason"] for record in records if record["cell"]["refiner"]}
    assert reasons["histogram"] == ""
    assert "ValueError: why why" in reasons["chatters"]
    assert "fit leaves: called sys.exit('no licence found')" in reasons["leaves"]
    assert "fit loops: the worker process showed no progress for 3 s" in reasons["loops"]
    assert "showed no progress for 3 s" in " ".join((results / "leaderboard.md").read_text().split())
    details = "".join(path.read_text() for path in (results / "failures").iterdir())
    assert "round and round" in details


def test_check_refiner_says_what_to_change(cli, tmp_path):
    kept = cli("check-refiner", "fda:beta=0.05")
    assert (kept.returncode, kept.stdout) == (0, "refiner 'fda:beta=0.05' keeps its contract\n")
    written = cli("new-refiner", "mine")
    assert (written.returncode, written.stderr) == (0, "")
    assert "python -m bench check-refiner mine.py\n" in written.stdout
    assert "python -m bench run smoke --plugin mine.py --refiner mine\n" in written.stdout
    assert cli("check-refiner", "mine.py").returncode == 0
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("moved.clamp(0, 1)", "moved.double()"))
    broken = cli("check-refiner", "mine.py")
    assert broken.returncode == 1
    lines = broken.stdout.splitlines()
    assert lines[0] == "refiner 'mine' breaks 2 clause(s) of its contract:"
    assert [line.split(":")[0] for line in lines[1:]] == ["- dtype", "- range"]
    assert broken.stderr == ""


def test_plan_shows_the_rows_of_an_added_refiner(cli, tmp_path):
    suite = suite_file(tmp_path, arms=["refined"], refiners=["histogram"], seeds=1)
    done = cli("plan", suite, "--plugin", str(TOYS), "--refiner", "same", "--refiner", "darker:factor=0.9")
    assert done.returncode == 0, done.stderr
    for variant in ("histogram", "same", "darker:factor=0.9"):
        assert f"score refined {variant} (strong, seed 0)" in done.stdout


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_where_it_was(cli_process, tmp_path):
    suite = suite_file(tmp_path, arms=["refined", "hybrid@6", "oracle"], refiners=["histogram"], train_steps=60)
    command = [sys.executable, "-m", "bench", "run", suite, "--plugin", str(TOYS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    store = tmp_path / "results" / "local" / "store"
    finished: set[str] = set()
    for n_wanted in (1, 5, 9, 14):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(list(store.glob("objects/*/*/manifest.json"))) < n_wanted:
            time.sleep(0.02)
        process.kill()
        process.wait()
        entries = {path.parent.name for path in store.glob("objects/*/*/manifest.json")}
        assert finished <= entries
        finished = entries
    before = {path: path.stat().st_mtime_ns for path in store.glob("objects/*/*/manifest.json")}
    done = cli_process("run", suite, "--plugin", str(TOYS))
    assert done.returncode == 0, done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    n_jobs = len(list(store.glob("objects/*/*/manifest.json")))
    words = " ".join(done.stdout.split())
    # Workers of a killed run live up to a second longer and may finish what they had: that is reused as well.
    n_done_now = int(words.split(" jobs: ")[1].split()[0])
    assert n_done_now <= n_jobs - len(before)
    assert list((store / "partial").iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path):
    suite = suite_file(tmp_path, arms=["oracle"], train_steps=4000)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "run", suite, "--plugin", str(TOYS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test suite started in the background inherits an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    store = tmp_path / "results" / "local" / "store"
    while process.poll() is None and not list(store.glob("locks/*")):
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from here" in " ".join(output.split())
    assert "Traceback" not in output + errors


@pytest.mark.slow
def test_two_runs_share_a_store_and_the_work(tmp_path):
    suite = suite_file(tmp_path, arms=["refined", "oracle"], refiners=["histogram"], seeds=3)
    command = [sys.executable, "-m", "bench", "run", suite, "--plugin", str(TOYS), "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(
            [*command, "--out", str(tmp_path / f"out{n}")],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    made = [int(" ".join(output.split()).split(" jobs: ")[1].split()[0]) for output in outputs]
    n_entries = len(list((tmp_path / "results/local/store").glob("objects/*/*/manifest.json")))
    assert sum(made) == n_entries
    assert min(made) > 0
    tables = [(tmp_path / f"out{n}" / "leaderboard.csv").read_bytes() for n in range(2)]
    assert tables[0] == tables[1]


def test_a_plugin_file_that_cannot_be_imported_is_listed_and_stops_nothing_else(cli, tmp_path):
    needy = '# /// script\n# dependencies = ["Not-There>=1"]\n# ///\nimport not_there\n'
    (tmp_path / "needy.py").write_text(needy)
    hint = "No module named 'not_there'; install what it needs: python -m pip install 'Not-There>=1'"
    shown = cli("list", "--plugin", "needy.py", "--plugin", str(TOYS))
    assert shown.returncode == 0
    assert shown.stdout.endswith(
        f"needy.py               not available: cannot be imported: ModuleNotFoundError: {hint}\n"
    )
    assert "gives_nan" in shown.stdout
    plan = cli("plan", "smoke", "--plugin", "needy.py")
    assert (plan.returncode, plan.stderr.count("\n")) == (0, 1)
    assert plan.stderr.startswith("note: plug-in needy.py cannot be imported")
    named = cli("plan", "smoke", "--plugin", "needy.py", "--refiner", "needy")
    assert named.returncode == 2
    assert (
        named.stderr == f"error: no refiner 'needy': plug-in needy.py cannot be imported: ModuleNotFoundError: {hint}\n"
    )


def test_list_shows_everything_with_a_line_on_each(cli):
    shown = cli("list", "--plugin", str(TOYS))
    assert shown.returncode == 0, shown.stderr
    names = "quick mini smoke digits street toy classification light_cnn pixelda_mnist pose yolov3 fda gives_nan"
    for name in names.split():
        lines = [line for line in shown.stdout.splitlines() if line.split()[:1] == [name]]
        assert lines
        assert all(len(line.split()) > 2 for line in lines)
