"""A checkout in MakeHuman's own formats, written from the hand of boxes, gives that hand again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgehand.cli import main
from edgehand.synth import Renderer, load
from edgehand.synth.assets import BONES
from edgehand.synth.makehuman import AGES, GENDERS, HAND_SHAPES, LEVELS, RACES, Body, macro_factors

from .conftest import PARENTS, hand_arrays

TORSO = 8  # vertices of the body that are no arm's


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    data = tmp_path / "makehuman" / "data"
    arrays = hand_arrays()
    vertices, joints, planes = arrays["V"][0], arrays["J"][0], arrays["P"][0]
    points = [(9.0, 9.0, float(index)) for index in range(TORSO)] + vertices.tolist()
    names: dict[str, list[int]] = {}
    skeleton = {"bones": {}, "joints": names, "planes": {}, "weights_file": "default_weights.mhw"}
    for bone, (name, parent) in enumerate(zip(BONES, PARENTS, strict=True)):
        ends = {"head": joints[bone, 0], "tail": joints[bone, 1]}
        corners = {f"corner{index}": corner for index, corner in enumerate(planes[bone])}
        for end, point in (ends | corners).items():
            # MakeHuman's joints are cubes of helper vertices, their middle the joint.
            names[f"{name}.L____{end}"] = [len(points), len(points) + 1]
            points += [(point + 0.1).tolist(), (point - 0.1).tolist()]
        skeleton["planes"][f"{name}.L____plane"] = [f"{name}.L____{corner}" for corner in corners]
        skeleton["bones"][f"{name}.L"] = {
            "head": f"{name}.L____head",
            "tail": f"{name}.L____tail",
            "parent": f"{BONES[parent]}.L" if parent >= 0 else "shoulder01.L",
            "rotation_plane": f"{name}.L____plane",
        }
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in points]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in arrays["uv"]] + ["g body", "f 1/1 2/2 3/3 4/4"]
    for quad, uv_quad in zip(arrays["quads"] + TORSO, arrays["tquads"], strict=True):
        lines.append("f " + " ".join(f"{a + 1}/{b + 1}" for a, b in zip(quad, uv_quad, strict=True)))
    lines += ["g helper-skirt", "f 5/1 6/2 7/3 8/4"]
    weights = {
        f"{bone}.L": [[int(v) + TORSO, 1.0] for v in np.flatnonzero(arrays["W"][:, column])]
        for column, bone in enumerate(BONES)
    }
    for folder in ("3dobjs", "rigs", "targets/macrodetails", "targets/armslegs", "skins/light"):
        (data / folder).mkdir(parents=True)
    (data / "3dobjs" / "base.obj").write_text("\n".join(lines))
    (data / "rigs" / "default.mhskel").write_text(json.dumps(skeleton))
    (data / "rigs" / "default_weights.mhw").write_text(json.dumps({"weights": weights}))
    targets = [f"macrodetails/{race}-{sex}-{age}" for race in RACES for sex in GENDERS for age in AGES]
    targets += [
        f"macrodetails/universal-{sex}-{age}-{muscle}muscle-{weight}weight"
        for sex in GENDERS for age in AGES for muscle in LEVELS for weight in LEVELS
    ]  # fmt: skip
    targets += [f"armslegs/{shape}-{way}" for shape in HAND_SHAPES for way in ("incr", "decr")]
    for target in targets:
        # Each macro target of the two kinds moves vertex 8 by 1 in x: blended to 1 they move everybody by 2.
        move = f"{TORSO} 1 0 0" if target.startswith("macro") else ""
        (data / "targets" / f"{target}.target").write_text(f"# a comment\n{move}\n")
    Image.new("RGB", (64, 64), (220, 180, 150)).save(data / "skins" / "light" / "young_diffuse.png")
    return tmp_path


def test_the_hand_comes_out_of_the_checkout(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "assets"
    assert (
        main(["synth", "build-assets", "--makehuman", str(checkout), "-o", str(out), "--identities", "3"])
        == 0
    )
    expected = hand_arrays()
    with np.load(out / "hand.npz") as made:
        assert made["V"].shape == (3, *expected["V"].shape[1:])
        first = expected["V"][0].copy()
        first[0, 0] += 2
        np.testing.assert_allclose(made["V"][1], first, atol=1e-5)
        for key in ("J", "P"):
            np.testing.assert_allclose(made[key][0], expected[key][0], atol=1e-5)
        for key in ("W", "uv"):
            np.testing.assert_allclose(made[key], expected[key], atol=1e-6)
        for key in ("quads", "tquads", "parent", "bones"):
            np.testing.assert_array_equal(made[key], expected[key])
        assert json.loads(str(made["meta"]))[0]["gender"] == 0.5
    assert [path.name for path in (out / "skins").iterdir()] == ["young_diffuse.jpg"]
    picture, labels = Renderer(load(out), size=64).picture(0)
    assert picture.shape == (64, 64, 3)
    assert labels


def test_a_second_build_takes_the_first_one_s_place(checkout: Path) -> None:
    out = checkout / "assets"
    command = ["synth", "build-assets", "--makehuman", str(checkout), "-o", str(out), "--identities"]
    assert main([*command, "2"]) == 0
    (out / "skins" / "of_before.jpg").touch()
    assert main([*command, "3"]) == 0
    with np.load(out / "hand.npz") as made:
        assert len(made["V"]) == 3
    assert [path.name for path in (out / "skins").iterdir()] == ["young_diffuse.jpg"]
    assert sorted(path.name for path in out.iterdir()) == ["fingernails.jpg", "hand.npz", "skins"]


def test_factors_of_a_body_are_a_partition() -> None:
    factors = macro_factors(Body(0.3, 0.6, 0.2, 0.9, (0.2, 0.5, 0.3), (0, 0, 0, 0)))
    for kind in (True, False):
        assert sum(f for name, f in factors.items() if name.startswith("universal") is kind) == pytest.approx(
            1
        )
    assert factors["asian-male-young"] == pytest.approx(0.5 * 0.3 * 0.8)
    assert factors["universal-female-old-minmuscle-maxweight"] == pytest.approx(0.7 * 0.2 * 0.6 * 0.8)
    assert not any("child" in name for name in factors)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("3dobjs/base.obj", "v 1 2 x", "Wavefront"),
        ("3dobjs/base.obj", "v 1 2 3\ng body\nf 1/1 2/2 3/3 9/9", "group `body`"),
        ("rigs/default.mhskel", "[]", "not a JSON object"),
        ("rigs/default.mhskel", '{"weights_file": "default_weights.mhw"}', "default skeleton"),
        ("rigs/default_weights.mhw", '{"weights": {}}', "no weights of upperarm01.L"),
        ("targets/armslegs/l-hand-scale-decr.target", "99999 0 0 0", "moves vertex 99999"),
    ],
)
def test_damaged_files_are_named(
    checkout: Path, file: str, content: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "makehuman" / "data" / file).write_text(content)
    out = checkout / "assets"
    assert main(["synth", "build-assets", "--makehuman", str(checkout), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert Path(file).name in said
    assert not out.exists()
