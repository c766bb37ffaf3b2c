"""Writing files: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edgehand.errors import OutputError


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder` (made if missing): what is finished is renamed out of it.

    Raises:
        OutputError: `folder` cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix=".edgehand-", dir=folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to ({error.strerror}); choose another output folder") from None
    with temporary as path:
        yield Path(path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it.

    Raises:
        OutputError: it cannot be written.
    """
    with staging(path.parent) as folder:
        try:
            temporary = folder / path.name
            temporary.write_bytes(content)
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another name") from None
