"""Model files: what is written inside them, and how they are opened."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgehand.errors import MAX_THREADS, InputError, ModelFileError, check_range
from edgehand.runtime.backends import Backend, End, Tensor, backend, names
from edgehand.spec import NUM_KEYPOINTS, ModelSpec

FORMAT = 1
"""Version of the metadata; a reader refuses a newer one."""


@dataclass(frozen=True)
class Metadata:
    """What travels inside every exported model file, as JSON."""

    spec: ModelSpec
    """Of the network."""
    input: Tensor
    """What the model takes: one crop, normalised as `spec` says."""
    output: Tensor
    """What it gives: one heatmap a keypoint."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How it was made: target, precision, calibration."""
    checkpoint_sha256: str = ""
    """Of the weights it was made from."""
    producers: dict[str, str] = field(default_factory=dict)
    """Package -> version of all that took part."""

    def to_json(self, **hashes: str) -> str:
        """One line of JSON; `hashes` adds what a file format checks itself by."""
        return json.dumps({"edgehand": FORMAT, **asdict(self), **hashes}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Metadata:
        """Read what `to_json` wrote; raises ValueError, TypeError or KeyError where it is no such thing."""
        values = json.loads(text, parse_constant=_refuse)
        if values["edgehand"] != FORMAT:
            raise ValueError(f"format {values['edgehand']}, this edgehand reads {FORMAT}")
        return cls(
            spec=ModelSpec.from_json(json.dumps(values["spec"])),
            input=Tensor(**values["input"]),
            output=Tensor(**values["output"]),
            recipe=dict(values["recipe"]),
            checkpoint_sha256=str(values["checkpoint_sha256"]),
            producers=dict(values["producers"]),
        )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@dataclass(frozen=True)
class Model:
    """A model file, open."""

    path: Path
    engine: str
    backend: Backend
    metadata: Metadata


def default_threads() -> int:
    """As many as there are cores to run on, at most four: more do not help networks this small."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def check_threads(threads: int | None, name: str = "threads") -> None:
    """Raises InputError, which calls them `name`, where they are not 1 to MAX_THREADS, or None."""
    check_range(name, threads, 1, MAX_THREADS)


def open_model(path: str | Path, engine: str | None = None, threads: int | None = None) -> Model:
    """Open a model file by what is in it, whatever it is called.

    Args:
        path: a file that `edgehand export` wrote.
        engine: insist on this engine; None takes the one that reads the file's format.
        threads: CPU threads; None takes one a core, at most four.
    Returns:
        the model, ready to run.
    Raises:
        InputError: unknown engine, or fewer than one thread.
        ModelFileError: no such file, not a model file, damaged, exported by something else, or with the metadata of
            another model.
        EngineError: the engine is not installed.
    """
    path = Path(path)
    if engine is not None and engine not in names():
        raise InputError(f"engine {engine!r}: expected one of {', '.join(names())}")
    check_threads(threads)
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file; make one with `edgehand export`")
    with path.open("rb") as file:
        head = file.read(4096)
    found = next((name for name in names() if backend(name).reads(head)), None)
    if found is None:
        raise ModelFileError(f"{path}: not a TFLite, ONNX or OpenVINO file; make one with `edgehand export`")
    if engine not in (None, found):
        raise ModelFileError(
            f"{path}: is in the format of {found}, not of {engine}; make one with `edgehand export --target {engine}`"
        )
    opened = backend(found)(path, threads or default_threads())
    if opened.metadata is None:
        raise ModelFileError(f"{path}: holds no edgehand metadata; make the file with `edgehand export`")
    try:
        metadata = Metadata.from_json(opened.metadata)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFileError(f"{path}: its metadata is damaged ({error}); export it again") from error
    try:
        ends = opened.ends()
    except (RuntimeError, IndexError) as error:
        raise ModelFileError(
            f"{path}: is not the model that its metadata is of ({error}); export it again"
        ) from None
    _check_ends(path, ends, metadata)
    return Model(path, found, opened, metadata)


def _check_ends(path: Path, ends: tuple[End, End], metadata: Metadata) -> None:
    """Refuse a model whose metadata is of another one: its results would be wrong without a word."""
    spec = metadata.spec
    for name, told, found, size, channels in (
        ("input", metadata.input, ends[0], spec.input_size, 3),
        ("output", metadata.output, ends[1], spec.heatmap_size, NUM_KEYPOINTS),
    ):
        shape = (channels, size, size) if told.layout == "NCHW" else (size, size, channels)
        if found != (told.dtype, shape):
            raise ModelFileError(
                f"{path}: its {name} is {found[0]} of shape {found[1]}, but its metadata says {told.dtype} of shape "
                f"{shape}; export it again"
            )
