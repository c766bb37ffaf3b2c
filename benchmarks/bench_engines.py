"""Time of one inference of each model file, one and two threads, rounds interleaved.

Usage: python benchmarks/bench_engines.py FILE...

The engine alone: no picture is read, no heatmap decoded. The ratio is to the first file, of the minima.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from edgehand.export.check import model_heatmaps
from edgehand.runtime.artifact import Model, open_model

ROUNDS, REPEATS = 60, 3


def crop_for(model: Model) -> np.ndarray:
    """A grey crop in the model's own type and layout."""
    size, taken = model.metadata.spec.input_size, model.metadata.input
    shape = (1, 3, size, size) if taken.layout == "NCHW" else (1, size, size, 3)
    return np.full(shape, taken.zero_point, taken.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    files = parser.parse_args().files
    for threads in (1, 2):
        opened = {file: open_model(file, threads=threads) for file in files}
        crops = {file: crop_for(model) for file, model in opened.items()}
        size = opened[files[0]].metadata.spec.input_size
        picture = np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32)
        reference = model_heatmaps(opened[files[0]], picture)
        times: dict[str, list[float]] = {file: [] for file in files}
        for _ in range(ROUNDS):
            for file, model in opened.items():
                for _ in range(REPEATS):
                    started = time.perf_counter()
                    model.backend.infer(crops[file])
                    times[file].append(time.perf_counter() - started)
        for file, model in opened.items():
            heatmaps = model_heatmaps(model, picture)
            cosine = float(
                (heatmaps * reference).sum() / np.linalg.norm(heatmaps) / np.linalg.norm(reference)
            )
            assert cosine > 0.98, f"{file} computes something else: cosine {cosine:.3f} with {files[0]}"
            best, ratio = min(times[file]) * 1e3, min(times[files[0]]) / min(times[file])
            print(
                f"{threads} thread{'s' * (threads > 1)}  {file:40} min {best:6.2f} ms  "
                f"median {np.median(times[file]) * 1e3:6.2f} ms  x{ratio:.2f}"
            )


if __name__ == "__main__":
    main()
