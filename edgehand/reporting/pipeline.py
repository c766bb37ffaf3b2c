"""The report's route: artifacts -> hands, times, memory, ranges -> one JSON document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edgehand.evaluation.figures import Outcome
from edgehand.reporting import accuracy, latency, memory, pictures, ranges
from edgehand.reporting.accuracy import Data
from edgehand.reporting.artifacts import PYTORCH, Artifact, NotOffered
from edgehand.reporting.machine import describe
from edgehand.reporting.notes import Notes
from edgehand.reporting.verdict import judge_all

SCHEMA = 1
"""Version of report.json; a change that a reader could stumble over counts it up."""
WORST = 3
"""Hands shown of each INT8 artifact."""
RANGE_HANDS = 128
"""Hands at most whose activations are looked at."""


@dataclass(frozen=True, eq=False)
class Report:
    """What was measured."""

    content: dict[str, Any]
    """Of report.json, see docs/report.md."""
    outcomes: list[Outcome]
    """Of each artifact, in the order of the content; the reference first."""


def measure(
    artifacts: list[Artifact],
    not_offered: list[NotOffered],
    data: list[Data],
    *,
    threads: int,
    max_drop: float,
    notes: Notes,
) -> Report:
    """Measure all artifacts on the same hands, and judge each.

    Args:
        artifacts: the reference first.
        not_offered: told, not measured.
        data: labelled hands.
        threads: CPU threads, beside one.
        max_drop: points of PCK@0.1 that may be lost.
        notes: of what earlier runs have measured.
    Raises:
        EdgehandError: an artifact or a picture cannot be used.
    """
    outcomes = _outcomes(artifacts, data, threads, notes)
    machine = describe()
    # PyTorch is the reference of accuracy alone: nobody ships it to a device.
    shipped = [artifact for artifact in artifacts if artifact.engine != PYTORCH]
    times = {count: _times(shipped, data, count, notes, machine) for count in dict.fromkeys((1, threads))}
    taken = {
        artifact.name: notes.keep(
            "memory", artifact.sha256, machine, measure=partial(memory.measure, artifact)
        )
        for artifact in tqdm(shipped, desc="memory", unit="model")
    }
    activations = _ranges(artifacts, data, notes)
    content = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "network": artifacts[0].metadata.spec.name,
        "data": [_describe(part, artifacts) for part in data],
        "hands": len(outcomes[0].pictures),
        "pictures": len(set(outcomes[0].pictures)),
        "machine": machine,
        "threads": list(times),
        "reference": artifacts[0].name,
        "max_drop": max_drop,
        "curve_thresholds": list(accuracy.CURVE),
        "artifacts": [
            {
                "name": artifact.name,
                "engine": artifact.engine,
                "precision": artifact.precision,
                "file": artifact.path.name,
                "sha256": artifact.sha256,
                "recipe": artifact.recipe,
                "size": artifact.size,
                "memory": taken.get(artifact.name),
                **accuracy.figures(outcome, outcomes[0]),
                "latency": _latency(artifact, artifacts, times),
                "ranges": found,
                "worst": pictures.worst(outcome, outcomes[0], WORST) if _is_int8(artifact) else [],
            }
            for artifact, outcome, found in zip(artifacts, outcomes, activations, strict=True)
        ],
        "not_offered": [asdict(missing) for missing in not_offered],
    }
    judge_all(content)
    return Report(content, outcomes)


def _outcomes(artifacts: list[Artifact], data: list[Data], threads: int, notes: Notes) -> list[Outcome]:
    hands = sum(len(part.samples) for part in data)
    with tqdm(total=hands * len(artifacts), desc="accuracy", unit="hand") as bar:
        return [accuracy.measure(artifact, data, threads, notes, bar.update) for artifact in artifacts]


def _times(
    artifacts: list[Artifact], data: list[Data], threads: int, notes: Notes, machine: dict[str, Any]
) -> dict[str, NDArray[np.float64]]:
    """Seconds of all artifacts: ratios hold within one run, so one that is new has all measured again."""
    identity = [(artifact.name, artifact.sha256) for artifact in artifacts]
    with tqdm(total=latency.ROUNDS, desc=f"latency, {threads} thread(s)", unit="round") as bar:
        measured = notes.keep(
            "latency", identity, threads, machine,
            measure=lambda: latency.measure(artifacts, data[0].samples[0], threads, bar.update),
        )  # fmt: skip
    return {name: np.array(seconds) for name, seconds in measured.items()}


def _ranges(artifacts: list[Artifact], data: list[Data], notes: Notes) -> list[dict[str, Any] | None]:
    """Of each artifact that tells its calibrated ranges, if the float model of its engine and weights is there too."""
    floats = {
        one.metadata.checkpoint_sha256: one
        for one in artifacts
        if (one.engine, one.precision) == ("tflite", "fp32")
    }
    samples = [sample for part in data for sample in part.samples]
    samples = samples[:: -(-len(samples) // RANGE_HANDS)]
    compared: list[dict[str, Any] | None] = []
    for artifact in artifacts:
        told, base = ranges.calibrated(artifact), floats.get(artifact.metadata.checkpoint_sha256)
        if told is None or base is None:
            compared.append(None)
            continue
        with tqdm(total=len(samples), desc="ranges", unit="hand") as bar:
            seen = notes.keep(
                "ranges", base.sha256, [part.sha256 for part in data],
                measure=partial(ranges.seen, base, samples, bar.update),
            )  # fmt: skip
        compared.append(ranges.compare(told, seen))
    return compared


def _latency(
    artifact: Artifact, artifacts: list[Artifact], times: dict[int, dict[str, NDArray[np.float64]]]
) -> dict[str, Any] | None:
    """By the number of threads; None for what was not timed."""
    base = next(
        (one.name for one in artifacts if (one.engine, one.precision) == (artifact.engine, "fp32")), ""
    )
    found = {
        str(count): latency.statistics(seconds[artifact.name], seconds.get(base))
        for count, seconds in times.items()
        if artifact.name in seconds
    }
    return found or None


def _is_int8(artifact: Artifact) -> bool:
    return artifact.precision.startswith("int8")


def _describe(part: Data, artifacts: list[Artifact]) -> dict[str, Any]:
    calibrations = [artifact.recipe.get("calibration") for artifact in artifacts]
    as_calibration = part.calibration_sha256
    return {
        "source": part.source,
        "hands": len(part.samples),
        "sha256": part.sha256,
        "calibrated_on": any(
            isinstance(pictures, dict) and pictures.get("sha256") == as_calibration
            for pictures in calibrations
        ),
    }
