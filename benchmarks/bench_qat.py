"""What quantization-aware training wins back: a checkpoint, fine-tuned plainly and with --qat, float and INT8.

    python benchmarks/bench_qat.py --init FILE --data coco:FILE ... --held-out coco:FILE ... -o DIR

Both fine-tunings see the same crops in the same order at the same learning rate, in float32. Error is the mean
distance of the labelled keypoints, "moved" the mean distance of all keypoints from the same checkpoint's float
ones, both over the longer side of the tight box. A finished training is not run again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from first_look import first_looks

from edgehand import datasets, metrics
from edgehand.datasets import Sample
from edgehand.export.pipeline import export
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.engine import figures, predict
from edgehand.training.recipes import RECIPES, quantization_aware
from edgehand.training.run import train

TARGETS = ("tflite", "onnx", "openvino")


def fine_tuned(init: Path, samples: list[Sample], args: argparse.Namespace, *, qat: bool) -> Path:
    """A checkpoint after `args.steps` more steps."""
    spec = load_checkpoint(init)[1]
    gentle = quantization_aware(RECIPES[spec.name])
    recipe = replace(
        gentle,
        learning_rate=args.learning_rate or gentle.learning_rate,
        input_size=spec.input_size,
        epochs=1,
        batch_size=args.batch,
        group_size=args.batch,
        ema=0.95,  # a short run's average must be short as well
    )
    folder = args.output / ("qat" if qat else "float")
    return train(samples, [], recipe, folder, init=init, qat=qat, threads=args.threads)


def measure(name: str, checkpoint: Path, samples: list[Sample], folder: Path) -> None:
    """Print a checkpoint's rows of the table."""
    network, spec = load_checkpoint(checkpoint)
    crops = HandCrops(samples, spec)
    sides = metrics.longer_sides(np.array([sample.box for sample in samples]))
    expected = predict(network, crops, torch.device("cpu"), workers=0)
    rows = {"float, PyTorch": expected}
    for target in TARGETS:
        made = export(checkpoint, target, folder, precision="int8")
        rows[f"INT8, {target}"] = first_looks(made.file, samples)
    for engine, row in rows.items():
        facts = figures(row, crops)
        moved = metrics.distances(row, expected, sides).mean()
        print(
            f"| {name} | {engine} | {facts['error/box']:.4f} | {facts['PCK@0.2']:.4f} | {facts['PCK@0.1']:.4f} "
            f"| {moved:.4f} |",
            flush=True,
        )


def main() -> None:
    """Fine-tune twice, export all three checkpoints, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--init", type=Path, required=True, metavar="FILE")
    parser.add_argument("--data", action="append", required=True, metavar="FORMAT:PATH")
    parser.add_argument("--held-out", action="append", required=True, metavar="FORMAT:PATH")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="(default: that of --qat)")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    every = [sample for source in args.data for sample in datasets.load(source, "train")]
    chosen = np.random.default_rng(0).permutation(len(every))[: args.steps * args.batch]
    samples = [every[index] for index in chosen]
    held_out = [sample for source in args.held_out for sample in datasets.load(source, "test")]
    print(
        "| checkpoint | engine | error/box | PCK@0.2 | PCK@0.1 | moved |\n| --- | --- | --- | --- | --- | --- |"
    )
    measure("as it was", args.init, held_out, args.output / "before")
    for qat in (False, True):
        checkpoint = fine_tuned(args.init, samples, args, qat=qat)
        measure("fine-tuned, --qat" if qat else "fine-tuned", checkpoint, held_out, checkpoint.parent)


if __name__ == "__main__":
    main()
