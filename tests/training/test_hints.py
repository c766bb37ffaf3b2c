"""Learning from MediaPipe's network: a file made here, of the same operators, holds other weights."""

from __future__ import annotations

from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import default_collate

from edgehand import datasets, models
from edgehand.cli import main
from edgehand.datasets import Sample
from edgehand.errors import CheckpointError, InputError
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops, normalise
from edgehand.training.hints import Hints
from edgehand.training.mediapipe import LandmarkFeatures
from edgehand.training.networks import NETWORKS, build

SPEC = NETWORKS["lite"][1]
NONE, RELU6 = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU6


class File:
    """A TFLite file, operator by operator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.model = schema.ModelT()
        self.model.version, self.model.buffers = 3, [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs, self.model.operatorCodes = [self.graph], []
        codes = schema.BuiltinOperator
        for code in (codes.CONV_2D, codes.DEPTHWISE_CONV_2D, codes.ADD, codes.DEQUANTIZE):
            operator = schema.OperatorCodeT()
            operator.builtinCode = operator.deprecatedBuiltinCode = code
            self.model.operatorCodes.append(operator)

    def tensor(self, shape, values=None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{len(self.graph.tensors)}", list(shape)
        tensor.type = schema.TensorType.FLOAT32 if values is None else schema.TensorType.FLOAT16
        if values is not None:
            tensor.buffer = len(self.model.buffers)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.astype("<f2").tobytes(), np.uint8)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code: int, inputs, output: int, kind: int = 0, options=None) -> int:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)
        return output

    def constant(self, *shape: int) -> int:
        """16 bits that an operator widens, as in MediaPipe's files."""
        narrow = self.tensor(shape, self.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape))
        return self.operator(3, [narrow], self.tensor(shape))

    def convolution(self, given: int, out: int, kernel: int, stride: int, activation: int) -> int:
        _, side, _, channels = self.graph.tensors[given].shape
        depthwise = out == 0
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.padding, options.fusedActivationFunction = schema.Padding.SAME, activation
        options.strideW = options.strideH = stride
        options.dilationWFactor = options.dilationHFactor = 1
        if depthwise:
            options.depthMultiplier, out = 1, channels
        weight = self.constant(*((1, kernel, kernel, out) if depthwise else (out, kernel, kernel, channels)))
        result = self.tensor((1, side // stride, side // stride, out))
        kind = (
            schema.BuiltinOptions.DepthwiseConv2DOptions if depthwise else schema.BuiltinOptions.Conv2DOptions
        )
        return self.operator(int(depthwise), [given, weight, self.constant(out)], result, kind, options)

    def added(self, one: int, other: int) -> int:
        options = schema.AddOptionsT()
        result = self.tensor(self.graph.tensors[one].shape)
        return self.operator(2, [one, other], result, schema.BuiltinOptions.AddOptions, options)

    def write(self, path, *outputs: int):
        self.graph.outputs = list(outputs)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def _network(file: File) -> tuple[int, int]:
    """Blocks of EfficientNet-Lite's kind, and what reads them, which is not of use here; gives where features are."""
    features = file.tensor((1, 224, 224, 3))
    file.graph.inputs = [features]
    features = file.convolution(features, 8, 3, 2, RELU6)
    found = []
    for kernel, channels in ((3, 8), (5, 12), (3, 16), (5, 24)):
        expanded = file.convolution(features, 24, 1, 1, RELU6)
        features = file.convolution(file.convolution(expanded, 0, kernel, 2, RELU6), channels, 1, 1, NONE)
        inner = file.convolution(features, 24, 1, 1, RELU6)
        inner = file.convolution(file.convolution(inner, 0, kernel, 1, RELU6), channels, 1, 1, NONE)
        features = file.added(features, inner)
        found.append(features)
    file.convolution(features, 32, 1, 1, RELU6)
    return found[-2], found[-1]


@pytest.fixture(scope="module")
def landmarks(tmp_path_factory):
    """What MediaPipe's package would bring."""
    file = File(np.random.default_rng(3))
    _network(file)
    return file.write(tmp_path_factory.mktemp("mediapipe") / "full.tflite", len(file.graph.tensors) - 1)


def test_features_are_those_of_litert(tmp_path, landmarks) -> None:
    file = File(np.random.default_rng(3))
    engine = Interpreter(str(file.write(tmp_path / "features.tflite", *_network(file))))
    engine.allocate_tensors()
    patch = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    engine.set_tensor(engine.get_input_details()[0]["index"], patch[None].astype(np.float32) / 255)
    engine.invoke()

    teacher = LandmarkFeatures(landmarks)
    features = teacher(torch.from_numpy(patch.transpose(2, 0, 1))[None])
    assert teacher.channels == (16, 24)
    for found, output in zip(features, engine.get_output_details(), strict=True):
        expected = engine.get_tensor(output["index"]).transpose(0, 3, 1, 2)
        assert expected.std() > 0.01
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_what_is_not_such_a_file_is_named(tmp_path, landmarks) -> None:
    text, cut = tmp_path / "text.tflite", tmp_path / "cut.tflite"
    text.write_text("no network")
    cut.write_bytes(landmarks.read_bytes()[:-20_000])
    for file in (text, cut, models.int8_model("lite")):
        with pytest.raises(CheckpointError, match=f"{file.name}: not MediaPipe's"):
            LandmarkFeatures(file)
    with pytest.raises(CheckpointError, match="none: no such file; give hand_landmark_full"):
        LandmarkFeatures(tmp_path / "none")


@pytest.fixture
def hand(tmp_path) -> Sample:
    """A picture that gets brighter to the right, slowly, and downwards."""
    rows, columns = np.mgrid[:300, :300]
    picture = np.stack([columns * 0.8, rows * 0.8, rows * 0 + 90], -1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "hand.png")
    keypoints = np.random.default_rng(0).uniform(110, 190, (21, 2)).astype(np.float32)
    return Sample(1, tmp_path / "hand.png", keypoints, np.full(21, 2, np.uint8), (110.0, 110.0, 80.0, 80.0))


@pytest.mark.parametrize("size", [96, 192])
def test_a_wide_crop_holds_the_crop(hand, size) -> None:
    """Without augmentation it is the same in its middle; with it the network's alone is changed."""
    spec = replace(SPEC, input_size=size)
    plain, _, _, wide = HandCrops([hand], spec, wide=True)[0]
    inner = functional.interpolate(wide[None, :, 16:-16, 16:-16].float(), (size, size), mode="bilinear")[0]
    assert wide.shape == (3, 224, 224)
    assert (inner - plain.float())[:, 2:-2, 2:-2].abs().max() <= 1.5
    for seed in range(8):
        changed, *_, wide = HandCrops([hand], spec, "strong", seed=seed, wide=True)[0]
        # Columns that get brighter, rows that get brighter, in a grey that nothing changes.
        assert set(np.unique(wide[2, 60:-60, 60:-60].numpy())) == {90}
        assert not torch.equal(changed, plain)


class Bright(nn.Module):
    """A teacher whose features are a crop's mean colours in each of its cells."""

    channels = (3, 3)

    def forward(self, wide):
        return [functional.avg_pool2d(wide.float(), side) for side in (16, 32)]


@pytest.mark.parametrize("size", [96, 192])
def test_features_lie_where_the_network_has_them(hand, size) -> None:
    spec = replace(SPEC, input_size=size)
    patches, _, _, wide = default_collate([HandCrops([hand], spec, wide=True)[0]])
    hints = Hints(Bright(), build("lite"), spec, patches, wide)
    for found, stride in zip(hints.target(wide), (16, 32), strict=True):
        expected = functional.avg_pool2d(patches.float(), stride)
        assert found.shape == expected.shape
        # Cells at the edge are as far outside as those of a smaller network are larger.
        inside = slice(1, -1) if size == 96 else slice(None)
        assert (found - expected)[..., inside, inside].abs().max() < 1.5


def test_projections_start_from_the_least_squares(hand) -> None:
    """Features that are linear in the network's are met at once, in units of their deviation; others are not."""
    crops = HandCrops([hand], SPEC, "strong", wide=True)
    patches, _, _, wide = default_collate([crops[0, times] for times in range(24)])
    torch.manual_seed(0)
    network = build("lite")
    hints = Hints(Bright(), network, SPEC, patches, wide)
    with torch.no_grad():
        hints.hinted.eval()(normalise(patches, SPEC))
        for index, seen in hints.hinted.learnt.items():
            linear = nn.Conv2d(seen.shape[1], 3, 1)(seen) * 40 + 7
            hints.hinted.fit(index, linear)
            error = hints.hinted.projections[index](seen) - hints.hinted.scaled(index, linear)
            assert error.square().mean() < 1e-4
            noise = torch.randn_like(linear)
            hints.hinted.fit(index, noise)
            error = hints.hinted.projections[index](seen) - hints.hinted.scaled(index, noise)
            assert error.square().mean() > 0.3


def test_the_loss_teaches_the_network_and_its_projections(hand) -> None:
    crops = HandCrops([hand], SPEC, "strong", wide=True)
    patches, _, _, wide = default_collate([crops[0, times] for times in range(4)])
    hints = Hints(Bright(), build("lite"), SPEC, patches, wide)
    hints.hinted.train()(normalise(patches, SPEC))
    hints.loss(wide).backward()
    gradients = {name: parameter.grad for name, parameter in hints.hinted.named_parameters()}
    taught = {
        name for name, gradient in gradients.items() if gradient is not None and gradient.abs().max() > 0
    }
    assert {"projections.0.weight", "projections.1.weight", "network.backbone.1.conv.0.weight"} <= taught
    assert not any(name.startswith("network.final") for name in taught)


def test_a_run_learns_from_both_and_keeps_the_network_alone(
    tmp_path, write_dataset, landmarks, capsys
) -> None:
    """The checkpoint is a plain one, of other weights than without hints; none goes on with a run of the other kind."""
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=4)}"
    assert len(datasets.load(source)) == 4
    command = [
        "train", "--data", source, "--validation", source, "--init", "lite", "--batch-size", "4", "--input-size", "64",
        "--float32", "--workers", "0",
    ]  # fmt: skip
    hints = ["--hints", str(landmarks)]
    assert main([*command, *hints, "--epochs", "2", "-o", str(tmp_path / "run")]) == 0
    assert main([*command, "--epochs", "2", "-o", str(tmp_path / "without")]) == 0
    network, spec = load_checkpoint(tmp_path / "run" / "lite.safetensors")
    without, _ = load_checkpoint(tmp_path / "without" / "lite.safetensors")
    assert spec.input_size == 64
    assert not torch.equal(network.final.weight, without.final.weight)
    assert main([*command, *hints, "--epochs", "2", "-o", str(tmp_path / "run")]) == 0
    assert main([*command, "--epochs", "2", "-o", str(tmp_path / "run")]) == 2
    assert "is of another run" in capsys.readouterr().err


def test_a_run_stopped_midway_ends_as_one_that_was_not(tmp_path, write_dataset, landmarks, cut_off) -> None:
    """Its projections, which no checkpoint keeps, go on from where they were."""
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=16)}"

    def run(name: str) -> int:
        return main([
            "train", "--data", source, "--validation", source, "--init", "lite", "--batch-size", "4", "--input-size",
            "64", "--float32", "--workers", "0", "--hints", str(landmarks), "--epochs", "2", "-o", str(tmp_path / name),
        ])  # fmt: skip

    assert run("whole") == 0
    cut_off(lambda: run("parts"))
    assert run("parts") == 0
    one, other = (torch.load(tmp_path / name / "resume.pt", weights_only=True) for name in ("whole", "parts"))
    assert "projections.0.weight" in one["network"]
    for key, tensor in one["network"].items():
        assert torch.equal(tensor, other["network"][key]), key


def test_what_cannot_be_taught_is_told(tmp_path, write_dataset, landmarks, capsys) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=2)}"
    command = [
        "train",
        "--data",
        source,
        "-o",
        str(tmp_path / "run"),
        "--hints",
        str(landmarks),
        "--workers",
        "0",
    ]
    for options, said in (
        (["--recipe", "pose_mobilenet_v2"], "--hints: pose_mobilenet_v2 has no pyramid"),
        (["--qat", "--init", "lite"], "--hints: --qat learns from heatmaps alone"),
    ):
        assert main([*command, *options]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(InputError, match="no pyramid"):
        Hints(Bright(), build("pose_mobilenet_v2"), SPEC, *torch.zeros(2, 1, 3, 224, 224))
