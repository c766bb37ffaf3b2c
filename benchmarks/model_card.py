"""The figures of docs/model-card.md: accuracy by source, size, pose and skin tone, robustness, poor pictures, failures.

    python benchmarks/model_card.py --data NAME=coco:PATH [--data ...] [--handless FOLDER] [--float CHECKPOINT]
        [--model FILE] -o DIR

Writes DIR/figures.md, DIR/robustness.svg and DIR/failures.jpg. Boxes come from the labels. Float figures are those of
the network, which sees each box once; INT8 ones are those of HandPose, which looks again where a box was poor; how
much that does is in the robustness table. FOLDER has pictures without hands, whose scores are set against the hands'.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from poor_pictures import taken_poorly

from edgehand import Hand, HandPose, datasets, image, metrics, models
from edgehand.crop import crop, invert, patch_to_image, square, transform
from edgehand.datasets import Sample
from edgehand.draw import draw
from edgehand.runtime.estimator import find_keypoints, table_for
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.engine import predict
from edgehand.training.handless import windows

mpl.use("svg")
from matplotlib import pyplot as plt

Find = Callable[[Any, tuple[float, float, float, float]], NDArray[np.float32]]
Curves = dict[str, list[tuple[float, float, float]]]
"""Change -> [(how much, error/box, PCK@0.1)]."""


def summary(found: NDArray[np.float32], samples: list[Sample]) -> dict[str, metrics.Figure]:
    """All figures of these samples, resampled by picture."""
    resampled = metrics.resampled(
        found,
        np.stack([sample.keypoints for sample in samples]),
        np.stack([sample.visibility > 0 for sample in samples]),
        np.array([sample.box for sample in samples]),
        groups=np.array([str(sample.image) for sample in samples]),
    )
    return {name: figure.figure() for name, figure in resampled.items()}


def size_class(sample: Sample) -> str:
    """By the longer side of the hand's box in the picture."""
    side = max(sample.box[2:])
    return "below 50 pixels" if side < 50 else "50 to 100" if side < 100 else "100 and more"


def pose_class(sample: Sample) -> str:
    """By the number of fingers whose tip is further from the wrist than their middle joint, by a tenth."""
    points = sample.keypoints
    reach = np.linalg.norm(points - points[0], axis=1)
    stretched = int(sum(reach[tip] > 1.1 * reach[tip - 2] for tip in (8, 12, 16, 20)))
    return f"{stretched} of 4 fingers stretched"


def tone_class(sample: Sample) -> str:
    """By the individual typology angle of the palm's or back's median colour (A. Chardon et al., 1991).

    Of one photo it mixes skin with light and exposure, so the classes are coarse.
    """
    palm = sample.keypoints[[0, 5, 9, 13, 17]].mean(0)
    matrix = patch_to_image(float(palm[0]), float(palm[1]), max(sample.box[2:]) / 6, 16)
    patch = crop(image.load(sample.image), matrix, 16, antialias=True)
    lightness, _, yellow = _lab(np.median(patch.reshape(-1, 3), axis=0))
    angle = np.degrees(np.arctan2(lightness - 50, yellow))
    return "light (ITA > 41)" if angle > 41 else "medium (10 to 41)" if angle > 10 else "dark (< 10)"


def _lab(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of an sRGB colour in 0..255."""
    value = colour / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ linear
        / [0.9505, 1.0, 1.089]
    )
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def table(groups: dict[str, list[int]], rows: dict[str, NDArray[np.float32]], samples: list[Sample]) -> str:
    """A Markdown table: for each group of samples, each model's figures with 95 % intervals."""
    lines = ["| hands | | | error/box | PCK@0.2 | PCK@0.1 |", "| --- | --- | --- | --- | --- | --- |"]
    for name, members in groups.items():
        chosen = [samples[index] for index in members]
        for model, found in rows.items():
            facts = summary(found[members], chosen)
            cells = [
                f"{facts[key].value:.4f} ({facts[key].low:.4f} .. {facts[key].high:.4f})"
                for key in ("error/box", "PCK@0.2", "PCK@0.1")
            ]
            lines.append(f"| {name} | {len(members)} | {model} | {' | '.join(cells)} |")
    return "\n".join(lines)


def by(key: Callable[[Sample], str], samples: Iterable[Sample]) -> dict[str, list[int]]:
    """Indices of the samples by class, in alphabetical order."""
    groups: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        groups.setdefault(key(sample), []).append(index)
    return dict(sorted(groups.items()))


def robustness(find: Find, samples: list[Sample]) -> Curves:
    """How the figures move when boxes are drawn wrongly or pictures are turned or mirrored."""
    pictures = {sample.image: image.load(sample.image) for sample in samples}

    def measure(change: Callable[[Sample], tuple[Any, Any, Any]]) -> tuple[float, float]:
        found = []
        for sample in samples:
            picture, box, back = change(sample)
            found.append(transform(back, find(picture, box)))
        facts = summary(np.stack(found).astype(np.float32), samples)
        return facts["error/box"].value, facts["PCK@0.1"].value

    same = np.eye(2, 3)

    def box(scale: float, shift: float, angle: float) -> Callable[[Sample], tuple[Any, Any, Any]]:
        def change(sample: Sample) -> tuple[Any, Any, Any]:
            x, y, width, height = sample.box
            side = max(width, height)
            cx = x + width / 2 + shift * side * np.cos(angle)
            cy = y + height / 2 + shift * side * np.sin(angle)
            wide, high = scale * width, scale * height
            return pictures[sample.image], (cx - wide / 2, cy - high / 2, wide, high), same

        return change

    def turned(degrees: float, flip: bool) -> Callable[[Sample], tuple[Any, Any, Any]]:
        def change(sample: Sample) -> tuple[Any, Any, Any]:
            # A square around the hand, large enough that its corners are seen after any turn.
            cx, cy, side = square(sample.box, 2.0)
            size = min(round(side), 4096)  # as large as `crop` makes them
            back = patch_to_image(cx, cy, side, size, rotation=degrees, flip=flip)
            turned_picture = crop(pictures[sample.image], back, size, antialias=True)
            points = transform(invert(back), sample.keypoints)
            known = points[sample.visibility > 0]
            low, high = known.min(0), known.max(0)
            # The tight box of a turned hand has another size, so the padding stays that of the upright one.
            longer = max(sample.box[2:])
            centre = (low + high) / 2
            return turned_picture, (*(centre - longer / 2), longer, longer), back

        return change

    return {
        "box drawn larger": [(s, *measure(box(s, 0, 0))) for s in (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)],
        "box shifted, mean of 4 directions": [
            (s, *np.mean([measure(box(1.0, s, a)) for a in np.arange(4) * np.pi / 2 + np.pi / 4], axis=0))
            for s in (0.0, 0.1, 0.2)
        ],
        "picture turned, degrees": [(a, *measure(turned(a, flip=False))) for a in range(-180, 181, 45)],
        "mirrored and turned, degrees": [(a, *measure(turned(a, flip=True))) for a in (-90, 0, 90, 180)],
    }


def poor_pictures(find: Find, samples: list[Sample]) -> str:
    """A Markdown table: the figures of the same pictures, taken poorly."""
    lines = ["| picture | error/box | PCK@0.1 |", "| --- | --- | --- |"]
    for fault, pictures in taken_poorly(samples):
        found = [find(picture, sample.box) for picture, sample in zip(pictures, samples, strict=True)]
        facts = summary(np.stack(found), samples)
        lines.append(f"| {fault} | {facts['error/box'].value:.4f} | {facts['PCK@0.1'].value:.4f} |")
    return "\n".join(lines)


def plot(curves: Curves, first: Curves, path: Path) -> None:
    """PCK@0.1 over each change, dashed what the first look alone gives."""
    figure, axes = plt.subplots(1, len(curves), figsize=(3.2 * len(curves), 2.6), sharey=True)
    for axis, (name, points) in zip(axes, curves.items(), strict=True):
        axis.plot([p[0] for p in points], [p[2] for p in points], marker="o")
        axis.plot([p[0] for p in first[name]], [p[2] for p in first[name]], linestyle="--")
        axis.set(title=name, ylim=(0, 1))
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("PCK@0.1")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def failures(found: NDArray[np.float32], samples: list[Sample], path: Path, count: int = 12) -> None:
    """The hands with the largest error, as found, in rows of six."""
    boxes = np.array([sample.box for sample in samples])
    true = np.stack([sample.keypoints for sample in samples])
    errors = metrics.distances(found, true, metrics.longer_sides(boxes)).mean(1)
    tiles = []
    for index in np.argsort(-errors)[:count]:
        back = patch_to_image(*square(samples[index].box, 1.6), 192)
        patch = crop(image.load(samples[index].image), back, 192, antialias=True)
        points = transform(invert(back), found[index])
        hand = Hand(keypoints=points.astype(np.float32), scores=np.ones(21, np.float32), box=(0, 0, 192, 192))
        tiles.append(np.asarray(draw(patch, [hand])))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 6)
    rows = [np.concatenate(tiles[start : start + 6], axis=1) for start in range(0, len(tiles), 6)]
    Image.fromarray(np.concatenate(rows)).save(path, quality=85)


def scores(pose: HandPose, hands: list[Hand], handless: Path) -> str:
    """A Markdown table: how scores tell boxes with a hand from windows without."""
    with_hand = np.array([hand.score for hand in hands])
    without = np.array([pose(w.image, [w.box])[0].score for w in windows(handless)])
    above = (with_hand[:, None] > without).mean() + (with_hand[:, None] == without).mean() / 2
    lines = ["| score above | of hands | of windows without |", "| --- | --- | --- |"]
    lines += [
        f"| {t:g} | {(with_hand > t).mean():.3f} | {(without > t).mean():.3f} |"
        for t in (0.3, 0.4, 0.5, 0.6, 0.7)
    ]
    area = (
        f"A hand scores above a window without one in {above:.4f} of {with_hand.size} x {without.size} pairs."
    )
    return "\n".join([*lines, "", area])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", action="append", required=True, metavar="NAME=FORMAT:PATH")
    parser.add_argument("--handless", type=Path, metavar="FOLDER")
    parser.add_argument("--float", type=Path, default=models.checkpoint("lite"), metavar="CHECKPOINT")
    parser.add_argument("--model", type=Path, default=models.int8_model(), metavar="FILE")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    sources = {name: datasets.load(source) for name, _, source in (d.partition("=") for d in args.data)}
    samples = [sample for some in sources.values() for sample in some]
    network, spec = load_checkpoint(args.float)
    pose = HandPose(args.model, threads=1)
    colours = table_for(pose.model)

    def look(picture: Any, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
        return find_keypoints(pose.model, colours, picture, box)[0]

    def find(picture: Any, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
        return pose(picture, [box])[0].keypoints

    hands = [pose(sample.image, [sample.box])[0] for sample in samples]
    int8 = np.stack([hand.keypoints for hand in hands])
    rows = {
        "float": predict(network, HandCrops(samples, spec), torch.device("cpu"), 0),
        "INT8": int8,
    }
    ends = np.cumsum([len(some) for some in sources.values()])
    by_source = {
        name: list(range(end - len(some), end))
        for (name, some), end in zip(sources.items(), ends, strict=True)
    } | {"all": list(range(len(samples)))}
    parts = ["## By source", table(by_source, rows, samples)]
    for title, key in (("hand size", size_class), ("pose", pose_class), ("skin tone", tone_class)):
        parts += [f"## By {title}", table(by(key, samples), {"INT8": int8}, samples)]
    curves, first = robustness(find, samples), robustness(look, samples)
    lines = [
        "| change | | error/box | PCK@0.1 | by the first look alone | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, points in curves.items():
        for (at, error, pck), (_, error_first, pck_first) in zip(points, first[name], strict=True):
            lines.append(
                f"| {name} | {at:g} | {error:.4f} | {pck:.4f} | {error_first:.4f} | {pck_first:.4f} |"
            )
    parts += ["## Robustness", "\n".join(lines), "## Poor pictures", poor_pictures(find, samples)]
    if args.handless:
        parts += ["## Scores", scores(pose, hands, args.handless)]
    (args.output / "figures.md").write_text("\n\n".join(parts) + "\n")
    plot(curves, first, args.output / "robustness.svg")
    failures(int8, samples, args.output / "failures.jpg")


if __name__ == "__main__":
    main()
