"""The command line: `fastdup-gpu run|demo|doctor|...`.

Exit codes: 0 done, 1 failed at run time, 2 wrong arguments. Results go to stdout (with --json
as one json object), progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import sys
from collections.abc import Sequence
from typing import Any

from fastdup_gpu import __version__, _commands, _doctor, pipeline
from fastdup_gpu._api import run as run_function
from fastdup_gpu._config import make_config
from fastdup_gpu._errors import FastdupError, InvalidArgument
from fastdup_gpu._progress import Progress

_POSITIONAL = ("input_dir", "work_dir")
_UNLISTED = ("license", "version", "nn_provider")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = _parser().parse_args(argv)
    level = logging.INFO if getattr(args, "verbose", False) else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    try:
        return int(args.command(args) or 0)
    except InvalidArgument as error:
        print(f"fastdup-gpu: {error}", file=sys.stderr)
        return 2
    except (FastdupError, OSError) as error:
        print(f"fastdup-gpu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fastdup-gpu: interrupted; --resume 1 goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdup-gpu",
        description="Find duplicates, near duplicates, outliers and clusters in image collections.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_demo(commands)
    _add_doctor(commands)
    _commands.add_parsers(commands)
    return parser


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="analyse a folder, list or archive of pictures")
    parser.add_argument("input_dir", help="folder, list file, archive, yolo yaml or box csv")
    parser.add_argument("work_dir", help="folder for the result files")
    for name, parameter in inspect.signature(run_function).parameters.items():
        if name not in (*_POSITIONAL, *_UNLISTED):
            _add_option(parser, name, parameter.default)
    parser.add_argument("--json", action="store_true", help="print the summary as json")
    parser.set_defaults(command=_run)


def _add_option(parser: argparse.ArgumentParser, name: str, default: Any) -> None:
    option = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        parser.add_argument(option, dest=name, action="store_true")
    else:
        parser.add_argument(option, dest=name, type=type(default), default=default, metavar="X")


def _run(args: argparse.Namespace) -> int:
    known = inspect.signature(run_function).parameters
    given = {name: getattr(args, name, known[name].default) for name in known}
    return _show(args, pipeline.run(make_config(**given), Progress()))


def _show(args: argparse.Namespace, summary: Any) -> int:
    if args.json:
        print(json.dumps(summary.as_dict()))
    else:
        print(*summary.lines(), sep="\n")
    return 0


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="make a few sample pictures, analyse and report them")
    parser.add_argument("work_dir", nargs="?", default="fastdup-demo")
    parser.add_argument("--json", action="store_true", help="print the summary as json")
    parser.set_defaults(command=_demo)


def _demo(args: argparse.Namespace) -> int:
    from fastdup_gpu import _demo as demo
    from fastdup_gpu.galleries.report import write_report

    pictures = demo.make_pictures(args.work_dir)
    config = make_config(input_dir=str(pictures), work_dir=args.work_dir)
    _show(args, pipeline.run(config, Progress()))
    page = write_report(args.work_dir)
    if not args.json:
        print(f"report: {page}")
    return 0


def _add_doctor(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="say what is installed and usable")
    parser.add_argument("--json", action="store_true", help="print the findings as json")
    parser.set_defaults(command=_diagnose)


def _diagnose(args: argparse.Namespace) -> int:
    found = _doctor.examine()
    print(json.dumps(found) if args.json else "\n".join(_doctor.lines(found)))
    return 0 if all(found["cpu"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
