"""Samples -> what a network trains on."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from edgehand import image
from edgehand.crop import crop, invert, patch_to_image, square, transform
from edgehand.datasets import Sample
from edgehand.spec import ModelSpec
from edgehand.training.augment import AUGMENTATIONS
from edgehand.training.mixture import Draw
from edgehand.training.rendered import AN_EPOCH, Rendered

Batch: TypeAlias = tuple[Tensor, ...]
"""patches uint8 (N, 3, S, S), keypoints (N, 21, 2) in heatmap cells, weights (N, 21); wide patches where asked for."""
WIDE = 224
"""Side of a wide patch, pixels."""
MARGIN = 1 / 12
"""By how much of the patch a wide one reaches further on each side."""


class HandCrops(Dataset[Batch]):
    """Crops of labelled hands.

    Args:
        samples: the labels.
        spec: size and padding of the crop, and the order of the output channels.
        augmentation: one of AUGMENTATIONS; None gives the plain crop that the device will make.
        seed: with the epoch and the draw it fixes the randomness, so that a resumed run draws the same.
        rendered: more hands, drawn as they are asked for, whose indices follow those of `samples`.
        wide: whether each crop comes with a wider one as well, uint8 RGB (3, WIDE, WIDE), in the picture's own colours.
    """

    def __init__(
        self,
        samples: list[Sample],
        spec: ModelSpec,
        augmentation: str | None = None,
        seed: int = 0,
        rendered: Rendered | None = None,
        *,
        wide: bool = False,
    ) -> None:
        self.samples = samples
        self.rendered = rendered
        self.spec = spec
        self.seed = seed
        self.wide = wide
        self.epoch = 0
        self._augmentation = AUGMENTATIONS[augmentation] if augmentation else None

    def __len__(self) -> int:
        return len(self.samples) + (AN_EPOCH if self.rendered else 0)

    def __getitem__(self, draw: int | Draw) -> Batch:
        """The crop of a hand; of the same one, where it comes again in an epoch, another crop."""
        index, times = (draw, 0) if isinstance(draw, int) else draw
        picture, sample = self._hand(index, times)
        rng = np.random.default_rng((self.seed, self.epoch, index, times))
        if self._augmentation:
            matrix = self._augmentation.crop(sample.box, self.spec, rng)
        else:
            matrix = patch_to_image(*square(sample.box, self.spec.padding), self.spec.input_size)
        patch = crop(picture, matrix, self.spec.input_size, antialias=self.spec.antialias)
        pixels = torch.from_numpy(patch.transpose(2, 0, 1).copy())
        if self._augmentation and self._augmentation.colours:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(rng.integers(2**63)))
                pixels = self._augmentation.colours(pixels)
        cells = transform(invert(matrix), sample.keypoints) / self.spec.stride
        channels = np.argsort(self.spec.keypoint_order)
        batch: Batch = (
            pixels,
            torch.from_numpy(cells[channels].astype(np.float32)),
            torch.from_numpy((sample.visibility > 0).astype(np.float32)[channels]),
        )
        if self.wide:
            around = crop(picture, widened(matrix, self.spec.input_size), WIDE, antialias=True)
            batch += (torch.from_numpy(around.transpose(2, 0, 1).copy()),)
        return batch

    def _hand(self, index: int, times: int) -> tuple[NDArray[np.uint8], Sample]:
        """A picture and its label; where it is rendered, another picture each time."""
        if self.rendered and index >= len(self.samples):
            return self.rendered.hand(times * AN_EPOCH + index - len(self.samples), self.epoch)
        sample = self.samples[index]
        return image.load(sample.image), sample


def widened(matrix: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The matrix of a wide patch around another.

    Args:
        matrix: (2, 3) from the other patch to the picture.
        size: of the other patch, pixels.
    Returns:
        matrix (2, 3) from the wide patch, of WIDE pixels, to the picture.
    """
    scale = size * (1 + 2 * MARGIN) / WIDE
    return np.column_stack([matrix[:, :2] * scale, matrix[:, :2] @ np.full(2, -MARGIN * size) + matrix[:, 2]])


def normalise(patches: Tensor, spec: ModelSpec) -> Tensor:
    """The network's float input (N, 3, S, S) from uint8 RGB patches, on their device."""
    mean = torch.tensor(spec.mean, device=patches.device).view(1, 3, 1, 1)
    std = torch.tensor(spec.std, device=patches.device).view(1, 3, 1, 1)
    return ((patches - mean) / std).contiguous(memory_format=torch.channels_last)
