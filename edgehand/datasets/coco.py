"""COCO keypoints: {"images": [...], "annotations": [...]}, 21 x [x, y, v] a hand, bbox xywh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgehand.datasets import Sample
from edgehand.errors import DataError
from edgehand.spec import NUM_KEYPOINTS


def load(path: Path) -> list[Sample]:
    """Read a COCO keypoints file.

    Args:
        path: the JSON file, or its folder when it is called annotations.json; `file_name`s are relative to it.
    Returns:
        one Sample an annotation.
    Raises:
        DataError: missing or malformed.
    """
    file = path / "annotations.json" if path.is_dir() else path
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{file}: no such file; give a COCO keypoints JSON or the folder that holds it") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: not a COCO keypoints file ({error})") from error
    try:
        images = {image["id"]: file.parent / image["file_name"] for image in content["images"]}
        annotations = content["annotations"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{file}: not a COCO keypoints file (no {error})") from error
    return [_sample(file, annotation, images) for annotation in annotations]


def _sample(file: Path, annotation: dict[str, Any], images: dict[int, Path]) -> Sample:
    where = f"{file}: annotation {annotation.get('id')}"
    keypoints = np.asarray(annotation.get("keypoints", ()), dtype=np.float32)
    if keypoints.size != 3 * NUM_KEYPOINTS:
        raise DataError(f"{where} has {keypoints.size} numbers of keypoints, expected 21 x [x, y, v]")
    keypoints = keypoints.reshape(NUM_KEYPOINTS, 3)
    box = tuple(float(value) for value in annotation.get("bbox", ()))
    if len(box) != 4 or not np.isfinite([*box, *keypoints.flat]).all() or min(box[2:]) <= 0:
        raise DataError(f"{where} has bbox {box}: expected finite x, y and positive width, height")
    if annotation.get("image_id") not in images:
        raise DataError(f"{where} is of image {annotation.get('image_id')}, which the file does not list")
    return Sample(
        id=int(annotation["id"]),
        image=images[annotation["image_id"]],
        keypoints=np.ascontiguousarray(keypoints[:, :2]),
        visibility=keypoints[:, 2].astype(np.uint8),
        box=box,
    )
