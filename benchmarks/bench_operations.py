"""Where the time of a TFLite model goes: milliseconds by kind of operation, side by side for several files.

    python benchmarks/bench_operations.py FILE...

Each file is cut off behind one operation after another, and every piece is timed with one thread, least of many: an
operation's time is what its piece takes longer than the one before. XNNPACK fuses paddings with what reads them, so
pieces end behind other operations alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from timing import least

FUSED = ("PAD", "QUANTIZE", "DEQUANTIZE")
NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


def read(path: Path) -> Any:
    """A model's object tree, with the weights that a quantizer puts behind the flatbuffer."""
    content = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content[buffer.offset : buffer.offset + buffer.size], np.uint8)
            buffer.offset = buffer.size = 0
    return model


def kinds(model: Any) -> list[str]:
    """The operations' names, in order."""
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return [NAMES[codes[operator.opcodeIndex]] for operator in model.subgraphs[0].operators]


def opened(path: Path, count: int) -> Interpreter:
    """The first operations of a model; what no other of them reads is its output."""
    model = read(path)
    graph = model.subgraphs[0]
    graph.operators = graph.operators[:count]
    taken = {int(tensor) for operator in graph.operators for tensor in operator.inputs}
    given = [int(operator.outputs[0]) for operator in graph.operators]
    graph.outputs = [tensor for tensor in given if tensor not in taken]
    model.signatureDefs = []
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    interpreter = Interpreter(model_content=bytes(builder.Output()), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
    return interpreter


def by_kind(path: Path) -> dict[str, float]:
    """Milliseconds by the operation's name."""
    spent: dict[str, float] = {}
    before = 0.0
    for index, kind in enumerate(kinds(read(path)), start=1):
        if kind in FUSED:
            continue
        now = least({"piece": opened(path, index).invoke})["piece"] / 1e3
        spent[kind] = spent.get(kind, 0.0) + now - before
        before = now
    return spent | {"all": before}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files = parser.parse_args().files
    found = [by_kind(file) for file in files]
    print(f"{'':24}", *(f"{file.name[-20:]:>20}" for file in files))
    for kind in found[0] | found[-1]:
        print(f"{kind:24}", *(f"{spent.get(kind, 0.0):20.3f}" for spent in found))


if __name__ == "__main__":
    main()
