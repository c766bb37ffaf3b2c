"""Put the hands of photos before other backgrounds: real skin in scenes that it was never photographed in.

    python benchmarks/swap_backgrounds.py split/rooms.train.json ... --assets ASSETS -n 3 -o DIR

Cuts each labelled hand out, with the arm that it hangs on, and draws it before `-n` backgrounds of the renderer's; DIR
gets the pictures and annotations.json. The keypoints tell what is surely hand; colours tell the rest, by GrabCut:
C. Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts" (2004). Hands whose cut-out
leaves out keypoints, or takes in far more than a hand, are left out, and so are hands of which a keypoint has no place.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from annotation import described, placed
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from edgehand import BONES, datasets, image, synth
from edgehand.synth.backgrounds import developed, sample_background
from edgehand.synth.dataset import categories
from edgehand.synth.lights import orientation

LARGEST, CUT = 320, 160
"""Longer side of the pictures, and at most of what is cut out of them, pixels; smaller photos stay as they are."""
SURE, NEAR, FAR = 0.045, 0.26, 0.7
"""Distances from the hand's bones in palm lengths: surely hand, probably hand, surely not unless it is the arm."""
PALM = [0, 1, 5, 9, 13, 17]

Picture = NDArray[np.uint8]


def cut_out(picture: Picture, keypoints: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """How much of each pixel is hand or arm.

    Args:
        picture: (H, W, 3).
        keypoints: (21, 2) pixels.
    Returns:
        (H, W) 0..1; None where colours do not tell hand from background.
    """
    height, width = picture.shape[:2]
    palm = float(np.linalg.norm(keypoints[9] - keypoints[0]))
    spread = float(np.linalg.norm(np.ptp(keypoints, axis=0)))
    palm = max(palm, 0.35 * spread)  # a palm that is seen from its edge looks short
    inside = np.zeros((height, width), np.uint8)
    points = np.round(keypoints).astype(np.int32)
    for start, end in BONES:
        cv2.line(inside, points[start].tolist(), points[end].tolist(), (1,), max(1, round(2 * SURE * palm)))
    centre = keypoints[PALM].mean(0)
    shrunk = centre + 0.8 * (keypoints[PALM] - centre)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(shrunk).astype(np.int32)), (1,))
    distance = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) / palm

    y, x = np.mgrid[:height, :width]
    arm = keypoints[0] - keypoints[9]
    arm = arm / max(float(np.linalg.norm(arm)), 1e-6)
    behind = (x - keypoints[0, 0]) * arm[0] + (y - keypoints[0, 1]) * arm[1]
    beside = np.abs((x - keypoints[0, 0]) * arm[1] - (y - keypoints[0, 1]) * arm[0])
    on_the_arm = (behind > 0) & (beside < 0.45 * palm + 0.35 * behind)

    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    mask[(distance < FAR) | on_the_arm] = cv2.GC_PR_BGD
    mask[distance < NEAR] = cv2.GC_PR_FGD
    mask[distance == 0] = cv2.GC_FGD
    if not (mask == cv2.GC_BGD).any():
        return None
    cv2.setRNGSeed(0)
    behind_model, hand_model = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(picture[..., ::-1])
    cv2.grabCut(bgr, mask, (0, 0, 1, 1), behind_model, hand_model, 4, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels = cv2.connectedComponents(found)
    found = (labels == labels[tuple(np.argwhere(inside)[0])]).astype(np.uint8)
    found = cv2.medianBlur(found, 3)
    hand = found[(distance < NEAR)].sum()
    # Skin covers most of what lies near the bones, little beyond it, and every keypoint.
    near, beyond = (distance < 0.12), (distance > 0.3) & ~on_the_arm
    covered = found[points[:, 1].clip(0, height - 1), points[:, 0].clip(0, width - 1)].mean()
    if covered < 0.95 or found[near].mean() < 0.6 or found[beyond].sum() > 0.15 * hand:
        return None
    return cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.7)


def hands(files: list[Path]) -> list[tuple[str, Picture, NDArray[np.float64], NDArray[np.uint8]]]:
    """Of every labelled hand: its photo's name, what is around it (at most LARGEST pixels), keypoints, visibility."""
    result = []
    for sample in [sample for file in files for sample in datasets.load(f"coco:{file}")]:
        if not placed(np.c_[sample.keypoints, sample.visibility]).all():
            continue
        picture = image.load(sample.image)
        x, y, width, height = sample.box
        reach = 1.1 * max(width, height)
        left, top = (max(0, int(c - reach)) for c in (x + width / 2, y + height / 2))
        right = min(picture.shape[1], int(x + width / 2 + reach))
        bottom = min(picture.shape[0], int(y + height / 2 + reach))
        part = Image.fromarray(picture[top:bottom, left:right])
        scale = min(1.0, LARGEST / max(part.size))
        part = part.resize([max(1, round(side * scale)) for side in part.size], Image.Resampling.BOX)
        scales = np.array(part.size) / (right - left, bottom - top)
        moved = (sample.keypoints + 0.5 - (left, top)) * scales - 0.5
        result.append((sample.image.name, np.asarray(part), moved, sample.visibility))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="ANNOTATIONS")
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR")
    parser.add_argument("-n", type=int, default=3, metavar="COUNT", help="backgrounds a hand")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    if args.n < 1:
        parser.error(f"-n {args.n}: expected at least 1")
    cv2.setNumThreads(1)
    assets = synth.load(args.assets)
    outlooks = [developed(panorama) for panorama in assets.panoramas]
    rng = np.random.default_rng(args.seed)
    args.output.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    everyone = hands(args.photos)
    times: Counter[str] = Counter()
    for photo, picture, keypoints, visibility in tqdm(everyone, unit="hand"):
        height, width = picture.shape[:2]
        scale = min(1.0, CUT / max(height, width))
        small = Image.fromarray(picture).resize([max(1, round(side * scale)) for side in (width, height)])
        found = cut_out(np.asarray(small), (keypoints + 0.5) * scale - 0.5)
        if found is None:
            continue
        cover = np.asarray(Image.fromarray(found).resize((width, height)))
        side = max(height, width)
        for _ in range(args.n):
            outlook = outlooks[rng.integers(len(outlooks))] if outlooks else None
            level = orientation(np.array([0.0, -1.0, 0.0]), rng.uniform(-180, 180))
            behind = sample_background(assets, outlook, level, side, rng)[:height, :width]
            # The hand a little smaller than it was cut, lest a rim of the old background goes with it.
            alpha = np.clip(1.6 * cover - 0.6, 0, 1)[..., None]
            mixed = (alpha * picture + (1 - alpha) * behind).astype(np.uint8)
            # Of the photo's name, by which `edgehand train` holds out a part: none that it trains on comes back there.
            name = f"{times[photo]:03d}/{photo}"
            times[photo] += 1
            drawn = Image.fromarray(mixed)
            if rng.random() < 0.3:
                drawn = drawn.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
            (args.output / name).parent.mkdir(exist_ok=True)
            drawn.save(args.output / name, quality=92)
            whose = {"id": len(images), "image_id": len(images), "category_id": 1, "iscrowd": 0}
            annotations.append(whose | described(np.c_[keypoints, visibility]))
            images.append({"id": len(images), "file_name": name, "width": width, "height": height})
    content = {"images": images, "annotations": annotations, "categories": categories()}
    (args.output / "annotations.json").write_text(json.dumps(content))
    print(f"{len(images) // args.n} of {len(everyone)} hands cut out: --data coco:{args.output}")


if __name__ == "__main__":
    main()
