"""The materials of the pair ``street`` in its two looks; light and sky are in :mod:`pairs.rendered.street_sky`.

``source``, a cheap engine: every material is one uniform colour, shaded by L = c·(a + b·max(0, n·l)) from one lamp
behind the camera; no bounce, no texture, no gloss.

``target``: textures in metres (bricks, plaster, asphalt with patches and cracks, slabs, boards, tiles,
leaves), glossy paint and panes. Deviation: no gloss is sharper than a roughness of 0.3, since at 64 samples a pixel the
reflected sun would leave bright specks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.rendered import textures as tx
from pairs.rendered.scene import Look

PAINTS = (
    (0.75, 0.76, 0.78), (0.15, 0.16, 0.18), (0.9, 0.9, 0.88), (0.42, 0.44, 0.47), (0.62, 0.1, 0.1), (0.12, 0.2, 0.45),
    (0.2, 0.35, 0.6), (0.1, 0.25, 0.18), (0.5, 0.08, 0.16), (0.8, 0.55, 0.1), (0.55, 0.6, 0.62), (0.35, 0.28, 0.22),
)  # fmt: skip
CLOTHS = (
    (0.1, 0.1, 0.13), (0.16, 0.2, 0.33), (0.45, 0.44, 0.42), (0.7, 0.16, 0.14), (0.86, 0.85, 0.8), (0.2, 0.36, 0.25),
    (0.55, 0.42, 0.28), (0.85, 0.65, 0.15), (0.35, 0.5, 0.68), (0.4, 0.2, 0.36), (0.24, 0.24, 0.26), (0.3, 0.36, 0.5),
)  # fmt: skip
_COLOURS: dict[str, tuple[float, float, float]] = {
    "asphalt": (0.38, 0.38, 0.4), "line": (0.88, 0.88, 0.85), "yellow line": (0.85, 0.72, 0.2),
    "kerb": (0.62, 0.61, 0.58), "slabs": (0.6, 0.58, 0.55), "grass": (0.36, 0.47, 0.2),
    "brick red": (0.56, 0.27, 0.2), "brick yellow": (0.66, 0.56, 0.4), "brick brown": (0.42, 0.3, 0.23),
    "plaster white": (0.86, 0.85, 0.81), "plaster cream": (0.82, 0.74, 0.58), "plaster grey": (0.62, 0.62, 0.6),
    "concrete": (0.56, 0.55, 0.52), "stone": (0.7, 0.67, 0.58), "tiles 0": (0.34, 0.33, 0.35),
    "tiles 1": (0.5, 0.27, 0.2),
    "frame white": (0.9, 0.9, 0.88), "frame dark": (0.2, 0.19, 0.18), "pot": (0.6, 0.35, 0.25),
    "dark": (0.09, 0.09, 0.1),
    "door 0": (0.5, 0.1, 0.1), "door 1": (0.1, 0.2, 0.4), "door 2": (0.1, 0.3, 0.2), "door 3": (0.15, 0.14, 0.14),
    "door 4": (0.85, 0.84, 0.8),
    "fascia 0": (0.14, 0.3, 0.22), "fascia 1": (0.5, 0.1, 0.12), "fascia 2": (0.12, 0.2, 0.42),
    "fascia 3": (0.16, 0.15, 0.15), "fascia 4": (0.75, 0.5, 0.15),
    "awning 0": (0.7, 0.2, 0.16), "awning 1": (0.2, 0.4, 0.3), "awning 2": (0.8, 0.75, 0.65),
    "lettering": (0.92, 0.9, 0.8),
    "bark": (0.36, 0.29, 0.22), "pole": (0.5, 0.52, 0.53), "dark pole": (0.16, 0.17, 0.18), "white": (0.9, 0.9, 0.9),
    "boards": (0.48, 0.36, 0.25), "picket": (0.9, 0.9, 0.87), "railing": (0.14, 0.16, 0.16), "bin": (0.16, 0.25, 0.19),
    "sign red": (0.78, 0.1, 0.1), "sign white": (0.93, 0.93, 0.92), "sign black": (0.06, 0.06, 0.06),
    "sign blue": (0.1, 0.27, 0.62), "sign green": (0.07, 0.36, 0.24),
    "red light": (1.0, 0.15, 0.1), "amber light": (1.0, 0.65, 0.1), "green light": (0.15, 1.0, 0.5),
    "car glass": (0.2, 0.24, 0.27), "rubber": (0.1, 0.1, 0.1), "hub": (0.66, 0.67, 0.68), "headlamp": (0.93, 0.93, 0.9),
    "tail lamp": (0.65, 0.06, 0.05), "plate front": (0.92, 0.92, 0.9), "plate rear": (0.93, 0.77, 0.1),
    "skin 0": (0.87, 0.68, 0.57), "skin 1": (0.68, 0.47, 0.35), "skin 2": (0.4, 0.26, 0.19), "shoe": (0.14, 0.11, 0.1),
    "hair 0": (0.13, 0.1, 0.08), "hair 1": (0.36, 0.24, 0.13), "hair 2": (0.66, 0.58, 0.46),
    "helmet": (0.85, 0.85, 0.88), "bag": (0.25, 0.17, 0.14),
}  # fmt: skip
_LEAVES = ((0.3, 0.44, 0.15), (0.22, 0.37, 0.16), (0.42, 0.46, 0.17))
_PANE = (0.25, 0.3, 0.35)


def colour(material: str) -> tuple[float, float, float]:
    """The sRGB colour that names the material in both looks."""
    name, _, index = material.rpartition(" ")
    families = {"paint": PAINTS, "cloth": CLOTHS, "foliage": _LEAVES, "leaf": _LEAVES}
    if name in families:
        return families[name][int(index)]
    return _PANE if name == "pane" else _COLOURS[material]


def bsdf(material: str, look: Look, rng: np.random.Generator) -> dict[str, Any]:
    """The material as Mitsuba's bsdf, seen from both sides."""
    nested = _source_bsdf(material) if look == "source" else _target_bsdf(material, rng)
    return {"type": "twosided", "nested": nested}


# ---------------------------------------------------------------------------------------------- source

_AMBIENT, _LAMP, _LEAF_AMBIENT = 0.55, 0.6, 0.85


def ambient(material: str) -> dict[str, Any]:
    """Emitter of a mesh in the source: the ambient share of its colour, which so needs no rays and has no noise.

    Leaves take no lamp at all: in a flat look a crown is one flat shape.
    """
    share = _LEAF_AMBIENT if _is_leaf(material) else _AMBIENT
    radiance = {"type": "rgb", "value": (share * tx.linear(colour(material))).tolist()}
    return {"type": "area", "radiance": radiance, "sampling_weight": 0.0}


def _source_bsdf(material: str) -> dict[str, Any]:
    share = 0.0 if _is_leaf(material) else _LAMP
    return _matt({"type": "rgb", "value": (share * tx.linear(colour(material))).tolist()})


def _is_leaf(material: str) -> bool:
    return material.startswith(("leaf", "foliage"))


# ---------------------------------------------------------------------------------------------- target


def _target_bsdf(material: str, rng: np.random.Generator) -> dict[str, Any]:
    """Texture and gloss of a material; the colour varies a little from image to image."""
    name, _, index = material.rpartition(" ")
    base = np.clip(np.asarray(colour(material)) * rng.uniform(0.88, 1.1) + rng.normal(0, 0.015, 3), 0.02, 0.95)
    if name == "paint":
        metallic = 0.0 if int(index) in (2, 4, 9) else 0.45
        return {
            "type": "principled", "base_color": tx.rgb(base), "metallic": metallic, "roughness": 0.35,
            "specular": 0.5, "clearcoat": 1.0, "clearcoat_gloss": 0.3,
        }  # fmt: skip
    if name == "pane":
        return _gloss(tx.bitmap(_pane(rng)), 0.3)
    if name in ("cloth", "awning"):
        return _matt(tx.bitmap(tx.mottled(rng, base, 32, 0.4, 2)))
    if name in ("foliage", "leaf"):
        dark = 0.55 if name == "foliage" else 1.0
        tones = [base * f * dark for f in (0.6, 1.05, np.array((1.5, 1.45, 1.0)))]
        return _matt(tx.bitmap(tx.ramp(tx.noise(rng, 64, 6, 4, 0.8), list(np.clip(tones, 0, 1)))))
    if material in _TEXTURED:
        texture, tile_m = _TEXTURED[material](rng, base)
        return _matt(tx.bitmap(texture, (1 / tile_m, 1 / tile_m)))
    if material in ("car glass", "headlamp", "tail lamp", "helmet") or name in ("fascia", "door"):
        return _gloss(tx.rgb(base * (0.35 if material == "car glass" else 1)), 0.3)
    if material == "hub":
        return {
            "type": "roughconductor",
            "material": "Al",
            "alpha": 0.3,
            "specular_reflectance": tx.rgb((0.8, 0.8, 0.8)),
        }
    if "pole" in material or name == "sign" or material == "bin":
        return _gloss(tx.rgb(base), 0.5)
    return _matt(tx.rgb(base))


def _matt(reflectance: dict[str, Any]) -> dict[str, Any]:
    return {"type": "diffuse", "reflectance": reflectance}


def _gloss(reflectance: dict[str, Any], roughness: float) -> dict[str, Any]:
    """Under a clear surface; ``roughplastic`` would do too, but integrates its albedo for 0.06 s at each loading."""
    return {"type": "principled", "base_color": reflectance, "roughness": roughness, "specular": 0.5}


def _stained(texture: np.ndarray, rng: np.random.Generator, strength: float, cells: int = 2) -> np.ndarray:
    stain = 1 - strength * tx.noise(rng, texture.shape[0], cells, 5, 0.6)[..., None]
    return np.clip(texture * stain * (1 + strength / 2), 0, 1).astype(np.float32)


def _bricks(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    wall = tx.bricks(rng, base, (0.6, 0.57, 0.5), side=128, rows=20, columns=7, gap=0.12)
    return _stained(wall, rng, 0.5, 3), 1.7


def _plaster(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    runs = 1 - 0.25 * tx.noise(rng, 128, (1, 12), 3)[..., None] ** 2  # rain runs down in streaks
    return _stained(tx.mottled(rng, base, 128, 0.15, 6) * runs, rng, 0.3), 5.0


def _asphalt(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    """Grain, oil stains, patches of another age, tarred cracks."""
    road = _stained(tx.mottled(rng, base * rng.uniform(0.75, 1.1), 256, 0.25, 24), rng, 0.35, 3)
    for _ in range(rng.integers(2, 6)):
        x, y, w, h = (rng.random(4) * (256, 256, 60, 90)).astype(int)
        road[y : y + h + 12, x : x + w + 8] *= rng.uniform(0.6, 1.25)
    crack = np.abs(tx.noise(rng, 256, 3, 5, 0.6) - 0.5) < 0.006
    road[crack] *= 0.45
    return np.clip(road, 0, 1), 9.0


def _slabs(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    slabs = tx.bricks(rng, base, base * 0.55, side=128, rows=6, columns=4, gap=0.05)
    return _stained(slabs * 0.5 + slabs.mean(axis=(0, 1)) * 0.5, rng, 0.35), 3.0


def _grass(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    return tx.ramp(tx.noise(rng, 128, 8, 4, 0.8), (base * 0.55, base, np.clip(base * (1.3, 1.2, 1.1), 0, 1))), 4.0


def _tiles(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    return _stained(tx.bricks(rng, base, base * 0.4, side=128, rows=16, columns=16, gap=0.1), rng, 0.5), 3.6


def _boards(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    return tx.wood(rng, np.clip(base * 1.15, 0, 1), base * 0.7, 128, planks=10), 1.6


def _rough(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    return _stained(tx.mottled(rng, base, 64, 0.3, 4), rng, 0.4), 2.0


def _worn(rng: np.random.Generator, base: np.ndarray) -> tuple[np.ndarray, float]:
    """Road paint with the asphalt showing through."""
    worn = (tx.noise(rng, 128, 10, 4, 0.8) > 0.66)[..., None]
    return np.where(worn, tx.linear((0.4, 0.4, 0.4)), tx.mottled(rng, base * 0.92, 128, 0.25, 8)).astype(
        np.float32
    ), 4.0


_TEXTURED = {
    "asphalt": _asphalt, "line": _worn, "yellow line": _worn, "kerb": _rough, "slabs": _slabs, "grass": _grass,
    "brick red": _bricks, "brick yellow": _bricks, "brick brown": _bricks, "plaster white": _plaster,
    "plaster cream": _plaster, "plaster grey": _plaster, "concrete": _plaster, "stone": _rough, "tiles 0": _tiles,
    "tiles 1": _tiles, "boards": _boards, "bark": _rough,
}  # fmt: skip


def _pane(rng: np.random.Generator) -> np.ndarray:
    """What is seen through a window: a dark room, often with curtains at the sides, a blind or a lit wall."""
    room = tx.mottled(rng, np.full(3, rng.uniform(0.08, 0.25)), 32, 0.6, 2)
    curtain = tx.stripes(rng, [c * np.array((0.75, 0.72, 0.66)) for c in (1, 0.8)], 32, 12)
    kind = rng.random()
    if kind < 0.45:
        wide = rng.integers(4, 11)
        room[:, :wide], room[:, -wide:] = curtain[:, :wide], curtain[:, -wide:]
    elif kind < 0.7:
        room[: rng.integers(6, 20)] = tx.linear((0.78, 0.75, 0.68))
    elif kind < 0.8:
        room[:] = curtain * 0.8
    return room
