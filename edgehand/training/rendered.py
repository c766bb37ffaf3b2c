"""Hands to train on that are drawn while training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgehand import synth
from edgehand.datasets import Sample

SIZE = 256
"""Side of the pictures, pixels: a hand in them fills a crop of 192 pixels without being enlarged much."""
AN_EPOCH = 20_000
"""Pictures that count as one epoch of this source."""


class Rendered:
    """A source without end: every epoch has other pictures, the same for the same seed.

    Args:
        assets: folder, see `edgehand.synth.load`.
        seed: of the pictures.
    Raises:
        DataError: the assets are missing or malformed.
    """

    def __init__(self, assets: Path, seed: int = 0) -> None:
        self.assets = assets
        self._renderer = synth.Renderer(synth.load(assets), SIZE, seed)

    def hand(self, index: int, epoch: int) -> tuple[NDArray[np.uint8], Sample]:
        """One picture and the hand that it is of.

        Args:
            index: 0 .. AN_EPOCH - 1.
            epoch: from 0.
        Returns:
            uint8 RGB (SIZE, SIZE, 3), its label.
        """
        number = epoch * AN_EPOCH + index
        picture, labels = self._renderer.picture(number)
        label = labels[0]
        return picture, Sample(
            id=number,
            image=self.assets,
            keypoints=label.keypoints,
            visibility=label.visibility,
            box=label.box,
        )
