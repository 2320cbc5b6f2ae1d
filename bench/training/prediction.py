"""A network over a whole set: predictions batch by batch, and batch-norm statistics estimated anew (AdaBN)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.api import PluginError, Task
from bench.api.imageset import ImageSet, UnlabelledImages, concatenate
from bench.training.batches import input_columns, tensors
from bench.training.loop import Progress
from bench.training.state import mode, place


def predict(
    task: Task,
    network: nn.Module,
    images: ImageSet,
    *,
    batch_size: int,
    device: torch.device | str,
    progress: Progress = lambda step, n_steps, loss: None,
) -> dict[str, np.ndarray]:
    """``task.predict`` over a whole set, one row an image, in its order; independent of ``batch_size``."""
    columns = (*input_columns(task, images), *task.geometry)
    found = []
    for rows, predicted in predict_batches(task, network, images, columns, batch_size=batch_size, device=device):
        found.append(predicted)
        progress(int(rows[-1]) + 1, images.n_images, float("nan"))
    return {name: concatenate(name, [part[name] for part in found]) for name in found[0]}


def predict_batches(
    task: Task,
    network: nn.Module,
    images: ImageSet,
    columns: Sequence[str],
    *,
    batch_size: int,
    device: torch.device | str,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Rows and ``task.predict`` of them, batch by batch through a set; the network sees ``columns`` and no others.

    Runs in eval and inference mode, in float32, and leaves the network in the mode it was in.
    """
    place(network, torch.device(device))
    with mode(network, training=False):
        for rows, batch in tensor_batches(images, columns, batch_size=batch_size, device=device):
            with torch.inference_mode():
                predicted = task.predict(network, batch)
            yield rows, predicted


def tensor_batches(
    images: ImageSet, columns: Sequence[str], *, batch_size: int, device: torch.device | str
) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
    """Rows and columns of a set as a network gets them, batch by batch in the set's order."""
    for first in range(0, images.n_images, batch_size):
        rows = np.arange(first, min(first + batch_size, images.n_images))
        yield rows, tensors({name: images.columns[name].take(rows) for name in columns}, torch.device(device))


def reestimate_batch_norm(
    network: nn.Module, images: UnlabelledImages, *, batch_size: int, device: torch.device | str
) -> None:
    """AdaBN (Li et al. 2016, arXiv 1603.04779): batch-norm statistics of the target instead of the source's.

    Running means and variances become averages of the batch statistics over ``images``, each batch weighted by its
    size; weights stay, and dropout is off. Batches of at most ``batch_size`` are strided through the set, so that they
    are of equal size within 1 and a set sorted by class still gives mixed ones.

    Raises
    ------
    PluginError: the network has no batch normalisation with running statistics.
    """
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not layers:
        raise PluginError(
            "arm 'adabn' needs a network with batch normalisation; this one has none; "
            "leave the arm out of the suite or choose another model"
        )
    device = torch.device(device)
    place(network, device)
    n_batches = -(-images.n_images // batch_size)
    momenta = [layer.momentum for layer in layers]
    n_seen = 0
    with mode(network, training=False), torch.no_grad():
        for layer in layers:
            layer.train()
        for first in range(n_batches):
            rows = np.arange(first, images.n_images, n_batches)
            n_seen += len(rows)
            for layer in layers:
                layer.momentum = len(rows) / n_seen
            network(tensors({name: column.take(rows) for name, column in images.columns.items()}, device))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
