"""One training run: a folder that holds its checkpoint, its log and all that going on needs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from edgehand import datasets
from edgehand.datasets import Sample
from edgehand.errors import CheckpointError, DataError, InputError
from edgehand.training.checkpoint import load_checkpoint, load_state, save_checkpoint, save_state
from edgehand.training.data import HandCrops, normalise
from edgehand.training.engine import epoch_batches, held_out_errors, train_steps
from edgehand.training.loss import spatial_cross_entropy
from edgehand.training.networks import NETWORKS, build
from edgehand.training.recipes import Recipe
from edgehand.training.start import folded_backbone

SAVE_EVERY = 180.0
"""Seconds between two states to resume from."""


def train(
    samples: list[Sample],
    recipe: Recipe,
    folder: Path,
    *,
    epochs: int | None = None,
    holdout: float = 0.1,
    init: Path | None = None,
    backbone: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    workers: int = 1,
    seed: int = 0,
) -> Path:
    """Train a network, or go on where the run in `folder` stopped.

    Args:
        samples: labelled hands.
        recipe: network, schedule and loss.
        folder: of the run; gets NETWORK.safetensors (averaged weights), log.jsonl and resume.pt.
        epochs: instead of the recipe's.
        holdout: fraction of the pictures that is never trained on.
        init: checkpoint to start from; backbone: folded convolutions to start from.
        device: a torch device; None takes CUDA where there is one.
        threads: CPU threads of the network; workers: processes that prepare crops.
        seed: of all randomness.
    Returns:
        path of the checkpoint.
    Raises:
        DataError: nothing to train on.
        CheckpointError: `init`, `backbone` or the state in `folder` do not fit.
    """
    recipe = replace(recipe, epochs=epochs or recipe.epochs)
    target = _device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    kept, held_out = datasets.split(samples, holdout)
    if not kept:
        raise DataError(f"no sample to train on: {len(samples)} given, {len(held_out)} held out")

    network, spec = load_checkpoint(init) if init else (build(recipe.network), NETWORKS[recipe.network][1])
    if spec.name != recipe.network:
        raise CheckpointError(f"{init}: is of {spec.name}, the recipe trains {recipe.network}")
    crops = HandCrops(kept, spec, augment=True, seed=seed)
    watched = HandCrops(held_out, spec, augment=False)
    if backbone:
        patches = torch.stack([crops[index][0] for index in epoch_batches(len(kept), 64, seed=seed, epoch=0)[0]])
        folded_backbone(network, spec, backbone, normalise(patches, spec))
    network = network.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = len(epoch_batches(len(kept), recipe.batch_size, seed=seed, epoch=0))
    schedule = OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.05, cycle_momentum=False
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, state = folder / f"{recipe.network}.safetensors", folder / "resume.pt"
    fingerprint = f"{recipe} seed={seed} samples={len(kept)}"
    epoch, step = _restore(state, parts, fingerprint)
    print(
        f"{len(kept)} hands to train on, {len(held_out)} held out, {recipe.epochs} epochs of {steps} steps "
        f"on {target}" + (f", going on at epoch {epoch}, step {step}" if epoch or step else "")
    )
    loss_function = partial(spatial_cross_entropy, sigma=recipe.sigma)
    saved = time.monotonic()
    with tqdm(total=steps * recipe.epochs, initial=epoch * steps + step, unit="step", smoothing=0.02) as progress:
        while epoch < recipe.epochs:
            crops.epoch = epoch
            batches = epoch_batches(len(kept), recipe.batch_size, seed=seed, epoch=epoch)[step:]
            loader = DataLoader(crops, batch_sampler=batches, num_workers=workers, pin_memory=target.type == "cuda")
            losses = []
            for loss in train_steps(
                network, average, loader, loss_function, optimizer, schedule, target, crops
            ):
                losses.append(loss)
                step += 1
                progress.set_postfix(loss=f"{np.mean(losses[-20:]):.3f}", refresh=False)
                progress.update()
                if time.monotonic() - saved > SAVE_EVERY:
                    _save(state, parts, fingerprint, epoch, step)
                    saved = time.monotonic()
            epoch, step = epoch + 1, 0
            row: dict[str, Any] = {"epoch": epoch, "loss": round(float(np.mean(losses)), 4) if losses else None}
            if held_out:
                errors = held_out_errors(average.module, watched, target, workers)
                row |= {"error": round(float(errors.mean()), 4), "pck@0.1": round(float((errors < 0.1).mean()), 4)}
            progress.write(json.dumps(row))
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            save_checkpoint(average.module, spec, checkpoint)
            _save(state, parts, fingerprint, epoch, step)
    return checkpoint


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise InputError(f"--device {name!r}: expected cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {name!r}: this torch sees no CUDA device; give cpu")
    return device


def _save(path: Path, parts: dict[str, Any], fingerprint: str, epoch: int, step: int) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    save_state({**states, "fingerprint": fingerprint, "epoch": epoch, "step": step}, path)


def _restore(path: Path, parts: dict[str, Any], fingerprint: str) -> tuple[int, int]:
    if not path.exists():
        return 0, 0
    state = load_state(path)
    if state.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"{path}: is of another run ({state.get('fingerprint')}); give another output folder or delete it"
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"]), int(state["step"])


