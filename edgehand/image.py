"""Any picture -> an RGB array, upright."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edgehand.errors import ImageError

ImageLike: TypeAlias = str | Path | bytes | Image.Image | NDArray[np.uint8]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

# Among the others is one that has Ghostscript execute the file.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
# What Pillow's decoders raise on damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error)
# Pillow's exif_transpose does the same, and writes the EXIF anew, which it cannot where that is damaged.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def load(image: ImageLike, *, draft: int | None = None) -> NDArray[np.uint8]:
    """Read a picture as people see it: a file's first frame, turned by its EXIF, transparent parts on white.

    Args:
        image: a path or an encoded file's bytes (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM or JPEG 2000), a PIL image, of
            which the frame where it stands is taken, or a uint8 RGB array (H, W, 3), taken as it is.
        draft: pixels; a JPEG file may be read at a half, a quarter or an eighth of its size, with no side below this.
    Returns:
        uint8 RGB (H, W, 3).
    Raises:
        ImageError: the file is missing, empty, truncated or no picture; the array has another shape or dtype.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ImageError(
                f"image: array of shape {image.shape} and dtype {image.dtype}, expected uint8 RGB (H, W, 3)"
            )
        return image
    if isinstance(image, Image.Image):
        return _decode(image, "image")
    if isinstance(image, bytes | bytearray):
        return _open(io.BytesIO(image), f"image of {len(image)} bytes", draft)
    if not isinstance(image, str | os.PathLike):
        raise ImageError(
            f"image: {type(image).__name__}, expected a path, bytes, a PIL image or a uint8 RGB array (H, W, 3)"
        )
    path = Path(image)
    try:
        if not path.is_file():
            raise ImageError(f"{path}: no such picture; give the path of an image file")
        with path.open("rb") as file:
            return _open(file, str(path), draft)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from None


def pictures(folder: Path) -> list[Path]:
    """The files in a folder, and in the folders in it, that end in one of SUFFIXES, in alphabetical order."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]


def _open(file: IO[bytes], name: str, draft: int | None) -> NDArray[np.uint8]:
    try:
        with Image.open(file, formats=_FORMATS) as opened:
            if draft:
                opened.draft("RGB", (draft, draft))
            return _decode(opened, name)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture; expected {', '.join(_FORMATS)}") from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: refused, {error}; scale it down first") from None
    except _DAMAGE as error:
        raise ImageError(f"{name}: cannot be read ({error}); the file is damaged or cut short") from error


def _decode(image: Image.Image, name: str) -> NDArray[np.uint8]:
    try:
        return np.asarray(_to_rgb(_upright(image)))
    except _DAMAGE as error:
        raise ImageError(f"{name}: cannot be decoded ({error}); the file is damaged or cut short") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except (*_DAMAGE, TypeError, AttributeError):  # EXIF that cannot be read turns nothing
        turned = None
    return image if turned is None else image.transpose(turned)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        grey = np.asarray(image).astype(np.int64)
        return Image.fromarray((grey.clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        return Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")
