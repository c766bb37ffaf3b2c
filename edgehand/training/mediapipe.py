"""MediaPipe's hand landmark network, read from its TFLite file into PyTorch."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn
from torch.nn import functional

from edgehand.errors import CheckpointError
from edgehand.training.data import WIDE

CELLS = (14, 7)
"""Sides of the features that are read: a sixteenth and a thirty-second of the crop."""
_ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    schema.ActivationFunctionType.NONE: lambda features: features,
    schema.ActivationFunctionType.RELU6: functional.relu6,
}
_CONVOLUTIONS = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D)
_DTYPES = {schema.TensorType.FLOAT16: "<f2", schema.TensorType.FLOAT32: "<f4"}


class LandmarkFeatures(nn.Module):
    """What MediaPipe's full hand landmark network makes of a crop before it pools it.

    F. Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking" (2020); the network is
    mediapipe/modules/hand_landmark/hand_landmark_full.tflite in the package mediapipe.

    Args:
        file: of the network.
    Raises:
        CheckpointError: the file is missing, or holds no such network.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        if not file.is_file():
            raise CheckpointError(
                f"{file}: no such file; give hand_landmark_full.tflite of the package mediapipe"
            )
        try:
            self._read(schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes())))
        except (
            AttributeError, IndexError, KeyError, RuntimeError, StopIteration, TypeError, ValueError, struct.error,
        ) as error:  # fmt: skip
            raise CheckpointError(
                f"{file}: not MediaPipe's full hand landmark network ({type(error).__name__}: {error}); give "
                "hand_landmark_full.tflite of the package mediapipe"
            ) from error
        self.requires_grad_(requires_grad=False)

    def _read(self, model: Any) -> None:
        graph = model.subgraphs[0]
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        operators = [(codes[operator.opcodeIndex], operator) for operator in graph.operators]
        # Weights are kept in 16 bits, and widened by an operator each.
        source = {
            int(operator.outputs[0]): int(operator.inputs[0])
            for code, operator in operators
            if code == schema.BuiltinOperator.DEQUANTIZE
        }

        def constant(index: int) -> Tensor:
            tensor = graph.tensors[source.get(index, index)]
            values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), _DTYPES[tensor.type])
            return torch.from_numpy(values.astype(np.float32).reshape(tensor.shape))

        self._steps: list[_Step] = []
        for code, operator in operators:
            inputs = [int(index) for index in operator.inputs]
            if code in _CONVOLUTIONS:
                layer = _Convolution(
                    constant(inputs[1]),
                    constant(inputs[2]),
                    depthwise=code == schema.BuiltinOperator.DEPTHWISE_CONV_2D,
                    options=operator.builtinOptions,
                )
                self._steps.append(_Step(layer, inputs[:1], int(operator.outputs[0])))
            elif code == schema.BuiltinOperator.ADD:
                self._steps.append(_Step(torch.add, inputs, int(operator.outputs[0])))
        self._input = int(graph.inputs[0])
        if list(graph.tensors[self._input].shape) != [1, WIDE, WIDE, 3]:
            raise ValueError(f"its input is {list(graph.tensors[self._input].shape)}")
        self._read_at = [self._last(graph, side) for side in CELLS]
        results = [step.result for step in self._steps]
        del self._steps[results.index(self._read_at[-1]) + 1 :]
        self.layers = nn.ModuleList(step.layer for step in self._steps if isinstance(step.layer, nn.Module))
        # What it does with a crop is the best check of what was read.
        fine, coarse = self(torch.zeros(1, 3, WIDE, WIDE, dtype=torch.uint8))
        self.channels = (fine.shape[1], coarse.shape[1])

    def _last(self, graph: Any, side: int) -> int:
        """The last features of a size that a block gives: they are a sum or a projection, without an activation."""
        whole: list[int] = [step.result for step in self._steps if getattr(step.layer, "projects", True)]
        return next(index for index in reversed(whole) if graph.tensors[index].shape[1] == side)

    def forward(self, patches: Tensor) -> list[Tensor]:
        """Features (N, C, 14, 14) and (N, C', 7, 7) of uint8 RGB patches (N, 3, 224, 224)."""
        dtype = next(self.parameters()).dtype
        images = (patches.to(dtype) / 255).contiguous(memory_format=torch.channels_last)
        given = {self._input: images}
        for step in self._steps:
            given[step.result] = step.layer(*(given[index] for index in step.inputs))
        return [given[index] for index in self._read_at]


class _Step(NamedTuple):
    layer: Callable[..., Tensor]
    inputs: list[int]
    result: int


class _Convolution(nn.Module):
    """A convolution of TFLite, whose padding is what "same" needs, with the odd row or column after the picture."""

    def __init__(self, weight: Tensor, bias: Tensor, *, depthwise: bool, options: Any) -> None:
        super().__init__()
        if options.padding != schema.Padding.SAME:
            raise ValueError("a convolution without padding")
        self.weight = nn.Parameter(weight.permute((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)).contiguous())
        self.bias = nn.Parameter(bias)
        self._groups = len(self.weight) if depthwise else 1
        self._stride = int(options.strideW)
        self._activation = _ACTIVATIONS[options.fusedActivationFunction]
        self.projects = options.fusedActivationFunction == schema.ActivationFunctionType.NONE

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, S, S) to (N, C', S / stride, S / stride)."""
        side = features.shape[-1]
        missing = max((-(-side // self._stride) - 1) * self._stride + self.weight.shape[-1] - side, 0)
        before, after = missing // 2, missing - missing // 2
        if before != after:
            features, before = functional.pad(features, (before, after, before, after)), 0
        return self._activation(
            functional.conv2d(features, self.weight, self.bias, self._stride, before, groups=self._groups)
        )
