"""CUT's projection heads (Park et al., ECCV 2020): one two-layer map for each encoder layer that is compared.

    features (B, C_l, h_l, w_l) at chosen places → (B, S_l, C_l) → linear → ReLU → linear → unit length → (B, S_l, dim)

The paper's ``dim`` is 256.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class Projector(nn.Module):
    """Unit vectors of features at chosen places. ``channels``: those of each layer."""

    def __init__(self, channels: Sequence[int], dim: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(n, dim), nn.ReLU(inplace=True), nn.Linear(dim, dim)) for n in channels
        )

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """``places[l]``: ``(S_l,) int64`` positions in the flattened map of layer l, the same for all images."""
        projected = []
        for head, feature, place in zip(self.heads, features, places, strict=True):
            picked = feature.flatten(2)[..., place].mT
            projected.append(functional.normalize(head(picked), dim=-1))
        return projected
