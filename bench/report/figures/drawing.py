"""What the page's figures share: a draft becomes a themed SVG that carries its finding as text alternative.

matplotlib is imported when the first figure is drawn, so a report without figures never loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.figures.svg import PAINTS, SETTINGS, inline_svg, new_figure
from bench.report.table import Estimate, Table
from bench.report.text import bracket, number, points, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_PX = 480
LINE_PX = 19
"""Height of a line of a figure that has one for each row."""
BELOW_PX, ABOVE_PX, RIGHT_PX = 46, 10, 14
CHARACTER_PX = 6.9
"""Of the widest likely font at 12 px; names get as much room as the longest needs, up to ``LONGEST``."""
LONGEST = 38
MARKERS = {"gain": "^", "loss": "v"}


@dataclass(frozen=True)
class Figure:
    """A drawing for the page: its heading, the finding that it shows (its text alternative too), how to read it."""

    title: str
    finding: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Draft:
    """A figure before it is drawn; ``draw`` gets the axes, ``left_px`` is the room beside them."""

    title: str
    finding: str
    caption: str
    draw: Callable[[Axes], None]
    height_px: int = 300
    left_px: float = 64


def drawn(draft: Draft, name: str) -> Figure:
    """Draw; ``name`` is unique on the page."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        matplotlib.rcParams.update(SETTINGS)
        figure = new_figure(WIDTH_PX, draft.height_px)
        left, bottom = draft.left_px / WIDTH_PX, BELOW_PX / draft.height_px
        axes = figure.add_axes((left, bottom, 1 - left - RIGHT_PX / WIDTH_PX, 1 - bottom - ABOVE_PX / draft.height_px))
        axes.tick_params(length=0)
        draft.draw(axes)
        return Figure(draft.title, draft.finding, draft.caption, inline_svg(figure, name, draft.finding))


def of_lines(names: Sequence[str]) -> tuple[int, float]:
    """Height of a figure with a line for each name, and the room that the names take."""
    longest = max(len(short(name)) for name in names)
    return BELOW_PX + ABOVE_PX + LINE_PX * (len(names) + 1), min(longest * CHARACTER_PX + 14, 0.6 * WIDTH_PX)


def name_lines(axes: Axes, names: Sequence[str]) -> None:
    """One line a name, the first at the bottom."""
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(-0.8, len(names) - 0.2)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def dot(axes: Axes, x: float, y: float, estimate: Estimate, upright: bool = False) -> None:
    """An estimate's mark at (x, y) and its interval, along the axis that shows it; the verdict in colour and shape."""
    paint = PAINTS[estimate.verdict if estimate.verdict in MARKERS else "even"]
    if estimate.interval:
        ends = [estimate.interval.low, estimate.interval.high]
        axes.plot([x, x] if upright else ends, ends if upright else [y, y], color=paint, linewidth=2)
    axes.plot([x], [y], marker=MARKERS.get(estimate.verdict, "o"), color=paint, markersize=6)


def short(name: str, longest: int = LONGEST) -> str:
    """A name that leaves room for the drawing."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def with_limits(estimate: Estimate, table: Table) -> str:
    """``+3.2 points [+1.0, +5.4]``."""
    said = with_unit(number(estimate.value, table.decimals, signed=True), points(table.metric))
    if estimate.interval is None:
        return said
    return f"{said} {bracket(estimate.interval, table.decimals, signed=True)}"
