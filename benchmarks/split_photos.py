"""Split the training photos by person, burst or letter, so that nothing of a held-out group was trained on.

    python benchmarks/split_photos.py PHOTOS -o DIR

PHOTOS holds the four sources as folders in COCO's format (docs/model-card.md says where they come from). For each
it writes DIR/SOURCE.train.json and DIR/SOURCE.heldout.json, about a tenth of the hands held out; a file name in
them is relative to DIR. DIR/handless/train and DIR/handless/heldout get windows of the photos of rooms and gestures
that show people but no hand; DIR/backgrounds gets some of the former, for the renderer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgehand import image

WINDOWS = {"rooms": {"train": 600, "heldout": 120}, "gestures": {"train": 80, "heldout": 20}}
"""At most so many windows without a hand of each source."""
BACKGROUNDS = {"rooms": 60, "gestures": 20}
"""How many of them become backgrounds."""

Entry = dict[str, Any]


def people(images: list[Entry], folder: Path) -> list[str]:  # noqa: ARG001
    """sign_digits: a person showed the digits 0 to 9 one after the other, so a digit that falls is a new one."""
    shots = [re.fullmatch(r"(\d)_IMG_(\d+)", Path(entry["file_name"]).stem) for entry in images]
    if not all(shots):
        raise SystemExit("sign_digits: a picture is not called DIGIT_IMG_NUMBER")
    order = sorted(range(len(images)), key=lambda index: int(shots[index][2]))  # type: ignore[index]
    groups, person, last = [""] * len(images), 0, -1
    for index in order:
        digit = int(shots[index][1])  # type: ignore[index]
        person += digit <= last
        groups[index], last = f"person {person}", digit
    return groups


def letters(images: list[Entry], folder: Path) -> list[str]:  # noqa: ARG001
    """asl_letters: the first character of the name."""
    return [Path(entry["file_name"]).name[0].upper() for entry in images]


def bursts(images: list[Entry], folder: Path) -> list[str]:  # noqa: ARG001
    """rooms: what stands before the picture's number is one recording."""
    return [re.sub(r"_?pic\d+$", "", Path(entry["file_name"]).stem) for entry in images]


def scenes(images: list[Entry], folder: Path) -> list[str]:
    """gestures: nothing in the name tells the person, so pictures that look alike are one group.

    Alike: a mean difference of less than 20 grey levels between two thumbnails of 8 x 8, or through others.
    """
    small = [image.load(folder / entry["file_name"]) for entry in images]
    thumbs = np.stack([_thumbnail(picture) for picture in small])
    group = np.arange(len(images))
    for thumb in thumbs:
        alike = np.abs(thumbs - thumb).mean((1, 2, 3)) < 20
        group[np.isin(group, group[alike])] = group[alike].min()
    return [f"scene {number}" for number in group]


def _thumbnail(picture: Any) -> Any:
    height, width = (side // 8 * 8 for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(8, height // 8, 8, width // 8, 3)
    return blocks.mean((1, 3))


SOURCES: dict[str, tuple[Callable[[list[Entry], Path], list[str]], list[str] | None]] = {
    "sign_digits": (people, None),
    "asl_letters": (letters, ["X", "Y", "Z"]),
    "rooms": (bursts, None),
    "gestures": (scenes, None),
}
"""How each source is grouped, and which groups are held out; None takes them by hash until there are enough."""


def held_out(groups: list[str], hands: list[int], chosen: list[str] | None) -> set[str]:
    """The groups to hold out: a tenth of the hands, in the order of the groups' hashes."""
    if chosen is not None:
        return set(chosen)
    size: dict[str, int] = {}
    for group, count in zip(groups, hands, strict=True):
        size[group] = size.get(group, 0) + count
    taken: set[str] = set()
    for group in sorted(size, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        total = sum(size[name] for name in taken)
        if total + size[group] <= sum(hands) / 9:
            taken.add(group)
    return taken


def windows(content: dict[str, Any], folder: Path, count: int) -> list[NDArray[np.uint8]]:
    """Squares of pictures, each of another picture, that keep away from every labelled hand.

    Args:
        content: COCO; pictures without a labelled hand may hide one and are left out.
        folder: that its file names are relative to.
        count: how many.
    """
    rng = np.random.default_rng(0)
    boxes: dict[Any, list[list[float]]] = {}
    for annotation in content["annotations"]:
        boxes.setdefault(annotation["image_id"], []).append(annotation["bbox"])
    found: list[NDArray[np.uint8]] = []
    for index in rng.permutation(len(content["images"])):
        entry = content["images"][index]
        for _ in range(12 if entry["id"] in boxes and len(found) < count else 0):
            side = int(rng.uniform(0.35, 1) * min(entry["width"], entry["height"]))
            x, y = rng.integers(0, entry["width"] - side + 1), rng.integers(0, entry["height"] - side + 1)
            if all(
                x + side < left - 0.15 * wide
                or x > left + 1.15 * wide
                or y + side < top - 0.15 * high
                or y > top + 1.15 * high
                for left, top, wide, high in boxes[entry["id"]]
            ):
                found.append(image.load(folder / entry["file_name"])[y : y + side, x : x + side])
                break
    return found


def main() -> None:
    """Write the eight label files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    backgrounds = args.output / "backgrounds"
    backgrounds.mkdir(parents=True, exist_ok=True)
    for source, (grouping, chosen) in SOURCES.items():
        folder = args.photos / source
        content = json.loads((folder / "annotations.json").read_text())
        groups = grouping(content["images"], folder)
        hands = [
            sum(a["image_id"] == entry["id"] for a in content["annotations"]) for entry in content["images"]
        ]
        out = held_out(groups, hands, chosen)
        for name, wanted in (("train", False), ("heldout", True)):
            images = [e for e, g in zip(content["images"], groups, strict=True) if (g in out) is wanted]
            kept = {entry["id"] for entry in images}
            annotations = [a for a in content["annotations"] if a["image_id"] in kept]
            moved = [e | {"file_name": os.path.relpath(folder / e["file_name"], args.output)} for e in images]
            part = content | {"images": moved, "annotations": annotations}
            (args.output / f"{source}.{name}.json").write_text(json.dumps(part))
            print(f"{source}.{name}: {len(images)} pictures, {len(annotations)} hands")
            if source not in WINDOWS:
                continue
            handless = args.output / "handless" / name
            handless.mkdir(parents=True, exist_ok=True)
            for number, window in enumerate(windows(part, args.output, WINDOWS[source][name])):
                file = handless / f"{source}-{number:03d}.jpg"
                Image.fromarray(window).save(file, quality=92)
                if name == "train" and number < BACKGROUNDS[source]:
                    shutil.copy(file, backgrounds)
        print(f"  {len(set(groups))} groups, held out: {', '.join(sorted(out))}")


if __name__ == "__main__":
    main()
