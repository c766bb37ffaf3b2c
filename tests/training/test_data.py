"""What the network is given of a hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from edgehand.datasets import Sample
from edgehand.training.augment import colours, poor_camera
from edgehand.training.data import HandCrops
from edgehand.training.networks import NETWORKS

SPEC = NETWORKS["lite"][1]


@pytest.fixture
def crops(tmp_path) -> HandCrops:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)).save(tmp_path / "hand.png")
    keypoints = rng.uniform(20, 60, (21, 2)).astype(np.float32)
    sample = Sample(1, tmp_path / "hand.png", keypoints, np.full(21, 2, np.uint8), (20.0, 20.0, 40.0, 40.0))
    return HandCrops([sample], SPEC, "strong", seed=3)


def test_a_hand_that_comes_again_is_cropped_anew(crops) -> None:
    first, second, again = crops[0, 0], crops[0, 1], crops[0]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], second[0])
    assert (first[1] - second[1]).abs().max() > 0.1
    crops.epoch = 1
    assert all(not torch.equal(crops[0, times][0], one[0]) for times, one in enumerate((first, second)))


def test_an_obstacle_is_a_rectangle_of_one_colour() -> None:
    """As large as it says, anywhere on the patch, and of any colour."""
    obstacle = colours().transforms[-2].transforms[0]  # type: ignore[attr-defined]
    torch.manual_seed(0)
    patch = torch.full((3, 60, 90), 77, dtype=torch.uint8)
    centres, shades = [], []
    for _ in range(200):
        changed = obstacle(patch)
        rows, columns = (changed != patch).any(0).nonzero(as_tuple=True)
        inside = changed[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (inside == inside[:, :1, :1]).all()
        assert 0.008 < len(rows) / (60 * 90) < 0.09
        centres.append((rows.float().mean(), columns.float().mean()))
        shades.append(inside[:, 0, 0])
    assert (patch == 77).all()
    low, high = np.array(centres).min(0), np.array(centres).max(0)
    assert (low < (15, 22)).all()
    assert (high > (45, 68)).all()
    assert torch.stack(shades).float().std(0).min() > 60


def test_a_poor_camera_leaves_the_hand_where_it_is() -> None:
    """A bright spot's centre of mass stays, whatever blurs, coarsens or moves it; each fault occurs."""
    rows, columns = np.mgrid[:96, :96]
    spot = np.array([60.0, 34.0])
    light = 220 * np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / (2 * 6**2))
    picture = np.repeat(light[..., None], 3, axis=-1).astype(np.uint8)
    rng = np.random.default_rng(4)
    kept, offsets = 0, []
    for _ in range(400):
        before = picture.copy()
        changed = poor_camera(picture, rng)
        assert changed.shape == picture.shape
        assert changed.dtype == np.uint8
        np.testing.assert_array_equal(picture, before)
        kept += bool(np.array_equal(changed, picture))
        # Noise, once darker than black is black, has a mean that is not zero: it is told by the spot's brighter half.
        weight = np.clip(changed.mean(-1).astype(float) - 0.5 * changed.mean(-1).max(), 0, None)
        offsets.append([(weight * columns).sum(), (weight * rows).sum()] / weight.sum() - spot)
    assert 0.25 < kept / 400 < 0.45
    away = np.linalg.norm(offsets, axis=1)
    assert np.median(away) < 0.3
    assert np.quantile(away, 0.95) < 2.5
    assert np.linalg.norm(np.mean(offsets, axis=0)) < 0.15


def test_a_poor_camera_blurs_adds_noise_and_blocks() -> None:
    """An edge gets softer, a grey wall gets grain, and some of both are of a few large pixels."""
    edge = np.zeros((96, 96, 3), np.uint8)
    edge[:, 48:] = 200
    wall = np.full((96, 96, 3), 120, np.uint8)
    slopes, grain = [], []
    for seed in range(300):
        soft = poor_camera(edge, np.random.default_rng(seed)).astype(float).mean((0, 2))
        slopes.append(np.abs(np.diff(soft)).max())
        grain.append(poor_camera(wall, np.random.default_rng(seed)).astype(float).std())
    softened = np.mean(np.array(slopes) < 100)
    noisy = np.mean(np.array(grain) > 1)
    assert 0.2 < softened < 0.6
    assert min(slopes) < 200 / 96 / 0.16 * 1.5
    assert 0.15 < noisy < 0.3
    assert 12 < max(grain) < 32
