"""What is behind a hand, and what things are covered with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from edgehand import _render
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
    blur = size / 256 * rng.uniform(0.4, 6) if rng.random() < 0.5 else 0.0
    # What is far out of focus has no more to show than half as many pixels hold.
    side = size if blur < 2 else size // 2
    picture = _sharp(assets, panorama, to_camera, side, rng)
    if blur:
        picture = picture.filter(ImageFilter.GaussianBlur(blur * side / size))
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    exposed = (np.arange(256) * rng.uniform(0.55, 1.25)).clip(0, 255).astype(np.uint8)
    pixels = np.asarray(picture.point(exposed.tolist() * 3))
    if rng.random() < 0.15:
        pixels = pixels.take(rng.permutation(3), -1)
    return pixels


def _sharp(
    assets: Assets, panorama: Picture | None, to_camera: Array, size: int, rng: np.random.Generator
) -> Image.Image:
    share = rng.random()
    if share < 0.48 and assets.backgrounds:
        return _photo(assets, size, rng, smallest=0.25)
    if share < 0.72 and panorama is not None:
        return _outlook(panorama, to_camera, size, rng)
    if share < 0.9:
        return _room(assets, size, rng)
    return _plain(size, rng)


def sample_texture(assets: Assets, rng: np.random.Generator) -> Picture:
    """Draw a texture (128, 128, 3): plain, striped, checked, or part of a photo."""
    side = 128
    share = rng.random()
    if share < 0.3 and assets.backgrounds:
        return np.asarray(_photo(assets, side, rng, smallest=0.1))
    colours = np.stack([_colour(rng), _colour(rng)]).astype(np.float32)
    second = np.zeros((side, side), np.intp)
    if share > 0.7:
        wave = np.linspace(0, 1, side) * rng.integers(3, 25)
        stripes = (wave % 1 < rng.uniform(0.15, 0.6))[:, None]
        if rng.random() < 0.4:
            stripes = stripes ^ stripes.T
        elif rng.random() < 0.5:
            stripes = stripes.T
        second[:] = stripes
    grain = np.float32(rng.uniform(1, 9)) * rng.standard_normal((side, side, 1), np.float32)
    return (colours[second] + grain).clip(0, 255).astype(np.uint8)


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


def _photo(assets: Assets, size: int, rng: np.random.Generator, smallest: float) -> Image.Image:
    """A square part of a photo, its side from `smallest` to all of the photo's shorter side."""
    photo = background(assets.backgrounds[rng.integers(len(assets.backgrounds))])
    side = min(photo.size) * np.exp(rng.uniform(np.log(smallest), 0))
    left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
    box = (left, top, left + side, top + side)
    part = photo.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _outlook(panorama: Picture, to_camera: Array, size: int, rng: np.random.Generator) -> Image.Image:
    """The part of a panorama that the camera sees."""
    reach = np.tan(np.radians(rng.uniform(35, 95) / 2))
    view = _render.look_around(panorama, to_camera.astype(np.float32), float(reach), size)
    return Image.fromarray(view)


def _plain(size: int, rng: np.random.Generator) -> Image.Image:
    """A wall: one colour in uneven light, or coarse noise."""
    if rng.random() < 0.25:
        cells = int(2 ** rng.integers(2, 7))
        corners = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    else:
        light = rng.uniform(0.55, 1.3, (2, 2, 1))
        corners = (_colour(rng) * light + rng.normal(0, 12, (2, 2, 3))).clip(0, 255).astype(np.uint8)
    return Image.fromarray(corners).resize((size, size), Image.Resampling.BICUBIC)


def _room(assets: Assets, size: int, rng: np.random.Generator) -> Image.Image:
    """Wall, floor and rectangular things before them: furniture, frames, screens, doors."""
    image = _plain(size, rng)
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
            part = _photo(assets, 96, rng, smallest=0.1)
            image.paste(part.resize((max(1, int(width)), max(1, int(height)))), (int(x), int(y)))
            continue
        corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        corners[:, 1] += tilt * corners[:, 0]
        outline = tuple(_colour(rng).astype(int)) if rng.random() < 0.5 else None
        points = [(float(px), float(py)) for px, py in corners]
        pen.polygon(
            points, fill=tuple(_colour(rng).astype(int)), outline=outline, width=int(rng.integers(1, 5))
        )
    return image
