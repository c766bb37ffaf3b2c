"""The command line as people use and misuse it: real processes, real files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgehand import models
from edgehand.cli import COMMANDS

PHOTO = sorted(models.CALIBRATION.rglob("*.jpg"))[3]


def edgehand(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgehand", *map(str, arguments)], capture_output=True, text=True, cwd=cwd
    )


def refusal(*arguments: object, cwd: Path | None = None) -> str:
    """The sentence on stderr of a command that must exit with 2, without a traceback."""
    done = edgehand(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    # LiteRT's own greeting is not ours to silence.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]
    return lines[-1]


def test_version_and_help() -> None:
    assert edgehand("--version").stdout.startswith("edgehand 0.")
    text = edgehand("--help").stdout
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_without_torch(command: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; from edgehand.cli import main; main(['{command}', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"edgehand {command}" in done.stdout


def test_a_missing_package_is_named_with_the_extra() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from edgehand.cli import main; "
        "sys.exit(main(['export', '--target', 'onnx']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'edgehand[export]'" in done.stderr


def test_an_unknown_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHAND_KERNEL", "sse9")
    assert "EDGEHAND_KERNEL is 'sse9', expected one of scalar" in refusal("predict", PHOTO)


def test_a_full_disk_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgehand", "predict", PHOTO],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("edgehand: there is no room left on the disk")


def test_nobody_who_reads_on_is_no_traceback() -> None:
    """What was printed is still in the buffer when the reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "edgehand", "predict", PHOTO],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert done.returncode == 141
    assert [line for line in done.stderr.splitlines() if not line.startswith("INFO:")] == []


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    model = tmp_path / "hand.tflite"
    shutil.copy(models.int8_model(), model)
    labels = tmp_path / "annotations.json"
    labels.write_bytes((models.CALIBRATION / "annotations.json").read_bytes())
    before = {file: file.read_bytes() for file in (model, labels)}
    for arguments, sentence in (
        (
            ("predict", PHOTO, "--model-file", model, "--json", model),
            f"--json {model}: would be written over",
        ),
        (
            ("predict", PHOTO, "--model-file", model, "--draw", model),
            f"--draw {model}: would be written over",
        ),
        (("predict", PHOTO, "--json", "a.png", "--draw", "a.png"), "--json a.png: would be written over"),
        (("eval", "--data", f"coco:{labels}", "--json", labels), f"--json {labels}: is what is measured"),
        (("eval", "--data", f"coco:{labels}", "--model-file", model, "--json", model), "is what is measured"),
        (("eval", "--data", f"coco:{labels}", "--json", tmp_path), f"--json {tmp_path}: is a folder"),
    ):
        assert sentence in refusal(*arguments, cwd=tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_predict_writes_json_and_picture(tmp_path: Path) -> None:
    out, drawn = tmp_path / "hands.json", tmp_path / "new" / "drawn.jpg"
    done = edgehand("predict", PHOTO, "--box", "66,48,120,134", "--json", out, "--draw", drawn)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{re.escape(str(PHOTO))}: 1 hand, score (0\.9\d|1\.00)", done.stdout)
    (entry,) = json.loads(out.read_text())
    assert entry["photo"] == str(PHOTO)
    assert entry["hands"][0]["box"] == [66, 48, 120, 134]
    with Image.open(drawn) as picture:
        assert picture.size == (256, 256)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["drawn.jpg", "hands.json", "new"]


def test_diagnose_prints_a_table_and_writes_it(tmp_path: Path) -> None:
    (tmp_path / "rhd").mkdir()  # a folder of pictures, though it is called like a format
    for picture in sorted(models.CALIBRATION.rglob("*.jpg"))[:2]:
        shutil.copy(picture, tmp_path / "rhd")
    checkpoint = models.checkpoint("lite_depthwise")
    done = edgehand("diagnose", checkpoint, "--calibration", "rhd", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert content["pictures"] == 2
    ratios = [layer["sqnr"] for layer in content["layers"]]
    assert len(ratios) > 50
    assert ratios == sorted(ratios)
    assert content["layers"][0]["layer"] in done.stdout
    assert (tmp_path / "out" / "diagnosis.png").read_bytes().startswith(b"\x89PNG")
    assert "not simulated" in refusal("diagnose", checkpoint, "--recipe", "corrected")


def test_predict_goes_on_after_a_bad_picture(tmp_path: Path) -> None:
    out = tmp_path / "hands.json"
    done = edgehand(
        "predict",
        tmp_path / "none.jpg",
        "x" * 300 + ".jpg",
        PHOTO,
        "--json",
        out,
        "--draw",
        tmp_path / "drawn",
    )
    assert done.returncode == 2
    assert "none.jpg: no such picture" in done.stderr
    assert "xx.jpg: cannot be read" in done.stderr
    assert [entry["photo"] for entry in json.loads(out.read_text())] == [str(PHOTO)]
    assert (tmp_path / "drawn" / PHOTO.name).is_file()


def test_no_picture_is_drawn_over_another(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(PHOTO, tmp_path / folder / "hand.jpg")
    before = PHOTO.read_bytes()
    first, second = tmp_path / "a" / "hand.jpg", tmp_path / "b" / "hand.jpg"
    assert "would be of two pictures" in refusal("predict", first, second, "--draw", tmp_path / "drawn")
    for photos, output in (([first, second], first.parent), ([first], first), ([first], first.parent)):
        assert "would be written over the picture" in refusal("predict", *photos, "--draw", output)
    assert "give a folder" in refusal("predict", first, second, "--draw", tmp_path / "drawn.jpg")
    (tmp_path / "run.v2").mkdir()
    assert edgehand("predict", first, first, "--draw", tmp_path / "run.v2").returncode == 0
    assert [file.name for file in (tmp_path / "run.v2").iterdir()] == ["hand.jpg"]
    assert first.read_bytes() == second.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--box", "1,2,3"], "expected four numbers"),
        (["--box", "1,2,x,4"], "expected four numbers"),
        (["--box", "10,10,0,5"], "positive width, height"),
        (["--box", "nan,10,5,5"], "finite"),
        (["--box", "0,0,1e7,10"], "expected width and height from 0.001 to 100000"),
        (["--box", "5,5,1e-200,1e-200"], "expected width and height from 0.001 to 100000"),
        (["--box", "300,10,50,50"], "outside the picture of 256 x 256"),
        (["--engine", "tensorrt"], "expected one of onnx, openvino, tflite"),
        (["--engine", "onnx"], "edgehand export --target onnx"),
        (["--threads", "0"], "expected 1 to"),
        (["--model-file", "none.tflite"], "no such model file"),
        (["--model-file", PHOTO], "not a TFLite, ONNX or OpenVINO file"),
        (["--draw", "drawn.doc"], "no picture format ends in '.doc'"),
        (["--draw", "drawn.xbm"], "drawn.xbm: cannot be written as XBM"),
        (["--json", PHOTO], "is a picture to look at"),
        (["--threads", "99999999999"], "expected 1 to 1024"),
        (["--model-file", "x" * 300], "x: cannot be used (File name too long)"),
    ],
)
def test_predict_refuses_in_one_sentence(arguments: list[object], sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal("predict", PHOTO, *arguments, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_predict_names_a_text_file_called_jpg(tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no picture at all")
    assert "notes.jpg: not a picture" in refusal("predict", text)


def test_an_unwritable_folder_is_named() -> None:
    # Not even root may make files in /proc.
    assert "/proc: cannot be written to" in refusal("predict", PHOTO, "--json", "/proc/hands.json")


def test_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "choose another output folder" in refusal(
        "predict", PHOTO, "--json", tmp_path / "file" / "hands.json"
    )


def test_output_named_like_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    assert "choose another name" in refusal("predict", PHOTO, "--json", tmp_path / "taken")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--io", "int8"], "--io: is for INT8 models, not for fp32; add --int8"),
        (["--precision", "fp16", "--recipe", "mse"], "--recipe: is for INT8 models, not for fp16"),
        (["--data", "coco:x"], "--data: is for --auto"),
        (["--int8", "--max-drop", "1"], "--max-drop: is for --auto"),
        (["--auto", "--data", "coco:x", "--precision", "fp16"], "--auto: looks for an INT8 model"),
    ],
)
def test_export_refuses_options_without_effect(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal("export", "--target", "onnx", *arguments, "-o", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--target", "coreml"], "expected one of onnx, openvino, tflite"),
        (["--target", "tflite", "--io", "int4"], "expected one of int8, uint8, float32"),
        (["--target", "tflite", "--recipe", "best"], "recipe 'best': expected one of default"),
        (
            ["--target", "tflite", "--io", "uint8"],
            'io = "uint8" is not offered by tflite; take "int8" or "float32"',
        ),
        (["--target", "tflite", "--auto"], "--auto: needs --data FORMAT:PATH"),
        (
            ["--target", "tflite", "--auto", "--data", "coco:x", "--max-drop", "-1"],
            "--max-drop -1.0: expected",
        ),
        (["--target", "tflite", "--model", "huge"], "expected one of lite"),
        (["--target", "tflite", "--checkpoint", "none.safetensors"], "no such checkpoint"),
        (["--target", "tflite", "--calibration", "empty"], "holds no picture"),
        (["--target", "tflite", "--calibration", "nowhere"], "no such folder"),
        (["--target", "tflite", "--calibration", str(models.CALIBRATION)], "give it as coco:"),
    ],
)
def test_export_refuses_in_one_sentence(arguments: list[object], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert sentence in refusal("export", "--int8", "-o", "out", *arguments, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
