"""Where a hand is looked at from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand.synth.geometry import Array, random_rotation, rotation
from edgehand.synth.hand_model import directions

X, Y, Z = np.eye(3)


@dataclass(frozen=True, eq=False)
class View:
    """How a hand stands before the camera: x right, y down, z away from it."""

    rotation: Array
    """(3, 3) from the hand's model to the camera; its determinant is 1."""
    up: Array
    """(3,) the world's up."""


def sample_view(bones: Array, rng: np.random.Generator) -> View:
    """Draw a view of a left hand that does something else than point at the camera.

    Args:
        bones: (bones, 2, 3) heads and tails of the posed hand.
        rng: source of randomness.
    """
    share = rng.random()
    if share < 0.46:  # held up before a camera, palm or back
        half_turn = 180 * (rng.random() < 0.5)
        turn = _turned(rng.normal(0, 35), rng.normal(0, 26), half_turn + rng.normal(0, 32))
        up = rotation(X, rng.normal(0, 15)) @ rotation(Z, rng.normal(0, 8)) @ -Y
    elif share < 0.63:  # on or above a table, seen from above, mostly the back
        half_turn = 180 * (rng.random() < 0.75)
        turn = _turned(rng.uniform(-180, 180), rng.normal(0, 18), half_turn + rng.normal(0, 22))
        up = rotation(X, rng.normal(0, 15)) @ rotation(Y, rng.normal(0, 15)) @ -Z
    elif share < 0.79:  # one's own hand: fingers away from the eye
        half_turn = rng.choice([0, 180, 90, -90], p=[0.2, 0.5, 0.15, 0.15])
        turn = _turned(rng.normal(0, 30), -rng.uniform(15, 80), half_turn + rng.normal(0, 25))
        up = rotation(X, rng.uniform(0, 60)) @ rotation(Z, rng.normal(0, 8)) @ -Y
    else:
        turn = random_rotation(rng)
        up = rotation(X, rng.normal(0, 25)) @ rotation(Z, rng.normal(0, 10)) @ -Y
    return View(turn @ _facing(bones), up)


def sample_view_held_out(bones: Array, rng: np.random.Generator) -> View:
    """Draw a view of a left hand that is held out to the camera, to point at it or with the knuckles before it.

    Args:
        bones: (bones, 2, 3) heads and tails of the posed hand.
        rng: source of randomness.
    """
    half_turn = rng.choice([0, 180, 90, -90], p=[0.6, 0.1, 0.15, 0.15])
    turn = _turned(rng.normal(0, 30), rng.uniform(25, 95), half_turn + rng.normal(0, 25))
    return View(turn @ _facing(bones), rotation(X, rng.normal(0, 15)) @ rotation(Z, rng.normal(0, 8)) @ -Y)


def _turned(z: float, x: float, y: float) -> Array:
    """(3, 3) turned about the camera's axes by some degrees: about y first, about z last."""
    return rotation(Z, z) @ rotation(X, x) @ rotation(Y, y)


def _facing(bones: Array) -> Array:
    """(3, 3) from the model to the camera: fingers up, palm to the camera, a left hand's little finger on the right."""
    forward, lateral, palmar = directions(bones)
    return np.stack([lateral, -forward, -palmar])


@dataclass(frozen=True)
class Camera:
    """A pinhole camera."""

    focal: float
    """Pixels."""
    x: float
    """Principal point, pixels from the left edge of the picture."""
    y: float

    def project(self, points: Array) -> Array:
        """Points (..., 3) in camera space -> (..., 2) pixel indices as coordinates, the centre of the first at 0."""
        return points[..., :2] / points[..., 2:] * self.focal + (self.x - 0.5, self.y - 0.5)


def frame(points: Array, size: int, rng: np.random.Generator, fill: tuple[float, float]) -> Camera:
    """A camera that shows points near the middle of its picture.

    Args:
        points: (n, 3) in camera space, before the camera.
        size: side of the picture, pixels.
        rng: source of randomness.
        fill: range of the longer side of the points' box as a part of `size`.
    """
    flat = points[:, :2] / points[:, 2:]
    low, high = flat.min(0), flat.max(0)
    part = rng.uniform(*fill)
    focal = part * size / (high - low).max()
    room = 0.5 * size * (1 - (high - low) / (high - low).max() * part)
    centre = size / 2 + np.clip(rng.normal(0, 0.09 * size, 2), -0.9 * room, 0.9 * room)
    x, y = centre - focal * (low + high) / 2
    return Camera(float(focal), float(x), float(y))


def place(
    points: NDArray[np.floating[Any]], view: View, centre: Array, at: Array, *, mirrored: bool
) -> Array:
    """Points of the model in camera space.

    Args:
        points: (..., 3) in the model.
        view: how the hand stands.
        centre: (3,) the model's point that is to lie `at` (3,) in camera space.
        mirrored: as a right hand, mirrored left to right through `at`.
    """
    moved = (np.asarray(points, np.float64) - centre) @ view.rotation.T
    if mirrored:
        moved *= (-1, 1, 1)
    placed: Array = moved + at
    return placed
