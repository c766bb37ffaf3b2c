"""ONNX files, by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import EngineError, ModelFileError
from edgehand.runtime.backends import End

METADATA = "edgehand"
"""Key of the model's metadata_props."""


class Backend:
    """An ONNX model, one crop at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise EngineError(f"{path}: ONNX files need ONNX Runtime: pip install 'edgehand[onnx]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's exceptions share no base class but this.
        except Exception as error:
            raise ModelFileError(f"{path}: ONNX Runtime refuses it ({error})") from error
        self.files = (path,)
        inputs = self._session.get_inputs()
        self._input = inputs[0].name if inputs else ""  # somebody else's model may have none
        self.metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA)

    @staticmethod
    def reads(head: bytes) -> bool:
        """Whether the file starts like an ONNX protobuf: field 1, ir_version, a small number."""
        return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 0x80

    def ends(self) -> tuple[End, End]:
        """Of the first input and output."""
        return _end(self._session.get_inputs()[0]), _end(self._session.get_outputs()[0])

    def infer(self, image: NDArray[Any]) -> NDArray[Any]:
        """Heatmaps (1, 21, H, W) of a crop (1, 3, S, S)."""
        return np.asarray(self._session.run(None, {self._input: image})[0])


def _end(node: Any) -> End:
    """Its type is called tensor(int8) and the like, where float is that of 32 bits."""
    dtype = node.type.removeprefix("tensor(").removesuffix(")")
    return "float32" if dtype == "float" else dtype, tuple(node.shape[1:])
