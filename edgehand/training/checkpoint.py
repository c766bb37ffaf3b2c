"""Checkpoints: safetensors that carry their ModelSpec, and the state from which training goes on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from edgehand.errors import CheckpointError, EdgehandError
from edgehand.files import write_atomically
from edgehand.spec import ModelSpec
from edgehand.training import mmpose
from edgehand.training.networks import MULTIPLE, NETWORKS, build

_SPEC_KEY = "edgehand_spec"


def save_checkpoint(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write weights and spec to one safetensors file, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, save(tensors, metadata={_SPEC_KEY: spec.to_json()}))


def load_checkpoint(path: Path, dataset: str | None = None) -> tuple[nn.Module, ModelSpec]:
    """Read a checkpoint; nothing in it is ever executed.

    Args:
        path: a file that `save_checkpoint` wrote, or MMPose's .pth of pose_mobilenet_v2.
        dataset: that a .pth was trained on, see `edgehand.training.mmpose.SPECS`; None finds it in its name.
    Returns:
        the network in evaluation mode, on the CPU, and its spec.
    Raises:
        CheckpointError: the file is missing, no such checkpoint, or holds other tensors than its network.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; give a .safetensors file of `edgehand train` or a .pth of MMPose"
        )
    tensors, spec = mmpose.read(path, dataset) if mmpose.is_pickle(path) else _read(path)
    try:
        network = build(spec.name)
    except EdgehandError as error:
        raise CheckpointError(f"{path}: {error}") from error
    stride = NETWORKS[spec.name][1].stride
    if spec.stride != stride or spec.input_size % MULTIPLE:
        raise CheckpointError(
            f"{path}: its input_size {spec.input_size} and stride {spec.stride} do not fit {spec.name}, which takes "
            f"multiples of {MULTIPLE} and has stride {stride}"
        )
    load_tensors(network, tensors, str(path))
    return network.eval(), spec


def _read(path: Path) -> tuple[dict[str, Tensor], ModelSpec]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a safetensors checkpoint ({error}); give a file written by `edgehand train`"
        ) from error
    if _SPEC_KEY not in metadata:
        raise CheckpointError(f"{path}: holds no ModelSpec; give a file written by `edgehand train`")
    try:
        return tensors, ModelSpec.from_json(metadata[_SPEC_KEY])
    except EdgehandError as error:
        raise CheckpointError(f"{path}: {error}") from error


def load_tensors(network: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    """Put tensors into a network, all of them and no others.

    Raises:
        CheckpointError: a tensor, which it names, is missing, unexpected, of another shape or not finite.
    """
    expected = network.state_dict()
    odd = sorted(expected.keys() ^ tensors.keys())
    if odd:
        state = "misses" if odd[0] in expected else "has the unexpected"
        raise CheckpointError(
            f"{name}: {state} tensor {odd[0]!r} ({len(odd)} such); it is a checkpoint of another network"
        )
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            raise CheckpointError(
                f"{name}: tensor {key!r} is {tuple(tensor.shape)}, expected {tuple(expected[key].shape)}; "
                "it is a checkpoint of another width or network"
            )
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{name}: tensor {key!r} holds NaN or infinity; its training had failed")
    network.load_state_dict(tensors)


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write all that an exact resume needs, whole or not at all."""
    content = io.BytesIO()
    torch.save(state, content)
    write_atomically(path, content.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, onto the CPU (tensors and plain values only: nothing is executed)."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise CheckpointError(f"{path}: cannot resume from it ({error}); delete it to start anew") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds no state of a training; delete it to start anew")
    return state
