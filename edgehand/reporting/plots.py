"""Plots of a report, as SVG that takes the page's colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from edgehand.reporting.artifacts import PYTORCH

ENGINE_COLOURS = {PYTORCH: "#7f7f7f", "tflite": "#e69f00", "onnx": "#0096d6", "openvino": "#00a878"}
"""Of M. Okabe and K. Ito's palette, which colour-blind people can tell apart; all stand out on black and white."""
MARKERS = {"fp32": "o", "fp16": "s", "int8-dynamic": "^", "int8": "D"}
LINES = {"fp32": "-", "fp16": "--", "int8-dynamic": ":", "int8": "-."}
SHOWN_POINTS = 5
"""Of accuracy below the best, to scale."""
_INK = "#010203"
"""Stands for the page's own text colour until the SVG is written."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.framealpha": 0,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), _INK
    ),
}


def all_of(content: dict[str, Any]) -> dict[str, str]:
    """Every plot of a report, by name; "ranges-N" is of its artifact N."""
    found = {"front": front(content), "curves": curves(content), "joints": joints(content)}
    for index, artifact in enumerate(content["artifacts"]):
        if artifact["ranges"]:
            found[f"ranges-{index}"] = ranges(artifact, f"ranges-{index}")
    return found


def front(content: dict[str, Any]) -> str:
    """Accuracy over latency with one thread; the area of a point is the artifact's size."""

    def paint(axes: Axes) -> None:
        artifacts = [artifact for artifact in content["artifacts"] if artifact["latency"]]
        points = [
            (artifact["latency"]["1"]["p50"], 100 * artifact["figures"]["PCK@0.1"]["value"])
            for artifact in artifacts
        ]
        largest = max(artifact["size"] for artifact in artifacts)
        # One that has collapsed would leave the others no room: it stands on the floor, with its value.
        floor = max(y for _, y in points) - SHOWN_POINTS
        for artifact, (x, y) in zip(artifacts, points, strict=True):
            axes.scatter(
                x, max(y, floor),
                s=260 * artifact["size"] / largest,
                color=_colour(artifact),
                marker=MARKERS.get(artifact["precision"], "x"),
                alpha=0.75,
                label=artifact["name"],
                clip_on=False,
                zorder=3,
            )  # fmt: skip
            if y < floor:
                axes.annotate(
                    f"{y:.1f} ↓", (x, floor), xytext=(0, 8), textcoords="offset points", ha="center"
                )
        best = pareto(points)
        axes.plot([x for x, _ in best], [y for _, y in best], color=_INK, linewidth=0.8, alpha=0.6, zorder=0)
        axes.set(xlabel="milliseconds an inference (p50, 1 thread)", ylabel="PCK@0.1, %", xlim=(0, None))
        if any(y < floor for _, y in points):
            axes.set_ylim(bottom=floor)
        for handle in _legend(axes).legend_handles:
            handle.set_sizes([30])  # type: ignore[union-attr]

    return _svg("front", paint)


def pareto(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other is both faster (x) and more accurate (y) than, by x."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or y > best[-1][1]:
            best.append((x, y))
    return best


def curves(content: dict[str, Any]) -> str:
    """PCK over its threshold."""

    def paint(axes: Axes) -> None:
        for artifact in content["artifacts"]:
            axes.plot(
                content["curve_thresholds"],
                [100 * value for value in artifact["curve"]],
                color=_colour(artifact),
                linestyle=LINES.get(artifact["precision"], "-"),
                linewidth=1.3,
                label=artifact["name"],
            )
        axes.set(xlabel="threshold, fraction of the box's longer side", ylabel="PCK, %", ylim=(0, 100))
        _legend(axes)

    return _svg("curves", paint)


def joints(content: dict[str, Any]) -> str:
    """Mean error of each joint."""

    def paint(axes: Axes) -> None:
        for artifact in content["artifacts"]:
            names = list(artifact["joints"])
            axes.plot(
                [100 * value for value in artifact["joints"].values()],
                range(len(names)),
                color=_colour(artifact),
                linestyle="none",
                marker=MARKERS.get(artifact["precision"], "x"),
                markersize=4,
                alpha=0.75,
                label=artifact["name"],
            )
            axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set(xlabel="mean error, % of the box's longer side", xlim=(0, None))
        _legend(axes)

    return _svg("joints", paint, height=5.6)


def ranges(artifact: dict[str, Any], name: str) -> str:
    """What the data show each activation, with the calibrated range as 0..1."""

    def paint(axes: Axes) -> None:
        axes.axhspan(0, 1, color=ENGINE_COLOURS["openvino"], alpha=0.2, label="calibrated")
        for index, tensor in enumerate(artifact["ranges"]["tensors"]):
            low, high = tensor["calibrated"]
            ends = [(value - low) / (high - low) for value in tensor["seen"]]
            colour = "#d55e00" if tensor["excess"] > 0 else _INK
            axes.plot([index, index], ends, color=colour, linewidth=1.4)
        axes.set(
            xlabel="activation, in the graph's order", ylabel="seen, as a fraction of the calibrated range"
        )

    return _svg(name, paint)


def _colour(artifact: dict[str, Any]) -> str:
    return ENGINE_COLOURS.get(artifact["engine"], _INK)


def _legend(axes: Axes) -> Legend:
    figure = axes.get_figure()
    assert figure is not None
    handles, labels = axes.get_legend_handles_labels()
    return figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)


def _svg(name: str, paint: Callable[[Axes], None], *, height: float = 4.4) -> str:
    """Draw, and write as an element for a page: transparent, text as text, ids of its own."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(5, height), layout="constrained")
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
