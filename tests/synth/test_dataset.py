"""`edgehand synth` writes a set that the loader reads, and goes on where it stopped."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgehand import datasets
from edgehand.cli import main
from edgehand.errors import OutputError
from edgehand.synth import Assets, Renderer, dataset

COUNT, SIZE = 7, 48


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD", 3)


# Workers are forked, which is safe in a process of few threads alone: not in that of the tests, where engines run.
IN_TWO_PROCESSES = f"""
import sys
from pathlib import Path
from edgehand.synth import dataset, load
dataset.SHARD = 3
dataset.write(load(Path(sys.argv[1])), {COUNT}, Path(sys.argv[2]), size={SIZE}, seed=5, workers=2)
"""


def draw(assets: Assets, folder: Path, count: int = COUNT) -> dict[str, bytes]:
    dataset.write(assets, count, folder, size=SIZE, seed=5, workers=1)
    return written(folder)


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_loader_reads_what_was_written(assets: Assets, tmp_path: Path) -> None:
    draw(assets, tmp_path)
    samples = datasets.load(f"coco:{tmp_path}")
    renderer = Renderer(assets, SIZE, 5)
    labels = [label for index in range(COUNT) for label in renderer.picture(index)[1]]
    assert len(samples) == len(labels) >= COUNT
    for sample, label in zip(samples, labels, strict=True):
        np.testing.assert_allclose(sample.keypoints, label.keypoints, atol=0.006)
        np.testing.assert_array_equal(sample.visibility, label.visibility)
        np.testing.assert_allclose(sample.box, label.box, atol=0.01)
        with Image.open(sample.image) as picture:
            assert picture.size == (SIZE, SIZE)
    # The shards are data sets of their own.
    assert len({sample.image for sample in datasets.load(f"coco:{tmp_path / '00001'}")}) == 3
    entry = json.loads((tmp_path / "annotations.json").read_text())["annotations"][0]
    focal, x, y = entry["camera"]
    joints = np.array(entry["joints_3d"])
    projected = focal * joints[:, :2] / joints[:, 2:] + (x, y)
    np.testing.assert_allclose(projected, np.reshape(entry["keypoints"], (21, 3))[:, :2], atol=0.05)


def test_same_bytes_for_any_number_of_workers_and_after_an_interruption(
    assets: Assets, asset_folder: Path, tmp_path: Path
) -> None:
    whole = draw(assets, tmp_path / "whole")
    two = tmp_path / "two"
    subprocess.run([sys.executable, "-c", IN_TWO_PROCESSES, asset_folder, two], check=True, timeout=300)
    assert written(two) == whole
    stopped = tmp_path / "stopped"
    draw(assets, stopped, count=4)  # the second shard has one picture of three
    shutil.rmtree(stopped / "00000")
    kept = stopped / "00001" / "annotations.json"
    assert len(json.loads(kept.read_text())["images"]) == 1
    assert draw(assets, stopped) == whole
    before = {path: path.stat().st_mtime_ns for path in stopped.rglob("*.jpg")}
    assert draw(assets, stopped) == whole
    assert {path: path.stat().st_mtime_ns for path in stopped.rglob("*.jpg")} == before


@pytest.mark.parametrize("workers", [1, 2])
def test_terminated_it_leaves_nothing_half_written(asset_folder: Path, tmp_path: Path, workers: int) -> None:
    command = [sys.executable, "-m", "edgehand", "synth", "-n", "100000", "--assets", asset_folder]
    command += ["-o", tmp_path / "out", "--workers", str(workers)]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("out/.edgehand-*/*/*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(tmp_path.glob("out/.edgehand-*/*/*.jpg"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
    assert not list(tmp_path.glob("out/.*"))


def test_a_process_that_was_killed_is_told(asset_folder: Path, tmp_path: Path) -> None:
    """As where memory runs out; a pool of multiprocessing would wait for it forever."""
    killed = f"""
import os, signal
from edgehand.synth import dataset
draw = dataset._record
def _record(index):
    if index == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(index)
dataset._record = _record
{IN_TWO_PROCESSES}
"""
    done = subprocess.run(
        [sys.executable, "-c", killed, asset_folder, tmp_path / "out"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "OutputError: one of 2 processes that draw was killed" in done.stderr


def test_what_is_missing_or_damaged_is_drawn_again(assets: Assets, tmp_path: Path) -> None:
    whole = draw(assets, tmp_path)
    (tmp_path / "00000" / "00000001.jpg").unlink()
    (tmp_path / "00001" / "annotations.json").write_text("{}")
    assert draw(assets, tmp_path) == whole


def test_a_folder_of_something_else_is_left_alone(assets: Assets, tmp_path: Path) -> None:
    (tmp_path / "00000").mkdir()
    for file in (tmp_path / "annotations.json", tmp_path / "00000" / "keep.txt"):
        file.write_text("mine")
    with pytest.raises(OutputError, match="holds what is not of edgehand synth"):
        draw(assets, tmp_path)
    assert {file.read_text() for file in tmp_path.rglob("*.*")} == {"mine"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-n", "3"], "-o, the folder"),
        (["-o", "out"], "-n, how many"),
        (["-n", "3", "-o", "out"], "build-assets --makehuman CHECKOUT"),
        (["-n", "0", "-o", "out", "--assets", "ASSETS"], "-n 0: expected 1 to"),
        (["-n", "3", "-o", "out", "--assets", "ASSETS", "--size", "8"], "--size 8: expected 32 to"),
        (["-n", "3", "-o", "out", "--assets", "."], "hand.npz: missing"),
        (["build-assets", "--makehuman", ".", "-o", "out"], "no checkout of MakeHuman"),
    ],
)
def test_refused_in_one_sentence(
    arguments: list[str],
    sentence: str,
    asset_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["synth", *(str(asset_folder) if word == "ASSETS" else word for word in arguments)]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_settings_is_left_alone(
    asset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["synth", "-n", "2", "-o", str(tmp_path / "set"), "--assets", str(asset_folder), "--size", "32"]
    assert main([*command, "--preview", str(tmp_path / "sheet.jpg")]) == 0
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width >= 160
    before = (tmp_path / "set" / "annotations.json").read_bytes()
    assert main([*command, "--seed", "1"]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (tmp_path / "set" / "annotations.json").read_bytes() == before
