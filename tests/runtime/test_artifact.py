"""Model files: what is refused, and that a spoiled file never reaches an engine unnoticed."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import pytest

from edgehand import models
from edgehand.errors import InputError, ModelFileError
from edgehand.runtime.artifact import Metadata, open_model
from edgehand.runtime.backends.tflite import METADATA

SHIPPED = models.int8_model()


def parts() -> tuple[bytes, dict[str, Any]]:
    """The shipped file's flatbuffer and its metadata."""
    with zipfile.ZipFile(SHIPPED) as archive:
        member = archive.getinfo(METADATA)
        return SHIPPED.read_bytes()[: member.header_offset], json.loads(archive.read(member))


def written(path: Path, model: bytes, metadata: str) -> Path:
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(METADATA, metadata)
    path.write_bytes(buffer.getvalue())
    return path


def test_metadata_round_trip() -> None:
    metadata = open_model(SHIPPED).metadata
    assert Metadata.from_json(metadata.to_json()) == metadata
    assert metadata.spec.name == "lite"
    assert metadata.recipe["target"] == "tflite"


@pytest.mark.parametrize("name", models.names())
def test_shipped_models_are_of_the_shipped_checkpoints(name: str) -> None:
    digest = hashlib.sha256(models.checkpoint(name).read_bytes()).hexdigest()
    metadata = open_model(models.int8_model(name)).metadata
    assert metadata.spec.name == name
    assert metadata.checkpoint_sha256 == digest


def test_a_file_of_any_name_is_opened_by_what_is_in_it(tmp_path: Path) -> None:
    assert open_model(shutil.copy(SHIPPED, tmp_path / "model.onnx")).engine == "tflite"


def test_a_model_without_metadata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.tflite").write_bytes(parts()[0])
    with pytest.raises(ModelFileError, match=r"plain\.tflite: holds no edgehand metadata"):
        open_model(tmp_path / "plain.tflite")


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    content = bytearray(SHIPPED.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "changed.tflite").write_bytes(content)
    with pytest.raises(ModelFileError, match="not those that were exported"):
        open_model(tmp_path / "changed.tflite")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.update(edgehand=99),
        lambda values: values.pop("spec"),
        lambda values: values["spec"].update(input_size=-1),
        lambda values: values["spec"].update(surprise=1),
        lambda values: values["spec"].update(input_size=192.0),
        lambda values: values["spec"].update(padding=1e300),
        lambda values: values["input"].update(scale=0),
        lambda values: values["input"].update(scale="0.1"),
        lambda values: values["input"].update(zero_point=1000),
        lambda values: values["input"].update(zero_point=None),
        lambda values: values["input"].update(dtype="float64"),
        lambda values: values["output"].update(layout="HWC"),
        lambda values: values.update(output=[]),
        lambda values: values.update(recipe=3),
        lambda values: values["recipe"].update(percentile=float("nan")),
    ],
)
def test_spoiled_metadata_is_refused(tmp_path: Path, spoil: Callable[[dict[str, Any]], Any]) -> None:
    model, values = parts()
    spoil(values)
    with pytest.raises(ModelFileError, match=r"spoiled\.tflite: its metadata is damaged"):
        open_model(written(tmp_path / "spoiled.tflite", model, json.dumps(values)))


@pytest.mark.parametrize(
    ("end", "change"),
    [
        ("input", lambda values: values["spec"].update(input_size=64)),
        ("output", lambda values: values["spec"].update(stride=8)),
        ("input", lambda values: values["input"].update(layout="NCHW")),
        ("output", lambda values: values["output"].update(dtype="float32", zero_point=0)),
    ],
)
def test_metadata_of_another_model_is_refused(
    tmp_path: Path, end: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    model, values = parts()
    change(values)
    with pytest.raises(
        ModelFileError, match=rf"other\.tflite: its {end} is int8 of shape .* but its metadata"
    ):
        open_model(written(tmp_path / "other.tflite", model, json.dumps(values)))


def test_metadata_compressed_otherwise_is_refused(tmp_path: Path) -> None:
    model, values = parts()
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(METADATA, json.dumps(values))
    (tmp_path / "other.tflite").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match="compressed in a way that no exporter uses"):
        open_model(tmp_path / "other.tflite")


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '{"edgehand": 1}', "\x00", "[" * 100_000])
def test_metadata_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelFileError, match="metadata"):
        open_model(written(tmp_path / "spoiled.tflite", parts()[0], text))


def test_a_metadata_bomb_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(parts()[0])
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, b" " * (1 << 24))
    (tmp_path / "bomb.tflite").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match="larger than"):
        open_model(tmp_path / "bomb.tflite")


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x08", b"<?xml version='1.0'?><html/>", b"PK\x03\x04" * 9]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ModelFileError, match="not a TFLite, ONNX or OpenVINO file"):
        open_model(tmp_path / "other")


@pytest.mark.parametrize("content", [b"\x08\x09garbage" * 50, b"<?xml version='1.0'?><net name='x'><layers>"])
def test_damaged_onnx_and_openvino_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"ONNX Runtime refuses it|damaged XML"):
        open_model(tmp_path / "model")


def test_an_xml_with_entities_is_refused(tmp_path: Path) -> None:
    entities = (
        "<?xml version='1.0'?><!DOCTYPE net [<!ENTITY a 'aaaaaaaaaa'>%s]><net ><rt_info>&j;</rt_info></net>"
    )
    levels = "".join(f"<!ENTITY {name} '{f'&{chr(ord(name) - 1)};' * 10}'>" for name in "bcdefghij")
    (tmp_path / "bomb.xml").write_text(entities % levels)
    with pytest.raises(ModelFileError, match=r"bomb\.xml"):
        open_model(tmp_path / "bomb.xml")


def test_engine_and_threads_are_checked() -> None:
    with pytest.raises(InputError, match="expected one of onnx, openvino, tflite"):
        open_model(SHIPPED, engine="cuda")
    with pytest.raises(ModelFileError, match="--target openvino"):
        open_model(SHIPPED, engine="openvino")
    with pytest.raises(InputError, match="expected 1 to"):
        open_model(SHIPPED, threads=0)


def test_other_people_s_models_are_refused_whatever_their_shape(tmp_path: Path) -> None:
    taken = openvino.opset13.parameter([-1, 3, -1, -1], np.float32)
    openvino.save_model(openvino.Model([openvino.opset13.relu(taken)], [taken]), tmp_path / "dynamic.xml")
    constant = onnx.helper.make_node("Constant", [], ["y"], value_float=1.0)
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [])
    graph = onnx.helper.make_graph([constant], "nothing", [], [output])
    onnx.save(onnx.helper.make_model(graph, ir_version=9), tmp_path / "nothing.onnx")
    for name in ("dynamic.xml", "nothing.onnx"):
        with pytest.raises(ModelFileError, match=rf"{name}: holds no edgehand metadata"):
            open_model(tmp_path / name)
