"""`edgehand eval`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from edgehand.errors import DataError, InputError
from edgehand.models import checkpoint_file, model_file

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand eval`."""
    parser.add_argument(
        "--data", required=True, metavar="FORMAT:PATH", help="labelled pictures, e.g. rhd:/data/rhd"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--model-file", type=model_file, metavar="NAME|F",
        help="model file, or the INT8 one of a model that ships (default: lite)",
    )  # fmt: skip
    source.add_argument(
        "--checkpoint", type=checkpoint_file, metavar="NAME|F",
        help="of a model that ships, or a file, edgehand's or MMPose's; needs torch",
    )  # fmt: skip
    parser.add_argument(
        "--flip-test", action="store_true", help="average with the mirrored crop, as published"
    )
    parser.add_argument(
        "--protocol", default="1.x", metavar="{0.x,1.x}",
        help="generation of MMPose to be comparable with; 1.x clips boxes to the picture (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures; makes the run resumable")
    parser.add_argument("--skip-bad", action="store_true", help="leave out what is bad, and say which")
    parser.add_argument("--threads", type=int, help="CPU threads (default: one a core, at most four)")


def run(args: argparse.Namespace) -> None:
    """Measure, print the table, write the JSON."""
    from edgehand import datasets
    from edgehand.evaluation.figures import Outcome, summarise, table
    from edgehand.evaluation.measure import PROTOCOLS, Measurement
    from edgehand.evaluation.model import open_either
    from edgehand.files import keep_apart, write_atomically

    if args.protocol not in PROTOCOLS:
        raise InputError(f"--protocol {args.protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    skipped: list[str] | None = [] if args.skip_bad else None
    if args.json:
        if args.json.is_dir():
            raise InputError(f"--json {args.json}: is a folder; give a file")
        measured = [path for path in (args.model_file, args.checkpoint) if path]
        keep_apart("--json", args.json, [*measured, *datasets.label_files(args.data)], "is what is measured")
    samples = datasets.load(args.data, "test", skipped)
    model = open_either(args.model_file, args.checkpoint, args.threads)
    notes = args.json.with_name(args.json.name + ".partial") if args.json else None
    measurement = Measurement(model, samples, args.protocol, flip_test=args.flip_test, notes=notes)
    pairs = [
        (sample, found)
        for sample, found in zip(samples, _progress(measurement.run(skipped), len(samples)), strict=True)
        if found
    ]
    for sentence in skipped or []:
        print(f"skipped: {sentence}", file=sys.stderr)
    if not pairs:
        raise DataError(f"data {args.data!r}: every hand is bad, nothing is left to measure")
    content = summarise(Outcome.of([sample for sample, _ in pairs], [found for _, found in pairs]))
    print(table(content))
    if args.json:
        header = {
            "data": args.data,
            "model": {"name": measurement.spec.name, "engine": model.engine, "sha256": measurement.sha256},
            "protocol": args.protocol,
            "flip_test": args.flip_test,
            "skipped": skipped or [],
        }
        write_atomically(args.json, json.dumps(header | content, indent=1).encode() + b"\n")
        assert notes is not None
        notes.unlink()


def _progress(items: Iterable[T], total: int) -> Iterator[T]:
    """Pass items on, saying on stderr how far it is; edgehand's runtime has no package for that."""
    started = time.monotonic()
    said = 0.0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said > 0.5 or done == total:
            said = now
            left = (now - started) / done * (total - done)
            print(f"\r  {done}/{total} hands, {left:.0f} s left   ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
