"""OpenVINO files: an .xml and its .bin."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import EngineError, ModelFileError
from edgehand.runtime.backends import End

METADATA = "edgehand"
"""Key of the model's rt_info."""


class Backend:
    """An OpenVINO model, one crop at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        import edgehand.runtime.silence_openvino  # noqa: F401 (before what it silences)

        try:
            import openvino
        except ModuleNotFoundError:
            raise EngineError(
                f"{path}: OpenVINO files need its engine: pip install 'edgehand[openvino]'"
            ) from None
        self.metadata = _metadata(path)
        weights = _weights(path, self.metadata)
        self.files = (path, weights)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            core = openvino.Core()
            model = core.compile_model(core.read_model(path, weights), "CPU", settings)
        except RuntimeError as error:
            raise ModelFileError(f"{path}: OpenVINO refuses it ({error})") from error
        self._model, self._request = model, model.create_infer_request()

    @staticmethod
    def reads(head: bytes) -> bool:
        """Whether the file is XML whose root is <net>."""
        return head.lstrip().startswith(b"<?xml") and b"<net " in head

    def ends(self) -> tuple[End, End]:
        """Of the first input and output."""
        return _end(self._model.input(0)), _end(self._model.output(0))

    def infer(self, image: NDArray[Any]) -> NDArray[Any]:
        """Heatmaps (1, 21, H, W) of a crop (1, 3, S, S)."""
        self._request.infer([image])
        return np.asarray(self._request.get_output_tensor(0).data)


def _end(port: Any) -> End:
    return port.get_element_type().to_dtype().name, tuple(port.get_shape())[1:]


def _metadata(path: Path) -> str | None:
    try:
        entry = ElementTree.parse(path).find(f"./rt_info/{METADATA}")
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter two: an unknown encoding
        raise ModelFileError(f"{path}: damaged XML ({error}); copy or export it again") from error
    return None if entry is None else entry.get("value")


def _weights(path: Path, metadata: str | None) -> Path:
    """The .bin of an .xml: of the same name, or - the .xml was renamed - of the name it was exported with."""
    beside = path.with_suffix(".bin")
    try:
        recorded = json.loads(metadata or "{}")
        name, expected = recorded.get("weights_file", beside.name), recorded.get("weights_sha256")
        exported = path.with_name(Path(name).name)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{path}: its metadata is damaged ({error}); copy or export it again") from error
    weights = beside if beside.is_file() else exported
    if not weights.is_file():
        raise ModelFileError(f"{path}: its weights {exported.name} are not beside it; copy both files")
    if expected and hashlib.sha256(weights.read_bytes()).hexdigest() != expected:
        raise ModelFileError(
            f"{weights}: not the weights that {path.name} was exported with; copy both files again"
        )
    return weights
