"""One sentence an artifact: whether it passes, what was lost, how much faster it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgehand.metrics import Figure

FASTER = 1.05
"""Speed-up from which an artifact is called faster: less is within what a second run would move."""


@dataclass(frozen=True)
class Verdict:
    """Of one artifact."""

    passes: bool
    sentence: str


def judge_all(content: dict[str, Any]) -> None:
    """Put a verdict into each artifact of a report's content, the first of which is the reference."""
    for index, row in enumerate(content["artifacts"]):
        base = next((one for one in content["artifacts"] if _is_float(one, row["engine"])), None)
        speed_up = row["latency"] and row["latency"]["1"]["speed_up"]
        verdict = judge(
            Figure(**row["figures"]["PCK@0.1"]["difference"]),
            Figure(**speed_up) if speed_up else None,
            row["size"] / base["size"] if base else None,
            max_drop=content["max_drop"],
            precision=row["precision"],
        )
        if index == 0:
            verdict = Verdict(True, "The reference.")
        row["verdict"] = asdict(verdict)


def _is_float(row: dict[str, Any], engine: str) -> bool:
    return bool(row["engine"] == engine and row["precision"] == "fp32")


def judge(
    difference: Figure, speed_up: Figure | None, size_ratio: float | None, *, max_drop: float, precision: str
) -> Verdict:
    """Judge an artifact by its estimate; the interval is told, and decides nothing.

    Args:
        difference: of PCK@0.1 from the reference, fraction; negative is a loss.
        speed_up: over the same engine's float32, one thread; None where there is none.
        size_ratio: size over that of the same engine's float32; None where there is none.
        max_drop: points of PCK@0.1 that may be lost.
        precision: of the artifact; float32 is not compared with itself.
    """
    lost, least, most = (-100 * value for value in (difference.value, difference.high, difference.low))
    passes = lost <= max_drop
    sentence = f"{'Passes' if passes else 'Fails'}: {_loss(lost, least, most)}"
    if not passes:
        sentence += f", where {max_drop:g} may be lost"
    elif most > max_drop:
        sentence += f" (these hands leave a loss of up to {most:.2f} possible)"
    if precision == "fp32":
        return Verdict(passes, sentence + ".")
    if speed_up is None:
        sentence += "; no float32 model of its engine is here to compare its speed with"
    elif speed_up.value < FASTER:
        sentence += f"; no faster than its engine's fp32 ({speed_up.value:.2f} times its speed)"
    else:
        sentence += f"; {speed_up.value:.2f} times as fast as its engine's fp32"
    if size_ratio is not None:
        sentence += f", {100 * size_ratio:.0f} % of its size"
    return Verdict(passes, sentence + ".")


def _loss(lost: float, least: float, most: float) -> str:
    if round(most, 2) == round(least, 2) == 0:
        return "no point of PCK@0.1 lost"
    # The interval of a gain runs from its small end to its large one, too.
    verb, ends = ("won", (-most, -least)) if lost < 0 else ("lost", (least, most))
    return f"{abs(lost):.2f} points of PCK@0.1 {verb} (95 % interval {ends[0]:.2f} to {ends[1]:.2f})"
