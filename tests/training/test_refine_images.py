import numpy as np
import pytest
import torch

from bench.api import PluginError, Reads, Refiner
from bench.api.imageset import ImageSet
from bench.testing import toy_images
from bench.training.refine_images import generators_for, make_batch, refine_images, to_float, to_uint8, validate_refined


class Noise(Refiner):
    """Adds its generator's noise; reads the foreground; two views."""

    name, version, views = "noise", 1, 2
    reads = Reads(required=frozenset({"foreground"}), optional=frozenset({"mask"}))

    def fit(self, source, target, budget, context): ...

    def refine(self, batch, generators):
        noise = torch.stack([torch.rand(batch.inputs["image"].shape[1:], generator=g) for g in generators])
        return {**batch.inputs, "image": (batch.inputs["image"] + noise).clamp(0, 1)}


def run(
    refiner: Refiner, images: ImageSet, split: str = "source_train", seed: int = 0, batch_size: int = 4
) -> np.ndarray:
    return np.concatenate(list(refine_images(refiner, images, split, seed, batch_size, lambda done, total: None)))


@pytest.fixture
def images() -> ImageSet:
    return toy_images(7, 10, 6, seed=0)


def draws(*arguments) -> list[float]:
    return [torch.rand((), generator=generator).item() for generator in generators_for(*arguments)]


def test_generators_depend_on_what_the_image_is_and_not_on_its_neighbours():
    together = draws(5, "source_train", np.arange(100), 0)
    assert len(set(together)) == 100
    assert draws(5, "source_train", [42], 0) == together[42:43]


@pytest.mark.parametrize("other", [(6, "source_train", [3], 0), (5, "source_val", [3], 0), (5, "source_train", [3], 1)])
def test_generators_differ_by_seed_split_and_view(other):
    assert draws(5, "source_train", [3], 0) != draws(*other)


def test_generators_are_the_same_on_every_machine():
    """A change here changes every refined set that draws: raise the refiners' versions with it."""
    (generator,) = generators_for(0, "source_train", [0], 0)
    assert generator.initial_seed() == 2736482476831320318


def test_every_level_survives_the_way_there_and_back():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    assert to_float(levels).min() == 0
    assert to_float(levels).max() == 1
    np.testing.assert_array_equal(to_uint8(to_float(levels)), levels)


def test_stored_levels_are_the_nearest():
    values = torch.tensor([0.4, 0.6, 100.4, 100.6, 254.6]).expand(1, 3, 1, 5) / 255
    assert to_uint8(values)[0, 0, :, 0].tolist() == [0, 1, 100, 101, 255]


def test_a_batch_holds_the_inputs_and_the_labels_that_are_read(images):
    batch = make_batch(images, "source_val", np.array([4, 1]), frozenset({"foreground"}))
    assert batch.inputs.keys() == {"image", "sensor_depth_m"}
    assert batch.labels.keys() == {"foreground"}
    assert batch.inputs["image"].shape == (2, 3, 6, 10)
    want = images.columns["image"].take(np.array([4]))[0].transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(batch.inputs["image"][0], want)
    assert batch.labels["foreground"].dtype == torch.bool
    assert (batch.split, batch.rows.tolist()) == ("source_val", [4, 1])


def test_views_follow_one_another_each_with_all_rows_in_order(images):
    refined = run(Noise(), images)
    assert refined.shape == (14, 6, 10, 3)
    assert refined.dtype == np.uint8
    np.testing.assert_array_equal(refined[7:], run_view(images, view=1))
    np.testing.assert_array_equal(refined[:7], run_view(images, view=0))


def run_view(images: ImageSet, view: int) -> np.ndarray:
    rows = np.arange(images.n_images)
    batch = make_batch(images, "source_train", rows, frozenset())
    return to_uint8(Noise().refine(batch, generators_for(0, "source_train", rows, view))["image"])


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batch_size_leaves_no_trace(images, batch_size):
    np.testing.assert_array_equal(run(Noise(), images, batch_size=batch_size), run(Noise(), images))


def test_splits_and_seeds_are_refined_differently(images):
    first = run(Noise(), images)
    assert not np.array_equal(first, run(Noise(), images, split="source_val"))
    assert not np.array_equal(first, run(Noise(), images, seed=1))


def test_progress_counts_images_of_all_views(images):
    seen = []
    list(refine_images(Noise(), images, "source_train", 0, 4, lambda done, total: seen.append((done, total))))
    assert seen == [(4, 14), (7, 14), (11, 14), (14, 14)]


def test_a_bad_output_names_refiner_split_and_rows(images):
    class Bright(Noise):
        name = "bright"

        def refine(self, batch, generators):
            return {**batch.inputs, "image": batch.inputs["image"] + (4 in batch.rows)}

    blocks = refine_images(Bright(), images, "source_val", 0, 3, lambda done, total: None)
    assert len(next(blocks)) == 3
    with pytest.raises(PluginError, match=r"refiner 'bright', source_val rows 3 to 5: 'image' has values in \[1\."):
        next(blocks)


def test_refining_tracks_no_gradients(images):
    class Learned(Noise):
        def refine(self, batch, generators):
            weight = torch.ones(1, requires_grad=True)
            image = batch.inputs["image"] * weight
            assert not image.requires_grad
            with torch.enable_grad():
                assert (batch.inputs["image"] * weight).requires_grad
            return {**batch.inputs, "image": image}

    assert torch.is_grad_enabled()
    blocks = refine_images(Learned(), images, "source_train", 0, 4, lambda done, total: None)
    next(blocks)
    assert torch.is_grad_enabled()


INPUTS = {"image": torch.full((2, 3, 4, 5), 0.5), "sensor_depth_m": torch.full((2, 4, 5), 7.0)}


def with_value(name: str, value: float) -> dict[str, torch.Tensor]:
    changed = {key: tensor.clone() for key, tensor in INPUTS.items()}
    changed[name].view(-1)[3] = value
    return changed


def test_unchanged_inputs_are_valid():
    validate_refined(INPUTS, dict(INPUTS))
    validate_refined(INPUTS, with_value("image", 1.0))
    validate_refined(INPUTS, with_value("sensor_depth_m", 90.0))


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (INPUTS["image"], r"returned Tensor; expected a dict"),
        ({"image": INPUTS["image"]}, r"keys \['image'\]; expected .*'sensor_depth_m'"),
        ({**INPUTS, "mask": INPUTS["image"]}, r"keys \['image', 'mask', 'sensor_depth_m'\]"),
        ({**INPUTS, "image": INPUTS["image"].numpy()}, r"'image' is ndarray; expected a torch tensor"),
        ({**INPUTS, "image": INPUTS["image"][..., :4]}, r"shape \(2, 3, 4, 4\); expected \(2, 3, 4, 5\)"),
        ({**INPUTS, "image": INPUTS["image"][:1]}, r"shape \(1, 3, 4, 5\)"),
        ({**INPUTS, "image": INPUTS["image"].double()}, r"torch.float64; expected torch.float32"),
        ({**INPUTS, "image": INPUTS["image"].to(torch.uint8)}, r"torch.uint8; expected torch.float32"),
        (with_value("image", float("nan")), r"'image' has 1 values that are NaN or infinite, of 120"),
        (with_value("image", float("inf")), r"NaN or infinite"),
        (with_value("sensor_depth_m", float("-inf")), r"'sensor_depth_m' has 1 values"),
        (with_value("image", 1.001), r"values in \[0.5, 1.001\]; expected \[0, 1\]"),
        (with_value("image", -0.2), r"values in \[-0.2, 0.5\]"),
    ],
)
def test_a_broken_output_is_refused_in_one_line(outputs, reason):
    with pytest.raises(PluginError, match=reason) as caught:
        validate_refined(INPUTS, outputs)
    assert "\n" not in str(caught.value)
