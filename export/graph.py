"""A trained network -> the graph that is exported: batch norms folded, deconvolutions as convolutions."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from fnmatch import fnmatchcase

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edgehand.errors import InputError
from edgehand.training.networks import CONVOLUTIONS

_INSERTED = re.compile(r"\d+\.pointwise\.|\.phases\.\d+$")


def inference_graph(network: nn.Module, *, deconvolution: str) -> nn.Module:
    """An equal network of fewer operations; the given one is left as it is.

    Args:
        network: in evaluation mode.
        deconvolution: what becomes of 4x4 stride-2 deconvolutions: "keep" leaves them, "NCHW" and "NHWC" rewrite
            them as four convolutions each, with the interleaving laid out for an engine of that memory layout.
    Returns:
        the network with every batch norm folded into the convolution before it.
    """
    graph = copy.deepcopy(network).eval()
    for layers in [module for module in graph.modules() if isinstance(module, nn.Sequential)]:
        _fold(layers)
        if deconvolution != "keep":
            _rewrite(layers, deconvolution)
    for parameter in graph.parameters():
        parameter.requires_grad_(False)
    return graph


def convolutions(graph: nn.Module) -> dict[str, nn.Module]:
    """The graph's convolutions by their modules' names, in their order."""
    return {name: module for name, module in graph.named_modules() if isinstance(module, CONVOLUTIONS)}


def layer_of(name: str) -> str:
    """The network's layer that a convolution of the graph computes, a part of a deconvolution too."""
    return _INSERTED.sub("", name)


def weights(graph: nn.Module, patterns: tuple[str, ...]) -> dict[str, NDArray[np.float32]]:
    """Weights of the graph's convolutions whose layers match patterns as of file names, by their modules' names.

    Raises:
        InputError: a pattern matches none.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for pattern in patterns:
        matched = {name for name in convolutions(graph) if fnmatchcase(layer_of(name), pattern)}
        if not matched:
            raise InputError(
                f"recipe: keep_float {pattern!r} matches no layer; `edgehand inspect` of the checkpoint lists them"
            )
        found |= {name: graph.get_parameter(f"{name}.weight").numpy() for name in matched}
    return found


def _fold(layers: nn.Sequential) -> None:
    for index in range(len(layers) - 1):
        layer, norm = layers[index], layers[index + 1]
        if isinstance(layer, CONVOLUTIONS) and isinstance(norm, nn.BatchNorm2d):
            layers[index] = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
            layers[index + 1] = nn.Identity()


def _rewrite(layers: nn.Sequential, layout: str) -> None:
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.ConvTranspose2d):
            pointwise = OrderedDict()  # whose names stay: they name layers in recipes
            for follower in range(index + 1, len(layers)):
                if not _is_pointwise(layers[follower]):
                    break
                pointwise[str(follower)] = layers[follower]
                layers[follower] = nn.Identity()
            layers[index] = PhaseDeconvolution(layer, nn.Sequential(pointwise), layout=layout)


def _is_pointwise(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.kernel_size == (1, 1) and layer.stride == (1, 1)
    return isinstance(layer, nn.ReLU | nn.ReLU6 | nn.Identity)


class PhaseDeconvolution(nn.Module):
    """A 4x4 deconvolution of stride 2 and padding 1 as four 2x2 convolutions whose results interleave.

    Output row 2i sees input rows i-1 and i through kernel rows 3 and 1, output row 2i+1 sees rows i and i+1 through
    kernel rows 2 and 0; columns likewise. The arithmetic is that of the deconvolution, without its scattered
    writes, and every engine has the convolution in INT8. What follows the deconvolution and looks at one pixel at a
    time is done before the interleaving: the last one then moves 21 channels about instead of 256.
    """

    def __init__(self, deconvolution: nn.ConvTranspose2d, pointwise: nn.Module, *, layout: str) -> None:
        super().__init__()
        self.pointwise = pointwise
        geometry = (
            deconvolution.kernel_size,
            deconvolution.stride,
            deconvolution.padding,
            deconvolution.groups,
        )
        if geometry != ((4, 4), (2, 2), (1, 1), 1) or deconvolution.output_padding != (0, 0):
            raise ValueError(
                f"deconvolution with kernel, stride, padding, groups {geometry}: only 4, 2, 1, 1"
            )
        self.layout = layout
        taps = ((3, 1), (2, 0))
        self.phases = nn.ModuleList()
        for rows in taps:
            for columns in taps:
                phase = nn.Conv2d(deconvolution.in_channels, deconvolution.out_channels, 2)
                weight = deconvolution.weight.detach()[:, :, rows][:, :, :, columns]
                phase.weight = nn.Parameter(weight.transpose(0, 1).contiguous())
                if deconvolution.bias is None:
                    phase.bias = None
                else:
                    phase.bias = nn.Parameter(deconvolution.bias.detach().clone())
                self.phases.append(phase)

    def forward(self, features: Tensor) -> Tensor:
        """Upsample (N, C, H, W) to (N, C', 2H, 2W)."""
        height, width = features.shape[-2:]
        padded = functional.pad(features, (1, 1, 1, 1))
        phases = [
            self.pointwise(phase(padded[:, :, row : row + height + 1, column : column + width + 1]))
            for phase, (row, column) in zip(self.phases, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
        ]
        interleave = _interleave_nhwc if self.layout == "NHWC" else _interleave_nchw
        return interleave(phases)


def _interleave_nhwc(phases: list[Tensor]) -> Tensor:
    # In NHWC memory, interleaving columns is a concatenation of channels, interleaving rows one of whole rows. The
    # permutes cancel with those that the converter puts around convolutions, so that no transpose is left.
    top_left, top_right, bottom_left, bottom_right = (phase.permute(0, 2, 3, 1) for phase in phases)
    batch, height, width, channels = top_left.shape
    top = torch.cat([top_left, top_right], dim=3).reshape(batch, height, 2 * width * channels)
    bottom = torch.cat([bottom_left, bottom_right], dim=3).reshape(batch, height, 2 * width * channels)
    rows = torch.cat([top, bottom], dim=2)
    return rows.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


def _interleave_nchw(phases: list[Tensor]) -> Tensor:
    # Not pixel_shuffle: ONNX Runtime quantizes transposes and reshapes, but not DepthToSpace.
    batch, channels, height, width = phases[0].shape
    quads = torch.stack(phases, dim=2).reshape(batch, channels, 2, 2, height, width)
    return quads.permute(0, 1, 4, 2, 5, 3).reshape(batch, channels, 2 * height, 2 * width)
