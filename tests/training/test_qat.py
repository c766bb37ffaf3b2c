"""Quantization-aware training."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch.nn.utils.fusion import fuse_conv_bn_weights

from edgehand import datasets, models
from edgehand.cli import main
from edgehand.errors import CheckpointError
from edgehand.training import run as runs
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.networks import NETWORKS, build
from edgehand.training.qat import RoundedActivation, RoundedWeight, quantized, unquantized
from edgehand.training.recipes import RECIPES, quantization_aware
from edgehand.training.run import train

SMALL = replace(
    quantization_aware(RECIPES["lite"]), input_size=64, batch_size=4, group_size=4, epochs=2, ema=0.5
)


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.randn(2, 3, 64, 64)


@pytest.fixture(scope="module")
def samples(tmp_path_factory, write_dataset):
    return datasets.load(f"coco:{write_dataset(tmp_path_factory.mktemp('data'), 'coco', hands=8)}")


def test_activations_are_rounded_as_pytorch_rounds_them() -> None:
    """Values and gradients, beyond the range too."""
    torch.manual_seed(0)
    rounding = RoundedActivation()
    rounding.low.fill_(-0.7)
    rounding.high.fill_(2.1)
    ours = (torch.randn(4, 5, 6, 7) * 2).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    scale = torch.tensor(2.8 / 255)
    expected = torch.fake_quantize_per_tensor_affine(
        theirs, scale, torch.tensor(64, dtype=torch.int32), 0, 255
    )
    torch.testing.assert_close(rounding.eval()(ours), expected)
    factors = torch.randn(4, 5, 6, 7)
    (rounding(ours) * factors).sum().backward()
    (expected * factors).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)
    assert (ours.grad == 0).any()


def test_ranges_follow_what_was_seen_in_training() -> None:
    rounding = RoundedActivation().train()
    rounding(torch.tensor([-1.0, 3.0]))
    assert (rounding.low.item(), rounding.high.item()) == (-1, 3)
    rounding(torch.tensor([0.0, 13.0]))
    assert (rounding.low.item(), rounding.high.item()) == pytest.approx((-0.99, 3.1))
    rounding.eval()(torch.tensor([-100.0, 100.0]))
    assert rounding.high.item() == pytest.approx(3.1)


@pytest.mark.parametrize("channels", [0, 1])
def test_weights_are_rounded_as_pytorch_rounds_them(channels) -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 5, 3, 3)
    weight.select(channels, 2).zero_()
    scale = weight.abs().amax([dimension for dimension in range(4) if dimension != channels]) / 127
    zero = torch.zeros(len(scale), dtype=torch.int32)
    # PyTorch takes no scale of zero.
    expected = torch.fake_quantize_per_channel_affine(
        weight, scale.clamp_min(1e-9), zero, channels, -127, 127
    )
    torch.testing.assert_close(RoundedWeight(channels)(weight), expected)


@pytest.mark.parametrize("transpose", [False, True])
def test_rounding_before_batch_norm_is_rounding_what_the_export_folds(transpose) -> None:
    torch.manual_seed(0)
    shape = (5, 6, 4, 4) if transpose else (6, 5, 3, 3)
    weight, mean, variance, gain, shift = torch.randn(shape), *torch.rand(4, 6)
    rounding = RoundedWeight(1 if transpose else 0)
    fused = [
        fuse_conv_bn_weights(start, None, mean, variance, 1e-5, gain, shift, transpose)[0]
        for start in (weight, rounding(weight))
    ]
    torch.testing.assert_close(rounding(fused[0]), fused[1])


def test_activations_are_rounded_where_the_tflite_file_has_integers() -> None:
    """One rounding for the input and for each operation's result, but for padding."""
    interpreter = Interpreter(str(models.int8_model()))
    operations = [detail["op_name"] for detail in interpreter._get_ops_details()]
    results = sum(name != "PAD" for name in operations)
    network = quantized(build("lite"), torch.randn(1, 3, 64, 64))
    assert sum(isinstance(module, RoundedActivation) for module in network.modules()) == 1 + results
    weights = sum("CONV" in name for name in operations)
    assert sum(isinstance(module, RoundedWeight) for module in network.modules()) == weights


@pytest.mark.parametrize("name", NETWORKS)
def test_the_float_network_comes_back_as_it_was(name, images) -> None:
    torch.manual_seed(0)
    network = build(name).eval()
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with torch.no_grad():
        before = network(images)
        rounded = quantized(network, images)
        plain = unquantized(rounded, name)
        assert plain.state_dict().keys() == state.keys()
        assert all(torch.equal(tensor, state[key]) for key, tensor in plain.state_dict().items())
        assert torch.equal(plain.eval()(images), before)
        assert not torch.equal(rounded(images), before)


def test_a_coarse_network_learns_its_rounding(images) -> None:
    """With rounding in the loop a network comes nearer to its own float heatmaps than rounding had left it."""
    network, _ = load_checkpoint(models.checkpoint("lite"))
    with torch.no_grad():
        wanted = network(images)
    rounded = quantized(network, images)
    optimizer = torch.optim.Adam(rounded.parameters(), lr=1e-5)
    errors = []
    for _ in range(20):
        error = (rounded(images) - wanted).square().mean()
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert sum(errors[-4:]) / 4 < 0.75 * errors[0]


@pytest.mark.slow
def test_a_run_leaves_an_ordinary_checkpoint_and_goes_on_exactly(samples, tmp_path, monkeypatch) -> None:
    whole, parts, init = tmp_path / "whole", tmp_path / "parts", models.checkpoint("lite")
    train(samples, samples[:2], SMALL, whole, init=init, qat=True, workers=0)
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert all(row["float"].keys() < row.keys() and row["float"]["EPE"] != row["EPE"] for row in rows)

    class Stop(Exception):
        pass

    def stop(state, path) -> None:
        save(state, path)
        raise Stop

    save = runs.save_state
    monkeypatch.setattr(runs, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(runs, "save_state", stop)
    with pytest.raises(Stop):
        train(samples, samples[:2], SMALL, parts, init=init, qat=True, workers=0)
    monkeypatch.setattr(runs, "save_state", save)
    with pytest.raises(CheckpointError, match="is of another run"):
        train(samples, samples[:2], SMALL, parts, init=init, workers=0)
    train(samples, samples[:2], SMALL, parts, init=init, qat=True, workers=0)
    one, _ = load_checkpoint(whole / "lite.safetensors")
    other, _ = load_checkpoint(parts / "lite.safetensors")
    start, _ = load_checkpoint(init)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key]), key
    assert not torch.equal(one.final.weight, start.final.weight)


def test_without_a_trained_network_it_does_not_begin(tmp_path, write_dataset, capsys) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=2)}"
    assert main(["train", "--data", source, "--qat", "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "--init" in error
    assert error.count("\n") == 1
