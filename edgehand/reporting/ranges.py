"""Ranges of activations: what an INT8 model was calibrated for, and what the data show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgehand import image
from edgehand.datasets import Sample
from edgehand.reporting.artifacts import Artifact
from edgehand.runtime.backends.tflite import transparent_interpreter
from edgehand.runtime.estimator import input_crop, table_for

Ranges = dict[str, tuple[float, float]]


def calibrated(artifact: Artifact) -> Ranges | None:
    """The range that each activation can hold, by the tensor's name, in the order of the graph.

    Read from the quantization of a TFLite model's tensors; None where a file has none to show, or has its channels
    equalised, which those of the float model are not.
    """
    if artifact.engine != "tflite" or artifact.precision != "int8" or artifact.recipe.get("equalise"):
        return None
    found = {}
    for detail in transparent_interpreter(artifact.path).get_tensor_details():
        scale, zero_point = detail["quantization"]  # 0 where there is a scale a channel: a weight
        if detail["dtype"] == np.int8 and scale:
            # Half a step beyond the ends still rounds to them.
            found[detail["name"]] = (
                float((-128.5 - zero_point) * scale),
                float((127.5 - zero_point) * scale),
            )
    return found


def seen(artifact: Artifact, samples: list[Sample], progress: Callable[[], object]) -> Ranges:
    """The least and largest value that each activation of a float32 TFLite model takes.

    Args:
        artifact: the model.
        samples: whose crops it is given.
        progress: is called after each.
    """
    model = artifact.open(1)
    interpreter = transparent_interpreter(artifact.path)
    details = [detail for detail in interpreter.get_tensor_details() if detail["dtype"] == np.float32]
    entry = interpreter.get_input_details()[0]["index"]
    table = table_for(model)
    found: Ranges = {}
    for sample in samples:
        interpreter.set_tensor(entry, input_crop(model, table, image.load(sample.image), sample.box)[0])
        interpreter.invoke()
        for detail in details:
            values = interpreter.get_tensor(detail["index"])
            low, high = found.get(detail["name"], (np.inf, -np.inf))
            found[detail["name"]] = (min(low, float(values.min())), max(high, float(values.max())))
        progress()
    return found


def compare(calibrated: Ranges, seen: Ranges) -> dict[str, Any]:
    """Both ranges side by side, of the tensors that both have.

    Returns:
        plain data: tensors in the graph's order, each with the fraction of its calibrated width by which the
        seen range leaves it, how many leave it, and the largest fraction.
    """
    tensors = []
    excesses = []
    for name, (low, high) in calibrated.items():
        if name in seen:
            least, most = seen[name]
            excesses.append(max(low - least, most - high, 0.0) / (high - low))
            tensors.append(
                {"name": name, "calibrated": [low, high], "seen": [least, most], "excess": excesses[-1]}
            )
    return {
        "tensors": tensors,
        "exceeded": sum(excess > 0 for excess in excesses),
        "largest_excess": max(excesses, default=0.0),
    }
