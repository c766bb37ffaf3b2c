"""Converters are talkative: what they print is kept back, and shown only if they fail."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from edgehand.errors import EdgehandError, ExportError


@contextmanager
def quiet(step: str) -> Iterator[None]:
    """Hold back stdout, stderr - of native code too - and warnings.

    Args:
        step: what is being done, for the error.
    Raises:
        ExportError: the block raised something of its own; the message ends with the last lines it printed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        saved = [os.dup(stream) for stream in (1, 2)]
        os.dup2(kept.fileno(), 1)
        os.dup2(kept.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (EdgehandError, ModuleNotFoundError):
            raise
        except Exception as error:
            sys.stdout.flush()
            sys.stderr.flush()
            kept.seek(max(0, kept.tell() - 2000))
            tail = kept.read().decode(errors="replace").strip().splitlines()[-5:]
            raise ExportError(
                "\n".join([f"{step} failed: {type(error).__name__}: {error}", *tail])
            ) from error
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
