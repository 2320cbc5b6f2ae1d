"""What is printed on the products of the pair ``vending``: a fixed catalogue of designs, in two degrees of detail.

A design is a brand, four colours and a style of its label; there are :data:`N_DESIGNS` a class, the same in every image
of both looks, as a machine sells the same articles every day. Each class has each of the :data:`HUES` once, so colour
alone never tells the class.

* ``plain`` (source look): the colour areas and, where the brand name stands, one bar: no letter, no shade, no grain.
* ``detailed`` (target look): the same areas with brand, small print, pictures, bar code, tone and grain on top.

Both keep the hue of each area, which is what refiners that preserve the products' hue may rely on. A print is
``(H, W, 3) float32`` linear reflectance in [0, 1], W around the product (its front in the middle, left to right as
read) and H from top to bottom, 1,200 pixels a metre. The brand stands on the front and, across the seam, on the back.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pairs.rendered.textures import linear
from pairs.rendered.vending_products import CLASS_NAMES

N_DESIGNS = 6
HUES = (0.985, 0.06, 0.13, 0.37, 0.59, 0.76)  # red, orange, yellow, green, blue, violet
STYLES = ("band", "wave", "slope", "oval", "foot", "rays")
_SIZE_MM = (
    (200, 64),
    (207, 96),
    (272, 120),
    (244, 172),
    (254, 40),
    (126, 152),
    (215, 86),
    (200, 100),
)  # of each class: around, high
_SYLLABLES = ("no", "va", "ki", "ru", "ze", "dre", "la", "bri", "to", "fi", "sul", "lu")
_PIXELS_PER_MM = 1.2
_OVERSAMPLE = 2
_WHITE = 0.85  # reflectance of white paper
_SANDWICH = CLASS_NAMES.index("sandwich box")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Design:
    """Brand, style and sRGB colours: of the ground, of the second area, of the ink and of cap and contents."""

    brand: str
    style: str
    ground: Colour
    second: Colour
    ink: Colour
    cap: Colour
    fill: Colour


@cache
def design(class_id: int, number: int) -> Design:
    """Design ``number`` of a class."""
    rng = np.random.default_rng([7, class_id, number])
    hue = HUES[(number + class_id) % len(HUES)]
    ground = _hsv(hue + rng.uniform(-0.012, 0.012), rng.uniform(0.65, 0.9), rng.uniform(0.5, 0.85))
    light = _hsv(hue + 0.03, rng.uniform(0.03, 0.2), 0.95)
    other = _hsv(hue + rng.choice([0.12, 0.42, 0.5]), 0.6, 0.8)
    second = (light, other, light, _hsv(hue, 0.8, 0.35))[rng.integers(4)]
    ink = (250, 248, 240) if _luma(second) < 140 else ground if _luma(ground) < 140 else (40, 32, 38)
    fill = _hsv(hue + rng.uniform(-0.02, 0.02), rng.uniform(0.6, 0.85), rng.uniform(0.25, 0.7))
    cap = (ground, (236, 234, 228), second)[rng.integers(3)]
    brand = "".join(rng.choice(_SYLLABLES, 2 if number % 3 else 3, replace=False))
    return Design(
        brand.upper() if number % 2 else brand.title(),
        STYLES[(number * 5 + class_id) % 6],
        ground,
        second,
        ink,
        cap,
        fill,
    )


def paper(colour: Colour) -> list[float]:
    """Linear reflectance of ink of an sRGB colour on paper, whose white reflects 85 %."""
    return (_WHITE * linear(np.array(colour) / 255)).tolist()


@cache
def print_of(class_id: int, number: int, detailed: bool) -> np.ndarray:
    """The print of a design; see the module's docstring."""
    this = design(class_id, number)
    width, height = (round(mm * _PIXELS_PER_MM) * _OVERSAMPLE for mm in _SIZE_MM[class_id])
    rng = np.random.default_rng([11, class_id, number])
    image = Image.new("RGB", (width, height), this.ground)
    draw = ImageDraw.Draw(image)
    for centre in (0, width // 2, width):  # the back, twice, as the seam cuts it; and the front
        _areas(draw, this, centre, width // 2, height)
    if class_id == _SANDWICH:
        _window(draw, rng, width, height, detailed)
    size = min(height * 0.34, width * 0.44 / len(this.brand))
    top = height * (0.16 if class_id == _SANDWICH else 0.44)
    if detailed and class_id != _SANDWICH:
        _pictures(draw, this, rng, width, height)
    for centre in (0, width // 2, width):
        _brand(draw, this, centre, top, size, detailed)
    if detailed:
        _small_print(draw, this, rng, width, height)
    image = image.resize((width // _OVERSAMPLE, height // _OVERSAMPLE), Image.Resampling.BOX)
    pixels = np.asarray(image, float)
    if detailed:
        tone = 1 - 0.16 * np.linspace(-0.4, 1, len(pixels))[:, None] ** 2
        grain = rng.normal(1, 0.025, pixels.shape[:2])
        pixels = pixels * (tone * grain)[..., None]
    return (_WHITE * linear(np.clip(pixels, 0, 255) / 255)).astype(np.float32)


def _areas(draw: ImageDraw.ImageDraw, this: Design, centre: int, width: int, height: int) -> None:
    """The second colour's area on the panel ``centre ± width/2``."""
    left, right = centre - width // 2, centre + width // 2
    x = np.linspace(left, right, 33)
    t = (x - left) / width
    if this.style == "band":
        draw.rectangle((left, height * 0.28, right, height * 0.72), this.second)
    elif this.style == "wave":
        y = height * (0.6 + 0.12 * np.sin(2 * math.pi * t))
        draw.polygon([*zip(x, y, strict=True), (right, height), (left, height)], this.second)
    elif this.style == "slope":
        y = height * (0.2 + 0.6 * np.abs(t - 0.5) * 2)
        draw.polygon([*zip(x, y, strict=True), (right, height), (left, height)], this.second)
    elif this.style == "oval":
        draw.ellipse((left + width * 0.1, height * 0.2, right - width * 0.1, height * 0.78), this.second)
    elif this.style == "foot":
        draw.rectangle((left, height * 0.34, right, height), this.second)
    else:
        for k in range(0, 16, 2):
            a, b = (2 * math.pi * (k + d) / 16 for d in (0, 1))
            reach = 2 * max(width, height)
            corners = [(centre, height * 0.5)] + [
                (centre + reach * math.cos(w), height * 0.5 + reach * math.sin(w)) for w in (a, b)
            ]
            draw.polygon([(min(max(px, left), right), py) for px, py in corners], this.second)


def _brand(draw: ImageDraw.ImageDraw, this: Design, centre: int, top: float, size: float, detailed: bool) -> None:
    font = ImageFont.load_default(size)
    left, up, right, down = draw.textbbox((centre, top), this.brand, font, "mm", stroke_width=size / 30)
    pad = size * 0.2
    if not detailed:
        draw.rectangle((left, up, right, down), this.ink)
        return
    draw.rounded_rectangle((left - pad, up - pad, right + pad, down + pad), pad * 1.5, this.second)
    draw.text((centre, top), this.brand, this.ink, font, "mm", stroke_width=size / 30)


def _pictures(draw: ImageDraw.ImageDraw, this: Design, rng: np.random.Generator, width: int, height: int) -> None:
    """Round things (fruit, nuts, drops …) below the brand, each with its shade and highlight."""
    n, radius = rng.integers(2, 6), height * rng.uniform(0.06, 0.12)
    hues = [_hsv(rng.uniform(), rng.uniform(0.5, 0.9), rng.uniform(0.45, 0.9)) for _ in range(2)]
    for k in range(n):
        for centre in (0, width // 2, width):
            x = centre + (k - (n - 1) / 2) * radius * 1.6
            y = height * (0.74 + 0.04 * (-1) ** k)
            for shrink, gain in ((1, 0.7), (0.85, 1.0), (0.3, 1.35)):
                r = radius * shrink
                colour = tuple(min(255, int(c * gain)) for c in hues[k % 2])
                offset = radius * (1 - shrink) * 0.4
                draw.ellipse((x - r - offset, y - r - offset, x + r - offset, y + r - offset), colour)


def _small_print(draw: ImageDraw.ImageDraw, this: Design, rng: np.random.Generator, width: int, height: int) -> None:
    """Lines of small print and a rule across the panels, a bar code and a table on the sides."""
    for y in (0.04, 0.95):
        draw.rectangle((0, height * y, width, height * (y + 0.015)), this.ink)
    x0, x1 = width * 0.16, width * 0.25
    draw.rectangle((x0, height * 0.3, x1, height * 0.8), (238, 236, 230))
    for row in np.arange(0.34, 0.54, 0.04):
        end = x0 + (x1 - x0) * rng.uniform(0.5, 0.95)
        draw.line((x0 + 4, height * row, end, height * row), (70, 66, 70), max(1, height // 130))
    for bar in np.arange(x0 + 5, x1 - 5, 5):
        draw.rectangle((bar, height * 0.58, bar + rng.choice([1, 2, 3]), height * 0.74), (25, 24, 28))
    font = ImageFont.load_default(height * 0.07)
    for centre in (0, width // 2, width):
        draw.text(
            (centre, height * 0.13), rng.choice(["ORIGINAL", "classic", "fresh & light", "EXTRA"]), this.ink, font, "mm"
        )
        draw.text(
            (centre, height * 0.89), rng.choice(["330 ml", "net 85 g", "best cold", "+20% free"]), this.ink, font, "mm"
        )


def _window(draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int, detailed: bool) -> None:
    """The clear front of a sandwich box: bread, fillings, bread, in slices that slope."""
    left, right, top, bottom = width * 0.36, width * 0.64, height * 0.3, height * 0.96
    bread, crumb = (226, 196, 142), (150, 98, 46)
    fillings = [((96, 150, 52), (206, 58, 40)), ((236, 190, 70), (214, 120, 116)), ((120, 160, 70), (240, 214, 130))]
    draw.rectangle((left, top, right, bottom), bread)
    colours = fillings[rng.integers(3)]
    for k, slope in ((0.3, 0.1), (0.66, 0.1)):
        y0, y1 = top + (bottom - top) * k, top + (bottom - top) * (k - slope)
        thick = (bottom - top) * 0.075
        for i, colour in enumerate(colours):
            x = np.linspace(left, right, 24)
            y = np.linspace(y0, y1, 24) + i * thick
            rough = rng.normal(0, thick * 0.35, (2, 24)) if detailed else np.zeros((2, 24))
            upper, lower = y + rough[0], (y + thick + rough[1])[::-1]
            draw.polygon([*zip(x, upper, strict=True), *zip(x[::-1], lower, strict=True)], colour)
    if detailed:
        crumbs = rng.uniform((left, top), (right, bottom), (220, 2))
        draw.point(crumbs.ravel().tolist(), crumb)
        draw.rectangle((left, top, right, bottom), None, (238, 238, 238), 3)


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    r, g, b = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * r), round(255 * g), round(255 * b)


def _luma(colour: Colour) -> float:
    return float(np.dot(colour, (0.299, 0.587, 0.114)))
