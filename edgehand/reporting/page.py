"""report.json -> report.html and report.md: every figure is looked up where the JSON has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from edgehand.evaluation.figures import Outcome
from edgehand.reporting import pictures, plots

UNITS = {
    "percent": (100, 2),
    "pixels": (1, 2),
    "MB": (1e-6, 2),
    "MB0": (1e-6, 0),
    "ms": (1, 2),
    "times": (1, 2),
    "count": (1, 0),
    "plain": (1, 1),
}
"""Unit -> what a value is multiplied by, and how many digits follow the point."""


def html(content: dict[str, Any], outcomes: list[Outcome]) -> str:
    """The page: one file that asks for nothing else.

    Args:
        content: of report.json.
        outcomes: of its artifacts, for the pictures.
    """
    drawn = {
        (index, place): tuple(
            pictures.data_uri(outcome, hand["hand"]) for outcome in (outcomes[0], outcomes[index])
        )
        for index, row in enumerate(content["artifacts"])
        for place, hand in enumerate(row["worst"])
    }
    svgs = {name: Markup(svg) for name, svg in plots.all_of(content).items()}
    return _render("report.html", content, _data_element, plots=svgs, pictures=drawn)


def markdown(content: dict[str, Any]) -> str:
    """The same tables for a terminal, a pull request or a wiki."""
    return _render("report.md", content, lambda text, *_: text)


def pointer(*parts: object) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def resolve(content: Any, path: str) -> Any:
    """What a JSON pointer points at."""
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        content = content[int(key) if isinstance(content, list) else key]
    return content


def _render(
    template: str, content: dict[str, Any], element: Callable[[str, str, float, float], str], **values: Any
) -> str:
    environment = Environment(
        loader=PackageLoader("edgehand.reporting"),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = content["artifacts"][0]["figures"]
    return environment.get_template(template).render(
        report=content,
        at=pointer,
        resolve=partial(resolve, content),
        units={name: "pixels" if name == "EPE" else "percent" for name in names},
        figure=partial(_figure, content, element),
        **values,
    )


def _figure(
    content: dict[str, Any],
    element: Callable[[str, str, float, float], str],
    unit: str,
    parts: list[object],
    *,
    signed: bool = False,
) -> str:
    """One figure of the report, as `element` writes it: its text, JSON pointer, value and scale."""
    path = pointer(*parts)
    value = resolve(content, path)
    scale, digits = UNITS[unit]
    rounded = round(value * scale, digits) + 0.0  # not -0.0
    return element(f"{rounded:{'+' if signed and rounded else ''}.{digits}f}", path, value, scale)


def _data_element(text: str, path: str, value: float, scale: float) -> str:
    return Markup('<data value="{}" data-pointer="{}" data-scale="{}">{}</data>').format(
        repr(value), path, scale, text
    )
