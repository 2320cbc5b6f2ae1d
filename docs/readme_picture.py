"""Draws the picture of the README and prints its table, both from the published results.

    python docs/readme_picture.py            # writes docs/readme.webp and the table between the README's markers

The left half shows training images before and after refining beside real test images; only pairs whose images may be
redistributed have any. The right half shows the best refiner's gain of every table below, with its 95 % interval.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.report import tables_of
from bench.report.headline import best_refiner
from bench.report.table import Estimate, Row, Table
from bench.report.text import interval, kind_of_target, number
from bench.results.documents import picture
from bench.results.gallery import StripName, read_galleries
from bench.results.measurement import read_measurements
from bench.results.record import read_records

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
SHOWN = (
    ("linemod", "linemod", "classification", "strong", "11 objects, photographs"),
    ("linemod", "linemod", "pose", "plain", "11 objects, photographs"),
    ("quick", "digits", "classification", "strong", "handwritten digits"),
    ("cards", "cards", "detection", "strong", "playing cards, phone photographs"),
    ("camvid-jpeg88", "camvid:images=jpeg88", "segmentation", "strong", "streets, photographs from a car"),
    ("kitchen", "kitchen", "depth", "strong", "a kitchen, photographs"),
    ("quick", "objects", "classification", "strong", "10 objects"),
    ("quick", "street", "segmentation", "strong", "streets"),
)
"""Suite, pair, task, recipe, and the target in words; real targets first."""
STRIPS = (
    ("digits", "simgan:similarity=0.05", "digits\n(real target)", (0, 2)),
    ("objects", "background:fill=target", "objects\n(stand-in)", (0, 2)),
    ("street", "fda:beta=0.05", "street\n(stand-in)", (0, 2)),
    ("vending", "histogram", "vending\n(stand-in)", (0, 2)),
)
"""Pair of the suite ``quick``, its refiner, caption, and which images of the strips are shown."""
UNITS = {
    "accuracy": "accuracy points",
    "mean_angle_error": "° of mean angle error",
    "ap": "AP points",
    "miou": "mIoU points",
    "abs_rel": "AbsRel points",
}
GAP_PX = 4
"""Between the images of a strip."""
COLOURS = {"gain": "#1a7f37", "loss": "#b42318"}


@dataclass(frozen=True)
class Line:
    """One row of the table, one bar of the picture."""

    target: str
    suite: str
    table: Table
    row: Row
    gain: Estimate

    @property
    def bounds(self) -> tuple[float, float]:
        """The simultaneous interval, since the row is named as the best of several."""
        found = self.gain.simultaneous or self.gain.interval
        assert found is not None
        return found.low, found.high

    @property
    def unit(self) -> str:
        return UNITS[self.table.metric.name]


def lines() -> list[Line]:
    """The published finding of every entry of :data:`SHOWN`."""
    tables: dict[str, list[Table]] = {}
    found = []
    for suite, pair, task, recipe, words in SHOWN:
        folder = RESULTS / suite
        if suite not in tables:
            tables[suite] = list(tables_of(read_records(folder), read_measurements(folder)))
        (table,) = (t for t in tables[suite] if (t.pair, t.task, t.recipe) == (pair, task, recipe))
        best = best_refiner(table)
        assert best is not None, f"{suite}: no refiner is tested in {pair} {task}"
        found.append(Line(words, suite, table, *best))
    return found


def markdown(found: list[Line]) -> str:
    """The README's table."""
    rows = [
        "| | target | task | best refiner | gain [95 % interval] | share of the gap |",
        "| --- | --- | --- | --- | --- | ---: |",
    ]
    for line in found:
        decimals = line.table.decimals
        kind = "**real**" if kind_of_target(line.table) == "real" else "stand-in"
        mark = {"gain": "▲", "loss": "▼"}.get(line.gain.verdict, "○")
        gain = f"{number(line.gain.value, decimals, signed=True)} {line.unit} {interval(*line.bounds, decimals, True)}"
        resolved = line.gain.verdict == "gain" and line.row.gap_closed_percent is not None
        share = f"{line.row.gap_closed_percent:.0f} %" if resolved else "–"
        plain = " (`plain`)" if line.table.recipe == "plain" else ""
        also = ", beside the source" if line.row.arm == "source_refined" else ""
        target = f"{kind}: [{line.target}](results/{line.suite}/leaderboard.md)"
        rows.append(f"| {mark} | {target} | {line.table.task}{plain} | `{line.row.refiner}`{also} | {gain} | {share} |")
    return "\n".join(rows)


def draw(found: list[Line], path: Path) -> None:
    """Write the picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5), dpi=110, facecolor="white")
    images = figure.add_gridspec(len(STRIPS), 6, left=0.08, right=0.49, top=0.84, bottom=0.02, wspace=0.04, hspace=0.06)
    figure.text(0.08, 0.95, "Synthetic images, refined, and their target", weight="bold", size=12)
    for at, (pair, refiner, caption, places) in enumerate(STRIPS):
        columns: tuple[tuple[StripName, str], ...] = (("source", ""), ("refined", refiner), ("test", ""))
        for column, (name, of) in enumerate(columns):
            for i, image in enumerate(_images(pair, of, name, places)):
                axes = figure.add_subplot(images[at, 2 * column + i])
                axes.imshow(image)
                axes.set_xticks([])
                axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set_visible(False)
                if at == 0 and i == 0:
                    axes.set_title(("source", "refined", "target")[column], loc="left", size=11)
                if column == i == 0:
                    axes.set_ylabel(caption, rotation=0, ha="right", va="center", size=9)
    axes = figure.add_axes((0.70, 0.12, 0.285, 0.74))
    figure.text(0.52, 0.95, "Gain of the best refiner, on test images of the target", weight="bold", size=12)
    figure.text(
        0.52,
        0.9,
        "95 % intervals. Green: resolved; grey: not resolved. More is better in every row.",
        size=9,
        color="#555555",
    )
    for at, line in enumerate(found):
        colour = COLOURS.get(line.gain.verdict, "#808080")
        low, high = line.bounds
        axes.plot([low, high], [at, at], color=colour, lw=2.5, solid_capstyle="round")
        axes.plot([line.gain.value], [at], "o", color=colour, ms=7)
    axes.axvline(0, color="black", lw=0.8)
    labels = [
        f"{line.target}{'' if kind_of_target(line.table) == 'real' else ' (stand-in)'}\n"
        f"{line.table.task}, {number(line.gain.value, line.table.decimals, signed=True)} {line.unit}"
        for line in found
    ]
    axes.set_yticks(np.arange(len(found)), labels, size=8.5)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlabel("gain over the unrefined images, in each row's unit", size=9)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    held = io.BytesIO()
    figure.savefig(held, format="png")
    Image.open(held).convert("RGB").save(path, quality=88, method=6)


def _images(pair: str, refiner: str, name: StripName, places: tuple[int, ...]) -> list[np.ndarray]:
    """Images of a strip, from top to bottom, without the captions of test images."""
    suite = RESULTS / "quick"
    galleries = [gallery for gallery in read_galleries(suite) if gallery.of.pair == pair]
    sources = [found for gallery in galleries if (found := gallery.find("source"))]
    height = (sources[0].height + GAP_PX) // len(sources[0].rows) - GAP_PX
    for gallery in galleries:
        strip = gallery.find(name)
        if gallery.of.refiner == refiner and strip is not None:
            data = picture(suite, strip.file)
            assert data is not None, f"{suite} lacks {strip.file}"
            pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            pitch = (strip.height + GAP_PX) // len(strip.rows)
            return [pixels[pitch * place : pitch * place + height] for place in places]
    raise LookupError(f"{suite} has no strip {name!r} of {pair} {refiner}")


def put_table(readme: str, table: str) -> str:
    """The README with ``table`` between its markers."""
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write picture and table."""
    found = lines()
    draw(found, ROOT / "docs" / "readme.webp")
    readme = ROOT / "README.md"
    readme.write_text(put_table(readme.read_text("utf-8"), markdown(found)), "utf-8")


if __name__ == "__main__":
    main()
