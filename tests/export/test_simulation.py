"""Ranges and simulated INT8 against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgehand.export.equalise import equalise
from edgehand.export.graph import convolutions, inference_graph
from edgehand.export.operations import Operations
from edgehand.export.ranges import Observer, least_squares
from edgehand.export.recipe import Recipe
from edgehand.export.simulation import Simulation
from edgehand.training.networks import NETWORKS, build

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_whatever_ran_before() -> None:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def network(activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), activation(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU(),
        nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(6, 4, 1),
    )  # fmt: skip
    return inference_graph(nn.ModuleDict({"all": layers})["all"].eval(), deconvolution="keep")


def pictures(count: int = 11) -> np.ndarray:
    return RNG.normal(0, 1, (count, 3, 10, 10)).astype(np.float32)


def run(graph: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return graph(torch.from_numpy(inputs)).numpy()


def test_min_max_and_percentile_are_numpys() -> None:
    values = RNG.normal(1, 2, (20, 5000)).astype(np.float32)
    for recipe, expected in (
        (Recipe(), (values.min(), values.max())),
        (Recipe(calibrator="percentile", percentile=98.0), np.percentile(values, [1, 99])),
    ):
        observer = Observer(recipe)
        for picture in values:
            observer.see({"x": picture})
        assert observer.ranges()["x"] == pytest.approx(tuple(expected), abs=0.03)


@pytest.mark.parametrize("calibrator", ["entropy", "mse", "percentile"])
def test_a_lone_outlier_is_cut_off(calibrator: str) -> None:
    values = RNG.normal(0, 1, 1_000_000).astype(np.float32)
    values[0] = 60
    observer = Observer(Recipe(calibrator=calibrator))
    observer.see({"x": values})
    low, high = observer.ranges()["x"]
    assert -60 <= low < -1
    assert 1 < high < 40


def test_least_squares_loses_less_than_any_other_part_of_the_range() -> None:
    values = RNG.laplace(0, 1, 50_000)
    counts, edges = np.histogram(values, 4096)
    _, high = least_squares(counts, edges, 0.0, float(values.max()))

    def loss(top: float) -> float:
        kept = values[values > 0]
        return float(((np.rint(kept.clip(0, top) / (top / 255)) * (top / 255) - kept) ** 2).mean())

    tops = values.max() * np.linspace(0.1, 1, 91)
    assert loss(high) <= 1.02 * min(loss(top) for top in tops)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_convolution_of_our_networks_is_one_operation(name: str) -> None:
    graph = inference_graph(build(name), deconvolution="keep")
    operations = Operations(graph).all
    found = {operation.name for operation in operations if operation.convolution is not None}
    assert found == set(convolutions(graph))
    # Nothing reads a weight by itself: it would be rounded as if it were a picture's.
    assert not [operation.name for operation in operations if operation.first.op == "get_attr"]


def test_a_network_left_float_is_the_network() -> None:
    graph, inputs = network(), pictures()
    simulation = Simulation(graph, inputs, Recipe())
    every = [operation.name for operation in simulation.operations.all]
    assert every == ["input_1", "0", "3", "5", "7"]
    np.testing.assert_allclose(simulation.heatmaps(inputs, every), run(graph, inputs), atol=1e-6)


def test_one_layer_alone_is_rounded_as_numpy_rounds() -> None:
    graph, inputs = network(), pictures()
    alone = Simulation(graph, inputs, Recipe()).one_by_one(inputs)
    weight = graph.get_parameter("7.weight").numpy()
    steps = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / 127
    before = run(graph[:7], inputs)
    rounded = np.einsum("nchw,oc->nohw", before, (np.rint(weight / steps) * steps)[:, :, 0, 0])
    rounded += graph.get_parameter("7.bias").numpy()[:, None, None]
    expected = run(graph, inputs)
    step = (expected.max() - expected.min()) / 255
    # Half a step from where the exact sum lies; a whole one where the range ends.
    assert np.abs(alone["7"] - rounded).max() <= step
    assert np.abs(alone["7"] - rounded).mean() == pytest.approx(step / 4, rel=0.1)
    assert np.array_equal(np.unique(np.diff(np.unique(alone["7"])) > step / 2), [True])


def test_overflow_counts_what_is_outside() -> None:
    graph, inputs = network(), pictures()
    simulation = Simulation(graph, inputs, Recipe())
    assert set(simulation.range_overflow(inputs).values()) == {0.0}
    low, high = inputs.min(), inputs.max()
    wider = 2 * inputs
    found = simulation.range_overflow(wider)
    assert found["input_1"] == pytest.approx(((wider < low) | (wider > high)).mean(), rel=1e-5)
    assert found["7"] > 0


def test_equalisation_keeps_the_function_and_evens_the_ranges() -> None:
    graph, inputs = network(), pictures()
    with torch.no_grad():
        graph.get_parameter("0.weight")[2] *= 100
        graph.get_parameter("0.bias")[2] *= 100
        graph.get_parameter("3.weight")[2] /= 100
        graph.get_parameter("5.weight")[:, 4] *= 30
        graph.get_parameter("5.bias")[4] *= 30
        graph.get_parameter("7.weight")[:, 4] /= 30
    expected, others = run(graph, inputs), pictures()
    unseen = run(graph, others)
    equalise(graph, inputs)
    np.testing.assert_allclose(run(graph, inputs), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(graph, others), unseen, rtol=1e-4, atol=1e-5)
    for depth in (3, 7):
        largest = run(graph[:depth], inputs).max(axis=(0, 2, 3))
        assert largest[largest > 0].max() < 10 * largest[largest > 0].min()


def test_relu6_is_left_alone() -> None:
    graph, inputs = network(nn.ReLU6), pictures()
    before = graph.get_parameter("0.weight").clone()
    equalise(graph, inputs)
    assert torch.equal(graph.get_parameter("0.weight"), before)
