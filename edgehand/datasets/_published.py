"""What the published data sets have in common: a folder as downloaded, with COCO labels that MMPose made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgehand.errors import DataError


@dataclass(frozen=True)
class Published:
    """A data set that others publish: where it is to be had, and how it lies on the disk."""

    name: str
    """In the names of its label files: annotations/NAME_train.json, annotations/NAME_test.json."""
    pictures: str
    """Address of the pictures."""
    labels: str
    """Address of the label files."""
    licence: str
    tree: str
    """The folders of pictures beside annotations/."""

    def label_file(self, path: Path, subset: str) -> Path:
        """The label file: `path` itself, or that of the subset in the data set's folder.

        Raises:
            DataError: the folder has none; the message says where to get the data set and how to lay it out.
        """
        if path.suffix == ".json":
            return path
        file = path / "annotations" / f"{self.name}_{subset}.json"
        if not file.is_file():
            raise DataError(
                f"{file}: no such file; get the pictures from {self.pictures} (licence: {self.licence}) "
                f"and the labels from {self.labels}, and lay them out as\n"
                f"  {self.name}/\n    annotations/{self.name}_train.json, {self.name}_test.json\n"
                + "\n".join(f"    {line}" for line in self.tree.splitlines())
            )
        return file
