"""One training run: a folder that holds its checkpoint, its log and all that going on needs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from edgehand.datasets import Sample
from edgehand.errors import CheckpointError, DataError, InputError
from edgehand.files import staging, write_atomically
from edgehand.spec import ModelSpec
from edgehand.training import fingerprint, processes
from edgehand.training.checkpoint import load_checkpoint, load_state, save_checkpoint, save_state
from edgehand.training.data import HandCrops, normalise
from edgehand.training.distillation import Distillation
from edgehand.training.engine import batches, figures, groups, plainly, predict, train_steps
from edgehand.training.loss import LOSSES
from edgehand.training.mixture import Draw, Mixture
from edgehand.training.networks import MULTIPLE, NETWORKS, build
from edgehand.training.processes import Process
from edgehand.training.qat import quantized, unquantized
from edgehand.training.recipes import Recipe
from edgehand.training.rendered import Rendered
from edgehand.training.schedules import SCHEDULES
from edgehand.training.start import load_backbone

if TYPE_CHECKING:
    from edgehand.training.hints import Hints

SAVE_EVERY = 180.0
"""Seconds between two states to resume from."""


def train(
    samples: list[Sample],
    validation: list[Sample],
    recipe: Recipe,
    folder: Path,
    *,
    rendered: Rendered | None = None,
    mixture: Mixture | None = None,
    init: Path | None = None,
    backbone: Path | None = None,
    teacher: Path | None = None,
    hints: Path | None = None,
    qat: bool = False,
    device: str | None = None,
    threads: int | None = None,
    workers: int = 1,
    seed: int = 0,
) -> Path:
    """Train a network, or go on where the run in `folder` stopped; under `torchrun`, in several processes.

    Args:
        samples: labelled hands to train on.
        validation: labelled hands to watch progress by; may be none.
        recipe: network, schedule, augmentation and loss.
        folder: of the run; gets NETWORK.safetensors, log.jsonl and resume.pt.
        rendered: hands that are drawn while training, after `samples` in the mixture.
        mixture: which of all these make an epoch; None takes each once.
        init: checkpoint to start from.
        backbone: weights that MobileNetV2 alone starts from, see `edgehand.training.start.load_backbone`.
        teacher: checkpoint of a larger network to learn from as well, see `edgehand.training.distillation`.
        hints: network of MediaPipe whose features to learn as well, see `edgehand.training.hints`.
        qat: whether the network computes as its INT8 export will, see `edgehand.training.qat`.
        device: a torch device; None takes CUDA where there is one.
        threads: CPU threads of the network.
        workers: processes that prepare crops.
        seed: of all randomness.
    Returns:
        path of the checkpoint.
    Raises:
        DataError: nothing to train on.
        InputError: no such device, the processes cannot share a step evenly, or the run would overwrite its start.
        CheckpointError: `init`, `backbone`, `hints` or the state in `folder` do not fit.
        OutputError: `folder` cannot be written to.
    """
    if not samples and not rendered:
        raise DataError("no sample to train on: all are held out")
    if threads is not None:
        torch.set_num_threads(threads)
    with processes.join(device) as process:
        torch.manual_seed(seed)
        network, spec = (
            load_checkpoint(init) if init else (build(recipe.network), NETWORKS[recipe.network][1])
        )
        if NETWORKS[spec.name][0] is not NETWORKS[recipe.network][0]:
            raise CheckpointError(f"{init}: is of {spec.name}, the recipe trains {recipe.network}")
        spec = replace(
            spec,
            name=recipe.network,
            input_size=recipe.input_size,
            padding=recipe.padding,
            decode=recipe.decode,
            score=recipe.score,
        )
        crops = HandCrops(samples, spec, recipe.augmentation, seed, rendered, wide=hints is not None)
        mixture = mixture or Mixture((len(crops),))
        if backbone or qat:
            first = mixture.order(seed=seed, epoch=0)[:64]
            patches = torch.stack([crops[draw][0] for draw in first])
        if backbone:
            load_backbone(network, spec, backbone, patches)
        if qat:
            network = quantized(network, normalise(patches, spec))
        network.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        features = None
        if hints:
            # Reads TFLite files, by a package that no other training needs.
            from edgehand.training.hints import hints_for

            order = mixture.order(seed=seed, epoch=0)
            features = hints_for(hints, network, crops, order, process.device, bfloat16=recipe.bfloat16)
        run = Run(
            recipe,
            features.hinted if features else network,
            crops,
            mixture,
            watched=HandCrops(validation, spec),
            folder=folder,
            process=process,
            workers=workers,
            seed=seed,
            teacher=_teacher(teacher, recipe, process) if teacher else None,
            hints=features,
            qat=qat,
            inputs=fingerprint.of_inputs(
                samples, rendered, {"init": init, "backbone": backbone, "teacher": teacher, "hints": hints}
            ),
        )
        for start in (init, backbone, teacher):
            if start and start.resolve() == run.checkpoint.resolve():
                raise InputError(f"{start}: would be overwritten by the run; give another output folder")
        return run.go()


def _teacher(file: Path, recipe: Recipe, process: Process) -> tuple[torch.nn.Module, ModelSpec]:
    if recipe.loss != "spatial cross-entropy":
        raise InputError(
            f"--teacher: {recipe.network} learns by {recipe.loss} in this recipe; only spatial cross-entropy "
            "can learn from a teacher"
        )
    network, spec = load_checkpoint(file)
    network.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, spec


def _moving_average(decay: float) -> Callable[..., None]:
    """Exponential averaging that follows the network closely at first, so that short runs learn, too."""

    def update(averaged: Any, current: Any, count: Any) -> None:
        early = (1 + int(count)) / (10 + int(count))
        get_ema_multi_avg_fn(min(decay, early))(averaged, current, count)  # type: ignore[no-untyped-call]

    return update


class Run:
    """What one call of `train` holds in its hands.

    Args:
        recipe: how to train.
        network: on the process's device.
        crops: to train on, with augmentation.
        mixture: which of them make an epoch.
        watched: to validate on, without.
        folder: of the run.
        process: this one.
        workers: processes that prepare crops.
        seed: of the order of the samples.
        teacher: a network to learn from as well, on the process's device, and its spec.
        hints: features to learn as well, of crops that `crops` gives; `network` is theirs.
        qat: whether the network computes as its INT8 export will.
        inputs: what the run starts from, see `edgehand.training.fingerprint`.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: torch.nn.Module,
        crops: HandCrops,
        mixture: Mixture,
        *,
        watched: HandCrops,
        folder: Path,
        process: Process,
        workers: int,
        seed: int,
        teacher: tuple[torch.nn.Module, ModelSpec] | None = None,
        hints: Hints | None = None,
        qat: bool = False,
        inputs: str = "",
    ) -> None:
        self.recipe, self.network, self.crops, self.watched = recipe, network, crops, watched
        self.mixture = mixture
        self.folder, self.process, self.workers, self.seed = folder, process, workers, seed
        self.hints, self.qat, self.inputs = hints, qat, inputs
        self.checkpoint, self.state = folder / f"{recipe.network}.safetensors", folder / "resume.pt"
        self.optimizer: torch.optim.Optimizer = getattr(torch.optim, recipe.optimizer)(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.batch_size = min(recipe.batch_size, len(crops))
        self.steps = len(self._batches(0))
        self.schedule = SCHEDULES[recipe.schedule](self.optimizer, self.steps, recipe.epochs)
        self.average = None
        if recipe.ema is not None:
            self.average = AveragedModel(network, multi_avg_fn=_moving_average(recipe.ema), use_buffers=True)
        # After the average is copied, which is to keep no features of its own.
        student = network.get_submodule("network") if hints else network
        self.distillation = Distillation(*teacher, student, crops.spec, recipe.sigma) if teacher else None
        step = groups(self._batches(0)[0], recipe.group_size)
        if len(step[-1]) == 1 and recipe.input_size == MULTIPLE:
            raise InputError(
                f"a step of {self.batch_size} pictures ends in a group of one, which at {MULTIPLE} pixels gives batch "
                "norm a single value; give another --batch-size or larger pictures"
            )
        self.groups_a_step = len(step)
        if self.groups_a_step % process.count:
            raise InputError(
                f"{process.count} processes: a step of {self.batch_size} pictures is {self.groups_a_step} "
                f"groups of {recipe.group_size}; start as many processes as divide {self.groups_a_step}"
            )
        self.best = -np.inf
        self.learning_rate = 0.0
        self.losses: list[float] = []
        """Of the epoch's steps so far."""
        self.log: list[str] = []
        """A line for each epoch."""

    def go(self) -> Path:
        """Train to the end."""
        with staging(self.folder):  # sees that it can be written to
            pass
        with processes.alone(self.folder) if self.process.rank == 0 else nullcontext():
            self._epochs(*self._restore())
        return self.checkpoint

    def _epochs(self, epoch: int, step: int) -> None:
        """All epochs from a step of one on."""
        process, recipe = self.process, self.recipe
        network: torch.nn.Module = self.network
        if process.count > 1:
            network = DistributedDataParallel(self.network)
        if process.rank == 0:
            print(
                f"{len(self.crops)} hands to train on, {len(self.watched)} to validate, {recipe.epochs} "
                f"epochs of {self.steps} steps in {process.count} process(es) on {process.device}"
                + (f", going on at epoch {epoch}, step {step}" if epoch or step else "")
            )
        saved = time.monotonic()
        with tqdm(
            total=self.steps * recipe.epochs,
            initial=epoch * self.steps + step,
            unit="step",
            smoothing=0.02,
            disable=process.rank > 0,
        ) as progress:
            while epoch < recipe.epochs:
                for loss in self._epoch(network, epoch, step):
                    step += 1
                    if not np.isfinite(loss):
                        raise InputError(
                            f"the loss is {loss} at epoch {epoch}, step {step}; {self.folder} holds what was before: "
                            "start anew in another folder, with a smaller --learning-rate"
                        )
                    self.losses.append(loss)
                    progress.set_postfix(loss=f"{np.mean(self.losses[-20:]):.3g}", refresh=False)
                    progress.update()
                    if step < self.steps and time.monotonic() - saved > SAVE_EVERY:
                        self._save(epoch, step)
                        saved = time.monotonic()
                epoch, step = epoch + 1, 0
                validates = epoch % recipe.validate_every == 0 or epoch == recipe.epochs
                if process.rank == 0:
                    progress.write(self._report(epoch, validates))
                self.losses = []
                if validates:
                    self._save(epoch, step)
                    saved = time.monotonic()

    def _batches(self, epoch: int) -> list[list[Draw]]:
        return batches(self.mixture.order(seed=self.seed, epoch=epoch), self.recipe.batch_size)

    def _epoch(self, network: torch.nn.Module, epoch: int, step: int) -> Any:
        """Train the rest of an epoch, giving the losses."""
        process, recipe = self.process, self.recipe
        self.crops.epoch = epoch
        own = [
            group
            for batch in self._batches(epoch)[step:]
            for group in groups(batch, recipe.group_size)[process.rank :: process.count]
        ]
        loader = DataLoader(
            self.crops, batch_sampler=own, num_workers=self.workers, pin_memory=process.device.type == "cuda"
        )
        for loss in train_steps(
            network,
            plainly(loader),
            self.groups_a_step // process.count,
            self.batch_size,
            partial(LOSSES[recipe.loss], sigma=recipe.sigma),
            self.optimizer,
            process,
            self.crops,
            bfloat16=recipe.bfloat16,
            distillation=self.distillation,
            teacher_share=recipe.teacher_share,
            hints=self.hints,
        ):
            self.learning_rate = self.optimizer.param_groups[0]["lr"]
            self.schedule.step()
            if self.average:
                self.average.update_parameters(self.network)
            yield loss

    def _report(self, epoch: int, validates: bool) -> str:
        """Validate, keep the weights if they are to be kept, and log; only in the first process."""
        kept = self.average.module if self.average else self.network
        if self.hints:
            kept = kept.get_submodule("network")
        row: dict[str, Any] = {"epoch": epoch, "loss": float(np.mean(self.losses))}
        row["learning_rate"] = self.learning_rate
        if validates:
            plain = unquantized(kept, self.recipe.network) if self.qat else kept
            if len(self.watched):
                row |= self._figures(kept)
                if self.qat:
                    row["float"] = self._figures(plain)
            # Without hands to validate on, the last weights are kept.
            score = row[self.recipe.select] if self.recipe.select and len(self.watched) else np.inf
            if score > self.best or score == np.inf:
                self.best = score
                save_checkpoint(plain, self.crops.spec, self.checkpoint)
        self.log.append(json.dumps(_rounded(row)))
        write_atomically(self.folder / "log.jsonl", "".join(f"{line}\n" for line in self.log).encode())
        return self.log[-1]

    def _figures(self, network: torch.nn.Module) -> dict[str, float]:
        found = predict(
            network, self.watched, self.process.device, self.workers, flip_test=self.recipe.flip_test
        )
        return figures(found, self.watched)

    def _parts(self) -> dict[str, Any]:
        parts = {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}
        return parts | ({"average": self.average} if self.average else {})

    def _fingerprint(self) -> str:
        qat = " with qat" if self.qat else ""
        network = fingerprint.of_network(self.network)
        return f"{self.recipe} {network} {self.crops.spec} seed={self.seed} {self.mixture} {self.inputs}{qat}"

    def _save(self, epoch: int, step: int) -> None:
        if self.process.rank == 0:
            states = {name: part.state_dict() for name, part in self._parts().items()}
            plain = {
                "fingerprint": self._fingerprint(),
                "epoch": epoch,
                "step": step,
                "best": float(self.best),
                "losses": self.losses,
                "log": self.log,
            }
            save_state(states | plain, self.state)

    def _restore(self) -> tuple[int, int]:
        """Take up the state in the folder, if there is one; returns where the run is."""
        if not self.state.exists():
            return 0, 0
        state = load_state(self.state)
        if state.get("fingerprint") != self._fingerprint():
            raise CheckpointError(
                f"{self.state}: is of another run ({state.get('fingerprint')}); "
                "give another output folder or delete it"
            )
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.best, self.losses, self.log = state["best"], state["losses"], state["log"]
        return int(state["epoch"]), int(state["step"])


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the log, in figures of six digits."""
    return {
        key: _rounded(value)
        if isinstance(value, dict)
        else float(f"{value:.6g}")
        if isinstance(value, float)
        else value
        for key, value in row.items()
    }
