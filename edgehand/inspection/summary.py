"""What a file is, in plain data and as text."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgehand.errors import ModelFileError
from edgehand.inspection.formats import Layer, layers
from edgehand.runtime.artifact import open_model

SHOWN = 12
"""Largest layers in the text."""
_CHECKPOINTS = (".safetensors", ".pth")


def inspect(path: Path) -> dict[str, Any]:
    """Look into a model file or a checkpoint.

    Args:
        path: what `edgehand export`, `edgehand train` or MMPose wrote.
    Returns:
        plain data: file, format, bytes, spec, input and output, recipe, producers, layers.
    Raises:
        ModelFileError, CheckpointError: the file cannot be read.
        EngineError: its engine is not installed.
    """
    files: tuple[Path, ...] = (path,)
    if path.suffix in _CHECKPOINTS:
        from edgehand.training.checkpoint import load_checkpoint

        _, spec = load_checkpoint(path)
        about: dict[str, Any] = {"format": "checkpoint", "spec": asdict(spec)}
    else:
        model = open_model(path)
        files = model.backend.files
        about = {"format": model.engine, **asdict(model.metadata)}
    try:
        found = layers(about["format"], files)
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        raise ModelFileError(f"{path}: its graph cannot be read ({error}); export it again") from error
    return {
        "file": str(path),
        "bytes": sum(file.stat().st_size for file in files),
        **about,
        "layers": [{**asdict(layer), "integer": layer.integer} for layer in found],
    }


def text(content: dict[str, Any]) -> str:
    """What `inspect` gave, for people."""
    found = [
        Layer(**{key: value for key, value in layer.items() if key != "integer"})
        for layer in content["layers"]
    ]
    lines = [f"{content['file']}  {content['format']}  {content['bytes'] / 1e6:.2f} MB"]
    for title in ("spec", "input", "output", "recipe", "producers"):
        if title in content:
            lines.append(
                f"{title + ':':10} "
                + ", ".join(f"{key} {_plain(value)}" for key, value in content[title].items())
            )
    lines += [
        "",
        *_kinds(found),
        "",
        f"{'largest layers':48} {'operation':24} {'result':8} {'weights':8} {'kB':>8}",
    ]
    for layer in sorted(found, key=lambda layer: -layer.size)[:SHOWN]:
        lines.append(
            f"{layer.name[-48:]:48} {layer.operation:24} {layer.dtype:8} {layer.weights:8} {layer.size / 1e3:8.1f}"
        )
    return "\n".join(lines)


def _kinds(found: list[Layer]) -> list[str]:
    integer = sum(layer.integer for layer in found)
    counts = Counter((layer.integer, layer.operation) for layer in found)
    lines = [f"{len(found)} operations, {integer} integer, {len(found) - integer} not"]
    for value, title in ((True, "integer:"), (False, "not:")):
        names = [f"{count} {name}" for (kind, name), count in counts.most_common() if kind == value]
        if names:
            lines.append(f"{title:10} " + ", ".join(names))
    return lines


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) + ")"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
