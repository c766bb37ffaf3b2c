"""ONNX: the graph that ONNX Runtime makes of the file for itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import onnx.numpy_helper
import onnxruntime
from numpy.typing import NDArray

from edgehand.inspection.formats import Layer


def layers(files: tuple[Path, ...]) -> list[Layer]:
    """The nodes after ONNX Runtime's optimisation, but for the last level, which only rearranges weights."""
    graph = optimised(files[0])
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.initializer}
    types = {value.name: _name(value.type.tensor_type.elem_type) for value in graph.input}
    found = []
    for node in graph.node:
        used = [constants[name] for name in node.input if name in constants]
        types |= zip(node.output, _results(node, used, types), strict=False)
        largest = max(used, key=lambda constant: constant.nbytes, default=None)
        found.append(
            Layer(
                name=node.name,
                operation=node.op_type,
                dtype=types[node.output[0]],
                weights="" if largest is None else largest.dtype.name,
                size=sum(constant.nbytes for constant in used),
            )
        )
    return found


def optimised(path: Path) -> onnx.GraphProto:
    """The graph that ONNX Runtime makes of a file, but for its last level, which would rearrange and rename weights."""
    with TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath).graph


def _results(node: onnx.NodeProto, constants: list[NDArray[Any]], types: dict[str, str]) -> list[str]:
    """Types of a node's results: ONNX Runtime writes none, so they are those of the zero point, or of the input."""
    if node.op_type == "DequantizeLinear":
        return ["float32"]
    if node.op_type == "DynamicQuantizeLinear":
        return ["uint8", "float32", "uint8"]
    if node.op_type.endswith("Integer"):
        return ["int32"]
    if node.op_type == "Cast":
        return [_name(attribute.i) for attribute in node.attribute if attribute.name == "to"]
    if "QLinear" in node.op_type or node.op_type == "QuantizeLinear":
        zeros = [value.dtype.name for value in constants if value.ndim == 0 and value.dtype.kind in "iu"]
        return zeros[-1:] or [""]
    return [types.get(node.input[0], "") if node.input else ""]


def _name(element: int) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(element).name)
