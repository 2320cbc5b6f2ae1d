"""The page in a real browser: it sorts, filters, explains itself on focus, fits, complains of nothing, asks nobody."""

from __future__ import annotations

import pytest
from PIL import Image

from bench.report import write_report
from bench.results.documents import GALLERY
from bench.results.gallery import Gallery, Shown, Strip, file_names, write_gallery
from browser import chromium


@pytest.fixture(scope="module")
def page_file(quick_records, tmp_path_factory):
    return write_report(quick_records, tmp_path_factory.mktemp("page")).html


@pytest.fixture(scope="module")
def open_page():
    with chromium() as open_:
        yield open_


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_fits_its_window_and_asks_nobody(open_page, page_file, width):
    seen = open_page(page_file, width, dark=width == 1000)
    assert seen.overflow() <= 0
    assert seen.complaints == []
    assert seen.requests == [seen.own]
    first_screen = seen.page.evaluate(
        "[...document.querySelectorAll('h1, .card')].map((e) => e.getBoundingClientRect().top)"
    )
    assert all(top < 900 for top in first_screen)
    ink, paper = seen.page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert (ink < paper) == (width != 1000)


def test_sorts_by_mouse_and_by_keyboard_and_says_so(open_page, page_file):
    seen = open_page(page_file)
    heading = seen.page.locator("table.rows").first.locator("thead th", has_text="gain, points")
    assert heading.get_attribute("aria-sort") is None
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = seen.column("gain")
    assert rising[0].startswith("-")
    assert rising[-1] == "–"  # source has no gain over itself: last, whichever way
    heading.locator("button").focus()
    seen.page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    falling = [float(text.split(" ")[0]) for text in seen.column("gain")[:-1]]
    assert falling == sorted(falling, reverse=True)
    assert seen.column("gain")[-1] == "–"
    other = seen.page.locator("table.rows").first.locator("thead th", has_text="refiner")
    other.locator("button").click()
    assert heading.get_attribute("aria-sort") is None
    names = [name for name in seen.column("refiner") if name != "–"]
    assert names == sorted(names)
    assert seen.complaints == []


def test_filters_rows_by_refiner_and_arm_and_boards_by_model(open_page, page_file):
    seen = open_page(page_file)
    form = seen.page.locator(".filter")
    assert form.locator("output").inner_text() == "13 rows"
    form.locator("[name=refiner]").fill("FDA")
    assert set(seen.column("refiner")) == {"fda:beta=0.05"}
    assert form.locator("output").inner_text() == "3 of 13 rows"
    form.locator("[name=arm]").select_option("refined")
    assert seen.column("arm") == ["refined"]
    assert seen.page.locator("table.rows:visible").count() == 1
    form.locator("button[type=reset]").click()
    seen.page.wait_for_function("document.querySelector('.filter output').value === '13 rows'")
    form.locator("[name=refiner]").fill("no such thing")
    assert seen.page.locator(".board[data-task]:visible").count() == 0
    assert seen.page.locator("text=Across tasks").is_visible()


def test_focus_and_hover_show_seeds_intervals_and_cost_and_escape_hides_them(open_page, page_file):
    seen = open_page(page_file)
    name = seen.page.locator("table.rows tbody th").first
    detail = name.locator(".detail")
    assert not detail.is_visible()
    name.focus()
    assert detail.is_visible()
    text = detail.inner_text()
    for part in (
        "5 task seeds (0, 1, 2, 3, 4) × 400 test images",
        "this row by itself",
        "train 22.0 s",
        "images seen",
    ):
        assert part in text
    assert name.get_attribute("aria-describedby") == detail.get_attribute("id")
    box, window = detail.bounding_box(), seen.page.viewport_size
    assert box["x"] >= 0
    assert box["y"] + box["height"] <= window["height"]
    seen.page.keyboard.press("Escape")
    assert not detail.is_visible()
    seen.page.locator("table.rows tbody tr").nth(1).hover()
    assert seen.page.locator("table.rows tbody tr").nth(1).locator(".detail").is_visible()


def test_a_script_that_is_not_the_pages_own_does_not_run(open_page, page_file, tmp_path):
    tampered = tmp_path / "tampered.html"
    text = page_file.read_text().replace("</main>", "<script>document.title = 'taken'</script></main>")
    tampered.write_text(text)
    seen = open_page(tampered)
    assert seen.page.title() != "taken"
    assert any("Content Security Policy" in complaint for complaint in seen.complaints)


def test_prints_without_filter_and_with_every_table(open_page, page_file):
    seen = open_page(page_file)
    seen.page.emulate_media(media="print")
    assert not seen.page.locator(".filter").is_visible()
    assert seen.page.locator("table.rows:visible").count() == 3


def test_pictures_are_shown_without_asking_for_them(open_page, make_records, tmp_path):
    of = Shown(pair="digits", task="classification", model="light_cnn", recipe="strong", budget="light")
    (file,) = [name for name in file_names(of) if name.endswith("-source.webp")]
    (tmp_path / GALLERY).mkdir()
    Image.new("RGB", (144, 300), (200, 30, 30)).save(tmp_path / GALLERY / file)
    strip = Strip(name="source", file=file, width=144, height=300, rows=(0, 1))
    write_gallery(tmp_path, Gallery(suite="quick", of=of, redistributable=True, strips=(strip,)))
    seen = open_page(write_report(make_records({("source", ""): 0.7}), tmp_path).html, 400)
    assert seen.page.evaluate("[...document.images].map((image) => image.naturalWidth)") == [144]
    assert seen.complaints == []
    assert [request for request in seen.requests if not request.startswith("data:")] == [seen.own]
    assert seen.overflow() <= 0
