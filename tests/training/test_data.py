"""What the network is given of a hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from edgehand.datasets import Sample
from edgehand.training.augment import colours
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
    obstacle = colours().transforms[-1].transforms[0]  # type: ignore[attr-defined]
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
