"""Materials of the pair `indoor` in its two looks.

*Source*: every slot one uniform colour, diffuse; one point light with hard shadows, and an ambient term, written as a
faint emission of 0.4 · colour that no light ray samples, so that the direct integrator makes no noise at all.

*Target*: boards, tiles, wallpaper, weaves, spines of books; gloss where things are lacquered or glazed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.rendered import textures
from pairs.rendered.textures import Colour, bitmap, linear, noise, ramp, rgb

Bsdf = dict[str, Any]
AMBIENT = 0.4

COLOURS: dict[str, tuple[Colour, ...]] = {  # sRGB; a room draws one colour a slot
    "wall": (
        (0.86, 0.84, 0.78),
        (0.8, 0.83, 0.8),
        (0.74, 0.78, 0.83),
        (0.87, 0.78, 0.68),
        (0.7, 0.74, 0.66),
        (0.88, 0.88, 0.87),
    ),
    "ceiling": ((0.92, 0.92, 0.9), (0.9, 0.89, 0.85)),
    "floor": ((0.62, 0.44, 0.27), (0.48, 0.31, 0.19), (0.74, 0.6, 0.42), (0.66, 0.63, 0.58), (0.5, 0.46, 0.44)),
    "trim": ((0.93, 0.92, 0.89), (0.88, 0.86, 0.8), (0.55, 0.38, 0.24)),
    "door": ((0.9, 0.89, 0.85), (0.58, 0.4, 0.25), (0.7, 0.52, 0.34), (0.42, 0.5, 0.52)),
    "wood": ((0.7, 0.5, 0.3), (0.52, 0.34, 0.2), (0.8, 0.66, 0.47), (0.36, 0.23, 0.15)),
    "wood2": ((0.62, 0.44, 0.28), (0.3, 0.2, 0.14), (0.78, 0.63, 0.45)),
    "paint": ((0.92, 0.91, 0.88), (0.45, 0.56, 0.58), (0.66, 0.7, 0.62), (0.3, 0.36, 0.42), (0.83, 0.75, 0.6)),
    "unit": ((0.92, 0.92, 0.9), (0.35, 0.45, 0.42), (0.24, 0.3, 0.4), (0.75, 0.62, 0.45), (0.62, 0.66, 0.66)),
    "stone": ((0.3, 0.3, 0.31), (0.72, 0.7, 0.66), (0.62, 0.46, 0.3)),
    "appliance": ((0.92, 0.92, 0.92), (0.85, 0.84, 0.8)),
    "steel": ((0.68, 0.68, 0.69),),
    "metal": ((0.12, 0.12, 0.13), (0.55, 0.53, 0.5), (0.62, 0.5, 0.3)),
    "dark": ((0.08, 0.08, 0.09), (0.15, 0.14, 0.14)),
    "screen": ((0.05, 0.06, 0.08),),
    "fabric": (
        (0.5, 0.51, 0.53),
        (0.33, 0.4, 0.48),
        (0.66, 0.6, 0.5),
        (0.45, 0.5, 0.38),
        (0.6, 0.33, 0.26),
        (0.3, 0.3, 0.32),
    ),
    "fabric2": ((0.28, 0.36, 0.46), (0.62, 0.5, 0.3), (0.58, 0.56, 0.53), (0.4, 0.24, 0.24), (0.25, 0.38, 0.36)),
    "pillow": ((0.84, 0.66, 0.3), (0.88, 0.86, 0.8), (0.5, 0.26, 0.24), (0.36, 0.5, 0.52)),
    "bedding": ((0.86, 0.86, 0.84), (0.55, 0.62, 0.7), (0.72, 0.62, 0.56), (0.44, 0.5, 0.48)),
    "bedding2": ((0.93, 0.92, 0.9), (0.86, 0.84, 0.78)),
    "curtain": ((0.86, 0.82, 0.74), (0.62, 0.62, 0.6), (0.48, 0.54, 0.56), (0.7, 0.5, 0.38)),
    "rug": ((0.6, 0.24, 0.2), (0.74, 0.7, 0.62), (0.3, 0.38, 0.48), (0.5, 0.5, 0.48)),
    "ceramic": ((0.92, 0.9, 0.86), (0.3, 0.45, 0.55), (0.68, 0.36, 0.24), (0.85, 0.75, 0.5)),
    "ceramic2": ((0.82, 0.8, 0.76), (0.7, 0.42, 0.3), (0.35, 0.36, 0.38), (0.5, 0.6, 0.55)),
    "glass": ((0.12, 0.3, 0.16), (0.3, 0.16, 0.08), (0.2, 0.32, 0.36)),
    "fruit": ((0.8, 0.2, 0.12), (0.88, 0.6, 0.15), (0.5, 0.62, 0.2)),
    "leaf": ((0.22, 0.42, 0.16), (0.16, 0.34, 0.18), (0.36, 0.5, 0.24)),
    "petal": ((0.9, 0.85, 0.85), (0.85, 0.3, 0.35), (0.92, 0.75, 0.25)),
    "soil": ((0.2, 0.14, 0.1),),
    "frame": ((0.1, 0.1, 0.1), (0.9, 0.89, 0.86), (0.5, 0.34, 0.2)),
    "picture": ((0.55, 0.6, 0.6), (0.7, 0.55, 0.45), (0.4, 0.5, 0.6)),
    "paper": ((0.9, 0.88, 0.82), (0.8, 0.72, 0.6)),
    "carton": ((0.68, 0.52, 0.36), (0.6, 0.46, 0.32)),
    "tape": ((0.75, 0.66, 0.5),),
    "wicker": ((0.66, 0.52, 0.34), (0.5, 0.38, 0.26)),
    "book_a": ((0.55, 0.2, 0.18), (0.2, 0.35, 0.5)),
    "book_b": ((0.25, 0.4, 0.3), (0.75, 0.65, 0.45)),
    "book_c": ((0.85, 0.83, 0.78), (0.3, 0.3, 0.35)),
    "shade": ((0.93, 0.9, 0.82),),
    "glazing": ((0.62, 0.78, 0.92),),
}


def source_material(slot: str, rng: np.random.Generator) -> tuple[Bsdf, dict[str, Any]]:
    """Diffuse bsdf of one colour, and the emission that stands for ambient light."""
    colour = np.asarray(COLOURS[slot][rng.integers(len(COLOURS[slot]))]) + rng.normal(0, 0.06, 3)
    colour = np.clip(colour + 0.5 * (colour - colour.mean()), 0.03, 0.97)  # as flat as paint from a tube
    albedo = linear(colour)
    ambient = {"type": "rgb", "value": [float(c) for c in AMBIENT * albedo]}
    return {"type": "diffuse", "reflectance": rgb(colour)}, {
        "type": "area",
        "radiance": ambient,
        "sampling_weight": 0.0,
    }


def target_material(slot: str, flavour: str, rng: np.random.Generator) -> Bsdf:
    """Textured bsdf of a slot, both sides alike."""
    colour = np.asarray(COLOURS[slot][rng.integers(len(COLOURS[slot]))])
    colour = np.clip(colour * rng.uniform(0.88, 1.06) + rng.normal(0, 0.012, 3), 0.02, 0.95)
    if slot in ("wood", "wood2"):
        return _gloss(_metres(_boards(rng, colour, 1, 1), 0.9, 0.28), rng.uniform(0.3, 0.5))
    if slot == "floor":
        return _floor(flavour, colour, rng)
    if slot == "wall":
        return _wall(flavour, colour, rng)
    if slot in ("fabric", "fabric2", "curtain", "pillow", "bedding", "wicker"):
        return _diffuse(_cloth(slot, colour, rng))
    if slot == "rug":
        return _diffuse(bitmap(_rug(rng, colour)))
    if slot == "picture":
        return _gloss(bitmap(_picture(rng)), 0.25)
    if slot.startswith("book"):
        return _gloss(bitmap(_spines(rng)), 0.5)
    if slot == "steel":
        return {"type": "twosided", "nested": {"type": "roughconductor", "material": "Cr", "alpha": 0.25}}
    if slot == "stone":
        flecks = [np.clip(colour * f, 0, 1) for f in (0.6, 1.3, 1.6)]
        return _gloss(_metres(textures.speckles(rng, colour, flecks, 128, 500, 0.018), 0.6, 0.6), 0.22)
    if slot in ("door", "trim") and colour[0] > 1.3 * colour[2]:
        return _gloss(_metres(_boards(rng, colour, 1, 1), 1.6, 0.5), 0.35)
    if slot in ("ceiling", "bedding2", "soil", "carton", "paper", "petal"):
        return _diffuse(_metres(textures.mottled(rng, colour, 64, 0.1), 0.7, 0.7))
    if slot == "leaf":
        return _gloss(_metres(ramp(noise(rng, 64, (8, 2)), [0.7 * colour, 1.25 * colour]), 0.2, 0.1), 0.35)
    roughness = {"screen": 0.12, "glass": 0.15, "ceramic": 0.2, "ceramic2": 0.25, "appliance": 0.3}.get(slot, 0.4)
    return _gloss(rgb(colour), roughness)


def _diffuse(texture: Bsdf) -> Bsdf:
    return {"type": "twosided", "nested": {"type": "diffuse", "reflectance": texture}}


def _gloss(texture: Bsdf, roughness: float) -> Bsdf:
    """Lacquer of a roughness; beyond 0.33 nothing is mirrored that one would see in a small picture."""
    if roughness > 0.33:
        return _diffuse(texture)
    coat = {"type": "principled", "base_color": texture, "roughness": float(roughness), "specular": 0.5}
    return {"type": "twosided", "nested": coat}


def _metres(texture: np.ndarray, along_m: float, across_m: float) -> Bsdf:
    """A texture that repeats every so many metres."""
    return bitmap(texture, (1 / along_m, 1 / across_m))


def _boards(rng: np.random.Generator, colour: np.ndarray, rows: int, columns: int, side: int = 128) -> np.ndarray:
    """Boards along u in ``rows`` courses of ``columns``, shifted against each other, each in its own shade."""
    grain = noise(rng, side, (16, 2), 4, 0.6)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (5 * noise(rng, side, (3, 1), 2) + grain))
    v, u = np.meshgrid(np.arange(side) / side * rows, np.arange(side) / side * columns, indexing="ij")
    row = v.astype(int)
    u = (u + rng.random(rows)[row]) % columns
    shade = rng.uniform(0.72, 1.12, (rows, columns))[row, u.astype(int)] if rows > 1 else 1.0
    tone = ramp(0.6 * rings + 0.4 * grain, [np.clip(1.1 * colour, 0, 1), 0.72 * colour]) * np.asarray(shade)[..., None]
    if rows > 1:
        seam = (v % 1 < 1.01 * rows / side) | (u % 1 < 1.01 * columns / side)
        tone = np.where(seam[..., None], 0.35 * tone, tone)
    return np.clip(tone, 0, 1).astype(np.float32)


def _tiles(rng: np.random.Generator, colour: np.ndarray, n: int, grout: Colour, side: int = 128) -> np.ndarray:
    """``n`` × ``n`` square tiles, each in its own shade, with joints."""
    at = np.arange(side) / side * n
    shade = rng.uniform(0.86, 1.06, (n, n))[np.ix_(at.astype(int), at.astype(int))]
    joint = at % 1 < max(0.03, n / side)
    face = textures.mottled(rng, colour, side, 0.12) * shade[..., None]
    return np.where((joint[:, None] | joint)[..., None], linear(grout), np.clip(face, 0, 1)).astype(np.float32)


def _floor(flavour: str, colour: np.ndarray, rng: np.random.Generator) -> Bsdf:
    kind = rng.choice({"kitchen": ("tiles", "boards"), "office": ("carpet", "boards")}.get(flavour, ("boards",)))
    if kind == "tiles":
        n = int(rng.choice([2, 3, 4]))
        return _gloss(_metres(_tiles(rng, 0.5 * colour + 0.3, n, (0.5, 0.48, 0.45)), 1.2, 1.2), rng.uniform(0.18, 0.3))
    if kind == "carpet":
        grey = 0.35 * colour + 0.65 * colour.mean() * 0.8
        return _diffuse(_metres(ramp(noise(rng, 128, 24, 2, 0.9), [0.75 * grey, 1.2 * grey]), 0.8, 0.8))
    warm = colour if colour[0] > 1.15 * colour[2] else np.array([0.6, 0.45, 0.3])
    return _gloss(_metres(_boards(rng, warm, 8, 1, 256), 1.6, 1.1), rng.uniform(0.2, 0.4))


def _wall(flavour: str, colour: np.ndarray, rng: np.random.Generator) -> Bsdf:
    kinds = ("paint", "paint", "tiles") if flavour == "kitchen" else ("paint", "paint", "paint", "stripes", "print")
    kind = rng.choice(kinds)
    if kind == "tiles":
        return _gloss(_metres(_tiles(rng, 0.4 * colour + 0.5, 4, (0.7, 0.7, 0.68)), 0.8, 0.8), 0.22)
    if kind == "stripes":
        return _diffuse(_metres(textures.stripes(rng, [colour, colour * 0.86], 128, 6), 0.9, 0.9))
    if kind == "print":
        return _diffuse(_metres(textures.speckles(rng, colour, [0.9 * colour, 0.95 * colour], 128, 60, 0.05), 0.7, 0.7))
    return _diffuse(_metres(textures.mottled(rng, colour, 128, 0.07, 2), 2.5, 2.5))


def _cloth(slot: str, colour: np.ndarray, rng: np.random.Generator) -> Bsdf:
    kind = rng.choice(["plain", "plain", "stripes", "melange"])
    if slot == "wicker":
        y, x = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
        weave = 0.5 + 0.5 * np.sin(x / 64 * 16 * np.pi + np.pi * (y // 4)) * np.sin(y / 4 * np.pi)
        return _metres(ramp(weave, [0.55 * colour, 1.15 * colour]), 0.25, 0.25)
    if kind == "stripes" and slot in ("pillow", "bedding", "curtain"):
        return _metres(textures.stripes(rng, [colour, 0.4 * colour + 0.5], 128, 8), 0.5, 0.5)
    if kind == "melange":
        return _metres(ramp(noise(rng, 128, 20, 2, 0.9), [0.8 * colour, np.clip(1.2 * colour, 0, 1)]), 0.35, 0.35)
    return _metres(textures.mottled(rng, colour, 128, 0.14, 6), 0.6, 0.6)


def _rug(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """A border around a field: medallions, stripes or shag, symmetric in both directions."""
    other = np.asarray(COLOURS["rug"][rng.integers(4)])
    at = np.abs(np.linspace(-1, 1, 128))
    far, wave = np.maximum(at[:, None], at), noise(rng, 256, 5, 2)[:128, :128]
    mirrored = wave[np.ix_((at * 127).astype(int), (at * 127).astype(int))]
    field = {0: mirrored > 0.5, 1: (at[:, None] * 9 % 1 > 0.5) & (at > -1), 2: wave > 2}[int(rng.integers(3))]
    ring = (far > 0.8) & (far < 0.9)
    image = np.where(
        (field ^ ring)[..., None], linear(0.7 * colour + 0.3 * other), linear(other if rng.random() < 0.5 else colour)
    )
    return np.clip(image * rng.uniform(0.8, 1.1, (128, 128, 1)), 0, 1).astype(np.float32)


def _picture(rng: np.random.Generator) -> np.ndarray:
    """A print with a white margin: a landscape of hills, or colour fields."""
    side, hue = 96, rng.uniform(0.15, 0.85, (4, 3))
    y = np.linspace(1, 0, side)[:, None]
    if rng.random() < 0.6:
        sky = np.array([0.6, 0.75, 0.9]) * rng.uniform(0.7, 1.1)
        image = ramp(np.broadcast_to(y, (side, side)), [np.clip(sky, 0, 1), (0.95, 0.85, 0.75)])
        for k in range(3):
            ridge = 0.65 - 0.2 * k + 0.25 * (noise(rng, side, (1, 2), 4)[0] - 0.5)
            image[(1 - y) < ridge] = linear(hue[k] * (0.8 - 0.2 * k))
        image = image[::-1]
    else:
        image = ramp(np.round(noise(rng, side, 2, 2) * 3) / 3, list(hue))
    margin = int(rng.integers(0, 16))
    frame = np.full((side, side, 3), 0.8, np.float32)
    inner = slice(margin, side - margin)
    frame[inner, inner] = image[inner, inner]
    return frame


def _spines(rng: np.random.Generator) -> np.ndarray:
    """32 spines of books side by side, with bands and a title."""
    image = np.empty((64, 256, 3), np.float32)
    for k in range(32):
        cloth = rng.uniform(0.12, 0.85) * np.clip(rng.normal(0.75, 0.25, 3), 0.15, 1.1)
        strip = image[:, 8 * k : 8 * k + 8]
        strip[:] = linear(np.clip(cloth, 0, 0.95))
        ink = linear(np.clip(1.15 - cloth, 0.05, 0.9))
        low, high = np.sort(rng.integers(12, 56, 2))
        strip[low:high:2, 3:5] = ink
        strip[[6, 7, 57]] = ink if rng.random() < 0.5 else strip[0]
    return image
