import copy
import importlib.util

import numpy as np
import pytest
import torch

from bench.api import ADAMW, LabelSpace, UserError
from bench.api.imageset import ImageSet
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from tasks.detection import Detection
from tasks.models.initial_weights import drawn_from
from tasks.models.yolo import Yolo, _suppress, yolo

# Not importorskip: importing it here would change the whole process, and that is what is tested.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="needs the extra yolo")

TASK = Detection()
COLOURS = np.array([[230, 25, 25], [25, 230, 25], [25, 25, 230]], np.uint8)


def small(name: str = "yolov3-tiny", seed: int = 0, n_classes: int = 3) -> Yolo:
    with drawn_from(torch.Generator().manual_seed(seed)):
        return Yolo(name, n_classes, width=0.125 if name == "yolov3" else 0.25, depth=0.34)


def blocks(n_images: int, width: int, height: int) -> ImageSet:
    """Two coloured blocks on grey noise, left and right; the colour is the class."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 12, (n_images, height, width, 3)).clip(0, 255).astype(np.uint8)
    boxes = np.zeros((n_images, 2, 4), np.float32)
    box_class = rng.integers(0, 3, (n_images, 2))
    for row in range(n_images):
        for slot in range(2):
            w, h = rng.integers(width // 4, width // 2), rng.integers(height // 4, height // 2)
            left = slot * width // 2 + rng.integers(0, width // 2 - w + 1)
            top = rng.integers(0, height - h + 1)
            image[row, top : top + h, left : left + w] = COLOURS[box_class[row, slot]]
            boxes[row, slot] = left, top, left + w, top + h
    sizes = np.tile(np.array([width, height]), (n_images, 1))
    return ImageSet.from_arrays(image=image, boxes=boxes, box_class=box_class, native_size=sizes)


def batch(n_images: int, width: int = 64, height: int = 64) -> tuple[torch.Tensor, list[dict[str, torch.Tensor]]]:
    columns = blocks(n_images, width, height).take(np.arange(n_images))
    image = torch.from_numpy(columns["image"]).permute(0, 3, 1, 2) / 255
    boxes, labels = torch.from_numpy(columns["boxes"]), torch.from_numpy(columns["box_class"])
    return image, [{"boxes": boxes[i], "labels": labels[i]} for i in range(n_images)]


def fit(network: Yolo, images: ImageSet, steps: int) -> dict[str, float]:
    """Scores on the very images that ``network`` is trained on."""
    train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), steps),),
        recipe="plain",
        optimiser=ADAMW,
        batch_size=images.n_images,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    width, height = images.image_size
    space = LabelSpace(class_names=tuple("rgb"), width=width, height=height)
    predictions = predict(TASK, network, images, batch_size=5, device="cpu")
    return TASK.score(TASK.statistics(predictions, images.take(np.arange(images.n_images)), space), space)


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [
        ("yolov3-tiny", 12_173_248),
        ("yolo11n", 2_624_080),  # as its architecture file says
        # 61.9 million in the paper: another head.
        pytest.param("yolov3", 103_754_144, marks=pytest.mark.slow),
    ],
)
def test_full_size_parameters_gradients_and_round_trip(name: str, n_parameters: int) -> None:
    network = yolo(name, 80)
    assert sum(parameter.numel() for parameter in network.parameters()) == n_parameters
    loss = network.training_loss(*batch(2))
    assert loss.shape == ()
    loss.backward()
    for parameter_name, parameter in network.named_parameters():
        # The bins of the box distribution are constants.
        assert (parameter.grad is None) is ("dfl" in parameter_name), parameter_name
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), parameter_name
    other = yolo(name, 80)
    other.load_state_dict(network.state_dict())
    image = batch(1)[0]
    with torch.inference_mode():
        ours, theirs = network.eval().body(image)[0], other.eval().body(image)[0]
    assert torch.equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps", "size"),
    [
        ("yolov3-tiny", 300, (120, 100)),  # its finest cells are 16 pixels wide: it needs larger blocks
        ("yolo11n", 200, (80, 60)),
        ("yolov3", 200, (80, 60)),
    ],
)
def test_models_learn_eight_images_by_heart(name: str, steps: int, size: tuple[int, int]) -> None:
    """Sizes that are no multiples of 32, so that padding, decoding and suppression have to be right too."""
    network = small(name)
    scores = fit(network, blocks(8, *size), steps)
    assert scores["ap50"] > 0.95
    assert scores["ap"] > 0.5
    assert network.training


def test_weights_are_drawn_from_the_global_generator() -> None:
    first, again, other = (small(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_loss_does_not_grow_with_the_batch() -> None:
    """A fresh network expects boxes of 240 pixels: such boxes make the scores it is divided by add up to 1 or more."""
    image = torch.rand(2, 3, 256, 256)
    targets = [{"boxes": torch.tensor([[4.0, 8, 244, 248]]), "labels": torch.tensor([i])} for i in range(2)]
    network = small()
    once = network.training_loss(image, targets)
    twice = network.training_loss(torch.cat([image, image]), targets + targets)
    torch.testing.assert_close(once, twice, rtol=1e-4, atol=0)


def test_images_without_boxes_give_a_finite_loss_and_gradient() -> None:
    image, targets = batch(2)
    empty = {"boxes": torch.empty(0, 4), "labels": torch.empty(0, dtype=torch.int64)}
    network = small()
    for of_images in ([targets[0], empty], [empty, targets[1]], [empty, empty]):
        network.zero_grad()
        loss = network.training_loss(image, of_images)
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_boxes_count_for_their_own_image_and_class() -> None:
    image, targets = batch(2)
    network = small().eval()
    network.train()
    right = network.training_loss(image, targets)
    swapped = network.training_loss(image, targets[::-1])
    other_class = network.training_loss(image, [t | {"labels": (t["labels"] + 1) % 3} for t in targets])
    assert len({right.item(), swapped.item(), other_class.item()}) == 3


@pytest.mark.parametrize(("width", "height"), [(64, 64), (70, 100), (16, 33)])
def test_any_working_size_is_padded_and_detections_stay_inside(width: int, height: int) -> None:
    network = small()
    image = torch.rand(2, 3, height, width)
    target = {"boxes": torch.tensor([[2.0, 2, width - 2, height - 2]]), "labels": torch.tensor([0])}
    assert torch.isfinite(network.training_loss(image, [target, target]))
    # Surer of everything than a fresh network is, so that there is something to look at.
    for branch in network.body.model[-1].cv3:
        branch[-1].bias.data.zero_()
    with torch.inference_mode():
        found = network.eval().detect(image)
    for detections in found:
        boxes, scores, labels = detections["boxes"], detections["scores"], detections["labels"]
        assert 0 < len(boxes) == len(scores) == len(labels) <= 100
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= torch.tensor([width, height])).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert scores.diff().max() <= 0 if len(scores) > 1 else True
        assert labels.dtype == torch.int64
        assert 0 <= labels.min() <= labels.max() < 3


def test_suppression_worked_out_by_hand() -> None:
    """At IoU 0.8 the surer stays, unless of another class; outside the image or below 0.01 nothing does."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 40, 30], [50, 0, 60, 10]])
    scores = torch.tensor([[0.6, 0.3], [0.7, 0.005], [0.0, 0.5], [0.9, 0.9]])
    found = _suppress(boxes, scores, (25, 45))
    assert found["boxes"].tolist() == [[0, 0, 10, 8], [20, 20, 40, 25], [0, 0, 10, 10]]
    assert found["scores"].tolist() == pytest.approx([0.7, 0.5, 0.3])
    assert found["labels"].tolist() == [0, 1, 1]


def test_bfloat16_changes_the_loss_little_and_detections_not_at_all() -> None:
    image, targets = batch(2)
    network = small()
    full = network.training_loss(image, targets)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network.training_loss(image, targets)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(full, mixed, rtol=0.02, atol=0)
    network.eval()
    for branch in network.body.model[-1].cv3:
        branch[-1].bias.data.zero_()
    with torch.inference_mode():
        expected = network.detect(image)
        with torch.autocast("cpu", torch.bfloat16):
            found = network.detect(image)
    assert all(torch.equal(a[name], b[name]) for a, b in zip(expected, found, strict=True) for name in a)


def test_looking_at_detections_in_between_does_not_change_training() -> None:
    image, targets = batch(2)
    watched, alone = small(), None
    alone = copy.deepcopy(watched)
    for network in (watched, alone):
        optimiser = torch.optim.AdamW(network.parameters())
        for _ in range(2):
            if network is watched:
                with torch.inference_mode():
                    network.eval().detect(image)
                network.train()
            optimiser.zero_grad()
            network.training_loss(image, targets).backward()
            optimiser.step()
    assert all(torch.equal(watched.state_dict()[name], alone.state_dict()[name]) for name in alone.state_dict())


def test_detections_do_not_depend_on_the_batch() -> None:
    image, _ = batch(3)
    network = small().eval()
    for branch in network.body.model[-1].cv3:
        branch[-1].bias.data.zero_()
    with torch.inference_mode():
        together = network.detect(image)
        alone = [network.detect(image[i : i + 1])[0] for i in range(3)]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a["scores"], b["scores"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(a["boxes"][:10], b["boxes"][:10], rtol=1e-3, atol=1e-2)


def test_weights_trained_on_other_classes_can_be_continued_from(tmp_path) -> None:
    trained = yolo("yolo11n", 3)
    torch.save(trained.body.state_dict(), tmp_path / "trained.pth")
    network = yolo("yolo11n", 5, str(tmp_path / "trained.pth"))
    assert torch.equal(network.body.model[0].conv.weight, trained.body.model[0].conv.weight)
    with pytest.raises(UserError, match="bundled"):
        yolo("yolo11n", 3, "bundled")
