"""Accuracy on pictures never trained on: the float checkpoint beside model files made of it.

Usage: python benchmarks/bench_held_out.py --data coco:DIR [--data ...] [--holdout 0.1] MODEL_FILE...

The pictures are those that `edgehand train --holdout` with the same data and fraction leaves out; boxes come from
the labels. Error is the mean distance of the labelled keypoints, over the longer side of the tight box.
"""

from __future__ import annotations

import argparse

import torch
from first_look import first_looks

from edgehand import datasets, models
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.engine import figures, predict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, metavar="FORMAT:PATH")
    parser.add_argument("--holdout", type=float, default=0.1)
    parser.add_argument("files", nargs="*", default=[str(models.int8_model())], metavar="MODEL_FILE")
    args = parser.parse_args()

    network, spec = load_checkpoint(models.checkpoint("lite"))
    sources = {source: datasets.split(datasets.load(source), args.holdout)[1] for source in args.data}
    sources["all"] = [sample for samples in sources.values() for sample in samples]
    print(f"{'data':40} {'hands':>6} {'model':24} {'error/box':>9} {'PCK@0.2':>8} {'PCK@0.1':>8}")
    for source, samples in sources.items():
        crops = HandCrops(samples, spec)
        rows = {"float, PyTorch": predict(network, crops, torch.device("cpu"), workers=0)}
        for file in args.files:
            rows[file.rsplit("/", 1)[-1]] = first_looks(file, samples)
        for name, row in rows.items():
            facts = figures(row, crops)
            print(
                f"{source[-40:]:40} {len(samples):6} {name:24} {facts['error/box']:9.4f} "
                f"{facts['PCK@0.2']:8.4f} {facts['PCK@0.1']:8.4f}"
            )


if __name__ == "__main__":
    main()
