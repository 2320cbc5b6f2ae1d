"""The machine of the pair ``vending``: cabinet, paints, lamps and the room that its door reflects.

The cabinet is the same in every image and stands in the same place in both looks. World axes: x to the right as the
camera sees it, y away from it, z up; the origin is on the lower shelf, in the middle of its front edge.

* Source: one grey a wall, one colour a paint, matt, and a point lamp beside the camera.
* Target: ribbed, vented and stained walls, shelves that reflect, priced tags, plastics, foils and metals; a light strip
  at the left edge of the door, one above, which the upper shelf keeps from the lower one, and often a weaker one at the
  right edge, each of its own power and colour.

**The door is faked.** A pane of glass would reflect the room by chance, path by path, which at 64 samples is noise.
Here it is an invisible sheet that adds to what the camera sees a blurred picture of a room (window, lamps, people), as
a pane of constant reflectance would. It attenuates nothing, lights nothing, and reflects no product. Clear bottles and
jars are opaque too: they are painted in the colour of their contents under a gloss.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pairs.rendered.meshes import box, merged, moved, painted, plane, rotation, translation
from pairs.rendered.scene import Look
from pairs.rendered.textures import bitmap, linear, noise, rgb
from pairs.rendered.vending_prints import design, paper, print_of
from pairs.rendered.vending_products import CLASS_NAMES, Product, form_of

HALF_WIDTH_M, DEPTH_M, HEIGHT_M = 0.20, 0.19, 0.49
"""Inside of the cabinet: x in ± HALF_WIDTH_M, y in [0, DEPTH_M], z in [0, HEIGHT_M]."""
SHELVES_M = (0.0, 0.245)
"""Heights of the surfaces that products rest on."""

_WALL_M, _BOARD_M, _RAIL_M = 0.01, 0.007, 0.026
_FRAME_Y_M, _DOOR_Y_M = (-0.05, -0.02), -0.13
_TAGS = {"white": (244, 242, 234), "yellow": (248, 214, 70)}
_CAN = CLASS_NAMES.index("can")


@dataclass(frozen=True)
class Conditions:
    """Light of one target image; the defaults are the means of :meth:`draw`.

    Attributes
    ----------
    left, right, top: radiance of the strips, in a unit of no meaning, as the picture is metered.
    warmth: of each of these, 0 bluish to 1 yellowish.
    reflection: radiance, in the same unit, of the brightest thing in the room as the door reflects it.
    room_seed: which room, and how far it is shifted.
    """

    left: float = 15.5
    right: float = 2.55
    top: float = 6.0
    warmth: tuple[float, float, float] = (0.4, 0.4, 0.4)
    reflection: float = 0.115
    room_seed: int = 0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Conditions:
        """Uniform draws; the right strip is dark in two of five images."""
        return cls(
            left=rng.uniform(9, 22),
            right=rng.uniform(1.5, 7) if rng.random() < 0.6 else 0.0,
            top=rng.uniform(2, 10),
            warmth=tuple(rng.uniform(0, 0.8, 3)),
            reflection=rng.uniform(0.05, 0.18),
            room_seed=int(rng.integers(1, 1 << 31)),
        )


def cabinet(look: Look) -> dict[str, dict[str, Any]]:
    """Every wall, shelf, rail and frame by name, as scene entries; all of them may hide a product."""
    w, d, h, t = HALF_WIDTH_M, DEPTH_M, HEIGHT_M, _WALL_M
    front, back = _FRAME_Y_M
    upper = SHELVES_M[1]
    blocks = {
        "back": ((-w, d, -0.05), (w, d + t, h), "wall"),
        "left": ((-w - t, back, -0.05), (-w, d, h), "side"),
        "right": ((w, back, -0.05), (w + t, d, h), "side"),
        "ceiling": ((-w, back, h), (w, d, h + t), "wall"),
        "floor": ((-w, 0, -_BOARD_M), (w, d, 0), "shelf"),
        "board": ((-w, 0, upper - _BOARD_M), (w, d, upper), "shelf"),
        "rail_low": ((-w, -0.005, 0.004 - _RAIL_M), (w, 0, 0.004), "rail"),
        "rail_high": ((-w, -0.005, upper + 0.004 - _RAIL_M), (w, 0, upper + 0.004), "rail"),
        "chute": ((-w, -0.012, -0.3), (w, -0.005, 0.004 - _RAIL_M), "frame"),
        "frame_left": ((-w - 0.3, front, -0.3), (-w - 0.004, back, h + 0.3), "frame"),
        "frame_right": ((w + 0.004, front, -0.3), (w + 0.3, back, h + 0.3), "frame"),
        "frame_top": ((-w, front, h - 0.004), (w, back, h + 0.3), "frame"),
        "frame_bottom": ((-w, front, -0.3), (w, back, -0.035), "frame"),
    }
    made = {name: painted(_block(low, high), _wall_paint(kind, look)) for name, (low, high, kind) in blocks.items()}
    return made | {
        f"tags_{colour}": painted(_tags(first), _tag_paint(colour, look)) for first, colour in enumerate(_TAGS)
    }


def product_paint(paint: str, product: Product, look: Look) -> dict[str, Any]:
    """The material of a piece of ``product``: ``print``, ``cap``, ``fill`` or ``metal``."""
    this = design(product.class_id, product.design)
    if paint == "print":
        colour = bitmap(print_of(product.class_id, product.design, look == "target")) | {"wrap_mode": "clamp"}
    elif paint == "metal":
        colour = rgb((0.80, 0.80, 0.82))
    else:
        colour = {"type": "rgb", "value": paper(this.cap if paint == "cap" else this.fill)}
    if look == "source":
        return {"type": "diffuse", "reflectance": colour}
    if paint == "metal":
        return _coated(colour, roughness=0.3, metallic=0.9)
    if paint == "fill":  # a clear wall before its contents: a strong, narrow highlight on a saturated ground
        return _coated(colour, roughness=0.13, specular=0.9)
    if product.class_id == _CAN or form_of(product.class_id).foil_mm:
        return _coated(colour, roughness=0.28, specular=0.6, metallic=0.45)
    return _coated(colour, roughness=0.35)


def lamps(look: Look, conditions: Conditions) -> dict[str, dict[str, Any]]:
    """Emitters by name; none stands between the camera and anything that it would hide."""
    if look == "source":
        return {"lamp": {"type": "point", "position": [0.12, -0.9, 0.62], "intensity": {"type": "rgb", "value": 3.4}}}
    w, h = HALF_WIDTH_M, HEIGHT_M
    cold, warm = np.array((0.86, 0.95, 1.08)), np.array((1.12, 0.98, 0.74))
    left, right, top = ((1 - share) * cold + share * warm for share in conditions.warmth)
    door = _sheet((-0.5, _DOOR_Y_M, -0.2), (1.0, 0, 0), (0, 0, h + 0.4), np.zeros(3))
    room = room_picture(conditions.room_seed) * np.float32(conditions.reflection)
    door["emitter"] = {"type": "area", "radiance": {"type": "bitmap", "data": room}, "sampling_weight": 0.0}
    return {
        "strip_left": _sheet((-w - 0.03, -0.06, 0), (0, 0, h), (0.025, -0.025, 0), conditions.left * left),
        "strip_right": _sheet((w + 0.005, -0.085, 0), (0, 0, h), (0.025, 0.025, 0), conditions.right * right),
        "strip_top": _sheet((-w + 0.03, 0, h - 0.002), (0, 0.05, 0), (2 * w - 0.06, 0, 0), conditions.top * top),
        "door": door | {"bsdf": {"type": "null"}},
    }


def room_picture(seed: int) -> np.ndarray:
    """``(96, 96, 3) float32`` in about [0, 1]: the blurred room before the door."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([5, seed])
    room = np.full((96, 96, 3), 0.02)
    room[70:] = (0.05, 0.04, 0.03)
    x, width = rng.integers(4, 74), rng.integers(14, 24)
    room[14:46, x : x + width] = (0.85, 0.95, 1.05)
    room[14:46, x + width // 2 - 1 : x + width // 2 + 1] = 0.15
    for _ in range(rng.integers(1, 4)):
        left, top = rng.integers(0, 80), rng.integers(4, 14)
        room[top : top + 2, left : left + 18] = (1.1, 1.0, 0.85)
    for _ in range(rng.integers(0, 3)):
        centre, wide = rng.integers(8, 88), rng.integers(6, 10)
        y, across = np.ogrid[:96, :96]
        body = (np.abs(across - centre) < wide) & (y > 50)
        head = (across - centre) ** 2 + (y - 43) ** 2 < (0.55 * wide) ** 2
        room[body] = rng.uniform(0.05, 0.35, 3)
        room[head] = (0.3, 0.2, 0.15)
    return np.clip(gaussian_filter(room, (1.6, 1.6, 0)), 0, None).astype(np.float32)


def _coated(colour: dict[str, Any], roughness: float, specular: float = 0.5, metallic: float = 0.0) -> dict[str, Any]:
    """Plastic, or printed metal as ``metallic`` grows."""
    return {
        "type": "principled",
        "base_color": colour,
        "roughness": roughness,
        "specular": specular,
        "metallic": metallic,
    }


def _wall_paint(kind: str, look: Look) -> dict[str, Any]:
    if look == "source":
        grey = {"wall": 0.85, "side": 0.7, "shelf": 0.62, "frame": 0.22}.get(kind, 0.45)
        return {"type": "diffuse", "reflectance": rgb((grey, grey, grey * 1.03))}
    if kind == "wall":
        return {"type": "diffuse", "reflectance": bitmap(_ribs())}
    if kind == "side":
        return {"type": "diffuse", "reflectance": bitmap(_brushed())}
    if kind == "shelf":
        return _coated(bitmap(_shelf()), roughness=0.2)
    if kind == "frame":
        return {"type": "diffuse", "reflectance": rgb((0.16, 0.16, 0.17))}
    return _coated(rgb((0.3, 0.31, 0.34)), roughness=0.35)


@lru_cache(maxsize=1)
def _ribs() -> np.ndarray:
    """White panel with vertical ribs, vent slots and stains."""
    rng = np.random.default_rng(41)
    x = np.arange(256)
    rib = 1 - 0.25 * (x % 16 < 2)
    stain = 1 - 0.3 * noise(rng, 256, 3)[..., None] ** 2
    panel = linear((0.86, 0.87, 0.86)) * rib[None, :, None] * stain
    rows = np.concatenate([np.arange(30, 60, 6), np.arange(160, 190, 6)])
    panel[np.ix_(np.concatenate([rows, rows + 1]), np.nonzero((x > 70) & (x < 186) & (x % 16 > 4))[0])] = 0.03
    return panel.astype(np.float32)


@lru_cache(maxsize=1)
def _brushed() -> np.ndarray:
    streaks = noise(np.random.default_rng(42), 128, (64, 2), 3)
    return np.repeat((0.55 + 0.3 * streaks)[..., None], 3, axis=-1).astype(np.float32)


@lru_cache(maxsize=1)
def _shelf() -> np.ndarray:
    """Grey board with slots along y and scratches."""
    rng = np.random.default_rng(43)
    board = linear((0.62, 0.63, 0.64)) * (0.8 + 0.3 * noise(rng, 256, (4, 24), 4))[..., None]
    board[:, np.arange(256) % 32 < 2] *= 0.35
    return np.clip(board, 0, 1).astype(np.float32)


def _tags(first: int) -> dict[str, Any]:
    """Every second price tag of both rails."""
    upright = rotation((1, 0, 0), np.pi / 2)
    places = [(0.053 * k - 0.165, z + 0.004 - _RAIL_M / 2) for z in SHELVES_M for k in range(7)]
    tag = moved(plane(0.034, 0.019), upright)
    return merged([moved(tag, translation(x, -0.0055, z)) for x, z in places[first::2]])


@lru_cache(maxsize=4)
def _tag_paint(colour: str, look: Look) -> dict[str, Any]:
    if look == "source":
        return {"type": "diffuse", "reflectance": rgb(np.array(_TAGS[colour]) / 255)}
    image = Image.new("RGB", (136, 76), _TAGS[colour])
    draw = ImageDraw.Draw(image)
    draw.text((68, 46), "1.90" if colour == "white" else "2.50", (170, 24, 30), ImageFont.load_default(50), "mm")
    draw.rectangle((10, 6, 100, 12), (60, 60, 66))
    return {"type": "diffuse", "reflectance": bitmap(linear(np.asarray(image)[::-1] / 255).astype(np.float32))}


def _block(low: tuple[float, float, float], high: tuple[float, float, float]) -> dict[str, Any]:
    """An axis-parallel box between two corners."""
    a, b = np.array(low), np.array(high)
    return moved(box(tuple((b - a).tolist())), translation(*((a + b) / 2).tolist()))


def _sheet(
    corner: tuple[float, float, float],
    along: tuple[float, float, float],
    across: tuple[float, float, float],
    radiance: np.ndarray,
) -> dict[str, Any]:
    """A parallelogram that emits to the side of along × across."""
    a, b = np.array(along), np.array(across)
    normal = np.cross(a, b)
    pose = np.eye(4)
    pose[:3] = np.stack([a / 2, b / 2, normal / np.linalg.norm(normal), np.array(corner) + (a + b) / 2], axis=1)
    power = float(radiance.mean() * np.linalg.norm(normal))  # lamps are chosen by power: less noise
    light = {"type": "area", "radiance": {"type": "rgb", "value": radiance.tolist()}, "sampling_weight": power}
    return {"type": "rectangle", "to_world": pose, "bsdf": {"type": "diffuse"}, "emitter": light}
