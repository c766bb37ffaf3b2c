"""Assets out of MakeHuman's data: its base mesh, skeleton, targets and skins (CC0).

File formats: http://www.makehumancommunity.org/wiki/Documentation:File_formats_and_extensions
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from edgehand import image
from edgehand.errors import DataError
from edgehand.files import place, staging
from edgehand.synth.assets import BONES
from edgehand.synth.geometry import Array

PART_OF_ARM = 0.5
"""Least weight of a vertex on the bones of forearm and hand for it to be taken."""
RACES = ("african", "asian", "caucasian")
GENDERS = ("female", "male")
AGES = {"child": 0.1875, "young": 0.5, "old": 1.0}
LEVELS = {"min": 0.0, "average": 0.5, "max": 1.0}
"""Of muscle and of weight."""
HAND_SHAPES = ("l-hand-scale", "l-hand-fingers-diameter", "l-hand-fingers-length", "l-hand-fingers-distance")

Target = tuple[NDArray[np.int64], Array]
"""Vertices and how far each is moved."""


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """base.obj."""

    vertices: Array
    """(n, 3) decimetres, the joints' cubes among them."""
    uv: Array
    quads: NDArray[np.int64]
    """(m, 4) of the body alone."""
    uv_quads: NDArray[np.int64]


@dataclass(frozen=True)
class Body:
    """Who somebody is: 0..1 each, as MakeHuman's sliders."""

    gender: float
    """0 female, 1 male."""
    age: float
    muscle: float
    weight: float
    race: tuple[float, ...]
    """Of RACES; sums to 1."""
    hand: tuple[float, ...]
    """Of HAND_SHAPES, -1..1."""


def build(checkout: Path, folder: Path, identities: int, seed: int) -> None:
    """Write hand.npz, skins and fingernails.jpg.

    Args:
        checkout: of MakeHuman, with its assets downloaded.
        folder: where to.
        identities: how many different hands.
        seed: of who they are.
    Raises:
        DataError: a file is missing or malformed.
        OutputError: `folder` cannot be written to.
    """
    data = next(
        (path for path in (checkout / "makehuman" / "data", checkout / "data") if path.is_dir()), None
    )
    if data is None:
        raise DataError(
            f"{checkout}: no checkout of MakeHuman: there is neither makehuman/data nor data in it"
        )
    skins = sorted(path for path in (data / "skins").rglob("*diffuse*") if path.suffix in (".png", ".jpg"))
    if not skins:
        raise DataError(f"{data / 'skins'}: no *diffuse*.png; download MakeHuman's assets into the checkout")
    arrays = _hand(data, identities, np.random.default_rng(seed))
    with staging(folder) as temporary:
        np.savez_compressed(temporary / "hand.npz", **arrays)
        _nails(data).save(temporary / "fingernails.jpg", quality=95)
        (temporary / "skins").mkdir()
        for skin in tqdm(skins, unit="skin", disable=None):
            picture = Image.fromarray(image.load(skin))
            picture.thumbnail((2048, 2048))
            picture.save(temporary / "skins" / f"{skin.stem}.jpg", quality=92)
        if (folder / "skins").exists():  # of an earlier build
            (folder / "skins").replace(temporary / "before")
        place([temporary / name for name in ("hand.npz", "fingernails.jpg", "skins")], folder)


def _nails(data: Path) -> Image.Image:
    """The mask of MPFB2, if it lies in the checkout; else none of a skin is nail."""
    found = next(iter(sorted(data.rglob("fingernails.*"))), None)
    return Image.fromarray(image.load(found)) if found else Image.new("RGB", (512, 512))


def _hand(data: Path, identities: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    mesh = read_mesh(data / "3dobjs" / "base.obj")
    skeleton = _json(data / "rigs" / "default.mhskel")
    weights = read_weights(data / "rigs" / str(skeleton.get("weights_file")), len(mesh.vertices))
    kept = weights.sum(1) >= PART_OF_ARM
    faces = kept[mesh.quads].all(1)
    if not faces.any():
        raise DataError(
            f"{data}: no face of the mesh belongs to the left arm; the files do not fit each other"
        )
    # A vertex that no kept face has would only cost time.
    used, quads = np.unique(mesh.quads[faces], return_inverse=True)
    used_uv, uv_quads = np.unique(mesh.uv_quads[faces], return_inverse=True)
    joints, planes, parents = _joints(data / "rigs" / "default.mhskel", skeleton, len(mesh.vertices))
    bodies = [AVERAGE, *(sample_body(rng) for _ in range(identities - 1))]
    targets = _Targets(data / "targets", len(mesh.vertices))
    shapes = [targets.apply(mesh.vertices, body) for body in tqdm(bodies, unit="identity", disable=None)]
    centres = np.array([[[shape[cube].mean(0) for cube in ends] for ends in joints] for shape in shapes])
    corners = np.array([[[shape[cube].mean(0) for cube in plane] for plane in planes] for shape in shapes])
    return {
        "V": np.stack(shapes)[:, used].astype(np.float32),
        "J": centres.astype(np.float32),
        "P": corners.astype(np.float32),
        "W": (weights[used] / weights[used].sum(1, keepdims=True)).astype(np.float32),
        "quads": quads.reshape(-1, 4),
        "tquads": uv_quads.reshape(-1, 4),
        "uv": mesh.uv[used_uv].astype(np.float32),
        "bones": np.array(BONES),
        "parent": np.array(parents),
        "meta": np.array(json.dumps([vars(body) for body in bodies])),
    }


def read_mesh(file: Path) -> BaseMesh:
    """Read a Wavefront mesh whose body is the group `body`.

    Raises:
        DataError: missing or malformed.
    """
    vertices, uv, quads, uv_quads, group = [], [], [], [], ""
    try:
        for line in file.read_text().splitlines():
            kind, *values = line.split() or [""]
            if kind == "v":
                vertices.append([float(value) for value in values[:3]])
            elif kind == "vt":
                uv.append([float(value) for value in values[:2]])
            elif kind == "g":
                group = values[0]
            elif kind == "f" and group == "body":
                corners = [[int(number) - 1 for number in corner.split("/")[:2]] for corner in values]
                if len(corners) == 4:
                    quads.append([vertex for vertex, _ in corners])
                    uv_quads.append([point for _, point in corners])
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{file}: cannot be read as a Wavefront mesh ({error})") from None
    mesh = BaseMesh(
        np.array(vertices, np.float64).reshape(-1, 3),
        np.array(uv, np.float64).reshape(-1, 2),
        np.array(quads, np.int64).reshape(-1, 4),
        np.array(uv_quads, np.int64).reshape(-1, 4),
    )
    for indices, points in ((mesh.quads, mesh.vertices), (mesh.uv_quads, mesh.uv)):
        if not len(indices) or indices.min() < 0 or indices.max() >= len(points):
            raise DataError(f"{file}: has no group `body` of quads within its {len(points)} points")
    return mesh


def read_weights(file: Path, vertices: int) -> Array:
    """Skin weights of the left arm: (vertices, BONES).

    Raises:
        DataError: missing or malformed.
    """
    content: Any = _json(file).get("weights")
    weights = np.zeros((vertices, len(BONES)))
    for column, bone in enumerate(BONES):
        try:
            entries = np.array(content[f"{bone}.L"], np.float64).reshape(-1, 2)
            weights[entries[:, 0].astype(int), column] = entries[:, 1]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(
                f"{file}: no weights of {bone}.L for a mesh of {vertices} vertices ({error})"
            ) from None
    return weights


def read_target(file: Path, vertices: int) -> Target:
    """Read how a target moves the vertices of the base mesh.

    Raises:
        DataError: missing or malformed.
    """
    try:
        lines = [line.split() for line in file.read_text().splitlines() if line.strip() and line[0] != "#"]
        rows = np.array(lines, np.float64).reshape(-1, 4)
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as a target ({error})") from None
    indices = rows[:, 0].astype(np.int64)
    if len(indices) and not (indices.min() >= 0 and indices.max() < vertices):
        raise DataError(f"{file}: moves vertex {indices.max()} of a mesh of {vertices}")
    return indices, rows[:, 1:]


AVERAGE = Body(0.5, 0.5, 0.5, 0.5, (1 / 3, 1 / 3, 1 / 3), (0.0,) * len(HAND_SHAPES))


def sample_body(rng: np.random.Generator) -> Body:
    """Draw somebody from about 10 years on."""
    gender, muscle, weight = rng.random(3).tolist()
    age = float(rng.uniform(0.25, 1.0))
    race = tuple(rng.dirichlet((0.7,) * len(RACES)).tolist())
    hand = tuple(np.clip(rng.normal(0, 0.4, len(HAND_SHAPES)), -1, 1).tolist())
    return Body(gender, age, muscle, weight, race, hand)


def macro_factors(body: Body) -> dict[str, float]:
    """How much of each target of macrodetails/ a body has, by file name without suffix."""
    gender = dict(zip(GENDERS, (1 - body.gender, body.gender), strict=True))
    ages, muscles, weights = (
        _between(levels, value)
        for levels, value in ((AGES, body.age), (LEVELS, body.muscle), (LEVELS, body.weight))
    )
    factors = {
        f"{race}-{sex}-{age}": part * gender[sex] * ages[age]
        for (race, part), sex, age in product(zip(RACES, body.race, strict=True), GENDERS, AGES)
    }
    factors |= {
        f"universal-{sex}-{age}-{muscle}muscle-{weight}weight": gender[sex]
        * ages[age]
        * muscles[muscle]
        * weights[weight]
        for sex, age, muscle, weight in product(GENDERS, AGES, LEVELS, LEVELS)
    }
    return {name: factor for name, factor in factors.items() if factor > 0}


def _between(levels: dict[str, float], value: float) -> dict[str, float]:
    """Linear weights of the two levels around a value."""
    places = list(levels.values())
    return {
        name: float(np.interp(value, places, np.eye(len(places))[index])) for index, name in enumerate(levels)
    }


class _Targets:
    def __init__(self, folder: Path, vertices: int) -> None:
        self._folder = folder
        self._vertices = vertices
        self._read: dict[str, Target] = {}

    def apply(self, vertices: Array, body: Body) -> Array:
        """The base mesh as this body."""
        shape = vertices.copy()
        factors = {f"macrodetails/{name}": factor for name, factor in macro_factors(body).items()}
        for name, amount in zip(HAND_SHAPES, body.hand, strict=True):
            factors[f"armslegs/{name}-{'incr' if amount > 0 else 'decr'}"] = abs(amount)
        for name, factor in factors.items():
            if name not in self._read:
                self._read[name] = read_target(self._folder / f"{name}.target", self._vertices)
            indices, moves = self._read[name]
            shape[indices] += factor * moves
        return shape


def _joints(file: Path, skeleton: dict[str, Any], vertices: int) -> tuple[list[Any], list[Any], list[int]]:
    """The vertices whose mean is the head and tail, and the corners of the rotation plane, of each bone; its parent."""

    def cube(name: str) -> list[int]:
        indices = [int(index) for index in skeleton["joints"][name]]
        if not indices or min(indices) < 0 or max(indices) >= vertices:
            raise DataError(f"{file}: joint {name} is not within the mesh's {vertices} vertices")
        return indices

    try:
        bones = [skeleton["bones"][f"{bone}.L"] for bone in BONES]
        ends = [[cube(bone["head"]), cube(bone["tail"])] for bone in bones]
        planes = [[cube(name) for name in skeleton["planes"][bone["rotation_plane"]]] for bone in bones]
        names = [str(bone["parent"]).removesuffix(".L") for bone in bones]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file}: not MakeHuman's default skeleton ({type(error).__name__}: {error})"
        ) from None
    return ends, planes, [BONES.index(name) if name in BONES else -1 for name in names]


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read ({error}); is the checkout complete?") from None
    if not isinstance(content, dict):
        raise DataError(f"{file}: not a JSON object")
    return content
