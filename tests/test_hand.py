"""Hand, its names, its JSON, its picture."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from edgehand import BONES, KEYPOINT_NAMES, Hand, draw


def hand() -> Hand:
    keypoints = np.linspace((10, 20), (50, 60), 21).astype(np.float32)
    return Hand(keypoints, np.linspace(0.5, 1, 21).astype(np.float32), (5.0, 5.0, 50.0, 60.0))


def test_names_and_bones_make_a_hand() -> None:
    assert len(KEYPOINT_NAMES) == len(set(KEYPOINT_NAMES)) == 21
    assert KEYPOINT_NAMES[0] == "wrist"
    assert KEYPOINT_NAMES[8] == "index4"
    # A tree rooted in the wrist: each other keypoint ends exactly one bone.
    assert sorted(end for _, end in BONES) == list(range(1, 21))
    assert all(start < end for start, end in BONES)
    assert [KEYPOINT_NAMES[end] for start, end in BONES if start == 0] == [
        "thumb1", "index1", "middle1", "ring1", "little1",
    ]  # fmt: skip


def test_json_holds_everything() -> None:
    content = json.loads(hand().to_json())
    assert content["box"] == [5, 5, 50, 60]
    assert content["score"] == pytest.approx(0.75)
    assert content["keypoints"]["wrist"] == [10, 20, 0.5]
    assert list(content["keypoints"]) == list(KEYPOINT_NAMES)


def test_the_keypoints_box_is_tight_around_them() -> None:
    x, y, width, height = hand().keypoint_box
    assert (x, y, x + width, y + height) == (10, 20, 50, 60)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"keypoints \(20, 2\)"):
        Hand(np.zeros((20, 2), np.float32), np.zeros(21, np.float32), (0, 0, 1, 1))


def test_drawing_touches_the_bones_and_nothing_far_away() -> None:
    black = np.zeros((80, 80, 3), np.uint8)
    drawn = np.asarray(draw(black, [hand()]))
    assert drawn.shape == black.shape
    assert not black.any()
    for x, y in hand().keypoints.round().astype(int):
        assert drawn[y, x].any()
    far_apart = np.random.default_rng(0).uniform(100, 900, (21, 2)).astype(np.float32)
    wide = np.asarray(draw(np.zeros((1000, 1000, 3), np.uint8), [replace(hand(), keypoints=far_apart)]))
    for start, end in BONES:
        x, y = far_apart[[start, end]].mean(0).round().astype(int)
        assert wide[y, x].any()
    assert not drawn[:10].any()
    assert not drawn[70:].any()
    assert np.array_equal(np.asarray(draw(black, [])), black)
