"""The rasteriser against a ray through every sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehand import _render

SIZE, FOCAL = 16, 14.0


def mesh(positions: NDArray[np.float32], triangles: NDArray[np.int32], **given: Any) -> _render.Mesh:
    material = _render.Material(
        gain=(1, 1, 1), roughness=0.5, specular=0.0, wrap=(0, 0, 0), bump=0, polish=0, nail_colour=(0, 0, 0)
    )
    arguments: dict[str, Any] = {
        "positions": positions,
        "normals": np.tile(np.float32([0, 0, -1]), (len(positions), 1)),
        "triangles": triangles,
        "uv": np.zeros((len(positions), 2), np.float32),
        "uv_triangles": triangles,
        "colour": np.full((2, 2, 3), 200, np.uint8),
        "slope": None,
        "nails": None,
        "material": material,
        "casts_shadow": True,
        "unseen": 0,
    }
    return _render.Mesh(**(arguments | given))


def lighting(**given: Any) -> _render.Lighting:
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = 0.5 / 0.282095
    arguments: dict[str, Any] = {
        "key_direction": (0, 0, -1), "key_colour": (0, 0, 0), "fill_direction": (0, -1, 0), "fill_colour": (0, 0, 0),
        "ambient": ambient, "exposure": 1.0, "shadow_leak": 0.0, "shadow_blur": 1.0, "shadow_centre": (0, 0, 1),
        "shadow_radius": 1.0,
    }  # fmt: skip
    return _render.Lighting(**(arguments | given))


def canvas(meshes: list[_render.Mesh]) -> _render.Canvas:
    made = _render.Canvas((FOCAL, SIZE / 2, SIZE / 2), SIZE)
    for each in meshes:
        made.add(each)
    return made


def draw(meshes: list[_render.Mesh], **light: Any) -> NDArray[np.float32]:
    return canvas(meshes).shade(lighting(**light))


def seen(meshes: list[_render.Mesh], joints: Any, number: int = 0) -> list[bool]:
    points = np.asarray(joints, np.float32).reshape(-1, 3)
    found: list[bool] = canvas(meshes).seen(points, np.full(len(points), 0.05, np.float32), number).tolist()
    return found


def soup(seed: int, count: int = 12) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    centres = rng.uniform((-0.5, -0.5, 0.8), (0.5, 0.5, 1.6), (count, 1, 3))
    positions = (centres + rng.normal(0, 0.25, (count, 3, 3))).reshape(-1, 3)
    positions[:, 2] = np.maximum(positions[:, 2], 0.3)
    return positions.astype(np.float32), np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


def rays() -> NDArray[np.float64]:
    centres = (np.arange(2 * SIZE) + 0.5) / 2
    x, y = np.meshgrid((centres - SIZE / 2) / FOCAL, (centres - SIZE / 2) / FOCAL)
    return np.stack([x, y, np.ones_like(x)], -1)


def hit(triangle: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth at which rays from the origin meet a triangle, infinite where they miss."""
    with np.errstate(divide="ignore", invalid="ignore"):
        solved = directions @ np.linalg.inv(triangle)  # ray = sum of corners by weights
        weights = solved / solved.sum(-1, keepdims=True)
        inside = (weights >= 0).all(-1) & (solved.sum(-1) > 0)
        return np.where(inside, (weights @ triangle)[..., 2], np.inf)


@pytest.mark.parametrize("seed", range(8))
def test_coverage_and_depth_are_those_of_rays(seed: int) -> None:
    positions, triangles = soup(seed)
    depths = np.stack([hit(positions[t].astype(np.float64), rays()) for t in triangles])
    covered = np.isfinite(depths.min(0)).reshape(SIZE, 2, SIZE, 2).mean((1, 3))
    rgba = draw([mesh(positions, triangles)])
    # A sample may lie on an edge within rounding.
    assert (np.abs(rgba[..., 3] - covered) > 1e-6).mean() < 0.01
    assert np.abs(rgba[..., 3] - covered).max() <= 0.26
    # A joint just behind the nearest surface of another mesh is hidden, one just before it is seen.
    nearest = depths.min(0)
    for row, column in [(3, 5), (15, 16), (20, 9), (27, 28)]:
        if np.isfinite(nearest[row, column]) and nearest[row, column] < 3:
            for factor, visible in ((0.99, True), (1.01, False)):
                joint = rays()[row, column] * nearest[row, column] * factor
                behind = mesh(np.full((3, 3), 99, np.float32), np.array([[0, 1, 2]], np.int32))
                assert seen([behind, mesh(positions, triangles)], [joint]) == [visible]


def test_own_flesh_does_not_hide_a_joint() -> None:
    positions = np.array([[-1, -1, 1], [1, -1, 1], [0, 1.5, 1]], np.float32)
    surface = mesh(positions, np.array([[0, 1, 2]], np.int32))
    joints = [[0, 0, 1.04], [0, 0, 1.06], [9, 0, 1.0], [0, 0, -1.0]]
    assert seen([surface], joints) == [True, False, False, False]
    assert seen([surface], joints, number=1) == [False, False, False, False]


def test_a_mesh_hides_joints_from_when_it_is_added() -> None:
    positions = np.array([[-1, -1, 1], [1, -1, 1], [0, 1.5, 1]], np.float32)
    joint, flesh = np.float32([[0, 0, 2.0]]), np.float32([0.05])
    made = canvas([])
    assert made.seen(joint, flesh, 0).tolist() == [True]
    made.add(mesh(positions, np.array([[0, 1, 2]], np.int32)))
    assert made.seen(joint, flesh, 0).tolist() == [False]


def test_back_faces_of_a_closed_mesh_are_not_missed() -> None:
    corners = np.array([[x, y, z] for x in (-0.2, 0.2) for y in (-0.2, 0.2) for z in (0.8, 1.2)], np.float32)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)
    both = draw([mesh(corners, triangles)])
    culled = [draw([mesh(corners, triangles, unseen=side)]) for side in (-1, 1)]
    assert any(np.array_equal(both, one) for one in culled)
    assert not all(np.array_equal(both, one) for one in culled)


def test_flat_light_gives_the_texture_s_colour() -> None:
    positions = np.array([[-9, -9, 1], [9, -9, 1], [0, 18, 1]], np.float32)
    rgba = draw([mesh(positions, np.array([[0, 1, 2]], np.int32))])
    radiance = 0.5 * (200 / 255) ** 2.2
    expected = (radiance / (1 + 0.18 * radiance)) ** (1 / 2.2)
    assert np.abs(rgba[4:12, 4:12] - (expected, expected, expected, 1)).max() < 0.002


def test_a_thing_before_the_lamp_casts_a_shadow() -> None:
    wall = mesh(
        np.array([[-9, -9, 1.2], [9, -9, 1.2], [0, 18, 1.2]], np.float32), np.array([[0, 1, 2]], np.int32)
    )
    # Light from the right: a small screen on the right throws its shadow to the middle of the wall.
    screen = mesh(
        np.array([[0.4, -0.1, 0.7], [0.6, -0.1, 0.9], [0.5, 0.2, 0.8]], np.float32),
        np.array([[0, 1, 2]], np.int32),
    )
    light = {"key_direction": (0.78, 0, -0.62), "key_colour": (1, 1, 1)}
    lit, shaded = (draw(meshes, **light) for meshes in ([wall], [wall, screen]))
    darker = (lit - shaded)[..., 0] > 0.1
    assert darker[6:10, 6:10].any()
    assert not darker[:, :4].any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"triangles": np.array([[0, 1, 3]], np.int32)}, "triangles holds 3, expected 0 to 2"),
        ({"uv_triangles": np.array([[0, -1, 2]], np.int32)}, "uv_triangles holds -1"),
        ({"positions": np.zeros((3, 3))}, r"positions is float64 of shape \(3, 3\), expected float32"),
        ({"colour": np.zeros((1, 2, 3), np.uint8)}, "at least 2 x 2"),
        ({"slope": np.zeros((3, 2, 2), np.int8)}, "slope is int8"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], sentence: str) -> None:
    positions, triangles = np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)
    with pytest.raises(ValueError, match=sentence):
        mesh(**({"positions": positions, "triangles": triangles} | change))


def test_numbers_that_are_none_draw_nothing() -> None:
    positions = np.array([[np.nan, 0, 1], [1, np.inf, 1], [0, 1, -1]], np.float32)
    surface = mesh(positions, np.array([[0, 1, 2]], np.int32))
    assert not draw([surface]).any()
    assert seen([surface], [[np.nan, 0, 1]]) == [False]


@pytest.mark.parametrize("what", ["gain", "uv", "normals", "ambient", "exposure"])
def test_light_that_is_no_number_is_dark(what: str) -> None:
    """None of it may choose where in a table to look."""
    positions = np.array([[-9, -9, 1], [9, -9, 1], [0, 18, 1]], np.float32)
    nothing = np.full((3, 3), np.nan, np.float32)
    material = _render.Material(
        gain=(np.nan,) * 3, roughness=0.5, specular=0.0, wrap=(0, 0, 0), bump=0, polish=0, nail_colour=(0, 0, 0)
    )  # fmt: skip
    surface: dict[str, Any] = {
        "gain": {"material": material}, "uv": {"uv": nothing[:, :2].copy()}, "normals": {"normals": nothing}
    }  # fmt: skip
    light: dict[str, Any] = {
        "ambient": {"ambient": np.full((9, 3), np.nan, np.float32)}, "exposure": {"exposure": np.nan}
    }  # fmt: skip
    triangles = np.array([[0, 1, 2]], np.int32)
    rgba = draw([mesh(positions, triangles, **surface.get(what, {}))], **light.get(what, {}))
    assert np.isfinite(rgba).all()
    # The texture's first cell is where no uv is; ambient light is never quite dark.
    assert (rgba[8, 8, :3] < 0.2).all() or what == "uv"


def test_the_last_row_of_a_high_panorama_is_not_left() -> None:
    height = 65536
    panorama = np.zeros((height, 2, 3), np.uint8)
    panorama[-2:] = 200
    down = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
    view = _render.look_around(panorama, down, 1e-6, 2)
    assert (view >= 199).all()


def test_a_panorama_is_seen_as_its_directions_say() -> None:
    rng = np.random.default_rng(4)
    panorama = np.kron(rng.integers(0, 256, (8, 16, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    size, reach = 24, 0.9
    x, y = np.meshgrid(*[np.linspace(-reach, reach, size)] * 2)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ turn
    # Column and row of a direction, the panorama repeated beyond its seam; interpolated by hand.
    column = (0.5 - np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi)) * 128 - 0.5
    row = (0.5 - np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2])) / np.pi) * 64 - 0.5
    row = np.clip(row, 0, 62.999)
    expected = np.zeros((size, size, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            at = np.floor(column).astype(int) + dx, np.floor(row).astype(int) + dy
            weight = (1 - np.abs(column - at[0])) * (1 - np.abs(row - at[1]))
            expected += weight[..., None] * panorama[at[1], at[0] % 128]
    view = _render.look_around(panorama, turn.astype(np.float32), reach, size)
    np.testing.assert_allclose(view, expected, atol=2)


def test_a_drawing_covers_what_is_behind_it_by_its_coverage() -> None:
    rng = np.random.default_rng(5)
    cover = rng.random((6, 5, 1), np.float32)
    rgba = np.concatenate([cover * rng.random((6, 5, 3), np.float32), cover], -1)
    behind = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    expected = 255 * rgba[..., :3] + (1 - cover) * behind
    np.testing.assert_allclose(_render.put_before(rgba, behind), expected, atol=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"panorama": np.zeros((1, 4, 3), np.uint8)}, "at least 2 x 2"),
        ({"to_camera": np.full((3, 3), np.nan, np.float32)}, "no rotation"),
        ({"reach": 0.0}, "reach is 0"),
        ({"size": 0}, "size is 0"),
    ],
)
def test_a_view_that_cannot_be_is_refused(change: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {
        "panorama": np.zeros((4, 8, 3), np.uint8), "to_camera": np.eye(3, dtype=np.float32), "reach": 1.0, "size": 4,
    }  # fmt: skip
    with pytest.raises(ValueError, match=sentence):
        _render.look_around(**(arguments | change))
