"""`edgehand report`, whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgehand import models
from edgehand.cli import main
from edgehand.evaluation.figures import Outcome
from edgehand.export import calibration
from edgehand.reporting import accuracy
from edgehand.reporting.artifacts import from_files
from edgehand.reporting.notes import Notes
from edgehand.reporting.verdict import judge_all
from edgehand.runtime.artifact import open_model

CALIBRATION = f"coco:{models.CALIBRATION}"
pytestmark = pytest.mark.xdist_group("report")  # `written` is made once
SCHEMA = json.loads((resources.files("edgehand.reporting") / "report.schema.json").read_text())

WITHOUT_TORCH = """
import sys
from edgehand.cli import main
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


def _report(*arguments: object) -> int:
    return main(["report", "--threads", "1", *map(str, arguments)])


def test_the_gate_names_the_artifact_that_fails(damaged, written, capsys) -> None:
    assert written.code == 1
    shipped, bad = written.content["artifacts"]
    assert shipped["verdict"] == {"passes": True, "sentence": "The reference."}
    assert not bad["verdict"]["passes"]
    assert bad["verdict"]["sentence"].startswith("Fails: ")
    assert bad["figures"]["PCK@0.1"]["difference"]["high"] < 0
    # The same without a gate, from the notes of the first run: nothing is measured again.
    before = {file: file.stat().st_mtime_ns for file in (written.folder / "measured").glob("latency*")}
    command = ("--model", models.int8_model(), damaged, "--data", CALIBRATION, "-o", written.folder)
    assert main(["report", "--threads", "2", *map(str, command)]) == 0
    again = json.loads((written.folder / "report.json").read_text())
    assert again["artifacts"] == [shipped, bad]
    assert {
        file: file.stat().st_mtime_ns for file in (written.folder / "measured").glob("latency*")
    } == before
    capsys.readouterr()
    assert main(["report", "--threads", "2", *map(str, command), "--max-drop", "0.5"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"edgehand: more than 0.5 points of PCK@0.1 lost by {bad['name']}"
    assert main(["report", "--threads", "2", *map(str, command), "--max-drop", "99"]) == 0


def test_json_follows_its_schema(written) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    content = written.content
    jsonschema.validate(content, SCHEMA)
    for spoil in (
        lambda c: c.update(schema=2),
        lambda c: c["artifacts"][0].pop("verdict"),
        lambda c: c["artifacts"][1]["figures"]["EPE"].update(value="low"),
        lambda c: c.update(more=1),
    ):
        spoilt = json.loads(json.dumps(content))
        spoil(spoilt)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, SCHEMA)


def test_figures_are_those_of_eval(written, tmp_path) -> None:
    out = tmp_path / "eval.json"
    command = ["eval", "--model-file", str(models.int8_model()), "--data", CALIBRATION, "--json", str(out)]
    assert main([*command, "--threads", "1"]) == 0
    expected = json.loads(out.read_text())
    row = written.content["artifacts"][0]
    for name, figure in expected["figures"].items():
        assert {end: row["figures"][name][end] for end in figure} == figure
        assert row["figures"][name]["difference"] == {"value": 0, "low": 0, "high": 0}
    assert row["joints"] == {name: part["error/box"] for name, part in expected["joints"].items()}
    thresholds = written.content["curve_thresholds"]
    for limit in (0.05, 0.1, 0.2):
        assert row["curve"][thresholds.index(limit)] == expected["figures"][f"PCK@{limit}"]["value"]


def test_files_of_one_name_are_told_apart(damaged, tmp_path) -> None:
    paths = [tmp_path / folder / "hand.tflite" for folder in ("good", "bad")]
    for path, source in zip(paths, (models.int8_model(), damaged), strict=True):
        path.parent.mkdir()
        shutil.copy(source, path)
    artifacts, _ = from_files(paths)
    assert [artifact.name for artifact in artifacts] == [f"tflite int8 ({path})" for path in paths]
    content = {
        "max_drop": 0.5,
        "artifacts": [
            {
                "engine": "tflite", "precision": "int8", "size": 1, "latency": None,
                "figures": {"PCK@0.1": {"difference": {"value": lost, "low": lost, "high": lost}}},
            }
            for lost in (0.0, -0.8)
        ],
    }  # fmt: skip
    judge_all(content)
    assert [row["verdict"]["passes"] for row in content["artifacts"]] == [True, False]


def test_pictures_that_calibrated_are_known_by_their_content(written, tmp_path, write_dataset) -> None:
    assert written.content["data"][0]["calibrated_on"]
    assert "calibrated INT8 models" in (written.folder / "report.html").read_text()
    other = accuracy.load(f"coco:{write_dataset(tmp_path, 'coco')}")
    assert other.sha256 != written.content["data"][0]["sha256"]


def test_of_many_pictures_some_calibrate(tmp_path, write_dataset) -> None:
    """They are the same ones for the report as for the export."""
    source = f"coco:{write_dataset(tmp_path, 'coco', hands=calibration.LIMIT + 6)}"
    loaded = accuracy.load(source)
    spec = open_model(models.int8_model("tiny")).metadata.spec
    assert calibration.load(source, spec).sha256 == loaded.calibration_sha256 != loaded.sha256


def test_a_report_needs_no_torch_and_takes_several_data_sets(tmp_path, write_dataset) -> None:
    sources = [f"{name}:{write_dataset(tmp_path / name, name, hands=4)}" for name in ("coco", "rhd")]
    command = [sys.executable, "-c", WITHOUT_TORCH, "report", "--model", str(models.int8_model())]
    command += ["--data", *sources, "--threads", "1", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    (row,) = content["artifacts"]
    assert row["name"] == content["reference"] == "tflite int8"
    assert row["size"] == models.int8_model().stat().st_size
    assert 1_000_000 < row["memory"] < 200_000_000
    assert content["hands"] == content["pictures"] == 8
    assert [part["hands"] for part in content["data"]] == [4, 4]
    assert list(row["latency"]) == ["1"]
    assert not any(part["calibrated_on"] for part in content["data"])


def test_interrupted_hands_are_not_measured_again(tmp_path, write_dataset) -> None:
    data = [accuracy.load(f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=5)}")]
    (artifact,), _ = from_files([models.int8_model()])
    notes = Notes(tmp_path / "measured")

    def interrupt() -> None:
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt

    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        accuracy.measure(artifact, data, 1, notes, interrupt)
    (file,) = (tmp_path / "measured").iterdir()
    half = file.read_text()
    assert len(half.splitlines()) == 1 + 3
    whole = accuracy.measure(artifact, data, 1, notes, lambda: None)
    assert file.read_text().startswith(half)
    fresh = accuracy.measure(artifact, data, 1, Notes(tmp_path / "fresh"), lambda: None)
    assert (whole.predicted == fresh.predicted).all()
    assert isinstance(whole, Outcome)


def test_what_is_kept_is_measured_once_and_again_if_damaged(tmp_path: Path) -> None:
    notes, measured = Notes(tmp_path), []

    def measure() -> dict[str, Any]:
        measured.append(1)
        return {"found": len(measured)}

    assert notes.keep("kind", "a", 1, measure=measure) == {"found": 1}
    assert notes.keep("kind", "a", 1, measure=measure) == {"found": 1}
    assert notes.keep("kind", "a", 2, measure=measure) == {"found": 2}
    notes.file("kind", "a", 1).write_text('{"fou')
    assert notes.keep("kind", "a", 1, measure=measure) == {"found": 3}
    assert Notes(tmp_path).keep("kind", "a", 1, measure=measure) == {"found": 3}


def test_markdown_has_whole_tables_and_every_verdict(written) -> None:
    text = (written.folder / "report.md").read_text()
    for row in written.content["artifacts"]:
        assert f"- **{row['name']}**: {row['verdict']['sentence']}" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) for table in tables] == [4, 4]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-drop", "-1"), "--max-drop -1.0: expected points"),
        (("--max-drop", "inf"), "--max-drop inf: expected points of PCK@0.1, from 0 to 100"),
        (("--model", models.int8_model(), "--targets", "onnx"), "leave them out with --model"),
        (
            ("--targets", "openvino", "--precisions", "int8-dynamic"),
            "no model of openvino in int8-dynamic is offered",
        ),
        (("--threads", "0"), "--threads 0: expected 1 to"),
        (("--model", "nope.tflite"), "nope.tflite: no such model file"),
        (("--model", models.int8_model(), models.int8_model()), "names a file twice"),
        (("--precisions", "int4"), "precision 'int4': expected one of fp32, fp16, int8-dynamic, int8"),
        (("--targets", "coreml"), "target 'coreml': expected one of onnx, openvino, tflite"),
        (("--checkpoint", "nope.safetensors"), "nope.safetensors: no such checkpoint"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, write_dataset, capsys) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco')}"
    assert main(["report", "--data", source, "-o", str(tmp_path / "out"), *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.xdist_group("tflite")
def test_from_a_checkpoint_what_is_missing_is_made(tmp_path) -> None:
    out = tmp_path / "out"
    command = ("--data", CALIBRATION, "-o", out, "--targets", "tflite", "--precisions", "fp32,int8")
    assert _report(*command) == 0
    # The shipped INT8 file is of the shipped checkpoint: it is not made again.
    assert [file.name for file in (out / "models").iterdir()] == ["lite-fp32.tflite"]
    content = json.loads((out / "report.json").read_text())
    jsonschema.validate(content, SCHEMA)
    reference, plain, int8 = content["artifacts"]
    assert [reference["name"], plain["name"], int8["name"]] == ["pytorch fp32", "tflite fp32", "tflite int8"]
    assert content["reference"] == "pytorch fp32"
    assert reference["latency"] is None
    assert abs(plain["figures"]["EPE"]["difference"]["value"]) < 1e-3
    assert plain["latency"]["1"]["speed_up"] == {"value": 1, "low": 1, "high": 1}
    # Calibrated by minimum and maximum on these very pictures: none can leave its range.
    assert len(int8["ranges"]["tensors"]) > 60
    assert int8["ranges"]["exceeded"] == 0
    assert int8["worst"]
    assert not list(out.glob("models/*int8*"))

    # OpenVINO has no such mode: said, and nothing is exported for it.
    command = (
        "--data",
        CALIBRATION,
        "-o",
        out,
        "--targets",
        "tflite,openvino",
        "--precisions",
        "int8-dynamic",
    )
    assert _report(*command, "--checkpoint", models.checkpoint("lite")) == 0
    content = json.loads((out / "report.json").read_text())
    (missing,) = content["not_offered"]
    assert (missing["engine"], missing["precision"]) == ("openvino", "int8-dynamic")
    assert missing["reason"] in (out / "report.html").read_text()
    assert "no float32 model of its engine" in content["artifacts"][1]["verdict"]["sentence"]
