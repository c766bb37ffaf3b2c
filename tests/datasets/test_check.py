from __future__ import annotations

import shutil

from PIL import Image

from edgehand.cli import main


def _check(source: str, folder) -> int:
    return main(["data", "check", source, "-o", str(folder)])


def test_clean_data_set_is_counted_and_drawn(tmp_path, write_dataset, capsys) -> None:
    root = write_dataset(tmp_path / "data", "onehand10k", hands=10)
    assert _check(f"onehand10k:{root}", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "10 hands in 10 pictures" in printed
    assert "10 not labelled, 200 labelled or hidden (1), 0 seen (2)" in printed
    assert "problem" not in printed
    with Image.open(tmp_path / "onehand10k_test-sheet.jpg") as sheet:
        assert sheet.size == (8 * 160, 2 * 160)


def test_both_subsets_of_a_folder_are_checked(tmp_path, write_dataset, capsys) -> None:
    root = write_dataset(tmp_path / "data", "rhd")
    shutil.copy(root / "annotations/rhd_test.json", root / "annotations/rhd_train.json")
    assert _check(f"rhd:{root}", tmp_path) == 0
    assert capsys.readouterr().out.count("3 hands in 3 pictures") == 2


def test_every_problem_is_named(tmp_path, write_dataset, capsys) -> None:
    def change(content) -> None:
        first, second, third, fourth, fifth = content["annotations"][:5]
        first["keypoints"] = [1] * 60
        second["bbox"] = [900, 900, 10, 10]
        third["bbox"] = [-5, 3, 60, 60]
        fifth |= {"image_id": fourth["image_id"], "bbox": fourth["bbox"]}
        content["images"][6] |= {"width": 140, "height": 160}

    root = write_dataset(tmp_path / "data", "coco", hands=8, change=change)
    (root / "images/5.jpg").write_bytes(b"text")
    shutil.copy(root / "images/6.jpg", root / "images/7.jpg")
    assert _check(f"coco:{root}", tmp_path) == 2
    printed = capsys.readouterr()
    for sentence in (
        "annotation 100 has 20 keypoints",
        "box of hand 101 is outside the picture",
        "hands 103 and 104 have the same box",
        "5.jpg: not a picture",
        "6.jpg: 160 x 140 pixels, its labels are of 140 x 160",
    ):
        assert printed.out.count(sentence) == 1
    assert "5 problems" in printed.err
    assert "box of hand 102 reaches beyond the picture" in printed.out
    assert "keypoints of hand 102 are outside its box" in printed.out
    assert "7.jpg is a copy of" in printed.out


def test_sheet_of_a_large_set_is_bounded(tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path / "data", "coco", hands=100)
    assert _check(f"coco:{root}", tmp_path) == 0
    with Image.open(tmp_path / "annotations-sheet.jpg") as sheet:
        assert sheet.width == 8 * 160
        assert sheet.height <= 6 * 160
