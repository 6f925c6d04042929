"""`python -m benchmarks.formats FOLDER...`: every picture file below some folders through the
library, and docs/formats.md made from what became of it.

Each file goes once through run(), and once alone through a child process under limits, where it
is also given to Pillow and OpenCV. Files of equal content count once.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.format_kinds import kind_of
from benchmarks.format_probe import Verdict, alone, by_library, by_opencv, by_pillow
from fastdup_gpu.sources.base import is_archive, is_video

RESULTS = Path(__file__).parent / "results" / "formats.csv"
PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
BEGIN, END = "<!-- formats -->\n", "<!-- /formats -->"
NAMES = frozenset(
    "jpg jpeg jpe jfif jif png apng gif bmp dib rle tif tiff webp heic heif hif avif jp2 j2k "
    "jpx jpc j2c jpf ico cur pbm pgm ppm pnm pam pfm psd psb eps ps svg tga pcx sgi rgb rgba "
    "bw ras sun hdr pic exr xbm xpm dds qoi icns jxl fits fit im msp dcx fli flc wmf emf mng "
    "jng miff pict pct wbmp viff xwd palm pdb dng cr2 cr3 nef orf raf rw2 pef arw srw mrw mpo "
    "xcf jps pcd ftu ftc bufr grib iim spider gbr hdf h5 tim".split()
)
COLUMNS = (
    "kind",
    "files",
    "read",
    "refused",
    "crash_or_hang",
    "pillow_reads",
    "opencv_reads",
    "other_size",
    "reasons",
)
_RUN = """
import json, sys
import fastdup_gpu
sys.exit(fastdup_gpu.run(json.load(sys.stdin), sys.argv[1], num_threads=2))
"""
_ABSENT = Verdict("refused")


@dataclass(frozen=True, slots=True)
class Looked:
    """One file: its kind, and what three readers make of it alone; `in_run`: read by run()."""

    path: str
    kind: str
    ours: Verdict
    pillow: Verdict
    opencv: Verdict
    in_run: bool


def collect(folders: Iterable[Path]) -> list[Path]:
    """The picture files of some folders by their names, one for each content."""
    seen: set[bytes] = set()
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink() or is_archive(path.name):
                continue
            wanted = path.suffix[1:].lower() in NAMES or folder.name == "ugly"
            if not wanted or is_video(path.name) or path.suffix == ".csv":
                continue
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
            if digest not in seen:
                seen.add(digest)
                found.append(path)
    return found


def run_all(paths: Sequence[Path], work_dir: Path) -> dict[str, str]:
    """One run over all files in a child process: '' for a picture that was read, else why not."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(work_dir)],
        input=json.dumps([str(path) for path in paths]),
        text=True,
        stderr=subprocess.DEVNULL,
        timeout=3600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"run() over all files ended with {done.returncode}")
    good = {row["filename"]: "" for row in _rows(work_dir / "atrain_features.dat.csv")}
    bad = {
        row["filename"]: row["error_code"] for row in _rows(work_dir / "atrain_features.bad.csv")
    }
    if sorted([*good, *bad]) != sorted(map(str, paths)):
        raise SystemExit("good and bad files are not all files")
    return good | bad


def look(path: Path, in_run: str) -> Looked:
    """One file alone. A disagreement with the run over all counts as a crash of this one."""
    data = path.read_bytes()
    ours = alone(by_library, data)
    if ours.end in ("read", "refused") and ours.why != in_run:
        ours = Verdict("crash", f"alone {ours.why!r}, among all {in_run!r}")
    kind = kind_of(data, path.name)
    return Looked(str(path), kind, ours, alone(by_pillow, data), alone(by_opencv, data), not in_run)


def summarise(files: Sequence[Looked]) -> list[dict[str, Any]]:
    """One row for each kind, the kinds of a format together."""
    groups: dict[str, list[Looked]] = defaultdict(list)
    for file in files:
        groups[file.kind].append(file)
    return [_row(kind, groups[kind]) for kind in sorted(groups, key=str.casefold)]


def _row(kind: str, files: Sequence[Looked]) -> dict[str, Any]:
    ends = Counter(file.ours.end for file in files)
    reasons = Counter(file.ours.why for file in files if file.ours.end == "refused")
    return {
        "kind": kind,
        "files": len(files),
        "read": ends["read"],
        "refused": ends["refused"],
        "crash_or_hang": ends["crash"] + ends["hang"],
        "pillow_reads": sum(file.pillow.end == "read" for file in files),
        "opencv_reads": sum(file.opencv.end == "read" for file in files),
        "other_size": sum(map(_other_size, files)),
        "reasons": ", ".join(f"{n} {why}" for why, n in reasons.most_common()),
    }


def _other_size(file: Looked) -> bool:
    """Whether Pillow finds another size; a turned picture has its sides swapped."""
    if file.ours.end != "read" or file.pillow.end != "read":
        return False
    return {file.ours.width, file.ours.height} != {file.pillow.width, file.pillow.height}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: the totals, then a line a kind."""
    total = Counter({key: sum(int(row[key]) for row in rows) for key in COLUMNS[1:8]})
    about = rows[0]
    lines = [
        f"{total['files']:,} files of {len(rows)} kinds: {total['read']:,} read, "
        f"{total['refused']:,} refused with a reason, {total['crash_or_hang']} crashes or hangs "
        f"({about['date']}, commit {about['commit']}; {about['versions']}).",
        "",
        "| kind | files | read | refused | Pillow reads | OpenCV reads | reasons |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row[c] for c in ("kind", "files", "read", "refused")]
        cells += [row["pillow_reads"], row["opencv_reads"], row["reasons"].replace("ERROR_", "")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, ""])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def _versions() -> str:
    import cv2
    import PIL

    return f"Pillow {PIL.__version__}, OpenCV {cv2.__version__}"


def _write(rows: Sequence[dict[str, Any]]) -> None:
    with RESULTS.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + BEGIN + table(rows) + END + rest.split(END)[1], encoding="utf-8")


def _write_each(path: Path, files: Sequence[Looked]) -> None:
    """A line a file, for looking into what was refused."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        fields = list(asdict(_ABSENT))
        readers = ("ours", "pillow", "opencv")
        writer.writerow(["path", "kind", *(f"{r}_{f}" for r in readers for f in fields)])
        for file in files:
            verdicts = [v for r in readers for v in asdict(getattr(file, r)).values()]
            writer.writerow([file.path, file.kind, *verdicts])


def main() -> None:
    """Read the command line, look at all files, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--each", type=Path, metavar="CSV", help="write a line a file")
    parser.add_argument("--no-page", action="store_true", help="leave the committed table alone")
    args = parser.parse_args()
    paths = collect(args.folders)
    with tempfile.TemporaryDirectory() as work_dir:
        told = run_all(paths, Path(work_dir))
    files = [look(path, told[str(path)]) for path in paths]
    if args.each:
        _write_each(args.each, files)
    about = environment.describe()
    stamp = {"date": about["date"], "commit": about["commit"], "versions": _versions()}
    rows = [row | stamp for row in summarise(files)]
    if not args.no_page:
        _write(rows)
    broken = [file for file in files if file.ours.end in ("crash", "hang")]
    for file in broken:
        print(file.path, file.ours)
    print(f"{len(files)} files, {len(rows)} kinds, {len(broken)} crashes or hangs")


if __name__ == "__main__":
    main()
