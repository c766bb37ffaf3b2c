"""`edgehand export`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgehand.errors import InputError
from edgehand.metrics import MAX_DROP

if TYPE_CHECKING:
    from edgehand.export.pipeline import Export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand export`."""
    parser.add_argument("--target", required=True, help="format of the model file: tflite, onnx or openvino")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--model", default="lite", metavar="NAME", help="a model that ships (default: %(default)s)"
    )
    source.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of your own")
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--precision", default="fp32", help="fp32, fp16, int8-dynamic or int8 (default: %(default)s)"
    )
    precision.add_argument(
        "--int8", dest="precision", action="store_const", const="int8",
        help="short for --precision int8: weights and calibrated activations of 8 bits",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", metavar="PATH",
        help="pictures that calibrate the activations: a folder, each picture filled by one hand, or FORMAT:PATH of "
        "a labelled data set (default: the set inside the package)",
    )  # fmt: skip
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--recipe", default="default", metavar="NAME",
        help="how to quantize: a recipe's name, or a TOML file (default: %(default)s)",
    )  # fmt: skip
    how.add_argument(
        "--auto", action="store_true",
        help="INT8: try recipes from fast to slow, and keep the first that loses at most --max-drop on --data",
    )  # fmt: skip
    parser.add_argument("--data", metavar="FORMAT:PATH", help="labelled pictures that --auto measures on")
    parser.add_argument(
        "--max-drop", type=float, metavar="POINTS",
        help=f"percentage points of PCK@0.1 that --auto may lose against float (default: {MAX_DROP})",
    )  # fmt: skip
    parser.add_argument(
        "--io", metavar="{int8,uint8,float32}",
        help="type of an INT8 model's input and output; browsers need float32 (default: the recipe's)",
    )  # fmt: skip
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder to write to (default: this one)",
    )


def run(args: argparse.Namespace) -> int:
    """Export, and say what the checks found."""
    from edgehand.models import checkpoint

    _check(args)
    source = args.checkpoint or checkpoint(args.model)
    if args.auto:
        return _search(args, source)
    from edgehand.export.pipeline import export
    from edgehand.export.recipe import read

    recipe = read(args.recipe)
    result = export(
        source,
        args.target,
        args.output,
        precision=args.precision,
        calibration=args.calibration,
        recipe=replace(recipe, io=args.io) if args.io else recipe,
        progress=_say,
    )
    _tell(result, args.precision, integer=args.precision == "int8" and not recipe.keep_float)
    if result.agreement is None or not result.agreement.collapsed:
        return 0
    print(
        f"edgehand: {result.file}: quantization changed its heatmaps beyond use; it is kept to look into; "
        + _remedy(args.precision, equalised=recipe.equalise),
        file=sys.stderr,
    )
    return 1


def _check(args: argparse.Namespace) -> None:
    """Refuse options that would be without effect."""
    if args.auto and args.precision not in ("fp32", "int8"):
        raise InputError(f"--auto: looks for an INT8 model, not for {args.precision}; leave --precision out")
    if not args.auto and (args.data or args.max_drop is not None):
        raise InputError(
            f"{'--data' if args.data else '--max-drop'}: is for --auto; add it, or leave this out"
        )
    if not args.auto and args.precision != "int8":
        for option, given in (
            ("--recipe", args.recipe != "default"),
            ("--io", args.io),
        ):
            if given:
                raise InputError(f"{option}: is for INT8 models, not for {args.precision}; add --int8")


def _search(args: argparse.Namespace, source: Path) -> int:
    if not args.data:
        raise InputError("--auto: needs --data FORMAT:PATH, labelled pictures to measure on")
    max_drop = MAX_DROP if args.max_drop is None else args.max_drop
    if not 0 <= max_drop <= 100:
        raise InputError(f"--max-drop {max_drop}: expected percentage points from 0 to 100")
    from edgehand.export.diagnosis import range_overflow, warning
    from edgehand.export.search import search

    print(f"{'recipe':28} {'PCK@0.1':>8} {'drop':>7}")
    result = search(
        source,
        args.target,
        args.output,
        data=args.data,
        max_drop=max_drop,
        calibration=args.calibration,
        io=args.io,
        progress=_say,
        tried=lambda attempt: print(f"{attempt.name:28} {attempt.pck:8.4f} {attempt.drop:+7.2f}", flush=True),
    )
    if sentence := warning(range_overflow(source, calibration=args.calibration, data=args.data)):
        print(f"edgehand: warning: {sentence}", file=sys.stderr)
    if result is None:
        print(
            f"edgehand: no recipe loses at most {max_drop} points: nothing is written; "
            "give --calibration pictures like the data, or allow more with --max-drop",
            file=sys.stderr,
        )
        return 1
    _tell(result, "int8", integer=False)
    return 0  # --data has judged it


def _say(step: str) -> None:
    print(f"  {step} ...", file=sys.stderr, flush=True)


def _tell(result: Export, precision: str, *, integer: bool) -> None:
    """Print what the checks found."""
    print(f"{result.file}  {result.size / 1e6:.2f} MB  in {result.seconds:.0f} s")
    print(f"float against PyTorch: largest difference {result.difference:.1e}")
    if result.agreement is not None:
        print(
            f"{precision} against PyTorch: heatmap cosine {result.agreement.cosine:.4f}, keypoints "
            f"{result.agreement.distance:.2%} of the box apart{'; every convolution is integer' if integer else ''}"
        )


def _remedy(precision: str, *, equalised: bool) -> str:
    """What to try where quantization has left nothing of a network."""
    if precision != "int8":
        return "take --int8, whose ranges are calibrated"
    recipe = "" if equalised else "try --recipe equalised, "
    return (
        f"give --calibration pictures like those the network was trained on, {recipe}"
        "or see with `edgehand diagnose` which layer is to blame"
    )
