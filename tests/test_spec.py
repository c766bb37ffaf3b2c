"""ModelSpec: a round trip, and nothing odd gets in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgehand import ModelSpec
from edgehand.errors import InputError

SPEC = ModelSpec(
    name="lite", input_size=192, mean=(1, 2, 3), std=(4, 5, 6), keypoint_order=tuple(range(20, -1, -1))
)


def test_json_round_trip() -> None:
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC
    assert SPEC.heatmap_size == 48


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mean", (1.0, 2.0)),
        ("mean", (1.0, 2.0, float("nan"))),
        ("std", (1.0, 0.0, 1.0)),
        ("input_size", 190),
        ("input_size", 1 << 20),
        ("stride", 0),
        ("padding", -1.0),
        ("padding", float("inf")),
        ("decode", "guess"),
        ("score", "high"),
        ("keypoint_order", (0,) * 21),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        replace(SPEC, **{field: value})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "lite"}', "null"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="spec"):
        ModelSpec.from_json(text)


def test_wrong_types_are_refused() -> None:
    values = json.loads(SPEC.to_json())
    for field, value in {"mean": "abc", "input_size": "192", "keypoint_order": 7, "padding": None}.items():
        with pytest.raises(InputError, match="spec"):
            ModelSpec.from_json(json.dumps(values | {field: value}))
