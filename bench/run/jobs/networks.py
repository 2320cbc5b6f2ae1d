"""Networks in the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import Described, LabelSpace, ModelParams, Task
from bench.run.store import Entry

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def save_network(network: nn.Module, folder: Path) -> None:
    """Write a network's state as ``weights.safetensors``."""
    save_state(network.state_dict(), folder / "weights.safetensors")


def save_state(state: Mapping[str, Tensor], file: Path) -> None:
    """Write named tensors, wherever they are and whatever memory they share."""
    from safetensors.torch import save_file

    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, file)


def load_network(
    entry: Entry,
    task: Task,
    model: Described,
    space: LabelSpace,
    device: torch.device,
    file: str = "weights.safetensors",
) -> nn.Module:
    """The trained network of a *train*, *adapt* or joint *fit* entry, in eval mode on ``device``."""
    import torch
    from safetensors.torch import load_file

    network = task.build(model.name, ModelParams(), space, torch.Generator().manual_seed(0))
    network.load_state_dict(load_file(entry.path / file))
    return network.to(device).eval()
