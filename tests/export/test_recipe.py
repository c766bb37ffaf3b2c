"""Recipes are data: what is wrong in one is named, what an engine has not is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from edgehand.errors import InputError
from edgehand.export.recipe import RECIPES, Recipe, read


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Recipe().io = "int8"  # type: ignore[misc]


def test_names_and_files_give_recipes(tmp_path: Path) -> None:
    assert all(read(name) is recipe for name, recipe in RECIPES.items())
    file = tmp_path / "mine.toml"
    file.write_text(
        'calibrator = "percentile"\npercentile = 99.9\nsymmetric = true\nkeep_float = ["final", "smooth.*"]\n'
    )
    expected = Recipe(
        calibrator="percentile", percentile=99.9, symmetric=True, keep_float=("final", "smooth.*")
    )
    assert read(str(file)) == expected


def test_what_is_saved_can_be_read_back() -> None:
    recipe = Recipe(calibrator="mse", keep_float=("final",), io="uint8", equalise=True)
    assert Recipe(**asdict(recipe)) == recipe


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("calibrater = 'mse'", "unknown key 'calibrater', expected one of bias_correction, calibrator"),
        ("calibrator = 'kl'", "calibrator is 'kl', expected one of min-max, percentile, entropy, mse"),
        ("calibrator = 1", "calibrator is 1, expected str"),
        ("percentile = true", "percentile is True, expected float"),
        ("percentile = 12", "percentile is 12, expected more than 50"),
        ("percentile = nan", "percentile is nan, expected more than 50"),
        ("per_channel = 1", "per_channel is 1, expected bool"),
        ("keep_float = 'final'", "keep_float is 'final', expected list"),
        ("keep_float = [1]", r"keep_float is \[1\], expected names of layers"),
        ("io = 'int4'", "io is 'int4', expected one of int8, uint8, float32"),
        ("io", "not TOML"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(content: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(InputError, match=rf"mine.toml: .*{sentence}"):
        read(str(file))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of default, "):
        read("defualt")


def test_what_an_engine_has_not_is_refused_with_the_remedy() -> None:
    offered = {"calibrator": ("min-max", "mse"), "symmetric": (None, False)}
    Recipe(calibrator="mse", symmetric=False).check("Engine", offered)
    with pytest.raises(
        InputError, match='calibrator = "entropy" is not offered by Engine; take "min-max" or "mse"'
    ):
        Recipe(calibrator="entropy").check("Engine", offered)
    with pytest.raises(InputError, match="symmetric = true is not offered by Engine; take false"):
        Recipe(symmetric=True).check("Engine", offered)
