"""A matplotlib figure → SVG to put inside a page: small, themed by the page's CSS, equal bytes for equal figures.

Figures are drawn in pixels at 72 dpi. Their colours are names of the page's CSS variables, which :data:`PAINTS` stands
in for while matplotlib draws; so one drawing serves light, dark and print. Text stays text, in the page's font. Styles
become presentation attributes, since the page's content policy allows no inline style; matplotlib's ids, metadata and
style sheet go, clip paths get ids of their own.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = ("ink", "soft", "line", "paper", "gain", "loss", "even", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
PAINTS = {name: f"#{index:02x}fe{index:02x}" for index, name in enumerate(NAMES, start=1)}
"""Colours to draw with, by CSS variable; no figure has these greens otherwise."""
CURVES = tuple(name for name in NAMES if re.fullmatch(r"c\d", name))
"""Paints that tell curves apart; they differ in marker and dash as well."""

_DROPPED = {"font-family", "font-stretch", "font-variant"}


SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "realgain",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.size": 12,
    "text.color": PAINTS["ink"],
    "axes.labelcolor": PAINTS["ink"],
    "axes.edgecolor": PAINTS["line"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": PAINTS["line"],
    "grid.linewidth": 0.6,
    "xtick.color": PAINTS["line"],
    "ytick.color": PAINTS["line"],
    "xtick.labelcolor": PAINTS["ink"],
    "ytick.labelcolor": PAINTS["ink"],
    "legend.frameon": False,
    "figure.dpi": 72,
}
"""Of matplotlib: no mathematics in names, quiet axes, paints for all parts."""


def new_figure(width_px: int, height_px: int) -> Figure:
    """An empty figure without pyplot, which would load a window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_px / 72, height_px / 72), dpi=72)


def inline_svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an ``<svg role="img">`` element; ``name`` is unique on its page, ``alt`` says what it shows."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 (made a line ago)
    _shorten(root, name)
    width, height = (round(float(v)) for v in root.attrib["viewBox"].split()[2:])
    root.attrib.clear()
    root.attrib |= {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
    root.attrib |= {"role": "img", "aria-label": alt}
    text = ElementTree.tostring(root, encoding="unicode")
    for paint, colour in PAINTS.items():
        text = text.replace(colour, f"var(--{paint})")
    return re.sub(r"\s*\n\s*", " ", text).replace("> <", "><")


def _shorten(root: ElementTree.Element, name: str) -> None:
    """Drop what a page does not need; inside HTML, neither namespaces nor prefixes are needed."""
    for element in root.iter():
        element.tag = _local(element.tag)
        for child in [child for child in element if _local(child.tag) in ("metadata", "style")]:
            element.remove(child)
        styled = _presentation(element.attrib.pop("style", ""))
        element.attrib = {_local(key): value for key, value in (styled | element.attrib).items()}
    used = sorted(set(re.findall(r"(?:url\(#|href=\")#?([^\")]+)", ElementTree.tostring(root, encoding="unicode"))))
    ids = {old: f"{name}-{index}" for index, old in enumerate(used)}
    for element in root.iter():
        if element.get("id", "") not in ids:
            element.attrib.pop("id", None)
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        for key, value in element.attrib.items():
            if key in ("id", "href", "clip-path"):
                value = re.sub(r"[\w-]{8,}", lambda m: ids.get(m[0], m[0]), value)
            elif key in ("d", "transform", "x", "y", "width", "height"):
                value = re.sub(r"-?\d+\.\d+", lambda m: f"{round(float(m[0]), 1) + 0.0:g}", value)
            element.attrib[key] = re.sub(r"\s+", " ", value).strip()


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _presentation(style: str) -> dict[str, str]:
    """``fill: red; font-size: 12px`` as attributes; the family is the page's."""
    found = {}
    for part in filter(None, (piece.strip() for piece in style.split(";"))):
        key, _, value = (text.strip() for text in part.partition(":"))
        if key not in _DROPPED:
            found[key] = value.removesuffix("px")
    return found
