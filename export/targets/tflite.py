"""TFLite: litert-torch converts, ai-edge-quantizer quantizes."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator, quantizer, recipe_manager
from ai_edge_quantizer import recipe as recipes
from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray
from torch import nn

from edgehand.export.ranges import Observer
from edgehand.export.recipe import Recipe
from edgehand.export.targets import Weights
from edgehand.runtime.artifact import Metadata, default_threads
from edgehand.runtime.backends import Tensor
from edgehand.runtime.backends.tflite import METADATA
from edgehand.spec import ModelSpec

SUFFIX = ".tflite"
DECONVOLUTION = "NHWC"
PACKAGES = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")
NOT_OFFERED: dict[str, str] = {}
OFFERED: dict[str, tuple[Any, ...]] = {
    "symmetric": (None, False),  # as the kernels' 8-bit activations are
    "bias_correction": (False,),
    "io": (None, "int8", "float32"),
}

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_INTEGER = (schema.TensorType.INT8, schema.TensorType.INT32, schema.TensorType.UINT8)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of the archive's member, so that the same model gives the same bytes


def convert(graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model, NHWC."""
    channels_last = litert_torch.to_channel_last_io(graph, args=[0], outputs=[0]).eval()
    sample = torch.zeros(1, spec.input_size, spec.input_size, 3)
    litert_torch.convert(channels_last, (sample,)).export(str(file))
    return _tensors(file)


def quantize(
    source: Path, inputs: NDArray[np.float32], recipe: Recipe, floats: Weights, file: Path
) -> tuple[Tensor, Tensor]:
    """Write the INT8 model, the convolutions in `floats` left as they are."""
    maker = quantizer.Quantizer(str(source))
    maker.add_static_config(
        regex=".*",
        operation_name=TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity=QuantGranularity.CHANNELWISE
        if recipe.per_channel
        else QuantGranularity.TENSORWISE,
    )
    left = [f"^{re.escape(output)};?$" for output in _convolutions(source.read_bytes(), floats)]
    for regex in left:
        _leave(maker, regex, TFLOperationName.ALL_SUPPORTED)
    if recipe.io == "float32":
        _leave(maker, ".*", TFLOperationName.INPUT)
        _leave(maker, ".*", TFLOperationName.OUTPUT)
    maker.quantize(_ranges(source, inputs, recipe, maker)).export_model(str(file), overwrite=True)
    return _tensors(file)


def _leave(maker: quantizer.Quantizer, regex: str, operation: TFLOperationName) -> None:
    maker.update_quantization_recipe(
        regex=regex, operation_name=operation, algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE
    )


def _ranges(
    source: Path, inputs: NDArray[np.float32], recipe: Recipe, maker: quantizer.Quantizer
) -> dict[str, Any]:
    """Tensor -> its range, as the quantizer wants it."""
    crops = [np.ascontiguousarray(crop[None].transpose(0, 2, 3, 1)) for crop in inputs]
    ((signature, names),) = Interpreter(str(source)).get_signature_list().items()
    # Not maker.calibrate: its moving average of the ranges would cut off the peaks that a heatmap is about.
    ranges = calibrator.Calibrator(str(source), default_threads(), qsv_update_func=qsv_utils.min_max_update)
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(maker.get_quantization_recipe())
    seen = crops if recipe.calibrator == "min-max" else crops[:1]
    ranges.calibrate({signature: [{names["inputs"][0]: crop} for crop in seen]}, manager)
    found: dict[str, Any] = ranges.get_model_qsvs()
    if recipe.calibrator != "min-max":
        # The tool has no other calibrator: ours looks at the same tensors.
        observer = Observer(recipe)
        interpreter = Interpreter(
            str(source), num_threads=default_threads(), experimental_preserve_all_tensors=True
        )
        interpreter.allocate_tensors()
        variable = {
            detail["name"]: detail["index"]
            for detail in interpreter.get_tensor_details()
            if detail["name"] in found
        }
        for crop in crops:
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], crop)
            interpreter.invoke()
            observer.see({name: interpreter.get_tensor(index) for name, index in variable.items()})
        for name, (low, high) in observer.ranges().items():
            shape = np.shape(found[name]["min"])
            found[name] = {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}
    return found


def shrink(source: Path, precision: str, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model with weights of 16-bit floats, or of 8-bit integers that meet activations quantized as
    they come.
    """
    maker = quantizer.Quantizer(str(source))
    if precision == "fp16":
        maker.add_weight_only_config(
            regex=".*",
            operation_name=TFLOperationName.ALL_SUPPORTED,
            num_bits=16,
            algorithm_key=quantizer.AlgorithmName.FLOAT_CASTING,
        )
    else:
        maker.load_quantization_recipe(recipes.dynamic_wi8_afp32())
    maker.quantize().export_model(str(file), overwrite=True)
    return _tensors(file)


def _tensors(file: Path) -> tuple[Tensor, Tensor]:
    interpreter = Interpreter(str(file))
    return _tensor(interpreter.get_input_details()[0]), _tensor(interpreter.get_output_details()[0])


def _tensor(detail: dict[str, Any]) -> Tensor:
    scale, zero_point = detail["quantization"]
    dtype = np.dtype(detail["dtype"]).name
    return Tensor(dtype, "NHWC", 1.0 if dtype == "float32" else float(scale), int(zero_point))


def float_convolutions(file: Path, floats: Weights) -> list[str]:
    """Outputs of convolutions one of whose tensors is not integer, other than those in `floats`."""
    content = file.read_bytes()
    found = []
    for graph, operator in _operators(content):
        used = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
        if any(tensor.type not in _INTEGER for tensor in used):
            found.append(graph.tensors[operator.outputs[0]].name.decode())
    wanted = _convolutions(content, floats)
    return [name for name in found if name not in wanted]


def _convolutions(content: bytes, weights: Weights) -> list[str]:
    """Outputs of the convolutions that have these weights: names of tensors tell nothing of the network's layers."""
    wanted = {np.ascontiguousarray(values.transpose(0, 2, 3, 1)).tobytes() for values in weights.values()}
    # A depthwise convolution keeps its channels last.
    wanted |= {np.ascontiguousarray(values.transpose(1, 2, 3, 0)).tobytes() for values in weights.values()}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    found = []
    for graph, operator in _operators(content):
        buffer = model.buffers[graph.tensors[operator.inputs[1]].buffer]
        # The quantizer puts constants behind the flatbuffer.
        data = content[buffer.offset :][: buffer.size] if buffer.offset else bytes(buffer.data)
        if data in wanted:
            found.append(graph.tensors[operator.outputs[0]].name.decode())
    return found


def _operators(content: bytes) -> Iterator[tuple[Any, Any]]:
    """Each convolution, after the graph that it is in."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name in _CONVOLUTIONS}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode in names:
                yield graph, operator


def attach(file: Path, metadata: Metadata) -> list[Path]:
    """Append an archive with the metadata, as TFLite models carry associated files."""
    model = file.read_bytes()
    content = metadata.to_json(model_sha256=hashlib.sha256(model).hexdigest())
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA, _EPOCH), content)
    file.write_bytes(buffer.getvalue())
    return [file]
