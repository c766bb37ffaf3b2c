"""Hand pose on the edge: a picture in, hands out."""

from importlib.metadata import version

__version__ = version("edgehand")
