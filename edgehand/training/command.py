"""`edgehand train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgehand.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand train`."""
    parser.add_argument(
        "--data", action="append", required=True, metavar="FORMAT:PATH",
        help="labelled pictures, e.g. coco:photos/annotations.json; may be given several times",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--recipe", default="lite",
        help="lite, or onehand10k, panoptic, rhd as published (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    watch = parser.add_mutually_exclusive_group()
    watch.add_argument("--validation", metavar="FORMAT:PATH", help="labelled pictures to watch progress by")
    watch.add_argument(
        "--holdout", type=float, default=0.1, metavar="FRACTION",
        help="without --validation: the part of --data to hold out for it (default: %(default)s)",
    )  # fmt: skip
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--init", type=Path, metavar="FILE", help="start from this checkpoint")
    start.add_argument(
        "--backbone", type=Path, metavar="FILE",
        help="start from ImageNet weights: MobileNetV2 of torchvision or MMPose (.pth), or folded (.npz)",
    )  # fmt: skip
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: cuda where there is one)")
    parser.add_argument("--threads", type=int, help="CPU threads of the network (default: one a core)")
    parser.add_argument("--workers", type=int, default=1, help="processes for crops (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Train, or go on with the run that is in the folder."""
    from edgehand import datasets
    from edgehand.training.recipes import RECIPES
    from edgehand.training.run import train

    if args.recipe not in RECIPES:
        raise InputError(f"--recipe {args.recipe!r}: expected one of {', '.join(RECIPES)}")
    if not 0 <= args.holdout < 1:
        raise InputError(f"--holdout {args.holdout}: expected a fraction from 0 up to, not including, 1")
    if args.epochs is not None and args.epochs < 1:
        raise InputError(f"--epochs {args.epochs}: expected at least 1")
    samples = [sample for source in args.data for sample in datasets.load(source, "train")]
    if args.validation:
        validation = datasets.load(args.validation, "test")
    else:
        samples, validation = datasets.split(samples, args.holdout)
    train(
        samples,
        validation,
        RECIPES[args.recipe],
        args.output,
        epochs=args.epochs,
        init=args.init,
        backbone=args.backbone,
        device=args.device,
        threads=args.threads,
        workers=args.workers,
        seed=args.seed,
    )
