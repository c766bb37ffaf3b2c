"""Timing by turns: what is compared shares the machine's moods."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def least(functions: dict[str, Callable[[], Any]], seconds: float = 0.2) -> dict[str, float]:
    """The least time of each function, called by turns.

    Args:
        functions: what to time, by name.
        seconds: how long to go on, for each function.
    Returns:
        Microseconds a call, by name.
    """
    times = {}
    for name, function in functions.items():
        function()
        start = time.perf_counter()
        function()
        times[name] = time.perf_counter() - start
    end = time.perf_counter() + seconds * len(functions)
    while time.perf_counter() < end:
        for name, function in functions.items():
            calls = max(1, int(2e-4 / max(times[name], 1e-7)))
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times[name] = min(times[name], (time.perf_counter() - start) / calls)
    return {name: 1e6 * value for name, value in times.items()}
