"""``data fetch`` as a user has it, and what a run says that lacks its photographs."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.api import UserError
from bench.cli import downloads as fetching
from bench.cli.downloads import asked_sets, bring, offer
from bench.data.downloads import fetch
from bench.plugins.registry import Registry
from fixtures_of_downloads import a_download, an_archive, serving

KITCHEN_FILES = Path(__file__).parents[3] / "shared" / "data" / "seven_scenes_redkitchen"


@pytest.fixture(autouse=True)
def _root(tmp_path, monkeypatch):
    monkeypatch.setenv("REALGAIN_DATA", str(tmp_path / "root"))


def test_terms_are_shown_before_anything_is_brought(tmp_path, cli):
    answer = cli("data", "fetch", "linemod", "--mirror", str(tmp_path))
    assert answer.returncode == 2
    for text in (
        "12296 files, 75 MB",
        "LINEMOD is research data",
        "Hinterstoisser",
        str(tmp_path / "root" / "linemod"),
    ):
        assert text in answer.stdout
    assert answer.stderr.strip() == "error: nobody is there to agree to the licence above: add --yes"
    assert not (tmp_path / "root").exists()


def test_a_run_that_lacks_its_photographs_names_the_command_that_brings_them(tmp_path, cli):
    answer = cli("run", "linemod", "--seeds", "1")
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"error: 'linemod' is not in {tmp_path / 'root'} (75 MB; licence: none stated")
    assert "`python -m bench data fetch linemod`" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_set_is_brought_to_another_folder_and_the_user_told_how_runs_find_it(tmp_path, capsys):
    from rich.console import Console

    files = {"a.png": b"pixels"}
    with serving(an_archive(files)) as served:
        bring([a_download(tmp_path, files, served.url)], Console(width=200), tmp_path / "disk", None, yes=True)
    assert (tmp_path / "disk" / "toys" / "a.png").read_bytes() == b"pixels"
    printed = capsys.readouterr().out
    assert printed.index("toy licence") < printed.index("1 files, all verified")
    assert f"set REALGAIN_DATA={tmp_path / 'disk'}" in printed


@pytest.mark.parametrize("agreed", [True, False])
def test_at_a_terminal_the_user_is_asked(tmp_path, monkeypatch, agreed):
    from rich.console import Console

    files = {"a.png": b"pixels"}
    asked = []
    monkeypatch.setattr(fetching.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda text, default: asked.append(text) or agreed)
    with serving(an_archive(files)) as served:
        download = a_download(tmp_path, files, served.url)
        if agreed:
            bring([download], Console(), None, None, yes=False)
            bring([download], Console(), None, None, yes=False)
        else:
            with pytest.raises(UserError, match="'toys' was not fetched"):
                bring([download], Console(), None, None, yes=False)
    assert asked == ["Fetch it?"]
    assert (tmp_path / "root" / "toys").exists() == agreed


@pytest.mark.parametrize("agreed", [True, False])
def test_the_first_use_of_a_pair_asks_for_what_it_lacks(tmp_path, monkeypatch, agreed):
    from rich.console import Console

    files = {"a.png": b"pixels"}
    monkeypatch.setattr(fetching.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda text, default: agreed)
    with serving(an_archive(files)) as served:
        monkeypatch.setattr(fetching, "download_of", lambda name: a_download(tmp_path, files, served.url))
        pair = SimpleNamespace(downloads=("toys",))
        for _ in range(2):
            with nullcontext() if agreed else pytest.raises(UserError, match="'toys' was not fetched"):
                offer([pair], Console())
    assert (tmp_path / "root" / "toys").exists() == agreed
    assert len(served.ranges) == agreed, "what is there is neither asked for nor brought again"


def test_scripts_agree_beforehand_and_fetch_from_a_mirror(tmp_path, cli):
    if not KITCHEN_FILES.is_dir():
        pytest.skip(f"needs the photographs in {KITCHEN_FILES}")
    done = cli("data", "fetch", "kitchen", "--yes", "--mirror", str(KITCHEN_FILES))
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("licence:") < done.stdout.index("301 files, all verified")
    assert len(list((tmp_path / "root" / "kitchen").glob("*.color.jpg"))) == 100


def test_names_are_those_of_pairs_and_sets():
    registry = Registry()
    assert [d.name for d in asked_sets("linemod:held_out_classes=cat", registry)] == ["linemod"]
    assert [d.name for d in asked_sets("camvid-jpeg88", registry)] == ["camvid-jpeg88"]
    with pytest.raises(UserError, match="no public set or pair 'linmod'; did you mean 'linemod'"):
        asked_sets("linmod", registry)
    with pytest.raises(UserError, match="pair 'digits' needs no download"):
        asked_sets("digits", registry)


def test_a_copy_without_a_public_archive_needs_a_mirror(tmp_path):
    download = a_download(tmp_path, {"a.png": b"pixels"}, url="")
    with pytest.raises(UserError, match="'toys' is in no public archive: name the folder that holds it with --mirror"):
        fetch(download, tmp_path)
