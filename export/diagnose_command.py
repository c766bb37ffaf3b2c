"""`edgehand diagnose`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edgehand.models import checkpoint_file

SHOWN = 15
"""Layers in the printed table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand diagnose`."""
    parser.add_argument(
        "checkpoint", type=checkpoint_file, metavar="NAME|CHECKPOINT",
        help="a model that ships, or a file of `edgehand train` or MMPose",
    )  # fmt: skip
    parser.add_argument(
        "--recipe", default="default", metavar="NAME",
        help="how to quantize: a recipe's name, or a TOML file (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", metavar="PATH",
        help="pictures that calibrate: a folder, or FORMAT:PATH of a labelled data set (default: the set inside the "
        "package)",
    )  # fmt: skip
    parser.add_argument(
        "--data", metavar="PATH", help="pictures to measure on, likewise (default: those that calibrate)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="write diagnosis.json and diagnosis.png to this folder",
    )


def run(args: argparse.Namespace) -> None:
    """Diagnose, print the worst layers, write the files."""
    from edgehand.export.diagnosis import diagnose, plot, warning
    from edgehand.export.recipe import read
    from edgehand.files import place, staging

    if args.output:
        import matplotlib.figure  # noqa: F401 (what is missing is told before the work, not after)

    found = diagnose(
        args.checkpoint,
        read(args.recipe),
        calibration=args.calibration,
        data=args.data,
        progress=lambda step: print(f"  {step} ...", file=sys.stderr, flush=True),
    )
    print(f"{'quantized alone':28} {'SQNR dB':>8} {'moved':>8} {'error':>8} {'overflow':>9}")
    for damage in (*found.layers[:SHOWN], found.all):
        error = "" if damage.error is None else f"{damage.error:+.2%}"
        print(f"{damage.layer:28} {damage.sqnr:8.1f} {damage.moved:8.2%} {error:>8} {damage.overflow:9.2%}")
    print("moved, error: mean over the keypoints, of the hand box's longer side")
    if sentence := warning({damage.layer: damage.overflow for damage in found.layers}):
        print(f"edgehand: warning: {sentence}", file=sys.stderr)
    if args.output:
        with staging(args.output) as folder:
            files = [folder / "diagnosis.json", folder / "diagnosis.png"]
            files[0].write_text(json.dumps(found.to_dict(), indent=1) + "\n")
            files[1].write_bytes(plot(found))
            place(files, args.output)
