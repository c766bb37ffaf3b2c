"""The pure parts: times, verdicts, ranges, pointers."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from edgehand.metrics import Figure
from edgehand.reporting import latency, page, plots, ranges
from edgehand.reporting.verdict import judge


def test_statistics_of_known_times() -> None:
    times = np.arange(1, 101).reshape(20, 5) / 1e3
    found = latency.statistics(times, None)
    assert found == {
        "p50": pytest.approx(50.5),
        "p95": pytest.approx(95.05),
        "least": pytest.approx(1),
        "speed_up": None,
    }


def test_a_disturbance_that_both_share_leaves_the_speed_up_alone() -> None:
    rng = np.random.default_rng(0)
    moods = rng.uniform(1, 5, (40, 1)) * np.ones((40, 5))
    both = latency.speed_up(moods, 2 * moods).figure()
    assert both == Figure(2, 2, 2)
    # The same moods, met by each at another time: the ratio is no longer known as well.
    apart = latency.speed_up(moods, 2 * rng.permutation(moods)).figure()
    assert apart.high - apart.low > 0.2
    assert latency.speed_up(moods, 2 * moods, seed=1).figure() == both


def test_interval_of_the_speed_up_covers_the_truth() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        base, times = (mean * rng.lognormal(0, 0.1, (40, 5)) for mean in (3.0, 2.0))
        figure = latency.speed_up(times, base, resamples=400).figure()
        covered += figure.low <= 1.5 <= figure.high
    assert 0.9 <= covered / 200 <= 0.99


def test_every_round_gives_each_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "PAUSE", 0)
    called: list[str] = []
    rounds: list[int] = []
    times = latency.by_turns(
        {name: lambda name=name: called.append(name) for name in "abc"}, lambda: rounds.append(len(called))
    )
    assert {name: values.shape for name, values in times.items()} == dict.fromkeys(
        "abc", (latency.ROUNDS, latency.REPEATS)
    )
    assert len(rounds) == latency.ROUNDS
    turns = called[3 * latency.WARM_UP :]
    turn = latency.REPEATS + 1  # the first is not timed
    orders = set()
    for start in range(0, len(turns), 3 * turn):
        order = turns[start : start + 3 * turn : turn]
        assert turns[start : start + 3 * turn] == [name for name in order for _ in range(turn)]
        assert sorted(order) == list("abc")
        orders.add(tuple(order))
    assert len(orders) == 6


@pytest.mark.parametrize(
    ("difference", "speed_up", "passes", "sentence"),
    [
        (
            (-0.002, -0.004, 0.001), 2.5, True,
            "Passes: 0.20 points of PCK@0.1 lost (95 % interval -0.10 to 0.40); 2.50 times as fast as its "
            "engine's fp32, 30 % of its size.",
        ),
        (
            (-0.004, -0.02, 0.001), 2.5, True,
            "Passes: 0.40 points of PCK@0.1 lost (95 % interval -0.10 to 2.00) (these hands leave a loss of up to "
            "2.00 possible); 2.50 times as fast as its engine's fp32, 30 % of its size.",
        ),
        (
            (-0.3, -0.4, -0.2), 1.02, False,
            "Fails: 30.00 points of PCK@0.1 lost (95 % interval 20.00 to 40.00), where 0.5 may be lost; no faster "
            "than its engine's fp32 (1.02 times its speed), 30 % of its size.",
        ),
        (
            (0.001, -0.001, 0.003), 0.8, True,
            "Passes: 0.10 points of PCK@0.1 won (95 % interval -0.10 to 0.30); no faster than its engine's fp32 "
            "(0.80 times its speed), 30 % of its size.",
        ),
        (
            (0, 0, 0), None, True,
            "Passes: no point of PCK@0.1 lost; no float32 model of its engine is here to compare its speed with.",
        ),
    ],
)  # fmt: skip
def test_verdicts(difference, speed_up, passes, sentence) -> None:
    given = speed_up and Figure(speed_up, speed_up, speed_up)
    size_ratio = 0.3 if speed_up else None
    found = judge(Figure(*difference), given, size_ratio, max_drop=0.5, precision="int8")
    assert (found.passes, found.sentence) == (passes, sentence)


def test_float_is_not_compared_with_itself() -> None:
    one = Figure(1, 1, 1)
    assert judge(Figure(0, 0, 0), one, 1.0, max_drop=0.5, precision="fp32").sentence == (
        "Passes: no point of PCK@0.1 lost."
    )


def test_exactly_what_may_be_lost_passes() -> None:
    for lost, passes in ((0.5, True), (0.51, False)):
        found = judge(Figure(-lost / 100, -0.1, 0.1), None, None, max_drop=0.5, precision="int8")
        assert found.passes == passes


def test_excess_is_measured_in_widths() -> None:
    found = ranges.compare(
        {"inside": (-1.0, 1.0), "above": (0.0, 4.0), "below": (-2.0, 2.0), "unseen": (0.0, 1.0)},
        {"inside": (-1.0, 0.5), "above": (0.0, 5.0), "below": (-3.0, 2.5), "other": (0.0, 9.0)},
    )
    assert [(tensor["name"], tensor["excess"]) for tensor in found["tensors"]] == [
        ("inside", 0), ("above", 0.25), ("below", 0.25),
    ]  # fmt: skip
    assert (found["exceeded"], found["largest_excess"]) == (2, 0.25)


def test_front_is_what_no_other_beats_in_both() -> None:
    points = [(3.0, 90.0), (1.0, 80.0), (2.0, 70.0), (4.0, 90.0), (1.0, 60.0), (5.0, 95.0)]
    assert plots.pareto(points) == [(1.0, 80.0), (3.0, 90.0), (5.0, 95.0)]


SVG = "{http://www.w3.org/2000/svg}"


def artifact(name: str, milliseconds: float, accuracy: float) -> dict[str, Any]:
    return {
        "name": name,
        "engine": "onnx",
        "precision": "int8",
        "size": 100,
        "latency": {"1": {"p50": milliseconds}},
        "figures": {"PCK@0.1": {"value": accuracy}},
        "curve": [accuracy * step / 3 for step in range(4)],
    }


def test_plots_show_the_figures_to_scale() -> None:
    values = [(3.0, 0.90), (1.0, 0.87), (2.5, 0.88), (4.0, 0.895), (2.0, 0.1)]
    content = {
        "artifacts": [artifact(str(index), *value) for index, value in enumerate(values)],
        "curve_thresholds": [0, 0.1, 0.2, 0.3],
    }
    root = ElementTree.fromstring(plots.front(content))
    points = [
        (float(use.get("x", "")), -float(use.get("y", "")))
        for index in range(len(values))
        for group in root.iter(f"{SVG}g")
        if group.get("id") == f"front-PathCollection_{index + 1}"
        for use in group.iter(f"{SVG}use")
    ]
    assert len(points) == len(values)
    # The last has collapsed: it stands on the floor of the plot, five points below the best.
    shown = [(x, max(y, 0.85)) for x, y in values]
    for axis in (0, 1):
        place, value = np.array(points)[:, axis], np.array(shown)[:, axis]
        slope, start = np.polyfit(value, place, 1)
        assert slope > 0
        np.testing.assert_allclose(start + slope * value, place, atol=1e-3)
    assert any("10.0" in (text.text or "") for text in root.iter(f"{SVG}text"))

    root = ElementTree.fromstring(plots.curves(content))
    labels = [text.text for text in root.iter(f"{SVG}text")]
    assert all(str(index) in labels for index in range(len(values)))


def test_plots_ask_for_nothing_and_share_no_ids() -> None:
    content = {"artifacts": [artifact("a", 1, 0.5)], "curve_thresholds": [0, 0.1, 0.2, 0.3]}
    front, curves = (ElementTree.fromstring(plot(content)) for plot in (plots.front, plots.curves))
    ids = [{element.get("id") for element in root.iter()} - {None} for root in (front, curves)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for root in (front, curves):
        links = [value for element in root.iter() for name, value in element.items() if name.endswith("href")]
        assert all(link.startswith("#") for link in links)
        assert not list(root.iter(f"{SVG}image"))


def test_pointers_follow_the_rfc() -> None:
    # RFC 6901, section 5.
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, " ": 7}
    for pointer, parts, value in (
        ("/foo/0", ("foo", 0), "bar"),
        ("/", ("",), 0),
        ("/a~1b", ("a/b",), 1),
        ("/m~0n", ("m~n",), 8),
        ("/ ", (" ",), 7),
    ):
        assert page.pointer(*parts) == pointer
        assert page.resolve(document, pointer) == value
