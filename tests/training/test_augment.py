"""Random crops: the label must go where the picture goes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from edgehand.crop import crop, invert, patch_to_image, transform
from edgehand.training.augment import bent, stretched

SIZE = 160


def test_stretching_lengthens_one_direction_and_presses_the_other_about_the_centre() -> None:
    plain = patch_to_image(200, 150, 120, SIZE, rotation=30)
    matrix = stretched(plain, SIZE, math.log(1.25), math.pi / 2)
    centre = np.array([[80.0, 80.0]])
    np.testing.assert_allclose(transform(matrix, centre), transform(plain, centre))
    seen = transform(invert(matrix), transform(plain, centre + np.array([[0, 0], [10, 0], [0, 10]])))
    np.testing.assert_allclose(seen - seen[0], [[0, 0], [8, 0], [0, 12.5]], atol=1e-9)


def test_a_stretched_picture_shows_its_points_where_the_matrix_says() -> None:
    points = np.array([[60.0, 50.0], [100.0, 60.0], [80.0, 110.0]])
    picture = dots(points, 180)
    matrix = stretched(patch_to_image(80, 75, 110, SIZE, rotation=-20, flip=True), SIZE, 0.2, 1.0)
    patch = crop(picture, matrix, SIZE, antialias=True)
    for at in transform(invert(matrix), points):
        assert np.linalg.norm(centroid(patch[..., 0], at) - at) < 0.3


@pytest.mark.parametrize("seed", range(8))
def test_a_bent_patch_shows_its_keypoints_where_it_says(seed: int) -> None:
    points = np.array([[30.0, 30.0], [80.0, 40.0], [120.0, 90.0], [50.0, 120.0], [95.0, 135.0]])
    patch = torch.from_numpy(dots(points, SIZE).transpose(2, 0, 1).copy())
    moved, found = bent(patch, points, np.random.default_rng(seed))
    assert moved.dtype == torch.uint8
    assert moved.shape == patch.shape
    for at in found:
        assert np.linalg.norm(centroid(moved[0].numpy(), at) - at) < 0.5


def test_every_second_patch_is_bent_and_nothing_folds() -> None:
    points = np.stack(np.meshgrid(np.arange(20.0, 150, 30), np.arange(20.0, 150, 30)), -1).reshape(-1, 2)
    patch = torch.zeros(3, SIZE, SIZE, dtype=torch.uint8)
    shifts = np.stack([bent(patch, points, np.random.default_rng(seed))[1] - points for seed in range(50)])
    bends = shifts[np.abs(shifts).max(axis=(1, 2)) > 0]
    assert 15 < len(bends) < 35
    assert 2 < np.linalg.norm(bends, axis=-1).mean() < 10
    # No two neighbours change places.
    after = (points + bends).reshape(-1, 5, 5, 2)
    assert (np.diff(after[..., 0], axis=2) > 0).all()
    assert (np.diff(after[..., 1], axis=1) > 0).all()


def test_keypoints_outside_the_patch_stay_outside() -> None:
    patch = torch.zeros(3, SIZE, SIZE, dtype=torch.uint8)
    outside = np.array([[-60.0, 80.0], [80.0, 400.0]])
    for seed in range(20):
        _, found = bent(patch, outside, np.random.default_rng(seed))
        assert found[0, 0] < 0
        assert found[1, 1] > SIZE
        assert np.abs(found - outside).max() < 0.15 * SIZE


def dots(points: np.ndarray, size: int) -> np.ndarray:
    """A black picture (size, size, 3) with a white Gaussian at each point."""
    rows, columns = np.mgrid[:size, :size]
    light = sum(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2)) for x, y in points)
    return np.repeat((np.clip(light, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def centroid(light: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Centre of what is bright within 12 pixels of a point."""
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    weight = light * ((columns - near[0]) ** 2 + (rows - near[1]) ** 2 < 12**2)
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
