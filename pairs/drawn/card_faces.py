"""Playing cards drawn by the project: 24 faces, six ranks in four suits, after no deck in particular.

A face is ``(H, W, 4) uint8`` RGBA, 250 × 350 pixels, and the same turned by half: index (rank above suit) in two
corners; nine and ten pips of the usual arrangement, one large pip on the ace, and on jack, queen and king a framed
figure of plain shapes: a face, hair, a head-dress (cap with feather, coronet, crown with cross) and a striped robe.
Drawn at three times the size and scaled down. Letters are in DejaVu Serif Bold, which matplotlib ships.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

RANKS = ("nine", "ten", "jack", "queen", "king", "ace")
SUITS = ("club", "diamond", "heart", "spade")
SIZE = (250, 350)
_FINE = 3
_INDEX = {"nine": "9", "ten": "10", "jack": "J", "queen": "Q", "king": "K", "ace": "A"}
_PIPS = {
    "nine": [(x, y) for x in (0.3, 0.7) for y in (0.17, 0.39, 0.61, 0.83)] + [(0.5, 0.5)],
    "ten": [(x, y) for x in (0.3, 0.7) for y in (0.17, 0.39, 0.61, 0.83)] + [(0.5, 0.28), (0.5, 0.72)],
    "ace": [(0.5, 0.5)],
}
_RED, _BLACK, _SKIN, _GOLD, _BLUE = (196, 22, 34), (22, 22, 26), (238, 205, 172), (232, 184, 40), (36, 62, 150)
Point = tuple[float, float]


@cache
def face(rank: str, suit: str) -> np.ndarray:
    """One card: ``(350, 250, 4) uint8`` RGBA, transparent outside its rounded corners."""
    width, height = (side * _FINE for side in SIZE)
    card = Image.new("RGBA", (width, height), (255, 255, 255, 0))
    pen = ImageDraw.Draw(card)
    pen.rounded_rectangle((0, 0, width - 1, height - 1), 0.06 * width, (252, 251, 247, 255), (150, 150, 150, 255), 3)
    if rank not in _PIPS:
        _court(card, rank, suit)
    half = card.crop((0, 0, width, height // 2))
    _index(half, rank, suit)
    card.paste(half, (0, 0))
    card.paste(half.rotate(180), (0, height - half.height))
    for x, y in _PIPS.get(rank, ()):
        _pip(pen, suit, (x * width, y * height), (0.3 if rank == "ace" else 0.17) * width, y > 0.5)
    return np.asarray(card.resize(SIZE, Image.Resampling.LANCZOS))


def _colour(suit: str) -> tuple[int, int, int]:
    return _RED if suit in ("diamond", "heart") else _BLACK


def _index(card: Image.Image, rank: str, suit: str) -> None:
    """Rank above suit in the upper left corner."""
    import matplotlib

    pen, width = ImageDraw.Draw(card), card.width
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    text = _INDEX[rank]
    size = round((0.15 if len(text) == 1 else 0.12) * width)
    font = ImageFont.truetype(str(fonts / "DejaVuSerif-Bold.ttf"), size)
    pen.text((0.09 * width, 0.105 * width), text, _colour(suit), font, anchor="mm")
    _pip(pen, suit, (0.09 * width, 0.245 * width), 0.11 * width, False)


def _pip(pen: ImageDraw.ImageDraw, suit: str, centre: Point, size: float, upside_down: bool) -> None:
    """A suit's sign, ``size`` high."""
    turn = -1 if upside_down else 1

    def at(x: float, y: float) -> Point:
        return centre[0] + x * size, centre[1] + turn * y * size

    def disc(x: float, y: float, radius: float) -> None:
        u, v = at(x, y)
        pen.ellipse((u - radius * size, v - radius * size, u + radius * size, v + radius * size), _colour(suit))

    colour = _colour(suit)
    if suit == "diamond":
        pen.polygon([at(0, -0.5), at(0.37, 0), at(0, 0.5), at(-0.37, 0)], colour)
        return
    if suit == "heart":
        pen.polygon([at(*_heart(angle)) for angle in np.linspace(0, 2 * math.pi, 60)], colour)
        return
    if suit == "spade":
        pen.polygon([at(x, -0.9 * y - 0.06) for x, y in map(_heart, np.linspace(0, 2 * math.pi, 60))], colour)
    else:
        for x, y, radius in ((0, -0.25, 0.23), (-0.22, 0.1, 0.23), (0.22, 0.1, 0.23), (0, 0, 0.12)):
            disc(x, y, radius)
    pen.polygon([at(0, 0), at(0.16, 0.5), at(-0.16, 0.5)], colour)


def _heart(angle: float) -> Point:
    """A point of the usual heart curve, about 1 high, its tip below."""
    x = 16 * math.sin(angle) ** 3
    y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
    return x / 34, -(y + 2.5) / 29


def _court(card: Image.Image, rank: str, suit: str) -> None:
    """The figure's upper half in its frame; :func:`face` turns a copy of it for the lower one."""
    width, height = card.size
    left, top, right, middle = 0.18 * width, 0.085 * height, 0.82 * width, 0.5 * height
    pen = ImageDraw.Draw(card)
    first, second = {"jack": (_RED, _BLUE), "queen": (_BLUE, _GOLD), "king": (_GOLD, _RED)}[rank]
    hair = {"jack": (120, 72, 24), "queen": (222, 170, 60), "king": (70, 62, 58)}[rank]
    x, y, radius = 0.5 * width, 0.245 * height, 0.085 * width
    robe = [(left, middle), (left, 0.42 * height), (x - 0.1 * width, y + 0.07 * height)]
    pen.polygon([*robe, *[(width - u, v) for u, v in reversed(robe)]], first)
    for stripe in range(6):
        u = left + (right - left) * (stripe + 0.25) / 6
        pen.polygon([(u, middle), (u + 0.05 * width, middle), (x + (u - x) * 0.3, y + 0.1 * height)], second)
    pen.ellipse((x - 1.5 * radius, y - 1.3 * radius, x + 1.5 * radius, y + 1.9 * radius), hair)
    pen.ellipse((x - radius, y - 1.3 * radius, x + radius, y + 1.3 * radius), _SKIN)
    for eye in (x - 0.4 * radius, x + 0.4 * radius):
        pen.ellipse((eye - 5, y - 0.3 * radius - 5, eye + 5, y - 0.3 * radius + 5), _BLACK)
    pen.line((x - 0.35 * radius, y + 0.6 * radius, x + 0.35 * radius, y + 0.6 * radius), _RED, 6)
    if rank == "king":
        pen.pieslice((x - radius, y + 0.1 * radius, x + radius, y + 2.2 * radius), 0, 180, hair)
    _head_dress(pen, rank, (x, y - 1.1 * radius), radius, second)
    _pip(pen, suit, (left + 0.1 * width, top + 0.065 * height), 0.17 * width, False)
    pen.line([(left, middle), (left, top), (right, top), (right, middle)], _BLUE, 5)


def _head_dress(pen: ImageDraw.ImageDraw, rank: str, foot: Point, radius: float, colour: tuple[int, int, int]) -> None:
    x, y = foot
    if rank == "jack":
        pen.rounded_rectangle((x - 1.5 * radius, y - 0.7 * radius, x + 1.5 * radius, y + 0.2 * radius), 12, colour)
        pen.line((x + 0.9 * radius, y - 0.4 * radius, x + 2.3 * radius, y - 1.6 * radius), _RED, 14)
        return
    n_points, rise = (3, 1.4) if rank == "king" else (5, 0.8)
    step = 2.8 * radius / (2 * n_points)
    crown = [(x - 1.4 * radius + i * step, y - (rise if i % 2 else 0.35) * radius) for i in range(2 * n_points + 1)]
    pen.polygon([(x - 1.4 * radius, y + 0.25 * radius), *crown, (x + 1.4 * radius, y + 0.25 * radius)], _GOLD, _BLACK)
    if rank == "king":
        pen.line((x, y - 2.0 * radius, x, y - 1.2 * radius), _RED, 12)
        pen.line((x - 0.3 * radius, y - 1.7 * radius, x + 0.3 * radius, y - 1.7 * radius), _RED, 12)
