"""Renders all splits of a pair and packs them for the package (maintainers; users read what ships).

    python -m pairs.rendered.ship objects --work DIR [--processes 2] [--out DIR]

Renders go to ``DIR/PAIR/SPLIT`` and stay there: a killed run goes on where it was, and packing again costs seconds.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import __version__ as pillow_version

from bench.api.imageset import concatenate
from pairs.rendered.driver import (
    Progress,
    Settings,
    background_template,
    generator_of,
    read_labels,
    read_picture,
    render,
)
from pairs.rendered.packed import PackedSplit, write_manifest, write_split
from pairs.rendered.pair_base import SETS, TARGET_LOOK
from pairs.rendered.scene import Look

COUNTS = {
    "objects": {"source_train": 800, "source_val": 80, "target_train": 400, "target_test": 150},
    "street": {"source_train": 500, "source_val": 60, "target_train": 120, "target_test": 120},
    "indoor": {"source_train": 500, "source_val": 60, "target_train": 200, "target_test": 150},
    "vending": {"source_train": 500, "source_val": 60, "target_train": 120, "target_test": 120},
}
"""Images of each split. A target image of ``street`` takes ten times as long as one of ``objects``."""

BOTH_LOOKS = frozenset({"objects"})
"""Pairs that ship their source splits in the target's look, too: the truth that a refiner is compared with."""


def ship(
    pair: str,
    work: Path,
    out: Path,
    counts: Mapping[str, int],
    processes: int = 1,
    progress: Progress | None = None,
) -> None:
    """Render the splits of ``pair`` named in ``counts`` below ``work`` and pack them into ``out``."""
    generator = generator_of(pair)
    packed: dict[str, int] = {}
    rendered: dict[str, Settings] = {}
    for split, n_images in counts.items():
        look: Look = "source" if split.startswith("source") else "target"
        looks: tuple[Look, ...] = ("source", "target") if look == "source" and pair in BOTH_LOOKS else (look,)
        folder = work / pair / split
        settings = render(pair, folder, n_images, looks=looks, split=split, processes=processes, progress=progress)
        rendered[split] = settings

        rows = [read_labels(folder, index) for index in range(n_images)]
        columns = {name: concatenate(name, [row[name][None] for row in rows]) for name in rows[0]}
        template = background_template(settings, look)
        assets = {} if template is None else {"background_template": template}
        for drawn in looks:
            image = np.stack([read_picture(folder, index, drawn) for index in range(n_images)])
            name = split if drawn == look else split + TARGET_LOOK
            content = (
                PackedSplit(columns | {"image": image}, assets) if drawn == look else PackedSplit({"image": image}, {})
            )
            lossless = drawn == "source"
            write_split(out, name, content, depth_range_m=generator.depth_range_m, lossless=lossless)
            packed[name] = n_images
    about: dict[str, Any] = {
        "splits": {split: asdict(settings) for split, settings in rendered.items()},
        "sensor": asdict(generator.sensor()),
        "machine": {"python": platform.python_version(), "numpy": np.__version__, "pillow": pillow_version},
    }
    write_manifest(out, pair, generator.version, packed, generator.depth_range_m, about)


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description="Render all splits of a pair and pack them.")
    parser.add_argument("pair")
    parser.add_argument("--work", type=Path, required=True, help="folder for the rendered files")
    parser.add_argument("--out", type=Path, help="folder for the packed files (default: inside the package)")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()

    def show(n_done: int, n_images: int) -> None:
        print(f"\r{n_done} of {n_images} images", end="" if n_done < n_images else "\n", flush=True)

    out = asked.out or SETS / asked.pair
    ship(asked.pair, asked.work, out, COUNTS[asked.pair], processes=asked.processes, progress=show)


if __name__ == "__main__":
    main()
