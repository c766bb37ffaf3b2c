"""What a run is told by: the state of another one does not fit it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from edgehand.datasets import Sample

if TYPE_CHECKING:
    from edgehand.training.rendered import Rendered


def of_inputs(samples: list[Sample], rendered: Rendered | None, weights: dict[str, Path | None]) -> str:
    """Hashes of the hands that a run learns from, and of the files that it starts from.

    Args:
        samples: all that it trains on, but what is drawn meanwhile.
        rendered: hands that are drawn while training.
        weights: files of each kind, None where there is none of it.
    """
    hands = hashlib.sha256(rendered.fingerprint.encode() if rendered else b"")
    for sample in samples:
        hands.update(f"{sample.image.name} {sample.box}".encode())
        hands.update(sample.keypoints.tobytes() + sample.visibility.tobytes())
    files = {name: _short(file.read_bytes()) for name, file in weights.items() if file}
    return " ".join(f"{name}={value}" for name, value in {"hands": hands.hexdigest()[:16], **files}.items())


def of_network(network: nn.Module) -> str:
    """A hash of the names and shapes of a network's tensors, which a recipe of the same name may have had otherwise."""
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return _short(repr(shapes).encode())


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
