"""What rewriting the deconvolutions gains: the published network by plain litert-torch, and by our export.

Usage: python benchmarks/bench_deconvolution.py

Weights are random; both are quantized by the same recipe with the same crops and give the same float heatmaps.
Rounds are interleaved; the ratio of the minima is what is quoted.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from timing import least
from torch import nn

from edgehand.export.graph import inference_graph
from edgehand.export.quiet import quiet
from edgehand.export.recipe import RECIPES
from edgehand.export.targets import tflite
from edgehand.training.networks import NETWORKS, build

FORMS = {"deconvolution": "keep", "phases": "NHWC"}


def milliseconds(files: dict[str, Path], threads: int) -> dict[str, float]:
    opened = {name: Interpreter(str(file), num_threads=threads) for name, file in files.items()}
    for interpreter in opened.values():
        interpreter.allocate_tensors()
    turns = least({name: interpreter.invoke for name, interpreter in opened.items()}, seconds=4)
    return {name: microseconds / 1e3 for name, microseconds in turns.items()}


def output(file: Path, crop: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], crop)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def main() -> None:
    torch.manual_seed(0)
    network, spec = build("pose_mobilenet_v2").eval(), NETWORKS["pose_mobilenet_v2"][1]
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            # Biases of zero would be left out of the graph, and the ReLU behind them be run apart.
            nn.init.normal_(module.bias, std=0.1)
    crops = np.random.default_rng(0).normal(size=(8, 3, 256, 256)).astype(np.float32)

    with TemporaryDirectory() as folder:
        floats, integers = {}, {}
        for name, form in FORMS.items():
            floats[name], integers[name] = Path(folder) / f"{name}.tflite", Path(folder) / f"{name}8.tflite"
            with quiet(name):
                tflite.convert(inference_graph(network, deconvolution=form), spec, floats[name])
                tflite.quantize(floats[name], crops, RECIPES["default"], {}, integers[name])
        crop = np.ascontiguousarray(crops[:1].transpose(0, 2, 3, 1))
        first, second = (output(file, crop) for file in floats.values())
        assert np.abs(first - second).max() <= 1e-4 * np.abs(first).max()

        print(f"{'':8} {'threads':>7}" + "".join(f"{name:>16}" for name in FORMS) + f"{'ratio':>8}")
        for threads in (1, 2):
            for precision, files in {"float32": floats, "INT8": integers}.items():
                found = milliseconds(files, threads)
                cells = "".join(f"{found[name]:13.2f} ms" for name in FORMS)
                print(f"{precision:8} {threads:7}{cells}{found['phases'] / found['deconvolution']:8.3f}")


if __name__ == "__main__":
    main()
