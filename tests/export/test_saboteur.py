"""A checkpoint that computes the same but cannot be quantized: found by diagnosis, repaired by equalisation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgehand import metrics, models
from edgehand.cli import main
from edgehand.export import calibration
from edgehand.export.calibration import Calibration
from edgehand.export.check import box_side, keypoints, model_heatmaps, torch_heatmaps
from edgehand.export.diagnosis import diagnose
from edgehand.export.equalise import equalise
from edgehand.export.graph import inference_graph
from edgehand.export.pipeline import export
from edgehand.export.recipe import RECIPES
from edgehand.export.search import Attempt, search
from edgehand.export.targets import names
from edgehand.runtime.artifact import open_model
from edgehand.spec import ModelSpec
from edgehand.training.checkpoint import load_checkpoint, save_checkpoint

LAYER = "smooth.0.0"
"""A depthwise convolution with ReLU behind it: ReLU6 would cut the channel off, and the float network be another."""
TARGETS = [pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.slow]) for name in names()]


def sabotage(network: nn.Module) -> None:
    """Scale the liveliest channel of LAYER by 1000, and what reads it by 1/1000."""
    norm = network.get_submodule("smooth.0.1")
    channel = int((norm.weight.abs() + norm.bias).argmax())
    with torch.no_grad():
        norm.weight[channel] *= 1000
        norm.bias[channel] *= 1000
        network.get_parameter("smooth.0.3.weight")[:, channel] /= 1000


@pytest.fixture(scope="module")
def crops() -> Calibration:
    return calibration.load(None, load_checkpoint(models.checkpoint("lite"))[1])


@pytest.fixture(scope="module")
def sabotaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network, spec = load_checkpoint(models.checkpoint("lite"))
    sabotage(network)
    path = tmp_path_factory.mktemp("sabotaged") / "lite.safetensors"
    save_checkpoint(network, spec, path)
    return path


def figures(heatmaps: NDArray[np.float32], crops: Calibration, spec: ModelSpec) -> tuple[float, float]:
    """PCK@0.1 and AUC over 20 thresholds up to 0.3, of the box."""
    normaliser = box_side(spec)
    errors = metrics.distances(keypoints(heatmaps, spec), crops.keypoints, normaliser)
    labelled = np.isfinite(errors)
    return metrics.pck(errors, labelled, 0.1), metrics.auc(errors / np.float32(0.3), labelled)


def all_ways_up(crops: Calibration) -> Calibration:
    """The crops, turned by quarters, and all of these mirrored: 17,000 keypoints, so that half a point is no chance."""
    last = crops.inputs.shape[-1] - 1
    inputs, points = [crops.inputs], [crops.keypoints]
    for _ in range(3):
        inputs.append(np.rot90(inputs[-1], axes=(2, 3)))
        points.append(np.stack([points[-1][..., 1], last - points[-1][..., 0]], -1))
    inputs += [patches[..., ::-1] for patches in inputs]
    points += [np.stack([last - some[..., 0], some[..., 1]], -1) for some in points]
    return replace(crops, inputs=np.concatenate(inputs), keypoints=np.concatenate(points))


def test_the_float_network_is_the_same(sabotaged: Path, crops: Calibration) -> None:
    before, after = (load_checkpoint(path)[0] for path in (models.checkpoint("lite"), sabotaged))
    expected = torch_heatmaps(before, crops.inputs[:8])
    np.testing.assert_allclose(torch_heatmaps(after, crops.inputs[:8]), expected, atol=1e-3)


def test_equalisation_keeps_the_float_network(sabotaged: Path, crops: Calibration) -> None:
    network, _ = load_checkpoint(sabotaged)
    graph = inference_graph(network, deconvolution="keep")
    equalise(graph, crops.inputs[:8])
    # On pictures that it has not seen, and on noise that no calibration would show.
    noise = np.random.default_rng(0).normal(0, 2, crops.inputs[:2].shape).astype(np.float32)
    for inputs in (crops.inputs[8:16], noise):
        np.testing.assert_allclose(torch_heatmaps(graph, inputs), torch_heatmaps(network, inputs), atol=1e-3)
    changed = graph.get_parameter(f"{LAYER}.weight").abs().amax(dim=(1, 2, 3))
    before = (
        inference_graph(network, deconvolution="keep")
        .get_parameter(f"{LAYER}.weight")
        .abs()
        .amax(dim=(1, 2, 3))
    )
    assert float(before.max() / before.median()) > 50
    assert float(changed.max() / changed.median()) < 50


@pytest.mark.slow
def test_diagnosis_names_the_layer(sabotaged: Path) -> None:
    sick = diagnose(sabotaged)
    assert sick.layers[0].layer == LAYER
    assert sick.layers[0].sqnr < sick.layers[1].sqnr - 6
    assert sick.layers[0].moved > 2 * sick.layers[1].moved
    assert sick.all.error is not None
    assert sick.all.error > 0.05
    healthy = diagnose(sabotaged, RECIPES["equalised"])
    assert healthy.layers[0].layer != LAYER
    assert healthy.all.sqnr > 15


@pytest.mark.parametrize("name", TARGETS)
def test_min_max_collapses_and_equalisation_repairs(
    name: str, sabotaged: Path, crops: Calibration, tmp_path: Path
) -> None:
    network, spec = load_checkpoint(sabotaged)
    crops = all_ways_up(crops)
    pck, auc = figures(torch_heatmaps(network, crops.inputs), crops, spec)
    results = {}
    for recipe in ("default", "equalised"):
        made = export(sabotaged, name, tmp_path / recipe, precision="int8", recipe=RECIPES[recipe])
        results[recipe] = figures(model_heatmaps(open_model(made.file), crops.inputs), crops, spec)
    assert results["default"][0] < pck - 0.1
    assert results["equalised"][0] >= pck - 0.005
    assert results["equalised"][1] >= auc * 0.99


@pytest.mark.slow
def test_a_collapsed_export_fails_but_is_kept_to_be_looked_into(
    sabotaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["export", "--target", "onnx", "--int8", "--checkpoint", str(sabotaged), "-o", str(tmp_path)]
    assert main(given) == 1
    file = tmp_path / "lite-int8.onnx"
    said = capsys.readouterr().err
    assert f"{file}: quantization changed its heatmaps beyond use" in said
    assert "try --recipe equalised" in said
    assert open_model(file).metadata.spec.name == "lite"
    assert main([*given, "--recipe", "equalised"]) == 0
    # Where --data judges, and lets everything pass, that is what counts.
    everything = ["--auto", "--data", f"coco:{models.CALIBRATION}", "--max-drop", "100"]
    assert main([*given, *everything]) == 0
    assert open_model(file).metadata.recipe["equalise"] is False


@pytest.mark.slow
def test_the_search_keeps_the_first_recipe_that_passes(
    sabotaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Attempt] = []
    data = f"coco:{models.CALIBRATION}"
    made = search(sabotaged, "onnx", tmp_path, data=data, max_drop=3, tried=attempts.append)
    assert [attempt.name for attempt in attempts] == ["default", "equalised"]
    assert attempts[0].drop > 3 >= attempts[1].drop
    assert made is not None
    assert open_model(made.file).metadata.recipe["equalise"] is True
    assert [path.name for path in tmp_path.iterdir()] == [made.file.name]

    monkeypatch.setattr("edgehand.export.search.INTEGER", ("default",))
    monkeypatch.setattr("edgehand.export.search.FLOAT_LAYERS", ())
    assert search(sabotaged, "onnx", tmp_path / "none" / "deeper", data=data, max_drop=3) is None
    assert not (tmp_path / "none").exists()
