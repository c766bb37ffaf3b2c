"""A clip whose every frame has one hand's landmarks -> a data set that edgehand reads.

    python benchmarks/clip_to_coco.py CLIP LANDMARKS -o DIR

LANDMARKS is JSON: for each frame 21 x [x, y, z] in pixels, in MediaPipe's order, which is the project's. Writes
DIR/annotations.json and a JPEG a frame.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from annotation import described

from edgehand.synth.dataset import categories


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    clip = cv2.VideoCapture(str(args.clip))
    images, annotations = [], []
    for number, landmarks in enumerate(json.loads(args.landmarks.read_text())):
        read, frame = clip.read()
        if not read:
            raise SystemExit(f"{args.clip}: ends before frame {number}, which has landmarks")
        name = f"{number:05d}.jpg"
        cv2.imwrite(str(args.output / name), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
        points = np.array(landmarks)[:, :2]
        images.append({"id": number, "file_name": name, "width": frame.shape[1], "height": frame.shape[0]})
        labels = np.column_stack([points, np.full(len(points), 2)])
        annotations.append({"id": number, "image_id": number, "category_id": 1} | described(labels))
    content = {"images": images, "annotations": annotations, "categories": categories()}
    (args.output / "annotations.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
