"""A hand of boxes: assets made in code, in the real format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgehand.synth.assets import BONES, Assets, load

PARENTS = (-1, 0, 1, 2, 3, 4, 5, 6, 4, 8, 9, 10, 4, 12, 13, 14, 4, 16, 17, 18, 4, 20, 21, 22)
# Corners of a box's faces, seen from outside in counter-clockwise order; bits are x, y, z.
FACES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))


def skeleton() -> NDArray[np.float64]:
    """A left hand, fingers along +y, its palm towards +z, in decimetres: (bones, 2, 3)."""
    points = {
        "upperarm01": (0, -5.0, 0), "upperarm02": (0, -4.2, 0), "lowerarm01": (0, -2.4, 0), "lowerarm02": (0, -1.2, 0),
        "wrist": (0, 0, 0),
        "finger1-1": (-0.25, 0.2, 0.1), "finger1-2": (-0.5, 0.55, 0.2), "finger1-3": (-0.65, 0.9, 0.22),
    }  # fmt: skip
    ends = {"finger1-3": (-0.75, 1.2, 0.22)}
    for finger, x in zip((2, 3, 4, 5), (-0.32, -0.08, 0.16, 0.38), strict=True):
        length = {2: 0.95, 3: 1.05, 4: 0.95, 5: 0.75}[finger]
        points[f"metacarpal{finger - 1}"] = (x / 2, 0.2, 0)
        for joint, part in enumerate((0, 0.45, 0.75), 1):
            # Slightly bent, as a hand at rest: a straight finger has no plane to turn in.
            points[f"finger{finger}-{joint}"] = (x, 1.0 + length * part, 0.12 * length * part**2)
        ends[f"finger{finger}-3"] = (x, 1.0 + length, 0.12 * length)
    nexts = {
        name: BONES[index + 1]
        for index, name in enumerate(BONES[:-1])
        if PARENTS[index + 1] == index or name == "wrist"
    }
    tails = {name: points[nexts[name]] for name in nexts if name not in ends}
    tails["wrist"] = (0, 0.2, 0)
    return np.array([[points[name], {**tails, **ends}[name]] for name in BONES])


def hand_arrays() -> dict[str, NDArray[np.generic]]:
    """hand.npz: a box round each bone, two identities of different size."""
    joints = skeleton()
    vertices, weights, quads, uv, uv_quads = [], [], [], [], []
    for bone, (head, tail) in enumerate(joints):
        along = tail - head
        side = np.cross(along, (0, 0, 1.0))
        side /= np.linalg.norm(side)
        normal = np.cross(side, along) / np.linalg.norm(along)
        half = 0.3 if bone < 4 else 0.09
        for index in range(8):
            vertices.append(
                head
                + along * (index & 1)
                + half * side * ((index >> 1 & 1) * 2 - 1)
                + half * normal * ((index >> 2 & 1) * 2 - 1)
            )
            weights.append(np.eye(len(BONES))[bone])
        for face in FACES:
            quads.append([8 * bone + corner for corner in face])
            uv_quads.append([len(uv) + corner for corner in range(4)])
            column = bone / len(BONES)
            uv += [
                (0.25 + 0.5 * column + dx, 0.25 + dy) for dx, dy in ((0, 0), (0.02, 0), (0.02, 0.4), (0, 0.4))
            ]
    joints_of = np.stack([joints, 1.2 * joints])
    planes = np.zeros((2, len(BONES), 3, 3))
    for bone, name in enumerate(BONES):
        finger = name.split("-")[0]
        chain = [BONES.index(f"{finger}-{joint}") for joint in (1, 3)] if "-" in name else [bone, bone]
        # Tip, middle joint and wrist, in MakeHuman's order.
        planes[:, bone] = np.stack(
            [joints_of[:, chain[1], 1], joints_of[:, chain[1], 0], joints_of[:, 4, 0]], 1
        )
    return {
        "V": np.stack([vertices, 1.2 * np.array(vertices)]).astype(np.float32),
        "J": joints_of.astype(np.float32),
        "P": planes.astype(np.float32),
        "W": np.array(weights, np.float32),
        "quads": np.array(quads),
        "tquads": np.array(uv_quads),
        "uv": np.array(uv, np.float32),
        "bones": np.array(BONES),
        "parent": np.array(PARENTS),
    }


@pytest.fixture(scope="session")
def asset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    np.savez(folder / "hand.npz", **hand_arrays())
    rng = np.random.default_rng(1)
    (folder / "skins").mkdir()
    for name, colour in (("dark", (110, 80, 60)), ("light", (225, 185, 160))):
        texture = np.clip(rng.normal(colour, 4, (128, 128, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(texture).save(folder / "skins" / f"{name}.jpg")
    Image.new("RGB", (128, 128)).save(folder / "fingernails.jpg")
    (folder / "backgrounds" / "deep").mkdir(parents=True)
    noise = rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "backgrounds" / "deep" / "noise.png")
    return folder


@pytest.fixture(scope="session")
def assets(asset_folder: Path) -> Assets:
    return load(asset_folder)
