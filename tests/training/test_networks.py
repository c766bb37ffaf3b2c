"""What our networks do otherwise than torchvision's."""

import pytest
import torch
from torch import nn

from edgehand.training.networks import FusedBlock, Lite, build
from edgehand.training.vision import mobilenet_v2


@pytest.mark.parametrize("name", ["lite_depthwise", "pose_mobilenet_v2"])
def test_backbone_is_mobilenet_v2(name) -> None:
    """The same parameters give the same features as torchvision's own modules."""
    torch.manual_seed(0)
    network = build(name).eval()
    plain = mobilenet_v2(weights=None).features[: len(network.backbone)].eval()
    plain.load_state_dict(network.backbone.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network.backbone(images), plain(images), rtol=0, atol=0)


def test_strided_depthwise_convolutions_stay_float32_in_bfloat16_training() -> None:
    network = build("lite_depthwise")
    types = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            strided = module.groups > 1 and module.stride != (1, 1)
            module.register_forward_hook(
                lambda *call, key=(name, strided): types.update({key: call[2].dtype})
            )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert {dtype for (_, strided), dtype in types.items() if strided} == {torch.float32}
    assert {dtype for (_, strided), dtype in types.items() if not strided} == {torch.bfloat16}
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_fused_blocks_have_the_shapes_of_those_they_replace() -> None:
    """Each block gives features of the size that MobileNetV2's has, and passes its input on where that does."""
    torch.manual_seed(0)
    fused, plain = build("lite").eval(), build("lite_depthwise").eval()
    features = torch.randn(1, 3, 64, 64)
    for block, replaced in zip(fused.backbone, plain.backbone, strict=True):
        with torch.no_grad():
            expected = replaced(features)
            assert block(features).shape == expected.shape
            if isinstance(block, FusedBlock):
                for norm in (module for module in block.modules() if isinstance(module, nn.BatchNorm2d)):
                    norm.weight.zero_()
                passes = torch.equal(block(features), features) if replaced.use_res_connect else False
                assert passes == replaced.use_res_connect == block.adds
        features = expected
    dense = [
        module
        for block in fused.backbone[1:14]
        for module in block.modules()
        if isinstance(module, nn.Conv2d) and module.groups == 1 and module.kernel_size == (3, 3)
    ]
    assert [convolution.out_channels for convolution in dense] == list(Lite.FUSED)
    assert [convolution.stride for convolution in dense].count((2, 2)) == 3


def test_fresh_refinements_change_nothing() -> None:
    torch.manual_seed(0)
    network = build("lite").eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        with_them = network(image)
        for level, width in enumerate(Lite.REFINED):
            if not width:
                continue
            block = network.smooth[level][-1]
            assert isinstance(block, FusedBlock)
            assert block.conv[0].out_channels == width
            block.conv[-1].weight.fill_(1)
            assert not torch.equal(network(image), with_them)
            network.smooth[level][-1] = nn.Identity()
            assert torch.equal(network(image), with_them)
