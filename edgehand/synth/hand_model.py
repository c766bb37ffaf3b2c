"""A hand with a skeleton: joint angles -> a posed mesh and its keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edgehand import _render
from edgehand.synth.assets import BONES, HandMesh
from edgehand.synth.geometry import Array, across, cross, rotation, unit
from edgehand.synth.subdivision import catmull_clark

FINGERS = range(2, 6)
"""Index to little, as MakeHuman counts; the thumb is 1."""
INFLUENCES = 8
"""Bones that move one vertex, at most."""
BONE = {name: index for index, name in enumerate(BONES)}

# The rig at rest is a relaxed hand: flexion that it already has, degrees.
REST_MCP, REST_PIP, REST_DIP = 15, 9, 6
# Direction of each finger in a hand whose fingers are parallel, degrees from the middle finger.
PARALLEL = {2: -2.0, 3: 0.0, 4: 2.0, 5: 3.0}
# How much of the cupping of the palm each of METACARPALS takes.
CUPPING = (0.1, 0.6, 1.0)
METACARPALS = [BONE[f"metacarpal{number}"] for number in (2, 3, 4)]
PHALANGES = np.array([[BONE[f"finger{finger}-{joint}"] for joint in (1, 2, 3)] for finger in FINGERS])

# Where annotators click, seen from the rig's joint: along the bone, to the little finger's side, towards the palm, in
# units of the distance from the wrist to the middle finger's knuckle. Found by comparing with labelled photos.
ANNOTATION_OFFSETS = np.array(
    [
        (0.07, 0.005, 0.02),
        (0, -0.01, 0.06), (0.05, 0, -0.03), (-0.015, 0.015, -0.015), (-0.035, 0, 0),
        (-0.08, 0.01, 0.015), (0, 0.01, 0.02), (0, 0, 0.015), (-0.035, 0, 0),
        (-0.06, 0, 0.015), (0, 0, 0.02), (0, 0, 0.015), (-0.035, 0, 0),
        (-0.06, 0, 0.01), (0, 0, 0.02), (0, 0, 0.015), (-0.035, 0, 0),
        (-0.065, 0, 0.005), (0, 0, 0.015), (0, 0, 0.01), (-0.03, 0, 0),
    ]
)  # fmt: skip
# The keypoint from which each keypoint's bone comes; the wrist's goes to the middle knuckle.
_BEFORE = np.array([9, *(before for f in range(5) for before in (0, 4 * f + 1, 4 * f + 2, 4 * f + 3))])


@dataclass(frozen=True, eq=False)
class Angles:
    """Joint angles of n hands, degrees."""

    mcp: Array
    """(n, 4) flexion of the knuckles, index to little."""
    pip: Array
    """(n, 4)"""
    dip: Array
    """(n, 4)"""
    abduction: Array
    """(n, 4) sideways, on top of `spread`."""
    spread: Array
    """(n,) 0: fingers parallel, 1: the fan of the hand at rest."""
    thumb: Array
    """(n, 6) opposition, abduction, flexion at the CMC, twist, flexion at MCP and IP."""
    cup: Array
    """(n,) of the palm."""
    wrist: Array
    """(n, 3) flexion, deviation, twist of the forearm."""
    elbow: Array
    """(n,)"""

    def __getitem__(self, index: slice) -> Angles:
        return Angles(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Frame:
    """Directions of an identity's hand at rest, unit vectors."""

    forward: Array
    """Wrist to middle knuckle."""
    lateral: Array
    """Index to little finger."""
    palmar: Array
    """Out of the palm."""
    forearm: Array
    """Elbow to wrist."""
    flexion: Array
    """(4, 3) axes about which the fingers close."""
    sideways: Array
    """(4, 3) axes about which they spread."""
    fan: Array
    """(4,) direction of each finger at rest, degrees from the middle finger about `palmar`."""
    thumb_flexion: Array
    thumb_along: Array
    """Along the thumb's metacarpal."""


class HandModel:
    """Poses the hands of one mesh.

    Args:
        mesh: identities at rest.
    """

    def __init__(self, mesh: HandMesh) -> None:
        self.mesh = mesh
        strongest = np.argsort(-mesh.weights, axis=1)[:, :INFLUENCES]
        weights = np.take_along_axis(mesh.weights, strongest, 1)
        self._bones = np.ascontiguousarray(strongest, np.int32)
        self._weights = np.ascontiguousarray(weights / weights.sum(1, keepdims=True), np.float32)
        self._smooth, quads = catmull_clark(mesh.quads, mesh.vertices.shape[1])
        to_uv, uv_quads = catmull_clark(mesh.uv_quads, len(mesh.uv), smooth=False)
        self.triangles = _halves(quads)
        self.uv = np.ascontiguousarray(to_uv @ mesh.uv)
        self.uv_triangles = _halves(uv_quads)
        self._frames: dict[int, Frame] = {}
        self._generations = _generations(mesh.parents)

    @property
    def identities(self) -> int:
        """How many hands there are to choose from."""
        return len(self.mesh.vertices)

    def frame(self, identity: int) -> Frame:
        """Directions of a hand at rest."""
        if identity not in self._frames:
            self._frames[identity] = _frame(self.mesh.joints[identity], self.mesh.planes[identity])
        return self._frames[identity]

    def pose(self, identity: int, angles: Angles) -> Array:
        """Forward kinematics.

        Args:
            identity: whose hand.
            angles: of n hands.
        Returns:
            (n, bones, 3, 4): where each bone takes a point of the hand at rest.
        """
        joints, frame = self.mesh.joints[identity], self.frame(identity)
        count = len(angles.elbow)
        turns = np.broadcast_to(np.eye(3), (count, len(BONES), 3, 3)).copy()
        # A bent finger can hardly be spread.
        room = 1 - 0.45 * np.clip(angles.mcp / 90, 0, 1)
        parallel = np.array([PARALLEL[finger] for finger in FINGERS])
        aside = ((1 - angles.spread[:, None]) * (parallel - frame.fan) + angles.abduction) * room
        # All rotations in one call: what costs is the call.
        axes, degrees = zip(
            (frame.lateral, angles.elbow),
            (frame.forearm, angles.wrist[:, 2] / 2),
            (frame.palmar, angles.wrist[:, 1]),
            (frame.lateral, angles.wrist[:, 0]),
            *zip(
                (frame.forward, frame.palmar, frame.thumb_flexion, frame.thumb_along),
                angles.thumb.T[:4],
                strict=True,
            ),
            *((frame.thumb_flexion, bend) for bend in angles.thumb.T[4:]),
            *((frame.lateral, angles.cup * part) for part in CUPPING),
            strict=True,
        )
        each = np.moveaxis(rotation(np.stack(axes), np.stack(degrees, -1)), 1, 0)
        (
            elbow,
            half_twist,
            deviation,
            flexion,
            opposition,
            abduction,
            cmc,
            twist,
            thumb_mcp,
            thumb_ip,
            *cups,
        ) = each
        turns[:, BONE["lowerarm01"]] = elbow
        turns[:, BONE["lowerarm02"]] = half_twist
        turns[:, BONE["wrist"]] = deviation @ flexion @ half_twist
        turns[:, METACARPALS] = np.stack(cups, 1)
        turns[:, BONE["finger1-1"]] = opposition @ abduction @ cmc @ twist
        turns[:, BONE["finger1-2"]] = thumb_mcp
        turns[:, BONE["finger1-3"]] = thumb_ip
        bent = np.stack([angles.mcp - REST_MCP, angles.pip - REST_PIP, angles.dip - REST_DIP], -1)
        bends = rotation(frame.flexion[:, None], bent)
        bends[:, :, 0] = rotation(frame.sideways, aside) @ bends[:, :, 0]
        turns[:, PHALANGES] = bends
        return self._chain(turns, joints[:, 0])

    def _chain(self, turns: Array, heads: Array) -> Array:
        shifts = heads - np.einsum("nbij,bj->nbi", turns, heads)
        transforms: Array = np.concatenate([turns, shifts[..., None]], -1)
        for bones, parents in self._generations:
            above = transforms[:, parents]
            moved = above[..., :3] @ transforms[:, bones]
            moved[..., 3] += above[..., 3]
            transforms[:, bones] = moved
        return transforms

    def bones(self, identity: int, transforms: Array) -> Array:
        """Heads and tails of the posed bones.

        Args:
            identity: whose hand.
            transforms: (n, bones, 3, 4) from `pose`.
        Returns:
            (n, bones, 2, 3).
        """
        moved = np.einsum("nbij,bkj->nbki", transforms[..., :3], self.mesh.joints[identity])
        return np.asarray(moved + transforms[:, :, None, :, 3])

    def surface(self, identity: int, transforms: Array) -> NDArray[np.float32]:
        """Vertices of one posed hand.

        Args:
            identity: whose hand.
            transforms: (bones, 3, 4).
        Returns:
            (vertices after subdivision, 3).
        """
        vertices = np.ascontiguousarray(self.mesh.vertices[identity])
        posed = _render.skin(
            vertices, self._bones, self._weights, np.ascontiguousarray(transforms, np.float32)
        )
        return _render.multiply(self._smooth.starts, self._smooth.columns, self._smooth.values, posed)


def keypoints(bones: Array, *, as_annotated: bool = True) -> Array:
    """The 21 keypoints of posed bones.

    Args:
        bones: (..., bones, 2, 3) heads and tails.
        as_annotated: move them from the rig's joints to where people click.
    Returns:
        (..., 21, 3) in the order of `edgehand.KEYPOINT_NAMES`.
    """
    heads = [BONE["wrist"]] + [BONE[f"finger{f}-{j}"] for f in range(1, 6) for j in (1, 2, 3, 3)]
    ends = [0] + [0, 0, 0, 1] * 5
    joints: Array = bones[..., heads, ends, :]
    if not as_annotated:
        return joints
    along = unit(joints - joints[..., _BEFORE, :])
    along[..., 0, :] *= -1
    lateral = bones[..., BONE["finger5-1"], 0, :] - bones[..., BONE["finger2-1"], 0, :]
    lateral = across(lateral[..., None, :], along)
    palmar = cross(lateral, along)
    scale = np.linalg.norm(joints[..., 9, :] - joints[..., 0, :], axis=-1)[..., None, None]
    offsets = ANNOTATION_OFFSETS * scale
    moved: Array = (
        joints + along * offsets[..., 0:1] + lateral * offsets[..., 1:2] + palmar * offsets[..., 2:3]
    )
    return moved


def directions(bones: Array) -> tuple[Array, Array, Array]:
    """(forward, lateral, palmar) of posed bones (..., bones, 2, 3), as in Frame."""
    heads = bones[..., 0, :]
    forward = unit(heads[..., BONE["finger3-1"], :] - heads[..., BONE["wrist"], :])
    lateral = across(heads[..., BONE["finger5-1"], :] - heads[..., BONE["finger2-1"], :], forward)
    return forward, lateral, cross(lateral, forward)


def _halves(quads: NDArray[np.int32]) -> NDArray[np.int32]:
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def _generations(parents: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Bones that are equally many steps from the root, and their parents: from the root's children on."""
    found = []
    above = [bone for bone, parent in enumerate(parents) if parent < 0]
    while bones := [bone for bone, parent in enumerate(parents) if parent in above]:
        found.append((bones, [parents[bone] for bone in bones]))
        above = bones
    return found


def _frame(joints: Array, planes: Array) -> Frame:
    forward, lateral, palmar = directions(joints)
    normals = unit(cross(planes[:, 1] - planes[:, 0], planes[:, 2] - planes[:, 0]))
    middle = unit(joints[BONE["finger3-3"], 1] - joints[BONE["finger3-1"], 0])
    flexion, sideways, fan = [], [], []
    for finger in FINGERS:
        base = BONE[f"finger{finger}-1"]
        along = unit(joints[BONE[f"finger{finger}-3"], 1] - joints[base, 0])
        axis = across(-normals[base], along)
        flexion.append(axis)
        sideways.append(cross(axis, along))
        fan.append(np.degrees(np.arctan2(cross(middle, along) @ palmar, middle @ along)))
    first, second, last = (BONE[f"finger1-{joint}"] for joint in (1, 2, 3))
    thumb_along = unit(joints[second, 0] - joints[first, 0])
    thumb = across(normals[first], unit(joints[last, 0] - joints[second, 0]))
    # Of the two directions, the one that brings the tip towards the little finger's base.
    reach = joints[last, 1] - joints[second, 0]
    goal = joints[BONE["finger5-1"], 0] + 0.03 * palmar - joints[second, 0]
    thumb = thumb * np.sign(cross(thumb, reach) @ goal)
    return Frame(
        forward=forward,
        lateral=lateral,
        palmar=palmar,
        forearm=unit(joints[BONE["wrist"], 0] - joints[BONE["lowerarm02"], 0]),
        flexion=np.array(flexion),
        sideways=np.array(sideways),
        fan=np.array(fan),
        thumb_flexion=thumb,
        thumb_along=thumb_along,
    )
