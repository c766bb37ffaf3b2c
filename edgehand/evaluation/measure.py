"""Labelled hands -> what a model makes of them; can be interrupted and taken up again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehand import image, metrics
from edgehand.datasets import Sample
from edgehand.errors import DataError, ImageError
from edgehand.files import write_atomically
from edgehand.runtime.artifact import Model
from edgehand.runtime.estimator import find_keypoints, table_for

PROTOCOLS = {"0.x": "quarter-0x", "1.x": "quarter"}
"""Generation of MMPose -> its variant of the quarter offset; 1.x also clips boxes to the picture."""


@dataclass(frozen=True)
class Found:
    """What a model made of one sample."""

    keypoints: NDArray[np.float32]
    """(21, 2) pixels of the picture."""
    box: tuple[float, float, float, float]
    """x, y, width, height that was looked into and that normalises PCK."""


class Measurement:
    """A model over a data set.

    Args:
        model: opened.
        samples: labelled hands.
        protocol: one of PROTOCOLS.
        flip_test: average with the mirrored crop.
        notes: file that keeps what is found until the end, so that a second run goes on; None keeps nothing.
    """

    def __init__(
        self, model: Model, samples: list[Sample], protocol: str, *, flip_test: bool, notes: Path | None
    ) -> None:
        self.samples, self.flip_test, self.notes = samples, flip_test, notes
        self.clips = protocol == "1.x"
        self.sha256 = hashlib.sha256(model.path.read_bytes()).hexdigest()
        self.spec = model.metadata.spec
        if self.spec.decode in PROTOCOLS.values():
            self.spec = replace(self.spec, decode=PROTOCOLS[protocol])
        self.model = replace(model, metadata=replace(model.metadata, spec=self.spec))
        self._table = table_for(self.model)

    def run(self, skipped: list[str] | None) -> Iterator[Found | None]:
        """Go through the samples, in their order.

        Args:
            skipped: gets a sentence for each hand whose picture or box is bad; None stops at the first.
        Returns:
            what is found in each, None where it is skipped.
        Raises:
            ImageError, DataError: a picture or box is bad.
            OutputError: the notes cannot be written.
        """
        known = self._known()
        for sample in self.samples:
            entry = known.get(sample.id)
            if entry is None:
                try:
                    entry = self._measure(sample)
                except (ImageError, DataError) as error:
                    if skipped is None:
                        raise
                    skipped.append(str(error))
                    yield None
                    continue
                self._note(entry)
            yield Found(np.array(entry["keypoints"], np.float32), tuple(entry["box"]))

    def _measure(self, sample: Sample) -> dict[str, Any]:
        picture = image.load(sample.image)
        height, width = picture.shape[:2]
        box = sample.box
        if self.clips:
            x, y, w, h = metrics.clip_boxes(np.array([box]), np.array([[width, height]]))[0].tolist()
            box = x, y, w, h
        if min(box[2:]) <= 0:
            raise DataError(
                f"{sample.image}: box {sample.box} of hand {sample.id} is outside the picture; correct it, or leave it "
                "out of the labels (`edgehand eval --skip-bad` does)"
            )
        keypoints, _ = find_keypoints(self.model, self._table, picture, box, flip_test=self.flip_test)
        return {"id": sample.id, "keypoints": keypoints.tolist(), "box": box}

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(self.sha256.encode())
        digest.update(repr((self.spec, self.clips, self.flip_test)).encode())
        for sample in self.samples:
            digest.update(repr((sample.id, str(sample.image), sample.box)).encode())
        return digest.hexdigest()

    def _known(self) -> dict[int, dict[str, Any]]:
        """What an earlier run noted, if it measured the same; else the notes begin anew."""
        if self.notes is None:
            return {}
        fingerprint = {"fingerprint": self._fingerprint()}
        try:
            # A run that was killed may have left half a line.
            lines = [line for line in self.notes.read_text().splitlines(keepends=True) if line.endswith("\n")]
            entries = [json.loads(line) for line in lines]
        except (OSError, ValueError):
            entries = []
        if entries[:1] != [fingerprint]:
            entries = [fingerprint]
        write_atomically(self.notes, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
        return {entry["id"]: entry for entry in entries[1:]}

    def _note(self, entry: dict[str, Any]) -> None:
        if self.notes is not None:
            with self.notes.open("a") as file:
                file.write(json.dumps(entry) + "\n")
