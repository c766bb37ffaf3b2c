"""Assets are files from outside: what does not fit is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from edgehand.errors import DataError
from edgehand.synth import Renderer, load

from .conftest import hand_arrays


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"V": np.zeros((2, 5, 3), np.float32)}, "W has shape"),
        ({"V": np.full_like(hand_arrays()["V"], np.nan)}, "V holds something else than finite numbers"),
        ({"quads": hand_arrays()["quads"] + 10**6}, "quads points outside"),
        ({"tquads": hand_arrays()["tquads"] - 5}, "tquads points outside"),
        ({"parent": np.arange(24)}, "parents first"),
        ({"bones": np.array(["bone"] * 24)}, "bones are not MakeHuman's"),
        ({"W": np.array([[{}]], object)}, "not a hand model"),
    ],
)
def test_a_wrong_hand_is_named(
    asset_folder: Path, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    np.savez(folder / "hand.npz", **(hand_arrays() | change))
    with pytest.raises(DataError, match=sentence):
        load(folder)


def test_no_hand_at_all_is_named(asset_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    (folder / "hand.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="not a hand model"):
        load(folder)


def test_panoramas_light_the_scene(asset_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    (folder / "environments").mkdir()
    light = np.full((32, 64, 3), 0.2, np.float32)
    light[:8] = (4, 2, 1)
    header = {"type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": light}).write(str(folder / "environments" / "sky.exr"))
    assets = load(folder)
    np.testing.assert_allclose(assets.panoramas[0], light, rtol=1e-3)
    assert Renderer(assets, 48).picture(0)[0].std() > 0
    (folder / "environments" / "sky.exr").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"sky\.exr"):
        load(folder)
