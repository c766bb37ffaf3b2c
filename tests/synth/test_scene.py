"""Pictures and labels agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgehand import _render
from edgehand.synth import Assets, Label, Renderer
from edgehand.synth.camera import sample_view
from edgehand.synth.hand_model import HandModel
from edgehand.synth.poses import sample_pose
from edgehand.synth.scene import FEWEST_VISIBLE

PICTURES = 24


@pytest.fixture(scope="module")
def labels(assets: Assets) -> list[Label]:
    renderer = Renderer(assets, size=96, seed=3)
    return [label for index in range(PICTURES) for label in renderer.picture(index)[1][:1]]


def test_joints_project_onto_keypoints(labels: list[Label]) -> None:
    for label in labels:
        x, y, z = label.joints.T.astype(float)
        expected_x = label.camera.focal * x / z + label.camera.x - 0.5
        expected_y = label.camera.focal * y / z + label.camera.y - 0.5
        np.testing.assert_allclose(label.keypoints, np.stack([expected_x, expected_y], -1), atol=1e-3)


def test_keypoints_lie_in_the_picture_and_some_are_seen(labels: list[Label]) -> None:
    assert len(labels) == PICTURES
    for label in labels:
        assert ((label.keypoints >= 0) & (label.keypoints <= 95)).all()
        assert set(label.visibility.tolist()) <= {1, 2}
    assert np.mean([(label.visibility == 2).sum() >= FEWEST_VISIBLE for label in labels]) > 0.9


def test_handedness_is_that_of_the_joints(labels: list[Label]) -> None:
    # Fingers of a left hand close about the axis from index to little finger, of a right hand against it.
    judged = set()
    for label in labels:
        joints = label.joints.astype(float)
        across = joints[17] - joints[5]
        turns = [
            np.cross(joints[base + 1] - joints[base], joints[base + 3] - joints[base + 1]) / np.prod(
                [np.linalg.norm(joints[base + 1] - joints[base]), np.linalg.norm(joints[base + 3] - joints[base + 1])]
            )
            for base in (5, 9, 13, 17)
        ]  # fmt: skip
        bend = np.mean(turns, 0) @ across / np.linalg.norm(across)
        if abs(bend) > 0.3:  # else too straight to tell
            assert ("left" if bend > 0 else "right") == label.handedness, label.pose
            judged.add(label.handedness)
    assert judged == {"left", "right"}


def test_a_picture_depends_on_seed_and_index_alone(assets: Assets) -> None:
    first, again, other = Renderer(assets, 64, 1), Renderer(assets, 64, 1), Renderer(assets, 64, 2)
    again.picture(0)
    np.testing.assert_array_equal(first.picture(5)[0], again.picture(5)[0])
    assert (first.picture(5)[0] != other.picture(5)[0]).any()
    assert (first.picture(5)[0] != first.picture(6)[0]).any()


@pytest.mark.parametrize("mirrored", [False, True])
def test_skin_is_placed_as_keypoints_are(assets: Assets, mirrored: bool) -> None:
    renderer = Renderer(assets, 64)
    rng = np.random.default_rng(8)
    hand = replace(renderer._hand(renderer._person(rng), rng, holding=False), mirrored=mirrored)
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(points @ hand.placement[:, :3].T + hand.placement[:, 3], hand.place(points))
    # A box's normals point out of it, whichever hand it is.
    positions, normals = renderer._surface(hand)
    model = renderer._model.surface(hand.person.identity, hand.pose.transforms)
    np.testing.assert_allclose(positions, hand.place(model), atol=1e-6)
    outward = hand.turn(_render.vertex_normals(model, renderer._model.triangles))
    np.testing.assert_allclose(normals, outward, atol=1e-4)


def test_a_scene_with_too_few_keypoints_in_sight_is_none(assets: Assets) -> None:
    renderer = Renderer(assets, 64)
    assert renderer._compose(np.random.default_rng(1), fewest=22) is None  # of 21
    assert renderer._compose(np.random.default_rng(1), fewest=0) is not None


def test_no_camera_looks_up_by_much(assets: Assets) -> None:
    """Hands are seen from the front and from above: up, in camera space, is never far behind the picture."""
    rng = np.random.default_rng(0)
    bones = sample_pose(HandModel(assets.hand), 0, rng, ()).bones
    away = [sample_view(bones, rng).up[2] for _ in range(500)]
    assert np.mean(np.array(away) > np.sin(np.radians(50))) < 0.03
    assert np.mean(np.array(away) < -np.sin(np.radians(50))) > 0.1
