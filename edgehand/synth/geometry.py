"""Directions, rotations and distances in space."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]


def triple(values: Array) -> tuple[float, float, float]:
    """Three numbers, as the renderer takes vectors and colours."""
    x, y, z = values.tolist()
    return x, y, z


def unit(vectors: ArrayLike) -> Array:
    """Vectors (..., 3) at length 1."""
    vectors = np.asarray(vectors, np.float64)
    return np.asarray(vectors / np.maximum(np.sqrt((vectors * vectors).sum(-1, keepdims=True)), 1e-12))


_NEXT, _BEFORE = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross(a: Array, b: Array) -> Array:
    """Cross products of vectors (..., 3); `np.cross` takes six times as long for a few of them."""
    product: Array = a.take(_NEXT, -1) * b.take(_BEFORE, -1) - a.take(_BEFORE, -1) * b.take(_NEXT, -1)
    return product


def across(vectors: Array, direction: Array) -> Array:
    """The unit part of `vectors` (..., 3) that is perpendicular to the unit `direction` (..., 3)."""
    return unit(vectors - direction * (vectors * direction).sum(-1, keepdims=True))


def rotation(axes: ArrayLike, degrees: ArrayLike) -> Array:
    """Rotation matrices about unit axes, right-handed (Rodrigues' formula).

    Args:
        axes: (..., 3).
        degrees: (...).
    Returns:
        (..., 3, 3).
    """
    axes, angle = np.asarray(axes, np.float64), np.radians(np.asarray(degrees, np.float64))
    x, y, z = axes[..., 0], axes[..., 1], axes[..., 2]
    c, s = np.cos(angle), np.sin(angle)
    rest = 1 - c
    matrices = np.empty((*np.broadcast_shapes(x.shape, angle.shape), 3, 3))
    matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 0, 2] = (
        c + x * x * rest,
        x * y * rest - z * s,
        x * z * rest + y * s,
    )
    matrices[..., 1, 0], matrices[..., 1, 1], matrices[..., 1, 2] = (
        y * x * rest + z * s,
        c + y * y * rest,
        y * z * rest - x * s,
    )
    matrices[..., 2, 0], matrices[..., 2, 1], matrices[..., 2, 2] = (
        z * x * rest - y * s,
        z * y * rest + x * s,
        c + z * z * rest,
    )
    return matrices


def random_rotation(rng: np.random.Generator) -> Array:
    """A rotation matrix (3, 3), all equally likely: a random unit quaternion."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def segment_distance(start1: Array, end1: Array, start2: Array, end2: Array) -> Array:
    """The least distance between pairs of segments.

    Args:
        start1, end1, start2, end2: (..., 3).
    Returns:
        (...).
    Source:
        C. Ericson, Real-Time Collision Detection (2005), 5.1.9.
    """
    d1, d2, r = end1 - start1, end2 - start2, start1 - start2
    a, e, b = (d1 * d1).sum(-1), (d2 * d2).sum(-1), (d1 * d2).sum(-1)
    c, f = (d1 * r).sum(-1), (d2 * r).sum(-1)
    s = np.clip((b * f - c * e) / np.maximum(a * e - b * b, 1e-12), 0, 1)
    t = np.clip((b * s + f) / np.maximum(e, 1e-12), 0, 1)
    s = np.clip((b * t - c) / np.maximum(a, 1e-12), 0, 1)
    distance: Array = np.linalg.norm(start1 + d1 * s[..., None] - start2 - d2 * t[..., None], axis=-1)
    return distance
