"""OpenVINO: the graph that the CPU plugin makes of the file for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino

from edgehand.inspection.formats import Layer

_PRECISIONS = {"i8": "int8", "u8": "uint8", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}
_ENDS = ("Input", "Output", "Const")


def layers(path: Path) -> list[Layer]:
    """The nodes that the plugin runs, with the constants of all that was fused into each."""
    model = openvino.Core().read_model(path)
    constants = {node.get_friendly_name(): _constants(node) for node in model.get_ops()}
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        facts = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        if facts["layerType"] in _ENDS or _is_constant(node):
            continue
        own = [
            constant
            for origin in facts["originalLayersNames"].split(",")
            for constant in constants.get(origin, [])
        ]
        largest = max(own, key=lambda constant: int(constant.get_byte_size()), default=None)
        found.append(
            Layer(
                name=node.get_friendly_name().removeprefix("__module.").partition("/aten")[0],
                operation=facts["layerType"],
                dtype=_PRECISIONS.get(facts["runtimePrecision"], facts["runtimePrecision"]),
                weights="" if largest is None else largest.get_element_type().get_type_name(),
                size=sum(int(constant.get_byte_size()) for constant in own),
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
