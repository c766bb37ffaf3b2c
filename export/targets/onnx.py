"""ONNX: PyTorch converts, ONNX Runtime quantizes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import nn

from edgehand.export.recipe import Recipe
from edgehand.export.targets import Weights
from edgehand.inspection.formats.onnx import optimised
from edgehand.runtime.artifact import Metadata
from edgehand.runtime.backends import Tensor
from edgehand.runtime.backends.onnx import METADATA
from edgehand.spec import ModelSpec

SUFFIX = ".onnx"
DECONVOLUTION = "NCHW"
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")
NOT_OFFERED: dict[str, str] = {}
OFFERED: dict[str, tuple[Any, ...]] = {
    "calibrator": ("min-max", "percentile", "entropy"),
    "bias_correction": (False,),
    "io": (None, "uint8", "float32"),
}
_CALIBRATORS = {
    "min-max": quantization.CalibrationMethod.MinMax,
    "percentile": quantization.CalibrationMethod.Percentile,
    "entropy": quantization.CalibrationMethod.Entropy,
}

_FLOAT = Tensor("float32", "NCHW")


class _Crops(quantization.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: NDArray[np.float32]) -> None:
        self._inputs = inputs
        self.set_range(0, len(inputs))

    def __len__(self) -> int:
        return len(self._inputs)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._crops = iter(self._inputs[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        crop = next(self._crops, None)
        return None if crop is None else {"input": crop[None]}


def convert(graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model, NCHW, of any batch size up to 64."""
    # A batch of two: one would be taken for a constant.
    sample = torch.zeros(2, 3, spec.input_size, spec.input_size)
    torch.onnx.export(
        graph,
        (sample,),
        str(file),
        dynamo=True,
        external_data=False,
        opset_version=18,
        input_names=["input"],
        output_names=["heatmaps"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
        verbose=False,
    )
    return _FLOAT, _FLOAT


def quantize(
    source: Path, inputs: NDArray[np.float32], recipe: Recipe, floats: Weights, file: Path
) -> tuple[Tensor, Tensor]:
    """Write the INT8 model, the convolutions in `floats` left as they are."""
    with TemporaryDirectory(dir=file.parent) as folder:
        prepared = Path(folder) / "prepared.onnx"
        # PyTorch's exporter has already inferred every shape that the symbolic pass would look for.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(prepared, load_external_data=False).graph.node
        quantization.quantize_static(
            str(prepared),
            str(file),
            _Crops(inputs),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=recipe.per_channel,
            calibrate_method=_CALIBRATORS[recipe.calibrator],
            nodes_to_exclude=[node.name for node in nodes if _weights(node) in floats],
            extra_options={
                "ActivationSymmetric": bool(recipe.symmetric),
                "CalibPercentile": recipe.percentile,
                # One crop at a time, by every calibrator: histograms would else keep the activations of all.
                "CalibStridedMinMax": 1,
            },
        )
    if recipe.io == "float32":
        return _FLOAT, _FLOAT
    model = onnx.load(file)
    ends = _integer_ends(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return ends


def _weights(node: onnx.NodeProto) -> str:
    """Name of the graph's module that a convolution came from, which its weights are called after."""
    return str(node.input[1]).removesuffix(".weight") if "Conv" in node.op_type else ""


def shrink(source: Path, precision: str, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model with weights of 16-bit floats, or of 8-bit integers that meet activations quantized as
    they come.
    """
    if precision == "fp16":
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), file)
    else:
        # ONNX Runtime's dynamic convolution takes one scale a tensor, and unsigned weights alone.
        quantization.quantize_dynamic(str(source), str(file), weight_type=quantization.QuantType.QUInt8)
    return _FLOAT, _FLOAT


def _integer_ends(graph: onnx.GraphProto) -> tuple[Tensor, Tensor]:
    """Take the quantization of the input and the dequantization of the output out of the graph.

    An end that the recipe keeps in float has neither, and stays float32.
    """
    taken, given = graph.input[0], graph.output[0]
    (first,) = [node for node in graph.node if taken.name in node.input]
    (last,) = [node for node in graph.node if given.name in node.output]
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    ends = []
    for value, node, inner, kind in (
        (taken, first, first.output[0], "QuantizeLinear"),
        (given, last, last.input[0], "DequantizeLinear"),
    ):
        if node.op_type != kind:
            ends.append(_FLOAT)
            continue
        scale, zero_point = constants[node.input[1]], constants[node.input[2]]
        value.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(zero_point.dtype)
        ends.append(Tensor(zero_point.dtype.name, "NCHW", float(scale), int(zero_point)))
        # The ends keep their names: the tensors inside take them.
        for other in graph.node:
            for names in (other.input, other.output):
                for index, name in enumerate(names):
                    if name == inner:
                        names[index] = value.name
        graph.node.remove(node)
    return ends[0], ends[1]


def float_convolutions(file: Path, floats: Weights) -> list[str]:
    """Convolutions that ONNX Runtime, asked for its own optimised graph, does not run in integers, other than those in
    `floats`.
    """
    found = [
        node for node in optimised(file).node if "Conv" in node.op_type and node.op_type != "QLinearConv"
    ]
    return [node.name for node in found if _weights(node) not in floats]


def attach(file: Path, metadata: Metadata) -> list[Path]:
    """Put the metadata among the model's own properties."""
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {METADATA: metadata.to_json()})
    onnx.save(model, file)
    return [file]
