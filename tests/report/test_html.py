"""The page as a file: what it says first, what it may load, what it is worth to who cannot see colours or pictures."""

from __future__ import annotations

import html.parser
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from bench.report import write_report
from bench.report.html import policy
from bench.results.record import Array

CSS = (Path(__file__).parents[2] / "bench" / "report" / "leaderboard.css").read_text()


class Outline(html.parser.HTMLParser):
    """Tags with their attributes, ids, and the text of headings."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.headings, self._heading = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch(r"h\d", tag):
            self.headings.append((int(tag[1]), ""))
            self._heading = True

    def handle_data(self, data):
        if self._heading:
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def handle_endtag(self, tag):
        if re.fullmatch(r"h\d", tag):
            self._heading = None

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(quick_records, tmp_path_factory):
    return write_report(quick_records, tmp_path_factory.mktemp("page")).html.read_text()


def test_loads_nothing_and_allows_nothing_but_its_own(page):
    outline = Outline(page)
    assert not outline.all("link")
    assert not re.search(r"@import|https?:|//[\w-]+\.\w", page)
    assert all(attrs.get("href", "#").startswith("#") for _, attrs in outline.tags)
    assert not any("style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in outline.tags)
    (stated,) = [m["content"] for m in outline.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1] for tag in ("style", "script"))
    assert stated == policy(style, script)
    assert stated.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in stated


def test_the_finding_comes_before_everything_else(page):
    headings = [text for _, text in Outline(page).headings]
    assert headings[0] == "Refining the synthetic images helps detectably"
    body = page.partition("<body>")[2]
    assert body.index("Refining with <code>fda:beta=0.05</code> gains +") < body.index("<table")


def test_the_page_sums_up_its_tables(make_records, tmp_path):
    gains, nothing, loss = (
        make_records({("source", ""): 0.7, ("refined", "fda"): accuracy}, seed_spread=0.005)
        for accuracy in (0.8, 0.701, 0.6)
    )

    def summed_up(name, *tables):
        records = []
        for place, of_table in enumerate(tables):
            for record in of_table:
                cell = record.cell.model_copy(update={"pair": f"pair{place}"})
                records.append(record.model_copy(update={"cell": cell}))
        return Outline(write_report(records, tmp_path / name, figures=False).html.read_text()).headings[0][1]

    assert summed_up("a", nothing) == "No refiner helps detectably"
    assert summed_up("b", loss) == "Refining the synthetic images hurts"
    assert summed_up("c", gains, nothing, nothing) == "A refiner helps detectably in 1 of 3 tables"
    assert summed_up("d", nothing, nothing) == "No refiner helps detectably in any of 2 tables"
    assert summed_up("e", gains, loss) == "A refiner helps detectably in 1 of 2 tables; in 1 every refiner hurts"


def test_headings_rows_and_columns_are_marked_up(page):
    outline = Outline(page)
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(attrs.get("scope") in ("col", "row") for attrs in outline.all("th"))
    assert len(outline.all("caption")) == len(outline.all("table"))
    ids = [attrs["id"] for _, attrs in outline.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    assert ("html", {"lang": "en"}) in outline.tags
    described = {attrs["aria-describedby"] for attrs in outline.all("th") if "aria-describedby" in attrs}
    assert described <= set(ids)
    assert len(described) == 13


def test_every_drawing_states_its_finding(page):
    drawings = Outline(page).all("svg")
    assert len(drawings) == 3  # gains, labels, cost; these records know no classes
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert re.search(r"\d", drawing["aria-label"])
    assert "fda:beta=0.05 does best, +" in drawings[2]["aria-label"]
    assert "3 of 7 rows without target labels gain and 2 lose detectably" in drawings[0]["aria-label"]


def test_without_figures_there_is_no_drawing_and_all_else(quick_records, tmp_path, page):
    bare = write_report(quick_records, tmp_path, figures=False).html.read_text()
    assert "<svg" not in bare
    assert bare.count("<tr") == page.count("<tr")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_aa_and_marks_have_3(scheme):
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root {(.*?)}", CSS, re.S)[:2]
    )
    colours = light if scheme == "light" else {**light, **dark}
    assert dark.keys() == light.keys()
    for ink, paper in [
        *[(text, paper) for text in ("ink", "soft", "gain", "loss") for paper in ("paper", "tint")],
        ("ink", "warn"),
        ("gain", "gain-tint"),
        ("loss", "loss-tint"),
    ]:
        assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for mark in ("even", "gain", "loss", *(f"c{n}" for n in range(1, 9))):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark


def contrast(one, other):
    """WCAG 2.1, relative luminance of sRGB."""

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_each_row_has_its_own_command(page):
    assert "python -m bench run suite.yaml --task classification --row &#39;refined fda:beta=0.05&#39;" in page
    assert "--row source" in page


def test_a_plug_ins_row_says_that_its_file_is_needed(make_records, tmp_path):
    records = make_records({("source", ""): 0.7})
    records += make_records({("refined", "mine"): 0.8}, versions={"refiner": "1", "refiner_source": "ab" * 32})
    assert "--row &#39;refined mine&#39; --plugin FILE" in write_report(records, tmp_path).html.read_text()


def test_the_suite_file_and_its_title_are_shown(quick_records, tmp_path):
    (tmp_path / "suite.yaml").write_text("name: quick\ntitle: Fast & <small> (`data fetch` first)\ntables: []\n")
    text = write_report(quick_records, tmp_path).html.read_text()
    assert "quick: Fast &amp; &lt;small&gt; (<code>data fetch</code> first)</p>" in text
    assert "title: Fast &amp; &lt;small&gt;" in text


def test_a_stand_in_target_is_tagged_everywhere(make_records, make_record, tmp_path):
    pair = make_record(np.ones(4)).pair.model_copy(update={"stand_in": True})
    records = make_records(
        {("source", ""): 0.6, ("refined", "fda"): 0.7, ("hybrid@20", ""): 0.8, ("oracle", ""): 0.9}, pair=pair
    )
    text = write_report(records, tmp_path).html.read_text()
    assert text.count("stand-in target</span>") == 2
    assert "labelled stand-in images" in text
    assert "real test images" not in text
    assert "real images alone" not in text


def test_a_dozen_tables_stay_below_two_megabytes(make_records, tmp_path):
    records = []
    for place in range(12):
        rows = {("source", ""): 0.6, ("oracle", ""): 0.9, ("real@20", ""): 0.7, ("hybrid@20", ""): 0.8}
        rows |= {(arm, f"fda:beta=0.{n:02}"): 0.6 + n / 200 for arm in ("refined", "source_refined") for n in range(12)}
        classes = {"true_class": Array.pack(np.arange(60) % 10)}
        for record in make_records(rows, seeds=3, n_test=60, per_image=classes):
            cell = record.cell.model_copy(update={"pair": f"pair{place}"})
            records.append(record.model_copy(update={"cell": cell}))
    path = write_report(records, tmp_path).html
    text = path.read_text()
    assert len(text.encode()) < 2e6
    assert text.count('<li class="card') == 12
    assert "Critical-difference diagram" in text
    assert len(re.findall("<svg", text)) == 12 * 4 + 1
