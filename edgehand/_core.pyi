from typing import Any

import numpy as np
from numpy.typing import NDArray

def decode_heatmaps(
    heatmaps: NDArray[Any],
    method: str,
    layout: str,
    scale: float | None,
    zero_point: int,
    flipped: NDArray[Any] | None,
    flip_shift: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def crop_input(
    image: NDArray[Any],
    matrix: NDArray[Any],
    size: int,
    table: NDArray[Any],
    layout: str,
    antialias: bool,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
def kernel() -> str: ...
def kernels() -> list[str]: ...
