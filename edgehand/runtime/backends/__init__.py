"""Engines: one file each, found by its name, imported when a model file needs it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from edgehand.crop import Layout

LAYOUTS = ("NCHW", "NHWC")
DTYPES = ("float32", "int8", "uint8")


@dataclass(frozen=True)
class Tensor:
    """What goes into or comes out of a model: real value = (stored value - zero_point) * scale."""

    dtype: str
    """float32, int8 or uint8."""
    layout: Layout
    """NCHW or NHWC."""
    scale: float = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES or self.layout not in LAYOUTS or not 0 < float(self.scale) < float("inf"):
            raise ValueError(f"tensor {self.dtype} {self.layout} with scale {self.scale}")


class Backend(Protocol):
    """One model file opened by one engine."""

    metadata: str | None
    """The JSON that the exporter put into the file, None in a file of someone else's."""
    files: tuple[Path, ...]
    """All that belong to the model, itself first."""

    def __init__(self, path: Path, threads: int) -> None:
        """Open the file; raises ModelFileError or EngineError."""

    @staticmethod
    def reads(head: bytes) -> bool:
        """Whether a file that starts with `head` (its first 4096 bytes) is in this engine's format."""

    def infer(self, image: NDArray[Any]) -> NDArray[Any]:
        """Heatmaps of one normalised crop, both as the file's metadata describes them.

        The result may be overwritten by the next call.
        """


def names() -> list[str]:
    """Names of the engines: the modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def backend(name: str) -> type[Backend]:
    """The class of an engine, without importing the engine itself."""
    found: type[Backend] = importlib.import_module(f"{__name__}.{name}").Backend
    return found
