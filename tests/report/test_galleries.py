"""Image grids in the page: which columns they have, what they say to who cannot see them, and when there are none."""

from __future__ import annotations

import base64
import re

import pytest

from bench.report import galleries as report_pictures
from bench.report import write_report
from bench.results.documents import GALLERY
from bench.results.gallery import Gallery, Shown, Strip, file_names, write_gallery

ROWS = {("source", ""): 0.7, ("refined", "fda"): 0.8, ("refined", "reinhard"): 0.75}
OF = {"pair": "digits", "task": "classification", "model": "light_cnn", "recipe": "strong", "budget": "light"}


def add_gallery(results, refiner="", names=("source", "nearest", "test", "truth", "predicted"), free=True, **changes):
    """Strips whose content is their own name."""
    of = Shown(**OF, refiner=refiner)
    strips = []
    for name in names:
        (file,) = [file for file in file_names(of) if file.endswith(f"-{name}.webp")]
        (results / GALLERY).mkdir(exist_ok=True, parents=True)
        (results / GALLERY / file).write_bytes(f"{refiner} {name}".encode())
        strips.append(Strip(name=name, file=file, width=144, height=884, rows=(5, 1, 3, 2, 0, 4)))
    write_gallery(results, Gallery(suite="quick", of=of, redistributable=free, strips=tuple(strips), **changes))


def images(page):
    """(column, alternative text, content) of every picture."""
    found = re.findall(
        r"<code>([^<]+)</code></figcaption>\s*<img src=\"data:image/webp;base64,([^\"]+)\" alt=\"([^\"]+)\"", page
    )
    return [(title, alt, base64.b64decode(data).decode()) for title, data, alt in found]


def page_of(records, folder):
    return write_report(records, folder, figures=False).html.read_text()


OF_A_REFINER = ("refined", "predicted", "before", "after")


def test_one_column_a_refiner_in_the_order_of_the_table(make_records, tmp_path):
    add_gallery(tmp_path)
    add_gallery(tmp_path, "reinhard", OF_A_REFINER, change=(31.4, 20.0))
    add_gallery(tmp_path, "fda", OF_A_REFINER, change=(0.0, 0.0))
    shown = images(page_of(make_records(ROWS), tmp_path))
    assert [(title, content) for title, _, content in shown] == [
        ("source", " source"),
        ("fda", "fda refined"),
        ("reinhard", "reinhard refined"),
        ("nearest real", " nearest"),
        ("real image", " test"),
        ("truth", " truth"),
        ("trained on source", " predicted"),
        ("trained on fda", "fda predicted"),
        ("trained on reinhard", "reinhard predicted"),
        ("reinhard: before", "reinhard before"),
        ("after", "reinhard after"),
    ]
    texts = [alt for _, alt, _ in shown]
    assert texts[1] == "The same 6 images refined by fda"
    assert texts[-1] == "The same after reinhard: changed by 31, 20 levels of 255"


def test_a_stand_in_is_not_called_real(make_records, make_record, tmp_path):
    pair = make_record([1.0]).pair.model_copy(update={"stand_in": True})
    add_gallery(tmp_path)
    text = page_of(make_records(ROWS, pair=pair), tmp_path)
    assert [title for title, _, _ in images(text)][1:3] == ["nearest stand-in", "stand-in image"]
    assert "real test image" not in text


@pytest.mark.parametrize("by_index", [True, False])
def test_restricted_images_are_shown_in_local_results_alone(make_records, make_record, tmp_path, by_index):
    pair = make_record([1.0]).pair.model_copy(update={"redistributable": by_index})
    records = make_records(ROWS, pair=pair)
    for folder in (tmp_path / "results" / "local" / "quick", tmp_path / "results" / "quick"):
        add_gallery(folder, free=not by_index)
    assert len(images(page_of(records, tmp_path / "results" / "local" / "quick"))) == 5
    published = page_of(records, tmp_path / "results" / "quick")
    assert "data:image" not in published
    assert "Images of pair digits may not be redistributed, so this page shows none." in published


def test_pictures_that_would_make_the_page_too_large_stay_beside_it(make_records, tmp_path, monkeypatch):
    add_gallery(tmp_path)
    monkeypatch.setattr(report_pictures, "MOST_BYTES", 100)
    text = page_of(make_records(ROWS), tmp_path)
    assert "data:image" not in text
    assert "they are in the gallery of the results folder" in text


def test_a_failed_gallery_says_why_and_none_at_all_says_nothing(make_records, tmp_path):
    records = make_records(ROWS)
    assert "<h3>Pictures</h3>" not in page_of(records, tmp_path)
    add_gallery(tmp_path, names=(), reason="score source: out of memory")
    assert "No picture was drawn: score source: out of memory." in page_of(records, tmp_path)
