"""ModelSpec: all that has to be known about a network to feed it and to read its heatmaps."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from math import isfinite

from edgehand.errors import InputError

NUM_KEYPOINTS = 21
DECODE_METHODS = ("argmax", "quarter", "quarter-0x", "taylor", "udp", "parabola", "softargmax")
SCORES = ("value", "logit")
_KINDS = {"name": str, "input_size": int, "stride": int, "decode": str, "score": str, "antialias": bool}
MAX_PADDING = 8
"""More than the side of any crop by the longer side of its hand's box."""


@dataclass(frozen=True)
class ModelSpec:
    """How one network wants its input and what its output means.

    The network takes a square RGB crop and gives one heatmap a keypoint. It travels inside every
    checkpoint and every exported model file, so that a file on its own is enough to run.
    """

    name: str
    """Name of the network's architecture, e.g. "lite"."""
    input_size: int
    """Side of the square input, pixels."""
    mean: tuple[float, float, float]
    """Subtracted from RGB in 0..255."""
    std: tuple[float, float, float]
    """Divides RGB in 0..255, after `mean`."""
    padding: float = 1.25
    """Side of the crop as a multiple of the longer side of the hand's tight box."""
    stride: int = 4
    """Input pixels per heatmap cell."""
    decode: str = "softargmax"
    """Decode method, see `edgehand.decode_heatmaps`."""
    score: str = "logit"
    """What a peak says: its "value" is the score, or it is the "logit" of the score."""
    antialias: bool = True
    """Whether the crop averages before it shrinks by more than two (MMPose's does not)."""
    keypoint_order: tuple[int, ...] = tuple(range(NUM_KEYPOINTS))
    """keypoint_order[k] is the output channel of the project's keypoint k."""

    def __post_init__(self) -> None:
        for field, kind in _KINDS.items():
            if type(getattr(self, field)) is not kind:
                raise InputError(f"spec: {field} is {getattr(self, field)!r}, expected {kind.__name__}")
        for field in ("mean", "std"):
            values = tuple(float(value) for value in getattr(self, field))
            object.__setattr__(self, field, values)
            if len(values) != 3 or not all(isfinite(value) for value in values):
                raise InputError(f"spec: {field} is {values}, expected three finite numbers")
        object.__setattr__(self, "keypoint_order", tuple(int(value) for value in self.keypoint_order))
        if not all(value > 0 for value in self.std):
            raise InputError(f"spec: std is {self.std}, expected positive numbers")
        if not 0 < self.stride <= self.input_size <= 4096 or self.input_size % self.stride:
            raise InputError(
                f"spec: input_size {self.input_size} and stride {self.stride} do not fit: "
                "the size must be a multiple of the stride, at most 4096"
            )
        if not 0 < self.padding <= MAX_PADDING:
            raise InputError(f"spec: padding is {self.padding}, expected more than 0, at most {MAX_PADDING}")
        if self.decode not in DECODE_METHODS:
            raise InputError(f"spec: decode is {self.decode!r}, expected one of {', '.join(DECODE_METHODS)}")
        if self.score not in SCORES:
            raise InputError(f"spec: score is {self.score!r}, expected one of {', '.join(SCORES)}")
        if sorted(self.keypoint_order) != list(range(NUM_KEYPOINTS)):
            raise InputError(f"spec: keypoint_order {self.keypoint_order} is no permutation of 0..20")

    @property
    def heatmap_size(self) -> int:
        """Side of the square heatmaps, cells."""
        return self.input_size // self.stride

    def to_json(self) -> str:
        """The spec as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Read what `to_json` wrote.

        Args:
            text: a JSON object with exactly the fields of this class.
        Raises:
            InputError: it is no such object, or a value is out of range.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"spec: not JSON ({error})") from error
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise InputError(f"spec: expected the fields {sorted(names)}, found {found}")
        try:
            return cls(**values)
        except InputError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"spec: a field has the wrong type ({error})") from error
