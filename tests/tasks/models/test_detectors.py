"""The networks of ``detection``: SSD300, the light SSD, SSDLite and PVANET."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from bench.api import ADAMW, LabelSpace, ModelParams, Optimiser
from bench.api.imageset import ImageSet
from bench.data.fitting import fit_boxes, fit_image
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from bench.training.weights import bundled_classifier
from tasks.detection import Detection
from tasks.models.detector import Detector
from tasks.models.pvanet import CReLU, ProposalHead, Trunk, pvanet
from tasks.models.ssd import ssd300, ssd_light
from tasks.models.ssdlite import ssdlite

TASK = Detection()


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def target(*boxes: tuple[float, float, float, float]) -> dict[str, Tensor]:
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.zeros(len(boxes), dtype=torch.int64)}


def coloured_boxes(size: int) -> ImageSet:
    """Eight noisy images: seven with one or two rectangles whose colour is their class, one with none."""
    rng = np.random.default_rng(0)
    colours = np.array([[220, 40, 40], [40, 200, 40], [40, 60, 230]], np.uint8)
    image = rng.integers(90, 166, (8, size, size, 3), dtype=np.uint8)
    boxes, box_class = np.zeros((8, 2, 4), np.float32), np.full((8, 2), -1)
    for row in range(7):
        for slot in range(1 + row % 2):
            width, height = rng.integers(size // 4, size // 2 - 2, 2)
            left = slot * size // 2 + rng.integers(0, size // 2 - width + 1)
            top, class_id = rng.integers(0, size - height + 1), rng.integers(0, 3)
            image[row, top : top + height, left : left + width] = colours[class_id]
            boxes[row, slot] = left, top, left + width, top + height
            box_class[row, slot] = class_id
    return ImageSet.from_arrays(image=image, boxes=boxes, box_class=box_class, native_size=np.full((8, 2), size))


def fit(
    network: Detector, images: ImageSet, steps: int, optimiser: Optimiser, recipe: str = "plain", seed: int = 0
) -> None:
    train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), steps),),
        recipe=recipe,
        optimiser=optimiser,
        batch_size=8,
        seed=seed,
        device="cpu",
        progress=lambda *_: None,
    )


def scores(network: Detector, images: ImageSet, n_classes: int) -> dict[str, float]:
    width, height = images.image_size
    space = LabelSpace(class_names=tuple("abcdefgh"[:n_classes]), width=width, height=height)
    predictions = predict(TASK, network, images, batch_size=16, device="cpu")
    return TASK.score(TASK.statistics(predictions, images.take(np.arange(images.n_images)), space), space)


def check_full_size(network: Detector, width: int, height: int) -> None:
    """A finite step on an image with a box and one without, and on none; then detections that keep the contract."""
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    network.train()
    torch.manual_seed(0)
    loss = network.training_loss(image, [target((0.2 * width, 0.2 * height, 0.7 * width, 0.8 * height)), target()])
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert loss > 0
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    network.zero_grad(set_to_none=True)
    nothing = network.training_loss(image, [target(), target()])
    assert torch.isfinite(nothing)
    nothing.backward()
    network.eval()
    with torch.inference_mode():
        found = network.detect(image)
    assert len(found) == 2
    for of_image in found:
        boxes, ranking = of_image["boxes"], of_image["scores"]
        assert len(boxes) == len(ranking) == len(of_image["labels"]) <= 100
        assert (ranking.diff() <= 0).all()
        assert ((ranking >= 0.01) & (ranking <= 1)).all()
        assert ((of_image["labels"] >= 0) & (of_image["labels"] < network.n_classes)).all()
        assert ((boxes >= 0) & (boxes <= torch.tensor([width, height, width, height]))).all()


def check_state_round_trip(network: Detector, other: Detector) -> None:
    width = height = 96
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    other.load_state_dict(network.state_dict())
    network.eval()
    other.eval()
    with torch.inference_mode():
        (first,), (second,) = network.detect(image), other.detect(image)
    assert all(torch.equal(first[name], second[name]) for name in first)


# ---------------------------------------------------------------------------------------------------- SSD


@pytest.mark.slow
def test_ssd300_has_the_parameters_and_default_boxes_of_the_paper() -> None:
    network = ssd300(20)
    assert n_parameters(network) == 26_285_486
    maps = [torch.zeros(1, 1, side, side) for side in (38, 19, 10, 5, 3, 1)]
    images = network.body.transform(list(torch.zeros(1, 3, 128, 128)))[0]
    assert images.tensors.shape == (1, 3, 300, 300)
    (boxes,) = network.body.anchor_generator(images, maps)
    assert len(boxes) == 8732
    sides = (boxes[:, 2:] - boxes[:, :2]).round(decimals=3)
    # The square boxes of each map's first place: min size, and √(min · next).
    first = np.cumsum([0, 38 * 38 * 4, 19 * 19 * 6, 10 * 10 * 6, 5 * 5 * 6, 3 * 3 * 4])
    assert sides[first, 0].tolist() == pytest.approx([30, 60, 111, 162, 213, 264])
    assert sides[first + 1, 0].tolist() == pytest.approx(np.sqrt([1800, 6660, 17982, 34506, 56232, 83160]), abs=1e-2)
    assert sides[2].tolist() == pytest.approx([30 * 2**0.5, 30 / 2**0.5], abs=1e-2)


@pytest.mark.slow
def test_ssd300_takes_a_step_and_comes_back_from_its_state() -> None:
    torch.manual_seed(0)
    network = ssd300(20)
    check_full_size(network, 128, 96)
    check_state_round_trip(network, ssd300(20))


@pytest.mark.slow
def test_ssd300_starts_from_vgg16_and_then_expects_its_range(tmp_path: Path) -> None:
    from torchvision.models import vgg16

    vgg = vgg16(weights=None)
    torch.save({k: v for k, v in vgg.state_dict().items() if k.startswith("features")}, tmp_path / "vgg.pth")
    network = ssd300(3, str(tmp_path / "vgg.pth"))
    convolutions = [m for m in vgg.features if isinstance(m, nn.Conv2d)]
    own = [m for m in network.body.backbone.modules() if isinstance(m, nn.Conv2d)][: len(convolutions)]
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(convolutions, own, strict=True))
    black = network.body.transform([torch.zeros(3, 300, 300)])[0].tensors[0, :, 0, 0]
    assert black.tolist() == pytest.approx([-123, -117, -104], abs=0.1)


@pytest.mark.slow
def test_ssd300_takes_a_whole_ssd300_of_other_classes(tmp_path: Path) -> None:
    trained = ssd300(4)
    torch.save(trained.body.state_dict(), tmp_path / "ssd.pth")
    network = ssd300(2, str(tmp_path / "ssd.pth"))
    own, theirs = network.body.state_dict(), trained.body.state_dict()
    same = {name for name in own if own[name].shape == theirs[name].shape and own[name].equal(theirs[name])}
    assert own.keys() - same == {name for name in own if name.startswith("head.classification_head")}


def test_the_light_ssd_takes_a_step_at_any_size_and_comes_back_from_its_state(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ssd_light(20, 128, 96)
    trunk = 9 * (3 * 12 + 12 * 24 + 24 * 24 + 24 * 48 + 5 * 48 * 48) + 2 * (12 + 2 * 24 + 6 * 48)
    # Four default boxes at each place of four maps of 48 channels: 21 classes with background, 4 offsets.
    heads = 4 * (9 * 48 * 4 * 25 + 4 * 25)
    assert n_parameters(network) == trunk + heads
    check_full_size(network, 128, 96)
    check_full_size(ssd_light(3, 75, 64), 75, 64)
    check_state_round_trip(network, ssd_light(20, 128, 96))
    torch.save(network.body.state_dict(), tmp_path / "light.pth")
    loaded = ssd_light(2, 64, 64, pretrained=str(tmp_path / "light.pth"))
    assert torch.equal(loaded.body.backbone.stages[0][0][0].weight, network.body.backbone.stages[0][0][0].weight)


def test_an_image_without_boxes_adds_nothing_to_the_loss_of_ssd() -> None:
    torch.manual_seed(0)
    network = ssd_light(3, 64, 64).train()
    assert network.training_loss(torch.rand(2, 3, 64, 64), [target(), target()]) == 0


# ------------------------------------------------------------------------------------------------ SSDLite


def test_ssdlite_takes_a_step_and_comes_back_from_its_state() -> None:
    torch.manual_seed(0)
    network = ssdlite(20, 96, 96)
    assert n_parameters(network) == 3_643_396
    assert [len(network.body.head.classification_head.module_list), *network.body.backbone.out_channels] == [
        6,
        *(112, 320, 512, 256, 256, 128),
    ]
    check_full_size(network, 96, 96)
    check_state_round_trip(network, ssdlite(20, 96, 96))


def test_the_bundled_weights_are_in_ssdlites_encoder() -> None:
    encoder = ssdlite(3, 64, 64, "bundled").body.backbone.encoder.state_dict()
    bundled = bundled_classifier()
    assert len(encoder) == 288
    assert all(torch.equal(encoder[name], bundled[name]) for name in encoder)


# ------------------------------------------------------------------------------------------------- PVANET


def count_pvanet(n_classes: int) -> dict[str, int]:
    """Parameters from the layer table alone ; a norm has 2 a channel, C.ReLU's n → 2n has 4 n."""

    def norm(n: int) -> int:
        return 2 * n

    def bottleneck(n_in: int, thin: int, n_out: int, projected: bool, activated: bool = True) -> int:
        convolutions = n_in * thin + 9 * thin * thin + 2 * thin * n_out + projected * n_in * n_out
        return convolutions + activated * norm(n_in) + norm(thin) + 4 * thin

    def inception(n_in: int, branches: list[list[int]], n_out: int, pooled: int = 0) -> int:
        total = norm(n_in) + (sum(b[-1] for b in branches) + pooled) * n_out
        for branch in [*branches, [pooled]] if pooled else branches:
            total += n_in * branch[0] + sum(9 * a * b for a, b in pairwise(branch))
            total += sum(norm(n) for n in branch)
        return total + (n_in * n_out if pooled else 0)

    four, five = [[64], [64, 128], [24, 48, 48]], [[64], [96, 192], [32, 64, 64]]
    trunk = 49 * 3 * 16 + 4 * 16
    trunk += bottleneck(32, 24, 64, True, activated=False) + 2 * bottleneck(64, 24, 64, False)
    trunk += bottleneck(64, 48, 128, True) + 3 * bottleneck(128, 48, 128, False)
    trunk += inception(128, [[64], [48, 128], [24, 48, 48]], 256, pooled=128) + 3 * inception(256, four, 256)
    trunk += inception(256, five, 384, pooled=128) + 3 * inception(384, five, 384)
    trunk += 16 * 384 + norm(768) + 768 * 512 + 512
    rpn = 9 * 128 * 384 + 384 + 384 * 42 * 5 + 42 * 5
    head = 6 * 6 * 512 * 4096 + 4096 + 4096 * 4096 + 4096 + (4096 + 1) * (n_classes + 1) * 5
    return {"backbone": trunk, "rpn": rpn, "roi_heads": head}


@pytest.mark.slow
def test_pvanet_has_the_parameters_of_its_table_and_takes_a_step() -> None:
    torch.manual_seed(0)
    network = pvanet(20, 96, 64)
    expected = count_pvanet(20)
    assert {name: n_parameters(network.body.get_submodule(name)) for name in expected} == expected
    assert sum(expected.values()) == 96_537_403
    check_full_size(network, 96, 64)


def test_a_narrow_pvanet_takes_any_size_and_comes_back_from_its_state() -> None:
    torch.manual_seed(0)
    network = pvanet(3, 75, 50, scale=0.125)
    check_full_size(network, 75, 50)
    check_state_round_trip(network, pvanet(3, 75, 50, scale=0.125))


def test_crelu_mirrors_scales_and_shifts() -> None:
    crelu = CReLU(2).eval()
    crelu.norm.eps = 0
    with torch.no_grad():
        crelu.scale.copy_(torch.tensor([1.0, 2, 3, 4]).view(4, 1, 1))
        crelu.shift.copy_(torch.tensor([0.0, 0, 1, 0]).view(4, 1, 1))
    assert crelu(torch.tensor([5.0, -6]).view(1, 2, 1, 1)).flatten().tolist() == [5, 0, 0, 24]


def test_pvanets_maps_line_up_at_one_sixteenth_and_proposals_see_the_first_128_channels() -> None:
    torch.manual_seed(0)
    trunk = Trunk().eval()
    with torch.no_grad():
        joined = trunk(torch.rand(1, 3, 64, 96))
        head = ProposalHead(trunk.n_proposal_channels, 384, 42)
        (objectness,), (offsets,) = head([joined])
        changed = joined.clone()
        changed[:, 128:] = 0
        assert torch.equal(head([changed])[0][0], objectness)
        changed[:, :128] = 0
        assert not torch.equal(head([changed])[0][0], objectness)
    assert joined.shape == (1, 512, 4, 6)
    assert (objectness.shape[1], offsets.shape[1]) == (42, 168)


def test_pvanets_upsampling_starts_bilinear() -> None:
    ramp = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 384, 6, 6)
    up = Trunk().up(ramp)[0, 0]
    assert up.shape == (12, 12)
    assert up[5, 2:-2].tolist() == pytest.approx([0.75 + 0.5 * step for step in range(8)])


def test_equal_seeds_train_equal_pvanets() -> None:
    """Its sampling of anchors and regions is random."""
    images = coloured_boxes(64)
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        network = pvanet(3, 64, 64, scale=0.0625)
        torch.rand(len(states))
        fit(network, images, 2, ADAMW)
        states.append(network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


# ----------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize(
    ("model", "size", "steps", "rate"),
    [
        ("ssd_light", 64, 60, 3e-3),
        pytest.param("ssdlite", 64, 60, 1e-3, marks=pytest.mark.slow),
        pytest.param("pvanet", 96, 40, 2e-3, marks=pytest.mark.slow),
    ],
)
def test_detectors_learn_eight_images_by_heart(model: str, size: int, steps: int, rate: float) -> None:
    """SSD300 and PVANET at full width are too slow for a CPU; SSD300 has no narrow version: ssd_light is it."""
    torch.manual_seed(0)
    network = {
        "ssd_light": lambda: ssd_light(3, size, size),
        "ssdlite": lambda: ssdlite(3, size, size, "bundled"),
        "pvanet": lambda: pvanet(3, size, size, scale=0.25),
    }[model]()
    images = coloured_boxes(size)
    fit(network, images, steps, Optimiser(learning_rate=rate))
    assert scores(network, images, 3)["ap50"] > 0.95


@pytest.fixture(scope="module")
def cards() -> tuple[ImageSet, ImageSet]:
    """296 and 67 photographs of playing cards of six ranks, letterboxed to 128×128; test boxes too, for brevity."""
    root = Path(__file__).parents[4] / "shared" / "data" / "cards"
    if not root.is_dir():
        pytest.skip("the photographs of playing cards (shared/data/cards beside the repository) are not here")
    return _read_cards(root, "train"), _read_cards(root, "test")


def _read_cards(root: Path, split: str) -> ImageSet:
    size, ranks = (128, 128), ("nine", "ten", "jack", "queen", "king", "ace")
    files = {path.name.lower(): path for path in (root / split).iterdir()}
    listed: dict[str, list[dict[str, str]]] = {}
    with (root / f"{split}_labels.csv").open() as file:
        for record in csv.DictReader(file):
            listed.setdefault(record["filename"].lower(), []).append(record)
    image = np.empty((len(listed), 128, 128, 3), np.uint8)
    boxes, box_class = np.zeros((len(listed), 8, 4), np.float32), np.full((len(listed), 8), -1)
    for row, (name, records) in enumerate(sorted(listed.items())):
        with Image.open(files[name]) as photograph:
            pixels = np.asarray(photograph.convert("RGB"))
        image[row] = fit_image(pixels, size, "letterbox")
        for slot, record in enumerate(records):
            native = int(record["width"]), int(record["height"])
            corners = np.array([[float(record[side]) for side in ("xmin", "ymin", "xmax", "ymax")]])
            boxes[row, slot] = fit_boxes(corners, native, size, "letterbox")
            box_class[row, slot] = ranks.index(record["class"])
    native_size = np.full((len(listed), 2), 128)
    return ImageSet.from_arrays(image=image, boxes=boxes, box_class=box_class, native_size=native_size)


@pytest.mark.slow
def test_the_light_ssd_finds_real_cards_after_a_light_budget(cards: tuple[ImageSet, ImageSet]) -> None:
    """Untrained, its AP50 is below 0.01."""
    photographs, test = cards
    space = LabelSpace(class_names=("9", "10", "J", "Q", "K", "A"), width=128, height=128)
    network = TASK.build("ssd_light", ModelParams(), space, torch.Generator().manual_seed(0))
    assert scores(network, test, 6)["ap50"] < 0.01
    fit(network, photographs, TASK.budgets["light"].train_steps, ADAMW, recipe="strong")
    assert scores(network, test, 6)["ap50"] > 0.2
