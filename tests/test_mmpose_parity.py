"""edgehand equals MMPose on the same inputs: against recorded outputs, and fresh ones where mmpose is present.

The files in tests/golden were written by benchmarks/mmpose_reference.py with mmpose 0.29.0 and 1.3.2, seed 0.
EDGEHAND_MMPOSE=PYTHON0:PYTHON1 names Pythons that have mmpose; they then compute further seeds.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from edgehand import metrics
from edgehand.crop import crop, invert, patch_to_image, transform
from edgehand.decode import decode_heatmaps
from edgehand.keypoints import read_keypoints
from edgehand.training.augment import mirrored
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.heatmaps import gaussian_targets
from edgehand.training.loss import mean_squared_error
from edgehand.training.mmpose import SPECS, names
from edgehand.training.recipes import RECIPES
from edgehand.training.schedules import SCHEDULES

GOLDEN = Path(__file__).parent / "golden"
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mmpose_reference.py"
PYTHONS = [python for python in os.environ.get("EDGEHAND_MMPOSE", "").split(os.pathsep) if python]
CASES = [("0.x", 0), ("1.x", 0), ("live 0", 1), ("live 1", 2)]
SPEC = SPECS["onehand10k"]


def _script():
    spec = importlib.util.spec_from_file_location("mmpose_reference", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=CASES, ids=[name for name, _ in CASES])
def case(request, tmp_path_factory):
    """Inputs and MMPose's outputs."""
    name, seed = request.param
    if name.startswith("live"):
        number = int(name[-1])
        if number >= len(PYTHONS):
            pytest.skip(
                "EDGEHAND_MMPOSE names no (further) Python with mmpose; the recorded outputs are checked"
            )
        file = tmp_path_factory.mktemp("mmpose") / "out.npz"
        command = [PYTHONS[number], "-W", "ignore", str(SCRIPT), str(seed), str(file)]
        subprocess.run(command, check=True, capture_output=True)
    else:
        file = GOLDEN / f"mmpose-{name}.npz"
    with np.load(file) as arrays:
        made = SimpleNamespace(**{key: arrays[key] for key in arrays.files})
    assert int(made.seed) == seed
    return SimpleNamespace(given=_script().inputs(seed), made=made, old=str(made.version).startswith("0."))


def test_same_weights_same_heatmaps(case, tmp_path) -> None:
    network, _ = _network(case, tmp_path)
    with torch.no_grad():
        found = network.double()(torch.from_numpy(case.given["images"]).double()).numpy()
    np.testing.assert_allclose(found[..., ::4, ::4], case.made.network, rtol=0, atol=1e-9)
    assert np.abs(case.made.network).max() > 0.5


def _network(case, tmp_path):
    from edgehand.training.networks import build

    state = build("pose_mobilenet_v2").state_dict()
    shapes = {theirs: tuple(state[ours].shape) for theirs, ours in names().items()}
    weights = _script().weights(shapes, int(case.given["seed"]))
    file = tmp_path / "mobilenetv2_onehand10k.pth"
    torch.save({"state_dict": {name: torch.from_numpy(value) for name, value in weights.items()}}, file)
    return load_checkpoint(file)


def _matrix(case, index: int) -> np.ndarray:
    side = float(case.made.scales[index].max())
    return patch_to_image(*case.made.centres[index].astype(float), side, 256)


@pytest.mark.parametrize("kind", ["plain", "flip"])
@pytest.mark.parametrize("name", ["default", "dark"])
def test_same_heatmaps_same_keypoints(case, name, kind) -> None:
    method = "taylor" if name == "dark" else "quarter-0x" if case.old else "quarter"
    spec = replace(SPEC, decode=method)
    expected = getattr(case.made, f"decode_{name}_{kind}")
    for index in range(len(expected)):
        one = slice(index, index + 1)
        flipped = case.given["flipped"][one] if kind == "flip" else None
        heatmaps = case.given["heatmaps"][one]
        keypoints, scores = read_keypoints(heatmaps, _matrix(case, index), spec, flipped=flipped)
        np.testing.assert_allclose(keypoints, expected[index, :, :2], atol=2e-3)
        np.testing.assert_allclose(scores, expected[index, :, 2].clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "flip"])
def test_same_heatmaps_same_keypoints_by_udp(case, kind) -> None:
    expected = getattr(case.made, f"decode_udp_{kind}")[..., :2]
    # UDP aligns the middles of the outermost cells, not their edges: back to cells.
    sides = case.made.scales[:, None, :].max(-1, keepdims=True)
    expected = (expected - case.made.centres[:, None] + sides / 2) * 63 / sides
    flipped = case.given["flipped"] if kind == "flip" else None
    found, _ = decode_heatmaps(
        case.given["heatmaps"], method="udp", flipped=flipped, flip_shift=kind == "flip"
    )
    # Without a positive value MMPose steps from -1 by whatever the noise says.
    compared = (found >= 0).all(-1)
    if case.old:
        # 0.x blurs with a mirrored border instead of zeros: what is near the border differs.
        compared = ((found > 6) & (found < 57)).all(-1)
    assert compared.sum() > 80
    np.testing.assert_allclose(found[compared], expected[compared], atol=2e-3)


def test_same_predictions_same_figures(case) -> None:
    given, made = case.given, case.made
    arguments = given["predicted"], given["true"]
    boxes = given["metric_boxes"]
    if not case.old:
        boxes = metrics.clip_boxes(boxes, np.tile(given["picture_size"], (len(boxes), 1)))
        corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
        np.testing.assert_allclose(corners, made.clipped, atol=1e-4)
        # MMPose 1.x keeps them in float32.
        boxes = np.hstack([made.clipped[:, :2], made.clipped[:, 2:] - made.clipped[:, :2]])
    by_box = metrics.distances(*arguments, metrics.longer_sides(boxes))
    visible = given["visible"]
    assert metrics.pck(by_box, visible, 0.2) == pytest.approx(float(made.pck), abs=1e-9)
    by_head = metrics.distances(*arguments, given["head_sizes"])
    assert metrics.pck(by_head, visible, 0.7) == pytest.approx(float(made.pckh), abs=1e-9)
    by_30 = metrics.distances(*arguments, metrics.AUC_PIXELS)
    assert metrics.auc(by_30, visible) == pytest.approx(float(made.auc), abs=1e-9)
    assert metrics.epe(metrics.distances(*arguments), visible) == pytest.approx(float(made.epe), abs=1e-9)


def test_same_picture_and_box_same_crop(case) -> None:
    given = case.given
    for index, (x, y, w, h) in enumerate(given["boxes"]):
        cx, cy, side = x + w / 2, y + h / 2, max(w, h) * (1.25, 1.76)[index % 2]
        matrix = patch_to_image(cx, cy, side, 256, rotation=float(given["rotations"][index]))
        if case.old and index >= 6:
            matrix = mirrored(matrix, cx)
        found = crop(given["picture"], matrix, 256, antialias=False)[::8, ::8].astype(int)
        assert np.abs(found - case.made.crops[index]).max() <= 1
        if case.old:
            points = transform(invert(matrix), given["target_keypoints"][index % 4])
            np.testing.assert_allclose(points, case.made.crop_keypoints[index], atol=2e-2)


def test_same_targets_and_loss(case) -> None:
    given, made = case.given, case.made
    keypoints = torch.from_numpy(given["target_keypoints"]) / 4
    visible = torch.from_numpy(given["target_visible"])
    targets, weights = gaussian_targets(keypoints, visible, 64, 2.0)
    np.testing.assert_array_equal(weights, made.target_weights)
    np.testing.assert_allclose(targets[:1, :, ::2, ::2], made.targets, atol=1e-6)
    loss = mean_squared_error(torch.from_numpy(given["heatmaps"][:4]), keypoints, visible, sigma=2.0)
    assert loss.item() == pytest.approx(float(made.loss), rel=1e-5)


def test_same_learning_rates(case) -> None:
    if not case.old:
        pytest.skip("the published runs followed MMPose 0.x, whose warm-up ends one step later than 1.x's")
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=5e-4)
    steps = len(case.made.rates) // 210
    schedule = SCHEDULES[RECIPES["onehand10k"].schedule](optimizer, steps, 210)
    found = []
    for _ in case.made.rates:
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(found, case.made.rates, rtol=1e-9)
