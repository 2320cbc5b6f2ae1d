"""DeepLab-v2 (Chen et al., TPAMI 2018, arXiv 1606.00915): a dilated trunk and four summed ASPP branches.

    (B, 3, H, W) → trunk → (B, F, H/8, W/8) → Σ_r conv3×3 at rate r, with bias → (B, n_classes, H/8, W/8) logits

    model               trunk                                               F     rates          M parameters, C = 21
    deeplab_v2          ResNet-101: layer3 at dilation 2, layer4 at 4      2048   6, 12, 18, 24         44.05
    deeplab_v2_lite0    timm's EfficientNet-Lite0, last stages dilated      320   6, 12, 18, 24          3.20
    deeplab_v2_light    one convolution and three residual blocks            64   2, 4, 6, 8             0.26

The branches go from features to classes at once and are added: no batch norm, no concatenation (that is v3). Their
weights start as N(0, 0.01), their biases at 0. The light rates are the paper's over three: the paper's crops of 321
pixels give maps of 41 cells, ours of 128 give 16, where a rate of 18 reads the padding alone.

Where we deviate: the stride of a bottleneck sits on its 3×3 convolution, as torchvision builds it and its weights
expect; images are RGB normalised as for those weights, not BGR less a mean; one scale in training (the convention of
the domain-adaptation literature; multi-scale *testing* is an option of the task); no CRF.

Batch norm. The paper keeps the statistics and the affine maps of its pretrained trunk. That needs statistics to keep:
under fresh ones, mean 0 and variance 1, nothing is normalised, and the features of a random image have a mean square of
2 behind layer2 and of 10⁸ behind the 23 blocks of layer3. So they are frozen exactly where ``deeplab_v2`` is given
pretrained weights, and trained otherwise. The two small networks train them in any case: their batches have cells
enough, and the statistics of ImageNet are not those of small synthetic images.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from bench.training.weights import BUNDLED_MODEL
from tasks.models.initial_weights import load_pretrained

STRIDE = 8
PAPER_RATES = (6, 12, 18, 24)
LIGHT_RATES = (2, 4, 6, 8)
HEAD_INIT_STD = 0.01
LITE0_HEADS = ("conv_head", "bn2", "classifier")
"""What timm's EfficientNet-Lite0 has behind the last features."""


class DeepLabV2(nn.Module):
    """Class logits at 1/8 of the size of normalised images ``(B, 3, H, W)``; 8 divides H and W.

    Parameters
    ----------
    trunk: maps images to features ``(B, n_features, H/8, W/8)``, or a cell more along either side.
    head_lr_scale: rate of the branches' weights relative to the trunk's; their biases take twice that, undecayed.
    freeze_norm: keep the trunk's batch-norm statistics and affine maps as they are, in training mode too.
    """

    def __init__(
        self,
        trunk: nn.Module,
        n_features: int,
        n_classes: int,
        rates: Sequence[int] = PAPER_RATES,
        head_lr_scale: float = 10.0,
        freeze_norm: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.branches = nn.ModuleList(
            nn.Conv2d(n_features, n_classes, kernel_size=3, padding=rate, dilation=rate) for rate in rates
        )
        for branch in self.branches:
            nn.init.normal_(branch.get_parameter("weight"), std=HEAD_INIT_STD)
            nn.init.zeros_(branch.get_parameter("bias"))
        self.head_lr_scale = head_lr_scale
        self._frozen = [m for m in trunk.modules() if isinstance(m, nn.BatchNorm2d)] if freeze_norm else []
        for norm in self._frozen:
            norm.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> DeepLabV2:
        super().train(mode)
        for norm in self._frozen:
            norm.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        features = self.trunk(image)
        logits = sum(branch(features) for branch in self.branches)
        # The stem's pooling rounds up: on sides that 8 divides it adds a cell that lies beyond the image.
        return logits[..., : image.shape[-2] // STRIDE, : image.shape[-1] // STRIDE]

    def parameter_groups(self) -> list[dict[str, Any]]:
        weights, biases = ([branch.get_parameter(name) for branch in self.branches] for name in ("weight", "bias"))
        return [
            {"params": [p for p in self.trunk.parameters() if p.requires_grad]},
            {"params": weights, "lr_scale": self.head_lr_scale},
            {"params": biases, "lr_scale": 2 * self.head_lr_scale, "weight_decay": 0.0},
        ]


class ResNetTrunk(nn.Sequential):
    """ResNet-101 at output stride 8, under torchvision's names: 2048 features, H/8 + 1 by W/8 + 1 where 8 divides both.

    Parameters
    ----------
    blocks, width_per_group: as of torchvision's ``ResNet``; smaller ones make a smaller trunk.
    """

    n_features = 2048

    def __init__(self, blocks: Sequence[int] = (3, 4, 23, 3), width_per_group: int = 64) -> None:
        resnet = ResNet(
            Bottleneck,
            list(blocks),
            width_per_group=width_per_group,
            replace_stride_with_dilation=[False, True, True],
        )
        # The paper's; at its crops of 321 pixels torchvision's, which rounds down, gives as many cells.
        resnet.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=True)
        # Torchvision keeps the dilation of the stage before in a stage's first block; the paper's stages are uniform.
        for stage, dilation in ((resnet.layer3, 2), (resnet.layer4, 4)):
            for block in stage:
                block.conv2.dilation = block.conv2.padding = (dilation, dilation)
        kept = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        super().__init__(OrderedDict((name, getattr(resnet, name)) for name in kept))


class Lite0Trunk(nn.Module):
    """timm's EfficientNet-Lite0 without its head, at output stride 8: ``(B, 320, H/8, W/8)`` features."""

    n_features = 320

    def __init__(self) -> None:
        super().__init__()
        self.encoder = timm.create_model(
            BUNDLED_MODEL, pretrained=False, features_only=True, output_stride=8, out_indices=(4,)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.encoder(image)[0]


class LightTrunk(nn.Sequential):
    """conv7×7-2w /4 → residual 4w /2 → residual 4w at dilation 2 → at dilation 4: ``(B, 4w, H/8, W/8)`` features.

    Batch norm and ReLU follow every convolution. With w = 16, an image of 128×96 takes 40 million multiplications.
    """

    def __init__(self, width: int = 16) -> None:
        self.n_features = 4 * width
        super().__init__(
            nn.Conv2d(3, 2 * width, kernel_size=7, stride=4, padding=3, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            _Residual(2 * width, 4 * width, stride=2),
            _Residual(4 * width, 4 * width, dilation=2),
            _Residual(4 * width, 4 * width, dilation=4),
        )


class _Residual(nn.Module):
    """Two 3×3 convolutions beside the identity, or beside a 1×1 projection where shapes differ."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(inner + self.shortcut(x))


def deeplab_v2(n_classes: int, pretrained: str) -> DeepLabV2:
    """The paper's network. ``pretrained``: ``none``, or the path of a file of torchvision's names for ResNet-101.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """
    trunk = ResNetTrunk()
    load_pretrained(trunk, "deeplab_v2", pretrained, heads=("fc",))
    return DeepLabV2(trunk, trunk.n_features, n_classes, freeze_norm=pretrained != "none")


def deeplab_v2_lite0(n_classes: int, pretrained: str) -> DeepLabV2:
    """On EfficientNet-Lite0. ``pretrained``: ``none``, ``bundled``, or the path of a file of timm's names for it.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """
    trunk = Lite0Trunk()
    load_pretrained(trunk.encoder, BUNDLED_MODEL, pretrained, heads=LITE0_HEADS)
    return DeepLabV2(trunk, trunk.n_features, n_classes)


def deeplab_v2_light(n_classes: int, pretrained: str) -> DeepLabV2:
    """Sized for one CPU core. ``pretrained``: ``none``, or the path of a file of our names for its trunk.

    From scratch no layer is newer than another: the branches' weights get the trunk's rate.

    Raises
    ------
    UserError: a file of weights that can't be read or does not fit.
    """
    trunk = LightTrunk()
    load_pretrained(trunk, "deeplab_v2_light", pretrained, heads=())
    return DeepLabV2(trunk, trunk.n_features, n_classes, LIGHT_RATES, head_lr_scale=1.0)
