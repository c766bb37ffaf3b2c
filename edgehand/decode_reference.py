"""What `edgehand.decode_heatmaps` computes, in plain NumPy: slow, to be read and to test against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]

_BLUR = np.exp(-(np.arange(-5, 6) ** 2) / 8)
_BLUR /= _BLUR.sum()


def decode_heatmaps(
    heatmaps: NDArray[Any],
    *,
    method: str = "quarter",
    layout: str = "NCHW",
    scale: float | None = None,
    zero_point: int = 0,
    flipped: NDArray[Any] | None = None,
    flip_shift: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the keypoint of every heatmap; arguments and result as `edgehand.decode_heatmaps`."""
    maps = _planar(heatmaps, layout)
    if flipped is not None:
        other = _planar(flipped, layout)[..., ::-1]
        if flip_shift:
            other = np.concatenate([other[..., :1], other[..., :-1]], axis=-1)
        maps = (maps + other) / 2
    maps = (maps - zero_point) * (1.0 if scale is None else scale)
    keypoints = np.full((*maps.shape[:2], 2), -1, np.float32)
    scores = np.full(maps.shape[:2], np.nan, np.float32)
    for index in np.ndindex(*scores.shape):
        values = maps[index]
        if np.isnan(values).all():
            continue
        y, x = np.unravel_index(np.nanargmax(values), values.shape)
        scores[index] = values[y, x]
        if values[y, x] > 0 or method in ("parabola", "softargmax"):
            dx, dy = _OFFSETS[method](values, int(x), int(y))
            keypoints[index] = x + dx, y + dy
    return keypoints, scores


def _planar(heatmaps: NDArray[Any], layout: str) -> Map:
    planar = heatmaps.transpose(0, 3, 1, 2) if layout == "NHWC" else heatmaps
    return planar.astype(np.float64)


def _argmax(_values: Map, _x: int, _y: int) -> tuple[float, float]:
    return 0.0, 0.0


def _quarter(values: Map, x: int, y: int) -> tuple[float, float]:
    height, width = values.shape
    dx = dy = 0.0
    if 1 < x < width - 1 and y > 0:
        dx = 0.25 * float(np.sign(values[y, x + 1] - values[y, x - 1]))
    if 1 < y < height - 1 and x > 0:
        dy = 0.25 * float(np.sign(values[y + 1, x] - values[y - 1, x]))
    return _finite(dx), _finite(dy)


def _quarter_0x(values: Map, x: int, y: int) -> tuple[float, float]:
    height, width = values.shape
    if 1 < x < width - 1 and 1 < y < height - 1:
        return _quarter(values, x, y)
    return 0.0, 0.0


def _taylor(values: Map, x: int, y: int) -> tuple[float, float]:
    height, width = values.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return 0.0, 0.0
    blurred = _blurred(values)
    log = np.log(np.maximum(blurred * (values[y, x] / np.nanmax(blurred)), 1e-10))
    gradient = 0.5 * np.array([log[y, x + 1] - log[y, x - 1], log[y + 1, x] - log[y - 1, x]])
    xx = 0.25 * (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2])
    yy = 0.25 * (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x])
    xy = 0.25 * (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1])
    return _newton(gradient, np.array([[xx, xy], [xy, yy]]))


def _udp(values: Map, x: int, y: int) -> tuple[float, float]:
    blurred = _blurred(values)
    log = np.pad(np.log(np.clip(blurred * (values[y, x] / np.nanmax(blurred)), 1e-3, 50)), 1, mode="edge")
    around = log[y : y + 3, x : x + 3]
    gradient = 0.5 * np.array([around[1, 2] - around[1, 0], around[2, 1] - around[0, 1]])
    xx = around[1, 2] - 2 * around[1, 1] + around[1, 0]
    yy = around[2, 1] - 2 * around[1, 1] + around[0, 1]
    cross = around[2, 2] - around[1, 2] - around[2, 1] - around[1, 0] - around[0, 1] + around[0, 0]
    xy = 0.5 * (cross + 2 * around[1, 1])
    return _newton(gradient, np.array([[xx, xy], [xy, yy]]) + np.finfo(np.float32).eps * np.eye(2))


def _newton(gradient: Map, hessian: Map) -> tuple[float, float]:
    if not np.isfinite(gradient).all() or not np.isfinite(hessian).all() or np.linalg.det(hessian) == 0:
        return 0.0, 0.0
    dx, dy = -np.linalg.inv(hessian) @ gradient
    return float(dx), float(dy)


def _blurred(values: Map) -> Map:
    blurred = np.apply_along_axis(np.convolve, 0, np.pad(values, 5), _BLUR, "valid")
    return np.asarray(np.apply_along_axis(np.convolve, 1, blurred, _BLUR, "valid"))


def _parabola(values: Map, x: int, y: int) -> tuple[float, float]:
    def vertex(line: Map, at: int) -> float:
        if not 0 < at < len(line) - 1:
            return 0.0
        before, middle, after = line[at - 1 : at + 2]
        with np.errstate(all="ignore"):
            return _finite(float(0.5 * (before - after) / (before - 2 * middle + after)))

    return vertex(values[y], x), vertex(values[:, x], y)


def _softargmax(values: Map, x: int, y: int) -> tuple[float, float]:
    if not np.isfinite(values[y, x]):
        return 0.0, 0.0
    weights = np.nan_to_num(np.exp(values - values[y, x]))
    dx, dy = _mean(weights, x, y)
    # Once more around the cell where the mean lies, which half a cell alone does not change.
    right, down = (int(offset + np.copysign(0.49, offset)) for offset in (dx, dy))
    dx, dy = _mean(weights, x + right, y + down)
    return right + dx, down + dy


def _mean(weights: Map, x: int, y: int) -> tuple[float, float]:
    """Of the positions within 4 of a cell, relative to it."""
    rows = np.arange(max(y - 4, 0), min(y + 5, weights.shape[0]))
    columns = np.arange(max(x - 4, 0), min(x + 5, weights.shape[1]))
    near = weights[np.ix_(rows, columns)]
    total = near.sum()
    return float((near.sum(0) * (columns - x)).sum() / total), float((near.sum(1) * (rows - y)).sum() / total)


def _finite(offset: float) -> float:
    return offset if np.isfinite(offset) else 0.0


_OFFSETS = {
    "argmax": _argmax,
    "quarter": _quarter,
    "quarter-0x": _quarter_0x,
    "taylor": _taylor,
    "udp": _udp,
    "parabola": _parabola,
    "softargmax": _softargmax,
}
