"""Plausible poses: joint angles drawn at random, those that pass through each other left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgehand.synth.geometry import Array, segment_distance
from edgehand.synth.gestures import GESTURES, Gesture
from edgehand.synth.hand_model import BONE, Angles, HandModel

CANDIDATES = 3
"""Poses drawn at a time, of which the first possible one is taken."""
DEEPEST = 0.0045
"""How far, in metres for a hand of typical size, the capsules of two fingers may overlap: flesh gives way."""
TYPICAL_PALM = 0.102
"""Wrist to middle knuckle, metres."""

_MCP, _PIP, _DIP = (-28, 92), (-4, 106), (-4, 78)
_THUMB = np.array([(-15, 62), (-38, 22), (-15, 25), (-10, 32), (-14, 50), (-18, 70)]).T
_THUMB_SIGMA = np.array([5, 4, 4, 4, 6, 8])


@dataclass(frozen=True, eq=False)
class Pose:
    """A posed hand."""

    kind: str
    """A gesture's name, "blend", "curl" or "independent"."""
    transforms: Array
    """(bones, 3, 4)"""
    bones: Array
    """(bones, 2, 3) heads and tails."""


def sample_pose(
    model: HandModel,
    identity: int,
    rng: np.random.Generator,
    gestures: tuple[str, ...] = (),
    *,
    bent: bool = False,
) -> Pose:
    """Draw a pose in which no finger passes through another.

    Args:
        model, identity: whose hand.
        rng: source of randomness.
        gestures: if given, only these, with some variation.
        bent: the wrist is bent towards the palm.
    """
    for _ in range(20):
        drawn = [_draw(rng, gestures) for _ in range(CANDIDATES)]
        angles = _angles([gesture for _, gesture, _ in drawn], [variation for *_, variation in drawn], rng)
        if bent:
            angles.wrist[:, 0] = rng.uniform(20, 75, CANDIDATES)
        transforms = model.pose(identity, angles)
        bones = model.bones(identity, transforms)
        possible = np.flatnonzero(overlap(bones) < DEEPEST)
        if len(possible):
            break
    first = possible[0] if len(possible) else int(np.argmin(overlap(bones)))
    return Pose(drawn[first][0], transforms[first], bones[first])


def _draw(rng: np.random.Generator, names: tuple[str, ...]) -> tuple[str, Gesture, float]:
    """A kind of pose, its angles, and by how much they are to vary."""
    chosen = names or tuple(GESTURES)
    name, other = (chosen[index] for index in rng.integers(len(chosen), size=2))
    share = rng.random()
    if names or share < 0.40:
        return name, GESTURES[name], 1.0
    if share < 0.58:
        return "blend", _blend(GESTURES[name], GESTURES[other], rng), 1.0
    if share < 0.78:
        slope = rng.normal(0, 0.18) * np.linspace(-1, 1, 4)
        curl = np.clip(rng.beta(0.8, 0.9) + slope + rng.normal(0, 0.1, 4), -0.1, 1.05)
        knuckles = np.clip(curl + rng.normal(0, 0.15) + rng.normal(0, 0.06, 4), -0.2, 1)
        return "curl", _curled(curl, knuckles, rng), 0.4
    curl = rng.beta(0.7, 0.7, 4)
    # Knuckles drawn for themselves make fingers that are hooked, or bent at the knuckle alone.
    knuckles = np.clip(curl + rng.normal(0, 0.2, 4), -0.2, 1) if share < 0.89 else rng.beta(0.7, 0.7, 4)
    return "independent", _curled(curl, knuckles, rng), 0.4


def _blend(a: Gesture, b: Gesture, rng: np.random.Generator) -> Gesture:
    """Between two gestures, each finger a little more or less far."""
    part = rng.random()
    fingers = np.clip(part + rng.normal(0, 0.12, 4), 0, 1)
    mcp, pip, dip = (
        (1 - fingers) * before + fingers * after
        for before, after in ((a.mcp, b.mcp), (a.pip, b.pip), (a.dip, b.dip))
    )
    return Gesture(
        mcp, pip, dip, (1 - part) * a.spread + part * b.spread, (1 - part) * a.thumb + part * b.thumb
    )


def _curled(curl: Array, knuckles: Array, rng: np.random.Generator) -> Gesture:
    """Fingers bent by 0..1 each, and a thumb anywhere from open to opposed."""
    pip = 102 * np.clip(curl, 0, 1.02)
    opposed = rng.beta(1.1, 1.3)
    thumb = np.array(
        [
            rng.normal(45 * opposed - 2, 7),
            rng.normal(8 - 25 * rng.random(), 7),
            rng.normal(6 * opposed, 5),
            rng.normal(18 * opposed, 5),
            rng.uniform(-8, 40) * rng.random(),
            rng.uniform(-12, 60) * rng.random(),
        ]
    )
    spread = float(np.clip(rng.normal(0.35, 0.4), -0.2, 1.2))
    return Gesture(88 * knuckles, pip, pip * rng.uniform(0.45, 0.75), spread, thumb)


def _angles(gestures: list[Gesture], variations: list[float], rng: np.random.Generator) -> Angles:
    """Gestures with variation, within the range of human joints, on a wrist and forearm turned at random."""
    n = len(gestures)
    by = np.array(variations)[:, None]
    mcp, pip, dip, thumb = (
        np.array([getattr(g, name) for g in gestures]) for name in ("mcp", "pip", "dip", "thumb")
    )
    mcp = np.clip(mcp + by * (rng.normal(0, 5, (n, 4)) + rng.normal(0, 4, (n, 1))), *_MCP)
    pip = np.clip(pip + by * (rng.normal(0, 5, (n, 4)) + rng.normal(0, 3, (n, 1))), *_PIP)
    dip = np.clip(dip + by * rng.normal(0, 5, (n, 4)), *_DIP)
    thumb = np.clip(thumb + by * rng.normal(0, _THUMB_SIGMA, (n, 6)), *_THUMB)
    return Angles(
        mcp=mcp,
        pip=pip,
        dip=dip,
        abduction=rng.normal(0, 2.2, (n, 4)),
        spread=np.array([gesture.spread for gesture in gestures]) + rng.normal(0, 0.08, n),
        thumb=thumb,
        cup=np.clip(rng.normal(4 + mcp.mean(1) / 9, 4), -3, 20),
        wrist=np.stack(
            [
                np.clip(rng.normal(-5, 22, n), -55, 60),
                np.clip(rng.normal(0, 8, n), -18, 22),
                rng.uniform(-50, 50, n),
            ],
            -1,
        ),
        elbow=rng.normal(0, 10, n),
    )


def _capsules() -> tuple[list[tuple[int, float, float, float]], list[tuple[int, int]]]:
    """Capsules of the fingers (bone, from, to, radius in metres) and the pairs that might touch."""
    capsules, fingers = [], []
    for finger in range(1, 6):
        thickness = {1: 1.15, 5: 0.86}.get(finger, 1.0)
        for joint, (start, end, radius) in enumerate(
            ((0.45, 1.0, 0.0088), (0.0, 1.0, 0.0076), (0.0, 0.75, 0.0066)), 1
        ):
            if (finger, joint) != (1, 1):
                capsules.append((BONE[f"finger{finger}-{joint}"], start, end, radius * thickness))
                fingers.append(finger)
    pairs = [(i, j) for i in range(len(fingers)) for j in range(i) if fingers[i] != fingers[j]]
    return capsules, pairs


_CAPSULES, _PAIRS = _capsules()
_PALM_RADIUS = 0.0115
# Those that may hit the palm: not the fingers' own bases.
_OUTER = [
    index
    for index, (bone, *_) in enumerate(_CAPSULES)
    if bone not in [BONE[name] for name in ("finger1-2", *(f"finger{f}-1" for f in range(1, 6)))]
]


def overlap(bones: Array) -> Array:
    """How deep fingers are in each other or in the palm, taken as capsules.

    Args:
        bones: (n, bones, 2, 3) heads and tails.
    Returns:
        (n,) metres, for a hand scaled to a typical size; negative where nothing touches.
    """
    wrist, knuckle = bones[:, BONE["wrist"], 0], bones[:, BONE["finger3-1"], 0]
    scale = np.linalg.norm(knuckle - wrist, axis=-1) / TYPICAL_PALM
    index = [bone for bone, *_ in _CAPSULES]
    start, end = (np.array([capsule[column] for capsule in _CAPSULES])[:, None] for column in (1, 2))
    radius = np.array([capsule[3] for capsule in _CAPSULES])
    heads, tails = bones[:, index, 0], bones[:, index, 1]
    a, b = heads + start * (tails - heads), heads + end * (tails - heads)
    first, second = np.array(_PAIRS).T
    gap = segment_distance(a[:, first], b[:, first], a[:, second], b[:, second]) / scale[:, None]
    deepest = (radius[first] + radius[second] - gap).max(1)
    knuckles = bones[:, [BONE[f"finger{finger}-1"] for finger in range(2, 6)], 0]
    palm = knuckles - wrist[:, None]
    palm_a, palm_b = wrist[:, None] + 0.35 * palm, wrist[:, None] + 0.92 * palm
    gap = (
        segment_distance(palm_a[:, :, None], palm_b[:, :, None], a[:, None, _OUTER], b[:, None, _OUTER])
        / scale[:, None, None]
    )
    deepest = np.maximum(deepest, (_PALM_RADIUS + radius[_OUTER] - gap).max((1, 2)))
    return np.asarray(deepest, np.float64)
