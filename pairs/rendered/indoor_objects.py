"""Small objects, lamps, plants and textiles of the pair `indoor`, built inside the box of their piece.

Builders take the kit and the piece's size, as in :mod:`pairs.rendered.indoor_furniture`.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.indoor_kit import Kit


def picture(kit: Kit, w: float, d: float, h: float) -> None:
    edge, front = kit.rng.uniform(0.02, 0.04), d / 2 - 0.006
    for s in (-1, 1):
        kit.box("frame", (s * w / 2, -d / 2, 0), (s * (w / 2 - edge), d / 2, h))
        kit.box("frame", (-w / 2, -d / 2, (s > 0) * (h - edge)), (w / 2, d / 2, edge + (s > 0) * (h - edge)))
    kit.box("picture", (-w / 2 + edge, -d / 2, edge), (w / 2 - edge, front, h - edge), fit=(0, 1))


def screen(kit: Kit, w: float, d: float, h: float) -> None:
    low = 0.1 if w < 0.75 else 0.05
    kit.box("dark", (-w / 2, -0.02, low), (w / 2, 0.014, h))
    kit.box("screen", (-w / 2 + 0.012, 0.0, low + 0.02), (w / 2 - 0.012, 0.016, h - 0.012), fit=(0, 1))
    kit.box("dark", (-0.03, -0.03, 0.01), (0.03, -0.01, low + 0.05))
    kit.box("dark", (-0.2 * w, -d / 2, 0), (0.2 * w, d / 2, 0.012))


def keyboard(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("dark", (-w / 2, -d / 2, 0), (w / 2, d / 2, 0.6 * h))
    for i in range(4):
        y = -d / 2 + 0.014 + i * (d - 0.028) / 4
        kit.box("appliance", (-w / 2 + 0.01, y + 0.003, 0), (w / 2 - 0.01, y + (d - 0.028) / 4 - 0.003, h))


def laptop(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("steel", (-w / 2, -d / 2 + 0.07, 0), (w / 2, d / 2, 0.016))
    kit.box("dark", (-0.44 * w, -0.1 * d, 0.016), (0.44 * w, 0.2 * d, 0.018))
    kit.box("steel", (-w / 2, -d / 2 + 0.06, 0.01), (w / 2, -d / 2 + 0.066, h))
    kit.box("screen", (-w / 2 + 0.01, -d / 2 + 0.066, 0.03), (w / 2 - 0.01, -d / 2 + 0.068, h - 0.01), fit=(0, 1))


def books(kit: Kit, w: float, d: float, h: float) -> None:
    z = 0.0
    while z + 0.015 < h:
        thick = min(kit.rng.uniform(0.02, 0.045), h - z)
        x, y = w / 2 * kit.rng.uniform(0.8, 1.0), d / 2 * kit.rng.uniform(0.8, 1.0)
        strip = int(kit.rng.integers(32))
        kit.box(
            str(kit.rng.choice(["book_a", "book_b", "book_c"])),
            (-x, -y, z),
            (x, y, z + thick),
            (strip / 32, (strip + 0.9) / 32),
        )
        z += thick


def cup(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    kit.lathe("ceramic", (0, 0), [(1e-3, 0), (0.75 * r, 0), (r, h), (0.9 * r, h), (0.68 * r, 0.1 * h), (1e-3, 0.1 * h)])


def bowl(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    arc = [(0.35 * r + 0.65 * r * np.sin(t), h * (1 - np.cos(t))) for t in np.linspace(0, np.pi / 2, 6)]
    inner = [(0.94 * a, 0.06 * h + 0.94 * z) for a, z in arc[::-1]]
    kit.lathe("ceramic2", (0, 0), [(1e-3, 0), *arc, *inner, (1e-3, 0.06 * h)], 24)
    for _ in range(int(kit.rng.integers(0, 5))):  # fruit
        x, y = kit.rng.uniform(-0.4, 0.4, 2) * r
        f = 0.038
        ball = [(max(1e-4, f * np.sin(t)), h - f - f * np.cos(t)) for t in np.linspace(0, np.pi, 8)]
        kit.lathe("fruit", (x, y), ball, 12)


def bottle(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    kit.lathe(
        "glass",
        (0, 0),
        [(1e-3, 0), (r, 0), (r, 0.55 * h), (0.8 * r, 0.66 * h), (0.35 * r, 0.76 * h), (0.35 * r, 0.94 * h)],
    )
    kit.lathe("fruit", (0, 0), [(0.4 * r, 0.92 * h), (0.4 * r, h), (1e-3, h)], 12)
    kit.lathe("paper", (0, 0), [(1.01 * r, 0.15 * h), (1.01 * r, 0.45 * h)])


def vase(kit: Kit, w: float, d: float, h: float) -> None:
    t = np.linspace(0, 1, 12)
    belly, neck = kit.rng.uniform(0.25, 0.5), kit.rng.uniform(0.35, 0.6)
    r = min(w, d) / 2 * np.clip(neck + (1 - neck) * np.exp(-(((t - belly) / 0.3) ** 2)), 0, 1)
    kit.lathe(
        "ceramic",
        (0, 0),
        [(1e-3, 0), *zip(r, t * h, strict=True), (0.8 * r[-1], h), (0.7 * r[-1], 0.8 * h), (1e-3, 0.8 * h)],
    )


def kettle(kit: Kit, w: float, d: float, h: float) -> None:
    r = 0.36 * min(w, d)
    kit.lathe(
        "steel",
        (0, 0),
        [(1e-3, 0), (r, 0), (0.95 * r, 0.4 * h), (0.7 * r, 0.85 * h), (0.2 * r, 0.92 * h), (1e-3, 0.92 * h)],
    )
    kit.rod("dark", (0.6 * r, 0, 0.9 * h), (1.2 * r, 0, 0.6 * h), 0.012)
    kit.rod("dark", (1.2 * r, 0, 0.62 * h), (0.95 * r, 0, 0.2 * h), 0.012)
    kit.rod("steel", (-0.7 * r, 0, 0.6 * h), (-1.2 * r, 0, 0.8 * h), 0.014)
    kit.lathe("dark", (0, 0), [(0.012, 0.92 * h), (0.02, h), (1e-3, h)], 10)


def carton(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("carton", (-w / 2, -d / 2, 0), (w / 2, d / 2, h))
    kit.box("tape", (-w / 2, -0.025, h - 0.0005), (w / 2, 0.025, h))


def box(kit: Kit, w: float, d: float, h: float) -> None:
    slot = str(kit.rng.choice(["paper", "carton", "fabric2", "ceramic2"]))
    kit.box(slot, (-0.48 * w, -0.48 * d, 0), (0.48 * w, 0.48 * d, 0.75 * h))
    kit.box(slot, (-w / 2, -d / 2, 0.75 * h), (w / 2, d / 2, h))


def basket(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    kit.lathe("wicker", (0, 0), [(1e-3, 0), (0.8 * r, 0), (r, h), (0.94 * r, h), (0.76 * r, 0.05), (1e-3, 0.05)], 24)


def radiator(kit: Kit, w: float, d: float, h: float) -> None:
    n = max(4, round(w / 0.06))
    for i in range(n):
        x = -w / 2 + (i + 0.5) * w / n
        kit.box("appliance", (x - 0.42 * w / n, -d / 2 + 0.02, 0), (x + 0.42 * w / n, d / 2, h))
    for z in (0.04, h - 0.07):
        kit.box("appliance", (-w / 2, -d / 2, z), (w / 2, 0, z + 0.03))


def _leaves(kit: Kit, root: tuple[float, float, float], reach: float, rise: float, n: int, width: float) -> None:
    """Bent blades that spread from ``root`` to at most ``reach`` sideways and ``rise`` upwards."""
    t = np.linspace(0, 1, 6)
    for k in range(n):
        turn, lean = 2.4 * k + kit.rng.normal(0, 0.3), kit.rng.uniform(0.25, 1.0)
        out = np.array([np.cos(turn), np.sin(turn)])
        side = np.array([-out[1], out[0]])
        along = (reach - width) * lean * t**1.4
        z = root[2] + rise * kit.rng.uniform(0.6, 1.0) * (1.1 - 0.5 * lean) * (t - 0.45 * lean * t**3)
        half = width * np.sin(np.pi * (0.08 + 0.92 * t)).clip(0) ** 0.7 + 1e-4
        points = np.empty((len(t), 3, 3))
        for j, s in enumerate((-1, 0, 1)):
            points[:, j, :2] = np.asarray(root[:2]) + along[:, None] * out + s * half[:, None] * side
            points[:, j, 2] = z - (s == 0) * 0.25 * half
        kit.sheet("leaf", points)


def plant(kit: Kit, w: float, d: float, h: float) -> None:
    r, pot = min(w, d) / 2, kit.rng.uniform(0.2, 0.32)
    p = min(0.55 * r, 0.16)
    kit.lathe("ceramic2", (0, 0), [(1e-3, 0), (0.75 * p, 0), (p, pot), (0.9 * p, pot), (0.85 * p, pot - 0.03)], 24)
    kit.lathe("soil", (0, 0), [(0.88 * p, pot - 0.03), (1e-3, pot - 0.025)], 16)
    if kit.rng.random() < 0.6 or h < 0.9:
        _leaves(kit, (0, 0, pot - 0.03), 0.98 * r, h - pot, 22, 0.035)
    else:  # a small tree
        kit.rod("wood2", (0, 0, pot - 0.03), (0, 0, 0.65 * h), 0.014)
        for z in np.linspace(0.5 * h, 0.72 * h, 4):
            _leaves(kit, (0, 0, z), 0.98 * r, min(0.3 * h, h - z), 9, 0.045)


def flowers(kit: Kit, w: float, d: float, h: float) -> None:
    vase(kit, 0.45 * w, 0.45 * d, 0.45 * h)
    _leaves(kit, (0, 0, 0.36 * h), 0.48 * min(w, d), 0.6 * h, 12, 0.016)
    for _ in range(7):
        x, y = kit.rng.uniform(-0.3, 0.3, 2) * (w, d)
        z, f = h * kit.rng.uniform(0.75, 0.94), 0.02
        kit.lathe("petal", (x, y), [(1e-3, z - f), (f, z), (1e-3, z + f)], 8)


def _shade(kit: Kit, low: float, high: float, bottom: float, top: float) -> None:
    """A lampshade: the cloth is what shines."""
    kit.lathe(
        "shade", (0, 0), [(1e-3, low + 0.01), (0.97 * bottom, low + 0.01), (bottom, low), (top, high), (1e-3, high)], 20
    )


def floor_lamp(kit: Kit, w: float, d: float, h: float) -> None:
    kit.lathe("metal", (0, 0), [(1e-3, 0), (0.14, 0), (0.14, 0.02), (0.02, 0.03)], 20)
    kit.rod("metal", (0, 0, 0.02), (0, 0, h - 0.2), 0.012)
    _shade(kit, h - 0.3, h, min(w, d) / 2, 0.36 * min(w, d))


def table_lamp(kit: Kit, w: float, d: float, h: float) -> None:
    vase(kit, 0.5 * w, 0.5 * d, 0.5 * h)
    kit.rod("metal", (0, 0, 0.4 * h), (0, 0, 0.6 * h), 0.008)
    _shade(kit, 0.52 * h, h, min(w, d) / 2, 0.32 * min(w, d))


def pendant(kit: Kit, w: float, d: float, h: float) -> None:
    kit.rod("dark", (0, 0, 0.22), (0, 0, h), 0.006)
    kit.lathe("dark", (0, 0), [(1e-3, h - 0.03), (0.05, h - 0.03), (0.05, h)], 12)
    _shade(kit, 0, 0.24, w / 2, 0.25 * w)


def dome(kit: Kit, w: float, d: float, h: float) -> None:
    arc = [(max(1e-3, w / 2 * np.sin(t)), 0.9 * h * (1 - np.cos(t))) for t in np.linspace(0, np.pi / 2, 7)]
    kit.lathe("shade", (0, 0), arc, 24)
    kit.lathe("steel", (0, 0), [(w / 2, 0.9 * h), (w / 2, h)], 24)


def panel(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("steel", (-w / 2, -d / 2, 0.004), (w / 2, d / 2, h))
    x, y = w / 2 - 0.015, d / 2 - 0.015
    kit.sheet("shade", np.array([[[-x, -y, 0.0], [x, -y, 0.0]], [[-x, y, 0.0], [x, y, 0.0]]]))


def curtain(kit: Kit, w: float, d: float, h: float) -> None:
    x = np.linspace(w / 2, -w / 2, 40)
    fold = 0.36 * d * np.sin(2 * np.pi * x / kit.rng.uniform(0.07, 0.11))
    z = np.linspace(0, h, 5)
    points = np.empty((len(x), len(z), 3))
    points[..., 0], points[..., 2] = x[:, None], z
    points[..., 1] = fold[:, None] * np.linspace(1.0, 0.6, len(z))
    kit.sheet("curtain", points)
    kit.rod("metal", (-w / 2, 0, h - 0.012), (w / 2, 0, h - 0.012), 0.011)
