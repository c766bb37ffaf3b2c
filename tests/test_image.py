"""Every kind of picture comes out as people see it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgehand.draw import draw
from edgehand.errors import ImageError
from edgehand.hand import Hand
from edgehand.image import load

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)
QUARTERS = np.array([[RED, GREEN], [BLUE, GREY]], np.uint8).repeat(8, axis=0).repeat(12, axis=1)
"""16 x 24: red, green over blue, grey."""


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_lossless_formats_come_back_exactly(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(load(encoded(Image.fromarray(QUARTERS), kind, **options)), QUARTERS)


def test_path_bytes_pil_and_array_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "hand.png"
    Image.fromarray(QUARTERS).save(file)
    for given in (file, str(file), file.read_bytes(), Image.open(file), QUARTERS):
        assert np.array_equal(load(given), QUARTERS)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    levels = np.array([[0, 257, 32896, 65535]], np.uint16)
    picture = load(encoded(Image.fromarray(levels), "PNG"))
    assert picture[..., 0].tolist() == [[0, 1, 128, 255]]
    assert (picture == picture[..., :1]).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA", "I;16", "F"])
def test_modes_give_rgb_of_the_same_brightness(mode: str) -> None:
    level = 255 if mode == "1" else 100
    grey = Image.fromarray(np.full((6, 7), level, np.uint8))
    sixteen = Image.fromarray(np.full((6, 7), 257 * level, np.uint16))
    source = sixteen if mode == "I;16" else grey.convert("RGB").convert(mode)
    assert source.mode == mode
    picture = load(source)
    assert picture.shape == (6, 7, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - level).max() <= 3


def test_cmyk_jpeg_has_its_colours() -> None:
    picture = load(encoded(Image.fromarray(QUARTERS).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(picture[2:6, 2:10].astype(int) - RED).max() < 30
    assert np.abs(picture[10:14, 14:22].astype(int) - GREY).max() < 30


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparent_parts_are_white(mode: str) -> None:
    layer = np.dstack([QUARTERS, np.full((16, 24), 255, np.uint8)])
    layer[:8, :12, 3] = 0
    picture = load(encoded(Image.fromarray(layer).convert(mode), "PNG"))
    assert (picture[2:6, 2:10] == 255).all()
    assert np.abs(picture[10:14, 2:10].astype(int) - BLUE).max() <= 8


# What the eight EXIF orientations mean, written with NumPy instead of Pillow's own transposition.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_turns_the_picture_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = load(encoded(Image.fromarray(QUARTERS), "PNG", exif=exif))
    assert np.array_equal(picture, TURNS[orientation](QUARTERS))


def test_animations_give_their_first_frame_or_where_they_stand() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    animation = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert (load(animation) == np.array(RED)).all()
    moved = Image.open(io.BytesIO(animation))
    assert (load(moved) == np.array(RED)).all()
    moved.seek(1)
    assert (load(moved) == np.array(GREEN)).all()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        encoded(Image.fromarray(QUARTERS), "JPEG")[:150],
        encoded(Image.fromarray(QUARTERS), "PNG")[:60],
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG"],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.jpg"
    file.write_bytes(content)
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        load(file)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(ImageError, match="no such picture"):
            load(path)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_of_another_kind_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 RGB \(H, W, 3\)"):
        load(array)


def test_what_is_no_picture_is_refused() -> None:
    """OpenCV gives None where it cannot read a file."""
    with pytest.raises(
        ImageError, match="image: NoneType, expected a path, bytes, a PIL image or a uint8 RGB"
    ):
        load(None)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_does_not_cost_the_picture() -> None:
    """Whichever of its bytes is wrong: at worst the picture is not turned, or its JPEG segments are damaged too."""
    exif = Image.Exif()
    exif[0x112], exif[0x10F], exif[0x11A], exif[0x8769] = 6, "maker", 72.0, {0x9003: "2026"}
    whole = encoded(Image.fromarray(QUARTERS), "JPEG", exif=exif)
    start = whole.index(b"Exif")
    read = 0
    for place in range(start, whole.index(b"2026")):
        for value in (0, 1, 2, 7, 255):
            content = bytearray(whole)
            content[place] = value
            try:
                shape = load(bytes(content)).shape
            except ImageError:
                continue
            read += 1
            assert shape in (QUARTERS.shape, QUARTERS.transpose(1, 0, 2).shape)
    assert read > 0.8 * 5 * (whole.index(b"2026") - start)


def test_a_name_that_no_file_can_have_is_named() -> None:
    with pytest.raises(ImageError, match=r"xxx\.jpg: cannot be read \(File name too long\)"):
        load("x" * 300 + ".jpg")


def test_a_picture_cut_short_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(encoded(Image.fromarray(QUARTERS), "JPEG")[:-200])
    with pytest.raises(ImageError) as raised:
        load(tmp_path / "cut.jpg")
    assert str(raised.value).count("cut.jpg") == 1


def test_formats_that_others_would_execute_are_not_read(tmp_path: Path) -> None:
    script = tmp_path / "photo.jpg"
    script.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(ImageError, match=r"photo\.jpg: not a picture"):
        load(script)


def test_an_array_of_no_keypoints_is_drawn_as_nothing() -> None:
    nowhere = Hand(np.full((21, 2), np.nan, np.float32), np.zeros(21, np.float32), (0, 0, 1, 1))
    assert np.array_equal(np.asarray(draw(QUARTERS, [nowhere])), QUARTERS)
