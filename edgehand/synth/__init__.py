"""Synthetic hands: labelled pictures, any number, from a folder of assets.

from edgehand.synth import Renderer, load

picture, labels = Renderer(load(Path("assets")), size=256, seed=0).picture(index)
"""

from edgehand.synth.assets import Assets, load
from edgehand.synth.scene import Label, Renderer

__all__ = ["Assets", "Label", "Renderer", "load"]
