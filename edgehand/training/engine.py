"""The training loop, in pieces that take everything they need explicitly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from edgehand import metrics
from edgehand.crop import patch_to_image, square
from edgehand.errors import EdgehandError
from edgehand.keypoints import read_keypoints
from edgehand.training.data import Batch, HandCrops, normalise
from edgehand.training.distillation import Distillation
from edgehand.training.processes import Process

if TYPE_CHECKING:
    from edgehand.training.hints import Hints

T = TypeVar("T")


def batches(order: list[T], batch_size: int) -> list[list[T]]:
    """An epoch's samples in batches; a last incomplete one is left out, unless it is the only one."""
    size = min(batch_size, len(order))
    return [order[start : start + size] for start in range(0, len(order) - size + 1, size)]


def groups(batch: list[T], group_size: int) -> list[list[T]]:
    """A batch in groups that go through the network together, of equal size but for the last."""
    return [batch[start : start + group_size] for start in range(0, len(batch), group_size)]


def plainly(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches; an error of a process that prepares them comes without the traceback that PyTorch puts into it."""
    try:
        yield from batches
    except EdgehandError as error:
        kind = type(error)
        raise kind(str(error).rstrip().rpartition(f"{kind.__name__}: ")[2]) from None


def train_steps(
    network: nn.Module,
    batches: Iterable[Batch],
    groups_a_step: int,
    batch_size: int,
    loss_function: Callable[[Tensor, Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    process: Process,
    dataset: HandCrops,
    *,
    bfloat16: bool,
    distillation: Distillation | None = None,
    teacher_share: float = 0.0,
    hints: Hints | None = None,
) -> Iterator[float]:
    """Train one step at a time, giving each step's loss: the mean over the batch.

    Args:
        network: in DistributedDataParallel if there are several processes.
        batches: this process's groups of pictures, step after step.
        groups_a_step: how many of them make a step.
        batch_size: pictures a step, over all processes.
        loss_function: of heatmaps, keypoints in cells, weights.
        optimizer: of the network's parameters.
        process: this one.
        dataset: that the groups came from.
        bfloat16: whether the network computes in bfloat16.
        distillation: from a teacher; None learns from the labels alone.
        teacher_share: its part of the loss.
        hints: from MediaPipe's network, for which the groups have crops of their own.
    """
    network.train()
    device = process.device
    stream = iter(batches)
    while step := list(islice(stream, groups_a_step)):
        optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=device)
        for index, (patches, keypoints, weights, *wide) in enumerate(step):
            # Processes exchange gradients once a step, with its last group, and take their mean.
            last = index + 1 == len(step)
            together = last or not isinstance(network, DistributedDataParallel)
            with nullcontext() if together else network.no_sync():  # type: ignore[operator]
                patches, weights = patches.to(device, non_blocking=True), weights.to(device)
                images = normalise(patches, dataset.spec)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16):
                    heatmaps = network(images)
                loss = loss_function(heatmaps, keypoints.to(device), weights)
                if distillation:
                    taught = distillation.loss(heatmaps, patches, weights)
                    loss = (1 - teacher_share) * loss + teacher_share * taught
                if hints:
                    loss = loss + hints.loss(wide[0].to(device))
                loss = loss * (len(patches) * process.count / batch_size)
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        optimizer.step()
        yield process.mean(total)


@torch.inference_mode()
def predict(
    network: nn.Module, dataset: HandCrops, device: torch.device, workers: int, *, flip_test: bool = False
) -> NDArray[np.float32]:
    """Keypoints of every sample, in float32, boxes from the labels.

    Args:
        network: gives heatmaps (N, 21, H, W).
        dataset: without augmentation.
        device: of the network.
        workers: processes that prepare crops.
        flip_test: average with the mirrored crop.
    Returns:
        (N, 21, 2) pixels of the pictures.
    """
    network.eval()
    spec = dataset.spec
    found: list[NDArray[np.float32]] = []
    for patches, *_ in plainly(DataLoader(dataset, batch_size=32, num_workers=workers)):
        images = normalise(patches.to(device), spec)
        heatmaps = network(images).float().cpu().numpy()
        flipped = network(images.flip(3)).float().cpu().numpy() if flip_test else None
        for index in range(len(heatmaps)):
            box = dataset.samples[len(found)].box
            matrix = patch_to_image(*square(box, spec.padding), spec.input_size)
            one = slice(index, index + 1)
            mirrored = None if flipped is None else flipped[one]
            found.append(read_keypoints(heatmaps[one], matrix, spec, flipped=mirrored)[0])
    return np.stack(found)


def figures(predicted: NDArray[np.float32], dataset: HandCrops) -> dict[str, float]:
    """The figures by which a run is watched.

    Args:
        predicted: (N, 21, 2) pixels.
        dataset: with the truth.
    Returns:
        error/box, PCK@0.2, PCK@0.1, AUC, EPE.
    """
    true = np.stack([sample.keypoints for sample in dataset.samples])
    visible = np.stack([sample.visibility > 0 for sample in dataset.samples])
    by_box = metrics.distances(
        predicted, true, metrics.longer_sides(np.array([s.box for s in dataset.samples]))
    )
    return {
        "error/box": float(by_box[visible].mean()),
        "PCK@0.2": metrics.pck(by_box, visible, 0.2),
        "PCK@0.1": metrics.pck(by_box, visible, 0.1),
        "AUC": metrics.auc(metrics.distances(predicted, true, metrics.AUC_PIXELS), visible),
        "EPE": metrics.epe(metrics.distances(predicted, true), visible),
    }
