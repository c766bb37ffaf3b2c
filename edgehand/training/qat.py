"""Quantization-aware training: the network learns with the rounding that an INT8 export will do to it.

After B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2018). What is trained stays a float network of the same parameters, so that its checkpoint is an
ordinary one and every exporter quantizes it as any other.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize

from edgehand.training.networks import CONVOLUTIONS, Tracer, build

_MOMENTUM = 0.01
"""Of the ranges, a step."""
_ORIGINAL = ".parametrizations.weight.original"
"""What PyTorch calls a weight that is computed from another."""
_TINY = torch.finfo(torch.float32).tiny
_FUSED = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6)
"""What every engine computes together with the convolution before it, rounding but once."""


class RoundedWeight(nn.Module):
    """Weights as 8-bit integers hold them: symmetric, a scale for each output channel.

    Batch norm need not be folded for this: it multiplies an output channel's weights and their scale alike.

    Args:
        channels: the dimension of the output channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, weight: Tensor) -> Tensor:
        """The nearest weights that 8 bits can hold; the gradient passes unchanged."""
        values = weight.detach()
        others = [dimension for dimension in range(values.dim()) if dimension != self.channels]
        scale = values.abs().amax(others, keepdim=True).clamp_min(_TINY) / 127
        return weight + ((values / scale).round_().mul_(scale) - values)


class _Rounding(torch.autograd.Function):
    """To the nearest of 256 levels; where a value is beyond them all, it has no gradient.

    PyTorch has this as `fake_quantize_per_tensor_affine`, which takes three times as long on a CPU.
    """

    @staticmethod
    def forward(context: Any, values: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
        levels = (values / scale).round_().add_(zero)
        context.save_for_backward((levels >= 0) & (levels <= 255))
        return levels.clamp_(0, 255).sub_(zero).mul_(scale)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient * context.saved_tensors[0], None, None


class RoundedActivation(nn.Module):
    """Activations as 8-bit integers hold them: one scale and zero point, zero itself exact.

    The range follows the least and largest value of each training step; outside it the gradient is zero.
    """

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))

    def forward(self, values: Tensor) -> Tensor:
        """The nearest values that 8 bits can hold."""
        if self.training:
            fresh = self.high == self.low
            for bound, seen in ((self.low, values.detach().amin()), (self.high, values.detach().amax())):
                bound.copy_(torch.where(fresh, seen, bound.lerp(seen.float(), _MOMENTUM)))
        low, high = self.low.clamp_max(0), self.high.clamp_min(0)
        scale = ((high - low) / 255).clamp_min(_TINY)
        rounded: Tensor = _Rounding.apply(values, scale, (-low / scale).round())  # type: ignore[no-untyped-call]
        return rounded


def quantized(network: nn.Module, images: Tensor) -> nn.Module:
    """The network with its weights and activations rounded wherever the engines round.

    Weights of each convolution are rounded, and all that an operation gives, the input and the output included,
    but not what goes on into a batch norm or a ReLU alone: engines fuse these.

    Args:
        network: one of ours; it must not be used any more, its parameters live on in the result.
        images: (N, 3, S, S) normalised, which the first ranges are taken from.
    Returns:
        a network of the same parameters, in evaluation mode.
    """
    network.eval()
    graph = Tracer().trace(network)
    modules = dict(network.named_modules())
    rounded = nn.ModuleDict()
    for node in list(graph.nodes):
        into = [modules.get(str(user.target)) for user in node.users]
        if node.op == "output" or (len(into) == 1 and isinstance(into[0], _FUSED)):
            continue
        rounded[node.name] = RoundedActivation()
        with graph.inserting_after(node):
            inserted = graph.call_module(f"rounded.{node.name}")
        node.replace_all_uses_with(inserted)
        inserted.args = (node,)
    for module in modules.values():
        if isinstance(module, CONVOLUTIONS):
            channels = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            parametrize.register_parametrization(module, "weight", RoundedWeight(channels))
    network.rounded = rounded
    result = fx.GraphModule(network, graph)
    rounded.train()
    with torch.no_grad():
        result(images)
    return result.eval()


def unquantized(network: nn.Module, name: str) -> nn.Module:
    """A float network with the same parameters and statistics, on the same device.

    Args:
        network: what `quantized` gave.
        name: that it was built by, one of `edgehand.training.networks.NETWORKS`.
    """
    plain = build(name)
    state = {key.replace(_ORIGINAL, ".weight"): tensor for key, tensor in network.state_dict().items()}
    plain.load_state_dict({key: state[key] for key in plain.state_dict()})
    return plain.to(next(network.parameters()).device)
