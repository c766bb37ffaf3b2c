"""INT8 arithmetic in PyTorch: what an engine would lose, layer by layer, without an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from edgehand.export.operations import Operation, Operations
from edgehand.export.ranges import Observer, Range
from edgehand.export.recipe import Recipe

BATCH = 8
"""Pictures at a time: the results of every operation are kept for so many."""


class Simulation:
    """A network with its activations and weights rounded as INT8 kernels round them.

    Every operation's result is quantized once a tensor, a convolution's weights once a channel (or as the recipe
    says), symmetric; sums are exact. Engines differ in details - which tensors they join, how biases are rounded -
    that are small beside the rounding itself (tests/export/test_simulation.py holds it against LiteRT).

    Args:
        graph: of `edgehand.export.graph.inference_graph`, deconvolutions kept.
        inputs: (N, 3, S, S) normalised calibration crops.
        recipe: how to quantize.
        depthwise_by_channel: whether each channel that depthwise convolutions alone read has a range of its own, as
            NNCF gives it.
    """

    def __init__(
        self,
        graph: nn.Module,
        inputs: NDArray[np.float32],
        recipe: Recipe,
        *,
        depthwise_by_channel: bool = False,
    ) -> None:
        self.operations = Operations(graph)
        self.recipe = recipe
        by_channel = {
            operation.name
            for operation in self.operations.all
            if depthwise_by_channel and self._only_depthwise_reads(operation)
        }
        observer, channels = Observer(recipe), Observer(recipe)
        for _, results in self._float_runs(inputs):
            for index in range(len(results[self.operations.all[0].last])):
                seen = {name: values[index].numpy() for name, values in self._named(results)}
                observer.see(seen)
                if by_channel:
                    channels.see({f"{name}/{c}": v for name in by_channel for c, v in enumerate(seen[name])})
        self.ranges = observer.ranges()
        limits = {name: [values] for name, values in self.ranges.items()}
        if by_channel:
            limits |= {name: [] for name in by_channel}
            for name, values in channels.ranges().items():  # in the order they were first seen in
                limits[name.rpartition("/")[0]].append(values)
        self._rounding = {name: _activation_rounding(values, recipe) for name, values in limits.items()}
        self._weights = {
            operation.name: _rounded_weights(operation.convolution, recipe)
            for operation in self.operations.all
            if operation.convolution is not None
        }

    def heatmaps(self, inputs: NDArray[np.float32], floats: Collection[str] = ()) -> NDArray[np.float32]:
        """What the quantized network gives for crops (N, 3, S, S), the convolutions in `floats` left float."""
        weights = {name: values for name, values in self._weights.items() if name not in floats}
        after = {
            operation.last: self._rounding[operation.name]
            for operation in self.operations.all
            if not self._stays_float(operation, floats)
        }
        found = [self.operations.run(batch, weights=weights, after=after)[0] for batch in batches(inputs)]
        return torch.cat(found).numpy()

    def one_by_one(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What the network gives where one operation alone is quantized, by the operation's name."""
        found: dict[str, list[Tensor]] = {operation.name: [] for operation in self.operations.all}
        nodes = {node: place for place, node in enumerate(self.operations.module.graph.nodes)}
        for batch, results in self._float_runs(inputs):
            for operation in self.operations.all:
                known = {
                    node: value for node, value in results.items() if nodes[node] < nodes[operation.first]
                }
                name = operation.name
                weights = {name: self._weights[name]} if name in self._weights else {}
                after = {operation.last: self._rounding[name]}
                found[name].append(self.operations.run(batch, weights=weights, after=after, known=known)[0])
        return {name: torch.cat(parts).numpy() for name, parts in found.items()}

    def range_overflow(self, inputs: NDArray[np.float32]) -> dict[str, float]:
        """Fraction of each operation's results on crops (N, 3, S, S) that lie outside its calibrated range."""
        outside = dict.fromkeys(self.ranges, 0.0)
        for batch, results in self._float_runs(inputs):
            for name, values in self._named(results):
                low, high = self.ranges[name]
                part = ((values < low) | (values > high)).float().mean()
                outside[name] += float(part) * len(batch) / len(inputs)
        return outside

    def _only_depthwise_reads(self, operation: Operation) -> bool:
        readers = [reader.convolution for reader in self.operations.consumers(operation)]
        return bool(readers) and all(reader is not None and reader.groups > 1 for reader in readers)

    def _stays_float(self, operation: Operation, floats: Collection[str]) -> bool:
        """Whether an operation writes floats: it is float, and so are all that read it."""
        readers = self.operations.consumers(operation)
        return operation.name in floats and all(reader.name in floats for reader in readers)

    def _float_runs(self, inputs: NDArray[np.float32]) -> Iterator[tuple[Tensor, dict[fx.Node, Tensor]]]:
        for batch in batches(inputs):
            yield batch, self.operations.run(batch, keep=True)[1]

    def _named(self, results: dict[fx.Node, Tensor]) -> Iterator[tuple[str, Tensor]]:
        for operation in self.operations.all:
            yield operation.name, results[operation.last]


def batches(inputs: NDArray[np.float32]) -> Iterator[Tensor]:
    for start in range(0, len(inputs), BATCH):
        yield torch.from_numpy(inputs[start : start + BATCH])


def _activation_rounding(limits: list[Range], recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Rounding within one range for the tensor, or one for each of its channels."""
    scales, zeros = zip(*(_scale_and_zero(low, high, recipe) for low, high in limits), strict=True)
    if len(limits) == 1:
        return partial(
            torch.fake_quantize_per_tensor_affine,
            scale=scales[0],
            zero_point=zeros[0],
            quant_min=0,
            quant_max=255,
        )
    return partial(
        torch.fake_quantize_per_channel_affine,
        scale=torch.tensor(scales),
        zero_point=torch.tensor(zeros, dtype=torch.int32),
        axis=1,
        quant_min=0,
        quant_max=255,
    )


def _scale_and_zero(low: float, high: float, recipe: Recipe) -> tuple[float, int]:
    low, high = min(low, 0.0), max(high, 0.0)
    if recipe.symmetric and low < 0:
        high = max(-low, high)
        low = -high
    scale = max((high - low) / 255, 1e-12)
    return scale, round(-low / scale)


def _rounded_weights(convolution: nn.Conv2d | nn.ConvTranspose2d, recipe: Recipe) -> Tensor:
    weight = convolution.weight.detach()
    axis = 1 if isinstance(convolution, nn.ConvTranspose2d) else 0
    largest = weight.abs().amax(dim=[other for other in range(4) if other != axis])
    if not recipe.per_channel:
        largest = largest.max().expand_as(largest)
    scales = (largest / 127).clamp(min=1e-12)
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, axis, -127, 127)
