"""`edgehand synth`."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from edgehand.errors import InputError, check_range

PREVIEW = 48
"""Hands on the contact sheet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand synth`, and of `edgehand synth build-assets`."""
    parser.add_argument("-n", "--count", type=int, help="how many pictures the folder is to hold")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--assets", type=Path, metavar="DIR", help="folder that `build-assets` made")
    parser.add_argument(
        "--size", type=int, default=256, help="side of the pictures, pixels (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all randomness (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--preview", type=Path, metavar="FILE",
        help="also write a contact sheet with the keypoints drawn",
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", metavar="[build-assets]")
    build = actions.add_parser("build-assets", help="make a folder of assets out of MakeHuman's data (CC0)")
    build.add_argument(
        "--makehuman", type=Path, required=True, metavar="CHECKOUT",
        help="checkout of github.com/makehumancommunity/makehuman, its assets downloaded",
    )  # fmt: skip
    build.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the assets")
    build.add_argument(
        "--identities", type=int, default=200, help="how many different hands (default: %(default)s)"
    )
    # Without a default of its own, which would replace a --seed before `build-assets`.
    build.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of who they are (default: 0)")


def run(args: argparse.Namespace) -> None:
    """Draw the pictures that are missing in the folder, or build assets."""
    if args.action == "build-assets":
        _build(args)
    else:
        _draw(args)


def _build(args: argparse.Namespace) -> None:
    from edgehand.synth.makehuman import build

    check_range("--identities", args.identities, 1, 10**4)
    check_range("--seed", args.seed, 0, 2**63)
    build(args.makehuman, args.output, args.identities, args.seed)
    print(f"{args.output}: photos without hands go into backgrounds/, OpenEXR panoramas into environments/")


def _draw(args: argparse.Namespace) -> None:
    from edgehand.synth.assets import load
    from edgehand.synth.dataset import write

    if args.count is None or args.output is None:
        raise InputError("synth: give -n, how many pictures, and -o, the folder for them")
    if args.assets is None:
        raise InputError(
            "synth: --assets is missing; `edgehand synth build-assets --makehuman CHECKOUT -o DIR` makes such a folder"
        )
    check_range("-n", args.count, 1, 10**7)
    check_range("--size", args.size, 32, 2048)
    check_range("--seed", args.seed, 0, 2**63)
    check_range("--workers", args.workers, 1, 1024)
    write(load(args.assets), args.count, args.output, size=args.size, seed=args.seed, workers=args.workers)
    print(f"{args.count} pictures: --data coco:{args.output}")
    if args.preview:
        _preview(args.output, args.preview)


def _preview(folder: Path, file: Path) -> None:
    from edgehand import datasets
    from edgehand.datasets._check import check
    from edgehand.files import write_atomically

    _, sheet = check(datasets.load(f"coco:{folder}")[:PREVIEW], [])
    assert sheet is not None
    encoded = io.BytesIO()
    sheet.save(encoded, "JPEG", quality=90)
    write_atomically(file, encoded.getvalue())
