"""A box in a picture to the square patch that the network sees, and points back.

The only pre-processing there is: training, calibration and device share it. Pixel indices are
coordinates: patch pixel i lies at image x = cx + (i - size / 2) * side / size.
"""

from __future__ import annotations

from math import cos, isfinite, radians, sin
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from edgehand import _core

Layout = Literal["NCHW", "NHWC"]

BOX_SIDES = (1e-3, 1e5)
"""Least and largest width and height of a hand's box, pixels: what is meant as one is well within."""
_GREY_LEVELS = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 256)).copy()


def square(box: tuple[float, float, float, float], padding: float) -> tuple[float, float, float]:
    """The padded square around a box.

    Args:
        box: x, y, width, height in pixels.
        padding: side of the square as a multiple of the box's longer side.
    Returns:
        (cx, cy, side) in pixels.
    """
    x, y, width, height = box
    return x + width / 2, y + height / 2, max(width, height) * padding


def patch_to_image(
    cx: float, cy: float, side: float, size: int, *, rotation: float = 0.0, flip: bool = False
) -> NDArray[np.float64]:
    """The matrix from pixels of a patch to pixels of the image.

    Args:
        cx, cy: centre of the square in the image, pixels.
        side: side of the square in the image, pixels.
        size: side of the patch, pixels.
        rotation: turns the square about its centre, degrees, x towards y.
        flip: mirror the patch left to right: its x is size - 1 - x before the rest.
    Returns:
        (2, 3) float64.
    Raises:
        ValueError: a side or size that is not positive, or an argument that is not finite.
    """
    if not (isfinite(side) and side > 0 and size > 0):
        raise ValueError(f"side is {side} and size is {size}, expected positive numbers")
    if not (isfinite(cx) and isfinite(cy) and isfinite(rotation)):
        raise ValueError(f"cx, cy, rotation are {cx}, {cy}, {rotation}, expected finite numbers")
    scale = side / size
    a, b = scale * cos(radians(rotation)), scale * sin(radians(rotation))
    half = size / 2
    matrix = np.array([[a, -b, cx - (a - b) * half], [b, a, cy - (a + b) * half]])
    if flip:
        matrix[:, 2] += matrix[:, 0] * (size - 1)
        matrix[:, 0] *= -1
    return matrix


def transform(matrix: NDArray[np.float64], points: ArrayLike) -> NDArray[np.float64]:
    """Points through an affine matrix.

    Args:
        matrix: (2, 3).
        points: (..., 2) x, y.
    Returns:
        (..., 2) float64.
    """
    moved: NDArray[np.float64] = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix that undoes `matrix`.

    Args:
        matrix: (2, 3).
    Returns:
        (2, 3) float64.
    """
    inverse = np.linalg.inv(matrix[:, :2])
    return np.hstack([inverse, -inverse @ matrix[:, 2:]])


def input_table(
    mean: ArrayLike, std: ArrayLike, *, dtype: DTypeLike, scale: float = 1.0, zero_point: int = 0
) -> NDArray[Any]:
    """What every grey level becomes in the network's input: (level - mean) / std, quantized for integers.

    Args:
        mean, std: (3,) for R, G, B in 0..255.
        dtype: float32, int8 or uint8, what the engine takes.
        scale: real value of one integer step.
        zero_point: integer that means zero.
    Returns:
        (3, 256) of `dtype`; integers are round(value / scale), half to even, plus zero_point, clipped.
    Raises:
        ValueError: another dtype, a std or scale that is not positive, a zero_point out of the dtype's range.
    """
    dtype = np.dtype(dtype)
    mean, std = np.asarray(mean, np.float64).reshape(3, 1), np.asarray(std, np.float64).reshape(3, 1)
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError(f"mean is {mean.ravel()}, std {std.ravel()}, expected finite numbers, std positive")
    values: NDArray[np.float64] = (np.arange(256) - mean) / std
    if dtype == np.float32:
        return values.astype(np.float32)
    if dtype not in (np.int8, np.uint8):
        raise ValueError(f"dtype is {dtype}, expected float32, int8 or uint8")
    limits = np.iinfo(dtype)
    if not (isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale}, expected a positive finite number")
    if not limits.min <= zero_point <= limits.max:
        raise ValueError(f"zero_point is {zero_point}, expected {limits.min} to {limits.max}")
    integers: NDArray[Any] = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return integers.astype(dtype)


def crop_input(
    image: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    size: int,
    table: NDArray[Any],
    *,
    layout: Layout = "NCHW",
    antialias: bool,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Cut a patch out of an image and write it as the network's input, in one pass.

    Sampling is bilinear in fixed point with zeros around the image, equal to OpenCV's classic
    warpAffine: coordinates are rounded to 1/32 pixel, results to the nearest grey level.

    Args:
        image: (H, W, 3) uint8, RGB, any strides.
        matrix: (2, 3), patch pixel to image pixel.
        size: side of the patch, pixels, at most 4096.
        table: (3, 256) float32, int8 or uint8 from `input_table`.
        layout: "NCHW" or "NHWC".
        antialias: if the patch shrinks the image f times, f >= 2, sample from the means of blocks of
            floor(f) x floor(f) pixels; blocks start at the image's corner and pixels outside count as 0.
        out: where to write, C order; None makes a new array.
    Returns:
        (1, 3, size, size) or (1, size, size, 3) of the table's dtype.
    Raises:
        TypeError: an array of another dtype, or no array.
        ValueError: another shape or layout, or a matrix that leads farther than a million pixels away.
    """
    return _core.crop_input(image, matrix, size, table, layout, antialias, out)


def crop(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, *, antialias: bool
) -> NDArray[np.uint8]:
    """Cut a patch out of an image, as `crop_input` does.

    Args:
        image: (H, W, 3) uint8, RGB, any strides.
        matrix: (2, 3), patch pixel to image pixel.
        size: side of the patch, pixels, at most 4096.
        antialias: as in `crop_input`.
    Returns:
        (size, size, 3) uint8, RGB.
    Raises:
        TypeError, ValueError: as `crop_input`.
    """
    patch = crop_input(image, matrix, size, _GREY_LEVELS, layout="NHWC", antialias=antialias)
    return patch.reshape(size, size, 3)
