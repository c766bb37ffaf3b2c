from typing import Any

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]

class Material:
    def __init__(
        self,
        *,
        gain: Triple,
        roughness: float,
        specular: float,
        wrap: Triple,
        bump: float,
        polish: float,
        nail_colour: Triple,
    ) -> None: ...

class Mesh:
    def __init__(
        self,
        *,
        positions: NDArray[np.float32],
        normals: NDArray[np.float32],
        triangles: NDArray[np.int32],
        uv: NDArray[np.float32],
        uv_triangles: NDArray[np.int32],
        colour: NDArray[np.uint8],
        slope: NDArray[np.int8] | None,
        nails: NDArray[np.uint8] | None,
        material: Material,
        casts_shadow: bool,
        unseen: int,
    ) -> None: ...

class Lighting:
    def __init__(
        self,
        *,
        key_direction: Triple,
        key_colour: Triple,
        fill_direction: Triple,
        fill_colour: Triple,
        ambient: NDArray[np.float32],
        exposure: float,
        shadow_leak: float,
        shadow_blur: float,
        shadow_centre: Triple,
        shadow_radius: float,
    ) -> None: ...

class Canvas:
    def __init__(self, camera: Triple, size: int) -> None: ...
    def add(self, mesh: Mesh) -> None: ...
    def seen(
        self, joints: NDArray[np.float32], flesh: NDArray[np.float32], mesh: int
    ) -> NDArray[np.bool_]: ...
    def shade(self, lighting: Lighting) -> NDArray[np.float32]: ...

def look_around(
    panorama: NDArray[np.uint8], to_camera: NDArray[np.float32], reach: float, size: int
) -> NDArray[np.uint8]: ...
def put_before(rgba: NDArray[np.float32], behind: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
def skin(
    vertices: NDArray[np.float32],
    bones: NDArray[np.int32],
    weights: NDArray[np.float32],
    transforms: NDArray[np.float32],
) -> NDArray[np.float32]: ...
def multiply(
    starts: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    vectors: NDArray[np.float32],
) -> NDArray[np.float32]: ...
def vertex_normals(positions: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[Any]: ...
