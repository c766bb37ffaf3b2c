"""Which layer loses what: each operation quantized alone, in PyTorch."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import InputError
from edgehand.export import calibration as calibrations
from edgehand.export.calibration import Calibration
from edgehand.export.check import box_side, keypoints, sqnr, torch_heatmaps
from edgehand.export.equalise import equalise
from edgehand.export.graph import inference_graph
from edgehand.export.recipe import RECIPES, Recipe
from edgehand.export.simulation import Simulation
from edgehand.spec import ModelSpec
from edgehand.training.checkpoint import load_checkpoint

PICTURES = 32
"""Pictures measured at most, evenly spread over those given."""
OVERFLOW = 0.001
"""Part of an operation's results outside its range from which the calibration pictures are called unlike the data."""


@dataclass(frozen=True)
class Damage:
    """What quantization does to the network's result."""

    layer: str
    """The convolution, or another operation, that alone is quantized; "all" of them."""
    sqnr: float
    """Of the heatmaps: signal to quantization noise, decibels."""
    moved: float
    """Mean distance that the keypoints move, as a fraction of the hand box's longer side."""
    error: float | None
    """Change of the mean distance from the labels, in the same unit; None without labels."""
    overflow: float
    """Part of the layer's float results that lies outside its calibrated range; the largest, for "all"."""


@dataclass(frozen=True)
class Diagnosis:
    """The damage of each layer alone, the worst first, and of all together."""

    recipe: Recipe
    calibration: str
    """Where the calibration pictures came from."""
    data: str
    """Where the measured pictures came from."""
    pictures: int
    """How many were measured."""
    all: Damage
    layers: tuple[Damage, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def diagnose(
    checkpoint: Path,
    recipe: Recipe = RECIPES["default"],
    *,
    calibration: str | None = None,
    data: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Find the layers whose quantization hurts.

    Args:
        checkpoint: what `edgehand train` or `edgehand import` wrote.
        recipe: how to quantize; what it keeps float is measured like the rest.
        calibration: folder of pictures or FORMAT:PATH; None takes the set inside the package.
        data: pictures to measure on, likewise; None takes those that calibrate.
        progress: is told each step as it begins.
    Raises:
        InputError: the recipe corrects biases.
        CheckpointError, DataError, ImageError: checkpoint or pictures cannot be used.
    """
    if recipe.bias_correction:
        raise InputError("diagnose: correcting biases is not simulated; take a recipe that does not")
    network, spec = load_checkpoint(checkpoint)
    progress("reading pictures")
    crops = calibrations.load(calibration, spec)
    measured, subset = (calibration, "train") if data is None else (data, "test")
    seen = calibrations.load(measured, spec, PICTURES, subset=subset)
    graph = inference_graph(network, deconvolution="keep")
    if recipe.equalise:
        equalise(graph, crops.inputs)
    progress(f"calibrating with {len(crops.inputs)} pictures")
    simulation = Simulation(graph, crops.inputs, recipe)
    expected = torch_heatmaps(network, seen.inputs)
    outside = simulation.range_overflow(seen.inputs)
    progress(f"quantizing {len(simulation.ranges)} layers, one at a time, on {len(seen.inputs)} pictures")
    alone = simulation.one_by_one(seen.inputs)
    layers = [_damage(name, expected, found, seen, spec, outside[name]) for name, found in alone.items()]
    every = simulation.heatmaps(seen.inputs)
    return Diagnosis(
        recipe=recipe,
        calibration=crops.source,
        data=seen.source,
        pictures=len(seen.inputs),
        all=_damage("all", expected, every, seen, spec, max(outside.values())),
        layers=tuple(sorted(layers, key=lambda damage: (damage.sqnr, damage.layer))),
    )


def range_overflow(
    checkpoint: Path,
    *,
    calibration: str | None = None,
    data: str,
) -> dict[str, float]:
    """How far pictures reach beyond what the calibration pictures showed.

    Args:
        checkpoint, calibration, data: as for `diagnose`.
    Returns:
        layer -> part of its float activations that lie outside its calibrated range, 0..1.
    """
    network, spec = load_checkpoint(checkpoint)
    crops = calibrations.load(calibration, spec)
    simulation = Simulation(inference_graph(network, deconvolution="keep"), crops.inputs, RECIPES["default"])
    return simulation.range_overflow(calibrations.load(data, spec, PICTURES, subset="test").inputs)


def warning(outside: Mapping[str, float]) -> str | None:
    """What to say of `range_overflow`'s result, if anything."""
    worst = max(outside, key=lambda layer: outside[layer])
    if outside[worst] <= OVERFLOW:
        return None
    return (
        f"{outside[worst]:.2%} of the activations of {worst} leave the range that calibration gave it; "
        "give --calibration pictures like the data"
    )


def _damage(
    layer: str,
    expected: NDArray[np.float32],
    found: NDArray[np.float32],
    seen: Calibration,
    spec: ModelSpec,
    overflow: float,
) -> Damage:
    before, after = keypoints(expected, spec), keypoints(found, spec)
    errors = [np.linalg.norm(points - seen.keypoints, axis=2) for points in (before, after)]
    change = float(np.nanmean(errors[1]) - np.nanmean(errors[0])) if np.isfinite(errors[0]).any() else None
    return Damage(
        layer=layer,
        sqnr=sqnr(expected, found),
        moved=float(np.linalg.norm(after - before, axis=2).mean()) / box_side(spec),
        error=None if change is None else change / box_side(spec),
        overflow=overflow,
    )


def plot(diagnosis: Diagnosis) -> bytes:
    """The layers' SQNR and what their keypoints move by, in the network's order of damage, as a PNG."""
    from matplotlib.figure import Figure

    shown = diagnosis.layers[:30][::-1]
    figure = Figure(figsize=(9, 0.22 * len(shown) + 1.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    names = [damage.layer for damage in shown]
    left.barh(names, [damage.sqnr for damage in shown], color="#4477aa")
    left.axvline(diagnosis.all.sqnr, color="#cc3311", label="all quantized")
    left.set_xlabel("heatmap SQNR, dB (this layer alone quantized)")
    left.legend(loc="lower right")
    right.barh(names, [100 * damage.moved for damage in shown], color="#4477aa")
    right.axvline(100 * diagnosis.all.moved, color="#cc3311")
    right.set_xlabel("keypoints move, % of the box")
    left.tick_params(axis="y", labelsize=7)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()
