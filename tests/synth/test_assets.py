"""Assets are files from outside: what does not fit is named."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from edgehand.errors import DataError, ImageError
from edgehand.synth import Renderer, load
from edgehand.synth.assets import MAX_BYTES, background

from .conftest import hand_arrays


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"V": np.zeros((2, 5, 3), np.float32)}, "W has shape"),
        ({"V": np.full_like(hand_arrays()["V"], np.nan)}, "V holds something else than finite numbers"),
        ({"quads": hand_arrays()["quads"] + 10**6}, "quads points outside"),
        ({"tquads": hand_arrays()["tquads"] - 5}, "tquads points outside"),
        ({"parent": np.arange(24)}, "parents first"),
        ({"W": np.zeros_like(hand_arrays()["W"])}, "W leaves a vertex without a bone"),
        ({"uv": hand_arrays()["uv"] + 2}, "uv points outside the texture"),
        ({"quads": np.array(3)}, "quads has shape"),
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


def test_a_damaged_hand_is_named(asset_folder: Path, tmp_path: Path) -> None:
    """Wherever a byte is wrong in a compressed one, and where it claims to be larger than any memory."""
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    file = folder / "hand.npz"
    np.savez_compressed(file, **hand_arrays())
    content = file.read_bytes()
    refusals = []
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        file.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            load(folder)
        except DataError as error:
            refusals.append(str(error))
    assert len(refusals) > 40
    assert all(sentence.startswith(f"{file}: ") for sentence in refusals)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**14,)})
    with ZipFile(file, "w") as archive:
        archive.writestr("V.npy", header.getvalue())
    with pytest.raises(DataError, match="not a hand model"):
        load(folder)
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("V.npy", bytes(MAX_BYTES + 1))
    assert file.stat().st_size < MAX_BYTES / 100
    with pytest.raises(DataError, match="256 MiB unpacked, more than the 256 MiB read"):
        load(folder)


def test_a_background_is_a_picture_and_nothing_else(tmp_path: Path) -> None:
    """Pillow would have Ghostscript run a PostScript file, whatever it is called."""
    file = tmp_path / "wall.jpg"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match=r"wall\.jpg: not a picture"):
        background(file)
    Image.new("RGB", (2000, 1500), "red").save(file)
    assert background(file).size == (853, 640)
    file.write_bytes(file.read_bytes()[:2000])
    background.cache_clear()
    with pytest.raises(ImageError, match=r"wall\.jpg: cannot be"):
        background(file)


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
    for wrong, sentence in (
        (np.zeros_like(light), "black all over"),
        (light[:16], "64 x 16 pixels, expected"),
    ):
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": wrong.copy()}).write(
            str(folder / "environments" / "sky.exr")
        )
        with pytest.raises(DataError, match=sentence):
            load(folder)
    (folder / "environments" / "sky.exr").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"sky\.exr"):
        load(folder)


def test_a_black_skin_is_named(asset_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    skin = next((folder / "skins").iterdir())
    Image.new("RGB", (64, 64)).save(skin)
    with pytest.raises(DataError, match=rf"{skin.name}: lacks a colour"):
        load(folder)


def test_other_content_is_another_fingerprint(asset_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(asset_folder, tmp_path / "assets")
    assert load(folder).fingerprint == load(asset_folder).fingerprint
    file = folder / "hand.npz"
    before = len(np.load(file)["V"])
    np.savez(file, **(hand_arrays() | {"V": hand_arrays()["V"] * 1.25}))
    size = file.stat().st_size
    other = load(folder).fingerprint
    np.savez(file, **(hand_arrays() | {"V": hand_arrays()["V"] * 1.5}))
    assert (file.stat().st_size, len(np.load(file)["V"])) == (size, before)
    assert load(folder).fingerprint != other
