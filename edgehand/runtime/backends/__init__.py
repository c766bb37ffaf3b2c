"""Engines: one file each, found by its name, imported when a model file needs it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from edgehand.crop import Layout

LAYOUTS = ("NCHW", "NHWC")
ZERO_POINTS = {"float32": (0, 0), "int8": (-128, 127), "uint8": (0, 255)}
"""Type of a tensor -> the least and the largest zero point that it can have."""
MAX_SCALE = 1e30
"""Larger scales would not be numbers once they are multiplied."""
End: TypeAlias = tuple[str, tuple[int, ...]]
"""Type of an input or output, and its shape without the batch, which is 1 or any."""


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
        low, high = ZERO_POINTS.get(self.dtype, (1, 0))
        numbers = isinstance(self.scale, int | float) and type(self.zero_point) is int
        if not (
            numbers
            and self.layout in LAYOUTS
            and 0 < self.scale < MAX_SCALE
            and low <= self.zero_point <= high
        ):
            raise ValueError(
                f"tensor {self.dtype} {self.layout} with scale {self.scale!r}, zero point {self.zero_point!r}"
            )


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

    def ends(self) -> tuple[End, End]:
        """What the engine says of the input and of the output; raises RuntimeError where their size is not fixed."""

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
