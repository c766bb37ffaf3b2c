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
"""Pictures that count as one epoch of this source; a share may ask for more."""
APART = 2**32
"""From the numbers of one epoch's pictures to those of the next, which start above all that `edgehand synth` writes."""


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
        loaded = synth.load(assets)
        self.fingerprint = loaded.fingerprint
        self._renderer = synth.Renderer(loaded, SIZE, seed)

    def hand(self, index: int, epoch: int) -> tuple[NDArray[np.uint8], Sample]:
        """One picture and the hand that it is of.

        Args:
            index: from 0.
            epoch: from 0.
        Returns:
            uint8 RGB (SIZE, SIZE, 3), its label.
        """
        number = (epoch + 1) * APART + index
        picture, labels = self._renderer.picture(number)
        label = labels[0]
        return picture, Sample(
            id=number,
            image=self.assets,
            keypoints=label.keypoints,
            visibility=label.visibility,
            box=label.box,
        )
