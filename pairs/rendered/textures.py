"""Procedural textures: arrays ``(H, W, 3) float32`` of linear reflectance in [0, 1] that tile in both directions.

Colours are given as sRGB triples in [0, 1], as one picks them on a screen, and become linear here. Every texture draws
from the generator it is handed and from nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Colour = Sequence[float] | np.ndarray


def linear(colour: Colour) -> np.ndarray:
    """sRGB in [0, 1] → linear reflectance (IEC 61966-2-1)."""
    value = np.asarray(colour, float)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def rgb(colour: Colour) -> dict[str, Any]:
    """A uniform texture of an sRGB colour, for any bsdf."""
    return {"type": "rgb", "value": [float(c) for c in linear(colour)]}


def bitmap(texture: np.ndarray, repeat: tuple[float, float] = (1.0, 1.0)) -> dict[str, Any]:
    """A texture array as a scene entry, repeated ``repeat`` times over the mesh's u and v."""
    return {"type": "bitmap", "data": texture, "to_uv": np.diag([*repeat, 1.0, 1.0])}


def noise(
    rng: np.random.Generator, side: int, cells: int | tuple[int, int], octaves: int = 4, fall: float = 0.5
) -> np.ndarray:
    """Perlin's gradient noise ``(side, side) float32``, stretched to [0, 1].

    ``cells`` waves across (down, along) in the first octave; each further one is twice as fine and ``fall`` as high.
    """
    down, along = (cells, cells) if isinstance(cells, int) else cells
    total = np.zeros((side, side))
    for octave in range(octaves):
        total += fall**octave * _perlin(rng, side, down * 2**octave, along * 2**octave)
    total -= total.min()
    return (total / max(total.max(), 1e-9)).astype(np.float32)


def ramp(value: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """``value`` in [0, 1] → evenly spaced ``colours``, blended linearly between neighbours."""
    stops = linear(np.asarray(colours))
    at = np.clip(value, 0, 1) * (len(stops) - 1)
    index = np.minimum(at.astype(int), len(stops) - 2)
    share = (at - index)[..., None]
    return ((1 - share) * stops[index] + share * stops[index + 1]).astype(np.float32)


def mottled(
    rng: np.random.Generator, colour: Colour, side: int = 128, contrast: float = 0.35, cells: int = 4
) -> np.ndarray:
    """A colour with stains and grain: plaster, asphalt, old paint."""
    stain = 1 + contrast * (noise(rng, side, cells) - 0.5) * 2
    grain = 1 + contrast * 0.2 * (rng.random((side, side)) - 0.5)
    return np.clip(linear(colour) * (stain * grain)[..., None], 0, 1).astype(np.float32)


def bricks(
    rng: np.random.Generator,
    brick: Colour,
    mortar: Colour,
    side: int = 128,
    rows: int = 8,
    columns: int = 4,
    gap: float = 0.1,
) -> np.ndarray:
    """Courses of bricks, each in its own shade; every second course shifted by half a brick. ``rows`` is even."""
    y, x = np.meshgrid(np.arange(side) / side * rows, np.arange(side) / side * columns, indexing="ij")
    row = y.astype(int)
    x = (x + 0.5 * (row % 2)) % columns
    shade = rng.uniform(0.65, 1.2, (rows, columns))[row, x.astype(int)]
    joint = np.minimum(y % 1, 1 - y % 1) < gap
    joint |= np.minimum(x % 1, 1 - x % 1) * rows / columns / 2 < gap / 2
    face = mottled(rng, brick, side, 0.3) * shade[..., None]
    return np.clip(np.where(joint[..., None], mottled(rng, mortar, side, 0.2), face), 0, 1).astype(np.float32)


def wood(
    rng: np.random.Generator, light: Colour, dark: Colour, side: int = 128, planks: int = 1, rings: float = 6.0
) -> np.ndarray:
    """Grain along v: noise stretched along the trunk, folded into year rings; ``planks`` boards side by side."""
    trunk = noise(rng, side, (1, 4), octaves=4)
    board = (np.arange(side) * planks // side)[None, :]
    shift = rng.uniform(0, 1, planks)[board]
    fibre = noise(rng, side, (2, 32), octaves=2)
    ring = 0.5 + 0.5 * np.sin(2 * np.pi * rings * (trunk + shift))
    tone = ramp(0.75 * ring + 0.25 * fibre, (light, dark)) * rng.uniform(0.8, 1.1, planks)[board][..., None]
    if planks > 1:
        seam = (np.arange(side) * planks % side < planks * max(1, side // 128))[None, :, None]
        tone = np.where(seam, tone * 0.35, tone)
    return np.clip(tone, 0, 1).astype(np.float32)


def checks(rng: np.random.Generator, first: Colour, second: Colour, side: int = 128, squares: int = 8) -> np.ndarray:
    """A worn chessboard; ``squares`` is even."""
    cell = np.arange(side) * squares // side
    odd = ((cell[:, None] + cell) % 2)[..., None]
    return np.where(odd, mottled(rng, first, side, 0.2), mottled(rng, second, side, 0.2)).astype(np.float32)


def stripes(
    rng: np.random.Generator, colours: Sequence[Colour], side: int = 128, count: int = 8, wobble: float = 0.0
) -> np.ndarray:
    """Stripes along v in turn of ``colours``; ``wobble`` bends them by that share of the tile."""
    bend = wobble * (noise(rng, side, 2, 3) - 0.5)
    at = ((np.arange(side) / side + bend) % 1 * count).astype(int) % len(colours)
    weave = 1 + 0.15 * (rng.random((side, side)) - 0.5)
    return np.clip(linear(np.asarray(colours))[at] * weave[..., None], 0, 1).astype(np.float32)


def marble(rng: np.random.Generator, base: Colour, vein: Colour, side: int = 128, cells: int = 3) -> np.ndarray:
    """Veins where noise crosses its middle."""
    ridge = 1 - np.abs(2 * noise(rng, side, cells, 5, 0.6) - 1)
    return ramp(np.clip(ridge, 0, 1) ** 6, (base, vein))


def speckles(
    rng: np.random.Generator,
    base: Colour,
    colours: Sequence[Colour],
    side: int = 128,
    count: int = 150,
    radius: float = 0.03,
) -> np.ndarray:
    """Round spots of random colours on a mottled ground: terrazzo, granite, print. ``radius`` in tiles."""
    image = mottled(rng, base, side, 0.15)
    palette, axis = linear(np.asarray(colours)), (np.arange(side) + 0.5) / side
    for _ in range(count):
        (x, y), r = rng.random(2), radius * rng.uniform(0.3, 1.0)
        dx, dy = (np.abs((axis - c + 0.5) % 1 - 0.5) for c in (x, y))
        inside = dy[:, None] ** 2 + dx**2 < r * r
        image[inside] = palette[rng.integers(len(palette))]
    return image


def _perlin(rng: np.random.Generator, side: int, down: int, along: int) -> np.ndarray:
    """One octave of periodic gradient noise with ``down`` × ``along`` cells."""
    angle = rng.uniform(0, 2 * np.pi, (down, along))
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = np.arange(side) / side * down, np.arange(side) / side * along
    row, column = y.astype(int), x.astype(int)
    fy, fx = (y - row)[:, None], (x - column)[None, :]

    def corner(dy: int, dx: int) -> np.ndarray:
        cell = np.ix_((row + dy) % down, (column + dx) % along)
        return cos[cell] * (fx - dx) + sin[cell] * (fy - dy)

    wx, wy = (f**3 * (f * (6 * f - 15) + 10) for f in (fx, fy))  # Perlin's fifth-degree fade
    top = corner(0, 0) * (1 - wx) + corner(0, 1) * wx
    bottom = corner(1, 0) * (1 - wx) + corner(1, 1) * wx
    return top * (1 - wy) + bottom * wy
