"""Publishing packs a run into few files, and readers see no difference."""

from __future__ import annotations

import lzma
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from bench.api import UserError
from bench.report.frame import cell_frame
from bench.report.publish import publish
from bench.report.write import write_report
from bench.results.documents import MOST_BYTES, documents, picture
from bench.results.gallery import Gallery, Shown, Strip, file_names, read_galleries, write_gallery
from bench.results.measurement import Measurement, Quantity, Subject, read_measurements, write_measurement
from bench.results.record import read_records, write_record

TABLE = {"pair": "digits", "task": "classification", "model": "light_cnn", "recipe": "strong", "budget": "light"}


@pytest.fixture
def run(quick_records, tmp_path) -> Path:
    results = tmp_path / "local" / "quick"
    for record in quick_records:
        write_record(results, record)
    subject = Subject(**TABLE, refiner="fda", width=32, height=32)
    for kind in ("label_preservation", "domain_gap"):
        values = {"kid_after": Quantity(value=1.5), "score_kept": Quantity.not_measurable("too few images")}
        write_measurement(results, Measurement(suite="quick", kind=kind, of=subject, status="ok", values=values))
    for redistributable, refiner in ((True, ""), (False, "fda")):
        shown = Shown(**TABLE, refiner=refiner)
        name = "source" if not refiner else "refined"
        file = next(f for f in file_names(shown) if f.endswith(f"-{name}.webp"))
        strip = Strip(name=name, file=file, width=8, height=16, rows=(0, 1))
        write_gallery(results, Gallery(suite="quick", of=shown, redistributable=redistributable, strips=(strip,)))
        Image.new("RGB", (8, 16), (200, 30, 30)).save(results / "gallery" / file)
    (results / "suite.yaml").write_text("name: quick\ntitle: Quick\n")
    write_report(quick_records, results, read_measurements(results))
    return results


def test_both_forms_give_equal_records_measurements_and_tables(run, tmp_path):
    publish(run, tmp_path / "results" / "quick")
    out = tmp_path / "results" / "quick"
    assert read_records(out) == read_records(run)
    assert read_measurements(out) == read_measurements(run)
    pd.testing.assert_frame_equal(cell_frame(read_records(out)), cell_frame(read_records(run)))
    for name in ("leaderboard.md", "leaderboard.csv", "cells.csv"):
        assert (out / name).read_bytes() == (run / name).read_bytes()


def test_few_files_that_others_can_read(run, tmp_path):
    out = tmp_path / "results" / "quick"
    publish(run, out)
    assert len(list(out.iterdir())) <= 12
    frame = pd.read_json(out / "records.jsonl.xz", lines=True)
    assert len(frame) == len(read_records(run))
    assert set(frame.status) == {"ok"}


def test_equal_runs_give_equal_bytes_and_publishing_again_replaces(run, tmp_path):
    first, second = tmp_path / "a" / "quick", tmp_path / "b" / "quick"
    publish(run, first)
    publish(run, second)
    publish(run, second)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_pictures_that_may_not_be_redistributed_stay_behind(run, tmp_path):
    out = tmp_path / "results" / "quick"
    publish(run, out)
    galleries = {gallery.of.refiner: gallery for gallery in read_galleries(out)}
    (strip,) = galleries[""].strips
    assert picture(out, strip.file) == (run / "gallery" / strip.file).read_bytes()
    assert galleries["fda"].strips == ()
    (kept_back,) = next(g for g in read_galleries(run) if g.of.refiner == "fda").strips
    assert picture(out, kept_back.file) is None
    assert picture(out, "no-such-file.webp") is None


def test_what_cannot_be_published_is_one_line_and_changes_nothing(run, tmp_path, quick_records):
    out = tmp_path / "results" / "quick"
    with pytest.raises(UserError, match="no records in"):
        publish(tmp_path / "nowhere", out)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not a published folder"):
        publish(run, mine)
    assert (mine / "notes.txt").read_text() == "mine"
    write_record(run, quick_records[0].model_copy(update={"status": "failed", "reason": "out of memory"}))
    with pytest.raises(UserError, match=r"failed, the first because: out of memory.*--with-failures"):
        publish(run, out)
    assert not out.exists()
    publish(run, out, with_failures=True)
    assert [record.status for record in read_records(out)].count("failed") == 1
    (run / "suite.yaml").unlink()
    with pytest.raises(UserError, match=r"has no suite\.yaml"):
        publish(run, tmp_path / "other")


def test_damaged_packed_files_are_named(run, tmp_path):
    out = tmp_path / "results" / "quick"
    publish(run, out)
    whole = (out / "records.jsonl.xz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no archive", whole[:-12]):
        (out / "records.jsonl.xz").write_bytes(damaged)
        with pytest.raises(UserError, match=r"records\.jsonl\.xz is damaged"):
            read_records(out)
    (out / "records.jsonl.xz").write_bytes(lzma.compress(b'{"schema_version": 1}\n'))
    with pytest.raises(UserError, match=r"records\.jsonl\.xz, line 1 is not a record"):
        read_records(out)
    (out / "gallery.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"gallery\.zip is damaged"):
        read_galleries(out)


def test_a_folder_of_both_forms_is_refused(run, tmp_path):
    publish(run, tmp_path / "results" / "quick")
    shutil.copy(tmp_path / "results" / "quick" / "records.jsonl.xz", run)
    with pytest.raises(UserError, match="holds both records/ and"):
        read_records(run)


def test_a_small_file_cannot_unpack_to_any_amount(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.results.documents.MOST_BYTES", 10_000)
    assert MOST_BYTES > 1e9
    (tmp_path / "records.jsonl.xz").write_bytes(lzma.compress(b"{}\n" * 100_000))
    with pytest.raises(UserError, match="it cannot be ours"):
        list(documents(tmp_path, "records"))
    monkeypatch.setattr("bench.results.documents.MOST_PICTURE_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "gallery.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", "0" * 100_000)
    with pytest.raises(UserError, match="unpacks to more than"):
        list(documents(tmp_path, "gallery"))


def test_a_run_into_a_published_folder_is_refused(run, tmp_path, cli):
    publish(run, tmp_path / "results" / "smoke")
    done = cli("run", "smoke", "--out", str(tmp_path / "results" / "smoke"))
    assert done.returncode == 2
    assert "holds published results" in done.stderr


def test_the_command_says_what_it_wrote(run, tmp_path, cli):
    done = cli("publish", str(run), str(tmp_path / "results" / "quick"))
    assert done.returncode == 0
    assert "files," in done.stdout
    assert "python -m bench check" in done.stdout
