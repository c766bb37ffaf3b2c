"""A model file or a checkpoint, opened alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import models
from edgehand.runtime.artifact import Metadata, Model, check_threads, default_threads, open_model
from edgehand.runtime.backends import Tensor


def open_either(model_file: Path | None, checkpoint: Path | None, threads: int | None) -> Model:
    """Open what is to be measured.

    Args:
        model_file: that `edgehand export` wrote.
        checkpoint: of `edgehand train` or MMPose, which PyTorch runs in float32; both None take the INT8
            model that ships with edgehand.
        threads: CPU threads; None takes one a core, at most four.
    Raises:
        ModelFileError, CheckpointError: it cannot be used.
        InputError: threads are not 1 to MAX_THREADS.
    """
    check_threads(threads)
    if checkpoint is None:
        return open_model(model_file or models.int8_model(), threads=threads)
    from edgehand.training.checkpoint import load_checkpoint

    network, spec = load_checkpoint(checkpoint)
    tensor = Tensor("float32", "NCHW")
    engine: Any = _Torch(network, threads or default_threads())
    return Model(checkpoint, "pytorch", engine, Metadata(spec, tensor, tensor))


class _Torch:
    """A network of PyTorch, used as an engine."""

    def __init__(self, network: Any, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._network = network

    def infer(self, image: NDArray[Any]) -> NDArray[Any]:
        """Heatmaps (1, 21, H, W) of a crop (1, 3, S, S)."""
        import torch

        with torch.inference_mode():
            return np.asarray(self._network(torch.from_numpy(image)).numpy())
