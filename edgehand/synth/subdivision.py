"""One step of Catmull-Clark subdivision as a sparse matrix.

E. Catmull, J. Clark, "Recursively generated B-spline surfaces on arbitrary topological meshes" (1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix in compressed rows."""

    starts: NDArray[np.int32]
    """(rows + 1,) where each row's entries begin."""
    columns: NDArray[np.int32]
    values: NDArray[np.float32]

    @staticmethod
    def of(rows: list[dict[int, float]]) -> Sparse:
        """Of the entries {column: value} of each row."""
        lengths = [len(row) for row in rows]
        return Sparse(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            np.array([column for row in rows for column in row], np.int32),
            np.array([value for row in rows for value in row.values()], np.float32),
        )

    def __matmul__(self, dense: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product with (columns, n)."""
        products = self.values[:, None] * dense[self.columns]
        return np.add.reduceat(products, self.starts[:-1]).astype(np.float32)


def catmull_clark(
    quads: NDArray[np.int64], vertices: int, *, smooth: bool = True
) -> tuple[Sparse, NDArray[np.int32]]:
    """Divide each quad into four.

    Args:
        quads: (F, 4) indices of vertices.
        vertices: their number; new vertices are the old ones, then one an edge, then one a face.
        smooth: move vertices as Catmull-Clark does; without it they stay on edges and faces (for uv).
    Returns:
        the matrix from old to new vertices, and the new quads (4F, 4).
    """
    edges: dict[tuple[int, int], int] = {}
    edge_faces: list[list[int]] = []
    for face, corners in enumerate(quads.tolist()):
        for edge in _edges(corners):
            if edge not in edges:
                edges[edge] = len(edges)
                edge_faces.append([])
            edge_faces[edges[edge]].append(face)
    face_points = [dict.fromkeys(corners, 1 / len(corners)) for corners in quads.tolist()]
    middles = [dict.fromkeys(edge, 0.5) for edge in edges]
    edge_points = [
        _sum((0.5, middle), *((0.25, face_points[face]) for face in faces))
        if smooth and len(faces) == 2
        else middle
        for middle, faces in zip(middles, edge_faces, strict=True)
    ]
    old_points: list[dict[int, float]] = [{vertex: 1.0} for vertex in range(vertices)]
    if smooth:
        old_points = _moved(old_points, quads, edges, edge_faces, face_points, middles)
    divided = []
    for face, corners in enumerate(quads.tolist()):
        around = [vertices + edges[edge] for edge in _edges(corners)]
        centre = vertices + len(edges) + face
        divided += [[corners[i], around[i], centre, around[i - 1]] for i in range(4)]
    return Sparse.of(old_points + edge_points + face_points), np.array(divided, np.int32)


def _edges(corners: list[int]) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for pair in zip(corners, corners[1:] + corners[:1], strict=True)]


def _sum(*terms: tuple[float, dict[int, float]]) -> dict[int, float]:
    total: dict[int, float] = {}
    for factor, row in terms:
        for column, value in row.items():
            total[column] = total.get(column, 0.0) + factor * value
    return total


def _moved(
    old_points: list[dict[int, float]],
    quads: NDArray[np.int64],
    edges: dict[tuple[int, int], int],
    edge_faces: list[list[int]],
    face_points: list[dict[int, float]],
    middles: list[dict[int, float]],
) -> list[dict[int, float]]:
    faces_of: list[list[int]] = [[] for _ in old_points]
    edges_of: list[list[int]] = [[] for _ in old_points]
    for face, corners in enumerate(quads.tolist()):
        for corner in corners:
            faces_of[corner].append(face)
    for edge, number in edges.items():
        for end in edge:
            edges_of[end].append(number)
    moved = []
    for vertex, point in enumerate(old_points):
        n = len(faces_of[vertex])
        border = [edge for edge in edges_of[vertex] if len(edge_faces[edge]) == 1]
        if border:
            moved.append(_sum((0.5, point), *((0.25, middles[edge]) for edge in border[:2])))
        elif n:
            around = [(1 / n**2, face_points[face]) for face in faces_of[vertex]]
            along = [(2 / n / len(edges_of[vertex]), middles[edge]) for edge in edges_of[vertex]]
            moved.append(_sum(((n - 3) / n, point), *around, *along))
        else:
            moved.append(point)
    return moved
