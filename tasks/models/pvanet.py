"""PVANET (Kim et al. 2016, arXiv 1608.08021; release pva9.1): a thin deep trunk in front of Faster R-CNN.

    stage           blocks                                                                          channels  stride
    conv1           7×7-16 /2, C.ReLU                                                               32        2
    pool1           max 3×3 /2                                                                      32        4
    conv2_1..3      residual [1×1-24, 3×3-24 C.ReLU, 1×1-64]                                        64        4
    conv3_1..4      residual [1×1-48, 3×3-48 C.ReLU, 1×1-128]                                       128       8
    conv4_1..4      residual Inception {64} {64→128} {24→48→48} → 256 (4_1: {48→128}, and {pool→128})  256    16
    conv5_1..4      residual Inception {64} {96→192} {32→64→64} → 384 (5_1: and {pool→128})         384       32
    HyperNet        pool(conv3_4) | conv4_4 | up(conv5_4) = 768 → convf_rpn 1×1-128 | convf_2 1×1-384         16
    RPN             convf_rpn → 3×3-384 → 42 anchors (7 ratios × 6 sizes, 32..512 px)
    head            both convf, 512 channels → RoI max pooling 6×6 → FC 4096 → FC 4096 → classes, boxes

C.ReLU: (x, −x) side by side, a learned scale and shift for each of the 2n channels, ReLU. A first block of a stage has
stride 2 in the 1×1 convolutions that read its input, and a 1×1 projection /2 as its shortcut. Batch norm and ReLU come
before each convolution, the first of conv2_1 excepted, which reads what pool1 leaves. ``scale`` multiplies every
channel count, the FC layers' too. 96,537,403 parameters for 20 classes: trunk 3.30 M, RPN 0.52 M, FC layers 92.3 M.

On torchvision's region proposals, matching, sampling and losses. Where we deviate: one objectness logit an anchor with
a sigmoid in place of two with a softmax (half of the 84 outputs, the same function); no voting of boxes at test time;
the rate follows our schedule, not a plateau. What papers.md leaves open is chosen here: batch norm without a scale of
its own in front of C.ReLU's, up-sampling that starts bilinear and is trained, no dropout, He's initialisation.
Images are padded with zeros to multiples of 32. Anchors are of a fixed size in pixels: small working sizes use few.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import roi_pool

from tasks.models.detector import MAX_DETECTIONS, MIN_SCORE, TorchvisionDetector
from tasks.models.initial_weights import load_pretrained

ANCHOR_SIZES = tuple(16 * scale for scale in (2, 3, 5, 9, 16, 32))
ANCHOR_RATIOS = (0.333, 0.5, 0.667, 1.0, 1.5, 2.0, 3.0)
STRIDE = 16
"""Of the maps that proposals and regions are read from."""
REGION_CELLS = 6
N_PROPOSALS = {"training": 2000, "testing": 200}
N_RANKED = {"training": 12000, "testing": 6000}
"""Best anchors that enter the proposals' NMS: Faster R-CNN's own numbers."""


def pvanet(
    n_classes: int, width: int, height: int, scale: float = 1.0, pretrained: str = "none"
) -> TorchvisionDetector:
    """PVANET for images of ``width`` × ``height`` pixels, with all its channel counts times ``scale``.

    ``pretrained`` takes a file of this very network.

    Raises
    ------
    UserError: a file that can't be read or does not fit.
    """
    trunk = Trunk(scale)
    rpn = RegionProposalNetwork(
        AnchorGenerator((ANCHOR_SIZES,), (ANCHOR_RATIOS,)),
        ProposalHead(trunk.n_proposal_channels, scaled(384, scale), len(ANCHOR_SIZES) * len(ANCHOR_RATIOS)),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n=N_RANKED,
        post_nms_top_n=N_PROPOSALS,
        nms_thresh=0.7,
    )
    heads = RoIHeads(
        RegionPooling(),
        TwoMLPHead(trunk.out_channels * REGION_CELLS**2, scaled(4096, scale)),
        FastRCNNPredictor(scaled(4096, scale), n_classes + 1),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=128,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=MIN_SCORE,
        nms_thresh=0.4,
        detections_per_img=MAX_DETECTIONS,
    )
    # fixed_size takes the place of both limits; the padding to multiples of 32 makes the three scales line up.
    transform = GeneralizedRCNNTransform(
        min(width, height),
        max(width, height),
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
        size_divisible=32,
        fixed_size=(width, height),
    )
    body = GeneralizedRCNN(trunk, rpn, heads, transform)
    load_pretrained(body, "pvanet", pretrained, heads=("roi_heads.box_predictor",))
    return TorchvisionDetector(body, n_classes)


class Trunk(nn.Module):
    """conv1 to the HyperNet: ``(B, 3, H, W)`` → ``(B, out_channels, H/16, W/16)``; H, W multiples of 32.

    The first ``n_proposal_channels`` of its output are convf_rpn, the rest convf_2.
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()

        def wide(*channels: int) -> list[int]:
            return [scaled(n, scale) for n in channels]

        c1, c2, c3, c4, c5 = wide(16, 64, 128, 256, 384)
        thin2, thin3, pooled = wide(24, 48, 128)
        four, five = [wide(64), wide(64, 128), wide(24, 48, 48)], [wide(64), wide(96, 192), wide(32, 64, 64)]
        first_four = [wide(64), wide(48, 128), wide(24, 48, 48)]
        self.conv1 = nn.Sequential(nn.Conv2d(3, c1, 7, 2, padding=3, bias=False), CReLU(c1))
        self.pool1 = nn.MaxPool2d(3, 2, padding=1)
        self.conv2 = nn.Sequential(
            _bottleneck(2 * c1, thin2, c2, activate=False), *(_bottleneck(c2, thin2, c2) for _ in range(2))
        )
        self.conv3 = nn.Sequential(
            _bottleneck(c2, thin3, c3, stride=2), *(_bottleneck(c3, thin3, c3) for _ in range(3))
        )
        self.conv4 = nn.Sequential(
            _inception(c3, first_four, c4, n_pooled=pooled, stride=2), *(_inception(c4, four, c4) for _ in range(3))
        )
        self.conv5 = nn.Sequential(
            _inception(c4, five, c5, n_pooled=pooled, stride=2), *(_inception(c5, five, c5) for _ in range(3))
        )
        self.down = nn.MaxPool2d(3, 2, padding=1)
        self.up = nn.ConvTranspose2d(c5, c5, 4, 2, padding=1, groups=c5, bias=False)
        self.join = _activation(c3 + c4 + c5)
        self.n_proposal_channels, n_second = wide(128, 384)
        self.out_channels = self.n_proposal_channels + n_second
        # convf_rpn and convf_2 read the same map: one convolution with the channels of both.
        self.convf = nn.Sequential(nn.Conv2d(c3 + c4 + c5, self.out_channels, 1), nn.ReLU(inplace=True))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
        self.up.weight.data.copy_(torch.outer(tent, tent))

    def forward(self, image: Tensor) -> Tensor:
        conv3 = self.conv3(self.conv2(self.pool1(self.conv1(image))))
        conv4 = self.conv4(conv3)
        conv5 = self.conv5(conv4)
        return self.convf(self.join(torch.cat([self.down(conv3), conv4, self.up(conv5)], dim=1)))


class ProposalHead(nn.Module):
    """The RPN's convolutions on the first ``n_in`` channels of the one map it is given."""

    def __init__(self, n_in: int, n_between: int, n_anchors: int) -> None:
        super().__init__()
        self.n_in = n_in
        self.conv = nn.Conv2d(n_in, n_between, 3, padding=1)
        self.objectness = nn.Conv2d(n_between, n_anchors, 1)
        self.offsets = nn.Conv2d(n_between, 4 * n_anchors, 1)
        for name, parameter in self.named_parameters():
            nn.init.normal_(parameter, std=0.01) if name.endswith("weight") else nn.init.zeros_(parameter)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        x = self.conv(features[0][:, : self.n_in]).relu()
        return [self.objectness(x)], [self.offsets(x)]


class RegionPooling(nn.Module):
    """Max pooling of each region into 6×6 cells, its corners rounded to cells of the map (not RoI align)."""

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        (feature,) = features.values()
        return roi_pool(feature, boxes, REGION_CELLS, spatial_scale=1 / STRIDE)


class Residual(nn.Module):
    """``body(a) + x`` with a = ReLU of x normalised; where sizes change, ``body(a)`` + a 1×1 projection of a."""

    def __init__(self, n_in: int, n_out: int, stride: int, body: nn.Module, activate: bool = True) -> None:
        super().__init__()
        self.before = _activation(n_in) if activate else nn.Identity()
        self.body = body
        changes = stride > 1 or n_in != n_out
        self.projection = nn.Conv2d(n_in, n_out, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        a = self.before(x)
        return self.body(a) + (x if self.projection is None else self.projection(a))


class Inception(nn.Module):
    """Parallel branches, side by side, mixed by a 1×1 convolution to ``n_out`` channels.

    ``branches`` lists the channels of each: a 1×1 convolution, which takes the stride, then 3×3 ones. ``n_pooled`` > 0
    adds a branch of 3×3 max pooling and a 1×1 convolution.
    """

    def __init__(self, n_in: int, branches: list[list[int]], n_out: int, n_pooled: int, stride: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_branch(n_in, channels, stride) for channels in branches)
        if n_pooled:
            self.branches.append(nn.Sequential(nn.MaxPool2d(3, stride, padding=1), *_branch(n_in, [n_pooled], 1)))
        self.out = nn.Conv2d(sum(channels[-1] for channels in branches) + n_pooled, n_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.cat([branch(x) for branch in self.branches], dim=1))


class CReLU(nn.Module):
    """``(B, n, H, W)`` → ``(B, 2n, H, W)``: batch norm, then ReLU of scale·(x, −x) + shift."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_channels, affine=False)
        self.scale = nn.Parameter(torch.ones(2 * n_channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(2 * n_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return (torch.cat([x, -x], dim=1) * self.scale + self.shift).relu()


def scaled(channels: int, scale: float) -> int:
    return max(1, round(channels * scale))


def _bottleneck(n_in: int, n_thin: int, n_out: int, stride: int = 1, activate: bool = True) -> Residual:
    body = nn.Sequential(
        nn.Conv2d(n_in, n_thin, 1, stride, bias=False),
        _activation(n_thin),
        nn.Conv2d(n_thin, n_thin, 3, padding=1, bias=False),
        CReLU(n_thin),
        nn.Conv2d(2 * n_thin, n_out, 1, bias=False),
    )
    return Residual(n_in, n_out, stride, body, activate)


def _inception(n_in: int, branches: list[list[int]], n_out: int, n_pooled: int = 0, stride: int = 1) -> Residual:
    return Residual(n_in, n_out, stride, Inception(n_in, branches, n_out, n_pooled, stride))


def _branch(n_in: int, channels: list[int], stride: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(n_in, channels[0], 1, stride, bias=False), _activation(channels[0])]
    for n_before, n_after in pairwise(channels):
        layers += [nn.Conv2d(n_before, n_after, 3, padding=1, bias=False), _activation(n_after)]
    return nn.Sequential(*layers)


def _activation(n_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(n_channels), nn.ReLU(inplace=True))
