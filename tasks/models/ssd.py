"""SSD (Liu et al., ECCV 2016, arXiv 1512.02325): default boxes on several feature maps, one pass, no proposals.

    ssd300       torchvision's network on VGG-16: maps of 38, 19, 10, 5, 3, 1 cells a side, 8,732 default boxes
    ssd_light    torchvision's head and loss on a small trunk, sized for 128×128 and one CPU core; see LightTrunk

Loss: (smooth L1 of the offsets + cross entropy over background and classes) / number of matched default boxes. A
default box matches a true box at IoU ≥ 0.5, and every true box its best default box; beside each match count the 3
worst negatives of its image, so that an image without boxes adds nothing. Detections: score ≥ 0.01, NMS at 0.45, the
best 100 (the paper keeps 200; COCO's AP counts 100).

``ssd300`` resizes whatever it is given to 300×300 (bilinear, aspect not kept), boxes there and back. Its default boxes
have the paper's sizes for VOC, 30, 60, 111, 162, 213, 264, 315 px, where torchvision's have those for COCO, 21, 45 …
26,285,486 parameters for 20 classes. ``pretrained`` takes torchvision's files: VGG-16's (IMAGENET1K_FEATURES, what the
paper starts from) or a whole SSD300's. Those weights want 255·(image − mean). Without them that scale makes a first
loss of 145 and a gradient of 5,700 (20 classes, noise images): fresh weights get 4·(image − mean), 25 and 420.

``ssd_light`` after a light budget on 296 photographs of playing cards (six ranks): AP 0.18, AP50 0.36 on 67 others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD

from bench.training.weights import load_into, read_weights
from tasks.models.detector import MAX_DETECTIONS, MIN_SCORE, TorchvisionDetector
from tasks.models.initial_weights import load_pretrained

CLASS_LAYERS = ("head.classification_head",)
"""Modules of torchvision's SSD that depend on the number of classes."""

VOC_SCALES = [size / 300 for size in (30, 60, 111, 162, 213, 264, 315)]
VGG_LAYERS_IN_FEATURES = 23
"""torchvision splits VGG-16 after conv4_3: layers up to here are ``backbone.features``, later ones ``extra.0``."""


def ssd300(n_classes: int, pretrained: str = "none") -> TorchvisionDetector:
    """SSD300 with fresh weights, or with those of a file: VGG-16's alone, or a whole SSD300's.

    Raises
    ------
    UserError: a file that can't be read or does not fit.
    """
    scale = 0.25 if pretrained == "none" else 1 / 255
    body = ssd300_vgg16(
        weights=None,
        weights_backbone=None,
        num_classes=n_classes + 1,
        image_std=[scale] * 3,
        score_thresh=MIN_SCORE,
        detections_per_img=MAX_DETECTIONS,
    )
    own = body.anchor_generator
    body.anchor_generator = DefaultBoxGenerator(own.aspect_ratios, scales=VOC_SCALES, steps=own.steps)
    if pretrained != "none":
        state = read_weights(Path(pretrained))
        if "features.0.weight" in state:
            state = body.state_dict() | _as_backbone(state)
        load_into(body, state, CLASS_LAYERS, pretrained)
    return TorchvisionDetector(body, n_classes)


def ssd_light(
    n_classes: int, width: int, height: int, channels: int = 12, pretrained: str = "none"
) -> TorchvisionDetector:
    """The light SSD for images of ``width`` × ``height`` pixels; ``channels`` is LightTrunk's.

    Default boxes of 0.2, 0.35, 0.55 and 0.8 of the image (26, 45, 70, 102 px at 128), a second square one between each
    and the next, and aspects 2:1 and 1:2. They need not stay inside the image. ``pretrained`` takes a file of this
    very network.

    Raises
    ------
    UserError: a file that can't be read or does not fit.
    """
    trunk = LightTrunk(channels)
    body = SSD(
        trunk,
        DefaultBoxGenerator([[2]] * len(trunk.out_channels), scales=[0.2, 0.35, 0.55, 0.8, 1.0], clip=False),
        (width, height),
        n_classes + 1,
        image_mean=[0.5] * 3,
        image_std=[0.25] * 3,
        score_thresh=MIN_SCORE,
        detections_per_img=MAX_DETECTIONS,
    )
    load_pretrained(body, "ssd_light", pretrained, CLASS_LAYERS)
    return TorchvisionDetector(body, n_classes)


class LightTrunk(nn.Module):
    """Four feature maps of ``4·channels`` channels: 1/8, 1/16, 1/32 and 1/64 of the image.

        channels c | 2c, 2c | 4c, 4c → map | 4c, 4c → map | 4c → map | 4c → map

    Each number is a 3×3 convolution with batch norm and ReLU; the first one of a group has stride 2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        self.stages = nn.ModuleList(
            [
                nn.Sequential(_group(3, c), _group(c, 2 * c, 2 * c), _group(2 * c, 4 * c, 4 * c)),
                _group(4 * c, 4 * c, 4 * c),
                _group(4 * c, 4 * c),
                _group(4 * c, 4 * c),
            ]
        )
        self.out_channels = [4 * c] * len(self.stages)

    def forward(self, image: Tensor) -> OrderedDict[str, Tensor]:
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for index, stage in enumerate(self.stages):
            image = stage(image)
            maps[str(index)] = image
        return maps


def _group(n_in: int, *channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for stride, n_out in zip((2, 1), channels, strict=False):
        layers += [nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(True)]
        n_in = n_out
    return nn.Sequential(*layers)


def _as_backbone(vgg: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions of torchvision's VGG-16 (``features.N.weight``) under their names in its SSD300."""
    backbone = {}
    for name, value in vgg.items():
        part, _, rest = name.partition(".")
        if part == "features":
            layer, _, kind = rest.partition(".")
            after = int(layer) - VGG_LAYERS_IN_FEATURES
            where = f"features.{layer}" if after < 0 else f"extra.0.{after}"
            backbone[f"backbone.{where}.{kind}"] = value
    return backbone
