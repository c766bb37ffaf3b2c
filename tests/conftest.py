"""Tiny data sets in each format's real layout: tests need no downloaded file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

settings.register_profile("edgehand", deadline=None)  # a busy machine is no fault
settings.load_profile("edgehand")

PICTURES = {
    "coco": "images/{}.jpg",
    "onehand10k": "Test/source/{}.jpg",
    "panoptic": "hand_labels/manual_test/{}_l.jpg",
    "rhd": "evaluation/color/{:05d}.png",
    "freihand": "training/rgb/{:08d}.jpg",
}
TIP_TO_BASE = [0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 20, 19, 18, 17]

WriteDataset = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _away_from_the_sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests start with `python -c` or `-m` would import the sources in this folder, not what is installed."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def write_dataset() -> WriteDataset:
    return _write_dataset


def _write_dataset(
    root: Path, name: str, hands: int = 3, change: Callable[[Any], None] | None = None
) -> Path:
    """A data set of pictures with a bright blob at each keypoint; returns what follows `NAME:`.

    Keypoints are written in the format's own order; `change` may spoil the JSON before it is written.
    """
    rng = np.random.default_rng(7)
    images, annotations = [], []
    for number in range(hands):
        keypoints = np.round(rng.uniform((40, 30), (120, 110), (21, 2)), 3)
        visible = np.ones(21, int) if name != "onehand10k" else (np.arange(21) != 3).astype(int)
        picture = rng.integers(0, 90, (140, 160, 3), dtype=np.uint8)
        for x, y in keypoints.astype(int):
            picture[y - 2 : y + 3, x - 2 : x + 3] = 255
        file = root / PICTURES[name].format(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
        images.append(
            {"id": number + 50, "file_name": str(file.relative_to(root)), "width": 160, "height": 140}
        )
        low, high = keypoints.min(0), keypoints.max(0)
        written = np.column_stack([keypoints * visible[:, None], visible])
        annotation = {
            "id": number + 100,
            "image_id": number + 50,
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [*low.tolist(), *(high - low).tolist()],
            "keypoints": written.ravel().tolist(),
        }
        if name == "panoptic":
            annotation |= {"head_size": 40.0 + number, "center": ((low + high) / 2).tolist()}
        if name == "rhd":
            annotation["keypoints"] = written[TIP_TO_BASE].tolist()
        annotations.append(annotation)
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "hand"}]}
    if change:
        change(content)
    file = root / ("annotations.json" if name == "coco" else f"annotations/{name}_test.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return root
