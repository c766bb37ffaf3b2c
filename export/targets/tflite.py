"""TFLite: litert-torch converts, ai-edge-quantizer quantizes."""

from __future__ import annotations

import hashlib
import io as io_module
import zipfile
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray
from torch import nn

from edgehand.runtime.artifact import Metadata, default_threads
from edgehand.runtime.backends import Tensor
from edgehand.runtime.backends.tflite import METADATA
from edgehand.spec import ModelSpec

SUFFIX = ".tflite"
DECONVOLUTION = "NHWC"
PACKAGES = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert")
NOT_OFFERED: dict[str, str] = {}

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of the archive's member, so that the same model gives the same bytes


def convert(graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
    """Write the float model, NHWC."""
    channels_last = litert_torch.to_channel_last_io(graph, args=[0], outputs=[0]).eval()
    sample = torch.zeros(1, spec.input_size, spec.input_size, 3)
    litert_torch.convert(channels_last, (sample,)).export(str(file))
    return _tensors(file)


def quantize(source: Path, inputs: NDArray[np.float32], io: str, file: Path) -> tuple[Tensor, Tensor]:
    """Write the INT8 model: weights per channel, activations by the range that `inputs` give them."""
    maker = quantizer.Quantizer(str(source))
    maker.load_quantization_recipe(recipe.static_wi8_ai8())
    if io == "float32":
        for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            maker.update_quantization_recipe(
                regex=".*", operation_name=end, algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE
            )
    ((signature, names),) = Interpreter(str(source)).get_signature_list().items()
    crops = [{names["inputs"][0]: np.ascontiguousarray(crop[None].transpose(0, 2, 3, 1))} for crop in inputs]
    # Not maker.calibrate: its moving average of the ranges would cut off the peaks that a heatmap is about.
    ranges = calibrator.Calibrator(str(source), default_threads(), qsv_update_func=qsv_utils.min_max_update)
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(maker.get_quantization_recipe())
    ranges.calibrate({signature: crops}, recipes)
    maker.quantize(ranges.get_model_qsvs()).export_model(str(file), overwrite=True)
    return _tensors(file)


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
        maker.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    maker.quantize().export_model(str(file), overwrite=True)
    return _tensors(file)


def _tensors(file: Path) -> tuple[Tensor, Tensor]:
    interpreter = Interpreter(str(file))
    return _tensor(interpreter.get_input_details()[0]), _tensor(interpreter.get_output_details()[0])


def _tensor(detail: dict[str, Any]) -> Tensor:
    scale, zero_point = detail["quantization"]
    dtype = np.dtype(detail["dtype"]).name
    return Tensor(dtype, "NHWC", 1.0 if dtype == "float32" else float(scale), int(zero_point))


def float_convolutions(file: Path) -> list[str]:
    """Outputs of convolutions one of whose tensors is not integer."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name in _CONVOLUTIONS}
    integer = (schema.TensorType.INT8, schema.TensorType.INT32, schema.TensorType.UINT8)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    found = []
    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode in names:
                used = [index for index in (*operator.inputs, *operator.outputs) if index >= 0]
                if any(graph.tensors[index].type not in integer for index in used):
                    found.append(graph.tensors[operator.outputs[0]].name.decode())
    return found


def attach(file: Path, metadata: Metadata) -> list[Path]:
    """Append an archive with the metadata, as TFLite models carry associated files."""
    model = file.read_bytes()
    content = metadata.to_json(model_sha256=hashlib.sha256(model).hexdigest())
    buffer = io_module.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA, _EPOCH), content)
    file.write_bytes(buffer.getvalue())
    return [file]
