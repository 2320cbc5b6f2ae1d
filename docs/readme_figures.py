"""Draws ``docs/readme.webp`` and writes the README's table: what was found, from the published results alone.

    python docs/readme_figures.py

One row per pair and task, real targets first: the refiner that the table's headline names, under the recipe ``strong``.
Tables are left out where even ``oracle`` is not resolved above ``source``, because no refiner's gain could be seen
there. Pictures come from the gallery of ``results/quick``: real digits may be redistributed.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.report import tables_of  # noqa: E402
from bench.report.headline import best_refiner  # noqa: E402
from bench.report.table import Table  # noqa: E402
from bench.report.text import amount, kind_of_target  # noqa: E402
from bench.results.documents import picture  # noqa: E402
from bench.results.gallery import read_galleries  # noqa: E402
from bench.results.measurement import read_measurements  # noqa: E402
from bench.results.record import read_records  # noqa: E402

SUITES = ("linemod", "quick", "camvid-jpeg88", "cards", "kitchen")
REFINER = "simgan:similarity=0.05"
BEGIN, END = "<!-- gains:begin -->", "<!-- gains:end -->"
KINDS = {"digits": "handwritten digits"}
MOST = 8
CELL, GAP = 144, 4
COLOURS = {"gain": "#1b7f4b", "loss": "#b3261e"}


def strip_cells(name: str, refiner: str = "") -> list[np.ndarray]:
    """The pictures of a strip of ``results/quick``, from top to bottom, ``(144, 144, 3) uint8`` each."""
    results = ROOT / "results" / "quick"
    galleries = [g for g in read_galleries(results) if (g.of.pair, g.of.refiner) == ("digits", refiner)]
    strip = next(strip for gallery in galleries for strip in gallery.strips if strip.name == name)
    data = picture(results, strip.file)
    assert data is not None, strip.file
    whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    step = (whole.shape[0] + GAP) // len(strip.rows)
    return [whole[i * step : i * step + CELL] for i in range(len(strip.rows))]


def tables() -> list[tuple[str, Table]]:
    """At most :data:`MOST` tables with their suites, real targets first."""
    real, stand_ins = [], []
    for suite in SUITES:
        results = ROOT / "results" / suite
        for table in tables_of(read_records(results), read_measurements(results)):
            if table.recipe == "strong" and best_refiner(table) is not None and _power(table) > 0:
                (real if kind_of_target(table) == "real" else stand_ins).append((suite, table))
    stand_ins.sort(key=lambda found: -_power(found[1]))
    return [*real, *stand_ins][:MOST]


def _power(table: Table) -> float:
    """The oracle's gain over the smallest detectable gain; 0 where the oracle's gain is not resolved."""
    oracle, test = table.find("oracle"), table.gains.test
    if oracle is None or oracle.gain is None or oracle.gain.verdict != "gain" or test is None:
        return 0.0
    return oracle.gain.value / (test.minimal_detectable_gain or float("inf"))


def lines() -> list[str]:
    """The README's table."""
    found = [
        "| | target | task | best refiner | gain over source | gap closed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for suite, table in tables():
        best = best_refiner(table)
        assert best is not None
        row, gain = best
        assert gain.interval is not None
        mark = {"gain": "▲", "loss": "▼"}.get(gain.verdict, "○")
        closed = f"{row.gap_closed_percent:.0f} %" if gain.verdict == "gain" and row.gap_closed_percent else "–"
        kind = "photographs" if kind_of_target(table) == "real" else "rendered stand-in"
        bracket = f"[{gain.interval.low:+.1f}, {gain.interval.high:+.1f}]"
        page = f"[{table.pair.partition(':')[0]}](results/{suite}/leaderboard.md)"
        gained = f"{amount(gain.value, table, signed=True)} {bracket}"
        cells = [mark, f"{page}: {KINDS.get(table.pair, kind)}", table.task, f"`{row.refiner}`", gained, closed]
        found.append(f"| {' | '.join(cells)} |")
    return found


def write_table(readme: Path) -> None:
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n" + "\n".join(lines()) + f"\n{END}{after}")


def draw(out: Path) -> None:
    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10})
    figure = plt.figure(figsize=(11, 4.2), dpi=110)
    columns = [
        ("source\n(rendered)", strip_cells("source")),
        ("refined\n(SimGAN)", strip_cells("refined", REFINER)),
        ("target\n(real)", strip_cells("test")),
    ]
    rows = 4
    for place, (title, cells) in enumerate(columns):
        axes = figure.add_axes((0.015 + place * 0.095, 0.05, 0.09, 0.78))
        axes.imshow(
            np.concatenate([np.pad(cell, ((0, 6), (0, 0), (0, 0)), constant_values=255) for cell in cells[:rows]])
        )
        axes.set_title(title, fontsize=10)
        axes.axis("off")
    axes = figure.add_axes((0.52, 0.13, 0.46, 0.76))
    shown = [table for _, table in tables()]
    labels = []
    for place, table in enumerate(reversed(shown)):
        best = best_refiner(table)
        assert best is not None
        row, gain = best
        interval = gain.interval
        assert interval is not None
        colour = COLOURS.get(gain.verdict, "#6b7280")
        axes.plot([interval.low, interval.high], [place, place], color=colour, lw=2)
        axes.plot([gain.value], [place], "o", color=colour, ms=5)
        kind = "" if kind_of_target(table) == "real" else " (stand-in)"
        labels.append(f"{table.pair.partition(':')[0]}{kind}, {table.task}\n{row.refiner}")
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8, linespacing=1.1)
    axes.set_xlabel("points over the same images unrefined (degrees for pose); green: resolved", fontsize=8)
    axes.set_title("Gain of the best refiner, with what another test set would give", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out.with_suffix(".png"), facecolor="white")
    Image.open(out.with_suffix(".png")).convert("RGB").save(out, quality=88, method=6)
    out.with_suffix(".png").unlink()


if __name__ == "__main__":
    draw(ROOT / "docs" / "readme.webp")
    write_table(ROOT / "README.md")
