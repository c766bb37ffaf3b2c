"""What edgehand raises: each message names the bad value and the remedy."""

from __future__ import annotations


class EdgehandError(Exception):
    """Base of every error that edgehand raises on purpose; the command line prints it and exits with 2."""


class InputError(EdgehandError, ValueError):
    """An argument that cannot be used: a malformed box, an unknown name, an empty folder."""


class ImageError(EdgehandError, ValueError):
    """A picture that cannot be read."""


class ModelFileError(EdgehandError, ValueError):
    """A model file that is not an edgehand artifact, or is damaged."""


class CheckpointError(EdgehandError, ValueError):
    """A checkpoint that does not hold the weights it should."""


class DataError(EdgehandError, ValueError):
    """A data set whose files are missing or wrong."""


class EngineError(EdgehandError, RuntimeError):
    """An inference engine that is not installed or refuses a model."""


class ExportError(EdgehandError, RuntimeError):
    """An export whose result failed its own checks."""


class OutputError(EdgehandError, OSError):
    """A result that cannot be written."""


MAX_THREADS = 1024
"""Of an engine or of PyTorch: more are a mistake, and would bring a machine down."""


def check_range(option: str, value: int | None, least: int, most: int | None = None) -> None:
    """Raises InputError where an option is given and is not between two numbers, both included."""
    if value is not None and (value < least or (most is not None and value > most)):
        wanted = f"at least {least}" if most is None else f"{least} to {most}"
        raise InputError(f"{option} {value}: expected {wanted}")
