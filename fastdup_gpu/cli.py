"""The command line: `fastdup-gpu run|demo|doctor|...`.

Exit codes: 0 success, 1 failure at run time, 2 wrong arguments. Results go to stdout (with --json
as one json object), progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastdup_gpu import __version__, _commands
from fastdup_gpu._errors import FastdupError, InvalidArgument
from fastdup_gpu._options import DEFAULTS, model_path_full
from fastdup_gpu._run_help import GROUPS

# Heavy modules are imported by the commands, so that `main` handles an interruption even then.

if TYPE_CHECKING:
    from fastdup_gpu._summary import Summary

_EPILOG = """\
first steps:
  fastdup-gpu demo                    try it on a few sample images
  fastdup-gpu run PICTURES RESULTS    analyse your own images
  fastdup-gpu report RESULTS          write report.html, to open in a browser
  fastdup-gpu dedupe RESULTS          show which duplicates would be moved

exit codes: 0 success, 1 failure, 2 wrong arguments"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    args = _parser().parse_args(argv)
    level = logging.INFO if getattr(args, "verbose", False) else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names that it cannot encode are escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = int(args.command(args) or 0)
        print(end="", flush=True)
        return code
    except BrokenPipeError:  # nobody reads any more; Python would report it again when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # like a process that a closed pipe ended
    except InvalidArgument as error:
        print(f"fastdup-gpu: {error}", file=sys.stderr)
        return 2
    except (FastdupError, OSError) as error:
        print(f"fastdup-gpu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        hint = "; --resume 1 continues from here" if hasattr(args, "resume") else ""
        print(f"fastdup-gpu: interrupted{hint}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdup-gpu",
        description="Find duplicates, near duplicates, outliers and clusters in image collections.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_demo(commands)
    _add_doctor(commands)
    _commands.add_parsers(commands)
    return parser


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="analyse a folder, list or archive of images")
    parser.add_argument(
        "input_dir",
        help="folder, list file, archive, video, YOLO yaml, csv with boxes, s3:// or minio:// URL",
    )
    parser.add_argument("work_dir", help="folder for the result files")
    for title, options in GROUPS.items():
        group = parser.add_argument_group(title)
        for name, (placeholder, text) in options.items():
            _add_option(group, name, DEFAULTS[name], placeholder, text)
    parser.add_argument("--json", action="store_true", help="print the summary as json")
    parser.set_defaults(command=_run)


def _add_option(group: Any, name: str, default: Any, placeholder: str, text: str) -> None:
    option = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        group.add_argument(option, dest=name, action="store_true", help=text)
        return
    shown = f" (default {default})" if default not in ("", model_path_full) else ""
    group.add_argument(
        option,
        dest=name,
        type=type(default),
        default=default,
        metavar=placeholder,
        help=text + shown,
    )


def _run(args: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(args).items() if name in DEFAULTS}
    return _show(args, _summary(**given))


def _summary(**arguments: Any) -> Summary:
    from fastdup_gpu import pipeline
    from fastdup_gpu._config import make_config
    from fastdup_gpu._progress import Progress

    return pipeline.run(make_config(**arguments), Progress(), warn=False)


def _show(args: argparse.Namespace, summary: Summary) -> int:
    if args.json:
        print(json.dumps(summary.as_dict()))
    else:
        print(*summary.lines(), sep="\n")
    return 0


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="create, analyse and report a few sample images")
    parser.add_argument(
        "work_dir",
        nargs="?",
        default="fastdup-demo",
        help="folder for images and results (default fastdup-demo)",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as json")
    parser.set_defaults(command=_demo)


def _demo(args: argparse.Namespace) -> int:
    from fastdup_gpu import _demo as demo
    from fastdup_gpu.galleries.report import write_report

    pictures = demo.make_pictures(args.work_dir)
    arguments = {"input_dir": str(pictures), "work_dir": args.work_dir}
    _show(args, _summary(**arguments, lower_threshold=0.2))  # 0.05 of so few pairs is none
    page = write_report(args.work_dir)
    if not args.json:
        print(f"report: {page}")
    return 0


def _add_doctor(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="show what is installed and usable")
    parser.add_argument("--json", action="store_true", help="print the findings as json")
    parser.set_defaults(command=_diagnose)


def _diagnose(args: argparse.Namespace) -> int:
    from fastdup_gpu import _doctor

    found = _doctor.examine()
    print(json.dumps(found) if args.json else "\n".join(_doctor.lines(found)))
    return 0 if all(found["cpu"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
