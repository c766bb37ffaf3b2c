"""Simple meshes: things that are held, lie behind, or hide a hand, and what is worn on an arm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgehand import _render
from edgehand.synth.geometry import Array, across, cross, unit

ROWS, COLUMNS = 21, 33
"""Vertices of a superellipsoid, from pole to pole and around."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A textured surface."""

    positions: Array
    """(n, 3) metres."""
    normals: Array
    """(n, 3) unit."""
    triangles: NDArray[np.int32]
    """(m, 3)"""
    uv: NDArray[np.float32]
    """(n, 2) 0..1."""

    def moved(self, turn: Array, shift: Array) -> Shape:
        """Turned by (3, 3) about the origin, then shifted by (3,)."""
        return replace(self, positions=self.positions @ turn.T + shift, normals=self.normals @ turn.T)


@dataclass(frozen=True, eq=False)
class Look:
    """What a surface is made of."""

    texture: NDArray[np.uint8]
    """(H, W, 3) sRGB, H and W at least 2."""
    roughness: float
    """0 mirror .. 1 chalk."""
    specular: float = 0.04
    """Reflectance at normal incidence."""


@lru_cache
def grid(rows: int, columns: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Triangles and uv of rows x columns vertices; the last column lies on the first where a tube closes."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3).astype(np.int32)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return triangles, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32)


def superellipsoid(half_axes: Array, roundness: tuple[float, float]) -> Shape:
    """A ball, a cylinder, a box, and all between them.

    Args:
        half_axes: (3,) metres.
        roundness: along z and around it: (1, 1) is an ellipsoid, (0.1, 1) a cylinder, (0.1, 0.1) a box.
    Source:
        A. Barr, "Superquadrics and Angle-Preserving Transformations" (1981).
    """
    positions = _superellipsoid(*roundness) * half_axes
    normals = _superellipsoid(2 - roundness[0], 2 - roundness[1]) / half_axes
    return Shape(positions, unit(normals), *grid(ROWS, COLUMNS))


@lru_cache(maxsize=64)
def _superellipsoid(along: float, around: float) -> Array:
    """Points (ROWS * COLUMNS, 3) of one whose half axes are 1."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, ROWS)[:, None]
    longitude = np.linspace(-np.pi, np.pi, COLUMNS)[None]

    def power(values: Array, exponent: float) -> Array:
        return np.asarray(np.sign(values) * np.abs(values) ** exponent)

    x = power(np.cos(latitude), along) * power(np.cos(longitude), around)
    y = power(np.cos(latitude), along) * power(np.sin(longitude), around)
    z = np.broadcast_to(power(np.sin(latitude), along), x.shape)
    return np.asarray(np.stack([x, y, z], -1).reshape(-1, 3))


def tube(path: Array, radii: Array) -> Shape:
    """A tube along a path.

    Args:
        path: (n, 3) its middle, metres.
        radii: (n, m) distance of its wall, by direction; the last column equals the first.
    """
    along = unit(np.gradient(path, axis=0))
    # Seen from a direction that is square to its middle, a path that bends a little does not twist.
    first = across(across(np.roll(along[0], 1) + np.array([0.3, 0, 0]), unit(path[-1] - path[0])), along)
    second = cross(along, first)
    angle = np.linspace(0, 2 * np.pi, radii.shape[1])
    around = np.cos(angle)[:, None] * first[:, None] + np.sin(angle)[:, None] * second[:, None]
    positions = (path[:, None] + radii[..., None] * around).reshape(-1, 3)
    triangles, uv = grid(*radii.shape)
    normals = _render.vertex_normals(np.ascontiguousarray(positions, np.float32), triangles).reshape(
        *radii.shape, 3
    )
    normals[:, 0] = normals[:, -1] = unit(normals[:, 0] + normals[:, -1])
    return Shape(positions, normals.reshape(-1, 3), triangles, uv)


def mesh(shape: Shape, look: Look, *, casts_shadow: bool = True) -> _render.Mesh:
    """A shape in camera space as the renderer takes it."""
    material = _render.Material(
        gain=(1, 1, 1),
        roughness=look.roughness,
        specular=look.specular,
        wrap=(0, 0, 0),
        bump=0,
        polish=0,
        nail_colour=(0, 0, 0),
    )
    return _render.Mesh(
        positions=np.ascontiguousarray(shape.positions, np.float32),
        normals=np.ascontiguousarray(shape.normals, np.float32),
        triangles=shape.triangles,
        uv=shape.uv,
        uv_triangles=shape.triangles,
        colour=np.ascontiguousarray(look.texture),
        slope=None,
        nails=None,
        material=material,
        casts_shadow=casts_shadow,
        unseen=0,
    )
