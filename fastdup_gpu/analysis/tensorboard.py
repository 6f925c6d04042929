"""Features as an embedding for TensorBoard's projector, with a sprite of all images."""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from fastdup_gpu._arguments import flag, one_of, path_text, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu.analysis.annotations import Labels, read_labels
from fastdup_gpu.analysis.exports import file_names, writable
from fastdup_gpu.analysis.label_order import in_order
from fastdup_gpu.formats.features import locate, open_features
from fastdup_gpu.formats.files import prepare_folder, replacing
from fastdup_gpu.formats.names import DEFAULT_DIM
from fastdup_gpu.sources.by_name import read_each
from fastdup_gpu.sources.pixels import upright

MAX_SIDE = 8192  # the largest sprite that TensorBoard loads
DEFAULT_CELL = 100
SPRITE, FEATURES, METADATA = "sprite.png", "features.tsv", "metadata.tsv"
CONFIG = "projector_config.pbtxt"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grid:
    """`rows` of `columns` images, each `width` x `height` pixels."""

    rows: int
    columns: int
    width: int
    height: int

    def place(self, position: int) -> tuple[int, int]:
        """The top left corner of the image at a position of the list."""
        row, column = divmod(position, self.columns)
        return column * self.width, row * self.height


def export_to_tensorboard_projector(
    work_dir: str | os.PathLike[str],
    log_dir: str | os.PathLike[str],
    sample_size: int = 900,
    sample_method: str = "random",
    with_images: bool = True,
    get_label_func: Labels = None,
    d: int = DEFAULT_DIM,
    file_list: Sequence[str] | None = None,
) -> None:
    """Write a sample of the features, with labels and images, for the projector.

    See fastdup_gpu.export_to_tensorboard_projector.
    """
    one_of("sample_method", sample_method, ["random"])
    with_images = flag("with_images", with_images)
    folder = Path(path_text("log_dir", log_dir))
    stored = open_features(locate(Path(path_text("work_dir", work_dir))), whole_number("d", d, 1))
    names = stored.filenames if file_list is None else file_names("file_list", file_list)
    if len(names) != len(stored.filenames):
        raise InvalidArgument(
            f"file_list has {len(names)} names for {len(stored.filenames)} features; give one for "
            "each row of the features csv, in its order"
        )
    rows = _sample(len(names), sample_size)
    sample = [names[row] for row in rows]
    labels = read_labels(get_label_func, sample, own=in_order(names, "the images of the run"))
    prepare_folder(folder, "log_dir")
    with replacing(folder / FEATURES) as stream:
        for row in rows:
            stream.write("\t".join(f"{x:.7g}" for x in stored.matrix[row].tolist()) + "\n")
    _write_metadata(folder / METADATA, sample, labels)
    grid = _grid(len(rows)) if with_images else None
    if grid is not None:
        write_sprite(sample, grid, folder / SPRITE)
    _write_config(folder / CONFIG, grid)


def generate_sprite_image(
    img_list: Sequence[str],
    sample_size: int,
    log_dir: str | os.PathLike[str],
    get_label_func: Labels = None,
    h: int = 0,
    w: int = 0,
    alternative_filename: str | os.PathLike[str] | None = None,
    alternative_width: int | None = None,
    max_width: int | None = None,
) -> tuple[str, list[str]]:
    """Draw images into the cells of a sprite; returns (its path, a label for each image).

    See fastdup_gpu.generate_sprite_image.
    """
    listed = file_names("img_list", img_list)
    names = listed[: whole_number("sample_size", sample_size, 1)]
    if not names:
        raise InvalidArgument("img_list is empty; give file names of images")
    grid = _grid(len(names), h, w, alternative_width, max_width)
    labels = read_labels(get_label_func, names, own=in_order(listed, "img_list"))
    folder = Path(path_text("log_dir", log_dir))
    prepare_folder(folder, "log_dir")
    path = Path(path_text("alternative_filename", alternative_filename or SPRITE))
    if path.name == str(path):
        path = folder / path
    prepare_folder(path.parent, "alternative_filename")
    write_sprite(names, grid, path)
    return str(path), names if labels is None else [", ".join(own) for own in labels]


def write_sprite(names: Sequence[str], grid: Grid, path: Path) -> None:
    """Draw each image, whole and in proportion, into its cell. The cell of an image that cannot be
    read stays white, so that positions stay right."""
    sheet = Image.new("RGB", (grid.columns * grid.width, grid.rows * grid.height), "white")
    with pillow_unwarned:
        for position, (name, data) in enumerate(zip(names, read_each(names), strict=True)):
            cell = _cell(name, data, grid)
            if cell is not None:
                sheet.paste(cell, grid.place(position))
    with replacing(path, "wb") as stream:
        sheet.save(stream, "JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else "PNG")


def _cell(name: str, data: bytes | Exception, grid: Grid) -> Image.Image | None:
    if isinstance(data, Exception):
        _log.warning("left out of the sprite: %r (%s)", name, data)
        return None
    with upright(data) as picture:
        if not isinstance(picture, str):
            return ImageOps.pad(picture, (grid.width, grid.height), color="white")
        _log.warning("left out of the sprite: %r (%s)", name, picture)
        return None


def _grid(
    count: int,
    height: int = 0,
    width: int = 0,
    columns: int | None = None,
    max_width: int | None = None,
) -> Grid:
    """A grid for `count` images within `max_width` and TensorBoard's limit: a square of cells, as
    the projector expects, unless the number of columns is given."""
    wide = _side(count) if columns is None else whole_number("alternative_width", columns, 1)
    high = max(math.ceil(count / wide), wide if columns is None else 1)
    limit = min(MAX_SIDE, whole_number("max_width", max_width or 0) or MAX_SIDE)
    width, height = whole_number("w", width), whole_number("h", height)
    width, height = width or height or DEFAULT_CELL, height or width or DEFAULT_CELL
    shrink = min(1.0, limit / (width * wide), MAX_SIDE / (height * high))
    grid = Grid(high, wide, int(width * shrink), int(height * shrink))
    if grid.width < 1 or grid.height < 1:
        raise InvalidArgument(
            f"{count} images in rows of {wide} do not fit into {limit} x {MAX_SIDE} pixels; "
            "give a smaller sample_size"
        )
    return grid


def _side(count: int) -> int:
    return max(math.isqrt(max(count - 1, 0)) + 1, 1)


def _sample(count: int, size: int) -> list[int]:
    """Rows drawn at random, the same ones every time, in ascending order."""
    wanted = min(whole_number("sample_size", size, 1), count)
    return sorted(random.Random(0).sample(range(count), wanted))


def _write_metadata(path: Path, names: Sequence[str], labels: list[list[str]] | None) -> None:
    """Two columns, because then TensorBoard recognises the first row as a header."""
    shown = [""] * len(names) if labels is None else [", ".join(own) for own in labels]
    with replacing(path) as stream:
        stream.write("label\tfilename\n")
        for label, name in zip(shown, names, strict=True):
            stream.write(f"{_in_a_cell(label)}\t{_in_a_cell(name)}\n")


def _in_a_cell(text: str) -> str:
    """A text without characters that end a cell, and in valid UTF-8."""
    clean = " ".join(text.splitlines()).replace("\t", " ")
    return writable(clean).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _write_config(path: Path, grid: Grid | None) -> None:
    sprite = (
        f'  sprite {{\n    image_path: "{SPRITE}"\n    single_image_dim: {grid.width}\n'
        f"    single_image_dim: {grid.height}\n  }}\n"
        if grid
        else ""
    )
    with replacing(path) as stream:
        stream.write(
            'embeddings {\n  tensor_name: "fastdup"\n'
            f'  tensor_path: "{FEATURES}"\n  metadata_path: "{METADATA}"\n{sprite}}}\n'
        )
