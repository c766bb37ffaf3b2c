"""Files: written whole or not at all; archives of arrays, read as what anybody may have made."""

from __future__ import annotations

import struct
import tokenize
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from edgehand.errors import InputError, OutputError

# What zipfile and NumPy raise on damaged archives; MemoryError, where an array's header claims more than there is.
_DAMAGE = (
    OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, MemoryError, SyntaxError,
    BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder` (made if missing): what is finished is renamed out of it.

    Where the block fails, nothing is left, not even folders that were made for it.

    Raises:
        OutputError: `folder` cannot be made or written to.
    """
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix=".edgehand-", dir=folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written to ({error.strerror}); choose another output folder"
        ) from None
    try:
        with temporary as path:
            yield Path(path)
    except BaseException:
        for made in missing:
            if any(made.iterdir()):
                break
            made.rmdir()
        raise


def place(files: list[Path], folder: Path) -> None:
    """Move finished files into a folder, each by a rename.

    Raises:
        OutputError: a name is taken by a folder, or cannot be written.
    """
    for file in files:
        try:
            file.replace(folder / file.name)
        except OSError as error:
            raise OutputError(
                f"{folder / file.name}: cannot be written ({error.strerror}); choose another name"
            ) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it; a link stays one, a pipe or device is written to.

    Raises:
        OutputError: it cannot be written.
    """
    path = path.resolve() if path.is_file() else path
    if path.exists() and not (path.is_file() or path.is_dir()):
        _write(path, content, path)
        return
    with staging(path.parent) as folder:
        _write(folder / path.name, content, path)
        place([folder / path.name], path.parent)


def _write(file: Path, content: bytes, named: Path) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{named}: cannot be written ({error.strerror}); choose another place") from None


def keep_apart(option: str, file: Path | None, taken: Iterable[Path], why: str) -> None:
    """Raises InputError, which says `why`, where an option has a file written that is one of those `taken`."""
    if file and file.resolve() in {path.resolve() for path in taken}:
        raise InputError(f"{option} {file}: {why}; give another place")


def read_arrays(path: Path, most: int) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file.

    Args:
        path: of the file.
        most: bytes that they may have unpacked.
    Raises:
        ValueError: it is no such file, is damaged, or holds more.
    """
    try:
        with ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > most:
            raise ValueError(f"{size / 2**20:.0f} MiB unpacked, more than the {most >> 20} MiB read")
        # Opened here: NumPy leaves a file open that is no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
