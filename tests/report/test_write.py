"""The four files: they agree number by number, carry no injection, and are written whole."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import subprocess
import sys

import numpy as np
import pytest

from bench.api import UserError
from bench.report import write_report
from bench.results.record import write_record

NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")


class TableReader(html.parser.HTMLParser):
    """The text of every cell of a page's leaderboards and their sections, without what appears on hovering."""

    def __init__(self, page):
        super().__init__()
        self.tables, self._open, self._cell = [], False, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._open = dict(attrs).get("class") in ("rows", "part")
            if self._open:
                self.tables.append([])
        elif tag == "tr" and self._open:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self._open:
            self.tables[-1][-1].append("")
            self._cell = True
        elif ("class", "detail") in attrs:
            self._cell = None

    def handle_data(self, data):
        if self._cell:
            self.tables[-1][-1][-1] += data.strip("\n")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None


def markdown_tables(text):
    """The text of every cell of every table of a page, unescaped."""
    tables, previous = [], ""
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not previous.startswith("|"):
                tables.append([])
            if not re.fullmatch(r"[|\s:-]+", line):
                tables[-1].append([html.unescape(re.sub(r"\\(.)", r"\1", cell)).replace("`", "") for cell in cells])
        previous = line
    return tables


def numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


@pytest.fixture(scope="module")
def report(quick_records, tmp_path_factory):
    return write_report(quick_records, tmp_path_factory.mktemp("report"))


def rows_of_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def breakable(page):
    """The page's text; its headings hold ``[95 %]`` together by a no-break space."""
    return page.read_text().replace("\N{NO-BREAK SPACE}", " ")


def test_markdown_and_html_hold_the_same_tables(report):
    answers, *tables = markdown_tables(report.markdown.read_text())
    assert answers[0] == ["question", "answer"]
    assert len(tables) == 4
    assert tables == TableReader(breakable(report.html)).tables


def test_markdown_equals_the_csv_number_by_number(report):
    rows = rows_of_csv(report.csv)
    printed = [
        dict(zip(table[0], row, strict=True))
        for table in markdown_tables(report.markdown.read_text())
        for row in table[1:]
        if "arm" in table[0]
    ]
    assert len(printed) == len(rows) == 13
    fields = {
        "rank": ["rank"],
        "labels": ["target_labels"],
        "seeds": ["n_seeds"],
        "accuracy, % [95 %]": ["score", "score_low", "score_high"],
        "gain, points [95 %]": ["gain", "gain_low_simultaneous", "gain_high_simultaneous"],
        "adjusted p": ["p_adjusted"],
        "over strong source, points [95 %]": [
            "gain_over_strong_source",
            "gain_over_strong_source_low_simultaneous",
            "gain_over_strong_source_high_simultaneous",
        ],
        "gap closed": ["gap_closed_percent"],
        "fit, s": ["fit_seconds"],
        "refine, s": ["refine_seconds"],
        "train, s": ["train_seconds"],
        "images seen": ["images_seen"],
        "peak memory, MB": ["peak_memory_mb"],
    }
    compared = 0
    for shown, stored in zip(printed, rows, strict=True):
        assert (shown["arm"], shown["refiner"].replace("–", "")) == (stored["arm"], stored["refiner"])
        for title, names in fields.items():
            if title not in shown:
                continue
            if shown[title].startswith("<"):
                assert float(stored[names[0]]) < 0.001
                continue
            found = numbers(shown[title])
            expected = [float(stored[name]) for name in names if stored[name]]
            decimals = len(shown[title].split(" ")[0].partition(".")[2])
            assert found == pytest.approx(expected, abs=0.5 * 10**-decimals + 1e-9), (title, shown)
            compared += len(found)
        verdict = stored["gain_verdict"]
        assert verdict in shown["gain, points [95 %]"]
    assert compared > 150


def test_resolved_verdicts_carry_mark_and_word(report):
    text = report.markdown.read_text()
    assert "▲ gain" in text
    assert "▼ loss" in text
    assert "not resolved" in text


def test_csv_numbers_are_not_rounded(report, quick_records):
    cells = rows_of_csv(report.cells)
    assert len(cells) == len(quick_records)
    scores = {}
    for cell in cells:
        if (cell["recipe"], cell["arm"], cell["refiner"]) == ("strong", "refined", "fda:beta=0.05"):
            scores[cell["task_seed"]] = float(cell["accuracy [%]"])
            assert cell["version.torch"] == "2.14.1"
            assert float(cell["macro_accuracy [%]"]) == pytest.approx(float(cell["score"]) - 1)
    row = next(row for row in rows_of_csv(report.csv) if row["refiner"] == "fda:beta=0.05")
    assert float(row["score"]) == pytest.approx(np.mean(list(scores.values())), rel=1e-12)


def test_equal_records_give_equal_bytes_whatever_their_order(report, quick_records, tmp_path):
    again = write_report(quick_records[::-1], tmp_path)
    for name in ("markdown", "csv", "cells", "html"):
        assert getattr(again, name).read_bytes() == getattr(report, name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cells.csv",
        "cost.csv",
        "leaderboard.csv",
        "leaderboard.html",
        "leaderboard.md",
    ]


def test_failed_cells_are_in_cells_csv_with_their_reason(quick_records, failed, tmp_path):
    records = [failed(quick_records[0], "line one\nline two, with comma"), *quick_records[1:]]
    cells = rows_of_csv(write_report(records, tmp_path).cells)
    (cell,) = [cell for cell in cells if cell["status"] == "failed"]
    assert cell["reason"] == "line one\nline two, with comma"
    assert cell["score"] == ""


def test_hostile_names_and_reasons_are_inert(make_records, failed, tmp_path):
    hostile = "<script>alert(1)</script>|`[x](javascript:y)`"
    reason = "=HYPERLINK('x') <img src=x onerror=y> | `**bold**`\n# heading"
    pair = make_records({("source", ""): 0.7}, seeds=1)[0].pair.model_copy(
        update={"title": hostile, "licence": hostile}
    )
    records = make_records({("source", ""): 0.7, ("refined", hostile): 0.8, ("refined", "+x"): 0.75}, pair=pair)
    broken = [failed(r, reason) for r in make_records({("refined", "=broken"): 0.5})]
    paths = write_report(records + broken, tmp_path)
    page, markdown = paths.html.read_text(), paths.markdown.read_text()
    assert page.count("<script") == 1
    assert "<script" not in markdown
    for text in (page, markdown):
        assert "<img" not in text
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)
    assert "\n# heading" not in markdown
    tables = markdown_tables(markdown)
    assert all(len(row) == len(table[0]) for table in tables for row in table)
    for path in (paths.csv, paths.cells):
        stored = rows_of_csv(path)
        assert not any(value.startswith(("=", "@", "+")) for row in stored for value in row.values())
        assert any(row["refiner"] == "'=broken" for row in stored)
        assert any(row["refiner"] == "'+x" for row in stored)
    losing = rows_of_csv(write_report(make_records({("source", ""): 0.7, ("refined", "x"): 0.5}), tmp_path).csv)
    assert any(row["gain"].startswith("-") for row in losing)


def test_page_says_how_to_reproduce_it(report):
    for path in (report.markdown, report.html):
        text = path.read_text()
        assert "python -m bench run quick" in text
        assert "torch 2.14.1" in text
        assert "CC BY-SA 3.0" in text
        assert "3f3f3f3f3f3f" in text


def test_a_suite_that_does_not_ship_is_run_again_by_the_file_beside_the_page(make_records, tmp_path):
    paths = write_report(make_records({("source", ""): 0.7}, suite="renders-photos-detection"), tmp_path)
    for path in (paths.markdown, paths.html):
        text = path.read_text()
        assert "python -m bench run suite.yaml" in text
        assert "run renders-photos-detection" not in text


def test_records_that_cannot_be_reported_write_nothing(make_record, tmp_path):
    with pytest.raises(UserError):
        write_report([make_record(np.ones(4)), make_record(np.ones(4))], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_report_never_imports_torch(quick_records, tmp_path):
    for record in quick_records:
        write_record(tmp_path, record)
    script = f"""
import sys, pathlib
from bench.results.record import read_records
from bench.report import write_report
from bench.report import columns, csv_files, frame, headline, html, leaderboard, markdown, notes, terminal
from rich.console import Console
folder = pathlib.Path({str(tmp_path)!r})
records = read_records(folder)
terminal.print_report(write_report(records, folder, figures=False).tables, Console(width=100))
heavy = {{"torch", "torchvision", "timm", "matplotlib", "scipy.stats", "scipy.optimize", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
write_report(records, folder)
heavy = {{"torch", "torchvision", "timm", "sklearn", "matplotlib.pyplot"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "leaderboard.html").stat().st_size > 5000


class SortKeys(html.parser.HTMLParser):
    """The values that the page's rows are sorted by: a dictionary by heading for each row of its leaderboards."""

    def __init__(self, page):
        super().__init__()
        self.rows, self._headings, self._open = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "table":
            self._open = attributes.get("class") == "rows"
            self._headings = []
        elif self._open and tag == "tr" and "data-arm" in attributes:
            self.rows.append({})
        elif self._open and tag in ("td", "th") and attributes.get("scope") != "col":
            self.rows[-1][self._headings[len(self.rows[-1])]] = attributes.get("data-sort", "")
        elif self._open and tag == "th":
            self._headings.append("")

    def handle_data(self, data):
        if self._open and self._headings and not self._headings[-1]:
            self._headings[-1] = data.strip()


def test_the_page_sorts_by_the_unrounded_numbers_of_the_csv(report):
    keys, rows = SortKeys(breakable(report.html)).rows, rows_of_csv(report.csv)
    fields = {
        "arm": "arm",
        "refiner": "refiner",
        "labels": "target_labels",
        "seeds": "n_seeds",
        "accuracy, % [95 %]": "score",
        "gain, points [95 %]": "gain",
        "adjusted p": "p_adjusted",
        "gap closed": "gap_closed_percent",
        "train, s": "train_seconds",
    }
    assert len(keys) == len(rows) == 13
    compared = 0
    for key, row in zip(keys, rows, strict=True):
        for heading, name in fields.items():
            if heading not in key:
                continue
            if key[heading] and row[name] and heading not in ("arm", "refiner"):
                assert float(key[heading]) == pytest.approx(float(row[name]), rel=1e-9)
                compared += 1
            else:
                assert key[heading] == row[name]
    assert compared > 60


def test_cells_state_their_own_seeds_exactly(make_records, tmp_path):
    records = make_records({("source", ""): 0.7})
    records = [record.model_copy(update={"seeds": {"train": 2**63 - 1 - i}}) for i, record in enumerate(records)]
    records[0] = records[0].model_copy(update={"seeds": {}})
    stored = {int(cell["task_seed"]): cell["seed.train"] for cell in rows_of_csv(write_report(records, tmp_path).cells)}
    assert stored == {0: "", **{seed: str(2**63 - 1 - seed) for seed in range(1, 5)}}
