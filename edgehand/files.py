"""Writing files: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edgehand.errors import OutputError


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder` (made if missing): what is finished is renamed out of it.

    Where the block fails, nothing is left, not even a folder that was made for it.

    Raises:
        OutputError: `folder` cannot be made or written to.
    """
    made = not folder.exists()
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
        if made and not any(folder.iterdir()):
            folder.rmdir()
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
    """Write a file under a temporary name, then rename it.

    Raises:
        OutputError: it cannot be written.
    """
    with staging(path.parent) as folder:
        temporary = folder / path.name
        try:
            temporary.write_bytes(content)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
        place([temporary], path.parent)
