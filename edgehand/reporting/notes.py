"""What a report has measured, kept so that it is not measured again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgehand.files import write_atomically
from edgehand.reporting.machine import describe


class Notes:
    """A folder of measurements, each under the hash of all that it depends on, versions included."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packages = describe()["packages"]

    def file(self, kind: str, *parts: object, suffix: str = ".json") -> Path:
        """Where a measurement of this kind, of these parts, is kept."""
        key = hashlib.sha256(repr((self._packages, *parts)).encode()).hexdigest()
        return self._folder / f"{kind}-{key[:16]}{suffix}"

    def keep(self, kind: str, *parts: object, measure: Callable[[], Any]) -> Any:
        """What was measured earlier, or now.

        Args:
            kind: of the measurement.
            parts: all that it depends on, each with a `repr` that says what it is.
            measure: gives plain data.
        """
        path = self.file(kind, *parts)
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            found = measure()
            write_atomically(path, json.dumps(found).encode())
            return found
