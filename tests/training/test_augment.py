import math

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from bench.api import PluginError
from bench.training.augment import (
    GEOMETRIC,
    PHOTOMETRIC,
    TRANSFORMS,
    NoisePool,
    augment,
    sample_affine,
    sampling_grid,
    warp,
    warp_boxes,
    warp_map,
)
from tasks.classification import Classification


def images(n: int = 16, height: int = 24, width: int = 32) -> Tensor:
    """Smooth random images: a warp's interpolation changes them little."""
    coarse = torch.rand(n, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def apply(names: set[str], image: Tensor, seed: int = 0) -> Tensor:
    return augment({"image": image}, frozenset(names), torch.Generator().manual_seed(seed))["image"]


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@pytest.mark.parametrize("n_images", [1, 16])
def test_each_transform_keeps_shape_range_and_its_input(name: str, n_images: int) -> None:
    image = images(n_images)
    before = image.clone()
    after = apply({name}, image)
    assert after.shape == image.shape
    assert after.dtype == torch.float32
    assert after.min() >= 0
    assert after.max() <= 1
    assert torch.equal(image, before)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_each_transform_does_something_and_not_the_same_to_every_image(name: str) -> None:
    same = images(1).expand(16, -1, -1, -1)
    after = apply({name}, same)
    assert not torch.allclose(after, same, atol=1e-3)
    assert not torch.allclose(after[:1].expand_as(after), after, atol=1e-3)


def test_the_generator_is_the_only_source_of_randomness() -> None:
    state = torch.get_rng_state()
    first, again, other = (apply(set(TRANSFORMS), images(), seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_legal_changes_nothing_and_labels_pass_through() -> None:
    batch = {"image": images(), "class_id": torch.arange(16)}
    plain = augment(batch, frozenset(), torch.Generator())
    strong = augment(batch, Classification.augmentations, torch.Generator())
    assert torch.equal(plain["image"], batch["image"])
    assert torch.equal(strong["class_id"], batch["class_id"])


def test_an_unknown_transform_is_refused_with_the_vocabulary() -> None:
    with pytest.raises(PluginError, match="'mixup' does not exist; a task may list: blur, colour"):
        apply({"mixup"}, images())


def test_a_warp_refuses_labels_that_it_would_leave_behind() -> None:
    for transform, column in (("shift", "free_distance_m"), ("flip", "quaternion"), ("rotate", "boxes")):
        batch = {"image": images(), column: torch.zeros(16, 4)}
        with pytest.raises(PluginError, match=f"'{transform}' moves pixels but not the column '{column}'"):
            augment(batch, frozenset({transform}), torch.Generator())
        augment(batch, PHOTOMETRIC, torch.Generator())


def test_digits_are_never_flipped_nor_turned() -> None:
    assert Classification.augmentations == TRANSFORMS - {"flip", "rotate"}


def test_flips_are_exact_and_of_half_the_images() -> None:
    image = images(64)
    after = apply({"flip"}, image)
    flipped = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(after, image, strict=True)]
    kept = [torch.allclose(a, b, atol=1e-5) for a, b in zip(after, image, strict=True)]
    assert all(f != k for f, k in zip(flipped, kept, strict=True))
    assert 20 <= sum(flipped) <= 44


def test_warp_by_a_whole_pixel_and_by_a_quarter_turn() -> None:
    image = images(1, 16, 16)
    one_pixel = torch.tensor([[[1.0, 0, 2 / 16], [0, 1, 0]]])
    assert torch.allclose(warp(image, one_pixel)[..., :-1], image[..., 1:], atol=1e-5)
    quarter = torch.tensor([[[0.0, 1, 0], [-1, 0, 0]]])
    assert torch.allclose(warp(image, quarter), image.rot90(-1, (2, 3)), atol=1e-5)


def test_sampled_maps_are_similarities_of_pixels_within_the_stated_ranges() -> None:
    width, height = 40, 20
    affine = sample_affine(500, width, height, GEOMETRIC, torch.Generator().manual_seed(0))
    to_pixels = torch.tensor([width / 2, height / 2])
    linear = to_pixels[:, None] * affine[:, :, :2] / to_pixels
    gram = linear.mT @ linear
    scale = gram[:, 0, 0].rsqrt()
    assert torch.allclose(gram, torch.eye(2) * scale[:, None, None] ** -2, atol=1e-5)
    assert 0.8 <= scale.min() < 0.82
    assert 1.22 < scale.max() <= 1.25
    angle = torch.atan2(linear[:, 0, 1], linear[:, 1, 1]).abs().max()
    assert math.radians(14) < angle <= math.radians(15)
    assert 0.24 < affine[:, :, 2].abs().max() <= 0.25  # of −1..1: an eighth of the side
    assert (torch.linalg.det(linear) < 0).float().mean() == pytest.approx(0.5, abs=0.1)


def test_colour_jitter_is_what_its_parts_are_one_after_the_other() -> None:
    """Where nothing is clipped, the one matrix equals brightness, hue, saturation and contrast applied in turn."""
    grey = torch.tensor([0.299, 0.587, 0.114])
    image = 0.4 + 0.2 * images(200)
    after = apply({"colour"}, image)
    # A grey picture has no hue or saturation: brightness and contrast move it along the grey axis alone.
    flat = torch.full((200, 3, 8, 8), 0.4)
    still_grey = apply({"colour"}, flat)
    assert torch.allclose(still_grey, still_grey.mean(1, keepdim=True), atol=1e-5)
    brightness = still_grey[:, 0, 0, 0] / 0.4  # contrast turns about the mean, which is all there is
    assert 0.6 <= brightness.min() < 0.65
    assert 1.35 < brightness.max() <= 1.4
    # Same generator, same parameters: mean luma moves by brightness alone, but for the little that hue changes it.
    luma = torch.einsum("bchw,c->b", after, grey) / torch.einsum("bchw,c->b", image, grey)
    assert torch.allclose(luma, brightness, rtol=0.1)
    without_colour = ((after.amax(1) - after.amin(1)).amax((1, 2)) < 1e-5).float().mean()
    assert without_colour == pytest.approx(0.2, abs=0.08)


def test_blur_keeps_flat_images_and_the_mean_of_others_and_removes_detail() -> None:
    flat = torch.full((8, 3, 24, 32), 0.3)
    assert torch.allclose(apply({"blur"}, flat), flat, atol=1e-6)
    noise = torch.rand(64, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    after = apply({"blur"}, noise)
    changed = (after != noise).flatten(1).any(1)
    assert 20 <= changed.sum() <= 44
    assert torch.allclose(after.mean((2, 3)), noise.mean((2, 3)), atol=0.02)
    assert (after.std((1, 2, 3)) <= noise.std((1, 2, 3)) + 1e-6).all()


def test_occlusion_is_one_rectangle_of_one_colour() -> None:
    image = images(64, 32, 32)
    after = apply({"occlusion"}, image)
    covered = (after != image).any(1)
    hit = covered.flatten(1).any(1)
    assert 20 <= hit.sum() <= 44
    for picture, mask in zip(after[hit], covered[hit], strict=True):
        assert len(picture[:, mask].unique(dim=1)[0]) == 1
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns)
        assert mask.float().mean() < 0.25


def test_noise_has_the_stated_strength() -> None:
    grey = torch.full((200, 3, 16, 16), 0.5)
    sigma = (apply({"noise"}, grey) - grey).std((1, 2, 3))
    assert (sigma == 0).float().mean() == pytest.approx(0.5, abs=0.12)
    assert 0.09 < sigma.max() < 0.11


def test_noise_of_a_pool_is_normal_and_independent_between_images_and_pixels() -> None:
    generator = torch.Generator().manual_seed(3)
    pool = NoisePool(3 * 32 * 32, generator)
    noise = torch.cat([pool.draw(16, generator) for _ in range(4)])
    n_images, n_values = noise.shape
    assert noise.mean() == pytest.approx(0, abs=4 * noise.numel() ** -0.5)
    assert noise.std() == pytest.approx(1, abs=4 * (2 * noise.numel()) ** -0.5)
    assert (noise**4).mean() == pytest.approx(3, abs=4 * (96 / noise.numel()) ** 0.5)
    between_images = (noise @ noise.T / n_values)[~torch.eye(n_images, dtype=torch.bool)]
    assert between_images.abs().max() < 6 * n_values**-0.5
    for apart in (1, 2, 32, 1024):
        assert (noise[:, apart:] * noise[:, :-apart]).mean() == pytest.approx(0, abs=5 * noise.numel() ** -0.5)


def test_noise_of_a_pool_comes_from_the_generator_and_is_the_callers_to_change() -> None:
    def images_with_noise(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        pool, grey = NoisePool(3 * 8 * 8, generator), {"image": torch.full((200, 3, 8, 8), 0.5)}
        return torch.stack([augment(grey, frozenset({"noise"}), generator, pool)["image"] for _ in range(2)])

    first, again, other = (images_with_noise(seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    sigma = (first - 0.5).flatten(2).std(2)
    assert (sigma == 0).float().mean() == pytest.approx(0.5, abs=0.1)
    assert 0.09 < sigma.max() < 0.13
    generator = torch.Generator().manual_seed(0)
    pool = NoisePool(4, generator)
    pool.draw(1000, generator).zero_()
    assert (pool.draw(1000, generator) != 0).all()


def test_the_sampling_grid_is_torchs() -> None:
    affine = sample_affine(16, 40, 24, GEOMETRIC, torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.affine_grid(affine, [16, 3, 24, 40], align_corners=False)
    assert torch.allclose(sampling_grid(affine, 40, 24), theirs, atol=1e-6)


def test_a_flip_alone_is_exact_and_takes_the_maps_with_it() -> None:
    batch = {"image": images(64), "mask": torch.randint(0, 9, (64, 24, 32), dtype=torch.uint8)}
    moved = augment(batch, frozenset({"flip"}), torch.Generator().manual_seed(0))
    flipped = 0
    for before, after, mask_before, mask_after in zip(
        batch["image"], moved["image"], batch["mask"], moved["mask"], strict=True
    ):
        mirrored = torch.equal(after, before.flip(-1))
        flipped += mirrored
        assert mirrored or torch.equal(after, before)
        assert torch.equal(mask_after, mask_before.flip(-1) if mirrored else mask_before)
    assert 20 <= flipped <= 44


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_a_batch_in_channels_last_memory_gives_the_same(name: str) -> None:
    image = images()
    channels_last = image.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(apply({name}, image), apply({name}, channels_last), atol=1e-6)


# ------------------------------------------------------------------------------------ labels follow the image


def pixels_of(boxes: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """``(B, H, W)`` uint8 masks: 1 inside an image's first box."""
    mask = torch.zeros(len(boxes), *shape, dtype=torch.uint8)
    for image, (left, top, right, bottom) in zip(mask, boxes[:, 0].round().int().tolist(), strict=True):
        image[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize("transform", sorted({"zoom", "shift", "flip"}))
def test_masks_depths_and_boxes_go_where_the_image_goes(transform: str) -> None:
    boxes = torch.tensor([[[12.0, 8, 24, 20], [0, 0, 0, 0]]]).repeat(16, 1, 1)
    mask = pixels_of(boxes, (24, 32))
    batch = {
        "image": mask[:, None].float().repeat(1, 3, 1, 1),
        "mask": mask,
        "foreground": mask == 1,
        "depth_m": mask.float() * 2.5,
        "boxes": boxes,
        "box_class": torch.tensor([[3, -1]]).repeat(16, 1),
    }
    moved = augment(batch, frozenset({transform}), torch.Generator().manual_seed(4))
    inside = moved["mask"] != 255
    assert torch.equal(moved["foreground"], moved["mask"] == 1)
    assert torch.equal(moved["depth_m"][inside], moved["mask"][inside] * 2.5)
    assert set(moved["depth_m"].unique().tolist()) == {0.0, 2.5}
    assert ((moved["image"][:, 0] > 0.5) == (moved["mask"] == 1))[inside].float().mean() > 0.98
    assert moved["box_class"].tolist() == batch["box_class"].tolist()
    difference = pixels_of(moved["boxes"], (24, 32)) != (moved["mask"] == 1)
    assert difference[inside].float().mean() < 0.06
    assert not torch.equal(moved["boxes"], boxes)
    assert torch.equal(moved["boxes"][:, 1], boxes[:, 1])


@pytest.mark.parametrize("transform", sorted({"zoom", "shift", "flip"}))
def test_labels_move_as_torchvisions_do(transform: str) -> None:
    """torchvision's v2 functional transforms of tv_tensors are the independent implementation."""
    affine = sample_affine(12, 32, 24, frozenset({transform}), torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(2)
    masks = torch.randint(0, 5, (12, 24, 32), generator=rng, dtype=torch.uint8)
    boxes = torch.tensor([8.0, 6, 20, 18]).repeat(12, 1, 1)
    ours, ours_boxes = warp_map(masks, affine, 255), warp_boxes(boxes, torch.zeros(12, 1).long(), affine, 32, 24)
    for i, matrix in enumerate(affine):
        scale = 1 / matrix[1, 1].item()
        shift = [-(matrix[0, 2] * 16 * scale).item(), -(matrix[1, 2] * 12 * scale).item()]
        image = tv_tensors.Mask(masks[i])
        box = tv_tensors.BoundingBoxes(boxes[i], format="XYXY", canvas_size=(24, 32))
        if matrix[0, 0] < 0:
            image, box = v2.functional.horizontal_flip(image), v2.functional.horizontal_flip(box)
        affine_of = {"angle": 0.0, "translate": shift, "scale": scale, "shear": [0.0, 0.0]}
        box = v2.functional.clamp_bounding_boxes(v2.functional.affine(box, **affine_of))
        assert ours_boxes["boxes"][i] == pytest.approx(box, abs=0.51)
        if transform != "shift":  # torchvision rounds translations to whole pixels
            theirs = v2.functional.affine(image, **affine_of, fill=255)
            assert (ours[i] == theirs).float().mean() > 0.97


def test_a_box_that_is_nearly_gone_is_emptied() -> None:
    boxes = torch.tensor([[[0.0, 0, 4, 4], [20, 10, 30, 20]]])
    affine = torch.tensor([[[1.0, 0, 3.2 / 16], [0, 1, 0]]])  # 3.2 pixels to the left: a fifth of the first remains
    moved = warp_boxes(boxes, torch.tensor([[1, 2]]), affine, 32, 24)
    assert moved["box_class"].tolist() == [[-1, 2]]
    assert moved["boxes"][0, 0].tolist() == [0, 0, 0, 0]
    assert moved["boxes"][0, 1] == pytest.approx(torch.tensor([16.8, 10, 26.8, 20]), abs=1e-4)
