"""Every export checks itself: the file is opened again by the runtime and compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgehand import metrics
from edgehand.export.calibration import Calibration
from edgehand.export.simulation import batches
from edgehand.keypoints import read_keypoints
from edgehand.runtime.artifact import Model
from edgehand.spec import ModelSpec

PICTURES = 16
"""How many calibration crops are compared."""
MAX_DIFFERENCE = 1e-3
"""Largest difference of a float model's heatmaps from PyTorch's that is still rounding."""

COLLAPSE = 0.9
"""Cosine below which heatmaps are others: sound models measured 0.997, a network of random weights 0.92."""
APART = 0.3
"""Mean distance of the keypoints, of the box's longer side, beyond which they are others: heatmaps are mostly floor,
and those whose peaks alone are lost have a cosine above 0.9."""


@dataclass(frozen=True)
class Agreement:
    """How close a quantized model's heatmaps are to the float network's."""

    cosine: float
    """Mean over the keypoints of the cosine between the two heatmaps."""
    distance: float
    """Mean distance between the two keypoints, as a fraction of the hand box's longer side."""

    @property
    def collapsed(self) -> bool:
        """Whether the quantized heatmaps are others than the float ones, not the same ones coarser."""
        return not (self.cosine >= COLLAPSE and self.distance <= APART)


@torch.inference_mode()
def torch_heatmaps(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heatmaps (N, 21, H, W) of normalised crops (N, 3, S, S) by the network itself."""
    result: NDArray[np.float32] = torch.cat([network(batch) for batch in batches(inputs)]).numpy()
    return result


def model_heatmaps(model: Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same by an exported model, whatever its layout and types: (N, 21, H, W) float32."""
    taken, given = model.metadata.input, model.metadata.output
    found = []
    for crop in inputs[:, None]:
        values = crop if taken.layout == "NCHW" else crop.transpose(0, 2, 3, 1)
        if taken.dtype != "float32":
            limits = np.iinfo(taken.dtype)
            levels = np.rint(values / taken.scale) + taken.zero_point
            values = levels.clip(limits.min, limits.max)
        heatmaps = model.backend.infer(np.ascontiguousarray(values, dtype=taken.dtype)).astype(np.float32)
        heatmaps = (heatmaps - given.zero_point) * np.float32(given.scale)
        found.append(heatmaps if given.layout == "NCHW" else heatmaps.transpose(0, 3, 1, 2))
    return np.concatenate(found)


def agreement(expected: NDArray[np.float32], found: NDArray[np.float32], spec: ModelSpec) -> Agreement:
    """Compare heatmaps (N, 21, H, W) of a network before and after quantization."""
    first, second = (heatmaps.reshape(-1, spec.heatmap_size**2) for heatmaps in (expected, found))
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosine = (first * second).sum(1) / np.maximum(norms, 1e-12)
    apart = np.linalg.norm(keypoints(expected, spec) - keypoints(found, spec), axis=2)
    return Agreement(float(cosine.mean()), float(apart.mean()) / box_side(spec))


def keypoints(heatmaps: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """What heatmaps (N, 21, H, W) say: (N, 21, 2) pixels of the crop."""
    to_crop = np.eye(2, 3)
    return np.stack([read_keypoints(hand[None], to_crop, spec)[0] for hand in heatmaps])


def pck(heatmaps: NDArray[np.float32], crops: Calibration, spec: ModelSpec, threshold: float = 0.1) -> float:
    """Part of the labelled keypoints that heatmaps (N, 21, H, W) find within `threshold` of the box's longer side."""
    errors = metrics.distances(keypoints(heatmaps, spec), crops.keypoints, box_side(spec))
    return metrics.pck(errors, np.isfinite(errors), threshold)


def box_side(spec: ModelSpec) -> float:
    """The longer side of the hand's box in a crop, pixels."""
    return spec.input_size / spec.padding


def sqnr(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Signal to quantization noise, decibels: how much stronger values are than their change."""
    noise = float(np.square(expected - found, dtype=np.float64).sum())
    return 10 * float(np.log10(np.square(expected, dtype=np.float64).sum() / max(noise, 1e-30)))
