"""Sky, sun and lamp of the pair ``street``.

Source: one lamp behind the camera and a flat blue sky that lights nothing. Target: the clear sky of Hosek and Wilkie
(SIGGRAPH 2012), as Mitsuba's ``sunsky`` evaluates it, with clouds of gradient noise on a flat ceiling before it, and a
sun whose irradiance is that of the sky times a factor that the clouds lower to nothing. Half of the images or more are
sunny. The sun is a directional lamp, not a disc: shadows have no penumbra, and gloss makes no bright specks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.rendered import textures as tx

_SKY_SOURCE = (0.53, 0.73, 0.93)
_POLE_ON_Z = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], float)
"""Mitsuba's environment maps have their pole on y."""
_SUN_THROUGH = {0.15: 1.0, 0.45: 1.0, 0.7: 0.5, 1.0: 0.0}
"""Cloud cover → share of the sun."""
_SUN_TO_SKY = 5.5
"""Irradiance of the unclouded sun, on a surface facing it, over that of the sky on the ground."""


def source_light(view: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """A lamp behind the camera, so that shadows fall away from it, and the flat sky, which lights nothing."""
    azimuth = np.arctan2(view[1], view[0]) + rng.uniform(-0.7, 0.7)
    steep = rng.uniform(0.6, 0.9)
    direction = [float(np.cos(azimuth) * np.cos(steep)), float(np.sin(azimuth) * np.cos(steep)), -float(np.sin(steep))]
    sky = {"type": "constant", "radiance": tx.rgb(_SKY_SOURCE), "sampling_weight": 0.0}
    lamp = {"type": "directional", "direction": direction, "irradiance": {"type": "rgb", "value": [float(np.pi)] * 3}}
    return {"sky": sky, "lamp": lamp}


def target_light(rng: np.random.Generator) -> dict[str, Any]:
    """An environment map of sky and clouds, and the sun if the clouds let it through."""
    from pairs.rendered.trace import mitsuba

    mi = mitsuba()
    elevation, azimuth = np.radians(rng.uniform(18, 58)), rng.uniform(0, 2 * np.pi)
    sun = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    rows, columns = 64, 128
    theta = (np.arange(rows) + 0.5) / rows * np.pi
    phi = (0.25 - (np.arange(columns) + 0.5) / columns) * 2 * np.pi  # as Mitsuba's map lies under _POLE_ON_Z
    direction = np.stack(
        [np.sin(theta)[:, None] * np.cos(phi), np.sin(theta)[:, None] * np.sin(phi), np.cos(theta)[:, None] + 0 * phi],
        -1,
    )
    clear = _clear_sky(mi, sun, rng.uniform(2.2, 5.0), direction)
    cover = float(rng.choice((0.15, 0.45, 0.7, 1.0), p=(0.4, 0.3, 0.15, 0.15)))
    sky = _clouded(clear, direction, sun, cover, rng)
    weight = np.clip(direction[..., 2], 0, None) * np.sin(theta)[:, None]
    sky_irradiance = (sky * weight[..., None]).sum((0, 1)) * np.pi / rows * 2 * np.pi / columns
    through = _SUN_THROUGH[cover] * rng.uniform(0.7, 1.2)
    warm = np.array([1.0, 0.93, 0.82]) * (
        1,
        1 - 0.25 * (1 - np.sin(elevation)) ** 2,
        1 - 0.6 * (1 - np.sin(elevation)) ** 2,
    )
    strength = _SUN_TO_SKY * through * sky_irradiance.mean() * warm
    sky[theta > np.pi / 2] = sky_irradiance / np.pi * 0.2
    light: dict[str, Any] = {"sky": _environment(mi, sky)}
    if through > 0:
        light["sun"] = {
            "type": "directional",
            "direction": (-sun).tolist(),
            "irradiance": {"type": "rgb", "value": strength.tolist()},
        }
    return light


def _clear_sky(mi: Any, sun: np.ndarray, turbidity: float, direction: np.ndarray) -> np.ndarray:
    """Radiance ``(rows, columns, 3)`` of the sky without the sun's disc, read on every fourth direction."""
    from scipy.ndimage import zoom

    emitter = mi.load_dict(
        {"type": "sunsky", "sun_direction": sun.tolist(), "turbidity": float(turbidity), "sun_scale": 0.0}
    )
    coarse = direction[2::4, 2::4]
    n_up = int((coarse[:, 0, 2] > 0).sum())
    hit = mi.SurfaceInteraction3f()
    radiance = np.zeros(coarse.shape)
    for i, j in np.ndindex(n_up, coarse.shape[1]):
        hit.wi = mi.Vector3f(*(-coarse[i, j]).tolist())
        radiance[i, j] = np.array(emitter.eval(hit)).ravel()
    radiance[n_up:] = radiance[n_up - 1]
    return np.clip(zoom(radiance, (4, 4, 1), order=1, mode="nearest", grid_mode=True), 0, None)


def _clouded(
    clear: np.ndarray, direction: np.ndarray, sun: np.ndarray, cover: float, rng: np.random.Generator
) -> np.ndarray:
    """Clouds on a flat ceiling: brighter towards the sun, grey where thick."""
    from scipy.ndimage import map_coordinates

    height = np.clip(direction[..., 2], 0.02, None)
    at = direction[..., :2] / (height[..., None] + 0.12) * 30 + rng.uniform(0, 256, 2)
    field = tx.noise(rng, 256, 6, 6, 0.6)
    thick = map_coordinates(field, [at[..., 1], at[..., 0]], order=1, mode="grid-wrap")
    share = np.clip((thick - (0.85 - 0.6 * cover)) / 0.22, 0, 1) if cover < 1 else np.clip(0.8 + 0.5 * thick, 0, 1)
    near = np.clip((direction @ sun + 1) / 2, 0, 1) ** 4
    mean = clear[direction[..., 2] > 0].mean()
    white = mean * (1.7 - 0.9 * thick + 0.8 * near)[..., None] * np.array([1.0, 1.0, 1.02])
    return (1 - share)[..., None] * clear + share[..., None] * white


def _environment(mi: Any, sky: np.ndarray) -> dict[str, Any]:
    return {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(sky, np.float32)), "to_world": _POLE_ON_Z}
