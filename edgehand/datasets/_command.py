"""`edgehand data`."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from edgehand.errors import DataError

SHOWN = 20
"""Problems and remarks that are printed one by one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand data`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="count, validate, and draw a contact sheet")
    check.add_argument("data", metavar="FORMAT:PATH", help="labelled pictures, e.g. rhd:/data/rhd")
    check.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR",
        help="folder for a contact sheet of each label file (default: this one)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Check every label file of a data set; problems end in an error."""
    from edgehand import datasets
    from edgehand.datasets._check import check
    from edgehand.files import write_atomically

    name = args.data.partition(":")[0]
    total = 0
    for file in datasets.label_files(args.data):
        problems: list[str] = []
        found, sheet = check(datasets.load(f"{name}:{file}", skipped=problems), problems)
        print(f"{file}: {found.hands} hands in {found.pictures} pictures")
        counts = (found.keypoints[visibility] for visibility in (0, 1, 2))
        print("  keypoints: {} not labelled, {} labelled or hidden (1), {} seen (2)".format(*counts))
        if found.hands:
            low, middle, high = (
                sorted(found.sides)[0],
                sorted(found.sides)[found.hands // 2],
                max(found.sides),
            )
            print(f"  longer side of the boxes: {low:.0f} .. {high:.0f} pixels, median {middle:.0f}")
        for title, sentences in (("remark", found.remarks), ("problem", found.problems)):
            for sentence in sentences[:SHOWN]:
                print(f"  {title}: {sentence}")
            if len(sentences) > SHOWN:
                print(f"  and {len(sentences) - SHOWN} more {title}s")
        if sheet:
            picture = args.output / f"{file.stem}-sheet.jpg"
            encoded = io.BytesIO()
            sheet.save(encoded, "JPEG", quality=90)
            write_atomically(picture, encoded.getvalue())
            print(f"  contact sheet: {picture}")
        total += len(found.problems)
    if total:
        raise DataError(
            f"data {args.data!r}: {total} problems; mend them, or use --skip-bad with `edgehand eval`"
        )
