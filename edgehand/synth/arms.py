"""What is worn: sleeves, bracelets, watches, rings."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from edgehand.synth import shapes
from edgehand.synth.assets import Assets
from edgehand.synth.backgrounds import sample_texture
from edgehand.synth.geometry import Array, unit
from edgehand.synth.hand_model import BONE, HandModel
from edgehand.synth.shapes import Look, Shape

_ARM = [BONE[name] for name in ("lowerarm02", "lowerarm01", "upperarm02", "upperarm01")]
BEYOND = 0.4
"""How far the arm goes on behind the shoulder's side of the mesh, metres."""
STATIONS = np.linspace(0, 1, 13)
AROUND = 41


class Arm:
    """The middle of a posed arm, from the wrist on, and how thick it is.

    Args:
        model, identity: whose arm.
        bones: (bones, 2, 3) of the posed hand.
    """

    def __init__(self, model: HandModel, identity: int, bones: Array) -> None:
        self.corners = _corners(bones)
        steps = np.linalg.norm(np.diff(self.corners, axis=0), axis=1)
        self._ends = np.concatenate([[0], np.cumsum(steps)])
        self._radii = _thickness(model, identity)

    @property
    def elbow(self) -> float:
        """Distance of the elbow from the wrist along the arm, metres."""
        return float(self._ends[2])

    def middle(self, distance: Array) -> Array:
        """Points of the arm's middle at distances (n,) from the wrist: (n, 3), the elbow rounded."""

        def at(positions: Array) -> Array:
            return np.stack(
                [np.interp(positions, self._ends, self.corners[:, axis]) for axis in range(3)], -1
            )

        round_off = 0.025
        inner = np.maximum(distance, 0)
        points: Array = (at(np.maximum(inner - round_off, 0)) + 2 * at(inner) + at(inner + round_off)) / 4
        ahead = unit(self.corners[0] - self.corners[1])
        near = inner < round_off
        points[near] = at(inner[near])
        return np.asarray(points + ahead * np.maximum(-distance, 0)[:, None])

    def radius(self, distance: Array) -> Array:
        """The arm's outer radius at distances (n,) from the wrist, metres."""
        return np.interp(distance / self._ends[-2], STATIONS, self._radii)


def _corners(bones: Array) -> Array:
    points = [bones[BONE["wrist"], 0], *(bones[bone, 0] for bone in _ARM)]
    points.append(points[-1] + BEYOND * unit(points[-1] - points[-2]))
    return np.array(points)


@lru_cache(maxsize=1024)
def _thickness(model: HandModel, identity: int) -> Array:
    """The largest distance of the arm's skin from its middle at STATIONS from wrist to shoulder."""
    mesh = model.mesh
    corners = _corners(mesh.joints[identity])
    lengths = np.linalg.norm(np.diff(corners[:-1], axis=0), axis=1)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    skin = mesh.vertices[identity][mesh.weights[:, _ARM].sum(1) > 0.35].astype(np.float64)
    nearest = np.full(len(skin), np.inf)
    station = np.zeros(len(skin))
    for index, (start, end) in enumerate(pairwise(corners[:-1])):
        along = end - start
        part = np.clip((skin - start) @ along / (along @ along), 0, 1)
        distance = np.linalg.norm(skin - start - part[:, None] * along, axis=1)
        closer = distance < nearest
        nearest = np.where(closer, distance, nearest)
        station = np.where(closer, (ends[index] + part * lengths[index]) / ends[-1], station)
    radii = np.array([np.max(nearest[np.abs(station - at) < 0.06], initial=0.0) for at in STATIONS])
    known = radii > 0
    return np.interp(STATIONS, STATIONS[known], radii[known]) if known.any() else np.full(len(STATIONS), 0.04)


def sample_wear(assets: Assets, arm: Arm, bones: Array, rng: np.random.Generator) -> list[tuple[Shape, Look]]:
    """Draw what an arm and a hand wear, in the hand's model."""
    share = rng.random()
    if share < 0.45:
        cuff = rng.uniform(-0.005, 0.07)
    elif share < 0.65:
        cuff = rng.uniform(0.07, 0.9 * arm.elbow)
    else:
        cuff = arm.elbow + rng.uniform(0.0, 0.12)
    worn = [
        (
            _sleeve(arm, cuff, rng),
            Look(sample_texture(assets, rng), roughness=0.9, specular=0.02),
        )
    ]
    if cuff > 0.05 and rng.random() < 0.25:
        worn.append((_band(arm, cuff, rng), _jewellery(rng)))
    if rng.random() < 0.12:
        worn.append((_ring(bones, rng), _jewellery(rng)))
    return worn


def _sleeve(arm: Arm, cuff: float, rng: np.random.Generator) -> Shape:
    """A tube of cloth from the cuff to beyond the mesh's end, with folds."""
    distance = np.concatenate([cuff + np.linspace(0, 0.22, 40), cuff + np.linspace(0.24, 0.75, 12)])
    body = arm.radius(distance)
    loose = rng.uniform(0.0, 0.35) ** 1.5
    thickness = rng.uniform(0.0015, 0.004)
    angle = np.linspace(0, 2 * np.pi, AROUND)
    folds = np.zeros((len(distance), AROUND))
    for _ in range(4):
        length = rng.uniform(0.015, 0.09)
        turns = int(rng.integers(0, 4))
        wave = np.sin(
            2 * np.pi * distance[:, None] / length
            + turns * angle
            + rng.uniform(0, 6)
            + 1.5 * np.sin(angle + rng.uniform(0, 6))
        )
        folds += rng.uniform(0, 0.0035) * wave
    fullness = 0.2 + 2.5 * loose
    if rng.random() < 0.5:  # a cuff holds the cloth close
        fullness = fullness * np.clip((distance - cuff - rng.uniform(0.01, 0.05)) / 0.03, 0.1, 1)
    cloth = body * (1 + loose) + thickness + 0.003
    radii = np.maximum(cloth[:, None] + np.reshape(fullness, (-1, 1)) * folds, body[:, None] + thickness)
    return shapes.tube(arm.middle(distance), radii)


def _band(arm: Arm, cuff: float, rng: np.random.Generator) -> Shape:
    """A bracelet or a watch's strap."""
    width = rng.uniform(0.004, 0.026)
    start = rng.uniform(0.012, max(0.013, min(0.05, cuff - width)))
    distance = start + width * np.array([0, 0, 0.15, 0.5, 0.85, 1, 1])
    raised = np.array([-0.002, 0.001, 0.0025, 0.003, 0.0025, 0.001, -0.002])
    radii = np.repeat((arm.radius(distance).max() + raised)[:, None], 25, 1)
    path = arm.middle(start + width * np.linspace(0, 1, 7))
    return shapes.tube(path, radii)


def _ring(bones: Array, rng: np.random.Generator) -> Shape:
    finger = rng.choice([2, 3, 4, 4, 4, 5])
    head, tail = bones[BONE[f"finger{finger}-1"]]
    part = rng.uniform(0.45, 0.6)
    width = rng.uniform(0.002, 0.006) / np.linalg.norm(tail - head)
    path = head + (tail - head) * (part + width * np.linspace(-0.5, 0.5, 5))[:, None]
    scale = np.linalg.norm(bones[BONE["finger3-1"], 0] - bones[BONE["wrist"], 0]) / 0.102
    radii = 0.0098 * scale + np.array([-0.001, 0.0005, 0.001, 0.0005, -0.001])
    return shapes.tube(path, np.repeat(radii[:, None], 17, 1))


def _jewellery(rng: np.random.Generator) -> Look:
    metal = rng.random() < 0.6
    colour = rng.uniform(0.55, 0.95) * np.array([1, rng.uniform(0.8, 1), rng.uniform(0.5, 1)])
    if not metal:
        colour = rng.uniform(0.03, 0.8, 3)
    texture = np.broadcast_to((255 * colour).astype(np.uint8), (2, 2, 3)).copy()
    return Look(texture, roughness=rng.uniform(0.25, 0.5), specular=0.4 if metal else 0.05)
