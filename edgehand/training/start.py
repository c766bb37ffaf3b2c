"""Where a network's weights start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edgehand.errors import CheckpointError
from edgehand.files import read_arrays
from edgehand.spec import ModelSpec
from edgehand.training import mmpose
from edgehand.training.checkpoint import load_checkpoint, load_tensors
from edgehand.training.data import normalise
from edgehand.training.networks import FusedBlock

MAX_BYTES = 2**26
"""More in an .npz of a backbone, unpacked, is refused: MobileNetV2 has 9 MB."""


def load_backbone(network: nn.Module, spec: ModelSpec, path: Path, patches: Tensor) -> None:
    """Start the backbone from weights that have learnt something already.

    Args:
        network: one of ours, its `backbone` is changed in place.
        spec: of the network.
        path: MobileNetV2 as torchvision (`features.*`) or MMPose (`backbone.*`) saves it, .pth; .npz for
            `folded_backbone`; or a checkpoint of ours, .safetensors, of this or another network.
        patches: uint8 RGB (N, 3, H, W) of the training set.
    Raises:
        CheckpointError: the file is missing, or holds no such weights, or the network has no use for them.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file of a backbone's weights")
    if path.suffix == ".safetensors":
        _borrowed_backbone(network, spec, path)
        return
    if any(isinstance(module, FusedBlock) for module in network.modules()):
        raise CheckpointError(
            f"{path}: MobileNetV2's weights do not fit {spec.name}'s fused blocks; give lite_depthwise, or what "
            "you trained from them with --recipe lite_depthwise, as --backbone and --teacher"
        )
    if path.suffix == ".npz":
        folded_backbone(network, spec, path, normalise(patches, spec))
        return
    names = mmpose.names()
    found = {
        names.get(key, key).replace("features.", "backbone."): tensor
        for key, tensor in mmpose.state_dict(path).items()
    }
    backbone = network.backbone
    assert isinstance(backbone, nn.Module)
    # `lite` has no use for the last convolution, nor any of ours for the classifier.
    wanted = {key: found[f"backbone.{key}"] for key in backbone.state_dict() if f"backbone.{key}" in found}
    load_tensors(backbone, wanted, str(path))


def _borrowed_backbone(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Take the blocks that are alike in both networks; the first is adapted to pixels normalised in another way."""
    source, theirs = load_checkpoint(path)
    ours, backbone = network.backbone, source.backbone
    assert isinstance(ours, nn.Sequential)
    assert isinstance(backbone, nn.Sequential)
    stem = backbone[0]
    assert isinstance(stem, nn.Sequential)
    convolution, norm = stem[0], stem[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    with torch.no_grad():
        weight, shift = _renormalised(convolution.weight, spec, theirs.mean, theirs.std)
        convolution.weight.copy_(weight)
        norm.running_mean -= shift
    for mine, block in zip(ours, backbone, strict=False):
        if _shapes(mine) == _shapes(block):
            mine.load_state_dict(block.state_dict())


def _shapes(block: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in block.state_dict().items()}


def folded_backbone(network: nn.Module, spec: ModelSpec, path: Path, images: Tensor) -> None:
    """Start a MobileNetV2 backbone from convolutions whose batch norm was folded in.

    The batch norms are set from one batch so that the folded network is reproduced on it: each gets the
    batch's mean and variance as running statistics, its standard deviation as weight, and folded bias + mean
    as bias.

    Args:
        network: one of ours, its `backbone` is changed in place.
        spec: of the network, whose normalisation the first convolution is adapted to.
        path: .npz with OIHW float32 `{stem,b0..b16.{expand,dw,project},head}.{weight,bias}`, of a network
            that expects pixels as (v - 127.5) / 127.5.
        images: (N, 3, H, W) normalised as `spec` says.
    Raises:
        CheckpointError: the file is missing, or holds no such weights.
    """
    backbone = network.backbone
    assert isinstance(backbone, nn.Sequential)
    names = ["stem"]
    for block in range(17):
        names += [
            f"b{block}.{part}" for part in ("expand", "dw", "project") if (block, part) != (0, "expand")
        ]
    names.append("head")
    try:
        folded = {
            key: torch.from_numpy(np.asarray(array, np.float32))
            for key, array in read_arrays(path, MAX_BYTES).items()
        }
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: not an .npz of folded convolutions ({error})") from error

    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]

    def calibrate(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        mean = inputs[0].mean((0, 2, 3))
        variance = inputs[0].var((0, 2, 3), unbiased=False)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(norm.bias + mean)

    def part(name: str, shape: torch.Size) -> Tensor:
        tensor = folded.get(name)
        if tensor is None or tensor.shape != shape or not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: holds no {name} of {tuple(shape)} finite numbers")
        return tensor

    with torch.no_grad():
        for name, convolution, norm in zip(names, convolutions, norms, strict=False):
            weight = part(f"{name}.weight", convolution.weight.shape)
            bias = part(f"{name}.bias", norm.bias.shape)
            if name == "stem":
                weight, shift = _renormalised(weight, spec, (127.5,) * 3, (127.5,) * 3)
                bias = bias + shift
            convolution.weight.copy_(weight)
            norm.bias.copy_(bias)
        hooks = [norm.register_forward_pre_hook(calibrate) for norm in norms]
        network.eval()
        backbone(images)
        for hook in hooks:
            hook.remove()


def _renormalised(
    weight: Tensor, spec: ModelSpec, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """A first convolution for pixels normalised as `spec` says, of one for pixels normalised by `mean` and `std`.

    Returns:
        its weight, and what is to be added to each channel of its result.
    """
    shift = weight.sum((2, 3)) @ ((torch.tensor(spec.mean) - torch.tensor(mean)) / torch.tensor(std))
    return weight * (torch.tensor(spec.std) / torch.tensor(std)).view(1, 3, 1, 1), shift
