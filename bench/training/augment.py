"""The augmentations of recipe ``strong``: batched tensor transforms with parameters of their own for every image.

Order: one affine warp (zoom, shift, flip, rotate) → colour → blur → occlusion → noise; a task says which are legal
for its labels, recipe ``plain`` uses none. Images are float32 ``(B, 3, H, W)`` in [0, 1] before and after.

================  ====================================================================================  =========
transform         parameters, drawn for each image                                                      applied to
================  ====================================================================================  =========
zoom, shift       scale log-uniform in 1/1.25..1.25; ± 1/8 of each side (4 of 32 px, as on CIFAR)        all
rotate, flip      ± 15°; left-right                                                                     all; half
colour            brightness, contrast, saturation 0.6..1.4, hue ± 0.1 turn; then grey                  0.8; 0.2
blur              Gaussian, σ uniform in 0.1..1 px at 32 px, in proportion at other sizes               half
occlusion         one rectangle of one random colour, 2..20 % of the area, aspect 1/3..3                half
noise             Gaussian, σ uniform in 0..0.1, independent in pixels and channels (NoisePool)         half
================  ====================================================================================  =========

Labels that have a place in the image move with it. Where the warp looks beyond the border, images repeat the border,
masks are 255 (ignore), foregrounds False, depths 0 (unknown); boxes are clipped, and one that keeps less than a quarter
of its area is emptied. Nearest neighbour for all but the image. Depth keeps its values: a task for which a zoom would
make them wrong does not list it. A tilted box would not be the box of the tilted object: no ``rotate`` beside boxes.

The colour strengths are SimCLR's for 32 px images (Chen et al. 2020; their code: strength 0.5, grey 0.2), which go
without blur; ours is there because real optics blur. The rectangle is Random Erasing's (Zhong et al. 2017) with smaller
areas. Inversion is left out, as in RandAugment and SimCLR: which polarity a target has is not ours to guess. Own code,
because torchvision's v2 transforms draw one set of parameters for a whole batch, from the global generator.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from bench.api import PluginError

GEOMETRIC = frozenset({"zoom", "shift", "flip", "rotate"})
PHOTOMETRIC = frozenset({"colour", "blur", "noise", "occlusion"})
TRANSFORMS = GEOMETRIC | PHOTOMETRIC

_UNMOVED = frozenset({"class_id", "quaternion"})
"""Labels that have no place in the image, so that zoom and shift leave them right."""
_MOVED = {"mask": 255, "foreground": 0, "depth_m": 0, "sensor_depth_m": 0}
"""Maps that are warped with the image, and what they hold beyond its border."""
_BOXES = frozenset({"boxes", "box_class"})
POOL_SIZE = 2**20
"""Offsets at which an image's noise may begin in the pool."""
LEAST_VISIBLE = 0.25
"""Part of a box's area that must stay inside the image."""

_GREY = (0.299, 0.587, 0.114)
"""ITU-R BT.601 luma."""


class NoisePool:
    """Standard normal numbers, drawn once and read at random offsets with random signs.

    Drawing fresh ones costs more than all else that *noise* does. The slices that two images get rarely overlap, and
    never pixel by pixel but at equal offsets, which has the probability 1/:data:`POOL_SIZE`.

    Parameters
    ----------
    n_values: numbers per image.
    generator: draws the pool, here, and the offsets, later.
    """

    def __init__(self, n_values: int, generator: Generator) -> None:
        self.n_values = n_values
        numbers = torch.randn(POOL_SIZE + n_values, generator=generator, device=generator.device)
        self._slices = numbers.unfold(0, n_values, 1)

    def draw(self, n_images: int, generator: Generator) -> Tensor:
        """``(n_images, n_values)``, a copy."""
        offsets = torch.randint(POOL_SIZE, (n_images,), generator=generator, device=generator.device)
        signs = 1 - 2 * _chosen(n_images, 0.5, generator).float()
        return self._slices[offsets].mul_(signs[:, None])


def augment(
    batch: dict[str, Tensor], legal: frozenset[str], generator: Generator, pool: NoisePool | None = None
) -> dict[str, Tensor]:
    """A new batch with ``image`` transformed by every transform in ``legal``; other columns as they were.

    Parameters
    ----------
    batch: columns of ``B`` images; ``image`` float32 ``(B, 3, H, W)`` in [0, 1]; left unchanged.
    legal: names out of :data:`TRANSFORMS`.
    generator: the only source of randomness; on the device of the images.
    pool: where *noise* is read from, for images of its size; without it, fresh noise is drawn.

    Raises
    ------
    PluginError: an unknown transform, or a geometric one beside labels that would have to move with the pixels.
    """
    if unknown := sorted(legal - TRANSFORMS):
        raise PluginError(
            f"augmentation {unknown[0]!r} does not exist; a task may list: {', '.join(sorted(TRANSFORMS))}"
        )
    image = batch["image"]
    if geometric := legal & GEOMETRIC:
        unmoved = _UNMOVED if geometric <= {"zoom", "shift"} else _UNMOVED - {"quaternion"}
        movable = _MOVED.keys() | (frozenset() if "rotate" in geometric else _BOXES)
        if left_behind := sorted(batch.keys() - {"image"} - unmoved - movable):
            raise PluginError(
                f"augmentation {min(geometric)!r} moves pixels but not the column {left_behind[0]!r}; "
                f"a task with that column may list: {', '.join(sorted(PHOTOMETRIC))}"
            )
        n_images, _, height, width = image.shape
        affine = sample_affine(n_images, width, height, geometric, generator)
        maps = sorted(batch.keys() & _MOVED.keys())
        if geometric == {"flip"}:
            mirrored = (affine[:, 0, 0] < 0).nonzero()[:, 0]
            image = _mirror(image, mirrored)
            batch = batch | {name: _mirror(batch[name], mirrored) for name in maps}
        else:
            grid = sampling_grid(affine, width, height)
            image = _sample(image, grid)
            batch = batch | {name: _sample_map(batch[name], grid, _MOVED[name]) for name in maps}
        if "boxes" in batch:
            batch = batch | warp_boxes(batch["boxes"], batch["box_class"], affine, width, height)
    else:
        image = image.clone(memory_format=torch.contiguous_format)
    if "colour" in legal:
        image = _jitter_colour(image, generator)
    # From here on in place: the image is ours.
    if "blur" in legal:
        _blur(image, generator)
    if "occlusion" in legal:
        _occlude(image, generator)
    if "noise" in legal:
        _add_noise(image, generator, pool)
    return batch | {"image": image}


def sample_affine(n_images: int, width: int, height: int, names: frozenset[str], generator: Generator) -> Tensor:
    """Random maps, one an image, made of the geometric transforms in ``names``.

    Returns ``(n_images, 2, 3)`` matrices that take output positions (x, y, 1) to input positions, both running from −1
    to 1 across the image: what :func:`warp` needs, and what masks and boxes have to follow.
    """
    ones = torch.ones(n_images, device=generator.device)
    scale = 1.25 ** _uniform(n_images, -1, 1, generator) if "zoom" in names else ones
    angle = _uniform(n_images, -math.pi / 12, math.pi / 12, generator) if "rotate" in names else 0 * ones
    mirror = 1 - 2 * _chosen(n_images, 0.5, generator).float() if "flip" in names else ones
    shift = _uniform((n_images, 2), -0.25, 0.25, generator) if "shift" in names else ones.new_zeros(n_images, 2)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    # A rotation is one of pixels: between axes of different length it needs their ratio.
    aspect = width / height
    linear = torch.stack([mirror * cos, -sin / aspect, mirror * sin * aspect, cos], dim=1).view(-1, 2, 2)
    return torch.cat([linear, shift[:, :, None]], dim=2)


def sampling_grid(affine: Tensor, width: int, height: int) -> Tensor:
    """``(B, height, width, 2)``: where each output pixel's centre lies in the input, x and y from −1 to 1.

    ``functional.affine_grid`` without its product of homogeneous coordinates, which took as long as the sampling.
    """
    x = (torch.arange(width, device=affine.device) * 2 + 1) / width - 1
    y = (torch.arange(height, device=affine.device) * 2 + 1) / height - 1
    along_x = affine[:, :, 0, None] * x
    along_y = affine[:, :, 1, None] * y + affine[:, :, 2, None]
    grid = affine.new_empty(len(affine), height, width, 2)
    for axis in range(2):
        torch.add(along_y[:, axis, :, None], along_x[:, axis, None, :], out=grid[..., axis])
    return grid


def warp(image: Tensor, affine: Tensor) -> Tensor:
    """``image`` ``(B, C, H, W)`` sampled bilinearly through ``affine`` ``(B, 2, 3)``; its border extends outwards."""
    return _sample(image, sampling_grid(affine, image.shape[3], image.shape[2]))


def warp_map(values: Tensor, affine: Tensor, beyond: int) -> Tensor:
    """``values`` ``(B, H, W)`` of any dtype through ``affine``, by nearest neighbour; ``beyond`` outside the image."""
    return _sample_map(values, sampling_grid(affine, values.shape[2], values.shape[1]), beyond)


def _sample(image: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _sample_map(values: Tensor, grid: Tensor, beyond: int) -> Tensor:
    # Zero padding would give 0 outside: sample the difference from what is wanted there.
    moved = functional.grid_sample(values[:, None].float() - beyond, grid, mode="nearest", align_corners=False)
    return (moved[:, 0] + beyond).to(values.dtype)


def _mirror(values: Tensor, rows: Tensor) -> Tensor:
    """A copy of ``values`` ``(B, …, W)`` in which these images are mirrored left to right: no sampling, exact."""
    mirrored = values.clone(memory_format=torch.contiguous_format)
    return mirrored.index_copy_(0, rows, mirrored[rows].flip(-1))


def warp_boxes(boxes: Tensor, box_class: Tensor, affine: Tensor, width: int, height: int) -> dict[str, Tensor]:
    """Boxes ``(B, M, 4)`` and classes ``(B, M)`` as an axis-aligned warp of their images leaves them.

    ``affine`` maps output to input positions in [−1, 1]; boxes go the other way. Those that keep less than
    :data:`LEAST_VISIBLE` of their area inside the image become empty slots.
    """
    size = boxes.new_tensor([width, height])
    scale, shift = affine[:, :2, :2].diagonal(dim1=1, dim2=2)[:, None, None], affine[:, None, None, :, 2]
    corners = 2 * boxes.unflatten(2, (2, 2)) / size - 1
    moved = ((corners - shift) / scale + 1) / 2 * size
    moved = torch.cat([moved.amin(dim=2), moved.amax(dim=2)], dim=2)
    clipped = torch.minimum(moved.clamp(min=0), size.repeat(2))
    kept = (_area(clipped) >= LEAST_VISIBLE * _area(moved)) & (box_class >= 0) & (_area(clipped) > 0)
    return {"boxes": clipped * kept[:, :, None], "box_class": box_class.where(kept, -1)}


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _jitter_colour(image: Tensor, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and hue are affine maps of (R, G, B): one 3×3 matrix and offset an image."""
    n = len(image)
    jittered = _chosen(n, 0.8, generator)
    brightness, contrast, saturation = _uniform((3, n), 0.6, 1.4, generator).where(jittered, 1.0)
    hue = _uniform(n, -0.2 * math.pi, 0.2 * math.pi, generator).where(jittered, 0.0)
    saturation = saturation.where(~_chosen(n, 0.2, generator), 0.0)

    identity = torch.eye(3, device=image.device)
    to_grey = torch.tensor(_GREY, device=image.device).expand(3, 3)
    # Rodrigues' rotation about the grey axis (1, 1, 1)/√3.
    onto_axis = torch.full_like(identity, 1 / 3)
    across = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=image.device) / math.sqrt(3)
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    rotation = cos * identity + sin * across + (1 - cos) * onto_axis
    mix = to_grey + saturation[:, None, None] * (identity - to_grey)
    matrix = (brightness * contrast)[:, None, None] * (mix @ rotation)
    # Contrast leaves the image's mean grey where it is; saturation and hue (nearly) do.
    mean_grey = image.mean(dim=(2, 3)) @ to_grey[0]
    offset = (brightness * (1 - contrast) * mean_grey)[:, None, None]
    return torch.baddbmm(offset, matrix, image.flatten(2)).clamp_(0, 1).view_as(image)


def _blur(image: Tensor, generator: Generator) -> None:
    """A Gaussian along each axis as a product with a ``(size, size)`` matrix whose rows sum to 1, border included."""
    rows = _chosen(len(image), 0.5, generator).nonzero()[:, 0]
    sigma = _uniform(len(rows), 0.1, 1.0, generator) * (max(image.shape[-2:]) / 32)
    height, width = image.shape[-2:]
    vertical = _gaussian_matrix(height, sigma)
    horizontal = vertical if width == height else _gaussian_matrix(width, sigma)
    along_rows = (image[rows].flatten(1, 2) @ horizontal.mT).unflatten(1, (3, height))
    image.index_copy_(0, rows, vertical[:, None] @ along_rows)


def _gaussian_matrix(size: int, sigma: Tensor) -> Tensor:
    """``(len(sigma), size, size)`` row-normalised ``exp(−(i − j)²/2σ²)``."""
    i = torch.arange(size, device=sigma.device)
    exponent = -(i[:, None] - i).square() / (2 * sigma.square()[:, None, None])
    # Weights below e⁻²⁰ become zero: as denormal numbers they would slow the product down.
    return exponent.masked_fill_(exponent < -20, -math.inf).softmax(dim=-1)


def _occlude(image: Tensor, generator: Generator) -> None:
    n, _, height, width = image.shape
    area = _uniform(n, 0.02, 0.2, generator) * _chosen(n, 0.5, generator)
    aspect = 3 ** _uniform(n, -1, 1, generator)
    centre = torch.rand(2, n, generator=generator, device=image.device)
    colour = torch.rand(n, 3, 1, 1, generator=generator, device=image.device)
    inside = [
        ((torch.arange(size, device=image.device) + 0.5) / size - centre[axis, :, None]).abs() < side[:, None] / 2
        for axis, (size, side) in enumerate(((height, (area / aspect).sqrt()), (width, (area * aspect).sqrt())))
    ]
    mask = inside[0].float()[:, :, None] @ inside[1].float()[:, None, :]
    image.lerp_(colour, mask[:, None])


def _add_noise(image: Tensor, generator: Generator, pool: NoisePool | None) -> None:
    rows = _chosen(len(image), 0.5, generator).nonzero()[:, 0]
    sigma = _uniform(len(rows), 0, 0.1, generator)[:, None, None, None]
    if pool is None:
        noise = torch.randn((len(rows), *image.shape[1:]), generator=generator, device=image.device)
    else:
        noise = pool.draw(len(rows), generator).view(len(rows), *image.shape[1:])
    image.index_add_(0, rows, noise.mul_(sigma)).clamp_(0, 1)


def _uniform(shape: int | tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def _chosen(n_images: int, probability: float, generator: Generator) -> Tensor:
    return torch.rand(n_images, generator=generator, device=generator.device) < probability
