"""Random crops and colours for training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from edgehand.crop import patch_to_image, square
from edgehand.spec import ModelSpec
from edgehand.synth.degrade import compressed, motion_blur
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
    shift_x, shift_y = rng.uniform(-0.12, 0.12, 2) * side
    # Most boxes are about right; one drawn twice too large need only lead to a second look, as must a turned hand.
    low, high = (0.8, 1.3) if rng.random() < 0.85 else (1.2, 2.2)
    scale = log_uniform(rng, low, high)
    rotation = rng.uniform(-180, 180) if rng.random() < 0.15 else float(np.clip(rng.normal(0, 20), -90, 90))
    flip = bool(rng.random() < 0.5)
    return patch_to_image(
        cx + shift_x, cy + shift_y, side * scale, spec.input_size, rotation=rotation, flip=flip
    )


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
    """A transform of uint8 RGB patches (3, H, W): light, colour, an obstacle, what a poor camera makes of it."""
    transform: Callable[[Tensor], Tensor] = transforms.Compose(
        [
            transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4),
            transforms.RandomApply([_ChannelGain()], p=0.3),
            transforms.RandomGrayscale(p=0.1),
            transforms.RandomApply([_Obstacle()], p=0.2),
            _PoorCamera(),
        ]
    )
    return transform


def poor_camera(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera may do to a hand, each by chance: blur, few pixels, noise of these pixels, JPEG.

    The order is that of the light: a hand far away has the noise and the blocks of the few pixels it covers.

    Args:
        picture: RGB (H, W, 3).
        rng: source of the randomness.
    Returns:
        the same shape.
    """
    height, width = picture.shape[:2]
    blur = rng.random()
    if blur < 0.1:
        radius = width * rng.uniform(0.002, 0.025)
        picture = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    elif blur < 0.22:
        picture = motion_blur(picture, width * log_uniform(rng, 0.015, 0.16), rng.uniform(0, math.pi))
    if rng.random() < 0.3:
        scale = log_uniform(rng, 0.18, 0.8)
        small = Image.fromarray(picture).resize(
            (round(width * scale), round(height * scale)), Image.Resampling.BOX
        )
        picture = np.asarray(small)
    if rng.random() < 0.25:
        noise = rng.standard_normal(picture.shape, np.float32) * log_uniform(rng, 2, 30)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        picture = compressed(picture, int(rng.integers(10, 90)))
    if picture.shape[:2] != (height, width):
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    return picture


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two, of which each doubling is equally likely."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


class _PoorCamera(torch.nn.Module):
    """`poor_camera` as a transform, whose randomness is torch's."""

    def forward(self, patch: Tensor) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        picture = poor_camera(patch.permute(1, 2, 0).contiguous().numpy(), rng)
        return torch.from_numpy(picture.transpose(2, 0, 1).copy())


class _ChannelGain(torch.nn.Module):
    """Light of another colour: each channel times 0.75 to 1.25."""

    def forward(self, patch: Tensor) -> Tensor:
        gain = torch.empty(3, 1, 1).uniform_(0.75, 1.25)
        return (patch * gain).clamp_(0, 255).to(torch.uint8)


class _Obstacle(torch.nn.Module):
    """Something before the hand: a rectangle of one colour, 1 to 8 % of the patch.

    After Z. Zhong et al., "Random Erasing Data Augmentation" (2017).
    """

    def forward(self, patch: Tensor) -> Tensor:
        height, width = patch.shape[-2:]
        area = height * width * float(torch.empty(()).uniform_(0.01, 0.08))
        ratio = math.exp(float(torch.empty(()).uniform_(-1.2, 1.2)))
        tall = min(height, round(math.sqrt(area * ratio)))
        wide = min(width, round(math.sqrt(area / ratio)))
        top = int(torch.randint(0, height - tall + 1, ()))
        left = int(torch.randint(0, width - wide + 1, ()))
        patch = patch.clone()
        patch[:, top : top + tall, left : left + wide] = torch.randint(0, 256, (3, 1, 1), dtype=torch.uint8)
        return patch


class Augmentation(NamedTuple):
    """How training varies what the network sees."""

    crop: Callable[[tuple[float, float, float, float], ModelSpec, np.random.Generator], NDArray[np.float64]]
    """Box, spec, randomness -> matrix (2, 3) from patch to picture."""
    colours: Callable[[Tensor], Tensor] | None = None
    """uint8 RGB patch (3, H, W) -> the same, changed."""


AUGMENTATIONS: dict[str, Augmentation] = {
    "strong": Augmentation(random_crop, colours()),
    "mmpose": Augmentation(mmpose_crop),
}
