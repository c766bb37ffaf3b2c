"""Learning rates over a run."""

from __future__ import annotations

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def one_cycle(optimizer: Optimizer, steps: int, epochs: int) -> LRScheduler:
    """Warm-up over a twentieth of the run, then a cosine to nearly nothing (L. Smith, N. Topin, 2018).

    Args:
        optimizer: its learning rate is the highest.
        steps: of an epoch.
        epochs: of the run.
    """
    top = optimizer.param_groups[0]["lr"]
    total = steps * epochs
    # PyTorch's divides by zero where the warm-up is a single step.
    warm_up = max(0.05, 2 / total) if total > 2 else 0.05
    return OneCycleLR(optimizer, top, total_steps=total, pct_start=warm_up, cycle_momentum=False)


def warm_up_and_steps(optimizer: Optimizer, steps: int, epochs: int) -> LRScheduler:  # noqa: ARG001
    """MMPose's: linear from 0.001 of the rate over 500 steps, a tenth from epoch 170, a hundredth from 200.

    Args:
        optimizer: its learning rate is the highest.
        steps: of an epoch.
        epochs: of the run; the drops do not move with it.
    """
    return LambdaLR(
        optimizer, lambda step: _warm_up(step) * 0.1 ** sum(step // steps >= drop for drop in (170, 200))
    )


def _warm_up(step: int) -> float:
    return min(1.0, 0.001 + 0.999 * step / 500)


SCHEDULES: dict[str, Callable[[Optimizer, int, int], LRScheduler]] = {
    "one-cycle": one_cycle,
    "warm-up and steps": warm_up_and_steps,
}
