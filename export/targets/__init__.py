"""Formats: one file each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edgehand.runtime.artifact import Metadata
from edgehand.runtime.backends import Tensor
from edgehand.spec import ModelSpec


class Target(Protocol):
    """What a module of this package offers."""

    SUFFIX: str
    """Of the model file."""
    DECONVOLUTION: str
    """How the engine runs deconvolutions best, see `edgehand.export.graph.inference_graph`."""
    PACKAGES: tuple[str, ...]
    """Distributions that take part, whose versions the metadata records."""
    NOT_OFFERED: dict[str, str]
    """Precision -> why the engine has no such mode."""

    def convert(self, graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
        """Write the float model; what it takes and gives."""

    def quantize(
        self, source: Path, inputs: NDArray[np.float32], io: str, file: Path
    ) -> tuple[Tensor, Tensor]:
        """Write the INT8 model of a float one; what it takes and gives.

        Weights are quantized per channel, activations by the range that `inputs` give them.

        `inputs` are normalised crops (N, 3, S, S); `io` is "int8" or "float32", the type of input and output.
        """

    def shrink(self, source: Path, precision: str, file: Path) -> tuple[Tensor, Tensor]:
        """Write the "fp16" or "int8-dynamic" model of a float one, which stays float32 at its ends; what it takes and
        gives.
        """

    def float_convolutions(self, file: Path) -> list[str]:
        """Names of the convolutions that the engine does not run in integers."""

    def attach(self, file: Path, metadata: Metadata) -> list[Path]:
        """Put the metadata into the model; all files that belong to it, itself first."""


def names() -> list[str]:
    """Names of the formats: the modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def target(name: str) -> Target:
    """The module of a format."""
    module: Target = importlib.import_module(f"{__name__}.{name}")
    return module
