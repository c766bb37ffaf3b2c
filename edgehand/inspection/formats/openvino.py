"""OpenVINO: the graph that the CPU plugin makes of the file for itself."""

from __future__ import annotations

import edgehand.runtime.silence_openvino  # noqa: F401 (before what it silences)

# isort: split
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from edgehand.inspection.formats import Layer

_PRECISIONS = {
    "i8": "int8",
    "u8": "uint8",
    "i32": "int32",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
}
_ENDS = ("Input", "Output", "Const")


def layers(files: tuple[Path, ...]) -> list[Layer]:
    """The nodes that the plugin runs, with the constants of all that was fused into each."""
    model = openvino.Core().read_model(*files)
    constants = {node.get_friendly_name(): _constants(node) for node in model.get_ops()}
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        facts = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        if facts["layerType"] in _ENDS or _is_constant(node):
            continue
        own = [
            (int(constant.get_byte_size()), constant.get_element_type().get_type_name())
            for origin in facts["originalLayersNames"].split(",")
            for constant in constants.get(origin, [])
        ]
        run = _run_constants(node)
        # The plugin renames a layer that it moved a scale through; its weights are then under no name of the file.
        if run and max(own, default=(0, ""))[0] < max(elements for elements, _, _ in run):
            own = [(size, precision) for _, size, precision in run]
        found.append(
            Layer(
                name=node.get_friendly_name().removeprefix("__module.").partition("/aten")[0],
                operation=facts["layerType"],
                dtype=_PRECISIONS.get(facts["runtimePrecision"], facts["runtimePrecision"]),
                weights=max(own, default=(0, ""))[1],
                size=sum(size for size, _ in own),
            )
        )
    return found


def _constants(node: Any) -> list[Any]:
    """The constants that a node reads, directly or through what only scales or reshapes a constant."""
    found = []
    for source in _sources(node):
        if source.get_type_name() == "Constant":
            found.append(source)
        elif _is_constant(source):
            found += _constants(source)
    return found


def _run_constants(node: Any) -> list[tuple[int, int, str]]:
    """Elements, bytes and precision of the constants that a node of the plugin's graph reads."""
    found = []
    for value in node.inputs():
        source = value.get_source_output().get_node()
        if _is_constant(source):
            elements = int(np.prod(value.get_shape()))
            precision = str(source.get_rt_info()["runtimePrecision"].astype(str))
            width = np.dtype(_PRECISIONS.get(precision, precision)).itemsize
            found.append((elements, elements * width, precision))
    return found


def _is_constant(node: Any) -> bool:
    """Whether a node's result is the same for every input, in the file's graph or the plugin's."""
    facts = node.get_rt_info()
    if node.get_type_name() == "Constant" or (
        "layerType" in facts and facts["layerType"].astype(str) == "Const"
    ):
        return True
    sources = _sources(node)
    return bool(sources) and all(_is_constant(source) for source in sources)


def _sources(node: Any) -> list[Any]:
    return [value.get_source_output().get_node() for value in node.inputs()]
