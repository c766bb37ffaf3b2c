"""Every format, from the shipped checkpoint to hands, through the engine that will run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime.quantization.calibrate import HistogramCollector
from torch import nn

from edgehand import HandPose, datasets, models
from edgehand.errors import ExportError, InputError, ModelFileError
from edgehand.export import calibration
from edgehand.export.check import model_heatmaps, sqnr, torch_heatmaps
from edgehand.export.graph import inference_graph
from edgehand.export.pipeline import Export, export
from edgehand.export.recipe import Recipe
from edgehand.export.simulation import Simulation
from edgehand.export.targets import names, target
from edgehand.inspection.summary import inspect
from edgehand.runtime.artifact import open_model
from edgehand.runtime.backends import names as engines
from edgehand.training.checkpoint import load_checkpoint, save_checkpoint
from edgehand.training.networks import NETWORKS, build

# One process for one format: the export is made once.
TARGETS = [pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.slow]) for name in names()]


@pytest.fixture(scope="module", params=TARGETS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp(request.param)
    result = export(models.checkpoint("lite"), request.param, folder, precision="int8")
    assert {path.suffix for path in folder.iterdir()} <= {result.file.suffix, ".bin"}
    return result


def test_every_format_has_an_engine() -> None:
    assert names() == engines() == ["onnx", "openvino", "tflite"]


def test_the_file_is_small_integer_and_close_to_float(exported: Export) -> None:
    made = open_model(exported.file)
    assert target(made.engine).float_convolutions(exported.file, {}) == []
    # OpenVINO's graph is text, of 0.4 MB.
    assert exported.size <= (3_000_000 if made.engine == "openvino" else 2_800_000)
    assert exported.difference <= 1e-3
    assert exported.agreement is not None
    assert not exported.agreement.collapsed
    assert exported.agreement.cosine >= 0.99
    # Rendered hands are unlike the photos of its training: unsure peaks jump. A collapse is above 0.3.
    assert exported.agreement.distance <= 0.05
    assert made.metadata.input.dtype == made.metadata.output.dtype
    assert made.metadata.input.dtype in ("int8", "uint8")


def test_the_recipe_travels_inside(exported: Export) -> None:
    metadata = open_model(exported.file).metadata
    assert metadata.spec == load_checkpoint(models.checkpoint("lite"))[1]
    assert metadata.recipe["precision"] == "int8"
    assert metadata.recipe["calibration"]["pictures"] == len(datasets.load(f"coco:{models.CALIBRATION}"))
    assert len(metadata.recipe["calibration"]["sha256"]) == len(metadata.checkpoint_sha256) == 64
    assert {"edgehand", "torch"} < set(metadata.producers)


def test_inspection_finds_every_convolution_integer(exported: Export) -> None:
    content = inspect(exported.file)
    convolutions = [layer for layer in content["layers"] if "conv" in layer["operation"].lower()]
    assert len(convolutions) == 52  # of `Lite`, 47 dense and 5 depthwise
    assert all(layer["integer"] and "8" in layer["weights"] for layer in convolutions)
    assert 0.7 * content["bytes"] < sum(layer["size"] for layer in content["layers"]) < content["bytes"]
    assert content["recipe"]["calibrator"] == "min-max"


def test_the_simulation_predicts_the_engine(exported: Export) -> None:
    network, spec = load_checkpoint(models.checkpoint("lite"))
    crops = calibration.load(None, spec).inputs
    made = open_model(exported.file)
    openvino = made.engine == "openvino"
    simulation = Simulation(
        inference_graph(network, deconvolution="keep"),
        crops,
        Recipe(symmetric=openvino),
        depthwise_by_channel=openvino,
    )
    expected = torch_heatmaps(network, crops[:16])
    predicted = sqnr(expected, simulation.heatmaps(crops[:16]))
    assert sqnr(expected, model_heatmaps(made, crops[:16])) == pytest.approx(predicted, abs=2)


def test_two_runs_are_bit_identical(exported: Export) -> None:
    first, second = (open_model(exported.file, threads=threads) for threads in (1, 2))
    crop = calibration.load(None, first.metadata.spec).inputs[:1]
    heatmaps = model_heatmaps(first, crop)
    assert len(np.unique(heatmaps)) > 50
    assert np.array_equal(heatmaps, model_heatmaps(first, crop))
    assert np.array_equal(heatmaps, model_heatmaps(second, crop))


def test_a_renamed_file_still_works(exported: Export, tmp_path: Path) -> None:
    for file in exported.file.parent.iterdir():
        shutil.copy(file, tmp_path)
    renamed = (tmp_path / exported.file.name).rename(tmp_path / "hand.model")
    sample = datasets.load(f"coco:{models.CALIBRATION}")[3]
    before = HandPose(exported.file)(sample.image, [sample.box])[0]
    after = HandPose(renamed)(sample.image, [sample.box])[0]
    assert np.array_equal(before.keypoints, after.keypoints)
    # OpenVINO numbers layers anew each time.
    layers = [
        [{**layer, "name": ""} for layer in inspect(file)["layers"]] for file in (renamed, exported.file)
    ]
    assert layers[0] == layers[1]


def test_hands_are_where_the_labels_are(exported: Export) -> None:
    pose = HandPose(exported.file)
    errors = []
    for sample in datasets.load(f"coco:{models.CALIBRATION}")[:24]:
        (hand,) = pose(sample.image, [sample.box])
        distances = np.linalg.norm(hand.keypoints - sample.keypoints, axis=1)
        errors.append(np.median(distances) / max(sample.box[2:]))
    # Rendered hands, never trained on: the typical one is found.
    assert np.median(errors) < 0.12


def test_a_damaged_file_is_named(exported: Export, tmp_path: Path) -> None:
    content = exported.file.read_bytes()
    cut = tmp_path / exported.file.name
    for length in (len(content) // 2, len(content) - 50):
        cut.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=cut.name):
            open_model(cut)


@pytest.mark.parametrize("name", TARGETS)
def test_float32_ends(name: str, tmp_path: Path) -> None:
    result = export(models.checkpoint("lite"), name, tmp_path, precision="int8", recipe=Recipe(io="float32"))
    made = open_model(result.file)
    assert made.metadata.input.dtype == made.metadata.output.dtype == "float32"
    assert target(name).float_convolutions(result.file, {}) == []
    assert result.agreement is not None
    assert result.agreement.distance <= 0.05


@pytest.mark.parametrize("name", TARGETS)
def test_half_and_dynamic_precision(name: str, tmp_path: Path) -> None:
    checkpoint = models.checkpoint("lite")
    sizes = {}
    for precision in ("fp16", "int8-dynamic"):
        if precision in target(name).NOT_OFFERED:
            with pytest.raises(InputError, match=f"{precision!r} for {name}"):
                export(checkpoint, name, tmp_path, precision=precision)
            continue
        result = export(checkpoint, name, tmp_path, precision=precision)
        made = open_model(result.file)
        assert made.metadata.recipe == {"target": name, "precision": precision}
        assert made.metadata.input.dtype == made.metadata.output.dtype == "float32"
        assert result.agreement is not None
        sizes[precision] = result.size
        if (name, precision) == ("onnx", "int8-dynamic"):
            layers = [layer for layer in inspect(result.file)["layers"] if "Conv" in layer["operation"]]
            assert len(layers) == 52
            assert {(layer["operation"], layer["dtype"]) for layer in layers} == {("ConvInteger", "int32")}
        if precision == "fp16":
            assert result.agreement.cosine >= 0.9999
            assert result.agreement.distance <= 0.005
    # 2.46 million weights of two bytes, or one, and the graph.
    assert 4_800_000 < sizes["fp16"] < 5_200_000
    assert sizes.get("int8-dynamic", 2_400_000) < 2_800_000


@pytest.mark.parametrize("network", sorted(NETWORKS.keys() - {"lite"}))
@pytest.mark.parametrize("name", TARGETS)
def test_the_other_networks(name: str, network: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "random.safetensors"
    save_checkpoint(random_weights(network), NETWORKS[network][1], checkpoint)
    result = export(checkpoint, name, tmp_path / "out", precision="int8")
    assert result.difference <= 1e-3
    assert target(name).float_convolutions(result.file, {}) == []
    assert result.agreement is not None
    assert result.agreement.cosine >= 0.9


def random_weights(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = build(name).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    return network


def test_a_file_that_computes_something_else_is_not_written(tmp_path: Path) -> None:
    # Heatmaps of a million: the rounding that PyTorch and ONNX Runtime differ by is then far above the bar.
    network, spec = load_checkpoint(models.checkpoint("lite"))
    with torch.no_grad():
        network.get_parameter("final.weight").mul_(1e6)
    save_checkpoint(network, spec, tmp_path / "huge.safetensors")
    with pytest.raises(ExportError, match=r"differ from PyTorch's by .*: not written"):
        export(tmp_path / "huge.safetensors", "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


_SENT = (
    "from openvino_telemetry.utils.sender import TelemetrySender\n"
    "sent = []\n"
    "TelemetrySender.send = lambda self, backend, message: sent.append(message)\n"
)
_CONVERTED = (
    "from openvino.tools.ovc.telemetry_utils import init_ovc_telemetry\n"
    "assert init_ovc_telemetry().consent is False\n"
    "assert init_ovc_telemetry('another name').consent is False\n"
)


def _python_outside_ci(code: str, home: Path) -> None:
    """Where OpenVINO and NNCF would report that they are used, by somebody who has not been asked."""
    outside = {
        name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")
    }
    outside["HOME"] = str(home)
    subprocess.run([sys.executable, "-c", _SENT + code], check=True, env=outside)


def test_openvino_by_itself_reports_its_import(tmp_path: Path) -> None:
    """So that the tests below can fail."""
    _python_outside_ci("import openvino\nassert sent\n", tmp_path)


@pytest.mark.parametrize(
    "module", ["edgehand.export.targets.openvino", "edgehand.inspection.formats.openvino"]
)
def test_openvino_does_not_report_its_use(module: str, tmp_path: Path) -> None:
    """Neither when it is imported nor when it converts."""
    _python_outside_ci(f"import {module}\n{_CONVERTED}assert not sent\n", tmp_path)


def test_running_a_model_reports_nothing(exported: Export, tmp_path: Path) -> None:
    code = f"from edgehand import HandPose\nHandPose({str(exported.file)!r})\nassert not sent\n"
    _python_outside_ci(code, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "ends"), [("backbone.0.0", ("float32", "uint8")), ("final", ("uint8", "float32"))]
)
def test_an_end_of_onnx_that_is_kept_in_float_is_of_floats(
    layer: str, ends: tuple[str, str], tmp_path: Path
) -> None:
    recipe = Recipe(keep_float=(layer,))
    made = export(models.checkpoint("tiny"), "onnx", tmp_path, precision="int8", recipe=recipe)
    pose, shipped = HandPose(made.file), HandPose(models.int8_model("tiny"))
    assert (pose.model.metadata.input.dtype, pose.model.metadata.output.dtype) == ends
    sample = datasets.load(f"coco:{models.CALIBRATION}")[3]
    (hand,), (expected,) = pose(sample.image, [sample.box]), shipped(sample.image, [sample.box])
    assert np.median(np.abs(hand.keypoints - expected.keypoints)) < 0.02 * max(sample.box[2:])


@pytest.mark.slow
@pytest.mark.parametrize("calibrator", ["entropy", "percentile"])
def test_onnx_is_calibrated_one_crop_after_the_other(
    calibrator: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The activations of all crops at once are gigabytes."""
    together = []
    collect = HistogramCollector.collect

    def watched(collector: HistogramCollector, tensors: dict[str, list[object]]) -> object:
        together.append({len(values) for values in tensors.values()})
        return collect(collector, tensors)

    monkeypatch.setattr(HistogramCollector, "collect", watched)
    (tmp_path / "pictures").mkdir()
    pictures = [sample.image for sample in datasets.load(f"coco:{models.CALIBRATION}")[:6]]
    for picture in pictures:
        shutil.copy(picture, tmp_path / "pictures")
    made = export(
        models.checkpoint("tiny"),
        "onnx",
        tmp_path / "out",
        precision="int8",
        calibration=str(tmp_path / "pictures"),
        recipe=Recipe(calibrator=calibrator),
    )
    assert together == [{1}] * len(pictures)
    assert made.agreement is not None
    assert made.agreement.cosine > 0.98
