from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgehand import datasets
from edgehand.errors import DataError

PUBLISHED = ["freihand", "onehand10k", "panoptic", "rhd"]


def test_formats_are_the_files() -> None:
    assert datasets.formats() == ["coco", *PUBLISHED]


@pytest.mark.parametrize("name", ["coco", *PUBLISHED])
def test_every_format_gives_the_same_hands(name, tmp_path, write_dataset) -> None:
    # `coco` stores the keypoints as they are, in the project's order: what all formats must come to.
    expected = datasets.load(f"coco:{write_dataset(tmp_path / 'coco', 'coco')}")
    found = datasets.load(f"{name}:{write_dataset(tmp_path / name, name)}")
    assert [sample.id for sample in found] == [100, 101, 102]
    for one, other in zip(found, expected, strict=True):
        seen = one.visibility > 0
        np.testing.assert_array_equal(one.keypoints[seen], other.keypoints[seen])
        assert one.box == other.box
        assert one.image.is_file()
        assert one.keypoints.dtype == np.float32
    assert [sample.head_size for sample in found] == ([40, 41, 42] if name == "panoptic" else [None] * 3)
    if name == "onehand10k":
        assert all((sample.visibility > 0).tolist() == [k != 3 for k in range(21)] for sample in found)


def test_rhd_fingers_run_from_tip_to_base_in_the_file(tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path, "rhd")
    stored = json.loads((root / "annotations/rhd_test.json").read_text())["annotations"][0]["keypoints"]
    thumb_tip = datasets.load(f"rhd:{root}")[0].keypoints[4]
    np.testing.assert_allclose(thumb_tip, stored[1][:2], rtol=1e-6)


def test_label_file_may_be_named_itself_and_moved_beside_the_pictures(tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path, "onehand10k")
    beside = root / "any.json"
    beside.write_bytes((root / "annotations/onehand10k_test.json").read_bytes())
    one, other = datasets.load(f"onehand10k:{beside}"), datasets.load(f"onehand10k:{root}")
    assert [sample.image for sample in one] == [sample.image for sample in other]


@pytest.mark.parametrize("name", PUBLISHED)
def test_missing_data_set_says_where_to_get_it(name, tmp_path) -> None:
    with pytest.raises(
        DataError, match=r"(?s)get the pictures from http.*licence.*labels from http.*lay them out"
    ):
        datasets.load(f"{name}:{tmp_path}")


def test_missing_label_file_is_one_sentence(tmp_path) -> None:
    with pytest.raises(DataError, match=r"no\.json: no such file; give") as raised:
        datasets.load(f"rhd:{tmp_path / 'no.json'}")
    assert "\n" not in str(raised.value)


def test_train_and_test_subsets_are_separate_files(tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path, "rhd", hands=3)
    (root / "annotations/rhd_test.json").rename(root / "annotations/rhd_train.json")
    write_dataset(tmp_path, "rhd", hands=1)
    assert len(datasets.load(f"rhd:{root}", "train")) == 3
    assert len(datasets.load(f"rhd:{root}", "test")) == 1
    assert [file.name for file in datasets.label_files(f"rhd:{root}")] == ["rhd_train.json", "rhd_test.json"]


def _set(path: str, value: object):
    *steps, last = path.split("/")

    def change(content: dict) -> None:
        target = content["annotations"][1]
        for step in steps:
            target = target[int(step) if step.isdigit() else step]
        target[int(last) if last.isdigit() else last] = value

    return change


BAD = {
    "20 keypoints": (
        lambda c: c["annotations"][1].update(keypoints=[1.0] * 60),
        "has 20 keypoints, expected 21",
    ),
    "no keypoints": (lambda c: c["annotations"][1].pop("keypoints"), "malformed annotation"),
    "text for a number": (_set("keypoints/4", "x"), "malformed annotation"),
    "NaN coordinates": (_set("keypoints/4", float("nan")), "not a finite number"),
    "infinite coordinates": (_set("keypoints/4", float("inf")), "not a finite number"),
    "visibility 7": (_set("keypoints/5", 7), "visibility other than"),
    "zero-size box": (_set("bbox", [5, 5, 0, 10]), r"bbox \[5.0, 5.0, 0.0, 10.0\]: expected"),
    "box beyond every picture": (_set("bbox", [-1e9, -1e9, 2e9, 2e9]), "expected sides from 0.001 to 100000"),
    "box of a string": (_set("bbox", "1234"), "bbox"),
    "keypoint beyond every picture": (_set("keypoints/4", 1e30), "not a finite number up to 1e"),
    "NaN box": (_set("bbox/0", float("nan")), "expected finite x, y"),
    "box of three": (_set("bbox", [5, 5, 3]), "bbox"),
    "duplicate ids": (_set("id", 100), "annotation 100 is there twice"),
    "unlisted picture": (_set("image_id", 9), "of image 9, which the file does not list"),
    "missing picture": (lambda c: c["images"][1].update(file_name="no.jpg"), r"picture .*no.jpg is missing"),
    "ids that are one number": (_set("id", "100"), "annotation 100 is there twice"),
    "duplicate image ids": (lambda c: c["images"].append(c["images"][1]), "image id 51 is there twice"),
    "entry that is no object": (lambda c: c["annotations"].insert(1, 5), "malformed annotation '5'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_label_is_named_in_one_sentence_or_skipped(what, tmp_path, write_dataset) -> None:
    change, message = BAD[what]
    root = write_dataset(tmp_path, "coco", change=change)
    with pytest.raises(DataError, match=message) as raised:
        datasets.load(f"coco:{root}")
    assert "\n" not in str(raised.value)
    skipped: list[str] = []
    kept = datasets.load(f"coco:{root}", skipped=skipped)
    assert skipped == [str(raised.value)]
    assert {sample.id for sample in kept} >= {100, 102}


def test_panoptic_needs_head_sizes(tmp_path, write_dataset) -> None:
    root = write_dataset(tmp_path, "panoptic", change=lambda c: c["annotations"][0].update(head_size=0))
    with pytest.raises(DataError, match=r"head_size 0.0: expected a positive"):
        datasets.load(f"panoptic:{root}")


def test_crowds_and_unlabelled_hands_are_left_out(tmp_path, write_dataset) -> None:
    def change(content: dict) -> None:
        content["annotations"][0]["iscrowd"] = 1
        content["annotations"][1]["keypoints"] = [0] * 63

    assert [
        sample.id for sample in datasets.load(f"coco:{write_dataset(tmp_path, 'coco', change=change)}")
    ] == [102]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a COCO keypoints file"),
        (b"{", "not a COCO keypoints file"),
        (b"\xff\xfe\x00", "not a COCO keypoints file"),
        (b"[" * 100_000, "not a COCO keypoints file"),
        (b"[]", "it has no list of images"),
        (b'{"images": []}', "it has no list of annotations"),
        (b'{"images": [], "annotations": []}', "holds no labelled hand"),
    ],
)
def test_file_that_is_no_label_file(content, message, tmp_path) -> None:
    file = tmp_path / "labels.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        datasets.load(f"coco:{file}")


def test_huge_file_is_refused_before_it_is_read(tmp_path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(3 << 30)  # sparse: takes no room
    with pytest.raises(DataError, match=r"huge\.json: 3\.0 GiB of labels, more than the 1 GiB"):
        datasets.load(f"coco:{file}")


@pytest.mark.parametrize("source", ["rhd", "rhd:", "nope:/x", ":/x", "_published:/x", "../coco:/x"])
def test_unknown_format(source) -> None:
    with pytest.raises(DataError, match="expected FORMAT:PATH with FORMAT one of coco, freihand"):
        datasets.load(source)


def test_split_is_by_picture_and_stable(tmp_path, write_dataset) -> None:
    samples = datasets.load(f"coco:{write_dataset(tmp_path, 'coco', hands=12)}")
    kept, held_out = datasets.split(samples * 2, 0.4)
    assert {sample.image for sample in kept}.isdisjoint(sample.image for sample in held_out)
    assert len(kept) + len(held_out) == 24
    again = datasets.split([sample for sample in samples if sample.id > 103], 0.4)[1]
    assert {sample.id for sample in again} <= {sample.id for sample in held_out}
    assert isinstance(held_out[0].image, Path)
