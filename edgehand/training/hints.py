"""Learning what MediaPipe's network sees in a hand, beside the labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import default_collate

from edgehand.errors import InputError
from edgehand.spec import ModelSpec
from edgehand.training.data import HandCrops, normalise
from edgehand.training.distillation import keep
from edgehand.training.mediapipe import LandmarkFeatures
from edgehand.training.mixture import Draw
from edgehand.training.networks import LiteDepthwise

WEIGHT = 4.0
"""Of the features beside the labels: at first their gradient is then 0.4 times that of the labels."""
FIRST = 256
"""Crops that the projections start from."""


class Hinted(nn.Module):
    """A network, and projections of its two coarsest features to a teacher's, which are learnt together.

    Args:
        network: with a pyramid.
        channels: of the teacher's features.
    """

    def __init__(self, network: LiteDepthwise, channels: tuple[int, int]) -> None:
        super().__init__()
        self.network = network
        self.learnt: dict[int, Tensor] = {}
        """Of the images that were seen last."""
        self.projections = nn.ModuleList()
        for index, count in enumerate(channels):
            network.backbone[network.LEVELS[2 + index]].register_forward_hook(
                partial(keep, self.learnt, index)
            )
            self.projections.append(nn.Conv2d(network.WIDTHS[2 + index], count, 1))
            self.register_buffer(f"mean{index}", torch.zeros(1, count, 1, 1))
            self.register_buffer(f"deviation{index}", torch.ones(1, count, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Heatmaps, as of the network alone."""
        heatmaps: Tensor = self.network(images)
        return heatmaps

    def scaled(self, index: int, features: Tensor) -> Tensor:
        """The teacher's features in units of each channel's standard deviation."""
        return (features - self.get_buffer(f"mean{index}")) / self.get_buffer(f"deviation{index}")

    @torch.no_grad()
    def fit(self, index: int, features: Tensor) -> None:
        """Start a projection from the least squares of what the network saw last, in place.

        Args:
            index: of the projection.
            features: the teacher's.
        """
        self.get_buffer(f"mean{index}").copy_(features.mean((0, 2, 3), keepdim=True))
        self.get_buffer(f"deviation{index}").copy_(features.std((0, 2, 3), keepdim=True).clamp_min(1e-3))
        known = self.learnt[index].double().permute(0, 2, 3, 1).flatten(0, 2)
        known = torch.cat([known, torch.ones_like(known[:, :1])], 1)
        wanted = self.scaled(index, features).double().permute(0, 2, 3, 1).flatten(0, 2)
        # On the CPU, which alone has a solver for channels that are always zero.
        solution = torch.linalg.lstsq(known.cpu(), wanted.cpu(), driver="gelsd").solution.float()
        projection = self.projections[index]
        assert isinstance(projection, nn.Conv2d)
        assert projection.bias is not None
        projection.weight.copy_(solution[:-1].T[:, :, None, None])
        projection.bias.copy_(solution[-1])


class Hints:
    """The distance between a network's features and those of a hand landmark network of MediaPipe.

    After A. Romero et al., "FitNets: Hints for Thin Deep Nets" (2015). The teacher sees each crop as the picture has
    it, and a little around it; the network sees it augmented, and learns to see the same.

    Args:
        teacher: on the device of the network, in any precision.
        network: that learns, without projections yet.
        spec: of the network.
        patches: uint8 RGB (N, 3, S, S), crops that the projections start from.
        wide: uint8 RGB (N, 3, 224, 224), the same for the teacher, see `edgehand.training.data.widened`.
    Raises:
        InputError: the network has no pyramid.
    """

    def __init__(
        self, teacher: LandmarkFeatures, network: nn.Module, spec: ModelSpec, patches: Tensor, wide: Tensor
    ) -> None:
        if not isinstance(network, LiteDepthwise):
            raise InputError(
                f"--hints: {spec.name} has no pyramid whose features could be compared; leave it out"
            )
        self._teacher, self._size = teacher, spec.input_size
        self.hinted = Hinted(network, teacher.channels).to(patches.device)
        """The network with its projections: what is to be trained."""
        with torch.no_grad():
            network.eval()(normalise(patches, spec))
        for index, features in enumerate(self.target(wide)):
            self.hinted.fit(index, features)
        self.hinted.learnt.clear()

    @torch.no_grad()
    def target(self, wide: Tensor) -> list[Tensor]:
        """The teacher's features on the cells of the network's two coarsest levels.

        Args:
            wide: uint8 RGB (N, 3, 224, 224), the teacher's crops.
        Returns:
            float32 (N, C, S / 16, S / 16) and (N, C', S / 32, S / 32).
        """
        fine, coarse = (features.float() for features in self._teacher(wide))
        # What is wider is one of the fine cells on each side, and half of one of the coarse.
        inner = (fine[..., 1:-1, 1:-1], functional.avg_pool2d(coarse, 2, stride=1))
        return [
            functional.interpolate(features, (self._size // stride,) * 2, mode="bilinear")
            for features, stride in zip(inner, (16, 32), strict=True)
        ]

    def loss(self, wide: Tensor) -> Tensor:
        """The distance for the images that the network saw last, weighted: the sum of both levels' Huber losses.

        Args:
            wide: uint8 RGB (N, 3, 224, 224), the teacher's crops of them.
        """
        total = torch.zeros((), device=wide.device)
        for index, features in enumerate(self.target(wide)):
            projected = self.hinted.projections[index](self.hinted.learnt[index].float())
            total = total + functional.huber_loss(projected, self.hinted.scaled(index, features), delta=2.0)
        return WEIGHT * total


def hints_for(
    file: Path,
    network: nn.Module,
    crops: HandCrops,
    order: list[Draw],
    device: torch.device,
    *,
    bfloat16: bool,
) -> Hints:
    """What a run learns from a network of MediaPipe.

    Args:
        file: hand_landmark_full.tflite.
        network: that learns, on the device.
        crops: that it learns from, wide ones as well.
        order: of the first epoch: its first crops are what the projections start from.
        device: of the network.
        bfloat16: whether the teacher computes so: half the time, and a two-thousandth of the features' variance off.
    Raises:
        CheckpointError: the file holds no such network.
        InputError: the network that learns has no pyramid.
    """
    teacher = LandmarkFeatures(file).to(device, torch.bfloat16 if bfloat16 else torch.float32)
    patches, _, _, wide = default_collate([crops[draw] for draw in order[:FIRST]])
    return Hints(teacher, network, crops.spec, patches.to(device), wide.to(device))
