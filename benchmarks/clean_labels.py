"""Mend machine labels of hands with the models that ship, and label the hands that the machine missed.

    python benchmarks/clean_labels.py split/asl_letters.train.json ... [--find] -o DIR

Each model looks at a hand six times: as it is and mirrored, upright and turned by 25 degrees to either side. A
keypoint's consensus is the median of all; it holds where three of four looks are near it. Networks that learn wrong
labels among many right ones do not reproduce them, so a label far from a consensus that holds is moved there; one far
from a consensus that does not hold is no longer trained on (visibility 0), and a hand with many of these goes, as does
one where a wider look finds another hand. DIR/NAME gets what remains of each file, with file names relative to DIR.

With --find, each picture left without a label must show one hand: it is searched, and kept if the consensus holds for
most keypoints. I. Radosavovic et al., "Data Distillation: Towards Omni-Supervised Learning" (2018).
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from annotation import described
from numpy.typing import NDArray
from tqdm import tqdm

from edgehand import HandPose, image, models
from edgehand.files import write_atomically
from edgehand.runtime.artifact import open_model
from edgehand.runtime.estimator import Box, box_around, find_keypoints, table_for

NEAR, FAR, ANOTHER = 0.06, 0.1, 0.15
"""Shares of the box's longer side: a look within the first holds the consensus, a label beyond the second is wrong,
and keypoints beyond the third on average are another hand's."""
SHARE = 0.75
"""Of the looks, that must be near for a consensus to hold."""
MOST = 16
"""Of 21 keypoints, that a found hand must have a consensus for."""
MANY, LOST = 12, 6
"""A hand with as many wrong labels, or as many of them without a consensus, goes."""
ANGLES = (-25.0, 0.0, 25.0)
"""Degrees that a look is turned by."""
SIDES = (1.0, 0.75, 0.5, 0.35)
"""Windows that are searched, shares of the picture's shorter side."""

Picture = NDArray[np.uint8]
Keypoints = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Consensus:
    """What several looks at one hand agree on."""

    keypoints: Keypoints
    """(21, 2) pixels."""
    holds: NDArray[np.bool_]
    """(21,)"""
    score: float


class Looks:
    """The models that ship, and several looks of each."""

    def __init__(self) -> None:
        opened = [open_model(models.int8_model(name), "tflite", 1) for name in models.names()]
        self._models = [(model, table_for(model)) for model in opened]
        self.one = HandPose(threads=1)

    def at(self, picture: Picture, box: Box) -> Consensus:
        """The consensus on the hand in a box."""
        last = picture.shape[1] - 1
        mirrored, mirrored_box = np.ascontiguousarray(picture[:, ::-1]), (last - box[0] - box[2], *box[1:])
        # What is seen, where, and the sign and shift that take its x back to the picture's.
        sides = ((picture, box, 1, 0), (mirrored, mirrored_box, -1, last))
        found, scores = [], []
        for (model, table), angle, (seen, where, sign, shift) in product(self._models, ANGLES, sides):
            keypoints, score = find_keypoints(model, table, seen, where, rotation=angle)
            found.append(keypoints * (sign, 1) + (shift, 0))
            scores.append(score)
        looks = np.array(found, np.float32)
        middle = np.median(looks, axis=0)
        near = np.linalg.norm(looks - middle, axis=-1) < NEAR * max(box[2:])
        return Consensus(middle, near.mean(0) >= SHARE, float(np.mean(scores)))

    def another_from_afar(
        self, picture: Picture, box: Box, keypoints: Keypoints, known: NDArray[np.bool_]
    ) -> bool:
        """Whether boxes drawn larger lead to another hand than this box."""
        x, y, width, height = box
        for scale in (1.6, 2.2):
            side = scale * max(width, height)
            wide = (x + (width - side) / 2, y + (height - side) / 2, side, side)
            (hand,) = self.one(picture, [wide])
            away = np.linalg.norm(hand.keypoints - keypoints, axis=1)[known].mean()
            if away < ANOTHER * max(width, height):
                return False
        return True

    def search(self, picture: Picture) -> Box:
        """The box of the hand that scores highest."""
        best = max(
            (self.one(picture, [window])[0] for window in windows(picture)), key=lambda h: h.scores.mean()
        )
        for _ in range(2):
            (best,) = self.one(picture, [box_around(best.keypoints, 10)])
        return box_around(best.keypoints, 10)


def windows(picture: Picture) -> Iterator[Box]:
    """Squares all over a picture."""
    height, width = picture.shape[:2]
    for share in SIDES:
        side = share * min(height, width)
        for y in np.arange(0, height - side + 1, 0.45 * side):
            for x in np.arange(0, width - side + 1, 0.45 * side):
                yield float(x), float(y), side, side


def mended(
    looks: Looks, picture: Picture, annotation: dict[str, Any], done: Counter[str]
) -> dict[str, Any] | None:
    """An annotation with its wrong keypoints moved or no longer visible; None where it is not worth keeping."""
    labels = np.array(annotation["keypoints"], float).reshape(-1, 3)
    box: Box = tuple(annotation["bbox"])
    consensus = looks.at(picture, box)
    known = labels[:, 2] > 0
    wrong = known & (np.linalg.norm(consensus.keypoints - labels[:, :2], axis=1) > FAR * max(box[2:]))
    lost = wrong & ~consensus.holds
    if (
        wrong.sum() >= MANY
        or lost.sum() >= LOST
        or looks.another_from_afar(picture, box, labels[:, :2], known)
    ):
        done["hands dropped"] += 1
        return None
    done["keypoints moved"] += int((wrong & consensus.holds).sum())
    done["keypoints no longer trained on"] += int(lost.sum())
    labels[wrong] = np.c_[consensus.keypoints, np.where(consensus.holds, 2, 0)][wrong]
    return annotation | described(labels) if wrong.any() else annotation


def found(looks: Looks, picture: Picture, done: Counter[str]) -> dict[str, Any] | None:
    """An annotation for the one hand of a picture; None where it is not clear."""
    box = looks.search(picture)
    consensus = looks.at(picture, box)
    if (
        consensus.holds.sum() < MOST
        or consensus.score < 0.5
        or looks.another_from_afar(picture, box, consensus.keypoints, consensus.holds)
    ):
        done["hands not clear"] += 1
        return None
    done["hands found"] += 1
    return described(np.c_[consensus.keypoints, np.where(consensus.holds, 2, 0)])


def clean(looks: Looks, file: Path, output: Path, *, find: bool) -> None:
    """Write output/NAME for one file of labels."""
    content = json.loads(file.read_text())
    labelled: dict[Any, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        labelled.setdefault(annotation["image_id"], []).append(annotation)
    new_id = 1 + max((annotation["id"] for annotation in content["annotations"]), default=0)
    kept: list[dict[str, Any]] = []
    done: Counter[str] = Counter()
    for shown in tqdm(content["images"], unit="picture", desc=file.name):
        path = file.parent / shown["file_name"]
        shown["file_name"] = os.path.relpath(path, output)
        before = labelled.get(shown["id"], [])
        if not (before or find):
            continue
        picture = image.load(path)
        after = [new for old in before if (new := mended(looks, picture, old, done))]
        if find and not after and (new := found(looks, picture, done)):
            whose = {"id": new_id, "image_id": shown["id"], "category_id": 1, "iscrowd": 0}
            after, new_id = [whose | new], new_id + 1
        kept += after
    write_atomically(output / file.name, json.dumps(content | {"annotations": kept}).encode())
    told = ", ".join(f"{count} {what}" for what, count in done.items())
    print(f"{file.name}: {len(content['annotations'])} hands, now {len(kept)}; {told}")


def main() -> None:
    """Write the mended files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", nargs="+", type=Path, metavar="ANNOTATIONS")
    parser.add_argument(
        "--find", action="store_true", help="search pictures without a label; each must show one hand"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    names = [file.name for file in args.labels]
    for file in args.labels:
        if names.count(file.name) > 1 or file.resolve() == (args.output / file.name).resolve():
            parser.error(f"{file}: {args.output / file.name} would be overwritten; give another -o for it")
    args.output.mkdir(parents=True, exist_ok=True)
    looks = Looks()
    for file in args.labels:
        clean(looks, file, args.output, find=args.find)


if __name__ == "__main__":
    main()
