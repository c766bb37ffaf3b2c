from __future__ import annotations

import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgehand.cli import main
from edgehand.errors import CheckpointError
from edgehand.training import mmpose
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.networks import PoseMobileNetV2


def _mmpose_names(head: str) -> list[str]:
    """The 332 names in the order of MMPose's modules; written from its layout, not from ours."""
    bn = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = ["backbone.conv1.conv.weight", *(f"backbone.conv1.bn.{part}" for part in bn)]
    for layer, blocks in enumerate([1, 2, 3, 4, 3, 3, 1], start=1):
        for block in range(blocks):
            for index in range(2 if layer == 1 else 3):
                unit = f"backbone.layer{layer}.{block}.conv.{index}"
                names += [f"{unit}.conv.weight", *(f"{unit}.bn.{part}" for part in bn)]
    names += ["backbone.conv2.conv.weight", *(f"backbone.conv2.bn.{part}" for part in bn)]
    for index in (0, 3, 6):
        names += [f"{head}.deconv_layers.{index}.weight"]
        names += [f"{head}.deconv_layers.{index + 1}.{part}" for part in bn]
    return [*names, f"{head}.final_layer.weight", f"{head}.final_layer.bias"]


@pytest.fixture(scope="module")
def network() -> PoseMobileNetV2:
    torch.manual_seed(0)
    network = PoseMobileNetV2().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def _state(network: PoseMobileNetV2, head: str) -> OrderedDict[str, torch.Tensor]:
    # Both register their tensors in the order of the forward pass.
    return OrderedDict(zip(_mmpose_names(head), network.state_dict().values(), strict=True))


def test_there_are_332(network) -> None:
    assert len(_mmpose_names("head")) == len(network.state_dict()) == 332
    assert sum(p.numel() for p in network.parameters()) == 9_570_837


def test_both_generations_and_file_formats_give_the_same_file(network, tmp_path) -> None:
    old = {
        "meta": {"mmpose_version": "0.29.0", "CLASSES": ("hand",)},
        "state_dict": _state(network, "keypoint_head"),
    }
    new = {"meta": {}, "state_dict": _state(network, "head")}
    new["state_dict"]["data_preprocessor.mean"] = torch.zeros(3, 1, 1)
    files = [tmp_path / f"mobilenetv2_onehand10k_256x256-{i}.pth" for i in range(4)]
    torch.save(old, files[0], _use_new_zipfile_serialization=False)
    torch.save(old, files[1])
    torch.save(new, files[2])
    torch.save(new["state_dict"], files[3])
    outputs = []
    for file in files:
        output = file.with_suffix(".safetensors")
        assert main(["import", str(file), "-o", str(output)]) == 0
        outputs.append(output.read_bytes())
    assert all(output == outputs[0] for output in outputs)
    before = files[0].read_bytes()
    assert main(["import", str(files[0]), "-o", str(files[0])]) == 2
    assert files[0].read_bytes() == before

    imported, spec = load_checkpoint(files[0].with_suffix(".safetensors"))
    image = torch.randn(1, 3, 256, 256)
    torch.testing.assert_close(imported(image), network(image), rtol=0, atol=0)
    assert spec.decode == "quarter"


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("mobilenetv2_onehand10k_256x256-f3a3d90e_20210330.pth", "onehand10k"),
        ("mobilenetv2_panoptic_256x256-b9ec9b68_20201218.pth", "panoptic"),
        ("mobilenetv2_rhd2d_256x256-85fa02db_20210330.pth", "rhd"),
        ("td-hm_mobilenetv2_8xb64-210e_rhd2d-256x256_epoch_210.pth", "rhd"),
    ],
)
def test_published_configurations_are_known_by_name(name, dataset, network, tmp_path) -> None:
    file = tmp_path / name
    torch.save({"state_dict": _state(network, "head")}, file)
    _, spec = load_checkpoint(file)
    assert spec == mmpose.SPECS[dataset]
    assert spec.padding == (1.76 if dataset == "panoptic" else 1.25)
    # The project's thumb tip (4) comes from RHD's channel 1.
    assert spec.keypoint_order[4] == (1 if dataset == "rhd" else 4)


def test_unknown_name_asks_for_the_data_set(network, tmp_path) -> None:
    file = tmp_path / "epoch_210.pth"
    torch.save({"state_dict": _state(network, "head")}, file)
    with pytest.raises(CheckpointError, match=r"--dataset {onehand10k,panoptic,rhd}"):
        load_checkpoint(file)
    with pytest.raises(CheckpointError, match="'coco'"):
        load_checkpoint(file, "coco")
    assert load_checkpoint(file, "panoptic")[1].padding == 1.76


class _Runs:
    """Pickles to a call of os.system."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def _pickle_inside_zip(file: Path, content: bytes) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")


@pytest.mark.parametrize("form", ["zip", "legacy", "plain", "by hand"])
def test_pickle_bomb_is_refused_by_name_and_not_run(form, tmp_path, capsys) -> None:
    file, marker = tmp_path / "mobilenetv2_rhd2d.pth", tmp_path / "marker"
    content = {"state_dict": _Runs(marker)}
    if form == "plain":
        file.write_bytes(pickle.dumps(content, protocol=2))
    elif form == "by hand":
        _pickle_inside_zip(file, b"cbuiltins\neval\n(S'open(\"" + str(marker).encode() + b'","w")\'\ntR.')
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    assert main(["import", str(file), "-o", str(tmp_path / "out.safetensors")]) == 2
    message = capsys.readouterr().err
    assert ("builtins.eval" if form == "by hand" else "posix.system") in message
    assert message.count("\n") == 1
    assert not marker.exists()
    assert not (tmp_path / "out.safetensors").exists()


class HistoryBuffer:
    """Like mmengine's: it keeps its own methods, which pickle fetches with getattr."""

    def __init__(self) -> None:
        self.values = np.arange(3.0)
        self.methods = {"mean": self.mean, "min": HistoryBuffer.mean}

    def mean(self) -> float:
        return 0.0


def test_training_file_with_objects_is_read_without_making_them(network, tmp_path, monkeypatch) -> None:
    file = tmp_path / "onehand10k_epoch_10.pth"
    name = "mmengine.logging.history_buffer"
    monkeypatch.setattr(HistoryBuffer, "__module__", name)
    for part in ("mmengine", "mmengine.logging", name):
        module = types.ModuleType(part)
        module.HistoryBuffer = HistoryBuffer
        monkeypatch.setitem(sys.modules, part, module)
    hub = {"log_scalars": {"loss": HistoryBuffer()}, "lr": np.float64(0.1), "time": datetime(2021, 3, 30)}
    torch.save({"message_hub": hub, "state_dict": _state(network, "head")}, file)
    monkeypatch.undo()

    imported, _ = load_checkpoint(file)
    for key, tensor in network.state_dict().items():
        assert torch.equal(imported.state_dict()[key], tensor)


def _without_bias(state):
    del state["head.final_layer.bias"]


def _other_width(state):
    state["backbone.conv1.conv.weight"] = torch.zeros(16, 3, 3, 3)


def _other_network(state):
    state["backbone.layer1.0.downsample.0.weight"] = torch.zeros(1)


def _nan(state):
    state["head.final_layer.bias"] = torch.full((21,), float("nan"))


def _no_tensor(state):
    state["head.final_layer.bias"] = [0.0] * 21


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_bias, "misses tensor 'head.9.bias'.*another network"),
        (_other_width, r"is \(16, 3, 3, 3\), expected \(32, 3, 3, 3\).*another width"),
        (_other_network, "unexpected tensor 'backbone.layer1.0.downsample.0.weight'.*another network"),
        (_nan, r"'head\.9\.bias' holds NaN"),
        (_no_tensor, "holds no state_dict of tensors"),
    ],
)
def test_wrong_checkpoint_is_named(spoil, message, network, tmp_path) -> None:
    state = _state(network, "head")
    spoil(state)
    file = tmp_path / "onehand10k.pth"
    torch.save({"state_dict": state}, file)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(file)


@pytest.mark.parametrize("length", [0, 3, 1000, -1000])
@pytest.mark.parametrize("new", [True, False])
def test_truncated_checkpoint(length, new, network, tmp_path) -> None:
    file = tmp_path / "onehand10k.pth"
    torch.save({"state_dict": _state(network, "head")}, file, _use_new_zipfile_serialization=new)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(
        CheckpointError, match=r"onehand10k\.pth: (damaged|not a safetensors|refused)"
    ) as raised:
        load_checkpoint(file)
    assert "\n" not in str(raised.value)


def test_compressed_archive_is_refused(tmp_path) -> None:
    file = tmp_path / "rhd.pth"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(CheckpointError, match="compressed"):
        load_checkpoint(file)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(new=st.booleans(), changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6))
def test_damaged_bytes_end_in_a_sentence(new, changes, tmp_path) -> None:
    file = tmp_path / "rhd.pth"
    state = {"head.final_layer.bias": torch.zeros(21), "backbone.conv1.conv.weight": torch.zeros(2, 3)}
    torch.save({"meta": {"time": "now"}, "state_dict": state}, file, _use_new_zipfile_serialization=new)
    content = bytearray(file.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    file.write_bytes(bytes(content))
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(file)
    assert str(raised.value).startswith(str(file))
