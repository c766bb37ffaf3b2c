"""Short training runs that differ in one thing, judged by photo sources that none of them saw.

    python benchmarks/experiments.py --split DIR --renders DIR --assets DIR --weights DIR -o DIR [NAME ...]

Every run trains on renders and on the photos of sign_digits and rooms, and is measured on all hands of asl_letters
and gestures: other people, scenes and poses. A run takes 200 steps of 32; docs/experiments.md has the table.
DIR of --split is what split_photos.py wrote, of --weights holds the two folded MobileNetV2. A finished run is not
run again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgehand import datasets, synth
from edgehand.datasets import Sample
from edgehand.synth.hand_model import keypoints
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.engine import figures, predict
from edgehand.training.mixture import Mixture, chosen
from edgehand.training.networks import LiteDepthwise
from edgehand.training.recipes import RECIPES
from edgehand.training.run import train

STEPS, BATCH = 200, 32
SHORT = {"input_size": 128, "epochs": 1, "batch_size": BATCH, "group_size": BATCH, "ema": 0.98}
"""What all of them change of the recipe of `lite_depthwise`, which pretrained weights fit."""
SEEN, UNSEEN = ("sign_digits", "rooms"), ("asl_letters", "gestures")


@dataclass(frozen=True)
class Experiment:
    """What one run changes."""

    recipe: dict[str, Any] = field(default_factory=dict)
    """Fields of the recipe."""
    backbone: str | None = "mobilenet_v2_imagenet_folded.npz"
    photos: float = 0.5
    """Share of photos, the rest are renders."""
    swapped: float = 0.0
    """Part of the photos whose hands are before other backgrounds, see swap_backgrounds.py."""
    seed: int = 0
    channels: int = LiteDepthwise.CHANNELS[0]
    """Of the pyramid, at every level."""
    at_joints: bool = False
    """Whether the renders' keypoints are the rig's joints instead of where people mark them."""


EXPERIMENTS = {
    "base": Experiment(),
    "base, other seed": Experiment(seed=1),
    "no start": Experiment(backbone=None),
    "hand detector start": Experiment(backbone="mobilenet_v2_hand_detector_folded.npz"),
    "renders alone": Experiment(photos=0.0),
    "photos alone": Experiment(photos=1.0),
    "a quarter photos": Experiment(photos=0.25),
    "half the photos before other backgrounds": Experiment(swapped=0.5),
    "half the photos before other backgrounds, other seed": Experiment(swapped=0.5, seed=1),
    "input 160": Experiment({"input_size": 160}),
    "input 192": Experiment({"input_size": 192}),
    "sigma 1": Experiment({"sigma": 1.0}),
    "sigma 2": Experiment({"sigma": 2.0}),
    "mean squared error": Experiment(
        {"loss": "mean squared error", "sigma": 2.0, "decode": "quarter", "score": "value"}
    ),
    "head of 32 channels": Experiment(channels=32),
    "head of 96 channels": Experiment(channels=96),
    "keypoints at the rig's joints": Experiment(at_joints=True),
}
"""Name -> run; all at 128 x 128 but for those that say otherwise."""


def run(experiment: Experiment, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train and measure one."""
    photos = [s for source in SEEN for s in datasets.load(f"coco:{args.split}/{source}.train.json")]
    renders = datasets.load(f"coco:{args.renders}")
    if experiment.at_joints:
        renders = at_joints(renders[: BATCH * STEPS // 2], args)
    swapped = datasets.load(f"coco:{args.swapped}") if experiment.swapped else []
    shares = experiment.photos * np.array([1 - experiment.swapped, experiment.swapped])
    sources = zip((photos, swapped, renders), (*shares, 1 - experiment.photos), strict=True)
    rng = np.random.default_rng(experiment.seed)
    samples = [
        some[index]
        for some, share in sources
        for index in chosen(len(some), round(share * BATCH * STEPS), rng)
    ]
    recipe = replace(RECIPES["lite_depthwise"], **(SHORT | experiment.recipe))
    LiteDepthwise.CHANNELS = (experiment.channels,) * 4
    started = time.monotonic()
    checkpoint = train(
        samples,
        [],
        recipe,
        folder,
        mixture=Mixture((len(samples),)),
        backbone=args.weights / experiment.backbone if experiment.backbone else None,
        threads=1,
        seed=experiment.seed,
    )
    minutes = (time.monotonic() - started) / 60
    network, spec = load_checkpoint(checkpoint)
    row: dict[str, Any] = {"minutes": round(minutes, 1)}
    for source in UNSEEN:
        unseen = datasets.load(f"coco:{args.split}/{source}.train.json")
        unseen += datasets.load(f"coco:{args.split}/{source}.heldout.json")
        crops = HandCrops(unseen, spec)
        found = figures(predict(network, crops, torch.device("cpu"), 0), crops)
        row[source] = {name: round(found[name], 4) for name in ("error/box", "PCK@0.2", "PCK@0.1")}
    return row


def at_joints(renders: list[Sample], args: argparse.Namespace) -> list[Sample]:
    """The same pictures, drawn again, labelled at the rig's joints."""
    settings = json.loads((args.renders / "synth.json").read_text())
    renderer = synth.Renderer(synth.load(args.assets), settings["size"], settings["seed"])
    moved = []
    for sample in renders:
        number = int(sample.image.stem)
        scene = renderer._scene(np.random.default_rng((settings["seed"], number)))
        hands = [(hand.joints, keypoints(hand.pose.bones, as_annotated=False), hand) for hand in scene.hands]
        projected = [
            (scene.camera.project(marked), scene.camera.project(hand.place(joints)))
            for marked, joints, hand in hands
        ]
        points = next(rig for marked, rig in projected if np.allclose(marked, sample.keypoints, atol=0.01))
        low, size = points.min(0), np.ptp(points, axis=0)
        moved.append(replace(sample, keypoints=points.astype(np.float32), box=(*low, *size)))
    return moved


def main() -> None:
    """Run those that are asked for, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    for name in ("split", "renders", "assets", "weights"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--swapped",
        type=Path,
        required=True,
        metavar="DIR",
        help="what swap_backgrounds.py made of the photos",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    for name in args.names or EXPERIMENTS:
        folder = args.output / name.replace(" ", "-").replace(",", "")
        result = folder / "result.json"
        if not result.exists():
            row = run(EXPERIMENTS[name], args, folder)
            result.write_text(json.dumps(row))
        print(name, result.read_text(), flush=True)


if __name__ == "__main__":
    main()
