"""`edgehand import`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand import`."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT.pth", help="MMPose's pose_mobilenet_v2")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=".safetensors to write"
    )
    parser.add_argument(
        "--dataset", metavar="NAME",
        help="that it was trained on: onehand10k, panoptic or rhd (default: what the file's name says)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Check every tensor and write them with their ModelSpec."""
    from edgehand.files import keep_apart
    from edgehand.training.checkpoint import load_checkpoint, save_checkpoint

    keep_apart("--output", args.output, [args.checkpoint], "is the checkpoint to read")
    network, spec = load_checkpoint(args.checkpoint, args.dataset)
    save_checkpoint(network, spec, args.output)
    print(f"{args.output}: {spec.name}, {len(network.state_dict())} tensors, padding {spec.padding}")
