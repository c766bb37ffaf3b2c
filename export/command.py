"""`edgehand export`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path


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
    parser.add_argument(
        "--recipe", default="default", metavar="NAME",
        help="how to quantize: a recipe's name, or a TOML file (default: %(default)s)",
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


def run(args: argparse.Namespace) -> None:
    """Export, and say what the checks found."""
    from edgehand.export.pipeline import export
    from edgehand.export.recipe import read
    from edgehand.models import checkpoint

    recipe = read(args.recipe)
    result = export(
        args.checkpoint or checkpoint(args.model),
        args.target,
        args.output,
        precision=args.precision,
        calibration=args.calibration,
        recipe=replace(recipe, io=args.io) if args.io else recipe,
        progress=lambda step: print(f"  {step} ...", file=sys.stderr, flush=True),
    )
    print(f"{result.file}  {result.size / 1e6:.2f} MB  in {result.seconds:.0f} s")
    print(f"float against PyTorch: largest difference {result.difference:.1e}")
    if result.agreement:
        integer = (
            "; every convolution is integer" if args.precision == "int8" and not recipe.keep_float else ""
        )
        print(
            f"{args.precision} against PyTorch: heatmap cosine {result.agreement.cosine:.4f}, "
            f"keypoints {result.agreement.distance:.2%} of the box apart{integer}"
        )
        if result.agreement.collapsed:
            print(
                "edgehand: warning: quantization changed the heatmaps beyond use; "
                "give --calibration pictures like those the network was trained on",
                file=sys.stderr,
            )
