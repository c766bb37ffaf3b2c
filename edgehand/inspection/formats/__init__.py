"""Formats: one file each, found by its name - that of the engine, or "checkpoint".

A format is a module of this package with `layers(files)`, which gives the operations in their order as the engine runs
them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layer:
    """One operation of a model."""

    name: str
    operation: str
    """What it does, in the format's own words."""
    dtype: str
    """Of its result, e.g. "int8", "float32"."""
    weights: str
    """Type of its largest constant, "" where it has none."""
    size: int
    """Bytes of its constants."""

    @property
    def integer(self) -> bool:
        """Whether it computes in integers."""
        return "int" in self.dtype


def layers(name: str, files: tuple[Path, ...]) -> list[Layer]:
    """The operations of a model in the format called `name`: of a file, and those that belong to it."""
    found: list[Layer] = importlib.import_module(f"{__name__}.{name}").layers(files)
    return found
