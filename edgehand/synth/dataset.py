"""Many pictures as a COCO keypoints data set, in shards: stop it, run it again, and it goes on."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edgehand.errors import OutputError
from edgehand.files import place, staging, write_atomically
from edgehand.hand import BONES, KEYPOINT_NAMES
from edgehand.synth.assets import Assets
from edgehand.synth.degrade import encoded
from edgehand.synth.scene import Label, Renderer

SHARD = 1000
"""Pictures in a folder."""
QUALITY = 95
"""Of the JPEG files; what a poor camera's compression does is in the picture already."""
VERSION = 4
"""Of the pictures: changed when the same seed no longer gives the same ones."""

Record = tuple[bytes, list[dict[str, Any]]]


def write(assets: Assets, count: int, folder: Path, *, size: int, seed: int, workers: int) -> None:
    """Draw pictures into a folder; shards that are there are kept.

    Args:
        assets: what to draw from.
        count: how many pictures the folder is to hold.
        folder: shard folders 00000, 00001 ... of pictures, and annotations.json (COCO keypoints) for all of them.
        size: side of the pictures, pixels.
        seed: of all randomness; pictures do not depend on `count` and `workers`.
        workers: processes.
    Raises:
        OutputError: the folder cannot be written to, or holds pictures of other settings; or a process was killed.
    """
    _settle(folder, {"version": VERSION, "assets": assets.fingerprint, "size": size, "seed": seed})
    parts = []
    with (
        _renderers(Renderer(assets, size, seed), workers) as records,
        tqdm(total=count, unit="picture", disable=None) as progress,
    ):
        for first in range(0, count, SHARD):
            indices = range(first, min(first + SHARD, count))
            name = f"{first // SHARD:05d}"
            part = _whole_part(folder / name)
            if part is None or len(part["images"]) < len(indices):
                part = _write_shard(folder, name, indices, records(indices), size, progress)
            else:
                progress.update(len(indices))
            parts.append(part)
    whole: dict[str, Any] = {"images": [], "annotations": [], "categories": categories()}
    for first, part in zip(range(0, count, SHARD), parts, strict=True):
        name = f"{first // SHARD:05d}"
        last = min(first + SHARD, count)
        whole["images"] += [
            {**entry, "file_name": f"{name}/{entry['file_name']}"}
            for entry in part["images"]
            if entry["id"] < last
        ]
        whole["annotations"] += [entry for entry in part["annotations"] if entry["image_id"] < last]
    write_atomically(folder / "annotations.json", _dump(whole))


def _settle(folder: Path, settings: dict[str, Any]) -> None:
    """Write down what the pictures are made with, or see that it is the same as before."""
    file = folder / "synth.json"
    if file.is_file():
        before = _read(file)
        if before != settings:
            raise OutputError(
                f"{file}: the pictures there are of {before}, not {settings}; choose another folder"
            )
        return
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise OutputError(f"{folder}: holds what is not of edgehand synth; choose another folder")
    write_atomically(file, _dump(settings))


def _read(file: Path) -> Any:
    """The JSON in a file; None where there is none, or it is damaged."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None


def _whole_part(shard: Path) -> Any:
    """The labels of a shard, None where they or pictures of it are missing or damaged."""
    part = _read(shard / "annotations.json")
    try:
        whole = all((shard / entry["file_name"]).is_file() for entry in part["images"])
        return part if whole and isinstance(part["annotations"], list) else None
    except (TypeError, KeyError):
        return None


def _dump(content: Any) -> bytes:
    return (json.dumps(content, separators=(",", ":")) + "\n").encode()


def _write_shard(
    folder: Path, name: str, indices: range, records: Iterator[Record], size: int, progress: Any
) -> dict[str, Any]:
    """The pictures `indices` with their labels: the folder appears when all are there."""
    part: dict[str, Any] = {"images": [], "annotations": [], "categories": categories()}
    with staging(folder) as temporary:
        shard = temporary / name
        shard.mkdir()
        for index, (picture, annotations) in zip(indices, records, strict=True):
            file = f"{index:08d}.jpg"
            (shard / file).write_bytes(picture)
            part["images"].append({"id": index, "file_name": file, "width": size, "height": size})
            part["annotations"] += annotations
            progress.update()
        (shard / "annotations.json").write_bytes(_dump(part))
        if (folder / name).exists():  # fewer pictures than are asked for now
            (folder / name).replace(temporary / "before")
        place([shard], folder)
    return part


_renderer: Renderer | None = None


@contextmanager
def _renderers(renderer: Renderer, workers: int) -> Iterator[Any]:
    """A function that draws the pictures of some indices, in their order, in this process or in several."""
    global _renderer
    _renderer = renderer
    try:
        if workers == 1:
            yield lambda indices: map(_record, indices)
        else:
            # Forked, they share the assets' memory. An interruption is the first process's to tell.
            pool = ProcessPoolExecutor(
                workers, multiprocessing.get_context("fork"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
            )
            try:
                yield lambda indices: pool.map(_record, indices, chunksize=4)
            finally:
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise OutputError(
            f"one of {workers} processes that draw was killed, mostly for want of memory: run it again, with fewer "
            "--workers, and it goes on"
        ) from None
    finally:
        _renderer = None


def _record(index: int) -> Record:
    """One picture as JPEG, and its annotations."""
    assert _renderer is not None
    picture, labels = _renderer.picture(index)
    return encoded(picture, QUALITY), [
        _annotation(label, index, number) for number, label in enumerate(labels)
    ]


def _annotation(label: Label, index: int, number: int) -> dict[str, Any]:
    keypoints = [
        value
        for (x, y), v in zip(label.keypoints.tolist(), label.visibility.tolist(), strict=True)
        for value in (round(x, 2), round(y, 2), v)
    ]
    camera = label.camera
    box = [round(value, 2) for value in label.box]
    return {
        "id": 2 * index + number,
        "image_id": index,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": box,
        "area": round(box[2] * box[3], 1),
        "num_keypoints": 21,
        "keypoints": keypoints,
        "handedness": label.handedness,
        "pose": label.pose,
        "skin_tone": label.skin_tone,
        "joints_3d": [[round(value, 5) for value in joint] for joint in label.joints.tolist()],
        "camera": [round(value, 3) for value in (camera.focal, camera.x - 0.5, camera.y - 0.5)],
    }


def categories() -> list[dict[str, Any]]:
    """What COCO says once for all hands: the keypoints' names and the bones between them."""
    skeleton = [[start + 1, end + 1] for start, end in BONES]
    return [{"id": 1, "name": "hand", "keypoints": list(KEYPOINT_NAMES), "skeleton": skeleton}]
