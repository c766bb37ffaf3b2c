"""A report of two models: the INT8 one that ships, and the same with weights knocked out."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgehand import models

CALIBRATION = f"coco:{models.CALIBRATION}"


@dataclass(frozen=True)
class Written:
    """What a run of `edgehand report` left."""

    folder: Path
    code: int

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return content


def damage(source: Path, to: Path) -> Path:
    """A TFLite model that runs and finds nothing: a tenth of its bytes, all of them weights, are zero."""
    content = source.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.getinfo("edgehand.json")
        metadata = json.loads(archive.read(member))
    model = bytearray(content[: member.header_offset])
    start = len(model) // 2
    model[start : start + len(model) // 10] = bytes(len(model) // 10)
    buffer = io.BytesIO(bytes(model))
    with zipfile.ZipFile(buffer, "a") as archive:
        digest = hashlib.sha256(model).hexdigest()
        archive.writestr("edgehand.json", json.dumps(metadata | {"model_sha256": digest}))
    to.write_bytes(buffer.getvalue())
    return to


@pytest.fixture(scope="session")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return damage(models.int8_model(), tmp_path_factory.mktemp("damaged") / "damaged.tflite")


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, damaged: Path) -> Written:
    from edgehand.cli import main

    folder = tmp_path_factory.mktemp("report") / "out"
    arguments = ["report", "--model", str(models.int8_model()), str(damaged), "--data", CALIBRATION]
    code = main([*arguments, "--threads", "2", "--max-drop", "0.5", "-o", str(folder)])
    return Written(folder, code)
