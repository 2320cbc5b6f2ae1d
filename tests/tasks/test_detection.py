import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.api import LabelSpace, ModelParams, UserError
from bench.api.imageset import ImageSet
from bench.data.fitting import fit_boxes
from bench.training.prediction import predict, reestimate_batch_norm
from tasks.detection import Detection
from tasks.models.detector import Detector

TASK = Detection()
SPACE = LabelSpace(class_names=tuple("abc"), width=64, height=64)


class Stub(Detector):
    """Finds what it is told to; its loss keeps the targets."""

    def __init__(self, found: list[dict[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.n_classes = 3
        self.found = found or []
        self.targets: list[dict[str, Tensor]] = []

    def training_loss(self, image: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        self.targets = targets
        return image.sum()

    def detect(self, image: Tensor) -> list[dict[str, Tensor]]:
        return self.found


def found(boxes: list[list[float]], scores: list[float], labels: list[int]) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "scores": torch.tensor(scores),
        "labels": torch.tensor(labels, dtype=torch.int64),
    }


def inputs(*native_sizes: tuple[int, int]) -> dict[str, Tensor]:
    return {"image": torch.rand(len(native_sizes), 3, 64, 64), "native_size": torch.tensor(native_sizes)}


def build(model: str, seed: int = 0) -> torch.nn.Module:
    return TASK.build(model, ModelParams(), SPACE, torch.Generator().manual_seed(seed))


def test_planning_needs_no_torch() -> None:
    code = (
        "import sys; from tasks.detection import Detection as D; D().model('ssd300'); D().models;"
        "sys.exit(bool({'torch', 'ultralytics', 'faster_coco_eval'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("typo", "meant"), [("ssd_lite", "ssd_light|ssdlite"), ("yolo3", "yolov3"), ("pva", "pvanet")])
def test_an_unknown_model_gets_the_nearest_name(typo: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"no model {typo!r}.*; did you mean '({meant})'.*Available: pvanet, ssd300"):
        TASK.model(typo)


def test_yolo_without_ultralytics_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs ultralytics \(AGPL-3.0\).*pip install 'realgain\[yolo\]'"):
        TASK.model("yolo11n")
    assert TASK.model("ssd300").name == "ssd300"


@pytest.mark.parametrize("model", ["ssd_light", "ssdlite"])
def test_weights_are_drawn_from_the_generator_alone(model: str) -> None:
    state = torch.get_rng_state()
    first = build(model, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    again, other = build(model, seed=1).state_dict(), build(model, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_empty_slots_are_no_targets() -> None:
    network = Stub()
    boxes = torch.arange(16, dtype=torch.float32).view(2, 2, 4)
    labels = {"boxes": boxes, "box_class": torch.tensor([[2, -1], [-1, -1]])}
    TASK.loss(network, {"image": torch.rand(2, 3, 8, 8)}, labels)
    assert torch.equal(network.targets[0]["boxes"], boxes[0, :1])
    assert [target["labels"].tolist() for target in network.targets] == [[2], []]


def test_predictions_are_boxes_of_the_native_image() -> None:
    """200×100 letterboxed into 64×64 is scaled by 0.32 to 64×32, below a bar of 16 pixels."""
    network = Stub(
        [found([[32, 16, 48, 32], [0, 0, 16, 20], [5, 2, 30, 15]], [0.9, 0.8, 0.7], [2, 1, 0]), found([], [], [])]
    )
    predictions = TASK.predict(network, inputs((200, 100), (64, 64)))
    assert predictions["box"][0, 0] == pytest.approx([100, 0, 150, 50])
    # The second reaches into the bar and is clipped; the third lies in the bar alone and is gone.
    assert predictions["box"][0, 1] == pytest.approx([0, 0, 50, 12.5])
    assert predictions["class_id"][:, :3].tolist() == [[2, 1, -1], [-1, -1, -1]]
    assert predictions["score"][0, :3] == pytest.approx([0.9, 0.8, 0])
    assert {name: (array.shape, array.dtype) for name, array in predictions.items()} == {
        "box": ((2, 100, 4), np.float32),
        "score": ((2, 100), np.float32),
        "class_id": ((2, 100), np.int16),
    }


def test_true_boxes_come_through_the_letterbox_and_score_one() -> None:
    rng = np.random.default_rng(0)
    native_sizes = [(200, 100), (75, 150), (64, 64)]
    boxes = np.zeros((3, 2, 4), np.float32)
    for row, size in enumerate(native_sizes):
        corners = np.sort(rng.uniform(0, 1, (2, 2, 2)), axis=1) * size
        boxes[row] = corners.reshape(2, 4)
    box_class = np.array([[0, 1], [2, -1], [1, 1]])
    network = Stub(
        [
            found(
                fit_boxes(b, size, (64, 64), "letterbox")[c >= 0].tolist(),
                [0.9, 0.8][: sum(c >= 0)],
                c[c >= 0].tolist(),
            )
            for b, c, size in zip(boxes, box_class, native_sizes, strict=True)
        ]
    )
    statistics = TASK.statistics(
        TASK.predict(network, inputs(*native_sizes)), {"boxes": boxes, "box_class": box_class}, SPACE
    )
    assert TASK.score(statistics, SPACE) == {"ap": 1, "ap50": 1, "recall": 1}
    assert list(TASK.score(statistics, SPACE)) == [metric.name for metric in TASK.metrics]
    assert TASK.contributions(statistics, SPACE) == pytest.approx([1, 1, 1])


def test_contributions_average_to_the_primary_metric() -> None:
    """Three images with a box each: found, found too late, and missed."""
    truth = {"boxes": np.tile(np.float32([0, 0, 32, 32]), (3, 1, 1)), "box_class": np.array([[0], [1], [1]])}
    hit, miss = [0.0, 0, 32, 32], [40.0, 40, 60, 60]
    network = Stub([found([hit], [0.9], [0]), found([miss, hit], [0.9, 0.2], [1, 1]), found([], [], [])])
    statistics = TASK.statistics(TASK.predict(network, inputs(*[(64, 64)] * 3)), truth, SPACE)
    scores, contributions = TASK.score(statistics, SPACE), TASK.contributions(statistics, SPACE)
    # Class 1: right at rank 2 of two, one box of two found: precision ½ at 51 of 101 levels of recall.
    assert scores["ap"] == pytest.approx((1 + 0.5 * 51 / 101) / 2)
    assert contributions.dtype == np.float64
    assert contributions.mean() == pytest.approx(scores["ap"])


def test_predictions_do_not_depend_on_the_batch_and_leave_the_mode_alone() -> None:
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays(
        image=rng.integers(0, 256, (5, 64, 64, 3), dtype=np.uint8), native_size=np.full((5, 2), 64)
    )
    network = build("ssd_light").train()
    network.body.backbone.stages[0].eval()
    together = predict(TASK, network, images, batch_size=5, device="cpu")
    alone = predict(TASK, network, images, batch_size=2, device="cpu")
    assert (together["class_id"] >= 0).any()
    for name in together:
        np.testing.assert_allclose(together[name], alone[name], atol=1e-3)
    assert (together["score"] >= 0).all()
    assert (np.diff(together["score"]) <= 0).all()
    assert network.training
    assert not network.body.backbone.stages[0].training


def test_batch_norm_adapts_to_unlabelled_images() -> None:
    """The arm ``adabn`` sees images alone."""
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays(image=rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8))
    network = build("ssd_light")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    reestimate_batch_norm(network, images.unlabelled(), batch_size=4, device="cpu")
    changed = {name.rpartition(".")[2] for name, value in network.state_dict().items() if not value.equal(before[name])}
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize("model", ["ssd_light", "yolo11n"])
def test_a_frozen_detector_s_loss_reaches_the_image_and_changes_nothing_in_it(model: str) -> None:
    network = build(model).eval().requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    image = torch.rand(2, 3, 64, 64, requires_grad=True)
    labels = {"boxes": torch.tensor([[[4.0, 4, 30, 30]], [[0, 0, 0, 0]]]), "box_class": torch.tensor([[1], [-1]])}
    TASK.loss(network, {"image": image}, labels).backward()
    assert image.grad.abs().sum() > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module.training for module in network.modules())
    assert len(network({"image": image.detach()})) == 2
