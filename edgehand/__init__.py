"""Hand pose on the edge: a picture in, hands out."""

from importlib.metadata import version

from edgehand.decode import decode_heatmaps
from edgehand.draw import draw
from edgehand.errors import EdgehandError
from edgehand.hand import BONES, KEYPOINT_NAMES, Hand
from edgehand.runtime.estimator import HandPose
from edgehand.spec import ModelSpec

__version__ = version("edgehand")

__all__ = [
    "BONES",
    "KEYPOINT_NAMES",
    "EdgehandError",
    "Hand",
    "HandPose",
    "ModelSpec",
    "decode_heatmaps",
    "draw",
]
