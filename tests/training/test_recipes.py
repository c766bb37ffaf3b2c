"""The published recipe, against plain restatements of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgehand.crop import invert, patch_to_image, transform
from edgehand.training.augment import mmpose_crop
from edgehand.training.heatmaps import gaussian_targets
from edgehand.training.loss import mean_squared_error
from edgehand.training.networks import NETWORKS
from edgehand.training.recipes import RECIPES, with_batch_size
from edgehand.training.schedules import SCHEDULES

SPEC = NETWORKS["pose_mobilenet_v2"][1]
PUBLISHED = ["onehand10k", "panoptic", "rhd"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_recipe_is_what_was_published(name) -> None:
    recipe = RECIPES[name]
    assert (recipe.optimizer, recipe.learning_rate, recipe.weight_decay) == ("Adam", 5e-4, 0)
    assert (recipe.epochs, recipe.batch_size, recipe.group_size) == (210, 8 * 64, 64)
    assert (recipe.validate_every, recipe.select, recipe.flip_test) == (10, "AUC", True)
    assert (recipe.sigma, recipe.ema, recipe.bfloat16) == (2, None, False)
    assert recipe.padding == (1.76 if name == "panoptic" else 1.25)


@pytest.mark.parametrize("name", RECIPES)
def test_larger_steps_have_as_many_groups(name) -> None:
    recipe = RECIPES[name]
    larger = with_batch_size(recipe, 1024)
    assert larger.batch_size == 1024
    assert larger.group_size * recipe.batch_size == recipe.group_size * 1024
    assert replace(larger, batch_size=recipe.batch_size, group_size=recipe.group_size) == recipe


def published_rate(step: int, steps_an_epoch: int) -> float:
    epoch = step // steps_an_epoch
    rate = 5e-4
    if epoch >= 170:
        rate = 5e-5
    if epoch >= 200:
        rate = 5e-6
    if step < 500:
        rate = (1 - (1 - step / 500) * (1 - 0.001)) * rate
    return rate


@pytest.mark.parametrize("steps", [1, 7, 20])
def test_learning_rate_at_every_step(steps) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=5e-4)
    schedule = SCHEDULES[RECIPES["rhd"].schedule](optimizer, steps, 210)
    for step in range(steps * 210):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(published_rate(step, steps), rel=1e-9)
        optimizer.step()
        schedule.step()


def naive_target(x: float, y: float, weight: float, size: int, sigma: int) -> tuple[np.ndarray, float]:
    target = np.zeros((size, size), np.float32)
    radius = 3 * sigma
    centre_x, centre_y = int(x + 0.5), int(y + 0.5)
    outside = centre_x - radius >= size or centre_y - radius >= size
    outside = outside or centre_x + radius + 1 < 0 or centre_y + radius + 1 < 0
    if outside or weight == 0:
        return target, 0.0
    for row in range(size):
        for column in range(size):
            if abs(row - centre_y) <= radius and abs(column - centre_x) <= radius:
                square = (row - centre_y) ** 2 + (column - centre_x) ** 2
                target[row, column] = math.exp(-square / (2 * sigma**2))
    return target, weight


@given(
    st.lists(st.tuples(st.floats(-12, 44, width=32), st.floats(-12, 44, width=32)), min_size=2, max_size=2)
)
def test_target_and_loss(points) -> None:
    keypoints, weights = torch.tensor([points]), torch.tensor([[1.0, 0.0]])
    targets, kept = gaussian_targets(keypoints, weights, 32, 2.0)
    expected = [
        naive_target(*point, float(weight), 32, 2) for point, weight in zip(points, weights[0], strict=True)
    ]
    np.testing.assert_allclose(targets[0], np.stack([target for target, _ in expected]), atol=1e-6)
    assert kept[0].tolist() == [weight for _, weight in expected]

    heatmaps = torch.full((1, 2, 32, 32), 0.25)
    by_hand = np.mean([weight * ((0.25 - target) ** 2) for target, weight in expected])
    assert mean_squared_error(heatmaps, keypoints, weights, sigma=2.0).item() == pytest.approx(
        by_hand, abs=1e-7
    )


BOX = (40.0, 30.0, 60.0, 100.0)


def _decompose(matrix: np.ndarray) -> tuple[float, float, bool]:
    """Scale, rotation in degrees and flip of a patch-to-picture matrix."""
    flip = np.linalg.det(matrix[:, :2]) < 0
    column = matrix[:, 1]  # the image of the patch's y axis: a mirror about x turns its sign of x
    rotation = math.degrees(math.atan2(-column[0] * (-1 if flip else 1), column[1]))
    return float(np.hypot(*column)), rotation, bool(flip)


def test_augmentation_has_the_published_distribution() -> None:
    rng = np.random.default_rng(0)
    matrices = [mmpose_crop(BOX, SPEC, rng) for _ in range(4000)]
    scales, rotations, flips = (np.array(values) for values in zip(*map(_decompose, matrices), strict=True))
    scales *= 256 / 125  # the padded box's side is 1.25 * 100
    centres = np.array([transform(matrix, [128, 128]) for matrix in matrices]) - (70, 80)

    assert abs(flips.mean() - 0.5) < 0.03
    assert scales.min() == pytest.approx(0.7)
    assert scales.max() == pytest.approx(1.3)
    # clip(1 + 0.3 N) is at either bound with the normal's tails beyond one sigma
    assert np.isclose(scales, 0.7).mean() == pytest.approx(0.1587, abs=0.02)
    assert np.isclose(scales, 1.3).mean() == pytest.approx(0.1587, abs=0.02)
    turned = ~np.isclose(rotations, 0, atol=1e-9)
    assert turned.mean() == pytest.approx(0.6, abs=0.03)
    assert np.isclose(np.abs(rotations[turned]), 180).mean() == pytest.approx(0.0455, abs=0.015)
    inner = np.abs(rotations[turned]) < 179
    assert rotations[turned][inner].std() == pytest.approx(79.2, rel=0.05)  # N(0, 90) cut at two sigma
    moved = np.hypot(*centres.T) > 1e-6
    assert moved.mean() == pytest.approx(0.3, abs=0.03)
    shifts = centres[moved] / (60, 100)
    assert np.abs(shifts).max() <= 0.2 + 1e-9
    assert shifts.std(0) == pytest.approx([0.4 / 12**0.5] * 2, rel=0.05)


def test_flip_mirrors_about_the_centre_and_swaps_no_keypoint() -> None:
    rng = np.random.default_rng(1)
    point = np.array([55.0, 66.0])
    for _ in range(50):
        matrix = mmpose_crop(BOX, SPEC, rng)
        scale, rotation, flip = _decompose(matrix)
        centre = transform(matrix, [128, 128])
        plain = patch_to_image(*centre, scale * 256, 256, rotation=rotation)
        mirrored = np.array([2 * centre[0] - point[0], point[1]]) if flip else point
        np.testing.assert_allclose(
            transform(invert(matrix), point), transform(invert(plain), mirrored), atol=1e-9
        )


def test_recipes_are_data() -> None:
    assert replace(RECIPES["rhd"], padding=1.76) == RECIPES["panoptic"]
    assert repr(RECIPES["rhd"]).count("=") == len(RECIPES["rhd"].__dataclass_fields__)


@pytest.mark.parametrize("steps", [*range(1, 45), 400])
def test_one_cycle_of_any_length_rises_and_falls(steps) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = SCHEDULES["one-cycle"](optimizer, steps, 1)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(rates) < steps else None
    assert all(0 < rate <= 0.1 for rate in rates)
    top = int(np.argmax(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if steps > 2:
        assert max(rates) == pytest.approx(0.1, rel=0.05)
        assert rates[-1] < 1e-5
