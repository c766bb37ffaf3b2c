"""Pictures without hands to train on."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from edgehand import models
from edgehand.cli import main
from edgehand.crop import square
from edgehand.errors import DataError, ImageError
from edgehand.training.checkpoint import load_checkpoint
from edgehand.training.data import HandCrops
from edgehand.training.handless import windows
from edgehand.training.loss import spatial_cross_entropy


@pytest.fixture
def walls(tmp_path):
    """Three pictures, one in a folder of its own."""
    rng = np.random.default_rng(0)
    (tmp_path / "walls" / "more").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "more/c.JPG"):
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(tmp_path / "walls" / name)
    (tmp_path / "walls" / "notes.txt").write_text("no picture")
    return tmp_path / "walls"


def test_windows_cover_every_picture(walls) -> None:
    found = windows(walls)
    assert len({sample.image for sample in found}) == 3
    assert len({sample.id for sample in found}) == len(found) == 42
    for picture in {sample.image for sample in found}:
        boxes = {sample.box for sample in found if sample.image == picture}
        assert (0, 0, 90, 60) in boxes
        assert (45, 30, 45, 30) in boxes
        within = [box for box in boxes if box[2] == pytest.approx(0.36 * 90)]
        assert len(within) == 9
        for box in within:  # a fifth of their width is left around them, as crops have it
            (*centre, side) = square(box, 1.25)
            assert side / 2 < centre[0] < 90 - side / 2
        assert all(0 <= x <= x + w <= 90 and 0 <= y <= y + h <= 60 for x, y, w, h in boxes)


def test_every_crop_is_to_be_without_keypoints(walls) -> None:
    """However it is moved and turned: a network that says so everywhere has nothing left to learn."""
    crops = HandCrops(windows(walls), load_checkpoint(models.checkpoint("lite"))[1], "strong")
    for epoch in range(20):
        crops.epoch = epoch
        _, keypoints, weights = (
            torch.stack(part) for part in zip(*map(crops.__getitem__, range(42)), strict=True)
        )
        assert weights.all()
        nowhere = torch.full((42, 21, 40, 40), -50.0)
        assert spatial_cross_entropy(nowhere, keypoints, weights, sigma=1.5) < 1e-6


def test_a_folder_without_pictures_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match="no picture"):
        windows(tmp_path)
    with pytest.raises(DataError, match="nowhere: no picture"):
        windows(tmp_path / "nowhere")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match="broken"):
        windows(tmp_path)


def test_training_learns_that_there_is_no_hand(walls, tmp_path, capsys) -> None:
    """And holds no window out to validate on, where no keypoint could be judged."""
    arguments = ["train", "--data", f"handless:{walls}", "--holdout", "0.5", "--input-size", "64"]
    arguments += ["--epochs", "20", "--learning-rate", "0.02"]
    assert main([*arguments, "--workers", "0", "-o", str(tmp_path / "run")]) == 0
    assert "42 hands to train on, 0 to validate" in capsys.readouterr().out
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0] / 2


def test_recipes_that_learn_nothing_from_it_refuse_it(walls, tmp_path, capsys) -> None:
    arguments = ["train", "--recipe", "rhd", "--data", f"handless:{walls}", "-o", str(tmp_path / "run")]
    assert main(arguments) == 2
    assert "nothing can be learnt from it by mean squared error" in capsys.readouterr().err
