"""Kinematics, subdivision and light against independent formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgehand import _render
from edgehand.synth import Assets
from edgehand.synth.camera import View, sample_view, sample_view_held_out
from edgehand.synth.geometry import Array, cross, random_rotation, rotation, segment_distance
from edgehand.synth.gestures import CLOSED, GESTURES, GRASPS
from edgehand.synth.hand_model import BONE, Angles, HandModel, directions, keypoints
from edgehand.synth.lights import COLUMNS, ROWS, ambient, harmonics, orientation, summary
from edgehand.synth.poses import DEEPEST, overlap, sample_pose
from edgehand.synth.subdivision import catmull_clark


@pytest.fixture(scope="module")
def model(assets: Assets) -> HandModel:
    return HandModel(assets.hand)


def angles(**given: object) -> Angles:
    rest = {
        "mcp": np.full(4, 15.0), "pip": np.full(4, 9.0), "dip": np.full(4, 6.0), "abduction": np.zeros(4),
        "spread": 1.0, "thumb": np.zeros(6), "cup": 0.0, "wrist": np.zeros(3), "elbow": 0.0,
    }  # fmt: skip
    return Angles(**{name: np.asarray(value, float)[None] for name, value in (rest | given).items()})


def test_the_rig_s_own_angles_leave_it_at_rest(model: HandModel) -> None:
    transforms = model.pose(0, angles())
    identity = np.broadcast_to(np.eye(3, 4), transforms.shape)
    np.testing.assert_allclose(transforms, identity, atol=1e-12)


def test_flexion_closes_the_finger_and_keeps_its_bones(model: HandModel) -> None:
    rest, bent = (model.bones(0, model.pose(0, a)) for a in (angles(), angles(mcp=np.full(4, 75.0))))
    lengths = [np.linalg.norm(bones[..., 1, :] - bones[..., 0, :], axis=-1) for bones in (rest, bent)]
    np.testing.assert_allclose(*lengths)
    _, _, palmar = directions(rest[0])
    for finger in range(2, 6):
        base, tip = BONE[f"finger{finger}-1"], BONE[f"finger{finger}-3"]
        before, after = (bones[0, tip, 1] - bones[0, base, 0] for bones in (rest, bent))
        turned = np.degrees(np.arccos(before @ after / np.linalg.norm(before) / np.linalg.norm(after)))
        assert turned == pytest.approx(60, abs=0.1)
        assert after @ palmar > before @ palmar


def test_moving_a_hand_moves_its_keypoints_alike(model: HandModel) -> None:
    bones = model.bones(0, model.pose(0, angles(mcp=(10, 30, 50, 70))))[0]
    turn, shift = random_rotation(np.random.default_rng(2)), np.array([0.1, -0.3, 0.7])
    np.testing.assert_allclose(
        keypoints(bones @ turn.T + shift), keypoints(bones) @ turn.T + shift, atol=1e-12
    )


def test_annotated_keypoints_stay_near_the_joints(model: HandModel) -> None:
    bones = model.bones(0, model.pose(0, angles()))[0]
    joints = keypoints(bones, as_annotated=False)
    palm = np.linalg.norm(joints[9] - joints[0])
    moved = np.linalg.norm(keypoints(bones) - joints, axis=-1) / palm
    assert moved.max() < 0.09
    assert (moved[[6, 10, 14, 18]] < 0.025).all()  # PIP joints are where the rig has them


def test_gestures_do_not_pass_through_themselves(model: HandModel) -> None:
    rng = np.random.default_rng(4)
    kinds = [sample_pose(model, 0, rng) for _ in range(30)]
    assert np.mean([overlap(pose.bones[None])[0] < DEEPEST for pose in kinds]) > 0.9
    assert len({pose.kind for pose in kinds}) > 5
    assert sample_pose(model, 0, rng, ("fist",)).kind == "fist"
    assert set(GESTURES) >= {"fist", "victory", "ok", "pinch", "pen", *GRASPS, *CLOSED}


def seen(
    model: HandModel, draw: Callable[[Array, np.random.Generator], View], count: int
) -> tuple[Array, Array]:
    """Where the fingers point and the palm faces, (count, 3) each in camera space, in views drawn."""
    rng = np.random.default_rng(6)
    bones = model.bones(0, model.pose(0, angles()))[0]
    forward, _, palmar = directions(bones)
    turns = np.array([draw(bones, rng).rotation for _ in range(count)])
    return turns @ forward, turns @ palmar


def test_hands_are_seen_from_all_sides(model: HandModel) -> None:
    fingers, palm = seen(model, sample_view, 1000)
    for direction in (*np.eye(3), *-np.eye(3)):
        assert (fingers @ direction > np.cos(np.radians(60))).mean() > 0.08, direction
        assert (palm @ direction > np.cos(np.radians(60))).mean() > 0.08, direction


def test_a_hand_held_out_points_at_the_camera(model: HandModel) -> None:
    fingers, palm = seen(model, sample_view_held_out, 500)
    # x right, y down, z away from the camera: none points away, and most have the palm below.
    assert (fingers[:, 2] < 0).mean() > 0.99
    assert (fingers[:, 2] < -0.8).mean() > 0.4
    assert (palm[:, 1] > 0.3).mean() > 0.4


def test_a_bent_wrist_turns_the_palm_to_the_forearm(model: HandModel) -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        bones = sample_pose(model, 0, rng, bent=True).bones
        forward, _, palmar = directions(bones)
        elbow, wrist = bones[BONE["lowerarm01"], 0], bones[BONE["wrist"], 0]
        forearm = (elbow - wrist) / np.linalg.norm(elbow - wrist)
        assert forearm @ palmar > 0.2
        assert forearm @ forward < 0.2


def test_cross_is_numpy_s() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 5, 4, 3))
    np.testing.assert_allclose(cross(a, b[0]), np.cross(a, b[0]))


def test_rotation_is_the_matrix_exponential() -> None:
    axis = np.array([0.6, 0.0, 0.8])
    skew = np.radians(40) * np.array([[0, -0.8, 0], [0.8, 0, -0.6], [0, 0.6, 0]])
    series, term = np.eye(3), np.eye(3)
    for power in range(1, 20):
        term = term @ skew / power
        series += term
    np.testing.assert_allclose(rotation(axis, 40), series, atol=1e-12)


def test_segment_distance_equals_a_search() -> None:
    rng = np.random.default_rng(1)
    a, b, c, d = rng.normal(size=(4, 50, 3))
    s = np.linspace(0, 1, 201)
    one = a[:, None] + (b - a)[:, None] * s[:, None]
    two = c[:, None] + (d - c)[:, None] * s[:, None]
    searched = np.linalg.norm(one[:, :, None] - two[:, None], axis=-1).min((1, 2))
    np.testing.assert_allclose(segment_distance(a, b, c, d), searched, atol=0.02)


def test_catmull_clark_of_a_cube() -> None:
    # Known from the definition: faces' middles stay, edges go to 3/4 of theirs, corners to 5/9.
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    matrix, divided = catmull_clark(quads, 8)
    points = matrix @ corners
    assert points.shape == (26, 3)
    assert divided.shape == (24, 4)
    np.testing.assert_allclose(points[:8], corners * 5 / 9, atol=1e-6)
    edges = np.sort(np.abs(points[8:20]), axis=1)
    np.testing.assert_allclose(edges, np.broadcast_to((0, 0.75, 0.75), (12, 3)), atol=1e-6)
    assert sorted(np.abs(points[20:]).sum(1)) == pytest.approx([1] * 6)
    product = _render.multiply(matrix.starts, matrix.columns, matrix.values, corners)
    np.testing.assert_allclose(product, points, atol=1e-6)


def test_skinning_equals_numpy() -> None:
    rng = np.random.default_rng(3)
    vertices = rng.normal(size=(40, 3)).astype(np.float32)
    bones = rng.integers(0, 5, (40, 3)).astype(np.int32)
    weights = rng.dirichlet((1, 1, 1), 40).astype(np.float32)
    transforms = rng.normal(size=(5, 3, 4)).astype(np.float32)
    homogeneous = np.concatenate([vertices, np.ones((40, 1), np.float32)], 1)
    expected = np.einsum("vk,vkij,vj->vi", weights, transforms[bones], homogeneous)
    np.testing.assert_allclose(_render.skin(vertices, bones, weights, transforms), expected, atol=1e-5)


def test_ambient_light_is_the_integral_over_the_panorama() -> None:
    # Irradiance / pi at a normal, summed directly over the sky, against its nine harmonics.
    rng = np.random.default_rng(6)
    light = summary(np.exp(rng.normal(size=(64, 128, 3))).astype(np.float32))
    assert light.shape == (ROWS, COLUMNS, 3)
    to_camera = orientation(np.array([0.0, -1.0, 0.0]), 30.0)
    assert np.linalg.det(to_camera) == pytest.approx(1)
    np.testing.assert_allclose(to_camera @ (0, 1, 0), (0, -1, 0), atol=1e-12)
    coefficients = ambient(np.broadcast_to([1.0, 2.0, 3.0], light.shape), to_camera)
    normal = np.array([[0.48, -0.6, 0.64]])
    np.testing.assert_allclose(harmonics(normal) @ coefficients, [[1, 2, 3]], rtol=0.01)
