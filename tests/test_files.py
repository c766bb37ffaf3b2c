"""Output is whole or not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgehand.errors import OutputError
from edgehand.files import place, staging, write_atomically


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "out.json"
    write_atomically(file, b"first")
    write_atomically(file, b"second")
    assert file.read_bytes() == b"second"
    assert [path.name for path in file.parent.iterdir()] == ["out.json"]


def fail_halfway(folder: Path) -> None:
    with staging(folder) as temporary:
        (temporary / "out.json").write_text("half")
        (temporary / "missing").read_text()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new", tmp_path / "there"):
        with pytest.raises(FileNotFoundError):
            fail_halfway(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_failure_leaves_no_folder_that_was_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fail_halfway(tmp_path / "a" / "b" / "c")
    assert not list(tmp_path.iterdir())


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    link, pipe = tmp_path / "link.json", tmp_path / "pipe"
    link.symlink_to("real.json")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    read: list[bytes] = []
    reader.start()
    write_atomically(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_what_was_there_before_survives_a_failure(tmp_path: Path) -> None:
    write_atomically(tmp_path / "out.json", b"good")
    with pytest.raises(FileNotFoundError):
        fail_halfway(tmp_path)
    assert (tmp_path / "out.json").read_bytes() == b"good"


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken: cannot be written"):
        write_atomically(tmp_path / "taken", b"")
    with staging(tmp_path) as temporary:
        (temporary / "a").write_text("a")
        place([temporary / "a"], tmp_path)
    assert (tmp_path / "a").read_text() == "a"
