"""`edgehand inspect`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `edgehand inspect`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a model file or a checkpoint")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> None:
    """Print what is in the file."""
    from edgehand.inspection.summary import inspect, text

    content = inspect(args.file)
    print(json.dumps(content, indent=1) if args.json else text(content))
