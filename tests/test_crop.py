"""The crop: geometry by hand, sampling against its definition and OpenCV, any memory, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgehand import crop as c

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bilinear(image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Bilinear sampling with zeros around, in exact coordinates."""
    y, x = np.mgrid[:size, :size]
    at = c.transform(matrix, np.stack([x, y], axis=-1))
    padded = np.pad(image.astype(np.float64), ((1, 2), (1, 2), (0, 0)))
    low = np.clip(np.floor(at).astype(int), -1, (image.shape[1], image.shape[0]))
    fraction = np.clip(at - low, 0, 1)[..., None]
    fx, fy = fraction[..., 0, :], fraction[..., 1, :]
    column, row = low[..., 0] + 1, low[..., 1] + 1
    upper = padded[row, column] * (1 - fx) + padded[row, column + 1] * fx
    lower = padded[row + 1, column] * (1 - fx) + padded[row + 1, column + 1] * fx
    blend: NDArray[np.float64] = upper * (1 - fy) + lower * fy
    return blend


def test_square() -> None:
    assert c.square((10, 20, 40, 30), 1.25) == (30, 35, 50)


def test_pixel_i_lies_where_mmpose_puts_it() -> None:
    matrix = c.patch_to_image(100, 50, 64, 256)
    np.testing.assert_allclose(
        c.transform(matrix, [[0, 0], [128, 128], [255, 4]]), [(68, 18), (100, 50), (131.75, 19)]
    )


def test_rotation_turns_x_towards_y() -> None:
    matrix = c.patch_to_image(100, 50, 256, 256, rotation=90)
    np.testing.assert_allclose(c.transform(matrix, [(129, 128)]), [(100, 51)])


def test_flip_mirrors_the_patch() -> None:
    image = picture(60, 80)
    plain = c.crop(image, c.patch_to_image(40.3, 30.6, 37, 32, rotation=20), 32, antialias=False)
    mirrored = c.crop(
        image, c.patch_to_image(40.3, 30.6, 37, 32, rotation=20, flip=True), 32, antialias=False
    )
    assert np.abs(mirrored[:, ::-1].astype(int) - plain).max() <= 8  # coordinates are rounded to 1/32 pixel


@given(st.floats(-90, 90), st.floats(-50, 50), st.floats(0.1, 900), st.booleans())
def test_invert_undoes(rotation: float, cx: float, side: float, flip: bool) -> None:
    matrix = c.patch_to_image(cx, 7, side, 64, rotation=rotation, flip=flip)
    points = [(0, 0), (63, 5), (-3, 70)]
    np.testing.assert_allclose(c.transform(c.invert(matrix), c.transform(matrix, points)), points, atol=1e-6)


def test_identity_crop_copies() -> None:
    image = picture(32, 32)
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(c.crop(image, identity, 32, antialias=True), image)
    shifted = c.crop(image, np.array([[1.0, 0, -5], [0, 1, 3]]), 32, antialias=True)
    np.testing.assert_array_equal(shifted[:29, 5:], image[3:, :27])
    assert not shifted[:, :5].any()
    assert not shifted[29:].any()


def test_half_way_between_pixels_is_their_rounded_mean() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 0], image[0, 1] = (10, 20, 255), (11, 40, 0)
    patch = c.crop(image, np.array([[1.0, 0, 0.5], [0, 1, 0]]), 1, antialias=False)
    np.testing.assert_array_equal(patch[0, 0], (11, 30, 128))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 99),
    side=st.floats(4, 120),
    rotation=st.floats(-180, 180),
    cx=st.floats(-20, 80),
    cy=st.floats(-20, 60),
)
def test_close_to_exact_bilinear(seed: int, side: float, rotation: float, cx: float, cy: float) -> None:
    """Coordinates are at most 1/64 + 2/1024 pixel off: 255 times that for a value on each axis, and 1/2."""
    image = picture(40, 60, seed)
    matrix = c.patch_to_image(cx, cy, side, 48, rotation=rotation)
    difference = c.crop(image, matrix, 48, antialias=False) - bilinear(image, matrix, 48)
    assert np.abs(difference).max() <= 2 * 255 * (1 / 64 + 2 / 1024) + 0.5


@pytest.mark.parametrize("seed", range(40))
def test_equals_opencv(seed: int) -> None:
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(seed)
    image = picture(int(random.integers(2, 300)), int(random.integers(2, 300)), seed)
    size = int(random.choice([33, 96, 224, 256]))
    matrix = c.patch_to_image(
        *random.uniform(-30, 330, 2),
        random.uniform(10, 500),
        size,
        rotation=random.uniform(-180, 180) * (seed % 2),
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, matrix, (size, size), flags=flags)
    np.testing.assert_array_equal(c.crop(image, matrix, size, antialias=False), expected)


@pytest.mark.parametrize("factor", [2, 3, 7, 70])
def test_antialias_samples_means_of_blocks(factor: int) -> None:
    image = picture(3 * factor + 1, 5 * factor, 3)
    means = np.zeros((4, 5, 3), np.uint8)
    padded = np.pad(image.astype(int), ((0, factor - 1), (0, 0), (0, 0)))
    for y, x in np.ndindex(4, 5):
        block = padded[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        means[y, x] = (block.sum((0, 1)) + factor**2 // 2) // factor**2
    # Patch pixel i at the centre of block i, so that bilinear sampling changes nothing.
    centre = (factor - 1) / 2
    matrix = np.array([[factor, 0, centre], [0, factor, centre]], np.float64)
    patch = c.crop(image, matrix, 5, antialias=True)
    np.testing.assert_array_equal(patch[:4], means)
    assert not patch[4].any()


def test_antialias_changes_nothing_below_two() -> None:
    image = picture(200, 200)
    matrix = c.patch_to_image(100, 100, 127, 64, rotation=10)
    np.testing.assert_array_equal(
        c.crop(image, matrix, 64, antialias=True), c.crop(image, matrix, 64, antialias=False)
    )


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("side", [50, 300])
def test_any_memory(antialias: bool, side: float) -> None:
    """Views, BGR, RGBA and upside-down pictures are read where they lie and give what a copy gives."""
    large = np.random.default_rng(0).integers(0, 256, (300, 400, 4), dtype=np.uint8)
    matrix = c.patch_to_image(120, 90, side, 64, rotation=33)
    planar = np.ascontiguousarray(large.transpose(2, 0, 1))
    views = [
        large[..., :3],
        large[..., 2::-1],
        large[..., 1:],
        large[::-1, :, :3],
        large[:, ::-1, :3],
        large[::2, ::3, :3],
        np.ascontiguousarray(large[..., :3])[..., ::-1],
        planar[:3].transpose(1, 2, 0),
        np.broadcast_to(large[..., :1], (300, 400, 3)),
        np.broadcast_to(large[0, 0, :3], (300, 400, 3)),
    ]
    for view in views:
        expected = c.crop(view.copy(), matrix, 64, antialias=antialias)
        np.testing.assert_array_equal(c.crop(view, matrix, 64, antialias=antialias), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_input_is_normalised_quantised_and_laid_out(dtype: type, layout: Any) -> None:
    image = picture(100, 120)
    matrix = c.patch_to_image(60, 50, 90, 64, rotation=5)
    patch = c.crop(image, matrix, 64, antialias=True)
    normalised = (patch - np.array(MEAN)) / np.array(STD)
    scale, zero_point = (1.0, 0) if dtype is np.float32 else (0.0187, -13 if dtype is np.int8 else 115)
    expected = normalised
    if dtype is not np.float32:
        limits = np.iinfo(dtype)
        expected = np.clip(np.rint(normalised / scale) + zero_point, limits.min, limits.max)
    if layout == "NCHW":
        expected = expected.transpose(2, 0, 1)
    table = c.input_table(MEAN, STD, dtype=dtype, scale=scale, zero_point=zero_point)
    found = c.crop_input(image, matrix, 64, table, layout=layout, antialias=True)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[0], expected.astype(dtype))
    out = np.empty_like(found)
    assert c.crop_input(image, matrix, 64, table, layout=layout, antialias=True, out=out) is out
    np.testing.assert_array_equal(out, found)


def test_arrays_that_are_not_aligned_are_refused() -> None:
    def astray(array: np.ndarray) -> np.ndarray:
        room = np.zeros(array.nbytes + 1, np.uint8)[1:]
        return room.view(array.dtype).reshape(array.shape)

    out = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match=r"table .* in C order, aligned"):
        c.crop_input(IMAGE, MATRIX, 8, astray(TABLE), layout="NCHW", antialias=False)
    with pytest.raises(ValueError, match=r"out is float32 .* in C order, aligned"):
        c.crop_input(IMAGE, MATRIX, 8, TABLE, layout="NCHW", antialias=False, out=astray(out))


IMAGE = np.zeros((8, 8, 3), np.uint8)
MATRIX = c.patch_to_image(4, 4, 8, 8)
TABLE = c.input_table(MEAN, STD, dtype=np.float32)


@pytest.mark.parametrize(
    ("error", "changes", "message"),
    [
        (TypeError, {"image": [[1]]}, "image is list, expected a NumPy array"),
        (TypeError, {"image": IMAGE.astype(float)}, "image has dtype float64, expected uint8"),
        (ValueError, {"image": IMAGE[..., 0]}, r"image has shape \(8, 8\), expected \(height, width, 3\)"),
        (ValueError, {"image": IMAGE[:0]}, r"image has shape \(0, 8, 3\)"),
        (ValueError, {"matrix": np.eye(3)}, r"matrix has shape \(3, 3\), expected \(2, 3\)"),
        (TypeError, {"matrix": "x"}, "matrix cannot be read as numbers"),
        (ValueError, {"matrix": MATRIX * np.nan}, "matrix is .*nan.*, expected finite numbers"),
        (ValueError, {"matrix": np.full((2, 3), np.inf)}, "matrix is .*inf.*, expected finite numbers"),
        (ValueError, {"matrix": MATRIX * 1e300}, "matrix is .*, expected finite numbers"),
        (TypeError, {"size": 8.0}, "size is float, expected an integer"),
        (ValueError, {"size": 0}, "size is 0, expected 1 to 4096"),
        (ValueError, {"size": 5000}, "size is 5000, expected 1 to 4096"),
        (TypeError, {"table": [1]}, "table is list, expected a NumPy array"),
        (
            TypeError,
            {"table": TABLE.astype(float)},
            "table has dtype float64, expected float32",
        ),
        (ValueError, {"table": TABLE[:2]}, r"table has shape \(2, 256\), expected \(3, 256\)"),
        (ValueError, {"layout": "HWC"}, "layout is 'HWC', expected NCHW or NHWC"),
        (TypeError, {"out": [1]}, "out is list, expected a NumPy array"),
        (
            ValueError,
            {"out": np.empty((1, 3, 8, 9), np.float32)},
            r"out is float32 of shape \(1, 3, 8, 9\), expected",
        ),
        (ValueError, {"out": np.empty((1, 3, 8, 8), np.int8)}, "out is int8 of shape"),
        (ValueError, {"out": np.empty((1, 3, 8, 16), np.float32)[..., ::2]}, "out is float32 of shape"),
    ],
)
def test_bad_input(error: type[Exception], changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "image": IMAGE,
        "matrix": MATRIX,
        "size": 8,
        "table": TABLE,
        "antialias": True,
    }
    with pytest.raises(error, match=message):
        c.crop_input(**arguments | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": np.float64}, "dtype is float64, expected float32, int8 or uint8"),
        ({"std": (1, 0, 1)}, "expected finite numbers, std positive"),
        ({"mean": (1, np.nan, 1)}, "expected finite numbers, std positive"),
        ({"dtype": np.int8, "scale": 0.0}, "scale is 0.0, expected a positive finite number"),
        ({"dtype": np.uint8, "zero_point": -1}, "zero_point is -1, expected 0 to 255"),
    ],
)
def test_bad_table(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"mean": MEAN, "std": STD, "dtype": np.float32}
    with pytest.raises(ValueError, match=message):
        c.input_table(**arguments | changes)


def test_patches_too_far_or_flat_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="side is 0 and size is 256, expected"):
        c.patch_to_image(0, 0, 0, 256)
    with pytest.raises(ValueError, match="cx, cy, rotation are nan"):
        c.patch_to_image(float("nan"), 0, 10, 256)
