from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from edgehand import datasets, metrics
from edgehand.cli import main
from edgehand.evaluation import measure
from edgehand.training.checkpoint import load_checkpoint, save_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.engine import figures, predict
from edgehand.training.mmpose import SPECS
from edgehand.training.networks import NETWORKS, Lite


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Random weights: wrong answers everywhere, but never the same for two crops."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "rhd.safetensors"
    # The smaller network, read by the published one's rules.
    spec = replace(SPECS["rhd"], name="lite", input_size=192)
    save_checkpoint(Lite(), spec, file)
    return file


def _eval(*arguments: object) -> int:
    return main(["eval", "--threads", "1", *map(str, arguments)])


@pytest.mark.parametrize("name", ["onehand10k", "panoptic", "rhd"])
def test_from_download_layout_to_table(name, checkpoint, tmp_path, write_dataset, capsys) -> None:
    root, out = write_dataset(tmp_path / "data", name), tmp_path / "out.json"
    assert (
        _eval("--data", f"{name}:{root}", "--checkpoint", checkpoint, "--json", out, "--protocol", "0.x") == 0
    )
    content = json.loads(out.read_text())
    table = capsys.readouterr().out
    samples = datasets.load(f"{name}:{root}")

    # The training loop's own way to the same figures: batches, no notes, no protocol.
    network, spec = load_checkpoint(checkpoint)
    crops = HandCrops(samples, spec)
    expected = figures(predict(network, crops, torch.device("cpu"), 0), crops)
    for key, value in expected.items():
        assert content["figures"][key]["value"] == pytest.approx(value, rel=1e-3)
    assert ("PCKh@0.7" in content["figures"]) == (name == "panoptic")
    assert content["hands"] == 3
    labelled = sum(int((sample.visibility > 0).sum()) for sample in samples)
    assert sum(part["keypoints"] for part in content["joints"].values()) == labelled
    assert content["visibility"]["labelled or hidden (1)"]["keypoints"] == labelled
    assert f"{content['figures']['EPE']['value']:.2f}" in table
    assert "thumb4" in table


def test_flip_test_changes_the_answer_as_in_training(checkpoint, tmp_path, write_dataset) -> None:
    root, out = write_dataset(tmp_path / "data", "rhd"), tmp_path / "out.json"
    assert _eval("--data", f"rhd:{root}", "--checkpoint", checkpoint, "--json", out, "--flip-test") == 0
    network, spec = load_checkpoint(checkpoint)
    crops = HandCrops(datasets.load(f"rhd:{root}"), spec)
    plain = figures(predict(network, crops, torch.device("cpu"), 0), crops)["EPE"]
    flipped = figures(predict(network, crops, torch.device("cpu"), 0, flip_test=True), crops)["EPE"]
    assert json.loads(out.read_text())["figures"]["EPE"]["value"] == pytest.approx(flipped, rel=1e-3)
    assert plain != pytest.approx(flipped, rel=1e-2)


def test_an_interrupted_run_goes_on_and_ends_the_same(
    checkpoint, tmp_path, write_dataset, monkeypatch
) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=5)}"
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    assert _eval("--data", source, "--checkpoint", checkpoint, "--json", whole) == 0
    assert not whole.with_name("whole.json.partial").exists()

    measured: list[int] = []
    original = measure.Measurement._measure

    def interrupted(self, sample):
        if len(measured) == 3:
            raise KeyboardInterrupt
        measured.append(sample.id)
        return original(self, sample)

    monkeypatch.setattr(measure.Measurement, "_measure", interrupted)
    assert _eval("--data", source, "--checkpoint", checkpoint, "--json", parts) == 130
    notes = parts.with_name("parts.json.partial")
    with notes.open("a") as file:
        file.write('{"id": 103, "keypo')  # killed while writing
    measured[:] = []
    assert _eval("--data", source, "--checkpoint", checkpoint, "--json", parts) == 0
    assert measured == [103, 104]
    assert parts.read_bytes() == whole.read_bytes()
    assert not notes.exists()


def test_notes_of_another_measurement_are_not_taken_up(checkpoint, tmp_path, write_dataset) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco')}"
    fresh, out = tmp_path / "fresh.json", tmp_path / "out.json"
    out.with_name("out.json.partial").write_text('{"fingerprint": "other"}\n{"id": 100, "skipped": "x"}\n')
    for file in (fresh, out):
        assert _eval("--data", source, "--checkpoint", checkpoint, "--json", file) == 0
    assert out.read_bytes() == fresh.read_bytes()


def test_protocols_differ_where_a_box_leaves_the_picture(checkpoint, tmp_path, write_dataset) -> None:
    def change(content) -> None:
        content["annotations"][0]["bbox"] = [-20, 30, 140, 80]

    source = f"coco:{write_dataset(tmp_path / 'data', 'coco', change=change)}"
    contents = {}
    for protocol in ("0.x", "1.x"):
        out = tmp_path / f"{protocol}.json"
        assert _eval("--data", source, "--checkpoint", checkpoint, "--json", out, "--protocol", protocol) == 0
        contents[protocol] = json.loads(out.read_text())["figures"]
    assert contents["0.x"]["error/box"] != contents["1.x"]["error/box"]


def _spoil_pictures(root) -> None:
    (root / "images/1.jpg").write_bytes(b"no picture")
    picture = root / "images/3.jpg"
    picture.write_bytes(picture.read_bytes()[:300])


def test_a_picture_that_was_repaired_is_measured(checkpoint, tmp_path, write_dataset, monkeypatch) -> None:
    root, out = write_dataset(tmp_path / "data", "coco"), tmp_path / "out.json"
    picture = root / "images/0.jpg"
    whole = picture.read_bytes()
    command = ("--data", f"coco:{root}", "--checkpoint", checkpoint, "--json", out)
    picture.write_bytes(whole[:300])
    original = measure.Measurement._note

    def interrupted(self, entry):
        original(self, entry)
        raise KeyboardInterrupt

    monkeypatch.setattr(measure.Measurement, "_note", interrupted)
    assert _eval(*command, "--skip-bad") == 130
    monkeypatch.setattr(measure.Measurement, "_note", original)
    picture.write_bytes(whole)
    assert _eval(*command) == 0
    resumed = json.loads(out.read_text())
    out.unlink()
    assert _eval(*command) == 0
    assert resumed == json.loads(out.read_text())


def test_bad_items_stop_it_or_are_skipped_and_named(checkpoint, tmp_path, write_dataset, capsys) -> None:
    def change(content) -> None:
        content["annotations"][0]["keypoints"] = [1] * 60
        content["annotations"][4]["bbox"] = [500, 500, 20, 20]

    root, out = write_dataset(tmp_path / "data", "coco", hands=6, change=change), tmp_path / "out.json"
    _spoil_pictures(root)
    command = ("--data", f"coco:{root}", "--checkpoint", checkpoint, "--json", out)
    assert _eval(*command) == 2
    error = capsys.readouterr().err
    assert "annotation 100 has 20 keypoints" in error
    assert "Traceback" not in error
    assert not out.exists()
    assert _eval(*command, "--skip-bad") == 0
    content = json.loads(out.read_text())
    assert content["hands"] == 2
    sentences = content["skipped"]
    assert len(sentences) == 4
    for part in ("annotation 100", "1.jpg", "3.jpg", "hand 104 is outside the picture"):
        assert sum(part in sentence for sentence in sentences) == 1
    printed = capsys.readouterr().err
    assert all(f"skipped: {sentence}" in printed for sentence in sentences)


def test_nothing_left_to_measure(checkpoint, tmp_path, write_dataset, capsys) -> None:
    root = write_dataset(tmp_path / "data", "coco", hands=1, change=lambda c: c["annotations"][0].pop("bbox"))
    assert _eval("--data", f"coco:{root}", "--checkpoint", checkpoint, "--skip-bad") == 2
    assert "every hand is bad" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "nope:x"), "expected FORMAT:PATH"),
        (("--data", "rhd:/nowhere", "--protocol", "2.x"), "expected one of 0.x, 1.x"),
        (("--data", "rhd:/nowhere"), "no such file; get the pictures from"),
    ],
)
def test_bad_arguments(arguments, message, capsys) -> None:
    assert _eval(*arguments) == 2
    assert message in capsys.readouterr().err


def test_unwritable_output(checkpoint, tmp_path, write_dataset, capsys) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco')}"
    (tmp_path / "file").touch()
    assert _eval("--data", source, "--checkpoint", checkpoint, "--json", tmp_path / "file" / "out.json") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_clipped_box_is_what_normalises(checkpoint, tmp_path, write_dataset) -> None:
    def change(content) -> None:
        content["annotations"][0]["bbox"] = [100, 20, 100, 40]

    root = write_dataset(tmp_path / "data", "coco", hands=1, change=change)
    samples = datasets.load(f"coco:{root}")
    from edgehand.evaluation.model import open_either

    model = open_either(None, checkpoint, 1)
    found = next(measure.Measurement(model, samples, "1.x", flip_test=False, notes=None).run(None))
    assert found.box == (100, 20, 59, 40)  # the picture is 160 wide: up to its last pixel
    sides = metrics.longer_sides(np.array([found.box]))
    assert sides.tolist() == [59]


WITHOUT_TORCH = """
import sys
from edgehand.cli import main
code = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


@pytest.mark.slow
def test_exported_model_is_measured_without_torch_like_its_checkpoint(tmp_path, write_dataset) -> None:
    source = f"coco:{write_dataset(tmp_path / 'data', 'coco')}"
    torch.manual_seed(0)
    checkpoint = tmp_path / "lite.safetensors"
    save_checkpoint(Lite(), NETWORKS["lite"][1], checkpoint)
    assert main(["export", "--checkpoint", str(checkpoint), "--target", "onnx", "-o", str(tmp_path)]) == 0
    out = {kind: tmp_path / f"{kind}.json" for kind in ("file", "checkpoint")}
    command = [sys.executable, "-c", WITHOUT_TORCH, "eval", "--data", source, "--json", str(out["file"])]
    command += ["--model-file", str(next(tmp_path.glob("*.onnx"))), "--flip-test"]
    subprocess.run(command, check=True, capture_output=True)
    assert (
        _eval("--data", source, "--checkpoint", checkpoint, "--json", out["checkpoint"], "--flip-test") == 0
    )
    one, other = (json.loads(file.read_text()) for file in out.values())
    assert one["model"]["engine"] == "onnx"
    for name, figure in one["figures"].items():
        assert figure["value"] == pytest.approx(other["figures"][name]["value"], abs=1e-3, rel=1e-3)
