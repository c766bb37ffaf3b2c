"""The build route: checkpoint -> graph -> calibration -> model file -> checks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from edgehand.errors import ExportError, InputError
from edgehand.export import calibration as calibrations
from edgehand.export.calibration import Calibration
from edgehand.export.check import (
    MAX_DIFFERENCE,
    PICTURES,
    Agreement,
    agreement,
    model_heatmaps,
    torch_heatmaps,
)
from edgehand.export.equalise import equalise
from edgehand.export.graph import inference_graph, weights
from edgehand.export.quiet import quiet
from edgehand.export.recipe import RECIPES, Recipe
from edgehand.export.targets import Target, names, target
from edgehand.files import place, staging
from edgehand.runtime.artifact import Metadata, Model, default_threads, open_model
from edgehand.runtime.backends import backend
from edgehand.training.checkpoint import load_checkpoint

PRECISIONS = {
    "fp32": "weights and activations float32",
    "fp16": "weights float16, activations as the engine computes",
    "int8-dynamic": "weights int8, activations int8 by the range each inference gives them",
    "int8": "weights int8, activations int8 by the range that calibration pictures gave them",
}


@dataclass(frozen=True)
class Export:
    """What an export made, and what its checks found."""

    file: Path
    """The model file; OpenVINO's .bin lies beside it."""
    size: int
    """Bytes, of all files that belong to the model."""
    difference: float
    """Largest difference between the float model's heatmaps and PyTorch's."""
    agreement: Agreement | None
    """Of the finished model with PyTorch; None where it is the float32 one."""
    seconds: float


def export(
    checkpoint: Path,
    target_name: str,
    output: Path,
    *,
    precision: str = "fp32",
    calibration: str | None = None,
    recipe: Recipe = RECIPES["default"],
    progress: Callable[[str], None] = lambda _: None,
) -> Export:
    """Make a model file of a checkpoint, and check it.

    Args:
        checkpoint: what `edgehand train` or `edgehand import` wrote.
        target_name: "tflite", "onnx" or "openvino".
        output: folder to write to.
        precision: one of PRECISIONS.
        calibration: folder of pictures or FORMAT:PATH; None takes the set inside the package.
        recipe: how precision "int8" is reached.
        progress: is told each step as it begins.
    Returns:
        the file and what the checks found.
    Raises:
        InputError: unknown target or precision, or the target's engine does not offer it, or what the recipe wants.
        CheckpointError, DataError: checkpoint or calibration cannot be used.
        ExportError: a converter failed, or the result failed its checks; nothing is written then.
        OutputError: `output` cannot be written to.
    """
    started = time.monotonic()
    if target_name not in names():
        raise InputError(f"target {target_name!r}: expected one of {', '.join(names())}")
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    network, spec = load_checkpoint(checkpoint)
    progress("reading calibration pictures")
    crops = calibrations.load(calibration, spec)
    seen = crops.inputs[:PICTURES]
    expected = torch_heatmaps(network, seen)
    with quiet(f"loading what makes {target_name} files"):
        maker = target(target_name)
    if precision in maker.NOT_OFFERED:
        raise InputError(f"precision {precision!r} for {target_name}: {maker.NOT_OFFERED[precision]}")
    if precision == "int8":
        recipe.check(target_name, maker.OFFERED)
    graph = inference_graph(network, deconvolution="keep")
    if recipe.equalise and precision == "int8":
        equalise(graph, crops.inputs)
    graph = inference_graph(graph, deconvolution=maker.DECONVOLUTION)
    floats = weights(graph, recipe.keep_float)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    name = f"{spec.name}-{precision}{maker.SUFFIX}"

    with staging(output) as folder:
        file = _made_in(folder / "float") / name
        progress("converting")
        with quiet(f"converting to {target_name}"):
            ends = maker.convert(graph, spec, file)
        story = _story(target_name, precision, recipe, crops)
        metadata = Metadata(spec, *ends, story, digest, producers(maker))
        progress("checking against PyTorch")
        float_model = Model(file, target_name, backend(target_name)(file, default_threads()), metadata)
        difference = float(np.abs(model_heatmaps(float_model, seen) - expected).max())
        if not difference <= MAX_DIFFERENCE:
            raise ExportError(
                f"{name}: float heatmaps differ from PyTorch's by {difference:.2g}: not written"
            )
        if precision != "fp32":
            source, file = file, _made_in(folder / precision) / name
            progress(f"quantizing with {len(crops.inputs)} pictures" if precision == "int8" else "quantizing")
            with quiet(f"quantizing for {target_name}"):
                if precision == "int8":
                    ends = maker.quantize(source, crops.inputs, recipe, floats, file)
                else:
                    ends = maker.shrink(source, precision, file)
                stayed = maker.float_convolutions(file, floats) if precision == "int8" else []
            if stayed:
                raise ExportError(
                    f"{name}: {len(stayed)} convolutions stayed float, {stayed[0]} first: not written"
                )
            metadata = replace(metadata, input=ends[0], output=ends[1])
        files = maker.attach(file, metadata)
        progress("checking the finished file")
        found = model_heatmaps(open_model(file), seen)
        size = sum(part.stat().st_size for part in files)
        place(files[::-1], output)  # the model itself last: when it is there, all is
    return Export(
        file=output / name,
        size=size,
        difference=difference,
        agreement=agreement(expected, found, spec) if precision != "fp32" else None,
        seconds=time.monotonic() - started,
    )


def _made_in(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _story(target_name: str, precision: str, recipe: Recipe, crops: Calibration) -> dict[str, Any]:
    """How a file was made, for its metadata."""
    story: dict[str, Any] = {"target": target_name, "precision": precision}
    if precision == "int8":
        calibration = {"source": crops.source, "pictures": len(crops.inputs), "sha256": crops.sha256}
        story |= {**asdict(recipe), "calibration": calibration}
    return story


def producers(maker: Target) -> dict[str, str]:
    """Packages that make a target's files -> their versions."""
    return {package: version(package) for package in ("edgehand", *maker.PACKAGES)}
