from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from edgehand import metrics

# One hand, two joints, errors 3-4-5 triangles: worked out by hand.
TRUE = np.zeros((4, 2, 2))
PREDICTED = np.array([[[3, 4], [0, 0]], [[6, 8], [0, 15]], [[30, 40], [0, 1]], [[0, 0], [9, 12]]], float)
VISIBLE = np.array([[1, 1], [1, 1], [1, 0], [1, 0]], bool)
BOXES = np.array([[0, 0, 50, 20], [0, 0, 40, 50], [0, 0, 50, 50], [0, 0, 1, 50]], float)


def test_figures_worked_out_by_hand() -> None:
    pixels = metrics.distances(PREDICTED, TRUE)
    np.testing.assert_array_equal(pixels, [[5, 0], [10, 15], [50, 1], [0, 15]])
    by_box = metrics.distances(PREDICTED, TRUE, metrics.longer_sides(BOXES))
    # joint 0: 0.1, 0.2, 1, 0 -> 2 of 4 are below 0.2 (0.2 itself is not); joint 1: 0, 0.3 -> 1 of 2.
    assert metrics.pck(by_box, VISIBLE, 0.2) == pytest.approx(0.5)
    # below 0.25: joint 0 has 3 of 4, joint 1 has 1 of 2; the mean is over joints, not over keypoints.
    assert metrics.pck(by_box, VISIBLE, 0.25) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.epe(pixels, VISIBLE) == pytest.approx((5 + 0 + 10 + 15 + 50 + 0) / 6)
    np.testing.assert_allclose(by_box[VISIBLE], [0.1, 0, 0.2, 0.3, 1, 0], rtol=1e-6)


def test_auc_by_hand() -> None:
    errors = metrics.distances(PREDICTED, TRUE, metrics.AUC_PIXELS)
    # 20 thresholds of 1.5 px: 5 px passes 16 (6 px and more), 10 passes 13, 50 none, 0 passes 19, 15 9.
    joint0, joint1 = (16 + 13 + 0 + 19) / 4, (19 + 9) / 2
    assert metrics.auc(errors, VISIBLE) == pytest.approx((joint0 + joint1) / 2 / 20)


def test_best_auc_is_not_one() -> None:
    assert metrics.auc(metrics.distances(TRUE, TRUE, 30.0), VISIBLE) == pytest.approx(0.95)


def test_joints_that_nobody_sees_and_normalisers_of_zero_do_not_count() -> None:
    errors = metrics.distances(PREDICTED, TRUE, np.array([0.0, 50, 50, 50]))
    assert np.isnan(errors[0]).all()
    assert metrics.pck(errors, VISIBLE & [True, False], 0.25) == pytest.approx(2 / 3)
    assert metrics.pck(errors, np.zeros_like(VISIBLE), 0.2) == 0
    assert metrics.epe(errors, np.zeros_like(VISIBLE)) == 0


def test_clip_boxes_to_the_last_pixel() -> None:
    clipped = metrics.clip_boxes(
        np.array([[-5.0, 10, 20, 30], [5, 6, 7, 8]]), np.array([[100, 30], [100, 30]])
    )
    np.testing.assert_array_equal(clipped, [[0, 10, 15, 19], [5, 6, 7, 8]])


coordinates = st.floats(-200, 200, width=32)


@given(
    st.lists(st.tuples(coordinates, coordinates, st.booleans()), min_size=1, max_size=30), st.floats(0.1, 9)
)
def test_properties(points, scale) -> None:
    predicted = np.array([point[:2] for point in points])[:, None]
    visible = np.array([point[2] for point in points])[:, None]
    true = np.zeros_like(predicted)
    errors = metrics.distances(predicted, true)
    assert metrics.pck(errors, visible, 10.0) <= metrics.pck(errors, visible, 20.0) <= 1
    by_size = metrics.distances(predicted, true, np.full(len(points), scale))
    np.testing.assert_allclose(by_size * np.float32(scale), errors, rtol=1e-5, atol=1e-5)
    assert metrics.epe(errors, visible) == pytest.approx(
        np.mean([np.hypot(x, y) for x, y, seen in points if seen] or [0]), rel=1e-5, abs=1e-5
    )


def intervals(*arguments: Any, **options: Any) -> dict[str, metrics.Figure]:
    return {name: found.figure() for name, found in metrics.resampled(*arguments, **options).items()}


def test_each_figure_lies_within_its_interval() -> None:
    rng = np.random.default_rng(3)
    true = rng.uniform(0, 200, (60, 21, 2))
    predicted = true + rng.normal(0, 6, true.shape)
    visible = rng.random((60, 21)) < 0.9
    boxes = np.column_stack([true.min(1), np.ptp(true, axis=1)])
    figures = intervals(predicted, true, visible, boxes, head_sizes=np.full(60, 20.0))
    assert list(figures) == ["PCK@0.2", "PCK@0.1", "PCK@0.05", "PCKh@0.7", "AUC", "EPE", "error/box"]
    pixels = metrics.distances(predicted, true)
    assert figures["EPE"].value == metrics.epe(pixels, visible)
    assert figures["PCKh@0.7"].value == metrics.pck(pixels / np.float32(20), visible, 0.7)
    for figure in figures.values():
        assert figure.low <= figure.value <= figure.high
        assert figure.high - figure.low < 0.1 * max(1, figure.value)
    again = intervals(predicted, true, visible, boxes, head_sizes=np.full(60, 20.0))
    assert again == figures


def test_interval_of_epe_matches_theory_and_grows_when_hands_share_pictures() -> None:
    rng = np.random.default_rng(5)
    true = np.zeros((400, 1, 2))
    predicted = np.stack([rng.normal(20, 4, (400, 1)), np.zeros((400, 1))], axis=-1)
    visible, boxes = np.ones((400, 1), bool), np.tile([0.0, 0, 100, 100], (400, 1))
    figure = intervals(predicted, true, visible, boxes)["EPE"]
    assert (figure.high - figure.low) / 2 == pytest.approx(1.96 * 4 / 20, rel=0.15)
    twice = intervals(
        *(np.repeat(array, 2, axis=0) for array in (predicted, true, visible, boxes)),
        groups=np.repeat(np.arange(400), 2),
    )["EPE"]
    assert twice.high - twice.low == pytest.approx(figure.high - figure.low, rel=0.15)


def two_models(rng: np.random.Generator, hands: int, loss: float = 0.0) -> list[Any]:
    """Hands at zero, one joint: errors of two models that share what is hard about a hand."""
    hard = rng.normal(20, 5, hands)
    errors = (hard + rng.normal(0, 1, hands), hard + loss + rng.normal(0, 1, hands))
    return [np.stack([error, np.zeros(hands)], axis=-1)[:, None] for error in errors]


def resample(predicted: Any, **options: Any) -> dict[str, metrics.Resampled]:
    hands = len(predicted)
    boxes = np.tile([0.0, 0, 100, 100], (hands, 1))
    return metrics.resampled(predicted, np.zeros((hands, 1, 2)), np.ones((hands, 1), bool), boxes, **options)


def test_paired_difference_matches_scipy_and_theory() -> None:
    first, second = two_models(np.random.default_rng(8), 300, loss=0.3)
    found = (resample(second)["EPE"] - resample(first)["EPE"]).figure()
    errors = [np.linalg.norm(model[:, 0], axis=-1) for model in (second, first)]
    assert found.value == pytest.approx(errors[0].mean() - errors[1].mean(), abs=1e-5)
    expected = stats.bootstrap(
        errors, lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True, method="percentile", n_resamples=5000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    spread = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.1 * spread)
    assert found.high == pytest.approx(expected.high, abs=0.1 * spread)
    assert spread == pytest.approx(2 * 1.96 * np.sqrt(2 / 300), rel=0.15)
    # Unpaired, what is hard about the hands would drown it.
    apart = (resample(second, seed=1)["EPE"] - resample(first)["EPE"]).figure()
    assert apart.high - apart.low > 3 * spread


def test_interval_of_the_difference_covers_the_truth() -> None:
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(200):
        first, second = two_models(rng, 80, loss=0.5)
        figure = (resample(second, resamples=400)["EPE"] - resample(first, resamples=400)["EPE"]).figure()
        covered += figure.low <= 0.5 <= figure.high
    assert 0.9 <= covered / 200 <= 0.99


def test_equal_models_differ_by_exactly_nothing() -> None:
    model, _ = two_models(np.random.default_rng(10), 40)
    for name, found in resample(model).items():
        assert (found - resample(model)[name]).figure() == metrics.Figure(0, 0, 0)
