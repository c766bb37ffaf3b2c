"""Checkpoints of MMPose's pose_mobilenet_v2, 0.x and 1.x, read without running anything that is in them."""

from __future__ import annotations

import re
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from edgehand.datasets import panoptic, rhd
from edgehand.errors import CheckpointError
from edgehand.spec import ModelSpec
from edgehand.training.networks import NETWORKS

_SPEC = NETWORKS["pose_mobilenet_v2"][1]
SPECS: dict[str, ModelSpec] = {
    "onehand10k": _SPEC,
    "panoptic": replace(_SPEC, padding=panoptic.PADDING),
    # Its output channels are in RHD's own order.
    "rhd": replace(_SPEC, keypoint_order=rhd.ORDER),
}
"""Published configuration, by the data set in its name -> what is special about its network."""

_BLOCKS = (1, 2, 3, 4, 3, 3, 1)
_INERT = re.compile(
    r"(numpy|mmengine|mmcv|mmpose|datetime|collections|pathlib)\..*|_codecs\.encode"
    r"|builtins\.(getattr|bytes|bytearray|set|frozenset|slice|complex|range|list|dict|tuple|int|float|str|bool)"
)
"""What honest training files name besides tensors: logs, options, random states."""


class _Inert:
    """Stands in for everything a file names that is no tensor: takes what it is given and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def is_pickle(path: Path) -> bool:
    """Whether a file is one that torch.save wrote, in its present (ZIP) or its older format."""
    with path.open("rb") as file:
        head = file.read(4)
    return head == b"PK\x03\x04" or head[:1] == b"\x80"


def read(path: Path, dataset: str | None = None) -> tuple[dict[str, Tensor], ModelSpec]:
    """Read the weights of an MMPose checkpoint.

    Args:
        path: .pth of pose_mobilenet_v2, published or saved while training.
        dataset: one of SPECS; None finds it in the file's name.
    Returns:
        tensors by the names of PoseMobileNetV2, those that it does not know by their own; and the spec.
    Raises:
        CheckpointError: the file is damaged, holds no weights, wants to run code, or its data set is unknown.
    """
    dataset = dataset or next((name for name in SPECS if name in path.name.lower()), "")
    if dataset not in SPECS:
        raise CheckpointError(
            f"{path}: trained on which data set? Not known from {dataset or 'its name'!r}: "
            f"import it with `edgehand import --dataset {{{','.join(SPECS)}}}`"
        )
    known = names()
    tensors: dict[str, Tensor] = {}
    for key, tensor in state_dict(path).items():
        if not key.startswith("data_preprocessor."):
            tensors[known.get(re.sub(r"^keypoint_head\.", "head.", key), key)] = tensor
    return tensors, SPECS[dataset]


def state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that torch.save wrote, in `state_dict` or at the top, by their names there.

    Raises:
        CheckpointError: the file is damaged, holds no tensors, or wants to run code.
    """
    content = _load(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path}: holds no state_dict of tensors; give a .pth that MMPose saved")
    return {str(key): tensor for key, tensor in state.items()}


def _load(path: Path) -> Any:
    """What the file holds, with everything inert that is no tensor or plain value."""
    inert: list[str] = []
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    raise CheckpointError(f"{path}: refused, it is compressed, which torch.save never does")
        while True:
            try:
                with (
                    torch.serialization.safe_globals([(_Inert, name) for name in inert]),
                    warnings.catch_warnings(),
                ):
                    # PyTorch wonders about pickles of other protocols; they are read or refused like the rest.
                    warnings.simplefilter("ignore", UserWarning)
                    return torch.load(path, map_location="cpu", weights_only=True)
            except UnpicklingError as error:
                found = re.search(r"GLOBAL (\S+)", str(error))
                name = found[1] if found else ""
                # PyTorch's message leaves this module's name out.
                name = name if "." in name else f"builtins.{name}"
                if name in inert or not _INERT.fullmatch(name):
                    reason = f"it asks to use {name}" if found else "its pickle holds more than tensors"
                    raise CheckpointError(f"{path}: refused, {reason}; nothing in it was run") from None
                inert.append(name)
    except CheckpointError:
        raise
    except Exception as error:  # PyTorch's readers raise almost anything on damaged files
        reason = re.split(r"\n|\. ", str(error).strip())[0]
        raise CheckpointError(f"{path}: damaged or no checkpoint ({reason}); get it again") from None


def names() -> dict[str, str]:
    """MMPose 1.x name -> ours, for the 332 tensors."""
    pairs: list[tuple[str, str]] = []

    def unit(theirs: str, convolution: str, norm: str) -> None:
        pairs.append((f"{theirs}.conv.weight", f"{convolution}.weight"))
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            pairs.append((f"{theirs}.bn.{part}", f"{norm}.{part}"))

    unit("backbone.conv1", "backbone.0.0", "backbone.0.1")
    feature = 1
    for layer, blocks in enumerate(_BLOCKS, start=1):
        for block in range(blocks):
            theirs, ours = f"backbone.layer{layer}.{block}.conv", f"backbone.{feature}.conv"
            project = 1 if layer == 1 else 2
            for index in range(project):
                unit(f"{theirs}.{index}", f"{ours}.{index}.0", f"{ours}.{index}.1")
            unit(f"{theirs}.{project}", f"{ours}.{project}", f"{ours}.{project + 1}")
            feature += 1
    unit("backbone.conv2", "backbone.18.0", "backbone.18.1")
    for index in (0, 3, 6):
        pairs.append((f"head.deconv_layers.{index}.weight", f"head.{index}.weight"))
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            pairs.append((f"head.deconv_layers.{index + 1}.{part}", f"head.{index + 1}.{part}"))
    pairs += [(f"head.final_layer.{part}", f"head.9.{part}") for part in ("weight", "bias")]
    return dict(pairs)
