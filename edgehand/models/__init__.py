"""What ships: float checkpoints and the INT8 models made of them, and the pictures that calibrate."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from edgehand.errors import InputError

FOLDER = Path(str(resources.files(__name__)))
CALIBRATION = FOLDER / "calibration"
"""104 rendered hands in 96 pictures, COCO keypoints."""


def names() -> list[str]:
    """Names of the models that ship."""
    return sorted(file.stem for file in FOLDER.glob("*.safetensors"))


def checkpoint(name: str) -> Path:
    """The float checkpoint of a model that ships.

    Raises:
        InputError: there is no such model.
    """
    if name not in names():
        raise InputError(f"model {name!r}: expected one of {', '.join(names())}, or give a checkpoint's file")
    return FOLDER / f"{name}.safetensors"


def int8_model(name: str = "lite") -> Path:
    """The INT8 TFLite file of a model that ships, see `checkpoint`."""
    return checkpoint(name).with_name(f"{name}-int8.tflite")


def model_file(name_or_file: str | Path) -> Path:
    """A model file by its path, or the INT8 one of a model that ships by its name."""
    return int8_model(str(name_or_file)) if str(name_or_file) in names() else Path(name_or_file)


def checkpoint_file(name_or_file: str | Path) -> Path:
    """A checkpoint by its path, or that of a model that ships by its name."""
    return checkpoint(str(name_or_file)) if str(name_or_file) in names() else Path(name_or_file)
