"""Recipes: how a network is trained, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgehand.datasets import panoptic
from edgehand.errors import InputError
from edgehand.training.networks import NETWORKS


@dataclass(frozen=True)
class Recipe:
    """All that fixes a training run besides the data, the seed and the machine."""

    network: str
    """One of `edgehand.training.networks.NETWORKS`."""
    input_size: int
    """Side of the crop, pixels."""
    epochs: int
    batch_size: int
    """Pictures a step, over all processes."""
    group_size: int
    """Pictures that go through the network together: what batch norm sees, however many processes."""
    optimizer: str
    """Name of a class of `torch.optim`."""
    learning_rate: float
    """At the top of the schedule."""
    weight_decay: float
    schedule: str
    """One of `edgehand.training.schedules.SCHEDULES`."""
    augmentation: str
    """One of `edgehand.training.augment.AUGMENTATIONS`."""
    loss: str
    """One of `edgehand.training.loss.LOSSES`."""
    sigma: float
    """Of the target's Gaussian, heatmap cells."""
    decode: str
    """How the trained heatmaps are read, see `edgehand.decode_heatmaps`."""
    score: str
    """What their peaks say, see `edgehand.spec.ModelSpec.score`."""
    bfloat16: bool
    """Whether the network computes in bfloat16 while training."""
    ema: float | None = None
    """Decay a step of the averaged weights, which then are what is evaluated and kept."""
    teacher_share: float = 0.5
    """Part of the loss that learns from the teacher, if there is one; the rest learns from the labels."""
    padding: float = 1.25
    """Side of the crop as a multiple of the longer side of the hand's box."""
    validate_every: int = 1
    """Epochs between two looks at the validation set."""
    flip_test: bool = False
    """Whether validation averages with the mirrored crop."""
    select: str | None = None
    """Keep the weights with the largest of this figure; None keeps the last."""


LITE = Recipe(
    network="lite",
    input_size=NETWORKS["lite"][1].input_size,
    epochs=30,
    batch_size=64,
    group_size=32,
    optimizer="AdamW",
    learning_rate=2e-3,
    weight_decay=0.02,
    schedule="one-cycle",
    augmentation="strong",
    loss="spatial cross-entropy",
    sigma=1.5,
    decode="softargmax",
    score="logit",
    bfloat16=True,
    ema=0.995,
)


def _as_lite(network: str) -> Recipe:
    """The recipe of `lite` for another network, on the input that it was designed for."""
    return replace(LITE, network=network, input_size=NETWORKS[network][1].input_size)


def _published(padding: float = 1.25) -> Recipe:
    """MMPose's recipe for pose_mobilenet_v2 (0.13 and later): 8 GPUs with 64 pictures each."""
    return Recipe(
        network="pose_mobilenet_v2",
        input_size=256,
        epochs=210,
        batch_size=512,
        group_size=64,
        optimizer="Adam",
        learning_rate=5e-4,
        weight_decay=0.0,
        schedule="warm-up and steps",
        augmentation="mmpose",
        loss="mean squared error",
        sigma=2.0,
        decode="quarter",
        score="value",
        bfloat16=False,
        padding=padding,
        validate_every=10,
        flip_test=True,
        select="AUC",
    )


RECIPES: dict[str, Recipe] = {
    "lite": LITE,
    "lite_depthwise": _as_lite("lite_depthwise"),
    "tiny": _as_lite("tiny"),
    "pose_mobilenet_v2": _as_lite("pose_mobilenet_v2"),
    "onehand10k": _published(),
    "panoptic": _published(panoptic.PADDING),
    "rhd": _published(),
}


def quantization_aware(recipe: Recipe) -> Recipe:
    """The recipe for fine-tuning by `edgehand.training.qat`.

    A tenth of the learning rate, because the weights are to move by about a level of rounding; float32, because
    bfloat16 has just the 8 bits that are to be told apart.
    """
    return replace(recipe, learning_rate=recipe.learning_rate / 10, bfloat16=False)


def with_batch_size(recipe: Recipe, pictures: int) -> Recipe:
    """The recipe with larger or smaller steps, of as many groups as before: as many processes can share one.

    Args:
        recipe: whose learning rate stays as it is.
        pictures: a step.
    Raises:
        InputError: they do not make that many equal groups.
    """
    groups = recipe.batch_size // recipe.group_size
    if pictures < groups or pictures % groups:
        raise InputError(f"--batch-size {pictures}: expected a multiple of {groups}, the groups of a step")
    return replace(recipe, batch_size=pictures, group_size=pictures // groups)
