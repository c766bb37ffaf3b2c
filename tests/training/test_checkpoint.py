"""Checkpoints: a round trip, and one clear sentence for whatever else is given."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgehand import models
from edgehand.errors import CheckpointError, OutputError
from edgehand.training.checkpoint import load_checkpoint, load_state, save_checkpoint, save_state
from edgehand.training.networks import NETWORKS, build


def test_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, spec = build("lite"), NETWORKS["lite"][1]
    file = tmp_path / "new" / "lite.safetensors"
    save_checkpoint(network, spec, file)
    loaded, loaded_spec = load_checkpoint(file)
    assert loaded_spec == spec
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert [path.name for path in file.parent.iterdir()] == ["lite.safetensors"]


def test_the_shipped_checkpoint_is_whole() -> None:
    network, spec = load_checkpoint(models.checkpoint("lite"))
    assert spec.name == "lite"
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code of a pickle ran",)


@pytest.mark.parametrize("name", ["bomb.safetensors", "bomb.pth"])
def test_a_pickle_is_never_run(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for content in (pickle.dumps(Bomb()), pickle.dumps({"state_dict": Bomb()}, protocol=2)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            load_checkpoint(tmp_path / name)
    assert "ran" not in capfd.readouterr().out


def test_a_poisoned_resume_state_is_never_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save({"fingerprint": Bomb()}, tmp_path / "resume.pt")
    with pytest.raises(CheckpointError, match="cannot resume"):
        load_state(tmp_path / "resume.pt")
    assert "ran" not in capfd.readouterr().out


def test_a_state_comes_back(tmp_path: Path) -> None:
    save_state({"step": 3, "tensor": torch.arange(4)}, tmp_path / "resume.pt")
    state = load_state(tmp_path / "resume.pt")
    assert state["step"] == 3
    assert torch.equal(state["tensor"], torch.arange(4))
    assert [path.name for path in tmp_path.iterdir()] == ["resume.pt"]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 100])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.safetensors"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    content = models.checkpoint("lite").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"cut\.safetensors: not a safetensors checkpoint"):
        load_checkpoint(tmp_path / "cut.safetensors")


def test_tensors_without_a_spec_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointError, match="ModelSpec"):
        load_checkpoint(tmp_path / "bare.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("final.bias"), "misses tensor 'final.bias'"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "has the unexpected tensor 'extra'"),
        (
            lambda tensors: tensors.update({"final.bias": torch.zeros(17)}),
            r"'final.bias' is \(17,\), expected \(21,\)",
        ),
    ],
)
def test_other_tensors_are_named(tmp_path: Path, change: object, message: str) -> None:
    tensors = build("lite").state_dict()
    change(tensors)  # type: ignore[operator]
    metadata = {"edgehand_spec": NETWORKS["lite"][1].to_json()}
    save_file(tensors, tmp_path / "odd.safetensors", metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": []}, r"name is \[\], expected str"),
        ({"antialias": "no"}, "antialias is 'no', expected bool"),
        ({"input_size": 100}, "input_size 100 and stride 4 do not fit lite, which takes multiples of 32"),
        ({"stride": 8}, "input_size 192 and stride 8 do not fit lite"),
    ],
)
def test_a_spec_that_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    spec = json.loads(NETWORKS["lite"][1].to_json()) | change
    save_file(build("lite").state_dict(), tmp_path / "odd.safetensors", {"edgehand_spec": json.dumps(spec)})
    with pytest.raises(CheckpointError, match=rf"odd\.safetensors: .*{message}"):
        load_checkpoint(tmp_path / "odd.safetensors")


def test_a_state_that_is_none_is_named(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "resume.pt")
    with pytest.raises(CheckpointError, match="holds no state of a training"):
        load_state(tmp_path / "resume.pt")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors: no such checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_an_output_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken"):
        save_checkpoint(build("lite"), NETWORKS["lite"][1], tmp_path / "taken")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]
