"""The `edgehand` command: each sub-command lives beside what it drives and is imported when it is used."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
from typing import NoReturn

from edgehand import __version__, _core
from edgehand.errors import EdgehandError

# name: (module with add_arguments(parser) and run(args), extra of the package it needs, one line for --help)
COMMANDS = {
    "predict": ("edgehand.runtime.command", "", "find the hands' keypoints in pictures"),
    "export": ("edgehand.export.command", "export", "make a TFLite, ONNX or OpenVINO model of a checkpoint"),
    "diagnose": ("edgehand.export.diagnose_command", "all", "find the layers whose quantization hurts"),
    "inspect": ("edgehand.inspection.command", "all", "show what is inside a model file or a checkpoint"),
    "eval": ("edgehand.evaluation.command", "train", "measure a model on labelled pictures"),
    "report": (
        "edgehand.reporting.command",
        "report",
        "compare formats and precisions: accuracy, time, memory",
    ),
    "data": ("edgehand.datasets._command", "", "check a data set and draw what is in it"),
    "import": ("edgehand.training.import_command", "train", "read a checkpoint of MMPose"),
    "synth": ("edgehand.synth.command", "synth", "draw labelled pictures of synthetic hands"),
    "train": ("edgehand.training.command", "train", "train a network on labelled pictures"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command.

    Args:
        argv: the arguments after the program's name; None takes those of the process.
    Returns:
        exit code: 0; 1 where a gate or a check fails; 2 when something is wrong with what was asked, after one sentence
        on stderr; 130 when interrupted, 141 when nobody reads on, 143 when terminated.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if argv is None:
        # By default the process is gone at once, and what it was writing stays half-written.
        signal.signal(signal.SIGTERM, _terminated)
        # A file's name need not be text.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="edgehand", description="Hand pose on the edge.")
    parser.add_argument("--version", action="version", version=f"edgehand {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, _, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in arguments[:1]:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse_args(arguments)
    module, extra, _ = COMMANDS[args.command]
    try:
        _core.kernel()
    except ValueError as error:
        # EDGEHAND_KERNEL names none, which the first picture would bring to light in the middle of a command.
        return _fail(str(error))
    try:
        code = int(importlib.import_module(module).run(args) or 0)
        # Here, where what goes wrong is told, not when the interpreter ends.
        sys.stdout.flush()
        return code
    except EdgehandError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader has gone (`edgehand ... | head`).
        _drop_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _drop_output()
            return _fail("there is no room left on the disk that is written to; make some, and run it again")
        if error.filename is None:
            raise
        return _fail(
            f"{error.filename}: cannot be used ({error.strerror}); choose another file or its rights"
        )
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("edgehand"):
            raise
        wanted = f"edgehand[{extra}]" if extra else "edgehand"
        return _fail(f"`edgehand {args.command}` needs the package {error.name}: pip install '{wanted}'")
    except KeyboardInterrupt:
        return 130


def _terminated(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _drop_output() -> None:
    """Leave nothing for the interpreter to flush where it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    print(f"edgehand: {message}", file=sys.stderr)
    return 2
