"""``bench publish``: a finished run → a folder of few files, to be committed.

    records/*.json       → records.jsonl.xz         measurements/*.json → measurements.jsonl.xz
    gallery/*            → gallery.zip              suite.yaml          → as it is
    leaderboard.{md,html,csv}, cells.csv and the CSV files of sections are written from the packed records

Pictures of a pair that may not be redistributed stay behind (:func:`bench.results.gallery.may_show`). Nothing is
computed here: the numbers are those of the run. Equal runs give equal bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.api import UserError
from bench.report.write import SUITE_FILE, write_report
from bench.results.documents import (
    MEASUREMENTS,
    RECORDS,
    is_published,
    pack_lines,
    pack_pictures,
    picture,
)
from bench.results.gallery import Gallery, file_names, may_show, read_galleries
from bench.results.measurement import read_measurements
from bench.results.record import read_records

MOST_BYTES = 20_000_000
"""Of a published folder: what a repository can bear for one suite."""


def publish(run: Path, out: Path, with_failures: bool = False) -> None:
    """Write the published form of the results folder ``run`` to ``out``, in place of what was published there before.

    Raises
    ------
    UserError: ``run`` has no records, lacks ``suite.yaml``, or has failed cells and ``with_failures`` is not set;
        ``out`` holds something else; or the published form is larger than :data:`MOST_BYTES`. Nothing is left half
        written.
    """
    records, measurements = read_records(run), read_measurements(run)
    if not (run / SUITE_FILE).is_file():
        raise UserError(f"{run} has no {SUITE_FILE}: name the results folder of a run, such as results/local/quick")
    failed = [record for record in records if record.status == "failed"]
    if failed and not with_failures:
        raise UserError(
            f"{len(failed)} of {len(records)} cells of {run} failed, the first because: {failed[0].reason}; run the "
            "suite again, or publish them as failed with --with-failures"
        )
    if out.exists() and any(out.iterdir()) and not is_published(out):
        raise UserError(f"{out} is not a published folder; name a new one, or empty it")
    fresh = out.with_name(f".{out.name}.publishing")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        pack_lines(fresh, RECORDS, (record.model_dump_json() for record in records))
        if measurements:
            pack_lines(fresh, MEASUREMENTS, (measurement.model_dump_json() for measurement in measurements))
        if files := dict(_gallery_files(run, out)):
            pack_pictures(fresh, files.items())
        shutil.copyfile(run / SUITE_FILE, fresh / SUITE_FILE)
        write_report(records, fresh, measurements)
        n_bytes = sum(path.stat().st_size for path in fresh.iterdir())
        if n_bytes > MOST_BYTES:
            largest = max(fresh.iterdir(), key=lambda path: path.stat().st_size).name
            raise UserError(
                f"{out} would hold {n_bytes / 1e6:.0f} MB, most of it {largest}; a published suite may have "
                f"{MOST_BYTES / 1e6:.0f} MB: publish fewer cells or seeds"
            )
        if out.exists():
            shutil.rmtree(out)
        fresh.replace(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _gallery_files(run: Path, out: Path) -> Iterator[tuple[str, bytes]]:
    """Indices of all galleries, and the strips of those that ``out`` may show."""
    for gallery in read_galleries(run):
        index = file_names(gallery.of)[0]
        if may_show(out, gallery.redistributable):
            yield index, _json(gallery)
            for strip in gallery.strips:
                if (data := picture(run, strip.file)) is not None:
                    yield strip.file, data
        else:
            yield index, _json(gallery.model_copy(update={"strips": (), "change": ()}))


def _json(gallery: Gallery) -> bytes:
    return (gallery.model_dump_json(indent=1) + "\n").encode()
