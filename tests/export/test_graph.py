"""The exported graph computes what the trained network computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgehand.export.graph import PhaseDeconvolution, inference_graph
from edgehand.training.networks import NETWORKS, build


def lively(network: nn.Module) -> nn.Module:
    """Give batch norms statistics that folding cannot get right by luck."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.05)
    return network.eval()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (8, 8)])
def test_phases_equal_the_deconvolution(layout: str, bias: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    deconvolution = nn.ConvTranspose2d(5, 7, 4, stride=2, padding=1, bias=bias)
    features = torch.randn(2, 5, *size)
    phases = PhaseDeconvolution(deconvolution, nn.ReLU(), layout=layout)
    torch.testing.assert_close(phases(features), deconvolution(features).relu(), atol=1e-6, rtol=0)


def test_another_deconvolution_is_refused() -> None:
    with pytest.raises(ValueError, match="only 4, 2, 1, 1"):
        PhaseDeconvolution(nn.ConvTranspose2d(3, 3, 2, stride=2), nn.Identity(), layout="NCHW")


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("deconvolution", ["keep", "NCHW", "NHWC"])
def test_graph_equals_network(name: str, deconvolution: str) -> None:
    network = lively(build(name))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    graph = inference_graph(network, deconvolution=deconvolution)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected, found = network(images), graph(images)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()) + 1e-6, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in graph.modules())
    if deconvolution != "keep":
        assert not any(isinstance(module, nn.ConvTranspose2d) for module in graph.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_networks_are_as_large_as_published_or_promised() -> None:
    sizes = {name: sum(weight.numel() for weight in build(name).parameters()) for name in NETWORKS}
    # MMPose's model zoo for the one; our own promise for the others.
    assert sizes["pose_mobilenet_v2"] == 9_570_837
    assert sizes["lite_depthwise"] <= 2_600_000
    assert sizes["lite"] <= 2_600_000


def test_lite_takes_at_most_half_a_gigamac() -> None:
    network, spec = build("lite").eval(), NETWORKS["lite"][1]
    counted = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        counted.append(output[0].numel() * layer.weight[0].numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.zeros(1, 3, spec.input_size, spec.input_size))
    assert 0.1e9 < sum(counted) <= 0.5e9
