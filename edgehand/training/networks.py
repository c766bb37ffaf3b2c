"""The networks: MobileNetV2 with an upsampling head, one heatmap a keypoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from edgehand.errors import InputError
from edgehand.spec import NUM_KEYPOINTS, ModelSpec
from edgehand.training.vision import InvertedResidual, mobilenet_v2

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
MULTIPLE = 32
"""What the side of every network's input is a multiple of, pixels: it is halved five times."""


class _StridedDepthwise(nn.Conv2d):
    """A depthwise convolution with a stride, which stays float32 where the CPU computes in bfloat16.

    oneDNN's bfloat16 gradient of it takes 4 to 16 times as long as the float32 one: a third of a training step
    of `lite_depthwise` (`python benchmarks/bench_training.py`).
    """

    def forward(self, input: Tensor) -> Tensor:
        """As nn.Conv2d."""
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class Tracer(fx.Tracer):
    """Sees every convolution as one operation: PyTorch's own tracer looks into those that are classes of ours."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, CONVOLUTIONS) or super().is_leaf_module(m, module_qualified_name)


def _mobilenet_v2_features(count: int) -> nn.Sequential:
    """The first blocks of torchvision's MobileNetV2, which has 19 before its classifier."""
    features = nn.Sequential(*list(mobilenet_v2(weights=None).features)[:count])
    for module in features.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride != (1, 1):
            module.__class__ = _StridedDepthwise
    return features


class FusedBlock(nn.Module):
    """An inverted residual whose expansion and depthwise convolution are one dense 3x3 convolution.

    After M. Tan, Q. Le, "EfficientNetV2: Smaller Models and Faster Training" (2021), where it is Fused-MBConv. It
    has more multiplications than what it replaces, and takes less time in INT8: processors multiply four times as
    many 8-bit integers as floats where channels are summed over, and depthwise convolutions do not sum over them.

    Args:
        channels: of the input, which is added where the output is like it.
        width: of the 3x3 convolution, channels; where they are as many as come out, nothing projects them.
        out: channels of the output.
        stride: of the 3x3 convolution.
    """

    def __init__(self, channels: int, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.adds = stride == 1 and channels == out
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
        ]
        if width != out:
            layers += [nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, H, W) to (N, C', H / stride, W / stride)."""
        result: Tensor = self.conv(features)
        return features + result if self.adds else result


def _fused(block: nn.Module, width: int) -> FusedBlock:
    """What takes the place of a block of MobileNetV2."""
    convolution = next(module for module in block.modules() if isinstance(module, nn.Conv2d))
    return FusedBlock(convolution.in_channels, width, int(block.out_channels), int(block.stride))  # type: ignore[arg-type]


def _refinement(channels: int, width: int) -> FusedBlock:
    """A residual block that changes nothing before it has learnt to.

    Its last batch norm starts at zero: P. Goyal et al., "Accurate, Large Minibatch SGD" (2017).
    """
    block = FusedBlock(channels, width, channels)
    nn.init.zeros_(block.conv[-1].weight)  # type: ignore[arg-type]
    return block


class PoseMobileNetV2(nn.Module):
    """The published network: MobileNetV2, three deconvolutions of 256 channels, a 1x1 convolution.

    After B. Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking" (2018), as MMPose's
    `pose_mobilenet_v2` has it: 9,570,837 parameters, heatmaps at a quarter of the input's size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _mobilenet_v2_features(19)
        layers: list[nn.Module] = []
        channels = 1280
        for _ in range(3):
            layers += [
                nn.ConvTranspose2d(channels, 256, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(256),
                nn.ReLU(inplace=True),
            ]
            channels = 256
        final = nn.Conv2d(channels, NUM_KEYPOINTS, 1)
        nn.init.zeros_(final.bias)  # type: ignore[arg-type]
        self.head = nn.Sequential(*layers, final)
        for module in self.head:
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)

    def forward(self, image: Tensor) -> Tensor:
        """Heatmaps (N, 21, H/4, W/4) of normalised images (N, 3, H, W)."""
        heatmaps: Tensor = self.head(self.backbone(image))
        return heatmaps


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _dense(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class LiteDepthwise(nn.Module):
    """MobileNetV2 without its last convolution, and a feature pyramid that ends at a quarter of the input.

    Every operation - convolution, addition, bilinear upsampling - stays integer in TFLite, ONNX Runtime and
    OpenVINO. The pyramid is that of T.-Y. Lin et al., "Feature Pyramid Networks for Object Detection" (2017),
    with depthwise-separable 3x3 convolutions.
    """

    LEVELS = (3, 6, 13, 17)  # the last feature of each stride: 4, 8, 16, 32
    WIDTHS = (24, 32, 96, 320)
    CHANNELS: tuple[int, int, int, int] = (64, 64, 64, 64)
    """Of the pyramid at each level."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _mobilenet_v2_features(18)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), nn.BatchNorm2d(channels))
            for width, channels in zip(self.WIDTHS, self.CHANNELS, strict=True)
        )
        self.smooth = nn.ModuleList(self.smoothing(level) for level in range(4))
        self.final = nn.Conv2d(self.CHANNELS[0], NUM_KEYPOINTS, 1)

    def smoothing(self, level: int) -> nn.Module:
        """What follows the addition at a level of the pyramid; gives the next finer level's channels."""
        return _separable(self.CHANNELS[level])

    def forward(self, image: Tensor) -> Tensor:
        """Heatmaps (N, 21, H/4, W/4), as logits, of normalised images (N, 3, H, W)."""
        features = []
        for index, block in enumerate(self.backbone):
            image = block(image)
            if index in self.LEVELS:
                features.append(image)
        top = self.smooth[3](self.lateral[3](features[3]))
        for level in (2, 1, 0):
            upsampled = functional.interpolate(top, scale_factor=2.0, mode="bilinear")
            top = self.smooth[level](self.lateral[level](features[level]) + upsampled)
        heatmaps: Tensor = self.final(top)
        return heatmaps


class Lite(LiteDepthwise):
    """The network that ships: fused blocks down to a sixteenth of the input, a pyramid that is wide where it is coarse.

    Both are dense convolutions, which INT8 makes faster than depthwise ones; and which finger is which takes a view of
    the whole hand, where channels cost little.
    """

    CHANNELS = (64, 128, 192, 128)
    FUSED = (16, 72, 96, 96, 96, 96, 96, 192, 192, 192, 192, 256, 256)
    """Channels of the 3x3 convolutions, from the backbone's second block on."""
    EXPANSION = 2.4
    """Of the last three blocks, 6 in MobileNetV2, where they hold a third of all weights."""
    REFINED = (0, 80, 48, 0)
    """Channels of the 3x3 convolution that looks once more at what each level of the pyramid gives; 0: none does."""

    def __init__(self) -> None:
        super().__init__()
        for index, width in enumerate(self.FUSED, start=1):
            self.backbone[index] = _fused(self.backbone[index], width)
        for index in (15, 16, 17):
            self.backbone[index] = InvertedResidual(160, self.backbone[index].out_channels, 1, self.EXPANSION)

    def smoothing(self, level: int) -> nn.Module:
        """As in `LiteDepthwise`; dense but for the finest level, with a residual block at some."""
        channels = self.CHANNELS[level]
        finer = self.CHANNELS[max(level - 1, 0)]
        layers = _separable(channels) if level == 0 else _dense(channels, finer)
        if self.REFINED[level]:
            layers.append(_refinement(finer, self.REFINED[level]))
        return layers


_LITE = ModelSpec(name="lite", input_size=192, mean=(127.5,) * 3, std=(127.5,) * 3)

NETWORKS: dict[str, tuple[Callable[[], nn.Module], ModelSpec]] = {
    "lite": (Lite, _LITE),
    "lite_depthwise": (LiteDepthwise, replace(_LITE, name="lite_depthwise", input_size=160)),
    "tiny": (Lite, replace(_LITE, name="tiny", input_size=128)),
    "pose_mobilenet_v2": (
        PoseMobileNetV2,
        ModelSpec(
            name="pose_mobilenet_v2",
            input_size=256,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            decode="quarter",
            score="value",
            antialias=False,
        ),
    ),
}
"""Name -> how to build the network, and the ModelSpec it has unless a checkpoint says otherwise."""


def build(name: str) -> nn.Module:
    """A network with fresh weights.

    Args:
        name: one of NETWORKS.
    Raises:
        InputError: there is no such network.
    """
    if name not in NETWORKS:
        raise InputError(f"unknown network {name!r}: expected one of {', '.join(NETWORKS)}")
    return NETWORKS[name][0]()
