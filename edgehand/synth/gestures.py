"""What hands do: gestures as joint angles in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgehand.synth.geometry import Array

THUMB_REST = (0, 0, 0, 0, 0, 0)
THUMB_OUT = (-5, 14, -8, 0, -5, -8)
THUMB_UP = (-8, 18, -12, 0, -10, -12)

# Flexion of a closed finger, index to little: its tip rests on the palm.
CLOSED_MCP, CLOSED_PIP, CLOSED_DIP = (74, 74, 75, 72), (88, 92, 90, 84), (57, 58, 57, 51)


@dataclass(frozen=True, eq=False)
class Gesture:
    """Joint angles of a hand, degrees; index, middle, ring, little where there are four."""

    mcp: Array
    """(4,) flexion of the knuckles."""
    pip: Array
    """(4,)"""
    dip: Array
    """(4,)"""
    spread: float
    """0: fingers parallel, 1: the fan of the hand at rest."""
    thumb: Array
    """(6,) opposition, abduction, flexion at the CMC, twist, flexion at MCP and IP."""


def _gesture(mcp: object, pip: object, dip: object | None, spread: float, thumb: object) -> Gesture:
    """`dip` follows `pip` where it is None, as tendons make it."""
    knuckles, middles = (np.broadcast_to(np.asarray(values, float), 4) for values in (mcp, pip))
    ends = 0.6 * middles if dip is None else np.broadcast_to(np.asarray(dip, float), 4)
    return Gesture(knuckles, middles, ends, spread, np.asarray(thumb, float))


def _pointing(straight: tuple[int, ...], spread: float, thumb: object) -> Gesture:
    """The fingers in `straight` (0 index .. 3 little) are straight, the others closed."""
    mcp, pip, dip = (
        [open_angle if finger in straight else angle for finger, angle in enumerate(closed)]
        for closed, open_angle in ((CLOSED_MCP, 1), (CLOSED_PIP, 4), (CLOSED_DIP, 3))
    )
    return _gesture(mcp, pip, dip, spread, thumb)


GESTURES: dict[str, Gesture] = {
    "open_flat": _gesture(0, 2, 2, 0.15, THUMB_REST),
    "open_spread": _gesture(-3, 4, 3, 1.1, THUMB_OUT),
    "open_tucked": _gesture(2, 4, 3, 0.1, (20, -24, 15, 8, 22, 20)),
    "hyperextended": _gesture((-22, -18, -18, -20), 4, 2, 0.8, THUMB_OUT),
    "relaxed": _gesture((18, 22, 26, 30), (25, 30, 32, 32), None, 0.35, (12, -4, 0, 5, 8, 12)),
    "relaxed_more": _gesture((30, 35, 40, 45), (35, 42, 45, 42), None, 0.2, (22, -4, 0, 8, 10, 15)),
    "cupped": _gesture((22, 24, 26, 28), (18, 20, 20, 18), (8, 10, 10, 8), 0.0, (25, -22, 8, 12, 10, 12)),
    "fist": _pointing((), 0.0, (42, -8, 10, 28, 5, 16)),
    "fist_tight": _pointing((), 0.0, (54, -10, 14, 22, -4, 13)),
    "fist_thumb_aside": _pointing((), 0.0, (4, -32, -12, 26, 4, 50)),
    "fist_half": _gesture((45, 48, 50, 52), (90, 94, 94, 90), None, 0.0, (25, -8, 0, 8, 12, 18)),
    "point": _pointing((0,), 0.2, (16, -20, 18, 14, 8, 20)),
    "point_thumb_out": _pointing((0,), 0.2, THUMB_OUT),
    "point_bent": _gesture(
        (22, 76, 74, 71), (25, 91, 86, 84), (14, 59, 60, 50), 0.1, (28, -2, 12, 2, 17, 20)
    ),
    "victory": _pointing((0, 1), 1.0, (19, -23, 14, 2, 28, 12)),
    "victory_closed": _pointing((0, 1), 0.1, (19, -23, 14, 2, 28, 12)),
    "three": _pointing((0, 1, 2), 0.7, (21, -27, 23, 0, 27, 10)),
    "three_thumb": _pointing((0, 1), 0.8, THUMB_OUT),
    "four": _gesture(0, 4, 3, 0.7, (24, -26, 18, 4, 25, 22)),
    "thumb_up": _pointing((), 0.0, THUMB_UP),
    "call": _pointing((3,), 0.8, THUMB_OUT),
    "horns": _pointing((0, 3), 0.8, (54, 8, 20, 28, 10, 34)),
    "horns_thumb": _pointing((0, 3), 0.8, THUMB_OUT),
    "little_up": _pointing((3,), 0.5, (50, -1, 0, 12, 20, 28)),
    "middle_up": _pointing((1,), 0.3, (19, 4, 11, 18, 26, 14)),
    "ring_up": _pointing((2,), 0.4, (24, 0, 11, 18, 20, 14)),
    "gun": _pointing((0, 1), 0.0, THUMB_UP),
    "fingers_crossed": _pointing((0, 1), -0.4, (14, -30, 11, 4, 27, 4)),
    "ok": _gesture((52, 12, 6, 2), (49, 14, 10, 8), (29, 8, 6, 5), 0.8, (42, -8, 8, 19, 11, 26)),
    "ok_open": _gesture((42, 12, 6, 2), (36, 14, 10, 8), (20, 8, 6, 5), 0.8, (34, -4, 4, 15, 8, 14)),
    "pinch": _gesture((48, 42, 45, 48), (48, 55, 58, 55), (25, 34, 36, 34), 0.2, (38, -11, 7, 20, 16, 12)),
    "pinch_fist": _gesture(
        (48, 70, 73, 72), (48, 88, 90, 84), (25, 55, 56, 50), 0.1, (38, -11, 7, 20, 16, 12)
    ),
    "pinch_three": _gesture(
        (51, 56, 40, 42), (50, 48, 60, 60), (15, 30, 38, 36), 0.15, (56, 13, 14, 22, 14, 10)
    ),
    "pinch_flat": _gesture((69, 68, 70, 73), (20, 8, 8, 10), (12, 10, 7, 5), 0.1, (60, 6, 5, 32, 17, 4)),
    "key": _gesture((55, 60, 64, 66), (78, 82, 84, 84), (40, 45, 46, 46), 0.0, (-3, -34, -12, 32, 20, 21)),
    "pen": _gesture((47, 47, 55, 60), (56, 53, 70, 72), (15, 31, 42, 44), 0.05, (51, -14, 13, 21, 0, 8)),
    "grasp_ball": _gesture(
        (30, 30, 32, 34), (42, 44, 44, 42), (28, 30, 30, 30), 0.85, (45, 16, 1, 16, 8, 16)
    ),
    "grasp_bottle": _gesture(
        (45, 48, 50, 52), (60, 62, 62, 60), (35, 36, 36, 35), 0.1, (37, 4, 4, 19, 6, 11)
    ),
    "grasp_handle": _gesture(
        (62, 66, 68, 70), (84, 86, 86, 84), (50, 52, 52, 50), 0.0, (44, 6, 9, 22, 22, 21)
    ),
    "grasp_slab": _gesture((18, 20, 22, 24), (42, 42, 42, 42), (26, 26, 26, 26), 0.3, (32, 10, 2, 12, 6, 14)),
    "claw": _gesture((-8, -5, -5, -8), (75, 78, 78, 72), (45, 48, 48, 45), 0.7, (10, 10, -5, 0, 12, 35)),
    "hook": _gesture((0, 0, 2, 4), (88, 92, 92, 88), (55, 58, 58, 55), 0.1, THUMB_REST),
    "tabletop": _gesture((80, 82, 82, 80), 4, 2, 0.1, (20, -5, 0, 5, 5, 5)),
    "typing": _gesture((22, 20, 22, 26), (38, 40, 40, 38), (16, 18, 18, 16), 0.55, (14, -6, 4, 8, 10, 16)),
    "victory_bent": _gesture(
        (22, 22, 75, 72), (86, 88, 90, 84), (46, 47, 57, 51), 0.6, (19, -23, 14, 2, 28, 12)
    ),
    "touch_middle": _gesture((4, 48, 6, 2), (6, 56, 10, 8), (4, 31, 6, 5), 0.5, (27, -9, 12, 6, 14, 15)),
    "touch_ring": _gesture((0, 6, 48, 12), (4, 8, 58, 14), (3, 5, 32, 9), 0.5, (22, -16, 17, 2, 18, 17)),
    "touch_little": _gesture((0, 2, 8, 47), (4, 5, 12, 52), (3, 4, 8, 30), 0.5, (27, -18, 19, 4, 21, 20)),
    # Of the American fingerspelling alphabet, those that are none of the above.
    "letter_d": _gesture((1, 46, 52, 55), (4, 58, 62, 60), (3, 34, 36, 35), 0.1, (28, -9, 11, 8, 14, 17)),
    "letter_e": _gesture(
        (43, 44, 39, 48), (94, 104, 92, 95), (52, 52, 51, 50), 0.0, (24, -14, 12, 4, 21, 29)
    ),
    "letter_g": _gesture((38, 76, 75, 72), (6, 92, 90, 84), (4, 58, 57, 51), 0.1, (23, -25, -6, 31, 20, 17)),
    "letter_k": _gesture((-2, 62, 76, 73), (5, 8, 92, 86), (3, 5, 58, 52), 0.3, (39, -17, 9, 15, 14, 14)),
    "letter_t": _gesture((77, 74, 75, 72), (86, 92, 90, 84), (40, 58, 57, 51), 0.0, (28, -15, 2, 26, 19, 21)),
    "snap": _gesture((35, 58, 70, 72), (35, 50, 86, 84), (20, 28, 54, 50), 0.1, (46, -4, 8, 22, 14, 12)),
}
GRASPS = (
    "grasp_ball",
    "grasp_bottle",
    "grasp_handle",
    "grasp_slab",
    "pen",
    "pinch_three",
    "cupped",
    "relaxed_more",
)
CLOSED = (
    "fist",
    "fist_tight",
    "fist_thumb_aside",
    "fist_half",
    "point",
    "point_thumb_out",
    "point_bent",
    "thumb_up",
    "little_up",
    "call",
    "key",
    "pinch_fist",
)
"""Three fingers or four in the palm: the joints of one lie before those of the next, so they are hard to tell."""
