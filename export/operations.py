"""A folded network, taken apart into the operations that an engine runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from edgehand.training.networks import CONVOLUTIONS, Tracer


@dataclass(frozen=True)
class Operation:
    """One kernel of an engine: a convolution with the activation function behind it, an addition, a resampling."""

    name: str
    """The convolution's layer, or the node's own name."""
    first: fx.Node
    """What it computes first."""
    last: fx.Node
    """What its result is: the activation function, or `first` itself."""
    convolution: nn.Conv2d | nn.ConvTranspose2d | None


class Operations:
    """The operations of a network in their order.

    Args:
        graph: of `edgehand.export.graph.inference_graph`, deconvolutions kept; its modules stay shared.
    """

    def __init__(self, graph: nn.Module) -> None:
        self.module = fx.GraphModule(graph, Tracer().trace(graph))
        self._modules = dict(self.module.named_modules())
        for node in list(self.module.graph.nodes):
            if isinstance(self.module_of(node), nn.Identity):
                node.replace_all_uses_with(node.args[0])
                self.module.graph.erase_node(node)
        self.module.recompile()
        self.all = [
            self._operation(node)
            for node in self.module.graph.nodes
            if node.op != "output" and not self._is_fused(node)
        ]

    def __getitem__(self, name: str) -> Operation:
        """The operation of a name."""
        return next(operation for operation in self.all if operation.name == name)

    def module_of(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, if it calls one."""
        return self._modules[str(node.target)] if node.op == "call_module" else None

    def consumers(self, operation: Operation) -> list[Operation]:
        """The operations that read what this one writes."""
        return [other for other in self.all if other.first in operation.last.users]

    def run(
        self,
        images: Tensor,
        *,
        weights: Mapping[str, Tensor] | None = None,
        after: Mapping[fx.Node, Callable[[Tensor], Tensor]] | None = None,
        known: dict[fx.Node, Tensor] | None = None,
        keep: bool = False,
    ) -> tuple[Tensor, dict[fx.Node, Tensor]]:
        """Run the network with changes.

        Args:
            images: (N, 3, S, S) normalised.
            weights: instead of the convolutions' own, by name of the operation.
            after: node -> what to make of its result.
            known: results of nodes that need not be run again.
            keep: give every node's result.
        Returns:
            heatmaps (N, 21, H, W), and the results by node where `keep`.
        """
        run = _Run(self.module, weights or {}, after or {}, keep=keep)
        with torch.inference_mode():
            heatmaps: Tensor = run.run(images, initial_env=dict(known) if known else None)
        return heatmaps, run.env if keep else {}

    def _operation(self, node: fx.Node) -> Operation:
        module = self.module_of(node)
        users = list(node.users)
        return Operation(
            name=str(node.target) if module else node.name,
            first=node,
            last=users[0] if len(users) == 1 and self._is_fused(users[0]) else node,
            convolution=module if isinstance(module, CONVOLUTIONS) else None,
        )

    def _is_fused(self, node: fx.Node) -> bool:
        """Whether a node is the activation function that its convolution's kernel applies itself."""
        if not isinstance(self.module_of(node), nn.ReLU | nn.ReLU6):
            return False
        before = node.args[0]
        assert isinstance(before, fx.Node)
        return isinstance(self.module_of(before), CONVOLUTIONS) and len(before.users) == 1


class _Run(fx.Interpreter):
    def __init__(
        self,
        module: fx.GraphModule,
        weights: Mapping[str, Tensor],
        after: Mapping[fx.Node, Callable[[Tensor], Tensor]],
        *,
        keep: bool,
    ) -> None:
        super().__init__(module, garbage_collect_values=not keep)
        self._weights, self._after = weights, after

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        return self._after[n](value) if n in self._after else value

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target in self._weights:
            return functional_call(self.fetch_attr(target), {"weight": self._weights[target]}, args)
        return super().call_module(target, args, kwargs)
