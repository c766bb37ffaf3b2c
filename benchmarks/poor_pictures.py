"""Pictures as poor cameras, little light and far hands make them: what accuracy is measured on beside good ones.

Written apart from what training does to its crops (`edgehand.training.augment`), but for the codec: here a fault is of
one strength, in units of the hand, and of the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgehand import image
from edgehand.datasets import Sample
from edgehand.synth.degrade import compressed

Picture = NDArray[np.uint8]
Change = Callable[[Picture, float], Picture]
"""Picture and the longer side of its hand's box, pixels -> the picture, changed."""


def few_pixels(across: float) -> Change:
    """The hand covers so many pixels at most."""

    def change(picture: Picture, hand: float) -> Picture:
        return _enlarged(_reduced(picture, hand, across), picture)

    return change


def defocus(share: float) -> Change:
    """Gaussian blur, its deviation a share of the hand."""

    def change(picture: Picture, hand: float) -> Picture:
        return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(share * hand)))

    return change


def movement(share: float) -> Change:
    """The hand moves sideways by a share of itself while the shutter is open."""

    def change(picture: Picture, hand: float) -> Picture:
        count = max(1, round(share * hand))
        columns = np.arange(picture.shape[1])
        total = np.zeros(picture.shape, np.uint32)
        for step in np.arange(count) - count // 2:
            total += picture[:, (columns + step).clip(0, columns[-1])]
        return (total // count).astype(np.uint8)

    return change


def noise(deviation: float) -> Change:
    """Gaussian noise of the picture's own pixels, grey levels."""

    def change(picture: Picture, _: float) -> Picture:
        grain = np.random.default_rng(0).normal(0, deviation, picture.shape)
        return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)

    return change


def jpeg(quality: int) -> Change:
    """JPEG of so low a quality, where the hand covers 100 pixels at most."""

    def change(picture: Picture, hand: float) -> Picture:
        return _enlarged(compressed(_reduced(picture, hand, 100), quality), picture)

    return change


def dark(exponent: float) -> Change:
    """Grey levels 0..1 to a power above 1."""

    def change(picture: Picture, _: float) -> Picture:
        return np.asarray(255 * (picture / 255) ** exponent, np.uint8)

    return change


def _reduced(picture: Picture, hand: float, across: float) -> Picture:
    scale = min(1.0, across / hand)
    height, width = picture.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _enlarged(picture: Picture, like: Picture) -> Picture:
    size = like.shape[1], like.shape[0]
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


POOR: dict[str, Change] = {
    "as it is": lambda picture, _: picture,
    "hand 40 pixels large": few_pixels(40),
    "hand 28 pixels large": few_pixels(28),
    "out of focus, 2 % of the hand": defocus(0.02),
    "out of focus, 4 %": defocus(0.04),
    "moved by 10 % of the hand": movement(0.1),
    "moved by 20 %": movement(0.2),
    "noise of 15 grey levels": noise(15),
    "noise of 35": noise(35),
    "JPEG, quality 15": jpeg(15),
    "dark (power 2.5)": dark(2.5),
}


def taken_poorly(samples: list[Sample]) -> Iterator[tuple[str, list[Picture]]]:
    """Each fault, and the pictures of the samples with it."""
    for fault, change in POOR.items():
        yield fault, [change(image.load(sample.image), max(sample.box[2:])) for sample in samples]
