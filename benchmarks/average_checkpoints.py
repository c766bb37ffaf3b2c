"""The mean of the weights of several training runs, as one checkpoint.

    python benchmarks/average_checkpoints.py runs/a/lite.safetensors runs/b/lite.safetensors \
        --data coco:photos@0.5 --data coco:renders@0.5 -o mean.safetensors

For runs that go on from one another or from the same start: on photos unlike those of training their mean errs less
than any of them. `--data` is what they were trained on: batch norm takes its mean and variance from 40 groups of it.
P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (2018).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from edgehand.spec import ModelSpec
from edgehand.training.checkpoint import load_checkpoint, load_tensors, save_checkpoint
from edgehand.training.command import divided
from edgehand.training.data import HandCrops, normalise
from edgehand.training.engine import batches
from edgehand.training.mixture import mixture, read_share
from edgehand.training.recipes import RECIPES

GROUPS = 40
"""How many groups of crops fix batch norm's mean and variance."""


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--data", action="append", required=True, metavar="FORMAT:PATH[@SHARE]")
    parser.add_argument(
        "--holdout", type=float, default=0.1, help="as of the training; 0 where it had --validation"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()

    networks, specs = zip(*(load_checkpoint(path) for path in args.checkpoints), strict=True)
    for path, spec in zip(args.checkpoints, specs, strict=True):
        if spec != specs[0]:
            raise SystemExit(f"{path}: has another spec than {args.checkpoints[0]}")
    network, spec = networks[0], specs[0]
    states = [network.state_dict() for network in networks]
    # Batch norm counts its batches in integers.
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        for name, tensor in states[0].items()
    }
    load_tensors(network, mean, str(args.output))
    update_bn(training_groups(args.data, spec, args.holdout), network)
    save_checkpoint(network, spec, args.output)


def training_groups(data: list[str], spec: ModelSpec, holdout: float) -> Iterator[Tensor]:
    """Groups of the network's inputs, as training draws them.

    Args:
        data: FORMAT:PATH[@SHARE], those of `edgehand train --data` that lie on disk.
        spec: of the network.
        holdout: fraction of the pictures that training left out.
    Yields:
        (N, 3, S, S) float32, as many as batch norm sees together while training.
    """
    recipe = RECIPES[spec.name]
    sources, shares = zip(*(read_share(source) for source in data), strict=True)
    loaded = [divided(source, holdout)[0] for source in sources]
    order = mixture(list(sources), [len(samples) for samples in loaded], list(shares)).order(seed=0, epoch=0)
    if len(order) < recipe.group_size:
        raise SystemExit(f"--data: {len(order)} hands; batch norm is measured on {recipe.group_size} or more")
    crops = HandCrops([sample for samples in loaded for sample in samples], spec, recipe.augmentation)
    groups = batches(order, recipe.group_size)[:GROUPS]
    for patches, _, _ in DataLoader(crops, batch_sampler=groups):
        yield normalise(patches, spec)


if __name__ == "__main__":
    main()
