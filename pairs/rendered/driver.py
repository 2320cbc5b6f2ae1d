"""Renders the images of a split to files: in parallel, resumable, each file written whole or not at all.

    FOLDER/settings.json          what determines the images; a folder with other settings is refused
    FOLDER/source/000000.png      8-bit RGB, one folder for each look
    FOLDER/target/000000.png
    FOLDER/labels/000000.npz      the label and geometry columns of the image, equal for both looks

Image i of a split depends on (generator's name and version, split, i, size, layout gap) alone: not on how many there
are, who renders them, or in what order. Its streams of random numbers are seeded separately: ``layout``, the scene of
each look, the paths of each look, and ``photograph``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.api import UserError
from pairs.rendered import sensor, trace
from pairs.rendered.haze import hazed
from pairs.rendered.scene import LOOKS, Camera, Generator, Look

GENERATORS = {"objects": "Objects", "street": "StreetGenerator", "indoor": "Indoor", "vending": "Vending"}
"""Class of each pair's generator in ``pairs.rendered.PAIR``."""

TEMPLATE_SHOTS = 16
"""Photographs of the empty scene whose mean is the target's background template."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Settings:
    """What determines the images of a rendered folder, beside their numbers."""

    pair: str
    version: int
    split: str
    width: int
    height: int
    layout_gap: float
    samples: Mapping[Look, int]
    mitsuba: str


@cache
def generator_of(pair: str) -> Generator:
    """The generator of a pair.

    Raises
    ------
    UserError: the pair is not rendered.
    """
    if pair not in GENERATORS:
        raise UserError(f"no renderer for the pair {pair!r}; rendered pairs: {', '.join(GENERATORS)}")
    made: Generator = getattr(importlib.import_module(f"pairs.rendered.{pair}"), GENERATORS[pair])()
    return made


def render(
    pair: str,
    folder: Path,
    n_images: int,
    *,
    size: tuple[int, int] | None = None,
    looks: tuple[Look, ...] = LOOKS,
    split: str = "more",
    layout_gap: float = 0.0,
    processes: int = 1,
    progress: Progress | None = None,
) -> Settings:
    """Render images 0 to ``n_images`` − 1 of ``split`` into ``folder``; what is there already stays.

    Parameters
    ----------
    size: width and height in pixels, the shipped size by default. All that the shipped view shows stays in view; along
        the longer side there is more of it.
    looks: any of ``source`` and ``target``; others can be added later to the same folder.
    split: names of shipped splits give the shipped images; any other name gives new ones.
    layout_gap: how far the layouts' distribution is shifted (see the generator); 0 or more.
    processes: workers, one thread each.
    progress: called with (images done, images wanted) after each image.

    Raises
    ------
    UserError: a number that is not allowed, an unknown pair, a folder rendered with other settings, or no Mitsuba.
    """
    generator = generator_of(pair)
    width, height = size or generator.size
    if n_images <= 0:
        raise UserError(f"cannot render {n_images} images; ask for 1 or more")
    if width <= 0 or height <= 0:
        raise UserError(f"cannot render images of {width} × {height} pixels; both must be 1 or more")
    if not layout_gap >= 0:
        raise UserError(f"a layout gap of {layout_gap} is not allowed; it must be 0 or more")
    samples = {look: generator.samples[look] for look in LOOKS}
    settings = Settings(pair, generator.version, split, width, height, layout_gap, samples, trace.mitsuba().__version__)
    _claim(folder, settings)

    missing = [i for i in range(n_images) if not all(path.exists() for path in _files(folder, i, looks))]
    for n_done, _ in enumerate(_made(missing, folder, settings, looks, processes), n_images - len(missing) + 1):
        if progress:
            progress(n_done, n_images)
    return settings


def _made(
    missing: list[int], folder: Path, settings: Settings, looks: tuple[Look, ...], processes: int
) -> Iterator[int]:
    """Render the ``missing`` images, yielding the number of each when it is there."""
    if processes <= 1:
        for index in missing:
            render_files(folder, settings, index, looks)
            yield index
        return
    # Spawned, since a fork would copy Mitsuba's and torch's threads half alive.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(render_files, folder, settings, index, looks): index for index in missing}
        try:
            for job in as_completed(jobs):
                job.result()
                yield jobs[job]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def render_files(folder: Path, settings: Settings, index: int, looks: tuple[Look, ...]) -> None:
    """Render one image's missing files; the labels come first, so that no picture is ever without them."""
    generator = generator_of(settings.pair)
    *pictures, labels = _files(folder, index, looks)
    if not labels.exists():
        columns = label_columns(generator, settings, index)
        _write(labels, lambda stream: np.savez_compressed(stream, allow_pickle=False, **columns))
    for look, path in zip(looks, pictures, strict=True):
        if not path.exists():
            picture = Image.fromarray(draw(generator, settings, index, look))
            _write(path, lambda stream, picture=picture: picture.save(stream, "PNG"))  # type: ignore[misc]


def label_columns(generator: Generator, settings: Settings, index: int) -> dict[str, np.ndarray]:
    """The label and geometry columns of image ``index``, as :meth:`Generator.labels` makes them."""
    layout, camera = _layout(generator, settings, index)
    scene, parts = generator.scene(layout, "source", _stream(settings, index, "scene source"))
    return generator.labels(layout, trace.label_buffers(scene, parts, camera))


def draw(generator: Generator, settings: Settings, index: int, look: Look) -> np.ndarray:
    """Image ``index`` in one look: ``(H, W, 3) uint8``."""
    layout, camera = _layout(generator, settings, index)
    radiance = _radiance(generator, settings, layout, camera, index, look)
    if look == "source":
        return sensor.plain_picture(radiance, generator.exposure("source"))
    rng = _stream(settings, index, "photograph")
    return sensor.photograph(radiance, rng, generator.sensor(), generator.exposure("target"))


def background_template(settings: Settings, look: Look) -> np.ndarray | None:
    """The empty scene, ``(H, W, 3) uint8``: for the target the mean of photographs; ``None`` if there is none."""
    generator = generator_of(settings.pair)
    layout = generator.empty_layout()
    if layout is None:
        return None
    camera = resized(generator.camera(layout), (settings.width, settings.height))
    radiance = _radiance(generator, settings, layout, camera, -1, look)
    if look == "source":
        return sensor.plain_picture(radiance, generator.exposure("source"))
    shots = [
        sensor.photograph(
            radiance, _stream(settings, -1 - shot, "photograph"), generator.sensor(), generator.exposure(look)
        )
        for shot in range(TEMPLATE_SHOTS)
    ]
    return np.rint(np.mean(shots, axis=0)).astype(np.uint8)


def resized(camera: Camera, size: tuple[int, int]) -> Camera:
    """The same view at another size, pixels still square: all of it is seen, with more along the longer side."""
    width, height = size
    if size == (camera.width, camera.height):
        return camera
    scale = min(width / camera.width, height / camera.height)
    fx, fy, cx, cy = camera.intrinsics
    centre = (cx - camera.width / 2) * scale + width / 2, (cy - camera.height / 2) * scale + height / 2
    return replace(camera, width=width, height=height, intrinsics=(fx * scale, fy * scale, *centre))


def read_labels(folder: Path, index: int) -> dict[str, np.ndarray]:
    """The columns that :func:`render` wrote for one image."""
    with np.load(folder / "labels" / f"{index:06d}.npz", allow_pickle=False) as columns:
        return dict(columns)


def read_picture(folder: Path, index: int, look: Look) -> np.ndarray:
    """One look of one image that :func:`render` wrote: ``(H, W, 3) uint8``."""
    return np.array(Image.open(folder / look / f"{index:06d}.png"))


def _layout(generator: Generator, settings: Settings, index: int) -> tuple[Any, Camera]:
    layout = generator.layout(_stream(settings, index, "layout"), settings.layout_gap)
    return layout, resized(generator.camera(layout), (settings.width, settings.height))


def _radiance(
    generator: Generator, settings: Settings, layout: Any, camera: Camera, index: int, look: Look
) -> np.ndarray:
    scene, parts = generator.scene(layout, look, _stream(settings, index, f"scene {look}"))
    paths = int(_stream(settings, index, f"paths {look}").integers(2**31))
    radiance = trace.radiance(scene, generator.integrator(look), camera, settings.samples[look], paths)
    if look == "source" or generator.extinction_per_m is None:
        return radiance
    extinction_per_m = _stream(settings, index, "haze").uniform(*generator.extinction_per_m)
    return hazed(radiance, trace.label_buffers(scene, parts, camera).depth_m, extinction_per_m)


def _stream(settings: Settings, index: int, purpose: str) -> np.random.Generator:
    name = f"{settings.pair} {settings.version} {settings.split} {index} {purpose}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))


def _files(folder: Path, index: int, looks: tuple[Look, ...]) -> list[Path]:
    """Pictures in the order of ``looks``, then the labels."""
    return [*(folder / look / f"{index:06d}.png" for look in looks), folder / "labels" / f"{index:06d}.npz"]


def _claim(folder: Path, settings: Settings) -> None:
    """Write the folder's settings, or check that they are these."""
    path, wanted = folder / "settings.json", asdict(settings)
    if path.exists():
        found = json.loads(path.read_text())
        differing = [key for key in wanted if found.get(key) != wanted[key]]
        if differing:
            key = differing[0]
            raise UserError(
                f"{folder} holds images rendered with {key} = {found.get(key)!r}, asked for {wanted[key]!r}; "
                "name another folder"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and was not made by this command; name a new folder")
    for part in (*LOOKS, "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _write(path, lambda stream: stream.write(json.dumps(wanted, indent=2).encode() + b"\n"))


def _write(path: Path, save: Callable[[Any], object]) -> None:
    """Write to a name of this process, then rename: a killed run leaves no half file under the final name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as stream:
        save(stream)
    temporary.replace(path)
