"""`edgehand report`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgehand.models import checkpoint_file, model_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand report`."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--model", nargs="+", action="extend", type=model_file, metavar="NAME|FILE",
        help="model files to compare, or the INT8 ones of models that ship; needs no torch, the first float32 one is "
        "the reference",
    )  # fmt: skip
    source.add_argument(
        "--checkpoint", type=checkpoint_file, metavar="NAME|FILE",
        help="of a model that ships, or a file, edgehand's or MMPose's, of which what is missing is exported; "
        "PyTorch's float32 is the reference (default: lite)",
    )  # fmt: skip
    parser.add_argument(
        "--data", nargs="+", action="extend", required=True, metavar="FORMAT:PATH",
        help="labelled pictures, e.g. coco:photos/annotations.json",
    )  # fmt: skip
    parser.add_argument(
        "--targets", type=_names, metavar="NAMES",
        help="of a checkpoint, separated by commas, e.g. tflite,onnx (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--precisions", type=_names, metavar="NAMES",
        help="of a checkpoint, separated by commas, e.g. fp32,int8 (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the report"
    )
    parser.add_argument(
        "--max-drop", type=float, metavar="POINTS",
        help="exit with 1 if an artifact loses more points of PCK@0.1 than this, e.g. 0.5",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, help="beside one (default: one a core, at most four)")


def _names(text: str) -> list[str]:
    return text.split(",")


def run(args: argparse.Namespace) -> int:
    """Measure, write the report, and judge."""
    from edgehand import models
    from edgehand.errors import InputError
    from edgehand.files import place, staging
    from edgehand.metrics import MAX_DROP
    from edgehand.reporting import accuracy, page
    from edgehand.reporting.artifacts import from_checkpoint, from_files
    from edgehand.reporting.notes import Notes
    from edgehand.reporting.pipeline import measure
    from edgehand.runtime.artifact import check_threads, default_threads

    check_threads(args.threads, "--threads")
    if args.max_drop is not None and not 0 <= args.max_drop <= 100:
        raise InputError(f"--max-drop {args.max_drop}: expected points of PCK@0.1, from 0 to 100")
    if args.model and (args.targets or args.precisions):
        raise InputError(
            "--targets, --precisions: say what to make of a checkpoint; leave them out with --model"
        )
    data = [accuracy.load(source) for source in dict.fromkeys(args.data)]
    if args.model:
        artifacts, not_offered = from_files(args.model)
    else:
        artifacts, not_offered = from_checkpoint(
            args.checkpoint or models.checkpoint("lite"),
            args.targets,
            args.precisions,
            args.output / "models",
        )
    report = measure(
        artifacts,
        not_offered,
        data,
        threads=args.threads or default_threads(),
        max_drop=MAX_DROP if args.max_drop is None else args.max_drop,
        notes=Notes(args.output / "measured"),
    )
    written = {
        "report.json": json.dumps(report.content, indent=1, allow_nan=False) + "\n",
        "report.md": page.markdown(report.content),
        "report.html": page.html(report.content, report.outcomes),
    }
    with staging(args.output) as folder:
        for name, text in written.items():
            # A picture's name need not be text.
            (folder / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        place([folder / name for name in written], args.output)

    for row in report.content["artifacts"]:
        print(f"{row['name']:22} {row['verdict']['sentence']}")
    print(f"{args.output / 'report.html'}, report.md, report.json")
    failed = [row["name"] for row in report.content["artifacts"] if not row["verdict"]["passes"]]
    if failed and args.max_drop is not None:
        print(f"edgehand: more than {args.max_drop:g} points of PCK@0.1 lost by {', '.join(failed)}")
        return 1
    return 0
