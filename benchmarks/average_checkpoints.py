"""The mean of the weights of several training runs, as one checkpoint.

    python benchmarks/average_checkpoints.py lite.safetensors runs/a/lite.safetensors runs/b/lite.safetensors -o mean.safetensors

For runs that go on from one another, or from the same start: their mean errs less on photos unlike those of training
than any of them. P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (2018).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from edgehand.training.checkpoint import load_checkpoint, load_tensors, save_checkpoint


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()

    networks, specs = zip(*(load_checkpoint(path) for path in args.checkpoints), strict=True)
    for path, spec in zip(args.checkpoints, specs, strict=True):
        if spec != specs[0]:
            raise SystemExit(f"{path}: has another spec than {args.checkpoints[0]}")
    states = [network.state_dict() for network in networks]
    # Batch norm counts its batches in integers.
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        for name, tensor in states[0].items()
    }
    load_tensors(networks[0], mean, str(args.output))
    save_checkpoint(networks[0], specs[0], args.output)


if __name__ == "__main__":
    main()
