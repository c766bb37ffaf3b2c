"""edgehand's models beside MediaPipe's hand landmark networks: accuracy from the same boxes, poor pictures, time.

    pip download --no-deps mediapipe==0.10.21 && unzip mediapipe-*.whl 'mediapipe/modules/*' -d DIR
    python benchmarks/bench_mediapipe.py --mediapipe DIR --data NAME=FORMAT:PATH [--data ...] [--poor]

MediaPipe's networks run in LiteRT as ours do: the package, which needs older ones than we do, is not installed. They
look first at the square of 1.5 times the box, then at the one that its graph takes from the keypoints in a video.
"Label's own region" starts from that of the labels: where MediaPipe made the labels, what it says against itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from bench_engines import crop_for
from numpy.typing import NDArray
from poor_pictures import POOR, taken_poorly
from timing import least
from tqdm import tqdm

from edgehand import HandPose, datasets, image, metrics, models
from edgehand.crop import crop, patch_to_image, square, transform
from edgehand.datasets import Sample
from edgehand.runtime.artifact import open_model

Picture = NDArray[np.uint8]
Keypoints = NDArray[np.float32]
Find = Callable[[Picture, Sample], Keypoints]
SIDE = 224
"""Of the crop, pixels."""
PALM = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
"""Keypoints that its region is drawn around."""


class MediaPipe:
    """A hand landmark network of MediaPipe.

    Args:
        file: hand_landmark_full.tflite or hand_landmark_lite.tflite.
    """

    def __init__(self, file: Path) -> None:
        self._engine = Interpreter(str(file), num_threads=1)
        self._engine.allocate_tensors()
        self._input = self._engine.get_input_details()[0]["index"]
        self._keypoints = self._engine.get_output_details()[0]["index"]

    def infer(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1, 224, 224, 3) RGB in 0..1 -> (21, 3) pixels of the crop, and depth."""
        self._engine.set_tensor(self._input, patch)
        self._engine.invoke()
        return np.asarray(self._engine.get_tensor(self._keypoints)).reshape(21, 3)

    def at(self, picture: Picture, where: tuple[float, float, float], degrees: float) -> Keypoints:
        """Keypoints (21, 2) in the picture, found in a square (cx, cy, side) turned by some degrees."""
        matrix = patch_to_image(*where, SIDE, rotation=degrees)
        patch = crop(picture, matrix, SIDE, antialias=True)
        found = self.infer(patch[None].astype(np.float32) / 255)
        return transform(matrix, found[:, :2]).astype(np.float32)

    def in_box(self, picture: Picture, sample: Sample) -> Keypoints:
        """From a box, then from what was found."""
        return self.at(picture, *region(self.at(picture, square(sample.box, 1.5), 0.0)))

    def in_own_region(self, picture: Picture, sample: Sample) -> Keypoints:
        """From where the labels are."""
        return self.at(picture, *region(sample.keypoints))


def region(keypoints: Keypoints) -> tuple[tuple[float, float, float], float]:
    """Where MediaPipe looks for a hand whose keypoints it knows (hand_landmarks_to_rect_calculator.cc).

    Returns:
        (cx, cy, side) pixels, and degrees.
    """
    ahead = (keypoints[6] + keypoints[14]) / 4 + keypoints[10] / 2 - keypoints[0]
    degrees = float(np.degrees(np.arctan2(ahead[0], -ahead[1])))
    axes = patch_to_image(0, 0, 1, 1, rotation=degrees)[:, :2]
    along = keypoints[PALM] @ axes
    low, high = along.min(0), along.max(0)
    width, height = high - low
    cx, cy = axes @ ((low + high) / 2 - (0, 0.1 * height))
    return (float(cx), float(cy), 2.0 * float(max(width, height))), degrees


def ours(name: str) -> Find:
    """A model that ships, INT8, one thread."""
    pose = HandPose(models.int8_model(name), threads=1)
    return lambda picture, sample: pose(picture, [sample.box])[0].keypoints


def looks(find: Find, samples: list[Sample], pictures: list[Picture]) -> Keypoints:
    """Keypoints (N, 21, 2) of each sample in its picture."""
    return np.stack([find(picture, sample) for picture, sample in zip(pictures, samples, strict=True)])


def figures(found: Keypoints, samples: list[Sample]) -> str:
    """error/box and PCK@0.1, as a cell of a table."""
    true = np.stack([sample.keypoints for sample in samples])
    errors = metrics.distances(found, true, metrics.longer_sides(np.array([s.box for s in samples])))
    visible = np.stack([sample.visibility > 0 for sample in samples])
    return f"{metrics.epe(errors, visible):.4f}, {metrics.pck(errors, visible, 0.1):.4f}"


def accuracy(finds: dict[str, Find], sources: dict[str, list[Sample]]) -> Iterator[str]:
    """A Markdown table: models down, sources across, and all of them where there are several."""
    every = [sample for samples in sources.values() for sample in samples]
    pictures = [image.load(sample.image) for sample in every]
    ends = np.cumsum([len(samples) for samples in sources.values()])
    columns = {
        name: slice(end - len(samples), end)
        for (name, samples), end in zip(sources.items(), ends, strict=True)
    } | ({"all": slice(None)} if len(sources) > 1 else {})
    yield f"| error/box, PCK@0.1 | {' | '.join(columns)} |"
    yield "| --- " * (len(columns) + 1) + "|"
    for model, find in finds.items():
        found = looks(find, every, pictures)
        cells = [figures(found[part], every[part]) for part in columns.values()]
        yield f"| {model} | {' | '.join(cells)} |"


def poor(finds: dict[str, Find], samples: list[Sample]) -> Iterator[str]:
    """A Markdown table: faults down, models across."""
    yield f"| error/box, PCK@0.1 | {' | '.join(finds)} |"
    yield "| --- " * (len(finds) + 1) + "|"
    for fault, pictures in tqdm(taken_poorly(samples), total=len(POOR), unit="fault"):
        cells = [figures(looks(find, samples, pictures), samples) for find in finds.values()]
        yield f"| {fault} | {' | '.join(cells)} |"


def times(networks: dict[str, MediaPipe]) -> Iterator[str]:
    """Milliseconds of each network, one thread, by turns."""
    patch = np.random.default_rng(0).random((1, SIDE, SIDE, 3), np.float32)
    functions: dict[str, Callable[[], Any]] = {
        name: partial(network.infer, patch) for name, network in networks.items()
    }
    for name in models.names():
        model = open_model(models.int8_model(name), threads=1)
        functions[f"edgehand {name}, INT8"] = partial(model.backend.infer, crop_for(model))
    for name, microseconds in least(functions, 3).items():
        yield f"{name}: {microseconds / 1000:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mediapipe", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=FORMAT:PATH")
    parser.add_argument("--poor", action="store_true", help="also the same pictures with every fault")
    args = parser.parse_args()

    folder = args.mediapipe / "mediapipe/modules/hand_landmark"
    networks = {f"MediaPipe {n}": MediaPipe(folder / f"hand_landmark_{n}.tflite") for n in ("full", "lite")}
    in_box = {f"edgehand {name}, INT8": ours(name) for name in ("lite", "tiny")} | {
        name: network.in_box for name, network in networks.items()
    }
    own = {f"{name}, label's own region": network.in_own_region for name, network in networks.items()}
    sources = {name: datasets.load(source) for name, _, source in (d.partition("=") for d in args.data)}
    if sources:
        print(*accuracy(in_box | own, sources), sep="\n")
    if args.poor:
        print(*poor(in_box, [sample for samples in sources.values() for sample in samples]), sep="\n")
    print(*times(networks), sep="\n")


if __name__ == "__main__":
    main()
