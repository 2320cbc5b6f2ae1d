"""The frame around every network of ``pose``: an encoder of the inputs and the two heads of PixelDA's tower.

    inputs → encoder → features (B, F) ─┬─ FC n_classes ──────────→ logits (B, n_classes)
                                        └─ FC 4 [→ tanh] → q/‖q‖ ─→ quaternion (B, 4) float32: w, x, y, z

PixelDA's official code has the tanh; only ``pixelda_pose`` keeps it. Dividing by the norm undoes all that it
does but its saturation, which slows learning: 62° with it, 49° without on photographs of LineMod after 16,000 images.

Networks made for depth see it as a fourth channel, relative to the object:

    d = clip((z − z₀)/0.2 m, −1, 1),  z₀ the median known depth in the central quarter of the crop;  unknown: d = 1

so that background is +1, be it far away, as in photographs, or absent, as in renders. With no known depth in the
central quarter d is 1 everywhere. PixelDA's data came with the depth of the object's centre; ours is found from the
crop.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

DEPTH_RANGE_M = 0.2


class PoseEstimator(nn.Module):
    """``encoder``, which maps a batch of inputs to ``(B, n_features)``, with a class and a rotation head.

    ``n_classes`` lets the training loop check class ids before the first step.
    """

    def __init__(self, encoder: nn.Module, n_features: int, n_classes: int, *, tanh: bool = False) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.encoder = encoder
        self.class_head = nn.Linear(n_features, n_classes)
        self.rotation_head = nn.Sequential(nn.Linear(n_features, 4), nn.Tanh() if tanh else nn.Identity())

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits ``(B, n_classes)`` and unit quaternions ``(B, 4) float32``."""
        features = self.encoder(inputs)
        return self.class_head(features), functional.normalize(self.rotation_head(features).float(), dim=1)


def input_channels(inputs: Mapping[str, Tensor], *, with_depth: bool) -> Tensor:
    """``(B, 3, H, W)``, or ``(B, 4, H, W)`` with depth: what a pose encoder sees, in [−1, 1]."""
    colour = inputs["image"] * 2 - 1
    if not with_depth:
        return colour
    return torch.cat([colour, relative_depth(inputs["sensor_depth_m"])[:, None]], dim=1)


def relative_depth(depth_m: Tensor) -> Tensor:
    """``d`` of the module's docstring: ``(B, H, W) float32`` in [−1, 1] of metres, 0 = unknown."""
    height, width = depth_m.shape[1:]
    known_m = depth_m.where(depth_m > 0, torch.nan)
    central_m = known_m[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    middle_m = central_m.flatten(1).nanmedian(dim=1).values[:, None, None]
    return ((known_m - middle_m) / DEPTH_RANGE_M).clamp(-1, 1).nan_to_num(nan=1.0)
