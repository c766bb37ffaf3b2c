from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.utils.data import default_collate

from edgehand import datasets, models
from edgehand.cli import main
from edgehand.errors import CheckpointError, InputError, OutputError
from edgehand.training import processes
from edgehand.training import run as runs
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops, normalise
from edgehand.training.loss import mean_squared_error
from edgehand.training.mixture import Mixture
from edgehand.training.networks import NETWORKS, build
from edgehand.training.processes import Process
from edgehand.training.recipes import RECIPES
from edgehand.training.run import train

SMALL = replace(RECIPES["lite"], batch_size=4, group_size=2, epochs=2)


def _losses(folder) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def _loss(network, samples, spec) -> float:
    patches, keypoints, weights = default_collate(list(HandCrops(samples, spec)))
    with torch.no_grad():
        return mean_squared_error(network(normalise(patches, spec)), keypoints, weights, sigma=2.0).item()


@pytest.fixture(scope="module")
def samples(tmp_path_factory, write_dataset):
    return datasets.load(f"coco:{write_dataset(tmp_path_factory.mktemp('data'), 'coco', hands=8)}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onehand10k", "panoptic", "rhd"])
def test_published_recipe_trains_in_one_command(name, tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path / "data", name, hands=2)
    labels = next((root / "annotations").iterdir())
    labels.with_name(f"{name}_train.json").write_bytes(labels.read_bytes())
    source, folder = f"{name}:{root}", tmp_path / "run"
    command = ["train", "--recipe", name, "--data", source, "--validation", source, "-o", str(folder)]
    assert main([*command, "--epochs", "6", "--workers", "0"]) == 0
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([5e-4 * (0.001 + 0.999 * step / 500) for step in range(6)])
    assert "AUC" in rows[-1]
    network, spec = load_checkpoint(folder / "pose_mobilenet_v2.safetensors")
    assert spec.padding == RECIPES[name].padding
    torch.manual_seed(0)
    before = build("pose_mobilenet_v2")
    # In training mode, because six steps are not enough for batch norm's running statistics.
    assert _loss(network.train(), datasets.load(source), spec) < _loss(
        before.train(), datasets.load(source), spec
    )


@pytest.mark.slow
def test_a_run_stopped_midway_ends_as_one_that_was_not(samples, tmp_path, cut_off) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(samples, samples[:2], SMALL, whole, workers=0)
    cut_off(lambda: train(samples, samples[:2], SMALL, parts, workers=0))
    train(samples, samples[:2], SMALL, parts, workers=0)
    one, _ = load_checkpoint(whole / "lite.safetensors")
    other, _ = load_checkpoint(parts / "lite.safetensors")
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key]), key
    assert (parts / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()
    with pytest.raises(CheckpointError, match="is of another run"):
        train(samples, [], replace(SMALL, sigma=2.0), parts, workers=0)


def test_a_run_that_diverges_ends_and_overwrites_nothing(samples, tmp_path) -> None:
    train(samples, [], replace(SMALL, epochs=1), tmp_path, workers=0)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "resume.pt").unlink()
    with pytest.raises(
        InputError, match=r"the loss is (nan|inf) at epoch 0, step 2; .* a smaller --learning-rate"
    ):
        train(samples, [], replace(SMALL, learning_rate=1e30), tmp_path, workers=0)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        name: content for name, content in before.items() if name != "resume.pt"
    }


@pytest.mark.slow
def test_best_weights_are_kept(samples, tmp_path, monkeypatch) -> None:
    aucs = iter([0.2, 0.5, 0.4, 0.45])
    saved = []
    monkeypatch.setattr(runs, "figures", lambda *_: {"AUC": next(aucs)})
    monkeypatch.setattr(runs, "predict", lambda *_, **__: None)
    monkeypatch.setattr(runs, "save_checkpoint", lambda network, *_: saved.append(network))
    train(samples, samples[:1], replace(SMALL, epochs=4, select="AUC"), tmp_path, workers=0)
    assert len(saved) == 2


@pytest.mark.slow
def test_without_hands_to_validate_on_the_last_weights_are_kept(samples, tmp_path, monkeypatch) -> None:
    saved = []
    monkeypatch.setattr(runs, "save_checkpoint", lambda network, *_: saved.append(network))
    train(samples, [], replace(SMALL, epochs=2, select="AUC"), tmp_path, workers=0)
    assert len(saved) == 2


def test_a_finished_run_is_not_taken_for_one_on_other_hands_or_weights(samples, tmp_path) -> None:
    recipe = replace(SMALL, epochs=1, input_size=32)
    train(samples[:4], [], recipe, tmp_path, workers=0)
    train(samples[:4], [], recipe, tmp_path, workers=0)
    assert len(_losses(tmp_path)) == 1
    for hands, init in ((samples[4:], None), (samples[:4], models.checkpoint("lite"))):
        with pytest.raises(CheckpointError, match="is of another run"):
            train(hands, [], recipe, tmp_path, init=init, workers=0)


# Steps large enough to tell which way they went.
SHARED = replace(
    RECIPES["rhd"], network="lite", batch_size=4, group_size=2, epochs=2, optimizer="SGD", learning_rate=50.0
)
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from edgehand import datasets
from edgehand.training.recipes import RECIPES
from edgehand.training.run import train
recipe = replace(
    RECIPES["rhd"], network="lite", batch_size=4, group_size=2, epochs=2, optimizer="SGD", learning_rate=50.0
)
train(datasets.load(sys.argv[1]), [], recipe, Path(sys.argv[2]), workers=0, threads=1, device="cpu")
"""


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(tmp_path, write_dataset) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=8)}"
    one, two = tmp_path / "1", tmp_path / "2"
    train(datasets.load(source), [], SHARED, one, workers=0, device="cpu")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command += [str(script), source, str(two)]
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=300)
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)
    alone, _ = load_checkpoint(one / "lite.safetensors")
    shared, _ = load_checkpoint(two / "lite.safetensors")
    torch.manual_seed(0)
    start = build("lite").final.bias
    torch.testing.assert_close(shared.final.bias - start, alone.final.bias - start, rtol=1e-2, atol=1e-6)


def test_processes_that_cannot_share_a_step(samples, tmp_path) -> None:
    spec = NETWORKS["lite"][1]
    crops, nothing = HandCrops(samples, spec), HandCrops([], spec)
    process = Process(rank=1, count=3, device=torch.device("cpu"))
    with pytest.raises(InputError, match="3 processes: a step of 4 pictures is 2 groups of 2; start as many"):
        runs.Run(
            SHARED,
            build("lite"),
            crops,
            Mixture((8,)),
            watched=nothing,
            folder=tmp_path,
            process=process,
            workers=0,
            seed=0,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--recipe", "nope"],
            "expected one of lite, lite_depthwise, tiny, pose_mobilenet_v2, onehand10k, panoptic, rhd",
        ),
        (["--device", "abacus"], "expected cpu, cuda or cuda:N"),
        (["--device", "meta"], "expected cpu, cuda or cuda:N"),
        (["--input-size", "32", "--batch-size", "2"], "gives batch norm a single value"),
        (
            ["--input-size", "32", "--batch-size", "22", "--holdout", "0"],
            "12 pictures ends in a group of one",
        ),
        (["--holdout", "1"], "expected a fraction"),
        (["--epochs", "0"], "--epochs 0: expected at least 1"),
        (["--threads", "0"], "--threads 0: expected 1 to 1024"),
        (["--threads", "10000000000"], "--threads 10000000000: expected 1 to 1024"),
        (["--data", "handless:"], "--data 'handless:': names no folder"),
        (["--data", "synth:"], "--data 'synth:': names no folder"),
        (["--workers", "-1"], "--workers -1: expected at least 0"),
        (["--seed", "-1"], "--seed -1: expected 0 to"),
        (["--input-size", "100"], "expected a multiple of 32"),
        (["--batch-size", "7"], "--batch-size 7: expected a multiple of 2, the groups of a step"),
        (["--batch-size", "0"], "expected a multiple of 2"),
        (["--init", "none.safetensors"], "no such checkpoint"),
        (["--init", "lite", "--recipe", "lite_depthwise"], "is of lite, the recipe trains lite_depthwise"),
        (["--teacher", "none.safetensors"], "no such checkpoint"),
        (["--teacher", "lite", "--recipe", "rhd"], "only spatial cross-entropy can learn from a teacher"),
        (["--backbone", "none.npz"], "no such file of a backbone's weights"),
        (["--backbone", "lite", "--recipe", "pose_mobilenet_v2", "-o", "FILE/run"], "cannot be written to"),
        (["--validation", "coco:none.json"], "no such file"),
        (["--learning-rate", "0"], "expected a positive number"),
        (["-o", "FILE/run"], "cannot be written to"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, write_dataset, capsys) -> None:
    (tmp_path / "file").touch()
    arguments = [argument.replace("FILE", str(tmp_path / "file")) for argument in arguments]
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=12)}"
    assert main(["train", "--data", source, "--workers", "0", "-o", str(tmp_path / "run"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_is_of_one_training_at_a_time(samples, tmp_path) -> None:
    with processes.alone(tmp_path), pytest.raises(OutputError, match="another process trains there"):
        train(samples, [], SMALL, tmp_path, workers=0)
    with processes.alone(tmp_path):
        pass


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried\nmore"),
            "not enough memory for steps of 64 pictures",
        ),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "fewer --workers"),
    ],
)
def test_want_of_memory_is_told_in_a_sentence(
    error, message, tmp_path, write_dataset, monkeypatch, capsys
) -> None:
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(runs, "train", fail)
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco')}"
    assert main(["train", "--data", source, "--recipe", "lite", "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_run_does_not_overwrite_its_start(samples, tmp_path) -> None:
    start = tmp_path / "lite.safetensors"
    shutil.copy(models.checkpoint("lite"), start)
    with pytest.raises(InputError, match="would be overwritten by the run"):
        train(samples, [], SMALL, tmp_path, init=start, workers=0)
    assert start.read_bytes() == models.checkpoint("lite").read_bytes()


@pytest.mark.slow
def test_a_damaged_picture_is_named_in_one_sentence(tmp_path, write_dataset) -> None:
    """By the process that read it, too; in a process of its own, because its workers are forked."""
    root = write_dataset(tmp_path / "data", "coco", hands=4)
    picture = root / "images/2.jpg"
    picture.write_bytes(picture.read_bytes()[:300])
    command = [sys.executable, "-m", "edgehand", "train", "--data", f"coco:{root}", "--holdout", "0"]
    command += ["--epochs", "1", "--input-size", "64", "--workers", "1", "-o", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"\nedgehand: {picture}: cannot be read" in done.stderr


@pytest.mark.parametrize("float32", [True, False])
def test_float32_input_size_and_batch_size(float32, tmp_path, write_dataset) -> None:
    command = [
        "train",
        "--data",
        f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=4)}",
        "--holdout",
        "0",
    ]
    command += ["--input-size", "64", "--batch-size", "2"]
    command += ["--epochs", "1", "--workers", "0", "-o", str(tmp_path / "run")]
    assert main([*command, *(["--float32"] if float32 else [])]) == 0
    assert load_checkpoint(tmp_path / "run/lite.safetensors")[1].input_size == 64
    state = torch.load(tmp_path / "run/resume.pt", weights_only=True)
    assert f"bfloat16={not float32}" in state["fingerprint"]
    assert state["schedule"]["last_epoch"] == 2  # steps: four hands, two each


def test_tiny_starts_from_lite(samples, tmp_path) -> None:
    recipe = replace(RECIPES["tiny"], batch_size=4, group_size=2, epochs=1, learning_rate=1e-12)
    written = train(samples, [], recipe, tmp_path, init=models.checkpoint("lite"), workers=0)
    assert written.name == "tiny.safetensors"
    network, spec = load_checkpoint(written)
    lite, wide = load_checkpoint(models.checkpoint("lite"))
    assert spec == replace(wide, name="tiny", input_size=128)
    for name, weight in lite.named_parameters():
        assert torch.allclose(weight, network.get_parameter(name), atol=1e-6), name


@pytest.mark.parametrize(("steps", "nearer"), [(4, True), (400, False)])
def test_averaged_weights_follow_closely_at_first(steps, nearer) -> None:
    """After few steps they are near the last weights; after many they lag behind as the decay alone says."""
    network = torch.nn.Linear(1, 1, bias=False)
    average = runs.AveragedModel(network, multi_avg_fn=runs._moving_average(0.9))
    for step in range(steps):
        torch.nn.init.constant_(network.weight, step)
        average.update_parameters(network)
    lag = steps - 1 - average.module.weight.item()
    # The mean age of what an exponential average holds is decay / (1 - decay) steps.
    assert lag < 1 if nearer else lag == pytest.approx(9, rel=0.01)


@pytest.mark.parametrize("kind", ["torchvision", "mmpose"])
def test_backbone_from_imagenet_weights(kind, tmp_path) -> None:
    source = build("pose_mobilenet_v2")
    state = source.backbone.state_dict()
    if kind == "torchvision":
        tensors = {f"features.{key}": value for key, value in state.items()} | {
            "classifier.1.bias": torch.zeros(5)
        }
    else:
        from edgehand.training.mmpose import names

        theirs = {ours: key for key, ours in names().items()}
        tensors = {theirs[f"backbone.{key}"]: value for key, value in state.items()} | {
            "head.fc.bias": torch.zeros(5)
        }
    file = tmp_path / "mobilenet_v2.pth"
    torch.save({"state_dict": tensors} if kind == "mmpose" else tensors, file)
    for name in ("pose_mobilenet_v2", "lite_depthwise"):
        network, spec = build(name), NETWORKS[name][1]
        runs.load_backbone(network, spec, file, torch.zeros(1, 3, 64, 64))
        for key, tensor in network.backbone.state_dict().items():
            assert torch.equal(tensor, state[key])
    del tensors[next(iter(tensors))]
    torch.save(tensors, file)
    with pytest.raises(CheckpointError, match="misses tensor"):
        runs.load_backbone(build("lite_depthwise"), spec, file, torch.zeros(1, 3, 64, 64))
    with pytest.raises(CheckpointError, match="do not fit lite's fused blocks"):
        runs.load_backbone(build("lite"), NETWORKS["lite"][1], file, torch.zeros(1, 3, 64, 64))


def test_backbone_of_another_network_sees_the_same_though_it_normalises_otherwise() -> None:
    source, theirs = load_checkpoint(models.checkpoint("lite_depthwise"))
    network, spec = build("pose_mobilenet_v2").eval(), NETWORKS["pose_mobilenet_v2"][1]
    untouched = network.backbone[18][0].weight.clone()
    runs.load_backbone(network, spec, models.checkpoint("lite_depthwise"), torch.zeros(1, 3, 64, 64))
    patches = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
    patches[:, :, 20:40, 10:50] = 200
    with torch.no_grad():
        expected = source.backbone(normalise(patches, theirs))
        found = network.backbone[:18](normalise(patches, spec))
    # Around the picture is zero, which is another grey to each: away from the border they are equal.
    first = [
        net.backbone[0](normalise(patches, of)).detach() for net, of in ((network, spec), (source, theirs))
    ]
    torch.testing.assert_close(first[0][..., 1:, 1:], first[1][..., 1:, 1:], rtol=1e-4, atol=1e-4)
    assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.95
    assert torch.equal(network.backbone[18][0].weight, untouched)


def test_blocks_of_another_kind_or_width_are_left_as_they_are() -> None:
    source, _ = load_checkpoint(models.checkpoint("lite_depthwise"))
    network, spec = build("lite"), NETWORKS["lite"][1]
    before = {key: tensor.clone() for key, tensor in network.backbone.state_dict().items()}
    runs.load_backbone(network, spec, models.checkpoint("lite_depthwise"), torch.zeros(1, 3, 64, 64))
    theirs = source.backbone.state_dict()
    for key, tensor in network.backbone.state_dict().items():
        alike = int(key.split(".")[0]) in (0, 14)  # the others are fused in `lite`, the last three narrower
        assert torch.equal(tensor, (theirs if alike else before)[key])
