"""`edgehand inspect` tells what the file is, from the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgehand import models
from edgehand.errors import EdgehandError
from edgehand.inspection.summary import inspect, text


def test_the_shipped_model_is_integer_throughout() -> None:
    content = inspect(models.int8_model())
    assert content["format"] == "tflite"
    assert content["recipe"]["precision"] == "int8"
    convolutions = [layer for layer in content["layers"] if "CONV" in layer["operation"]]
    assert len(convolutions) == 52
    assert all(layer["integer"] and layer["weights"] == "int8" for layer in convolutions)
    # Most of the file is weights - the rest is scales, a few bytes a channel - and each is counted once.
    assert 0.7 * content["bytes"] < sum(layer["size"] for layer in content["layers"]) < content["bytes"]
    assert "DEPTHWISE_CONV_2D" in text(content)


def test_a_checkpoint_lists_the_layers_that_recipes_name() -> None:
    content = inspect(models.checkpoint("lite"))
    names = [layer["name"] for layer in content["layers"]]
    assert {"backbone.0.0", "smooth.0.0", "final"} <= set(names)
    assert len(names) == len(set(names))
    assert content["spec"]["name"] == "lite"
    assert not any(layer["integer"] for layer in content["layers"])
    assert 0.95 * content["bytes"] < sum(layer["size"] for layer in content["layers"]) < content["bytes"]


def test_json_is_all_that_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgehand", "inspect", str(models.int8_model()), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == json.loads(json.dumps(inspect(models.int8_model())))


@pytest.mark.parametrize("name", ["none.tflite", "none.safetensors"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(EdgehandError, match=f"{name}: no such"):
        inspect(tmp_path / name)
