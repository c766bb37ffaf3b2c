"""The device's import is light: neither torch nor any engine."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "torchvision",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "ai_edge_litert",
    "tflite_runtime",
    "cv2",
)


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_no_engine_and_no_torch() -> None:
    assert not modules_after("import edgehand") & set(HEAVY)


def test_the_probe_sees_what_is_imported() -> None:
    assert "onnxruntime" in modules_after("import edgehand, onnxruntime")


def test_a_prediction_loads_its_own_engine_alone() -> None:
    loaded = modules_after(
        "import numpy, edgehand; edgehand.HandPose()(numpy.zeros((64, 64, 3), numpy.uint8))"
    )
    assert "ai_edge_litert" in loaded
    assert not loaded & (set(HEAVY) - {"ai_edge_litert"})


def test_public_names_are_few_and_there() -> None:
    import edgehand

    assert len(edgehand.__all__) <= 10
    assert all(hasattr(edgehand, name) for name in edgehand.__all__)
