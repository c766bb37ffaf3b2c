"""Formats: one file each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edgehand.export.recipe import Recipe
from edgehand.runtime.artifact import Metadata
from edgehand.runtime.backends import Tensor
from edgehand.spec import ModelSpec

Weights = Mapping[str, NDArray[np.float32]]
"""Convolution of the graph, by its module's name -> its weights, (out, in, height, width)."""


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
    OFFERED: dict[str, tuple[Any, ...]]
    """Field of a recipe -> the values that the engine's tools offer, where that is not all of them."""

    def convert(self, graph: nn.Module, spec: ModelSpec, file: Path) -> tuple[Tensor, Tensor]:
        """Write the float model; what it takes and gives."""

    def quantize(
        self, source: Path, inputs: NDArray[np.float32], recipe: Recipe, floats: Weights, file: Path
    ) -> tuple[Tensor, Tensor]:
        """Write the INT8 model of a float one; what it takes and gives.

        `inputs` are normalised crops (N, 3, S, S); `floats` are the convolutions of the graph that stay float.
        """

    def shrink(self, source: Path, precision: str, file: Path) -> tuple[Tensor, Tensor]:
        """Write the "fp16" or "int8-dynamic" model of a float one, which stays float32 at its ends; what it takes and
        gives.
        """

    def float_convolutions(self, file: Path, floats: Weights) -> list[str]:
        """Names of the convolutions that the engine does not run in integers, other than those in `floats`."""

    def attach(self, file: Path, metadata: Metadata) -> list[Path]:
        """Put the metadata into the model; all files that belong to it, itself first."""


def names() -> list[str]:
    """Names of the formats: the modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def target(name: str) -> Target:
    """The module of a format."""
    module: Target = importlib.import_module(f"{__name__}.{name}")
    return module
