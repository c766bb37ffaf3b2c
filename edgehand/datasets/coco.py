"""COCO keypoints: {"images": [...], "annotations": [...]}, 21 x [x, y, v] a hand, bbox xywh."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from edgehand.crop import BOX_SIDES
from edgehand.datasets import Sample
from edgehand.errors import DataError
from edgehand.spec import NUM_KEYPOINTS

FARTHEST = 1e6
"""Keypoints farther from the picture's corner are refused, pixels."""
MAX_BYTES = 2**30
"""Larger label files are refused: parsed, they take about ten times as much memory."""

_Picture: TypeAlias = tuple[Path, tuple[int, int] | None]


def label_file(path: Path, subset: str) -> Path:  # noqa: ARG001 (a plain COCO file is one subset)
    """The label file: `path` itself, or annotations.json in that folder."""
    return path / "annotations.json" if path.is_dir() else path


def read(
    file: Path,
    skipped: list[str] | None = None,
    *,
    order: Sequence[int] = range(NUM_KEYPOINTS),
    head_size: bool = False,
) -> list[Sample]:
    """Read a COCO keypoints file; crowds and hands without any labelled keypoint are left out.

    Args:
        file: the JSON; `file_name`s are relative to its folder, or to the one above `annotations`.
        skipped: gets a sentence for each bad annotation; None stops at the first.
        order: order[k] is the file's index of the project's keypoint k.
        head_size: whether each annotation must have one (CMU Panoptic).
    Returns:
        one Sample an annotation.
    Raises:
        DataError: missing, too large or malformed.
    """
    content = _parse(file)
    folder = file.parent.parent if file.parent.name == "annotations" else file.parent
    pictures: dict[Any, _Picture] = {}
    samples: list[Sample] = []
    seen: set[int] = set()

    def image(entry: Any) -> None:
        if entry["id"] in pictures:
            raise DataError(f"{file}: image id {entry['id']} is there twice; ids must be unique")
        width, height = entry.get("width"), entry.get("height")
        known = isinstance(width, int) and isinstance(height, int)
        pictures[entry["id"]] = folder / entry["file_name"], (width, height) if known else None

    def annotation(entry: Any) -> None:
        where = f"{file}: annotation {entry['id']}"
        number = int(entry["id"])
        if number in seen:
            raise DataError(f"{where} is there twice; ids must be unique")
        seen.add(number)
        sample = _sample(where, entry, pictures, order, head_size)
        if sample is None:
            return
        if not sample.image.is_file():
            raise DataError(f"{where}: its picture {sample.image} is missing")
        samples.append(sample)

    for read_entry, entries in ((image, content["images"]), (annotation, content["annotations"])):
        for entry in entries:
            try:
                read_entry(entry)
            except (DataError, KeyError, TypeError, ValueError, OverflowError) as error:
                message = str(error)
                if not isinstance(error, DataError):
                    kind = f"{type(error).__name__}: {error}"
                    message = f"{file}: malformed {read_entry.__name__} {str(entry)[:60]!r} ({kind})"
                if skipped is None:
                    raise DataError(message) from None
                skipped.append(message)
    return samples


def _parse(file: Path) -> dict[str, Any]:
    try:
        size = file.stat().st_size
        content: Any = json.loads(file.read_bytes()) if size <= MAX_BYTES else None
    except FileNotFoundError:
        raise DataError(f"{file}: no such file; give a COCO keypoints JSON or its folder") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: not a COCO keypoints file ({error})") from error
    if size > MAX_BYTES:
        limit = f"{MAX_BYTES / 2**30:.0f} GiB"
        raise DataError(
            f"{file}: {size / 2**30:.1f} GiB of labels, more than the {limit} read; split the file"
        )
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"{file}: not a COCO keypoints file (it has no list of {key})")
    return dict(content)


def _sample(
    where: str,
    annotation: dict[str, Any],
    pictures: dict[Any, _Picture],
    order: Sequence[int],
    head_size: bool,
) -> Sample | None:
    values = np.asarray(annotation["keypoints"], dtype=np.float64)
    if values.size != 3 * NUM_KEYPOINTS:
        raise DataError(f"{where} has {values.size / 3:g} keypoints, expected 21 x [x, y, v]")
    keypoints = values.reshape(NUM_KEYPOINTS, 3)
    if annotation.get("iscrowd") or (keypoints[:, 2] == 0).all():
        return None
    if not np.isfinite(keypoints).all() or np.abs(keypoints).max() > FARTHEST:
        raise DataError(f"{where} has a keypoint that is not a finite number up to {FARTHEST:g}")
    if not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        raise DataError(f"{where} has a visibility other than 0, 1 and 2")
    box = tuple(np.asarray(annotation["bbox"], dtype=np.float64).reshape(-1).tolist())
    if len(box) != 4 or not np.isfinite(box).all() or min(box[2:]) <= 0:
        raise DataError(f"{where} has bbox {list(box)}: expected finite x, y and positive width, height")
    least, largest = BOX_SIDES
    if not least <= min(box[2:]) or max(map(abs, box)) > largest:
        raise DataError(
            f"{where} has bbox {list(box)}: expected sides from {least:g} to {largest:g}, and x, y no farther"
        )
    if annotation["image_id"] not in pictures:
        raise DataError(f"{where} is of image {annotation['image_id']}, which the file does not list")
    head = float(annotation["head_size"]) if head_size else None
    if head is not None and not 0 < head < np.inf:
        raise DataError(f"{where} has head_size {head}: expected a positive number of pixels")
    keypoints = keypoints[list(order)]
    image, image_size = pictures[annotation["image_id"]]
    return Sample(
        id=int(annotation["id"]),
        image=image,
        keypoints=keypoints[:, :2].astype(np.float32),
        visibility=keypoints[:, 2].astype(np.uint8),
        box=box,
        head_size=head,
        image_size=image_size,
    )
