"""`edgehand predict`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from edgehand.errors import EdgehandError, InputError, OutputError
from edgehand.models import model_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand predict`."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="picture to look at")
    parser.add_argument(
        "--model-file", type=model_file, metavar="NAME|FILE",
        help="a file that `edgehand export` wrote, or the INT8 one of a model that ships (default: lite)",
    )  # fmt: skip
    parser.add_argument(
        "--engine", help="insist on tflite, onnx or openvino (default: the one that reads the file)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: one a core, at most four)")
    parser.add_argument(
        "--box", action="append", type=_box, metavar="X,Y,W,H",
        help="where a hand is, tight around it, pixels (--box=-5,0,W,H where it begins left of the picture); may be "
        "given several times (default: the whole picture)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all hands to this file")
    parser.add_argument(
        "--draw", type=Path, metavar="OUT",
        help="write the picture with its hands drawn on; a folder where there are several pictures",
    )  # fmt: skip


def _box(text: str) -> tuple[float, ...]:
    try:
        box = tuple(float(value) for value in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f"{text!r}: expected four numbers X,Y,W,H")
    return box


def run(args: argparse.Namespace) -> int:
    """Find the hands in each picture; one that fails does not keep the others from their results."""
    from edgehand.files import keep_apart, write_atomically
    from edgehand.runtime.estimator import HandPose

    keep_apart("--json", args.json, args.photos, "is a picture to look at")
    drawings = _drawings(args.photos, args.draw) if args.draw else {}
    model = [args.model_file] if args.model_file else []
    keep_apart(
        "--json", args.json, [*model, *drawings.values()], "would be written over what is read, or drawn"
    )
    for file in drawings.values():
        keep_apart("--draw", file, model, "would be written over what is read")
    pose = HandPose(args.model_file, args.engine, args.threads)
    found: list[dict[str, Any]] = []
    failures = 0
    for photo in args.photos:
        try:
            started = time.perf_counter()
            hands = pose(photo, args.box)
            elapsed = (time.perf_counter() - started) * 1e3
            if photo in drawings:
                _draw(photo, hands, drawings[photo])
        except EdgehandError as error:
            failures += 1
            print(f"edgehand: {error}", file=sys.stderr)
            continue
        found.append({"photo": str(photo), "hands": [hand.to_dict() for hand in hands]})
        scores = ", ".join(f"{hand.score:.2f}" for hand in hands)
        print(f"{photo}: {len(hands)} hand{'s' * (len(hands) != 1)}, score {scores}, {elapsed:.1f} ms")
    if args.json:
        write_atomically(args.json, (json.dumps(found, indent=1) + "\n").encode())
    return 2 if failures else 0


def _drawings(photos: list[Path], output: Path) -> dict[Path, Path]:
    """Photo -> where it is drawn on; no picture is written over one that is looked at, or over another drawing."""
    into_folder = output.is_dir() or len(photos) > 1
    if into_folder and not output.is_dir() and (output.suffix or output.exists()):
        raise InputError(f"--draw {output}: with several pictures give a folder")
    drawings: dict[Path, Path] = {}
    given = {photo.resolve() for photo in photos}
    for photo in photos:
        file = output / f"{photo.stem}.jpg" if into_folder else output
        if file.resolve() in given:
            raise InputError(f"--draw {output}: would be written over the picture {file}; give another place")
        if photo not in drawings and file in drawings.values():
            raise InputError(f"--draw {output}: {file} would be of two pictures; look at them one by one")
        drawings[photo] = file
    return drawings


def _draw(photo: Path, hands: list[Any], file: Path) -> None:
    import io

    from PIL import Image

    from edgehand.draw import draw
    from edgehand.files import write_atomically

    Image.init()
    kind = Image.EXTENSION.get(file.suffix.lower())
    if kind not in Image.SAVE:
        raise InputError(f"--draw {file}: no picture format ends in {file.suffix!r}; use .jpg or .png")
    buffer = io.BytesIO()
    try:
        draw(photo, hands).save(buffer, format=kind)
    except (OSError, ValueError) as error:
        if isinstance(error, EdgehandError):
            raise
        raise OutputError(f"--draw {file}: cannot be written as {kind} ({error}); use .png") from None
    write_atomically(file, buffer.getvalue())
