"""Time of an inference: all artifacts by turns, so that what disturbs one disturbs all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import image
from edgehand.datasets import Sample
from edgehand.metrics import Resampled
from edgehand.reporting.artifacts import Artifact
from edgehand.runtime.estimator import input_crop, table_for

ROUNDS, REPEATS = 40, 5
WARM_UP = 5
"""Inferences of each artifact before the first round; each turn begins with one more."""
PAUSE = 0.01
"""Seconds before each turn: an engine's idle threads go on spinning for some milliseconds."""


def by_turns(
    calls: dict[str, Callable[[], object]], progress: Callable[[], object]
) -> dict[str, NDArray[np.float64]]:
    """Time some functions, in rounds in which each has its turn, in an order that changes.

    Args:
        calls: what to time, by name.
        progress: is called after each round.
    Returns:
        (ROUNDS, REPEATS) seconds, by name.
    """
    times = {name: np.empty((ROUNDS, REPEATS)) for name in calls}
    for call in calls.values():
        for _ in range(WARM_UP):
            call()
    rng = np.random.default_rng(0)
    for round_ in range(ROUNDS):
        for name in rng.permutation(list(calls)):
            time.sleep(PAUSE)
            calls[name]()
            for repeat in range(REPEATS):
                started = time.perf_counter()
                calls[name]()
                times[name][round_, repeat] = time.perf_counter() - started
        progress()
    return times


def statistics(times: NDArray[np.float64], base: NDArray[np.float64] | None) -> dict[str, Any]:
    """What is quoted of times.

    Args:
        times: (R, K) seconds.
        base: (R, K) of the same engine's float32, in the same rounds; None where there is none.
    Returns:
        p50, p95, least in milliseconds; speed_up over `base` with its 95 % interval, or None.
    """
    p50, p95 = np.percentile(times * 1e3, [50, 95])
    return {
        "p50": float(p50),
        "p95": float(p95),
        "least": float(times.min() * 1e3),
        "speed_up": None if base is None else asdict(speed_up(times, base).figure()),
    }


def speed_up(
    times: NDArray[np.float64], base: NDArray[np.float64], *, resamples: int = 1000, seed: int = 0
) -> Resampled:
    """How many times as fast: the ratio of the medians, with a bootstrap over rounds.

    Args:
        times, base: (R, K) seconds; row r of both was measured in the same round.
        resamples, seed: of the bootstrap, which draws a round for both at once.
    """
    rounds = np.random.default_rng(seed).integers(0, len(times), (resamples, len(times)))
    medians = [np.median(values[rounds].reshape(resamples, -1), axis=1) for values in (base, times)]
    return Resampled(float(np.median(base) / np.median(times)), medians[0] / medians[1])


def measure(
    artifacts: list[Artifact], sample: Sample, threads: int, progress: Callable[[], object]
) -> dict[str, list[list[float]]]:
    """Time the engines alone, on one crop.

    Args:
        artifacts: to time.
        sample: whose crop they are given.
        threads: CPU threads.
        progress: is called after each round.
    Returns:
        (ROUNDS, REPEATS) seconds, by the artifact's name.
    """
    picture = image.load(sample.image)
    calls: dict[str, Callable[[], object]] = {}
    for artifact in artifacts:
        model = artifact.open(threads)
        crop, _ = input_crop(model, table_for(model), picture, sample.box)
        calls[artifact.name] = partial(model.backend.infer, crop)
    return {name: times.tolist() for name, times in by_turns(calls, progress).items()}
