"""Learning from a teacher."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from edgehand import datasets, models
from edgehand.errors import InputError
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops, normalise
from edgehand.training.distillation import Distillation
from edgehand.training.loss import log_probabilities
from edgehand.training.networks import NETWORKS, build
from edgehand.training.recipes import RECIPES
from edgehand.training.run import train

SPEC = replace(NETWORKS["lite"][1], input_size=64)


class Bright(nn.Module):
    """A network whose heatmap k is the brightness at a quarter of the size, plus k.

    Its first cell lies on the first pixel, as those of all networks do here.
    """

    def forward(self, images):
        small = images.mean(1, keepdim=True)[..., ::4, ::4]
        return small * 5 + torch.arange(21.0).view(1, 21, 1, 1) / 7


@pytest.fixture
def patches():
    torch.manual_seed(0)
    return torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)


def test_the_teacher_is_what_is_learnt(patches) -> None:
    """The loss is smallest, and is the distribution's entropy, where the student says what the teacher says."""
    distillation = Distillation(Bright(), SPEC, Bright(), SPEC, sigma=1.5)
    same = Bright()(normalise(patches, SPEC)).requires_grad_()
    weights = torch.ones(2, 21)
    loss = distillation.loss(same, patches, weights)
    logs = log_probabilities(same, 1.5)
    torch.testing.assert_close(loss, -(logs.exp() * logs).sum(2).mean())
    loss.backward()
    assert same.grad.abs().max() < 1e-6
    assert distillation.loss(same + torch.randn_like(same), patches, weights) > loss


def test_a_keypoint_that_is_left_out_teaches_nothing(patches) -> None:
    heatmaps = torch.zeros(2, 21, 16, 16, requires_grad=True)
    weights = torch.ones(2, 21)
    weights[:, 3] = 0
    Distillation(Bright(), SPEC, Bright(), SPEC, sigma=1.5).loss(heatmaps, patches, weights).backward()
    assert heatmaps.grad[:, 3].abs().max() == 0
    assert heatmaps.grad[:, 4].abs().max() > 0


def test_channels_follow_the_names_of_the_keypoints(patches) -> None:
    order = (*range(1, 21), 0)
    teacher = replace(SPEC, keypoint_order=order)
    plain = Distillation(Bright(), SPEC, Bright(), SPEC, sigma=1.5).target(patches)
    turned = Distillation(Bright(), teacher, Bright(), SPEC, sigma=1.5).target(patches)
    torch.testing.assert_close(turned, plain[:, list(order)])
    both = Distillation(Bright(), teacher, Bright(), teacher, sigma=1.5).target(patches)
    torch.testing.assert_close(both, plain)


def test_a_teacher_of_a_larger_input_sees_the_same_place(patches) -> None:
    """Brightness that rises evenly is the same at every size, and so are both teachers, but for how much
    "not in here" weighs against fewer cells."""
    rise = torch.arange(64.0)
    patches[:] = (60 + rise[:, None] + 2 * rise).byte()
    specs = (SPEC, replace(SPEC, input_size=96), replace(SPEC, input_size=128))
    same, *larger = (
        Distillation(Bright(), spec, Bright(), SPEC, sigma=1.5).target(patches)[:, 0] for spec in specs
    )
    for spec, other in zip(specs[1:], larger, strict=True):
        inside = [target[:, :-1] / target[:, :-1].sum(1, keepdim=True) for target in (same, other)]
        torch.testing.assert_close(inside[1], inside[0])
        absent = [target[:, -1] / target[:, :-1].sum(1) for target in (same, other)]
        torch.testing.assert_close(absent[1], absent[0] * (64 / spec.input_size) ** 2)


def test_heatmaps_that_are_no_logits_cannot_teach() -> None:
    with pytest.raises(InputError, match="are values, not logits"):
        Distillation(Bright(), replace(SPEC, score="value"), Bright(), SPEC, sigma=1.5)


def test_a_student_with_the_same_pyramid_learns_the_features_as_well(patches) -> None:
    torch.manual_seed(1)
    teacher, student = build("lite_depthwise").eval(), build("lite").eval()
    images, weights = normalise(patches, SPEC), torch.ones(2, 21)
    distillation = Distillation(teacher, SPEC, student, SPEC, sigma=1.5)
    heatmaps = student(images)
    loss = distillation.loss(heatmaps, patches, weights)

    logs = log_probabilities(heatmaps, 1.5)
    expected = -(distillation.target(patches) * logs).sum(2).mean()
    theirs, ours = images, images
    for index, (block, own) in enumerate(zip(teacher.backbone, student.backbone, strict=True)):
        theirs, ours = block(theirs), own(ours)
        if index in (3, 6, 13, 17):
            expected = expected + ((ours - theirs) ** 2).mean() / theirs.var() / 4
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert student.backbone[1].conv[0].weight.grad.abs().max() > 0


def test_features_of_another_size_are_not_compared(patches) -> None:
    teacher, student = build("lite").eval(), build("lite").eval()
    distillation = Distillation(teacher, replace(SPEC, input_size=128), student, SPEC, sigma=1.5)
    heatmaps = student(normalise(patches, SPEC))
    expected = -(distillation.target(patches) * log_probabilities(heatmaps, 1.5)).sum(2).mean()
    torch.testing.assert_close(distillation.loss(heatmaps, patches, torch.ones(2, 21)), expected)


@pytest.mark.slow
def test_a_student_comes_closer_to_its_teacher(tmp_path, write_dataset) -> None:
    samples = datasets.load(f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=4)}")
    recipe = replace(RECIPES["lite"], batch_size=4, epochs=12, ema=None, teacher_share=1.0)
    path = train(samples, [], recipe, tmp_path / "run", teacher=models.checkpoint("lite"), workers=0)
    network, spec = load_checkpoint(path)
    torch.manual_seed(0)
    fresh = build("lite")
    # Of heatmaps alone, which are what both students are compared by.
    teacher = Distillation(*load_checkpoint(models.checkpoint("lite")), nn.Identity(), spec, sigma=1.5)
    crops = HandCrops(samples, spec)
    patches = torch.stack([crops[index][0] for index in range(4)])
    with torch.no_grad():
        # In training mode, because twelve steps are not enough for batch norm's running statistics.
        trained, untrained = (
            teacher.loss(student.train()(normalise(patches, spec)), patches, torch.ones(4, 21))
            for student in (network, fresh)
        )
    assert trained < untrained - 0.1
