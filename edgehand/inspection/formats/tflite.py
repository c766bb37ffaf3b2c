"""TFLite: the operators of the flatbuffer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from edgehand.inspection.formats import Layer

_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_TYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}


def layers(files: tuple[Path, ...]) -> list[Layer]:
    """The operators, each called after its result."""
    content = files[0].read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    return [_layer(model, graph, operator) for operator in graph.operators]


def _layer(model: Any, graph: Any, operator: Any) -> Layer:
    result = graph.tensors[operator.outputs[0]]
    sizes = {
        index: _size(model.buffers[graph.tensors[index].buffer]) for index in operator.inputs if index >= 0
    }
    constants = {index: size for index, size in sizes.items() if size}
    largest = max(constants, key=lambda index: constants[index], default=None)
    return Layer(
        name=_short(result.name.decode()),
        operation=_OPERATORS[model.operatorCodes[operator.opcodeIndex].builtinCode],
        dtype=_TYPES[result.type],
        weights="" if largest is None else _TYPES[graph.tensors[largest].type],
        size=sum(constants.values()),
    )


def _size(buffer: Any) -> int:
    return buffer.size if buffer.offset else 0 if buffer.data is None else len(buffer.data)


def _short(name: str) -> str:
    """A tensor's name without the Python modules of the classes in it."""
    first = name.split(";")[0].split("ChannelLastIOWrapper/")[-1]
    return "/".join(re.sub(r"^(\w+\.)+", "", part) for part in first.split("/"))
