"""The commands of the command line that work with the results of a run."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._session import Session
from fastdup_gpu._words import count

if TYPE_CHECKING:
    from fastdup_gpu.analysis.deletion import Plan


def add_parsers(commands: Any) -> None:
    """Add the commands of this module to the sub-commands of a parser."""
    _add_search(commands)
    _add_dedupe(commands)
    _add_undo(commands)
    _add_evaluate(commands)
    _add_report(commands)


def _add_search(commands: Any) -> None:
    parser = commands.add_parser(
        "search",
        help="find the images of a run most similar to one image",
        description="Print the similarity and the name of each image found, the most similar "
        "first, and write them to search.csv in work_dir.",
    )
    parser.add_argument("work_dir", help="folder with the results of a run")
    parser.add_argument("picture", help="any image file; it need not belong to the run")
    parser.add_argument(
        "-k", type=int, default=10, metavar="N", help="number of images to find (default 10)"
    )
    parser.add_argument(
        "--model-path", metavar="FILE", help="your ONNX model, if the run used model_path"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects as json")
    parser.set_defaults(command=_search)


def _search(args: argparse.Namespace) -> int:
    model = {} if args.model_path is None else {"model_path": args.model_path}
    found = Session(args.work_dir, **model).search(args.picture, args.k)
    rows = [{"to": n, "distance": d} for n, d in zip(found["to"], found["distance"], strict=True)]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print(f"{row['distance']:.6f} {row['to']!r}")
    return 0


def _add_dedupe(commands: Any) -> None:
    parser = commands.add_parser(
        "dedupe",
        help="move duplicates to a trash folder",
        description="Show which duplicates would be moved; with --apply, move them to a trash "
        "folder beside the images, from which `fastdup-gpu undo` restores them. After a run with "
        "test_dir, these are the test images that the train images contain as well.",
    )
    parser.add_argument(
        "work_dir",
        nargs="?",
        help="folder with the results of a run; with --decisions, default is the one named there",
    )
    parser.add_argument(
        "--decisions", metavar="FILE", help="move only the images marked in a gallery or report"
    )
    parser.add_argument(
        "--min-distance",
        type=float,
        metavar="X",
        help="only components with a larger mean similarity (default 0.96)",
    )
    parser.add_argument(
        "--min-similarity",
        type=float,
        metavar="X",
        help="split components into groups in which every two images have at least this "
        "similarity; after a run with test_dir, that of a test image to a train image (default "
        "0.96)",
    )
    parser.add_argument(
        "--keep",
        choices=("best", "oldest", "newest", "first"),
        help="which image of a group is kept: the best (most pixels, then most bytes, then "
        "sharpest; the default), the oldest or newest file, or the first by name",
    )
    parser.add_argument(
        "--protect",
        action="append",
        default=[],
        metavar="DIR",
        help="never move images from this folder; may be given several times",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--dry-run", action="store_true", help="only show (the default)")
    action.add_argument("--apply", action="store_true", help="move the files")
    parser.add_argument("--json", action="store_true", help="print the files and groups as json")
    parser.set_defaults(command=_dedupe)


def _dedupe(args: argparse.Namespace) -> int:
    from fastdup_gpu.analysis import deletion

    with contextlib.redirect_stdout(sys.stderr if args.json else sys.stdout):
        plan = _plan_of_decisions(args) if args.decisions else _plan_of_components(args)
        gone = deletion.finish(plan, dry_run=not args.apply)
    if args.json:
        groups = [
            {"stays": list(stays), "goes": list(goes)}
            for stays, goes in itertools.groupby(gone, lambda name: plan.stays.get(name, ()))
            if stays
        ]
        print(json.dumps({"moved" if args.apply else "would_move": gone, "groups": groups}))
    return 0


def _plan_of_decisions(args: argparse.Namespace) -> Plan:
    from fastdup_gpu.analysis import decisions

    for option in ("min_distance", "min_similarity", "keep"):
        if getattr(args, option) is not None:
            raise InvalidArgument(
                f"--{option.replace('_', '-')} has no effect with --decisions, which names each "
                "image to move; leave one of them out"
            )
    return decisions.plan_decisions(args.decisions, args.work_dir, args.protect)


def _plan_of_components(args: argparse.Namespace) -> Plan:
    from fastdup_gpu.analysis import components, deletion, keeping, leaks

    if not args.work_dir:
        raise InvalidArgument(
            "dedupe needs a work_dir, or --decisions with the decisions.json of a gallery or report"
        )
    if leaks.compares_with_test(Path(args.work_dir)):
        return _plan_of_leaks(args)
    found = components.find_top_components(args.work_dir, min_similarity=args.min_similarity)
    policy = keeping.make_policy("one", ("one",), args.keep or "best", args.protect)
    least = {} if args.min_distance is None else {"min_distance": args.min_distance}
    return deletion.plan_components(found, policy, **least)


def _plan_of_leaks(args: argparse.Namespace) -> Plan:
    from fastdup_gpu.analysis import leaks

    for option in ("min_distance", "keep"):
        if getattr(args, option) is not None:
            raise InvalidArgument(
                f"--{option.replace('_', '-')} has no effect on a run with test_dir, of which only "
                "test images are moved; --min-similarity says how similar to a train image"
            )
    least = {} if args.min_similarity is None else {"min_similarity": args.min_similarity}
    return leaks.plan_leaks(Path(args.work_dir), protect=args.protect, **least)


def _add_undo(commands: Any) -> None:
    parser = commands.add_parser("undo", help="restore files that were moved")
    parser.add_argument("log", help="path of the undo.jsonl in the trash folder")
    parser.set_defaults(command=_undo)


def _undo(args: argparse.Namespace) -> int:
    from fastdup_gpu.analysis import journal

    outcome = journal.undo(args.log)
    for name, why in outcome.refused:
        print(f"left alone: {name!r} ({why})", file=sys.stderr)
    print(f"restored {count(len(outcome.done), 'file')}, left {len(outcome.refused)} alone")
    return 1 if outcome.refused else 0


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="compare a run with known duplicates",
        description="Print precision and recall over all pairs of images, from the stored "
        "features.",
    )
    parser.add_argument("work_dir", help="folder with the results of a run")
    parser.add_argument(
        "--truth",
        required=True,
        metavar="CSV",
        help="known duplicates: columns from,to (pairs) or file,group",
    )
    parser.add_argument(
        "--transitive",
        action="store_true",
        help="treat known pairs as transitive: two copies of one image are a pair as well",
    )
    parser.add_argument("--json", action="store_true", help="print all numbers as json")
    parser.set_defaults(command=_evaluate)


def _evaluate(args: argparse.Namespace) -> int:
    from fastdup_gpu.analysis.evaluate import evaluate

    result = evaluate(args.work_dir, args.truth, transitive=args.transitive)
    if args.json:
        print(json.dumps(_without_nan(result)))
        return 0
    print(f"images: {result['pictures']}")
    for key in ("true_pairs", "true_pairs_not_in_run"):
        print(f"{key.replace('_', ' ')}: {result[key]}")
    print(f"average precision: {result['average_precision']:.4f}")
    print(f"{'threshold':>9} {'precision':>9} {'recall':>9} {'F1':>9} {'pairs':>9}")
    for row in result["thresholds"]:
        print(_line(row))
    print(f"{_line(result['best'])}  <- best")
    return 0


def _line(row: dict[str, float]) -> str:
    numbers = (f"{row[key]:9.4f}" for key in ("threshold", "precision", "recall", "f1"))
    return " ".join((*numbers, f"{row['pairs']:9d}"))


def _without_nan(value: Any) -> Any:
    """Replace nan, which JSON lacks, by null."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _add_report(commands: Any) -> None:
    parser = commands.add_parser("report", help="write one page with everything a run found")
    parser.add_argument("work_dir", help="folder with the results of a run")
    parser.add_argument(
        "--save-path", metavar="PATH", help="folder or .html file (default work_dir/report.html)"
    )
    parser.add_argument(
        "--num-images",
        type=int,
        default=60,
        metavar="N",
        help="number of entries in each tab (default 60; 0 = all)",
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--labels",
        metavar="CSV",
        help="csv filename,label, with names as in the results or relative to the input: also show "
        "labels that look wrong",
    )
    labels.add_argument(
        "--labels-from-folders",
        action="store_true",
        help="the same, where the label of an image is the name of its folder",
    )
    parser.add_argument(
        "--input-dir", metavar="DIR", help="current folder of the images, if they have moved"
    )
    parser.set_defaults(command=_report)


def _report(args: argparse.Namespace) -> int:
    from fastdup_gpu.galleries import report

    path = report.write_report(
        args.work_dir,
        args.save_path,
        num_images=args.num_images,
        get_label_func=_folder_of if args.labels_from_folders else args.labels,
        input_dir=args.input_dir,
    )
    print(path)
    return 0


def _folder_of(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).parent.name
