"""Training on hands that are drawn while it runs."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from edgehand import synth
from edgehand.cli import main
from edgehand.training.data import HandCrops
from edgehand.training.networks import NETWORKS
from edgehand.training.rendered import AN_EPOCH, APART, SIZE, Rendered

SPEC = NETWORKS["lite"][1]


def test_every_epoch_has_other_pictures_and_the_same_ones_again(asset_folder) -> None:
    rendered = Rendered(asset_folder, seed=3)
    first, label = rendered.hand(1, 0)
    again, _ = Rendered(asset_folder, seed=3).hand(1, 0)
    later, _ = rendered.hand(1, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    drawn, labels = synth.Renderer(synth.load(asset_folder), SIZE, 3).picture(2 * APART + 1)
    np.testing.assert_array_equal(later, drawn)
    np.testing.assert_array_equal(rendered.hand(1, 1)[1].keypoints, labels[0].keypoints)
    assert label.image == asset_folder
    assert label.id > 10**7, "`edgehand synth -n` would draw the same, to validate on"


def test_crops_of_rendered_hands_follow_those_of_samples(asset_folder) -> None:
    crops = HandCrops([], SPEC, rendered=Rendered(asset_folder))
    assert len(crops) == AN_EPOCH
    patch, keypoints, weights = crops[5]
    assert patch.shape == (3, SPEC.input_size, SPEC.input_size)
    # The plain crop is around the label's tight box, so every keypoint is in it.
    assert ((keypoints >= 0) & (keypoints < SPEC.heatmap_size)).all()
    assert weights.tolist() == [1.0] * 21
    # Asked for more than an epoch holds, it draws more.
    assert not torch.equal(crops[5, 1][0], patch)


# In a process of its own: its workers are forked, which is not safe beside the threads of engines that tests run.
SHORT_EPOCH = """
import sys
from edgehand.cli import main
from edgehand.training import data, rendered
data.AN_EPOCH = rendered.AN_EPOCH = 60
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_one_command_draws_and_trains(asset_folder, tmp_path, write_dataset) -> None:
    photos = f"coco:{write_dataset(tmp_path / 'data', 'coco', hands=4)}"
    command = [
        "train",
        "--data",
        f"synth:{asset_folder}@0.5",
        "--data",
        f"{photos}@0.5",
        "--validation",
        photos,
    ]
    command += ["-o", str(tmp_path / "run"), "--epochs", "1", "--workers", "2"]
    subprocess.run([sys.executable, "-c", SHORT_EPOCH, *command], check=True, timeout=300)
    row = json.loads((tmp_path / "run" / "log.jsonl").read_text())
    assert np.isfinite(row["loss"])
    assert "PCK@0.1" in row


def test_assets_that_are_missing(tmp_path, capsys) -> None:
    command = ["train", "-o", str(tmp_path / "run")]
    assert main([*command, "--data", f"synth:{tmp_path}/none"]) == 2
    assert "none" in capsys.readouterr().err
    assert main([*command, "--data", "synth:a", "--data", "synth:b"]) == 2
    assert "give one, with all assets in its folder" in capsys.readouterr().err
