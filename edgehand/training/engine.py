"""The training loop, in pieces that take everything they need explicitly."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from edgehand.crop import patch_to_image, square
from edgehand.keypoints import read_keypoints
from edgehand.metrics import box_errors
from edgehand.training.data import Batch, HandCrops, normalise


def epoch_batches(count: int, batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """The shuffled batches of one epoch, the same for the same seed; a last incomplete batch is left out."""
    order = np.random.default_rng((seed, epoch)).permutation(count).tolist()
    size = min(batch_size, count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]


def train_steps(
    network: nn.Module,
    average: AveragedModel,
    batches: Iterable[Batch],
    loss_function: Callable[[Tensor, Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler,
    device: torch.device,
    dataset: HandCrops,
) -> Iterable[float]:
    """Train on batches, one step at a time, giving each step's loss."""
    network.train()
    for patches, keypoints, weights in batches:
        images = normalise(patches.to(device, non_blocking=True), dataset.spec)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            heatmaps = network(images)
        loss = loss_function(heatmaps, keypoints.to(device), weights.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        yield loss.item()


@torch.inference_mode()
def held_out_errors(network: nn.Module, dataset: HandCrops, device: torch.device, workers: int) -> np.ndarray:
    """Error of every visible keypoint as a fraction of its box's longer side, float32, boxes from the labels.

    Args:
        network: gives heatmaps (N, 21, H, W).
        dataset: without augmentation.
    Returns:
        one number a visible keypoint.
    """
    network.eval()
    spec = dataset.spec
    found = []
    for patches, _, _ in DataLoader(dataset, batch_size=32, num_workers=workers):
        heatmaps = network(normalise(patches.to(device), spec)).float().cpu().numpy()
        for one in heatmaps:
            matrix = patch_to_image(*square(dataset.samples[len(found)].box, spec.padding), spec.input_size)
            found.append(read_keypoints(one[None], matrix, spec)[0])
    return box_errors(
        np.stack(found),
        np.stack([sample.keypoints for sample in dataset.samples]),
        np.stack([sample.visibility > 0 for sample in dataset.samples]),
        np.array([sample.box for sample in dataset.samples]),
    )
