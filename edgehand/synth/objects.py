"""Things in a hand, before it and behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgehand import _render
from edgehand.synth import shapes
from edgehand.synth.assets import Assets
from edgehand.synth.backgrounds import sample_texture
from edgehand.synth.camera import Camera
from edgehand.synth.geometry import Array, across, cross, random_rotation, segment_distance, unit
from edgehand.synth.hand_model import BONE, directions
from edgehand.synth.shapes import Look, Shape

FLESH = 0.008
"""Half the thickness of a finger, metres."""


def held(bones: Array, rng: np.random.Generator) -> Shape | None:
    """Something between thumb and index finger, or in the palm, as large as there is room for.

    Args:
        bones: (bones, 2, 3) of the posed hand.
        rng: source of randomness.
    Returns:
        a shape in the hand's model; None where there is no room.
    """
    thumb, index = bones[BONE["finger1-3"], 1], bones[BONE["finger2-3"], 1]
    gap = float(np.linalg.norm(thumb - index)) - 2 * FLESH
    if -0.006 < gap < 0.04 and rng.random() < 0.7:
        return _pinched(thumb, index, max(gap / 2, 0.0025), bones, rng)
    return _grasped(bones, rng)


def _pinched(thumb: Array, index: Array, radius: float, bones: Array, rng: np.random.Generator) -> Shape:
    middle, between = (thumb + index) / 2, unit(index - thumb)
    # A pen leans on the web between thumb and index finger; anything else stands as it likes.
    web = (bones[BONE["finger1-2"], 0] + bones[BONE["finger2-1"], 0]) / 2
    axis = across(web - middle if rng.random() < 0.6 else rng.normal(size=3), between)
    length = rng.uniform(0.02, 0.08)
    half_axes = np.array([radius, rng.uniform(1, 3) * radius, length])
    shape = shapes.superellipsoid(half_axes, (rng.uniform(0.1, 1), rng.uniform(0.1, 1)))
    turn = np.stack([between, cross(axis, between), axis], -1)
    return shape.moved(turn, middle + axis * length * rng.uniform(-0.3, 0.9))


def _grasped(bones: Array, rng: np.random.Generator) -> Shape | None:
    forward, lateral, palmar = directions(bones)
    wrist, knuckle = bones[BONE["wrist"], 0], bones[BONE["finger3-1"], 0]
    axis = across(lateral + rng.normal(0, 0.25) * forward, palmar)
    palm = wrist + rng.uniform(0.6, 1.0) * (knuckle - wrist) + 0.013 * palmar
    fingers = bones[[BONE[f"finger{f}-{j}"] for f in range(2, 6) for j in (1, 2, 3)] + [BONE["finger1-3"]]]
    ball = rng.random() < 0.25
    radius = 0.05
    while (
        radius > 0.006
        and _clearance(palm + radius * palmar, axis, fingers, ball=ball) < radius + FLESH - 0.003
    ):
        radius -= 0.003
    if radius <= 0.006:
        return None
    centre, turn = palm + radius * palmar, np.stack([cross(axis, palmar), palmar, axis], -1)
    if ball:
        half_axes, roundness = np.full(3, radius), (1.0, 1.0)
    elif rng.random() < 0.3:  # a phone, a book, a box
        half_axes = np.array(
            [rng.uniform(0.025, 0.045), min(radius, rng.uniform(0.004, 0.02)), rng.uniform(0.05, 0.09)]
        )
        centre, roundness = palm + half_axes[1] * palmar + rng.uniform(0, 0.03) * forward, (0.1, 0.15)
    else:
        # Some are poles: handlebars, tools, the necks of instruments.
        length = rng.uniform(0.15, 0.5) if rng.random() < 0.3 else rng.uniform(0.035, 0.13)
        half_axes = np.array([radius, radius, length])
        roundness = (rng.uniform(0.08, 0.4), float(rng.choice([1.0, 1.0, 0.4, 0.15])))
    return shapes.superellipsoid(half_axes, roundness).moved(turn, centre + axis * rng.normal(0, 0.015))


def _clearance(centre: Array, axis: Array, fingers: Array, *, ball: bool) -> float:
    """The least distance of finger bones (n, 2, 3) from a point, or from a line through it."""
    reach = 0.0 if ball else 1.0
    start, end = np.broadcast_arrays(centre - reach * axis, fingers[:, 0])[0], centre + reach * axis
    return float(
        segment_distance(start, np.broadcast_to(end, start.shape), fingers[:, 0], fingers[:, 1]).min()
    )


def occluder(assets: Assets, target: Array, rng: np.random.Generator) -> _render.Mesh:
    """A thing between the camera and a point (3,) of the hand, in camera space."""
    depth = target[2] * rng.uniform(0.55, 0.85)
    size = depth * np.exp(rng.uniform(np.log(0.012), np.log(0.08), 3))
    if rng.random() < 0.4:
        size[2] = depth  # a pole, a cable, the edge of something
    shape = shapes.superellipsoid(size, (rng.uniform(0.1, 1), rng.uniform(0.1, 1)))
    aim = target / target[2] * depth + np.array([*rng.normal(0, 0.06, 2), 0]) * depth
    return shapes.mesh(
        shape.moved(random_rotation(rng), aim), Look(sample_texture(assets, rng), rng.uniform(0.3, 0.9))
    )


def bystander(
    assets: Assets, camera: Camera, size: int, depth: float, rng: np.random.Generator, tone: Array
) -> list[_render.Mesh]:
    """A person behind the hand: head, hair, trunk and perhaps an arm, all ellipsoids.

    Args:
        assets: for the clothes.
        camera, size: the picture that part of the person is to be in.
        depth: how far away, metres.
        rng: source of randomness.
        tone: (3,) linear colour of the skin.
    """
    x, y = rng.uniform(0.05, 0.95, 2) * size
    head = np.array([(x - camera.x) / camera.focal * depth, (y - camera.y) / camera.focal * depth, depth])
    lean = np.linalg.qr(np.eye(3) + rng.normal(0, 0.12, (3, 3)))[0]
    lean = lean * np.sign(np.diag(lean))
    skin = _plain(tone)
    hair = _plain(rng.uniform(0.01, 0.25) * np.array([1, rng.uniform(0.5, 1), rng.uniform(0.2, 1)]))
    clothes = sample_texture(assets, rng)
    ball = (1.0, 1.0)
    lips = _plain(tone * np.array([1.0, rng.uniform(0.4, 0.8), rng.uniform(0.4, 0.8)]))
    parts = [
        ((0.075, 0.11, 0.095), (0, 0, 0), skin, ball),
        ((0.082, 0.08, 0.1), (0, -0.055, 0.02), hair, ball),
        ((0.014, 0.026, 0.022), (0, 0.015, -0.092), skin, ball),
        ((rng.uniform(0.018, 0.03), rng.uniform(0.005, 0.014), 0.01), (0, 0.058, -0.079), lips, ball),
        *(
            ((0.015, 0.008, 0.01), (side * 0.031, -0.018, -0.081), _plain(np.full(3, 0.6)), ball)
            for side in (-1, 1)
        ),
        *(
            ((0.007, 0.007, 0.006), (side * 0.031, -0.018, -0.088), _plain(np.full(3, 0.02)), ball)
            for side in (-1, 1)
        ),
        *(((0.02, 0.005, 0.01), (side * 0.032, -0.036, -0.084), hair, ball) for side in (-1, 1)),
        ((0.05, 0.09, 0.05), (0, 0.13, 0.02), skin, ball),
        ((0.21, 0.34, 0.11), (0, 0.5, 0.03), clothes, (0.8, 0.7)),
    ]
    if rng.random() < 0.5:
        side = rng.choice([-1.0, 1.0])
        parts.append(
            ((0.04, 0.2, 0.045), (0.24 * side, 0.42, -0.03), clothes if rng.random() < 0.6 else skin, ball)
        )
    return [
        shapes.mesh(
            shapes.superellipsoid(np.array(axes), roundness).moved(lean, head + lean @ np.array(shift)),
            Look(texture, 0.6),
            casts_shadow=False,
        )
        for axes, shift, texture, roundness in parts
    ]


def skin_blob(camera: Camera, size: int, depth: float, rng: np.random.Generator, tone: Array) -> _render.Mesh:
    """Something of the colour of skin behind the hand: a bent forearm, a knee, a cushion."""
    x, y = rng.uniform(0, 1, 2) * size
    centre = np.array([(x - camera.x) / camera.focal * depth, (y - camera.y) / camera.focal * depth, depth])
    half_axes = depth * np.exp(rng.uniform(np.log(0.04), np.log(0.25), 3))
    shape = shapes.superellipsoid(half_axes, (rng.uniform(0.5, 1), rng.uniform(0.5, 1)))
    return shapes.mesh(shape.moved(random_rotation(rng), centre), Look(_plain(tone), 0.6), casts_shadow=False)


def table(assets: Assets, up: Array, lowest: Array, rng: np.random.Generator) -> _render.Mesh:
    """A level surface through the point `lowest` (3,), its normal `up` (3,), in camera space."""
    side = across(np.array([1.0, 0.3, 0.2]), up)
    edges = np.linspace(-1.2, 1.2, 33)
    x, y = np.meshgrid(edges, edges)
    triangles, uv = shapes.grid(33, 33)
    flat = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    shape = Shape(flat, np.broadcast_to((0.0, 0.0, 1.0), flat.shape), triangles, uv)
    turn = np.stack([side, cross(up, side), up], -1)
    texture = np.tile(sample_texture(assets, rng), (2, 2, 1))
    return shapes.mesh(shape.moved(turn, lowest), Look(texture, rng.uniform(0.35, 0.9)), casts_shadow=False)


def _plain(linear: Array) -> NDArray[np.uint8]:
    level = 255 * np.clip(linear, 0, 1) ** (1 / 2.2)
    return np.broadcast_to(level.astype(np.uint8), (2, 2, 3)).copy()
