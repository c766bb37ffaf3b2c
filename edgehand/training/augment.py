"""Random crops and colours for training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edgehand.crop import patch_to_image, square
from edgehand.spec import ModelSpec
from edgehand.training.vision import transforms


def random_crop(
    box: tuple[float, float, float, float], spec: ModelSpec, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A crop around a box, moved, scaled, turned and mirrored at random.

    Args:
        box: x, y, width, height, pixels.
        spec: gives padding and input size.
        rng: source of the randomness.
    Returns:
        matrix (2, 3) from patch to picture.
    """
    cx, cy, side = square(box, spec.padding)
    shift_x, shift_y = rng.uniform(-0.18, 0.18, 2) * side
    # Most boxes are about right; a box drawn twice too large must do as well.
    low, high = (0.75, 1.4) if rng.random() < 0.8 else (1.2, 2.2)
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    # Hands come mostly upright, yet any turn must work.
    rotation = rng.uniform(-180, 180) if rng.random() < 0.25 else float(np.clip(rng.normal(0, 30), -90, 90))
    flip = bool(rng.random() < 0.5)
    matrix = patch_to_image(
        cx + shift_x, cy + shift_y, side * scale, spec.input_size, rotation=rotation, flip=flip
    )
    # Slender hands and broad ones, and palms seen a little from the side.
    return stretched(
        matrix, spec.input_size, float(np.clip(rng.normal(0, 0.1), -0.25, 0.25)), rng.uniform(0, math.pi)
    )


def stretched(matrix: NDArray[np.float64], size: int, strain: float, direction: float) -> NDArray[np.float64]:
    """A crop that is stretched about its centre, and pressed across that, so that its area stays.

    Args:
        matrix: (2, 3) from patch to picture.
        size: side of the patch, pixels.
        strain: log of the factor; negative ones press.
        direction: of the stretching in the patch, radians, x towards y.
    Returns:
        matrix (2, 3).
    """
    axes = np.array([[math.cos(direction), -math.sin(direction)], [math.sin(direction), math.cos(direction)]])
    # From patch to picture, what is to look longer takes fewer pixels of the picture.
    linear = axes @ np.diag([math.exp(-strain), math.exp(strain)]) @ axes.T
    centre = np.full(2, size / 2)
    about = np.column_stack([linear, centre - linear @ centre])
    return np.column_stack([matrix[:, :2] @ about[:, :2], matrix[:, :2] @ about[:, 2] + matrix[:, 2]])


def bent(
    patch: Tensor, keypoints: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Tensor, NDArray[np.float64]]:
    """Every second patch bent smoothly: other fingers and other poses of the same hand.

    P. Simard et al., "Best Practices for Convolutional Neural Networks" (2003), with few and far control points
    instead of noise that is blurred.

    Args:
        patch: uint8 RGB (3, S, S).
        keypoints: (K, 2) x, y, pixels of the patch.
        rng: source of the randomness.
    Returns:
        the patch, and where its keypoints went.
    """
    if rng.random() < 0.5:
        return patch, keypoints
    size = patch.shape[-1]
    # A tenth of a hand at most between control points that lie a third of a patch apart: nothing folds over.
    controls = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.04), (1, 2, 4, 4)).clip(-0.08, 0.08) * size)
    field = functional.interpolate(controls.float(), size=(size, size), mode="bicubic", align_corners=True)
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    source = torch.stack([columns, rows]) + field[0]
    grid = source.permute(1, 2, 0)[None] * (2 / (size - 1)) - 1
    moved = functional.grid_sample(patch[None].float(), grid, align_corners=True)[0]
    # A pixel q shows what was at q + field(q), so a keypoint p goes to the q of p = q + field(q).
    shown = torch.from_numpy(keypoints.astype(np.float32))
    found = shown
    for _ in range(8):
        at = (found * (2 / (size - 1)) - 1).view(1, 1, -1, 2)
        shift = functional.grid_sample(field, at, padding_mode="border", align_corners=True)
        found = shown - shift[0, :, 0].T
    return moved.round_().to(torch.uint8), found.numpy().astype(np.float64)


def mmpose_crop(
    box: tuple[float, float, float, float], spec: ModelSpec, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A crop around a box as MMPose 0.13 and later trains on: shift, flip, scale, rotation, in this order.

    Args, returns: as `random_crop`.
    """
    cx, cy, side = square(box, spec.padding)
    if rng.random() < 0.3:
        shift_x, shift_y = rng.uniform(-0.2, 0.2, 2)
        cx, cy = cx + shift_x * box[2], cy + shift_y * box[3]
    flip = rng.random() < 0.5
    scale = float(np.clip(rng.normal(1, 0.3), 0.7, 1.3))
    rotation = float(np.clip(rng.normal(0, 90), -180, 180)) if rng.random() < 0.6 else 0.0
    matrix = patch_to_image(cx, cy, side * scale, spec.input_size, rotation=rotation)
    return mirrored(matrix, cx) if flip else matrix


def mirrored(matrix: NDArray[np.float64], cx: float) -> NDArray[np.float64]:
    """The crop that MMPose makes of the mirrored picture: it mirrors before it turns.

    Args:
        matrix: (2, 3) from patch to picture, of the crop that is not mirrored.
        cx: x of the crop's centre in the picture.
    Returns:
        matrix (2, 3).
    """
    return np.array([[-matrix[0, 0], -matrix[0, 1], 2 * cx - matrix[0, 2]], matrix[1]])


def colours() -> Callable[[Tensor], Tensor]:
    """A transform of uint8 RGB patches (3, H, W): light, colour, focus, resolution, noise, an obstacle."""
    transform: Callable[[Tensor], Tensor] = transforms.Compose(
        [
            transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4),
            transforms.RandomApply([_ChannelGain()], p=0.3),
            transforms.RandomApply([_Shade()], p=0.3),
            transforms.RandomGrayscale(p=0.1),
            transforms.RandomApply([_LowResolution()], p=0.2),
            transforms.RandomApply([transforms.GaussianBlur(5, sigma=(0.3, 2.0))], p=0.15),
            transforms.RandomApply([_Noise()], p=0.3),
            transforms.RandomErasing(p=0.3, scale=(0.01, 0.12), value="random"),
        ]
    )
    return transform


class _ChannelGain(torch.nn.Module):
    """Light of another colour: each channel times 0.75 to 1.25."""

    def forward(self, patch: Tensor) -> Tensor:
        gain = torch.empty(3, 1, 1).uniform_(0.75, 1.25)
        return (patch * gain).clamp_(0, 255).to(torch.uint8)


class _Shade(torch.nn.Module):
    """Light that falls unevenly: brighter and darker places, by up to about a half."""

    def forward(self, patch: Tensor) -> Tensor:
        light = torch.randn(1, 1, 3, 3) * torch.empty(()).uniform_(0.1, 0.5)
        smooth = functional.interpolate(light, size=patch.shape[-2:], mode="bicubic", align_corners=True)
        return (patch * smooth[0].clamp_(-1.5, 0.7).exp_()).clamp_(0, 255).to(torch.uint8)


class _LowResolution(torch.nn.Module):
    """A hand far away: down to a quarter to three quarters of the size, and up again."""

    def forward(self, patch: Tensor) -> Tensor:
        size = list(patch.shape[-2:])
        factor = float(torch.empty(()).uniform_(0.25, 0.75))
        small = transforms.functional.resize(
            patch, [max(1, int(side * factor)) for side in size], antialias=True
        )
        large: Tensor = transforms.functional.resize(small, size, antialias=False)
        return large


class _Noise(torch.nn.Module):
    """A poor sensor: Gaussian noise of 2 to 15 grey levels."""

    def forward(self, patch: Tensor) -> Tensor:
        noise = torch.randn(patch.shape) * torch.empty(()).uniform_(2, 15)
        return (patch + noise).clamp_(0, 255).to(torch.uint8)


class Augmentation(NamedTuple):
    """How training varies what the network sees."""

    crop: Callable[[tuple[float, float, float, float], ModelSpec, np.random.Generator], NDArray[np.float64]]
    """Box, spec, randomness -> matrix (2, 3) from patch to picture."""
    bend: (
        Callable[[Tensor, NDArray[np.float64], np.random.Generator], tuple[Tensor, NDArray[np.float64]]]
        | None
    ) = None
    """uint8 RGB patch (3, S, S), keypoints (K, 2) in its pixels, randomness -> the same, bent."""
    colours: Callable[[Tensor], Tensor] | None = None
    """uint8 RGB patch (3, H, W) -> the same, changed."""


AUGMENTATIONS: dict[str, Augmentation] = {
    "strong": Augmentation(random_crop, bent, colours()),
    "mmpose": Augmentation(mmpose_crop),
}
