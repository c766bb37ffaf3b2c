"""Learning from a larger network's heatmaps beside the labels."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgehand.errors import InputError
from edgehand.spec import ModelSpec
from edgehand.training.data import normalise
from edgehand.training.loss import log_probabilities
from edgehand.training.networks import LiteDepthwise


class Distillation:
    """Cross-entropy between the teacher's distribution over the cells and the student's.

    After G. Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), at temperature 1: where the
    teacher is unsure, its heatmap says so, which a label cannot. Where both networks have a pyramid, and the
    same input, the student learns what the teacher feeds into it as well (A. Romero et al., "FitNets: Hints for Thin
    Deep Nets", 2015): the squared distance of the features, in units of their variance. A student that is quantized
    while it trains (`edgehand.training.qat`) learns from the heatmaps alone.

    Args:
        teacher: trained by spatial cross-entropy, in evaluation mode, on the student's device.
        teacher_spec: its spec; its input may be larger than the student's.
        student: whose features are compared.
        spec: the student's.
        sigma: of the student's targets, cells; sets the level of "not in here".
    Raises:
        InputError: the teacher's heatmaps are no logits.
    """

    def __init__(
        self, teacher: nn.Module, teacher_spec: ModelSpec, student: nn.Module, spec: ModelSpec, sigma: float
    ) -> None:
        if teacher_spec.score != "logit":
            raise InputError(
                f"--teacher: {teacher_spec.name}'s heatmaps are values, not logits; "
                "give a network that was trained by spatial cross-entropy, as lite is"
            )
        self._teacher = teacher.requires_grad_(requires_grad=False)
        self._spec, self._size, self._sigma = teacher_spec, spec.heatmap_size, sigma
        self._order = np.asarray(teacher_spec.keypoint_order)[np.argsort(spec.keypoint_order)].tolist()
        self._taught: dict[int, Tensor] = {}
        self._learnt: dict[int, Tensor] = {}
        if (
            isinstance(teacher, LiteDepthwise)
            and isinstance(student, LiteDepthwise)
            and teacher_spec.input_size == spec.input_size
        ):
            for network, seen in ((teacher, self._taught), (student, self._learnt)):
                for level in network.LEVELS:
                    network.backbone[level].register_forward_hook(partial(keep, seen, level))

    @torch.no_grad()
    def target(self, patches: Tensor) -> Tensor:
        """The teacher's distribution (N, K, H * W + 1) on the student's cells, the last being "not in here".

        Args:
            patches: uint8 RGB (N, 3, S, S), the student's crops.
        """
        size = self._spec.input_size
        images = _resized(normalise(patches, self._spec), size)
        heatmaps = self._teacher(images).float()[:, self._order]
        # Fewer cells hold less of the sum, and so must "not in here".
        sigma = self._sigma * self._size / heatmaps.shape[-1]
        return log_probabilities(_resized(heatmaps, self._size), sigma).exp()

    def loss(self, heatmaps: Tensor, patches: Tensor, weights: Tensor) -> Tensor:
        """The cross-entropy, mean over the keypoints by weight, and the features' distance, mean over the levels.

        Args:
            heatmaps: (N, K, H, W) the student's logits.
            patches: uint8 RGB (N, 3, S, S) that they are of.
            weights: (N, K) 0 leaves a keypoint out.
        """
        entropy = -(self.target(patches) * log_probabilities(heatmaps, self._sigma)).sum(2)
        total = (entropy * weights).sum() / weights.sum().clamp_min(1)
        for level, taught in self._taught.items():
            distance = functional.mse_loss(self._learnt[level].float(), taught)
            total = total + distance / taught.var() / len(self._taught)
        return total


def _resized(maps: Tensor, size: int) -> Tensor:
    """Square maps (N, C, S, S) at another size, as crops are: the centre of the first cell stays where it is."""
    before = maps.shape[-1]
    if before == size:
        return maps
    line = torch.arange(size, device=maps.device) * (before / size)
    across, down = torch.meshgrid(line, line, indexing="xy")
    grid = torch.stack([across, down], -1).mul(2 / (before - 1)).sub(1).expand(len(maps), -1, -1, -1)
    return functional.grid_sample(maps, grid.to(maps.dtype), padding_mode="border", align_corners=True)


def keep(
    seen: dict[int, Tensor], level: int, _module: nn.Module, _inputs: tuple[Tensor], features: Tensor
) -> None:
    """A hook that remembers what a block gave last."""
    seen[level] = features
