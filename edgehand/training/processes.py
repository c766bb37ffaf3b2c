"""One process or several: what `torchrun` says about them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import distributed

from edgehand.errors import InputError, OutputError


@dataclass(frozen=True)
class Process:
    """This process among those that train together."""

    rank: int
    """0 prints, validates and writes."""
    count: int
    device: torch.device

    def mean(self, value: torch.Tensor) -> float:
        """The mean of a number over all processes."""
        if self.count > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value.item() / self.count


@contextmanager
def join(device: str | None) -> Iterator[Process]:
    """Meet the other processes, if `torchrun` started this one, for the time of the context.

    Args:
        device: a torch device; "cuda", and None where there is one, take each process its own.
    Raises:
        InputError: the device is unknown or not there.
    """
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if device in (None, "cuda") and torch.cuda.is_available():
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    process = Process(rank, count, _device(device or "cpu"))
    if count == 1:
        yield process
        return
    if process.device.type == "cuda":
        torch.cuda.set_device(process.device)
    distributed.init_process_group("nccl" if process.device.type == "cuda" else "gloo")
    try:
        yield process
    finally:
        distributed.destroy_process_group()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder, for the time of the context.

    Raises:
        OutputError: another one is there.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise OutputError(
            f"{folder}: another process trains there; wait for its end, or give another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _device(name: str) -> torch.device:
    try:
        device: torch.device | None = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise InputError(f"--device {name!r}: expected cpu, cuda or cuda:N")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {name!r}: this torch sees no CUDA device; give cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"--device {name!r}: this torch sees {torch.cuda.device_count()} CUDA device(s), from cuda:0 on; give one, "
            "and start no more processes than there are"
        )
    return device
