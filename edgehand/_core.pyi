from typing import Any

from numpy.typing import NDArray

def decode_heatmaps(
    heatmaps: NDArray[Any],
    method: str,
    layout: str,
    scale: float | None,
    zero_point: int,
    flipped: NDArray[Any] | None,
    flip_shift: bool,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def crop_input(
    image: NDArray[Any],
    matrix: NDArray[Any],
    size: int,
    table: NDArray[Any],
    interleaved: bool,
    antialias: bool,
    out: NDArray[Any],
) -> None: ...
def kernel() -> str: ...
def kernels() -> list[str]: ...
