"""Ranges of activations: what a calibrator makes of the values it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization.calibrate import HistogramCollector

from edgehand.export.quiet import quiet
from edgehand.export.recipe import Recipe

BINS = {"percentile": 2048, "entropy": 512, "mse": 2048}
"""Of the histogram of the first picture; later pictures add more where they reach further."""

Range = tuple[float, float]


class Observer:
    """Sees tensors of one picture after the other, and says which range each should be given.

    The histograms and two of the rules are ONNX Runtime's (`onnxruntime.quantization.calibrate`).
    """

    def __init__(self, recipe: Recipe) -> None:
        self._calibrator = recipe.calibrator
        self._extremes: dict[str, Range] = {}
        self._histograms: Any = None
        if recipe.calibrator != "min-max":
            # Mean squared error needs the histograms alone, whatever the collector would make of them.
            method = "entropy" if recipe.calibrator == "entropy" else "percentile"
            self._histograms = HistogramCollector(
                method, False, BINS[recipe.calibrator], 128, recipe.percentile, None
            )

    def see(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take in the values of some tensors, by their names."""
        for name, values in tensors.items():
            low, high = self._extremes.get(name, (np.inf, -np.inf))
            self._extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
        if self._histograms:
            with quiet("collecting histograms"):
                self._histograms.collect(tensors)

    def ranges(self) -> dict[str, Range]:
        """Name of each tensor seen -> the lowest and highest value to represent."""
        if self._calibrator == "min-max":
            return self._extremes
        if self._calibrator == "mse":
            return {
                name: least_squares(found[0], found[1], *self._extremes[name])
                for name, found in self._histograms.get_histogram_dict().items()
            }
        with quiet("finding ranges"):
            results = self._histograms.compute_collection_result()
        return {name: (float(found[0]), float(found[1])) for name, found in results.items()}


def least_squares(counts: NDArray[Any], edges: NDArray[Any], low: float, high: float) -> Range:
    """The part of a range whose 255 steps round and clip the values of a histogram with the least squared error.

    Args:
        counts: (N,) values in each bin.
        edges: (N + 1,) of the bins.
        low, high: the whole range.
    """
    centres = (edges[:-1] + edges[1:]) / 2

    def error(part: float) -> float:
        step = max((high - low) * part / 255, 1e-30)
        rounded = np.rint(centres.clip(low * part, high * part) / step) * step
        return float((counts * (rounded - centres) ** 2).sum())

    best = min(np.linspace(1, 0.1, 91), key=error)
    return low * float(best), high * float(best)
