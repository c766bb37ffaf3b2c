"""What a camera does to a picture: blur, coarse pixels, noise, JPEG."""

from __future__ import annotations

import io
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Picture = NDArray[np.uint8]
Pixel = TypeVar("Pixel", np.uint8, np.float32)
_NORMAL = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], np.float32)
"""A normal distribution, each of its 256 values equally likely: a byte to draw, not a float."""


def degrade(picture: Picture, rng: np.random.Generator) -> Picture:
    """Draw a camera's faults and put them on a picture (H, W, 3)."""
    size = picture.shape[0]
    share = rng.random()
    if share < 0.28:
        radius = size / 256 * rng.uniform(0.3, 1.5)
        picture = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    elif share < 0.42:
        picture = motion_blur(picture, size / 256 * rng.uniform(3, 11), rng.uniform(0, np.pi))
    if rng.random() < 0.25:
        picture = _coarsened(picture, rng.uniform(0.3, 0.8))
    if rng.random() < 0.6:
        picture = _developed(picture, rng)
    if rng.random() < 0.03:
        picture = np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
    if rng.random() < 0.45:
        picture = compressed(picture, int(rng.integers(30, 95)))
    return picture


def motion_blur(picture: NDArray[Pixel], length: float, angle: float) -> NDArray[Pixel]:
    """The mean of shifted copies.

    Args:
        picture: (H, W, channels).
        length: of the movement, pixels.
        angle: its direction, radians from x towards y.
    Returns:
        the same shape and dtype.
    """
    count = max(2, round(length) + 1)
    steps = np.linspace(-length / 2, length / 2, count)
    shifts = {(round(float(s * np.sin(angle))), round(float(s * np.cos(angle)))) for s in steps}
    height, width = picture.shape[:2]
    reach = int(np.ceil(length / 2)) + 1
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), "edge")
    total = np.zeros(picture.shape, np.float32)
    for down, right in sorted(shifts):
        total += padded[reach + down : reach + down + height, reach + right : reach + right + width]
    mean: NDArray[np.float32] = total / len(shifts)
    return (mean + 0.5 if picture.dtype == np.uint8 else mean).astype(picture.dtype)


def _coarsened(picture: Picture, scale: float) -> Picture:
    image = Image.fromarray(picture)
    small = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR))


def _developed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Colour balance, contrast, and noise that grows with the light."""
    gain = rng.uniform(0.8, 1.2) * np.clip(1 + rng.normal(0, 0.05, 3), 0.8, 1.25)
    grey = np.arange(256, dtype=np.float32)[:, None]
    curve = np.clip(128 + rng.uniform(0.8, 1.2) * (grey * gain - 128), 0, 255).astype(np.float32)
    pixels = np.stack([curve[:, channel][picture[..., channel]] for channel in range(3)], -1)
    if rng.random() < 0.7:
        strength = rng.uniform(1, 9)
        noise = _NORMAL[rng.integers(256, size=pixels.shape, dtype=np.uint8)]
        pixels += strength * noise * (0.5 + pixels / 255)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def encoded(picture: Picture, quality: int) -> bytes:
    """A picture as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def compressed(picture: Picture, quality: int) -> Picture:
    """A picture after JPEG compression."""
    return np.asarray(Image.open(io.BytesIO(encoded(picture, quality))))
