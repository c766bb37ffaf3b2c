"""The fastest recipe that keeps the accuracy: few are tried, from fast to slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgehand.errors import InputError
from edgehand.export import calibration as calibrations
from edgehand.export.check import model_heatmaps, pck, torch_heatmaps
from edgehand.export.diagnosis import diagnose
from edgehand.export.graph import inference_graph
from edgehand.export.operations import Operations
from edgehand.export.pipeline import Export, export
from edgehand.export.quiet import quiet
from edgehand.export.recipe import RECIPES, Recipe
from edgehand.export.targets import names, target
from edgehand.files import place, staging
from edgehand.runtime.artifact import open_model
from edgehand.training.checkpoint import load_checkpoint

INTEGER = ("default", "equalised", "mse", "percentile")
"""Recipes that run equally fast, all in integers."""
FLOAT_LAYERS = (1, 2, 4, 8)
"""How many of the worst layers, with those that read them, are tried in float; each more is slower."""
PICTURES = 1000
"""Pictures measured at most, evenly spread over those given."""


class _NonePasses(Exception):
    """Has `staging` leave nothing behind."""


@dataclass(frozen=True)
class Attempt:
    """A recipe that was tried."""

    name: str
    recipe: Recipe
    pck: float
    """PCK@0.1 of the model that it gave, 0..1."""
    drop: float
    """What the float network has more, percentage points."""


def search(
    checkpoint: Path,
    target_name: str,
    output: Path,
    *,
    data: str,
    max_drop: float,
    calibration: str | None = None,
    io: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    tried: Callable[[Attempt], None] = lambda _: None,
) -> Export | None:
    """Export the fastest INT8 model that loses little enough.

    Every all-integer recipe is as fast as the other, and every layer left float costs time: the first that passes is
    the fastest, whatever a stopwatch would say of it on this machine.

    Args:
        checkpoint: what `edgehand train` or `edgehand import` wrote.
        target_name: "tflite", "onnx" or "openvino".
        output: folder to write to.
        data: "FORMAT:PATH" of labelled pictures to measure PCK@0.1 on.
        max_drop: percentage points of PCK@0.1 that may be lost against the float network.
        calibration, io: as for `export`.
        progress: is told each step as it begins.
        tried: is told each attempt when it is measured.
    Returns:
        the model; None where no recipe passes, and then nothing is written.
    Raises:
        InputError: unknown target, or the pictures have no labels.
        CheckpointError, DataError, ExportError, OutputError: as `export`.
    """
    if target_name not in names():
        raise InputError(f"target {target_name!r}: expected one of {', '.join(names())}")
    network, spec = load_checkpoint(checkpoint)
    progress("reading pictures")
    crops = calibrations.load(data, spec, PICTURES, subset="test")
    if not np.isfinite(crops.keypoints).any():
        raise InputError(
            f"--data {data}: has no labels to measure by; give FORMAT:PATH of a labelled data set"
        )
    before = pck(torch_heatmaps(network, crops.inputs), crops, spec)
    attempts: list[Attempt] = []
    with suppress(_NonePasses), staging(output) as folder:
        for name, recipe in _candidates(checkpoint, target_name, calibration, attempts):
            progress(f"trying {name}")
            made = export(
                checkpoint,
                target_name,
                folder / str(len(attempts)),
                precision="int8",
                calibration=calibration,
                recipe=replace(recipe, io=io),
            )
            after = pck(model_heatmaps(open_model(made.file), crops.inputs), crops, spec)
            attempts.append(Attempt(name, recipe, after, 100 * (before - after)))
            tried(attempts[-1])
            if attempts[-1].drop <= max_drop:
                files = sorted(made.file.parent.iterdir(), key=lambda file: file == made.file)
                place(files, output)
                return replace(made, file=output / made.file.name)
        raise _NonePasses
    return None


def _candidates(
    checkpoint: Path, target_name: str, calibration: str | None, attempts: list[Attempt]
) -> Iterator[tuple[str, Recipe]]:
    """Recipes from fast to slow; the slower ones follow from what was measured of the others."""
    with quiet(f"loading what makes {target_name} files"):
        offered = target(target_name).OFFERED.get("calibrator")
    for name in INTEGER:
        if offered is None or RECIPES[name].calibrator in offered:
            yield name, RECIPES[name]
    best = min(attempts, key=lambda attempt: attempt.drop)
    layers = [damage.layer for damage in diagnose(checkpoint, best.recipe, calibration=calibration).layers]
    operations = Operations(inference_graph(load_checkpoint(checkpoint)[0], deconvolution="keep"))
    convolutions = [name for name in layers if operations[name].convolution]
    for count in FLOAT_LAYERS:
        # What a layer writes stays float only where those that read it are float as well.
        kept = {
            operation.name: None
            for name in convolutions[:count]
            for operation in (operations[name], *operations.consumers(operations[name]))
            if operation.convolution
        }
        yield f"{best.name}, worst {count} float", replace(best.recipe, keep_float=tuple(kept))
