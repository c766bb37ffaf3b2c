"""The folder that hands are drawn from: hand.npz, skins, and what is around a hand.

hand.npz            identities of a hand and forearm, with skeleton and skin weights
skins/*.jpg         skin textures for its uv
fingernails.jpg     where the nails are in them
backgrounds/**      photos without hands, any depth of folders (optional)
environments/*.exr  panoramas of light (optional)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgehand import image
from edgehand.errors import DataError
from edgehand.files import read_arrays
from edgehand.synth.geometry import Array

BONES = (
    "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist",
    "finger1-1", "finger1-2", "finger1-3",
    "metacarpal1", "finger2-1", "finger2-2", "finger2-3",
    "metacarpal2", "finger3-1", "finger3-2", "finger3-3",
    "metacarpal3", "finger4-1", "finger4-2", "finger4-3",
    "metacarpal4", "finger5-1", "finger5-2", "finger5-3",
)  # fmt: skip
"""MakeHuman's names, parents before children."""
MAX_BYTES = 2**28
"""A larger hand.npz, unpacked, is refused."""
PANORAMA_SIZES = ((64, 32), (16384, 8192))
"""Least and largest width and height of panoramas, pixels."""
BACKGROUND_SIDE = 640
"""Background photos are read at about this size, pixels of the shorter side."""


@dataclass(frozen=True, eq=False)
class HandMesh:
    """Hands of one topology, at rest. Left hands; lengths in metres."""

    vertices: NDArray[np.float32]
    """(identities, V, 3)"""
    joints: Array
    """(identities, bones, 2, 3) head and tail of each bone."""
    planes: Array
    """(identities, bones, 3, 3) three points of the plane in which each bone turns."""
    weights: NDArray[np.float32]
    """(V, bones)"""
    quads: NDArray[np.int64]
    """(F, 4) indices of vertices."""
    uv: NDArray[np.float32]
    """(U, 2)"""
    uv_quads: NDArray[np.int64]
    """(F, 4) indices of uv."""
    parents: tuple[int, ...]
    """Of each bone; -1 has none."""


@dataclass(frozen=True, eq=False)
class Skin:
    """A skin texture."""

    colour: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    slope: NDArray[np.int8]
    """(H, W, 2) how the fine structure rises to the right and downwards."""
    mean: Array
    """(3,) linear mean colour."""


@dataclass(frozen=True, eq=False)
class Assets:
    """All that pictures are made of."""

    hand: HandMesh
    skins: tuple[Skin, ...]
    nails: NDArray[np.uint8]
    """(H, W) 255 where a nail is."""
    backgrounds: tuple[Path, ...]
    panoramas: tuple[NDArray[np.float32], ...]
    """(H, W, 3) linear, the horizon in the middle row."""
    fingerprint: str
    """Hash of all files that the folder holds: the same assets and seed give the same pictures."""


def load(folder: Path) -> Assets:
    """Read a folder of assets.

    Args:
        folder: made by `edgehand synth build-assets`.
    Raises:
        DataError: something is missing or malformed.
    """
    skins = sorted((folder / "skins").glob("*.jpg"))
    for needed, found in (
        (folder / "hand.npz", (folder / "hand.npz").is_file()),
        (folder / "fingernails.jpg", (folder / "fingernails.jpg").is_file()),
        (folder / "skins" / "*.jpg", skins),
    ):
        if not found:
            raise DataError(f"{needed}: missing; `edgehand synth build-assets` makes a folder of assets")
    hand = _hand(folder / "hand.npz")
    hand, region = _used_uv(hand)
    nails = np.ascontiguousarray(_cut(image.load(folder / "fingernails.jpg"), region)[..., 1])
    loaded = tuple(_skin(path, region, nails.shape) for path in skins)
    backgrounds = tuple(image.pictures(folder / "backgrounds"))
    environments = sorted((folder / "environments").glob("*.exr"))
    files = [folder / "hand.npz", folder / "fingernails.jpg", *skins, *backgrounds, *environments]
    return Assets(
        hand=hand,
        skins=loaded,
        nails=nails,
        backgrounds=backgrounds,
        panoramas=tuple(_panorama(path) for path in environments),
        fingerprint=_fingerprint(files, folder),
    )


def _fingerprint(files: list[Path], folder: Path) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()[:16]


def _hand(file: Path) -> HandMesh:
    try:
        content = read_arrays(file, MAX_BYTES)
        arrays: dict[str, Any] = {
            key: content[key] for key in ("V", "J", "P", "W", "quads", "tquads", "uv", "bones", "parent")
        }
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{file}: not a hand model ({error}); make it by `edgehand synth build-assets`"
        ) from None
    vertices, uv = arrays["V"], arrays["uv"]
    identities, count = vertices.shape[:2] if vertices.ndim == 3 else (0, 0)
    shapes = {
        "V": (identities, count, 3), "J": (identities, 24, 2, 3), "P": (identities, 24, 3, 3), "W": (count, 24),
        "quads": (*arrays["quads"].shape[:1], 4), "tquads": (*arrays["quads"].shape[:1], 4), "uv": (*uv.shape[:1], 2),
        "bones": (24,), "parent": (24,),
    }  # fmt: skip
    for key, shape in shapes.items():
        if arrays[key].shape != shape or 0 in shape:
            raise DataError(f"{file}: {key} has shape {arrays[key].shape}, expected {shape}")
        if key != "bones" and not (arrays[key].dtype.kind in "fiu" and np.isfinite(arrays[key]).all()):
            raise DataError(f"{file}: {key} holds something else than finite numbers")
    for key, size in (("quads", count), ("tquads", len(uv))):
        if arrays[key].dtype.kind not in "iu" or arrays[key].min() < 0 or arrays[key].max() >= size:
            raise DataError(f"{file}: {key} points outside its {size} points")
    if not (arrays["W"].min() >= 0 and arrays["W"].sum(1).min() > 0):
        raise DataError(f"{file}: W leaves a vertex without a bone, or pushes it away from one")
    if arrays["uv"].min() < 0 or arrays["uv"].max() > 1:
        raise DataError(f"{file}: uv points outside the texture, expected 0 to 1")
    parents = tuple(int(parent) for parent in arrays["parent"])
    if tuple(arrays["bones"].tolist()) != BONES or any(not -1 <= p < i for i, p in enumerate(parents)):
        raise DataError(f"{file}: bones are not MakeHuman's, from upperarm01 to finger5-3, parents first")
    decimetres = 0.1
    return HandMesh(
        vertices=(vertices * decimetres).astype(np.float32),
        joints=arrays["J"].astype(np.float64) * decimetres,
        planes=arrays["P"].astype(np.float64) * decimetres,
        weights=arrays["W"].astype(np.float32),
        quads=arrays["quads"].astype(np.int64),
        uv=uv.astype(np.float32),
        uv_quads=arrays["tquads"].astype(np.int64),
        parents=parents,
    )


Region = tuple[float, float, float, float]


def _used_uv(hand: HandMesh) -> tuple[HandMesh, Region]:
    """The hand with uv relative to the part of the texture that it uses, and that part (left, top, right, bottom)."""
    low, high = hand.uv.min(0) - 0.002, hand.uv.max(0) + 0.002
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    fields = {**vars(hand), "uv": ((hand.uv - low) / (high - low)).astype(np.float32)}
    return HandMesh(**fields), (float(low[0]), float(1 - high[1]), float(high[0]), float(1 - low[1]))


def _cut(picture: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    left, top, right, bottom = region
    # The exact region, resampled: rounding it to pixels would shift the texture against the uv.
    box = (left * width, top * height, right * width, bottom * height)
    size = (max(2, round(box[2] - box[0])), max(2, round(box[3] - box[1])))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, box=box))


def _skin(path: Path, region: Region, shape: tuple[int, ...]) -> Skin:
    """The used part of a texture, at the size of the nails' mask."""
    colour = _cut(image.load(path), region)
    cut = Image.fromarray(colour).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    colour = np.asarray(cut)
    grey = cut.convert("L")
    fine = np.asarray(grey.filter(ImageFilter.GaussianBlur(0.8)), np.float32)
    fine -= np.asarray(grey.filter(ImageFilter.GaussianBlur(8)), np.float32)
    down, right = np.gradient(fine)
    slope = np.clip(10 * np.stack([right, down], -1), -127, 127).astype(np.int8)
    mean = ((colour[::4, ::4] / 255.0) ** 2.2).mean((0, 1))
    if mean.min() == 0:
        raise DataError(f"{path}: lacks a colour where the hand is; replace it by a picture of skin")
    return Skin(colour, slope, mean)


def _panorama(path: Path) -> NDArray[np.float32]:
    try:
        import OpenEXR
    except ModuleNotFoundError:
        raise DataError(
            f"{path}: reading it needs the package OpenEXR: pip install 'edgehand[synth]'"
        ) from None
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            first, last = file.header()["dataWindow"]
            width, height = (last - first + 1).tolist()
        least, largest = PANORAMA_SIZES
        if not (least[0] <= width <= largest[0] and least[1] <= height <= largest[1]):
            raise DataError(
                f"{path}: {width} x {height} pixels, expected a panorama of {least[0]} x {least[1]} "
                f"to {largest[0]} x {largest[1]}"
            )
        with OpenEXR.File(str(path)) as file:
            channels = file.channels()
            if "RGB" in channels:
                pixels = channels["RGB"].pixels
            elif "RGBA" in channels:
                pixels = channels["RGBA"].pixels[..., :3]
            else:
                pixels = np.stack([channels[name].pixels for name in "RGB"], -1)
    except (RuntimeError, OSError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as an OpenEXR picture ({error})") from None
    light = np.maximum(np.nan_to_num(np.asarray(pixels, np.float32), posinf=6e4), 0)
    if not light.any():
        raise DataError(f"{path}: black all over; replace it by a panorama with some light in it")
    return light


@lru_cache(maxsize=256)
def background(path: Path) -> Image.Image:
    """A background photo, scaled down.

    Raises:
        ImageError: it cannot be read.
    """
    picture = Image.fromarray(image.load(path, draft=BACKGROUND_SIDE))
    scale = BACKGROUND_SIDE / min(picture.size)
    if scale < 1:
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return picture
