"""Which samples an epoch is made of when they come from several sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import DataError, InputError

Draw: TypeAlias = tuple[int, int]
"""Index of a sample, and how often it came before in the epoch: by both, each of its crops is another one."""
SHARES = (1e-6, 1e6)
"""Least and largest: of larger ones the sum is none, and a source is gone through without end."""


@dataclass(frozen=True)
class Mixture:
    """Sources, one after the other in a list of samples, and the part of every epoch that each one gets."""

    sizes: tuple[int, ...]
    """Samples of each source."""
    shares: tuple[float, ...] | None = None
    """Relative weight of each source; None takes every sample once an epoch."""

    def order(self, *, seed: int, epoch: int) -> list[Draw]:
        """The samples of one epoch, shuffled: as many as there are, each source by its share.

        A source that is to give more than it has is gone through again; one that is to give less gives others
        in the next epoch.

        Args:
            seed: of the shuffling.
            epoch: the same epoch of the same seed has the same order.
        Returns:
            draws from the list of all samples.
        """
        rng = np.random.default_rng((seed, epoch))
        total = sum(self.sizes)
        if self.shares is None:
            return [(int(index), 0) for index in rng.permutation(total)]
        # Rounding the running sum leaves no sample over and none short.
        ends = np.round(np.cumsum(self.shares) / sum(self.shares) * total).astype(int)
        drawn: list[Draw] = []
        first, start = 0, 0
        for size, end in zip(self.sizes, ends, strict=True):
            drawn += [
                (first + int(index), place // size)
                for place, index in enumerate(chosen(size, end - start, rng))
            ]
            first, start = first + size, end
        return [drawn[place] for place in rng.permutation(total)]


def chosen(size: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `count` of `size` samples, none again before all have been.

    Args:
        size: how many there are to choose from; 0 only where none are drawn.
        count: how many to draw.
        rng: source of randomness.
    Returns:
        (count,) indices.
    """
    rounds = -(-count // size) if count else 0
    indices = np.concatenate([rng.permutation(size) for _ in range(rounds)] or [np.empty(0, np.int64)])
    return np.asarray(indices[:count], np.int64)


def read_share(source: str) -> tuple[str, float | None]:
    """Take "FORMAT:PATH@SHARE" apart.

    Args:
        source: with or without a share.
    Returns:
        (FORMAT:PATH, share), the share None where none is given.
    Raises:
        InputError: the share is not within SHARES.
    """
    path, at, text = source.rpartition("@")
    # A path may hold an @ of its own.
    if not at or "/" in text or text == "":
        return source, None
    try:
        share = float(text)
    except ValueError:
        return source, None
    if not SHARES[0] <= share <= SHARES[1]:
        raise InputError(
            f"--data {source!r}: the share {text} is not a number from {SHARES[0]:g} to {SHARES[1]:g}, as in @0.5"
        )
    return path, share


def mixture(names: list[str], sizes: list[int], shares: list[float | None]) -> Mixture:
    """The mixture of sources of which either all or none have a share.

    Args:
        names: of the sources.
        sizes: samples of each.
        shares: what `read_share` gave for each.
    Raises:
        InputError: some have a share and some have none.
        DataError: a source that has a share holds nothing.
    """
    given = [share for share in shares if share is not None]
    if given and len(given) != len(shares):
        raise InputError(
            "--data: some sources have a share (@0.5) and some have none; give it to all or to none"
        )
    if given and 0 in sizes:
        raise DataError(
            f"--data {names[sizes.index(0)]!r}: has a share but no hand to train on (all may be held out); leave it out"
        )
    return Mixture(tuple(sizes), tuple(given) or None)
