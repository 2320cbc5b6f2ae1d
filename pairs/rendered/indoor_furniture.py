"""Furniture of the pair `indoor`: tables, seats, beds and storage, built inside the box of their piece.

A builder takes the kit and the piece's size (w across, d front to back, h high; front at +y) and fills material slots.
Small objects, lamps and textiles are in :mod:`pairs.rendered.indoor_objects`.
"""

from __future__ import annotations

import numpy as np

from pairs.rendered.indoor_kit import Kit


def table(kit: Kit, w: float, d: float, h: float) -> None:
    t, leg = 0.035, kit.rng.uniform(0.022, 0.035)
    top = "wood" if kit.rng.random() < 0.8 else "paint"
    kit.box(top, (-w / 2, -d / 2, h - t), (w / 2, d / 2, h))
    x, y = w / 2 - leg - 0.03, d / 2 - leg - 0.03
    for sx in (-1, 1):
        for sy in (-1, 1):
            kit.box("wood2", (sx * x - leg, sy * y - leg, 0), (sx * x + leg, sy * y + leg, h - t))
    for s in (-1, 1):
        kit.box("wood2", (-x, s * y - 0.012, h - t - 0.08), (x, s * y + 0.012, h - t))
        kit.box("wood2", (s * x - 0.012, -y, h - t - 0.08), (s * x + 0.012, y, h - t))


def coffee_table(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("wood", (-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h))
    kit.box("wood", (-w / 2 + 0.06, -d / 2 + 0.06, 0.12), (w / 2 - 0.06, d / 2 - 0.06, 0.14))
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = (sx * (w / 2 - 0.04), sy * (d / 2 - 0.04))
            kit.rod("metal", (*foot, 0), (sx * (w / 2 - 0.07), sy * (d / 2 - 0.07), h - 0.04), 0.016)


def side_table(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    kit.lathe("wood", (0, 0), [(1e-3, h - 0.03), (r, h - 0.03), (r, h), (1e-3, h)], 24)
    kit.rod("metal", (0, 0, 0.02), (0, 0, h - 0.03), 0.018)
    kit.lathe("metal", (0, 0), [(0.6 * r, 0), (0.6 * r, 0.02), (1e-3, 0.025)], 24)


def desk(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("wood", (-w / 2, -d / 2, h - 0.03), (w / 2, d / 2, h))
    sides = [-1, 1]
    if kit.rng.random() < 0.6:
        s = int(kit.rng.choice(sides))
        sides.remove(s)
        low, high = sorted((s * w / 2, s * (w / 2 - 0.4)))
        _fronts(kit, "paint", (low, -d / 2 + 0.05, 0.03), (high, d / 2 - 0.04, h - 0.03), 1, 3)
    for s in sides:
        for y in (-d / 2 + 0.04, d / 2 - 0.07):
            kit.box("metal", (s * (w / 2 - 0.03) - 0.02, y, 0), (s * (w / 2 - 0.03) + 0.02, y + 0.04, h - 0.03))
    kit.box("wood", (-w / 2 + 0.06, -d / 2 + 0.01, 0.35), (w / 2 - 0.06, -d / 2 + 0.03, h - 0.03))


def chair(kit: Kit, w: float, d: float, h: float) -> None:
    seat, leg = 0.45, 0.017
    x, y = w / 2 - leg - 0.002, d / 2 - leg - 0.002
    soft = kit.rng.random() < 0.5
    kit.cushion(
        "fabric2" if soft else "wood2", (-w / 2, -d / 2, seat - (0.06 if soft else 0.03)), (w / 2, d / 2, seat), 0.02
    )
    for s in (-1, 1):
        kit.rod("wood2", (s * x, y, 0), (s * (x - 0.02), y - 0.02, seat - 0.03), leg)
        kit.rod("wood2", (s * x, -y, 0), (s * (x - 0.01), -y, h - 0.02), leg)
    if soft:
        kit.cushion("fabric2", (-x, -d / 2, seat + 0.12), (x, -d / 2 + 0.05, h), 0.024)
    else:
        for z in (h - 0.09, h - 0.22, h - 0.35):
            kit.box("wood2", (-x + 0.01, -y - 0.01, z), (x - 0.01, -y + 0.01, z + 0.07))


def office_chair(kit: Kit, w: float, d: float, h: float) -> None:
    for i in range(5):
        turn = 2 * np.pi * i / 5
        tip = (0.46 * w * np.cos(turn), 0.46 * d * np.sin(turn))
        kit.rod("dark", (0, 0, 0.1), (*tip, 0.06), 0.018)
        kit.lathe("dark", (0.94 * tip[0], 0.94 * tip[1]), [(1e-3, 0), (0.022, 0.005), (0.022, 0.05), (1e-3, 0.055)], 10)
    kit.rod("steel", (0, 0, 0.08), (0, 0, 0.44), 0.025)
    kit.cushion("fabric2", (-0.42 * w, -0.36 * d, 0.43), (0.42 * w, 0.46 * d, 0.52), 0.04)
    kit.cushion("fabric2", (-0.4 * w, -0.46 * d, 0.58), (0.4 * w, -0.34 * d, h), 0.05)
    kit.box("dark", (-0.03, -0.46 * d, 0.45), (0.03, -0.42 * d, 0.7))
    for s in (-1, 1):
        low, high = sorted((s * 0.5 * w, s * 0.44 * w))
        kit.box("dark", (low, -0.2 * d, 0.66), (high, 0.25 * d, 0.69))
        kit.box("dark", (low, -0.02 * d, 0.48), (high, 0.06 * d, 0.66))


def stool(kit: Kit, w: float, d: float, h: float) -> None:
    r = min(w, d) / 2
    kit.lathe("wood2", (0, 0), [(1e-3, h - 0.04), (0.9 * r, h - 0.04), (0.9 * r, h), (1e-3, h)], 24)
    for sx in (-1, 1):
        for sy in (-1, 1):
            kit.rod("wood2", (sx * 0.6 * r, sy * 0.6 * r, 0.01), (sx * 0.5 * r, sy * 0.5 * r, h - 0.04), 0.016)


def pouf(kit: Kit, w: float, d: float, h: float) -> None:
    kit.cushion("fabric2", (-w / 2, -d / 2, 0), (w / 2, d / 2, h), 0.12, bulge=0.06)


def sofa(kit: Kit, w: float, d: float, h: float) -> None:
    arm, back, seat = kit.rng.uniform(0.14, 0.22), 0.2, 0.42
    foot = kit.rng.uniform(0.06, 0.13)
    kit.cushion("fabric", (-w / 2, -d / 2, foot), (w / 2, d / 2 - 0.02, seat - 0.14), 0.03)
    kit.cushion("fabric", (-w / 2, -d / 2, foot), (w / 2, -d / 2 + back, h - 0.04), 0.06)
    for s in (-1, 1):
        low, high = sorted((s * w / 2, s * (w / 2 - arm)))
        kit.cushion("fabric", (low, -d / 2, foot), (high, d / 2, seat + 0.18), 0.06)
        for y in (-d / 2 + 0.05, d / 2 - 0.1):
            kit.box("wood2", (s * (w / 2 - 0.07) - 0.025, y, 0), (s * (w / 2 - 0.07) + 0.025, y + 0.05, foot + 0.01))
    n = max(1, round((w - 2 * arm) / 0.65))
    step = (w - 2 * arm) / n
    for i in range(n):
        x = -w / 2 + arm + i * step
        kit.cushion(
            "fabric", (x + 0.004, -d / 2 + back, seat - 0.15), (x + step - 0.004, d / 2, seat + 0.03), 0.05, 0.15
        )
        kit.cushion("fabric", (x + 0.008, -d / 2 + 0.13, seat), (x + step - 0.008, -d / 2 + back + 0.14, h), 0.07)
        if kit.rng.random() < 0.5:
            c, half = x + step * kit.rng.uniform(0.35, 0.65), 0.17
            y = -d / 2 + back + 0.14
            kit.cushion(
                "pillow", (c - half, y, seat + 0.03), (c + half, min(y + 0.12, d / 2), min(seat + 0.34, h)), 0.06
            )


def bed(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("wood", (-w / 2, -d / 2, 0.05), (w / 2, -d / 2 + 0.06, h))
    kit.box("wood", (-w / 2, -d / 2 + 0.06, 0.1), (w / 2, d / 2, 0.3))
    for s in (-1, 1):
        kit.box("wood", (s * (w / 2 - 0.06) - 0.03, d / 2 - 0.09, 0), (s * (w / 2 - 0.06) + 0.03, d / 2 - 0.03, 0.1))
    kit.cushion("bedding2", (-w / 2 + 0.02, -d / 2 + 0.07, 0.28), (w / 2 - 0.02, d / 2 - 0.02, 0.48), 0.05)
    fold = kit.rng.uniform(-0.55, -0.3) * d / 2
    kit.cushion("bedding", (-w / 2, fold, 0.24), (w / 2, d / 2, 0.56), 0.07, 0.1)
    kit.cushion("bedding2", (-w / 2, fold - 0.05, 0.3), (w / 2, fold + 0.18, 0.585), 0.06, 0.1)
    n = 2 if w > 1.3 else 1
    for i in range(n):
        x, half = (i + 0.5) * w / n - w / 2, min(0.34, 0.42 * w / n)
        kit.cushion("pillow", (x - half, -d / 2 + 0.08, 0.46), (x + half, -d / 2 + 0.48, 0.62), 0.075, 0.35)


def _fronts(kit: Kit, slot: str, low: tuple[float, ...], high: tuple[float, ...], columns: int, rows: int) -> None:
    """A carcass with doors or drawers on its front (+y), a shadow gap between them, and handles."""
    front, gap = 0.02, 0.004
    kit.box(slot, low, (high[0], high[1] - front - 0.016, high[2]))
    kit.box(
        "dark",
        (low[0] + 0.01, high[1] - front - 0.016, low[2] + 0.01),
        (high[0] - 0.01, high[1] - front - 0.014, high[2]),
    )
    w, h = (high[0] - low[0]) / columns, (high[2] - low[2]) / rows
    bars = h < w
    for i in range(columns):
        for j in range(rows):
            x, z = low[0] + i * w, low[2] + j * h
            y = high[1] - 0.014
            kit.box(slot, (x + gap, y - front, z + gap), (x + w - gap, y, z + h - gap))
            if bars:
                kit.box("steel", (x + 0.35 * w, y, z + 0.75 * h), (x + 0.65 * w, high[1], z + 0.75 * h + 0.012))
            else:
                hinge = 0.9 * w if i % 2 == 0 else 0.1 * w
                kit.box(
                    "steel", (x + hinge - 0.006, y, z + 0.45 * h), (x + hinge + 0.006, high[1], z + 0.45 * h + 0.14)
                )


def cabinet(kit: Kit, w: float, d: float, h: float) -> None:
    slot = "wood" if kit.rng.random() < 0.5 else "paint"
    tall = h > 1.4
    columns = max(1, round(w / (0.5 if tall else 0.6)))
    rows = 1 if tall else max(1, round(h / 0.26))
    _fronts(kit, slot, (-w / 2, -d / 2, 0.06), (w / 2, d / 2, h - 0.02), columns, rows)
    kit.box("dark", (-w / 2 + 0.03, -d / 2 + 0.02, 0), (w / 2 - 0.03, d / 2 - 0.06, 0.06))
    kit.box(slot, (-w / 2, -d / 2, h - 0.02), (w / 2, d / 2, h))


def worktop(kit: Kit, w: float, d: float, h: float) -> None:
    _fronts(kit, "unit", (-w / 2, -d / 2, 0.1), (w / 2, d / 2 - 0.02, h - 0.04), 2 if w > 0.65 else 1, 1)
    kit.box("dark", (-w / 2, -d / 2, 0), (w / 2, d / 2 - 0.08, 0.1))
    kit.box("stone", (-w / 2, -d / 2, h - 0.04), (w / 2, d / 2, h))


def sink(kit: Kit, w: float, d: float, h: float) -> None:
    worktop(kit, w, d, h - 0.002)
    kit.box("steel", (-0.38 * w, -0.3 * d, h - 0.002), (0.38 * w, 0.36 * d, h))
    kit.box("dark", (-0.3 * w, -0.22 * d, h - 0.001), (0.3 * w, 0.3 * d, h))


def cooker(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("appliance", (-w / 2, -d / 2, 0.1), (w / 2, d / 2 - 0.05, h - 0.02))
    kit.box("dark", (-w / 2, -d / 2, 0), (w / 2, d / 2 - 0.08, 0.1))
    kit.box("dark", (-w / 2 + 0.04, d / 2 - 0.05, 0.28), (w / 2 - 0.04, d / 2 - 0.03, 0.66))
    kit.box("steel", (-w / 2 + 0.08, d / 2 - 0.03, 0.68), (w / 2 - 0.08, d / 2, 0.7))
    for i in range(4):
        kit.rod("dark", ((i - 1.5) * 0.12, d / 2 - 0.05, 0.8), ((i - 1.5) * 0.12, d / 2 - 0.02, 0.8), 0.018)
    kit.box("dark", (-w / 2, -d / 2, h - 0.02), (w / 2, d / 2 - 0.03, h))


def hood(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("steel", (-w / 2, -d / 2, 0.06), (w / 2, d / 2, 0.12))
    kit.box("steel", (-0.15, -d / 2, 0.12), (0.15, 0.08, h))


def wall_unit(kit: Kit, w: float, d: float, h: float) -> None:
    _fronts(kit, "unit", (-w / 2, -d / 2, 0), (w / 2, d / 2, h), 2 if w > 0.65 else 1, 1)


def fridge(kit: Kit, w: float, d: float, h: float) -> None:
    kit.box("appliance", (-w / 2, -d / 2, 0.03), (w / 2, d / 2 - 0.07, h))
    split = 0.38 * h
    for z0, z1 in ((0.05, split - 0.005), (split + 0.005, h)):
        kit.box("appliance", (-w / 2, d / 2 - 0.08, z0), (w / 2, d / 2 - 0.02, z1))
        z = (z0 + z1) / 2
        kit.box("steel", (0.38 * w, d / 2 - 0.02, z - 0.18), (0.42 * w, d / 2, z + 0.18))


def bookshelf(kit: Kit, w: float, d: float, h: float) -> None:
    t, slot, rng = 0.022, "wood" if kit.rng.random() < 0.6 else "paint", kit.rng
    for s in (-1, 1):
        low, high = sorted((s * w / 2, s * (w / 2 - t)))
        kit.box(slot, (low, -d / 2, 0), (high, d / 2, h))
    kit.box(slot, (-w / 2, -d / 2, 0.05), (w / 2, -d / 2 + 0.01, h))
    n = max(2, round(h / 0.36))
    step = (h - t - 0.06) / n
    for k in range(n + 1):
        kit.box(slot, (-w / 2, -d / 2, 0.06 + k * step), (w / 2, d / 2, 0.06 + k * step + t))
    for k in range(n):
        x, z, room = -w / 2 + t + 0.01, 0.06 + k * step + t, step - t - 0.02
        while x < w / 2 - t - 0.05:
            kind = rng.random()
            if kind < 0.62:  # a run of books
                tall, deep = rng.uniform(0.62, 0.9) * room, rng.uniform(0.6, 0.85)
                slot_ = str(rng.choice(["book_a", "book_b", "book_c"]))
                for _ in range(rng.integers(3, 9)):
                    thick = rng.uniform(0.018, 0.05)
                    if x + thick > w / 2 - t:
                        break
                    strip, high = int(rng.integers(32)), tall * rng.uniform(0.86, 1.0)
                    front = -d / 2 + deep * rng.uniform(0.9, 1.0) * d
                    fit = ((strip + 0.06) / 32, (strip + 0.94) / 32)
                    kit.box(slot_, (x, -d / 2 + 0.01, z), (x + thick - 0.002, front, z + high), fit)
                    x += thick
            elif kind < 0.85:  # a box or a basket
                wide = rng.uniform(0.14, 0.3)
                if x + wide < w / 2 - t:
                    what = str(rng.choice(["carton", "wicker", "fabric2", "paint"]))
                    high, front = rng.uniform(0.4, 0.85) * room, d / 2 - rng.uniform(0.02, 0.06)
                    kit.box(what, (x, -d / 2 + 0.02, z), (x + wide, front, z + high))
                x += wide + 0.02
            else:
                x += rng.uniform(0.06, 0.2)
