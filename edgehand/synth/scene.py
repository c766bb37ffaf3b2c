"""Pictures of hands with their labels: read `Renderer.picture` first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import _render
from edgehand.hand import tight_box
from edgehand.synth import arms, objects, shapes
from edgehand.synth.assets import Assets, Skin
from edgehand.synth.backgrounds import developed, sample_background, sample_texture
from edgehand.synth.camera import Camera, View, frame, place, sample_view, sample_view_held_out
from edgehand.synth.degrade import degrade, motion_blur
from edgehand.synth.geometry import Array, rotation, triple
from edgehand.synth.gestures import CLOSED, GRASPS
from edgehand.synth.hand_model import HandModel, directions, keypoints
from edgehand.synth.lights import orientation, sample_lighting, summary
from edgehand.synth.poses import TYPICAL_PALM, Pose, sample_pose

MONK = np.array(
    [
        (0xF6, 0xED, 0xE4), (0xF3, 0xE7, 0xDB), (0xF7, 0xEA, 0xD0), (0xEA, 0xDA, 0xBA), (0xD7, 0xBD, 0x96),
        (0xA0, 0x7E, 0x56), (0x82, 0x5C, 0x43), (0x60, 0x41, 0x34), (0x3A, 0x31, 0x2A), (0x29, 0x24, 0x20),
    ]
)  # fmt: skip
"""The Monk Skin Tone scale, sRGB (skintone.google)."""
FEWEST_VISIBLE = 6
"""Pictures with fewer keypoints in sight are drawn anew."""
ATTEMPTS = 6
FILL = (0.3, 0.72)
"""Longer side of the hand's box, part of the picture: around it is what crops of poor boxes show as well."""
# How deep each keypoint lies below the skin and still counts as seen, metres on a hand of typical size.
FLESH = np.array([0.030, *([0.020, 0.016, 0.014, 0.010] * 5)])
FLESH[5::4] = 0.020
FLESH[6::4], FLESH[7::4], FLESH[8::4] = 0.014, 0.012, 0.010


@dataclass(frozen=True, eq=False)
class Label:
    """One labelled hand in a picture."""

    keypoints: NDArray[np.float32]
    """(21, 2) x, y in pixels, in the order of `edgehand.KEYPOINT_NAMES`."""
    visibility: NDArray[np.uint8]
    """(21,) 2 seen, 1 hidden by the hand itself, by something else or by the picture's edge."""
    joints: NDArray[np.float32]
    """(21, 3) metres in camera space: x right, y down, z away from the camera."""
    handedness: str
    """"left" or "right"."""
    pose: str
    """Name of the gesture, "blend", "curl" or "independent"."""
    skin_tone: int
    """1 to 10 on the Monk scale."""
    camera: Camera
    """Which projects `joints` onto `keypoints`."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height, tight around the keypoints."""
        return tight_box(self.keypoints)


@dataclass(frozen=True, eq=False)
class _Person:
    """Whose hands these are, and what they wear."""

    identity: int
    skin: Skin
    material: _render.Material
    tone: int
    albedo: Array


@dataclass(frozen=True, eq=False)
class _Hand:
    """A hand in camera space."""

    person: _Person
    pose: Pose
    view: View
    centre: Array
    at: Array
    mirrored: bool

    def place(self, points: NDArray[np.floating[Any]]) -> Array:
        """Points of its model in camera space."""
        return place(points, self.view, self.centre, self.at, mirrored=self.mirrored)

    def turn(self, vectors: NDArray[np.floating[Any]]) -> Array:
        """Directions of its model in camera space."""
        return self.place(vectors) - self.place(np.zeros(3))

    @property
    def frame(self) -> Array:
        """(3, 3) its lateral, forward and palmar directions in its model, a row each."""
        forward, lateral, palmar = directions(self.pose.bones)
        return np.stack([lateral, forward, palmar])

    @property
    def placement(self) -> Array:
        """(3, 4): what `place` does, as a matrix."""
        origin = self.place(np.zeros(3))
        return np.column_stack([self.turn(np.eye(3)).T, origin])

    @cached_property
    def joints(self) -> Array:
        """(21, 3) its keypoints."""
        return self.place(keypoints(self.pose.bones))

    def seen(self, canvas: _render.Canvas, number: int) -> NDArray[np.bool_]:
        """(21,) which of its keypoints are in sight, its skin being the mesh of that number on the canvas."""
        return canvas.seen(self.joints.astype(np.float32), self._flesh, number)

    @cached_property
    def _flesh(self) -> NDArray[np.float32]:
        joints = keypoints(self.pose.bones, as_annotated=False)
        palm = float(np.linalg.norm(joints[9] - joints[0]))
        return (FLESH * (palm / TYPICAL_PALM)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that is drawn, in camera space."""

    hands: list[_Hand]
    seen: list[NDArray[np.bool_]]
    """(21,) which keypoints of each hand are in sight."""
    camera: Camera
    canvas: _render.Canvas
    """With all meshes, not yet lit."""
    lighting: _render.Lighting
    to_camera: Array
    """(3, 3) from the world to the camera."""
    panorama: NDArray[np.uint8] | None
    """What is all around."""


class Renderer:
    """Draws labelled pictures; each depends on nothing but the assets, the size, the seed and its index.

    Args:
        assets: from `edgehand.synth.load`.
        size: side of the pictures, pixels.
        seed: of all randomness.
    """

    def __init__(self, assets: Assets, size: int = 256, seed: int = 0) -> None:
        self.assets = assets
        self.size = size
        self.seed = seed
        self._model = HandModel(assets.hand)
        self._light = [summary(panorama) for panorama in assets.panoramas]
        self._outlooks = [developed(panorama) for panorama in assets.panoramas]

    def picture(self, index: int) -> tuple[NDArray[np.uint8], tuple[Label, ...]]:
        """Draw one picture.

        Args:
            index: its number, from 0.
        Returns:
            uint8 RGB (size, size, 3), and the labelled hands in it: first the one that the picture is of, then
            another one where it is in sight, too.
        """
        rng = np.random.default_rng((self.seed, index))
        scene = self._scene(rng)
        rgba = scene.canvas.shade(scene.lighting)
        if rng.random() < 0.12:  # the hand moves, what is behind does not
            rgba = motion_blur(rgba, self.size / 256 * rng.uniform(3, 12), rng.uniform(0, np.pi))
        behind = sample_background(self.assets, scene.panorama, scene.to_camera, self.size, rng)
        picture = _render.put_before(rgba, behind)
        labels = [
            _label(hand, scene.camera, seen) for hand, seen in zip(scene.hands, scene.seen, strict=True)
        ]
        return degrade(picture, rng), tuple(
            labels[:1] + [label for label in labels[1:] if self._worth(label)]
        )

    def _worth(self, label: Label) -> bool:
        """Whether a second hand is enough in the picture to be labelled."""
        inside = ((label.keypoints >= 0) & (label.keypoints < self.size - 1)).all()
        return bool(inside) and int((label.visibility == 2).sum()) >= FEWEST_VISIBLE

    def _scene(self, rng: np.random.Generator) -> _Scene:
        """A scene with enough of its hand in sight; after ATTEMPTS without, any."""
        for attempt in count():
            scene = self._compose(rng, FEWEST_VISIBLE if attempt < ATTEMPTS else 0)
            if scene:
                return scene
        raise AssertionError("count() ends")

    def _compose(self, rng: np.random.Generator, fewest: int) -> _Scene | None:
        """A scene; None if it has fewer than `fewest` keypoints of its hand in sight."""
        holding = rng.random() < 0.28
        first = self._hand(self._person(rng), rng, holding=holding)
        camera = frame(first.joints, self.size, rng, fill=FILL)
        canvas = _render.Canvas((camera.focal, camera.x, camera.y), self.size)
        canvas.add(self._skin(first))
        # A hand that hides itself is not worth dressing: whatever comes now can only hide more of it.
        if first.seen(canvas, 0).sum() < fewest:
            return None
        hands = [first]
        if rng.random() < 0.25:
            hands.append(self._other(first, rng))
            canvas.add(self._skin(hands[1]))
        for mesh in self._around(hands, camera, rng, holding=holding):
            canvas.add(mesh)
        seen = [hand.seen(canvas, number) for number, hand in enumerate(hands)]
        if seen[0].sum() < fewest:
            return None

        which = int(rng.integers(len(self._light))) if self._light else None
        to_camera = orientation(first.view.up, rng.uniform(-180, 180))
        light = self._light[which] if which is not None else None
        return _Scene(
            hands=hands,
            seen=seen,
            camera=camera,
            canvas=canvas,
            lighting=sample_lighting(light, to_camera, first.at, 0.22, rng),
            to_camera=to_camera,
            panorama=self._outlooks[which] if which is not None else None,
        )

    def _around(
        self, hands: list[_Hand], camera: Camera, rng: np.random.Generator, *, holding: bool
    ) -> list[_render.Mesh]:
        """What hands wear, what the first one holds, what is before and behind it."""
        meshes = [mesh for hand in hands for mesh in self._wear(hand, rng)]
        first = hands[0]
        if holding and (thing := objects.held(first.pose.bones, rng)):
            look = shapes.Look(sample_texture(self.assets, rng), rng.uniform(0.2, 0.9))
            meshes.append(self._in_model(thing, first, look))
        return meshes + self._surroundings(first, camera, rng)

    def _person(self, rng: np.random.Generator) -> _Person:
        skin = self.assets.skins[rng.integers(len(self.assets.skins))]
        wanted = MONK[rng.integers(len(MONK))] / 255 * rng.uniform(0.76, 0.98) + rng.normal(0, 0.015, 3)
        gain = np.clip(wanted, 0.05, 1) ** 2.2 / skin.mean
        # The lightness of the wanted tone, less of its colour: the scale's darkest and palest are nearly grey.
        lightness = gain.mean()
        gain = lightness ** rng.uniform(0.1, 0.95) * (gain / lightness) ** rng.uniform(0, 0.6)
        albedo = np.clip(skin.mean * gain, 0, 1)
        tone = int(np.argmin(np.abs(MONK / 255 - albedo ** (1 / 2.2)).sum(1))) + 1
        material = _render.Material(
            gain=triple(gain),
            roughness=rng.uniform(0.36, 0.7),
            specular=rng.uniform(0.02, 0.05),
            wrap=(0.30, 0.14, 0.09),
            bump=rng.uniform(0.1, 0.9),
            polish=0.9 * (rng.random() < 0.1),
            nail_colour=triple(rng.random(3) ** 2),
        )
        return _Person(int(rng.integers(self._model.identities)), skin, material, tone, albedo)

    def _hand(self, person: _Person, rng: np.random.Generator, *, holding: bool) -> _Hand:
        gestures: tuple[str, ...] = ()
        if holding and rng.random() < 0.8:
            gestures = GRASPS
        elif rng.random() < 0.15:
            gestures = CLOSED
        held_out = rng.random() < 0.2
        # Who holds a hand out to a camera before them has the elbow below it, not behind.
        bent = held_out and rng.random() < 0.5
        pose = sample_pose(self._model, person.identity, rng, gestures, bent=bent)
        points = keypoints(pose.bones)
        view = (sample_view_held_out if held_out else sample_view)(pose.bones, rng)
        distance = np.exp(rng.uniform(np.log(0.24), np.log(1.2)))
        centre = (points.min(0) + points.max(0)) / 2
        return _Hand(
            person, pose, view, centre, np.array([0, 0, distance]), mirrored=bool(rng.random() < 0.5)
        )

    def _other(self, first: _Hand, rng: np.random.Generator) -> _Hand:
        """A second hand, beside the first, behind it, or touching it."""
        person = first.person if rng.random() < 0.7 else self._person(rng)
        hand = self._hand(person, rng, holding=False)
        share = rng.random()
        angle = rng.uniform(0, 2 * np.pi)
        across, deeper = {
            True: (rng.uniform(0.09, 0.2), rng.uniform(-0.05, 0.15)),
            False: (rng.uniform(0.0, 0.09), rng.uniform(0.025, 0.09)),
        }[share < 0.45]
        at = first.at + np.array([across * np.cos(angle), across * np.sin(angle), deeper])
        mirrored = first.mirrored if rng.random() < 0.2 else not first.mirrored
        view = hand.view
        if rng.random() < 0.5:  # the two hands of one person stand alike
            lean = rotation(np.array([0.0, 0.0, 1.0]), rng.normal(0, 40))
            view = View(lean @ first.view.rotation @ first.frame.T @ hand.frame, first.view.up)
        return _Hand(person, hand.pose, view, hand.centre, at, mirrored)

    def _surface(self, hand: _Hand) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Vertices (n, 3) of a hand's skin in camera space, and their normals."""
        placed = _after(hand.pose.transforms, hand.placement)
        positions = self._model.surface(hand.person.identity, placed)
        normals = _render.vertex_normals(positions, self._model.triangles)
        return (
            positions,
            -normals if hand.mirrored else normals,
        )  # mirrored, its triangles are seen from within

    def _skin(self, hand: _Hand) -> _render.Mesh:
        model = self._model
        positions, normals = self._surface(hand)
        return _render.Mesh(
            positions=positions,
            normals=normals,
            triangles=model.triangles,
            uv=model.uv,
            uv_triangles=model.uv_triangles,
            colour=hand.person.skin.colour,
            slope=hand.person.skin.slope,
            nails=self.assets.nails,
            material=hand.person.material,
            casts_shadow=True,
            unseen=-1 if hand.mirrored else 1,
        )

    def _wear(self, hand: _Hand, rng: np.random.Generator) -> list[_render.Mesh]:
        arm = arms.Arm(self._model, hand.person.identity, hand.pose.bones)
        worn = arms.sample_wear(self.assets, arm, hand.pose.bones, rng)
        return [self._in_model(shape, hand, look) for shape, look in worn]

    def _in_model(self, shape: shapes.Shape, hand: _Hand, look: shapes.Look) -> _render.Mesh:
        placed = shapes.Shape(
            hand.place(shape.positions), hand.turn(shape.normals), shape.triangles, shape.uv
        )
        return shapes.mesh(placed, look)

    def _surroundings(self, hand: _Hand, camera: Camera, rng: np.random.Generator) -> list[_render.Mesh]:
        meshes = []
        joints = hand.joints
        if rng.random() < 0.14:
            meshes.append(objects.occluder(self.assets, joints[rng.integers(21)], rng))
        behind = float(joints[:, 2].max())
        if -hand.view.up[2] > 0.8 and rng.random() < 0.7:
            lowest = joints[np.argmin(joints @ hand.view.up)] - hand.view.up * (
                0.012 + 0.05 * rng.random() ** 3
            )
            meshes.append(objects.table(self.assets, hand.view.up, lowest, rng))
        elif rng.random() < 0.22:
            depth = behind + np.exp(rng.uniform(np.log(0.12), np.log(1.2)))
            tone = hand.person.albedo if rng.random() < 0.6 else self._person(rng).albedo
            meshes += objects.bystander(self.assets, camera, self.size, depth, rng, tone)
        if rng.random() < 0.1:
            depth = behind + rng.uniform(0.1, 0.6)
            meshes.append(objects.skin_blob(camera, self.size, depth, rng, self._person(rng).albedo))
        return meshes


def _after(transforms: Array, last: Array) -> Array:
    """Affine maps (n, 3, 4), each followed by the same other one (3, 4)."""
    moved: Array = last[:, :3] @ transforms
    moved[..., 3] += last[:, 3]
    return moved


def _label(hand: _Hand, camera: Camera, seen: NDArray[np.bool_]) -> Label:
    joints = hand.joints
    return Label(
        keypoints=camera.project(joints).astype(np.float32),
        visibility=np.where(seen, 2, 1).astype(np.uint8),
        joints=joints.astype(np.float32),
        handedness="right" if hand.mirrored else "left",
        pose=hand.pose.kind,
        skin_tone=hand.person.tone,
        camera=camera,
    )
