"""How many calibration pictures are enough: accuracy of simulated INT8 by their number.

python benchmarks/bench_calibration.py CHECKPOINT --calibration coco:TRAIN --data coco:HELD_OUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from edgehand.export import calibration
from edgehand.export.check import box_side, keypoints, torch_heatmaps
from edgehand.export.graph import inference_graph
from edgehand.export.recipe import read
from edgehand.export.simulation import Simulation
from edgehand.training.checkpoint import load_checkpoint

COUNTS = (1, 4, 16, 32, 96, 256, 1000)


def main() -> None:
    """Print a row for each number of pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--calibration", required=True, action="append")
    parser.add_argument("--data", required=True, action="append")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--draws", type=int, default=1, help="random choices of the pictures for each number")
    parser.add_argument("--pictures", type=int, default=250, help="measured at most, of each --data")
    args = parser.parse_args()

    network, spec = load_checkpoint(args.checkpoint)
    graph = inference_graph(network, deconvolution="keep")
    pool = np.concatenate([calibration.load(source, spec, 1000).inputs for source in args.calibration])
    seen = [calibration.load(source, spec, args.pictures, subset="test") for source in args.data]
    inputs = np.concatenate([crops.inputs for crops in seen])
    labels = np.concatenate([crops.keypoints for crops in seen])

    def row(heatmaps: np.ndarray) -> tuple[float, float]:
        errors = np.linalg.norm(keypoints(heatmaps, spec) - labels, axis=2) / box_side(spec)
        return float(np.nanmean(errors)), float((errors[np.isfinite(errors)] < 0.1).mean())

    print(
        f"{len(inputs)} hands; pictures, error/box and PCK@0.1: mean (worst) of {args.draws} draws",
        flush=True,
    )
    print("float     {:.4f}            {:.4f}".format(*row(torch_heatmaps(network, inputs))), flush=True)
    for count in COUNTS:
        rows = []
        for draw in range(args.draws):
            chosen = np.random.default_rng(draw).permutation(len(pool))[:count]
            rows.append(row(Simulation(graph, pool[chosen], read(args.recipe)).heatmaps(inputs)))
        errors, hits = np.array(rows).T
        print(
            f"{count:5}     {errors.mean():.4f} ({errors.max():.4f})   {hits.mean():.4f} ({hits.min():.4f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
