"""Cross-layer equalisation: channels of like ranges, so that one scale fits all that share it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgehand.export.operations import Operation, Operations
from edgehand.export.simulation import batches


def equalise(graph: nn.Module, inputs: NDArray[np.float32]) -> None:
    """Scale the channels between each two convolutions to like ranges, in place; what the network computes stays.

    Where a convolution's result goes through ReLU or nothing into one other convolution, channel i of the first may
    be divided by any s_i > 0 and the second multiplied by it. After M. Nagel et al., "Data-Free Quantization Through
    Weight Equalization and Bias Correction" (2019, arXiv 1906.04721), s_i = sqrt(a_i / w_i) makes both ranges equal:
    w_i is the largest weight that reads channel i, and a_i, as weights have a scale for each channel they write and
    activations one for all, the largest activation seen (G. Xiao et al., "SmoothQuant", 2022) instead of the largest
    weight. A depthwise convolution has a scale for each channel anyway: there s_i = a_i.

    A ReLU6 is left alone. It is no longer the same function when its channels are scaled, and it bounds their common
    range by itself; what is uneven there are weights, which have a scale a channel (docs/quantization.md has figures).

    Args:
        graph: of `edgehand.export.graph.inference_graph`, deconvolutions kept.
        inputs: (N, 3, S, S) normalised calibration crops.
    """
    operations = Operations(graph)
    pairs = [(first, second) for first in operations.all if (second := _partner(operations, first))]
    largest = _largest(operations, [first for first, _ in pairs], inputs)
    for (first, second), seen in zip(pairs, largest, strict=True):
        _scale(first, second, seen)


def _partner(operations: Operations, first: Operation) -> Operation | None:
    """The convolution that alone reads what a convolution writes, if channels may be scaled in between."""
    readers = operations.consumers(first)
    capped = isinstance(operations.module_of(first.last), nn.ReLU6)
    if first.convolution is None or capped or len(first.last.users) != 1 or len(readers) != 1:
        return None
    reader = readers[0].convolution
    return readers[0] if reader is not None and reader.groups in (1, reader.in_channels) else None


def _largest(operations: Operations, wanted: list[Operation], inputs: NDArray[np.float32]) -> list[Tensor]:
    """The largest magnitude that each channel of some operations' results reaches."""
    found = [torch.zeros(())] * len(wanted)
    for batch in batches(inputs):
        _, results = operations.run(batch, keep=True)
        found = [
            torch.maximum(before, results[operation.last].abs().amax(dim=(0, 2, 3)))
            for before, operation in zip(found, wanted, strict=True)
        ]
    return found


def _scale(first: Operation, second: Operation, seen: Tensor) -> None:
    writer, reader = first.convolution, second.convolution
    assert writer is not None
    assert reader is not None
    # Views with the channel between the two as their first axis.
    writes = writer.weight.transpose(0, 1) if isinstance(writer, nn.ConvTranspose2d) else writer.weight
    by_input = isinstance(reader, nn.ConvTranspose2d) or reader.groups > 1
    reads = reader.weight if by_input else reader.weight.transpose(0, 1)
    largest = reads.abs().amax(dim=(1, 2, 3))
    live = (seen > 0) & (largest > 0)
    scales = torch.where(live, seen if reader.groups > 1 else (seen / largest).sqrt(), 1.0)
    with torch.no_grad():
        writes.div_(scales[:, None, None, None])
        reads.mul_(scales[:, None, None, None])
        if writer.bias is not None:
            writer.bias.div_(scales)
