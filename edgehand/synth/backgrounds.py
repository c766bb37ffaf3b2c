"""What is behind a hand, and what things are covered with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edgehand.synth.assets import Assets, background
from edgehand.synth.geometry import Array

Picture = NDArray[np.uint8]


def sample_background(
    assets: Assets, panorama: Picture | None, to_camera: Array, size: int, rng: np.random.Generator
) -> Picture:
    """Draw what is behind.

    Args:
        assets: where photos come from.
        panorama: the surroundings that light the scene, as `developed`.
        to_camera: (3, 3) from the world to the camera.
        size: pixels a side.
        rng: source of randomness.
    Returns:
        (size, size, 3).
    """
    share = rng.random()
    if share < 0.48 and assets.backgrounds:
        picture = _photo(assets, size, rng, smallest=0.25)
    elif share < 0.72 and panorama is not None:
        picture = _outlook(panorama, to_camera, size, rng)
    elif share < 0.9:
        picture = _room(assets, size, rng)
    else:
        picture = _plain(size, rng)
    image = Image.fromarray(picture)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(size / 256 * rng.uniform(0.4, 6)))
    pixels = np.asarray(image, np.float32) * rng.uniform(0.55, 1.25)
    if rng.random() < 0.15:
        pixels = pixels[..., rng.permutation(3)]
    return pixels.clip(0, 255).astype(np.uint8)


def sample_texture(assets: Assets, rng: np.random.Generator) -> Picture:
    """Draw a texture (128, 128, 3): plain, striped, checked, or part of a photo."""
    side = 128
    share = rng.random()
    if share < 0.3 and assets.backgrounds:
        return _photo(assets, side, rng, smallest=0.1)
    base = _colour(rng)
    grain = rng.normal(0, rng.uniform(1, 9), (side, side, 1))
    pixels = np.broadcast_to(base, (side, side, 3)) + grain
    if share > 0.7:
        wave = np.linspace(0, 1, side) * rng.integers(3, 25)
        stripes = (wave % 1 < rng.uniform(0.15, 0.6))[:, None]
        if rng.random() < 0.4:
            stripes = stripes ^ stripes.T
        elif rng.random() < 0.5:
            stripes = stripes.T
        stripes = np.broadcast_to(stripes, (side, side))[..., None]
        pixels = np.where(stripes, _colour(rng) + grain, pixels)
    return pixels.clip(0, 255).astype(np.uint8)


def developed(panorama: NDArray[np.float32]) -> Picture:
    """A panorama of linear light as a picture (H, W, 3)."""
    light = panorama * (0.35 / max(float(np.median(panorama)), 1e-4))
    return (255 * np.clip(light / (1 + 0.3 * light), 0, 1) ** (1 / 2.2)).astype(np.uint8)


def _colour(rng: np.random.Generator) -> Array:
    """Of things people own: mostly muted, often near black, white or grey."""
    if rng.random() < 0.35:
        return np.clip(255 * rng.beta(0.7, 0.7) + rng.normal(0, 6, 3), 5, 250)
    grey, vividness = rng.uniform(30, 220), rng.beta(1.2, 1.8)
    return np.clip(grey + vividness * (rng.uniform(0, 255, 3) - grey), 5, 250)


def _photo(assets: Assets, size: int, rng: np.random.Generator, smallest: float) -> Picture:
    """A square part of a photo, its side from `smallest` to all of the photo's shorter side."""
    photo = background(assets.backgrounds[rng.integers(len(assets.backgrounds))])
    height, width = photo.shape[:2]
    side = min(height, width) * np.exp(rng.uniform(np.log(smallest), 0))
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    cut = Image.fromarray(photo).resize(
        (size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side), reducing_gap=2
    )
    picture = np.asarray(cut)
    return picture[:, ::-1] if rng.random() < 0.5 else picture


def _outlook(panorama: Picture, to_camera: Array, size: int, rng: np.random.Generator) -> Picture:
    """The part of a panorama that the camera sees."""
    reach = np.tan(np.radians(rng.uniform(35, 95) / 2))
    x, y = np.meshgrid(*[np.linspace(-reach, reach, size)] * 2)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ to_camera
    azimuth = np.arctan2(rays[..., 0], rays[..., 2])
    elevation = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
    height, width = panorama.shape[:2]
    column = (0.5 - azimuth / (2 * np.pi)) * width - 0.5
    row = np.clip((0.5 - elevation / np.pi) * height - 0.5, 0, height - 1.001)
    left, top = np.floor(column).astype(int), row.astype(int)
    fx, fy = (column - left)[..., None], (row - top)[..., None]
    left, right = left % width, (left + 1) % width
    mixed = (panorama[top, left] * (1 - fx) + panorama[top, right] * fx) * (1 - fy) + (
        panorama[top + 1, left] * (1 - fx) + panorama[top + 1, right] * fx
    ) * fy
    return np.asarray(mixed, np.uint8)


def _plain(size: int, rng: np.random.Generator) -> Picture:
    """A wall: one colour in uneven light, or coarse noise."""
    if rng.random() < 0.25:
        cells = int(2 ** rng.integers(2, 7))
        corners = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    else:
        light = rng.uniform(0.55, 1.3, (2, 2, 1))
        corners = (_colour(rng) * light + rng.normal(0, 12, (2, 2, 3))).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(corners).resize((size, size), Image.Resampling.BICUBIC))


def _room(assets: Assets, size: int, rng: np.random.Generator) -> Picture:
    """Wall, floor and rectangular things before them: furniture, frames, screens, doors."""
    image = Image.fromarray(_plain(size, rng))
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.6:
        level, slope = rng.uniform(0.3, 1.0) * size, rng.normal(0, 0.08) * size
        floor = [(0, level - slope), (size, level + slope), (size, size), (0, size)]
        pen.polygon(floor, fill=tuple(_colour(rng).astype(int)))
    tilt = rng.normal(0, 0.06)
    for _ in range(rng.integers(2, 12)):
        width, height = size * np.exp(rng.uniform(np.log(0.05), np.log(0.6), 2))
        x, y = rng.uniform(-0.1, 1.0, 2) * size
        if rng.random() < 0.35 and assets.backgrounds:
            part = Image.fromarray(_photo(assets, 96, rng, smallest=0.1))
            image.paste(part.resize((max(1, int(width)), max(1, int(height)))), (int(x), int(y)))
            continue
        corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        corners[:, 1] += tilt * corners[:, 0]
        outline = tuple(_colour(rng).astype(int)) if rng.random() < 0.5 else None
        points = [(float(px), float(py)) for px, py in corners]
        pen.polygon(
            points, fill=tuple(_colour(rng).astype(int)), outline=outline, width=int(rng.integers(1, 5))
        )
    return np.asarray(image)
