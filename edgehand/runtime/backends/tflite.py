"""TFLite files, by LiteRT or - on 32-bit boards - tflite-runtime."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import EngineError, ModelFileError
from edgehand.runtime.backends import End

METADATA = "edgehand.json"
"""Member of the ZIP archive behind the model's own bytes (TFLite's way to carry associated files)."""
MAX_METADATA = 1 << 20


class Backend:
    """A TFLite model, one crop at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        model, self.metadata = _split(path)
        self.files = (path,)
        try:
            self._interpreter = _engine().Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{path}: the TFLite engine refuses it ({error})") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if not (inputs and outputs):
            raise ModelFileError(f"{path}: a model without input or output; give one that finds hands")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    @staticmethod
    def reads(head: bytes) -> bool:
        """Whether the file identifier of TFLite's flatbuffer is there."""
        return head[4:8] == b"TFL3"

    def ends(self) -> tuple[End, End]:
        """Of the first input and output."""
        taken, given = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        return _end(taken), _end(given)

    def infer(self, image: NDArray[Any]) -> NDArray[Any]:
        """Heatmaps (1, H, W, 21) of a crop (1, S, S, 3)."""
        self._interpreter.set_tensor(self._input, image)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))


def _end(details: dict[str, Any]) -> End:
    return np.dtype(details["dtype"]).name, tuple(details["shape"][1:].tolist())


def _split(path: Path) -> tuple[bytes, str | None]:
    """The flatbuffer, and the JSON in the archive behind it."""
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = archive.getinfo(METADATA)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{METADATA} is compressed in a way that no exporter uses")
            if member.file_size > MAX_METADATA:
                raise ModelFileError(f"{path}: its {METADATA} is larger than {MAX_METADATA} bytes: refused")
            model, metadata = content[: member.header_offset], archive.read(member).decode()
            expected = json.loads(metadata)["model_sha256"]
    except ModelFileError:
        raise
    except KeyError:
        return content, None
    except (zipfile.BadZipFile, zlib.error, ValueError, TypeError, EOFError, RuntimeError) as error:
        if isinstance(error, zipfile.BadZipFile) and METADATA.encode() not in content:
            return content, None
        raise ModelFileError(f"{path}: its metadata is damaged ({error}); copy or export it again") from error
    if hashlib.sha256(model).hexdigest() != expected:
        raise ModelFileError(f"{path}: its bytes are not those that were exported; copy or export it again")
    return model, metadata


def transparent_interpreter(path: Path) -> Any:
    """An interpreter that runs operation by operation and keeps every tensor, to look into a model."""
    engine = _engine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that this costs memory
        interpreter = engine.Interpreter(
            model_content=_split(path)[0],
            experimental_op_resolver_type=engine.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    return interpreter


def _engine() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ModuleNotFoundError:
        try:
            from tflite_runtime import interpreter
        except ModuleNotFoundError:
            raise EngineError(
                "no TFLite engine is installed: pip install ai-edge-litert (or 'edgehand[tflite]' on 32-bit boards)"
            ) from None
    return interpreter
