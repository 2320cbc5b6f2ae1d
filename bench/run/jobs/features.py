"""*features*: what the domain-gap measures need of one set of images, computed once and shared by all of them.

    features.npy    (n, 1280) float32   pooled features of the bundled ImageNet encoder, eval mode
    colours.npy     (3, 256) float64    densities of L*, a*, b* over all pixels (bench.metrics.domain_gap)
    spectrum.npy    (n_bands,) float64  mean log power of the luminance by spatial frequency
    rows.npy        (n,) int64          rows of the split, in the order of the features

Rows: the first n of a permutation seeded by the split's name, so a set and its refined twin give the same scenes, and
halves of them are random. Of several views of a refined set the first is taken. Images are resized to a square as wide
as ``Spec.side_px`` (antialiased bilinear, aspect not kept, as is usual with such features) and normalised as the
weights' training was: (x − 0.5) / 0.5.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.api import Frozen
from bench.metrics.domain_gap import colour_densities, mean_log_power
from bench.run.jobs.work import Inputs, Work
from bench.run.seeds import seed_from
from bench.run.stored_sets import column_digests, load_set, save_array
from bench.training.weights import BUNDLED_MODEL, BUNDLED_SHA256

if TYPE_CHECKING:
    from torch import nn

VERSION = 1
BATCH = 32
SIZES = {"light": (400, 96), "standard": (5120, 224), "paper": (5120, 224)}
"""By budget: images taken at most, and the side in pixels that the encoder sees. 5,120 is twice what a Fréchet distance
of 1,280 features needs; on a CPU it would take longer than a light budget's trainings."""


class Spec(Frozen):
    """A split of an entry that holds image sets, and how it is seen."""

    split: Literal["source_train", "target_test"]
    n_images: int
    side_px: int
    encoder: str = BUNDLED_MODEL
    weights_sha256: str = BUNDLED_SHA256


def action(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """The encoder, the rule of the subsample, and the images' content."""
    images = inputs["images"]
    return {
        "kind": "features",
        "version": VERSION,
        **spec.model_dump(),
        "views": images.meta.get("views", 1),
        "images": column_digests(images, spec.split, ("image",)).get("image"),
    }


def run(spec: Spec, inputs: Inputs, folder: Path, work: Work) -> dict[str, Any]:
    """Encode the rows, and write what the module's docstring lists."""
    import torch
    from torch.nn.functional import interpolate

    from bench.training.refine_images import to_float

    column = load_set(inputs["images"], spec.split).columns["image"]
    n_scenes = len(column) // inputs["images"].meta.get("views", 1)
    rows = chosen_rows(spec.split, n_scenes, spec.n_images)
    encoder = _encoder().to(work.device)
    features, colours, spectra = [], [], []
    with torch.inference_mode():
        for first in range(0, len(rows), BATCH):
            pixels = column.take(rows[first : first + BATCH])
            size = (spec.side_px, spec.side_px)
            images = to_float(pixels).to(work.device)
            seen = interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)
            features.append(encoder((seen - 0.5) / 0.5).float().cpu().numpy())
            colours.append(len(pixels) * colour_densities(pixels))
            spectra.append(len(pixels) * mean_log_power(pixels))
            work.progress(first + len(pixels), len(rows), float("nan"))
    save_array(folder / "features.npy", np.concatenate(features))
    save_array(folder / "colours.npy", np.sum(colours, axis=0) / len(rows))
    save_array(folder / "spectrum.npy", np.sum(spectra, axis=0) / len(rows))
    save_array(folder / "rows.npy", rows)
    return {"n_images": len(rows)}


def chosen_rows(split: str, n_images: int, n_most: int) -> np.ndarray:
    """``(min(n_images, n_most),) int64`` rows of a split of ``n_images``, in random order, the same in every run."""
    order = np.random.default_rng(seed_from("features", split)).permutation(n_images)
    return order[:n_most].astype(np.int64)


@cache
def _encoder() -> nn.Module:
    """Loaded once a process."""
    import timm

    from bench.training.weights import bundled_classifier

    network = timm.create_model(BUNDLED_MODEL, pretrained=False)
    network.load_state_dict(bundled_classifier())
    network.reset_classifier(0)  # type: ignore[operator]
    return network.eval()


def estimate(spec: Spec, counts: dict[str, int]) -> tuple[float, int]:
    """Ten milliseconds an image of 96 pixels; the encoder's loading; 1,280 numbers an image."""
    n_images = min(spec.n_images, counts[spec.split])
    return 0.5 + n_images * 1e-2 * (spec.side_px / 96) ** 2, n_images * 5200 + 10_000
