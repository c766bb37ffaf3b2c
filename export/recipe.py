"""Recipes: how a network is quantized, as data, in one vocabulary for every engine."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edgehand.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CALIBRATORS = ("min-max", "percentile", "entropy", "mse")
IO = ("int8", "uint8", "float32")


@dataclass(frozen=True)
class Recipe:
    """All that fixes a static INT8 quantization besides the network, the calibration pictures and the engine."""

    calibrator: str = "min-max"
    """What an activation's range is: all that was seen ("min-max"), the middle `percentile` of it, or what loses
    least by "entropy" (Kullback-Leibler divergence) or "mse" (mean squared error)."""
    percentile: float = 99.99
    """Percent of the values that the calibrator "percentile" keeps in range."""
    per_channel: bool = True
    """Whether each of a convolution's output channels has a weight scale of its own."""
    symmetric: bool | None = None
    """Whether the zero point of activations is in the middle; None as the engine computes fastest."""
    equalise: bool = False
    """Whether the channels of neighbouring layers are scaled to like ranges first, see `edgehand.export.equalise`."""
    bias_correction: bool = False
    """Whether biases make up for the mean error of the quantized weights."""
    keep_float: tuple[str, ...] = ()
    """Patterns (as of file names) of the layers that compute in float, e.g. "smooth.0.*"."""
    io: str | None = None
    """Type of input and output, one of IO; None takes the 8-bit type that the engine computes in."""

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
                raise InputError(f"recipe: {name} is {value!r}, expected {kind[0].__name__}")
        object.__setattr__(self, "keep_float", tuple(self.keep_float))
        if not all(isinstance(pattern, str) for pattern in self.keep_float):
            raise InputError(f"recipe: keep_float is {list(self.keep_float)}, expected names of layers")
        for name, choices in (("calibrator", CALIBRATORS), ("io", (*IO, None))):
            if getattr(self, name) not in choices:
                expected = ", ".join(str(choice) for choice in choices if choice)
                raise InputError(f"recipe: {name} is {getattr(self, name)!r}, expected one of {expected}")
        if not 50 < self.percentile <= 100:
            raise InputError(f"recipe: percentile is {self.percentile}, expected more than 50, at most 100")

    def check(self, engine: str, offered: Mapping[str, Collection[Any]]) -> None:
        """Refuse what an engine has not.

        Args:
            engine: its name, for the message.
            offered: field -> the values that the engine's tools offer; other fields may have any.
        Raises:
            InputError: names the engine, the value and what to take instead.
        """
        for name, values in offered.items():
            if getattr(self, name) not in values:
                remedy = " or ".join(_toml(value) for value in values if value is not None)
                raise InputError(
                    f"recipe: {name} = {_toml(getattr(self, name))} is not offered by {engine}; "
                    f"take {remedy}, or another target"
                )


_KINDS: dict[str, tuple[type, ...]] = {
    "calibrator": (str,),
    "percentile": (float, int),
    "per_channel": (bool,),
    "symmetric": (bool, type(None)),
    "equalise": (bool,),
    "bias_correction": (bool,),
    "keep_float": (list, tuple),
    "io": (str, type(None)),
}

RECIPES: dict[str, Recipe] = {
    "default": Recipe(),
    "equalised": Recipe(equalise=True),
    "corrected": Recipe(bias_correction=True),
    "percentile": Recipe(calibrator="percentile"),
    "entropy": Recipe(calibrator="entropy"),
    "mse": Recipe(calibrator="mse"),
    "per-tensor": Recipe(per_channel=False),
}
"""Recipes with a name."""


def read(source: str) -> Recipe:
    """A recipe by its name or from a file.

    Args:
        source: one of RECIPES, or the path of a TOML file that sets fields of `Recipe`.
    Raises:
        InputError: there is no such recipe or file, or the file sets anything that a recipe does not have.
    """
    if source in RECIPES:
        return RECIPES[source]
    path = Path(source)
    if not path.is_file():
        raise InputError(f"recipe {source!r}: expected one of {', '.join(RECIPES)}, or a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: not TOML ({error}); write lines such as calibrator = "mse"') from None
    known = {field.name for field in fields(Recipe)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InputError(f"{path}: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(known))}")
    try:
        return Recipe(**values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
