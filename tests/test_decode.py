"""Heatmap decoding: values worked out by hand, the NumPy reference, layouts, memory and bad input."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgehand.decode import decode_heatmaps
from edgehand.decode_reference import decode_heatmaps as reference
from edgehand.spec import DECODE_METHODS

MMPOSE_METHODS = ("argmax", "quarter", "quarter-0x", "taylor", "udp")
NEWTON = ("taylor", "udp")


def single(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[None, None]


def spike(height: int, width: int, x: int, y: int, *neighbours: tuple[int, int]) -> NDArray[np.float32]:
    """A map of one peak of 1, and 0.5 at the neighbours (dx, dy)."""
    values = np.zeros((height, width), np.float32)
    for dx, dy in neighbours:
        values[y + dy, x + dx] = 0.5
    values[y, x] = 1
    return single(values)


def bumps(seed: int, batch: int, keypoints: int, height: int, width: int) -> NDArray[np.float32]:
    """Gaussians of sigma 2 around random places, some outside the map, with a little noise."""
    random = np.random.default_rng(seed)
    centre = random.uniform(-3, [width + 3, height + 3], (batch, keypoints, 1, 1, 2))
    y, x = np.mgrid[:height, :width]
    values = np.exp(-((x - centre[..., 0]) ** 2 + (y - centre[..., 1]) ** 2) / 8)
    noisy: NDArray[np.float64] = values + 0.02 * random.standard_normal(values.shape)
    return noisy.astype(np.float32)


def to_nhwc(heatmaps: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(heatmaps.transpose(0, 2, 3, 1))


def to_mirrored(heatmaps: NDArray[Any], layout: str) -> NDArray[Any]:
    return np.flip(heatmaps, 3 if layout == "NCHW" else 2)


@pytest.mark.parametrize(
    ("method", "x", "y", "expected"),
    [
        ("argmax", 5, 4, (5, 4)),
        ("quarter", 5, 4, (5.25, 4.25)),
        ("quarter", 1, 4, (1, 4.25)),  # x needs 1 < x
        ("quarter", 2, 4, (2.25, 4.25)),
        ("quarter", 8, 4, (8.25, 4.25)),  # and x < W - 1
        ("quarter", 5, 1, (5.25, 1)),  # each axis on its own
        ("quarter-0x", 5, 1, (5, 1)),  # both or none
        ("quarter-0x", 5, 4, (5.25, 4.25)),
        ("parabola", 5, 4, (5 + 1 / 6, 4 + 1 / 6)),  # 0.5 * (0 - 0.5) / (0 - 2 + 0.5)
        ("parabola", 1, 1, (1 + 1 / 6, 1 + 1 / 6)),
    ],
)
def test_values_by_hand(method: str, x: int, y: int, expected: tuple[float, float]) -> None:
    keypoints, scores = decode_heatmaps(spike(9, 10, x, y, (1, 0), (0, 1)), method=method)
    np.testing.assert_allclose(keypoints[0, 0], expected, rtol=1e-6)
    assert scores[0, 0] == 1


def test_taylor_finds_the_centre_of_a_gaussian() -> None:
    """The logarithm of a Gaussian is a parabola, so the step ends at its centre but for the cut-off blur."""
    y, x = np.mgrid[:64, :48]
    values = np.exp(-((x - 20.3) ** 2 + (y - 33.8) ** 2) / 8)
    keypoints, _ = decode_heatmaps(single(values), method="taylor")
    np.testing.assert_allclose(keypoints[0, 0], (20.3, 33.8), atol=3e-4)


@pytest.mark.parametrize("x", [0, 1, 2, 24, 46, 47])
def test_udp_reaches_to_the_border(x: int) -> None:
    """It needs no distance from the border; away from it the step ends at a Gaussian's centre."""
    rows, columns = np.mgrid[:64, :48]
    values = np.exp(-((columns - x) ** 2 + (rows - 33.8) ** 2) / 8)
    keypoints, _ = decode_heatmaps(single(values), method="udp")
    expected, _ = reference(single(values), method="udp")
    np.testing.assert_allclose(keypoints, expected, atol=1e-3)
    if x == 24:
        np.testing.assert_allclose(keypoints[0, 0], (24, 33.8), atol=3e-3)


def test_softargmax_of_symmetric_logits_is_their_centre() -> None:
    y, x = np.mgrid[:20, :20]
    values = -((x - 7.5) ** 2 + (y - 9) ** 2)
    keypoints, scores = decode_heatmaps(single(values), method="softargmax")
    # The window reaches from 3 to 11, so only weights of exp(-20) are missing on one side.
    np.testing.assert_allclose(keypoints[0, 0], (7.5, 9), atol=1e-4)
    assert scores[0, 0] == np.float32(-0.25)


@pytest.mark.parametrize("x", np.linspace(20, 20.9, 4))
@pytest.mark.parametrize("y", np.linspace(17, 17.9, 4))
def test_softargmax_of_a_peak_blunted_by_rounding(x: float, y: float) -> None:
    """The first of the largest levels lies off the middle; the window must not stay around it."""
    rows, columns = np.mgrid[:40, :40]
    values = -((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2)
    rounded = np.rint(values / 0.5).clip(-128).astype(np.int8)[None, None]
    keypoints, _ = decode_heatmaps(rounded, method="softargmax", scale=0.5)
    # Around the first of the largest levels alone the worst is 0.30.
    assert np.hypot(*(keypoints[0, 0] - (x, y))) < 0.2


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_ties_go_to_the_lowest_index(dtype: type, layout: str) -> None:
    heatmaps: NDArray[Any] = np.zeros((1, 21, 64, 64), dtype)
    for keypoint in range(21):
        heatmaps[0, keypoint, 40 - keypoint :, 3 * keypoint :] = 7
    maps = to_nhwc(heatmaps) if layout == "NHWC" else heatmaps
    keypoints, scores = decode_heatmaps(maps, method="argmax", layout=layout)
    np.testing.assert_array_equal(keypoints[0], [(3 * k, 40 - k) for k in range(21)])
    np.testing.assert_array_equal(scores, np.full((1, 21), 7))


@pytest.mark.parametrize("method", DECODE_METHODS)
def test_not_a_number(method: str) -> None:
    values = np.full((1, 3, 20, 20), np.nan, np.float32)
    values[0, 1, 10, 5] = 2
    values[0, 2] = -np.inf
    keypoints, scores = decode_heatmaps(values, method=method)
    np.testing.assert_array_equal(scores[0], np.array([np.nan, 2, -np.inf], np.float32))
    np.testing.assert_array_equal(keypoints[0, :2], [(-1, -1), (5, 10)])
    np.testing.assert_array_equal(keypoints[0, 2], (-1, -1) if method in MMPOSE_METHODS else (0, 0))


@pytest.mark.parametrize("method", DECODE_METHODS)
def test_peak_that_is_not_positive(method: str) -> None:
    """MMPose's methods give it up; those that read logits do not."""
    y, x = np.mgrid[:20, :20]
    values = -1.0 - ((x - 7) ** 2 + (y - 9) ** 2)
    keypoints, scores = decode_heatmaps(single(values), method=method)
    np.testing.assert_array_equal(keypoints[0, 0], (-1, -1) if method in MMPOSE_METHODS else (7, 9))
    assert scores[0, 0] == -1


@pytest.mark.parametrize("method", DECODE_METHODS)
@pytest.mark.parametrize("size", [(64, 64), (48, 48), (5, 7), (1, 1), (3, 90)])
@pytest.mark.parametrize("flip", ["none", "mean", "shift"])
def test_equals_the_reference(method: str, size: tuple[int, int], flip: str) -> None:
    heatmaps = bumps(1, 2, 21, *size)
    options: dict[str, Any] = {"method": method}
    if flip != "none":
        options |= {"flipped": bumps(1, 2, 21, *size)[..., ::-1].copy(), "flip_shift": flip == "shift"}
    expected = reference(heatmaps, **options)
    found = decode_heatmaps(heatmaps, **options)
    tolerance: Any = 1e-5
    if method in NEWTON:
        # A step over several cells divides by nearly nothing.
        tolerance = 2e-3 + 0.01 * np.abs(
            expected[0] - reference(heatmaps, **options | {"method": "argmax"})[0]
        )
    assert (np.abs(found[0] - expected[0]) <= tolerance).all()
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)
    if flip != "none":
        options["flipped"] = to_nhwc(options["flipped"])
    interleaved = decode_heatmaps(to_nhwc(heatmaps), **options, layout="NHWC")
    np.testing.assert_array_equal(interleaved[0], found[0])
    np.testing.assert_array_equal(interleaved[1], found[1])


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_integers_equal_the_reference(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.int8, np.uint8]))
    shape = tuple(data.draw(st.integers(1, limit)) for limit in (2, 23, 20, 40))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    levels = data.draw(st.integers(low, high))
    heatmaps = random.integers(low, levels + 1, shape, dtype=dtype)
    options: dict[str, Any] = {
        "method": data.draw(st.sampled_from(sorted(set(DECODE_METHODS) - set(NEWTON)))),
        "scale": data.draw(st.sampled_from([1 / 256, 0.03125, 0.1])),
        "zero_point": data.draw(st.integers(low, high)),
    }
    if data.draw(st.booleans()):
        options["flipped"] = random.integers(low, levels + 1, shape, dtype=dtype)
        options["flip_shift"] = data.draw(st.booleans())
    expected = reference(heatmaps, **options)
    found = decode_heatmaps(heatmaps, **options)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("method", DECODE_METHODS)
def test_numbers_that_are_none_near_the_peak(method: str) -> None:
    """What a refinement cannot use leaves the peak's cell; NaN that it does not read changes nothing."""
    heatmaps = bumps(5, 40, 8, 32, 32)
    random = np.random.default_rng(5)
    where = random.random(heatmaps.shape) < 0.004
    heatmaps[where] = random.choice([np.nan, -np.inf], where.sum())
    expected, scores = reference(heatmaps, method=method)
    found = decode_heatmaps(heatmaps, method=method)
    # Beside a cell that is cut off a step of Newton's may lead thousands of cells away.
    np.testing.assert_allclose(
        found[0], expected, rtol=1e-4, atol=2e-3 if method in ("taylor", "udp") else 1e-5
    )
    np.testing.assert_array_equal(found[1], scores)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_properties(data: st.DataObject) -> None:
    """Adding a constant moves nothing for logits; multiplying by two moves nothing for any method."""
    method = data.draw(st.sampled_from(DECODE_METHODS))
    heatmaps = bumps(data.draw(st.integers(0, 2**32)), 1, 3, 24, 24)
    keypoints, scores = decode_heatmaps(heatmaps, method=method)
    if method not in ("softargmax", "udp"):  # which know absolute values
        doubled = decode_heatmaps(heatmaps * 2, method=method)
        np.testing.assert_allclose(doubled[0], keypoints, atol=1e-5)
        np.testing.assert_array_equal(doubled[1], scores * 2)
    if method not in MMPOSE_METHODS:
        lowered = decode_heatmaps(heatmaps - 8, method=method)
        np.testing.assert_allclose(lowered[0], keypoints, atol=1e-3)
    if method not in NEWTON:
        # Soft-argmax looks 4 cells far, twice.
        reach = 8 if method == "softargmax" else 3
        assert np.abs(keypoints - decode_heatmaps(heatmaps, method="argmax")[0]).max() <= reach


def test_float16_equals_float32() -> None:
    heatmaps = bumps(2, 1, 21, 64, 64).astype(np.float16)
    for method in DECODE_METHODS:
        half = decode_heatmaps(heatmaps, method=method)
        single_precision = decode_heatmaps(heatmaps.astype(np.float32), method=method)
        np.testing.assert_array_equal(half[0], single_precision[0])
        np.testing.assert_array_equal(half[1], single_precision[1])


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_any_memory(layout: str) -> None:
    """Views, negative strides, other orders, misaligned and read-only buffers: as a dense copy."""
    large = bumps(3, 4, 44, 70, 50)
    buffer = np.zeros(large.nbytes + 1, np.uint8)
    misaligned = buffer[1:].view(np.float32).reshape(large.shape)
    misaligned[...] = large
    fixed = large.copy()
    fixed.flags.writeable = False
    views = [
        large[::2, 3:24],
        large[::-1],
        large[:, ::-2],
        large[..., 2:40, 3:],
        large[..., ::-1, ::-1],
        to_nhwc(large).transpose(0, 3, 1, 2),
        np.asfortranarray(large),
        misaligned,
        fixed,
        np.broadcast_to(large[:1], large.shape),
    ]
    for view in views:
        expected = decode_heatmaps(view.copy())
        found = decode_heatmaps(view.transpose(0, 2, 3, 1) if layout == "NHWC" else view, layout=layout)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
        mean = decode_heatmaps(view, flipped=view.copy()[..., ::-1])
        np.testing.assert_array_equal(mean[0], expected[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8])
def test_maps_of_more_groups_than_a_byte_can_number(dtype: type) -> None:
    random = np.random.default_rng(0)
    height, width = 301, 523
    heatmaps = random.integers(0, 4, (1, 3, height, width)).astype(dtype)
    for keypoint, index in enumerate((50, 66000, height * width - 1)):
        heatmaps[0, keypoint].flat[index::77777] = 5  # and the same value later on
        y, x = divmod(index, width)
        for layout, maps in (("NCHW", heatmaps), ("NHWC", to_nhwc(heatmaps))):
            keypoints, scores = decode_heatmaps(maps, method="argmax", layout=layout)
            np.testing.assert_array_equal(keypoints[0, keypoint], (x, y))
            assert scores[0, keypoint] == 5
            merged = decode_heatmaps(maps, method="argmax", layout=layout, flipped=to_mirrored(maps, layout))
            np.testing.assert_array_equal(merged[0], keypoints)


def test_empty_batch() -> None:
    keypoints, scores = decode_heatmaps(np.zeros((0, 21, 64, 64), np.int8))
    assert keypoints.shape == (0, 21, 2)
    assert scores.shape == (0, 21)


def test_many_threads() -> None:
    heatmaps = bumps(4, 2, 21, 64, 64)
    expected = decode_heatmaps(heatmaps, method="taylor")[0]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            if not np.array_equal(decode_heatmaps(heatmaps, method="taylor")[0], expected):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


MAPS = np.zeros((1, 21, 8, 8), np.float32)
INTEGERS = np.zeros((1, 21, 8, 8), np.int8)


@pytest.mark.parametrize(
    ("error", "heatmaps", "options", "message"),
    [
        (TypeError, [[1.0]], {}, "heatmaps is list, expected a NumPy array"),
        (TypeError, MAPS.astype(float), {}, "heatmaps has dtype float64, expected float32"),
        (TypeError, MAPS.astype(">f4"), {}, "heatmaps has dtype >f4, expected float32"),
        (TypeError, MAPS.astype(complex), {}, "heatmaps has dtype complex128"),
        (ValueError, MAPS[0], {}, r"heatmaps has shape \(21, 8, 8\), expected four axes, \(N, K, H, W\)"),
        (ValueError, MAPS[..., :0], {}, r"heatmaps has shape \(1, 21, 8, 0\), expected no empty axis"),
        (ValueError, MAPS[:, :0], {}, r"heatmaps has shape \(1, 0, 8, 8\), expected no empty axis"),
        (ValueError, MAPS, {"method": "dark"}, "method is 'dark', expected one of argmax, quarter"),
        (ValueError, MAPS, {"layout": "NKHW"}, "layout is 'NKHW', expected NCHW or NHWC"),
        (TypeError, MAPS, {"method": 1}, "method is int, expected a string"),
        (TypeError, MAPS, {"layout": None}, "layout is NoneType, expected a string"),
        (TypeError, INTEGERS, {"zero_point": 1.5}, "zero_point is float, expected an integer"),
        (
            ValueError,
            INTEGERS,
            {"zero_point": 2**80},
            "zero_point is 1208925819614629174706176, expected a smaller",
        ),
        (ValueError, MAPS, {"scale": 0.5}, "scale and zero_point belong to int8 and uint8 heatmaps"),
        (ValueError, INTEGERS, {"scale": float("nan")}, "scale is nan, expected a positive finite number"),
        (ValueError, INTEGERS, {"scale": float("inf")}, "scale is inf, expected a positive finite number"),
        (ValueError, INTEGERS, {"scale": -1.0}, "scale is -1.0, expected a positive finite number"),
        (ValueError, INTEGERS, {"scale": 1e-300}, "scale is 1e-300, expected a positive finite number"),
        (TypeError, INTEGERS, {"scale": "1"}, "scale is str, expected a number"),
        (ValueError, INTEGERS, {"zero_point": 128}, "zero_point is 128, expected -128 to 127"),
        (ValueError, INTEGERS, {"flipped": INTEGERS[..., 1:]}, r"flipped is int8 of shape \(1, 21, 8, 7\)"),
        (ValueError, INTEGERS, {"flipped": MAPS}, "flipped is float32 of shape"),
        (ValueError, INTEGERS, {"flip_shift": True}, "flip_shift is True, expected False without flipped"),
    ],
)
def test_bad_input(error: type[Exception], heatmaps: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(error, match=message):
        decode_heatmaps(heatmaps, **options)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), height=st.integers(11, 40), width=st.integers(11, 40))
def test_taylor_where_values_are_cut_off(seed: int, height: int, width: int) -> None:
    """Negative surroundings reach the cut-off at 1e-10, where the scale of the blurred map matters."""
    random = np.random.default_rng(seed)
    values = np.full((height, width), -1.0, np.float32)
    values[height // 2, width // 2] = 1
    values += random.uniform(0, 0.9, values.shape).astype(np.float32) * (values < 0)
    expected, _ = reference(single(values), method="taylor")
    assume(np.isfinite(expected).all() and np.abs(expected).max() < 100)
    found, _ = decode_heatmaps(single(values), method="taylor")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
