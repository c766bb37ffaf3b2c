"""Memory that a model takes: measured in a fresh process, which this file is when it is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from edgehand.errors import EngineError
from edgehand.reporting.artifacts import Artifact
from edgehand.runtime.artifact import open_model

RUNS = 10


def measure(artifact: Artifact) -> int:
    """Growth of the peak resident memory of a process that opens a model and runs it, one thread, bytes.

    The engine's own library is part of it; Python, NumPy and edgehand are not.

    Raises:
        EngineError: the process failed.
    """
    command = [sys.executable, "-m", __name__, str(artifact.path.resolve())]
    # Elsewhere: where edgehand's sources lie in this folder, they would be imported, not what is installed.
    done = subprocess.run(command, capture_output=True, text=True, cwd=sys.prefix)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"{artifact.path}: measuring its memory failed ({last})")
    return int(done.stdout.split()[-1])


def _peak() -> int:
    # Not getrusage: its peak is inherited from the process that started this one.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def _grown(path: Path) -> int:
    before = _peak()
    model = open_model(path, threads=1)
    size, taken = model.metadata.spec.input_size, model.metadata.input
    shape = (1, 3, size, size) if taken.layout == "NCHW" else (1, size, size, 3)
    for _ in range(RUNS):
        model.backend.infer(np.zeros(shape, taken.dtype))
    return _peak() - before


if __name__ == "__main__":
    print(_grown(Path(sys.argv[1])))
