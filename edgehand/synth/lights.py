"""Light: from all around, and from two lamps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgehand import _render
from edgehand.synth.geometry import Array, across, cross, rotation, triple, unit

ROWS, COLUMNS = 16, 32
"""Size at which a panorama is summed up."""
# Harmonics of irradiance over those of radiance, divided by pi, by degree: Ramamoorthi and Hanrahan (2001).
_COSINE = np.repeat([1, 2 / 3, 1 / 4], [1, 3, 5])


def harmonics(directions: Array) -> Array:
    """Real spherical harmonics of degree 0 to 2 in the renderer's order: directions (n, 3) -> (n, 9)."""
    x, y, z = directions.T
    return np.stack(
        [
            np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z,
            0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
        ],
        -1,
    )  # fmt: skip


def orientation(up: Array, yaw: float) -> Array:
    """The rotation from the world (x left, y up, z ahead) to a camera in which the world's up is `up`.

    Args:
        up: (3,) in camera space.
        yaw: where the camera looks, degrees.
    Returns:
        (3, 3), determinant 1.
    """
    away = np.array([0.0, 0.0, 1.0]) if abs(up[2]) < 0.9 else np.array([0.0, -1.0, 0.0])
    ahead = across(away, up) @ rotation(up, yaw).T
    return np.stack([cross(up, ahead), up, ahead], -1)


def summary(panorama: NDArray[np.float32]) -> NDArray[np.float64]:
    """A panorama's light in ROWS x COLUMNS directions, its mean 1, lamps dimmed to what harmonics bear."""
    height, width = panorama.shape[:2]
    rows, columns = np.arange(ROWS) * height // ROWS, np.arange(COLUMNS) * width // COLUMNS
    sums = np.add.reduceat(np.add.reduceat(panorama.astype(np.float64), rows, 0), columns, 1)
    counts = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    means = sums / counts[..., None]
    means = np.minimum(means, 12 * np.average(means.mean(-1), weights=_solid_angles()))
    return np.asarray(means / np.average(means.mean(-1), weights=_solid_angles()), np.float64)


def _solid_angles() -> Array:
    elevation = np.pi * (0.5 - (np.arange(ROWS) + 0.5) / ROWS)
    weights = np.broadcast_to(np.cos(elevation)[:, None], (ROWS, COLUMNS))
    return np.asarray(weights / weights.sum() * 4 * np.pi)


def _world_directions() -> Array:
    elevation = np.pi * (0.5 - (np.arange(ROWS) + 0.5) / ROWS)[:, None]
    azimuth = 2 * np.pi * (0.5 - (np.arange(COLUMNS) + 0.5) / COLUMNS)[None]
    directions = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)
        ),
        -1,
    )
    return np.asarray(directions.reshape(-1, 3), np.float64)


def ambient(light: Array, to_camera: Array) -> Array:
    """Harmonics of the irradiance / pi of a summed-up panorama.

    Args:
        light: (ROWS, COLUMNS, 3) from `summary`.
        to_camera: (3, 3) from the world to the camera.
    Returns:
        (9, 3).
    """
    basis = harmonics(_world_directions() @ to_camera.T) * _solid_angles().reshape(-1, 1)
    return np.asarray(_COSINE[:, None] * (basis.T @ light.reshape(-1, 3)), np.float64)


def sample_lighting(
    light: Array | None, to_camera: Array, centre: Array, radius: float, rng: np.random.Generator
) -> _render.Lighting:
    """Draw the light of a scene.

    Args:
        light: a panorama's `summary`; None makes up soft light from above.
        to_camera: (3, 3) from the world to the camera.
        centre, radius: sphere in camera space (metres) in which shadows are cast.
        rng: source of randomness.
    """
    if light is None or rng.random() < 0.3:
        coefficients = np.zeros((9, 3))
        coefficients[0] = 1 / 0.282095
        coefficients[1:4] = rng.normal(0, 0.28, (3, 1)) + rng.normal(0, 0.06, (3, 3))
        coefficients[1:4] += 0.35 * to_camera[[1, 2, 0], 1:2]
        coefficients[4:] = rng.normal(0, 0.06, (5, 3))
        brightest = to_camera[:, 1]
    else:
        coefficients = ambient(light, to_camera)
        # Indoors the eye, and white balance, take most of the colour out.
        grey = coefficients.mean(1, keepdims=True)
        coefficients = grey + rng.uniform(0.1, 0.6) * (coefficients - grey)
        brightest = _world_directions()[np.argmax(light.sum(-1))] @ to_camera.T
    tint = np.clip(1 + rng.normal(0, 0.06, 3), 0.8, 1.25)
    ambient_strength = rng.uniform(0.25, 0.95)
    scattered = rng.normal(size=3) - np.array([0, 0, 0.8]) + 0.8 * to_camera[:, 1]
    key = unit(brightest + 0.25 * rng.normal(size=3)) if rng.random() < 0.4 else unit(scattered)
    warmth = 1 + 0.11 * np.clip(rng.normal(), -1.5, 1.5) * np.array([1, 0.1, -1])
    key_strength = rng.uniform(0.1, 1.6)
    fill = unit(rng.normal(size=3) - np.array([0, 0.3, 0.3]))
    fill_colour = rng.uniform(0, 0.6) * (rng.random() < 0.5) * np.clip(1 + rng.normal(0, 0.2, 3), 0.4, 1.8)
    return _render.Lighting(
        key_direction=triple(key),
        key_colour=triple(key_strength * warmth),
        fill_direction=triple(fill),
        fill_colour=triple(fill_colour),
        ambient=np.ascontiguousarray(ambient_strength * tint * coefficients, np.float32),
        exposure=rng.uniform(0.75, 1.35),
        shadow_leak=rng.uniform(0, 0.35),
        shadow_blur=rng.uniform(0.7, 3.5),
        shadow_centre=triple(centre),
        shadow_radius=radius,
    )
