"""The functions of the V0.2xx API that write files for other tools, and related additions.

As in _api: the documented signature of each, and one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastdup_gpu._api import _status
from fastdup_gpu._api_analysis import Labels
from fastdup_gpu._options import Input, PathLike

if TYPE_CHECKING:
    import pandas as pd


def export_to_cvat(
    files: Iterable[PathLike] | str,
    labels: object,
    save_path: PathLike,
    boxes: Iterable[object] | None = None,
) -> int:
    """Write images and labels as fastdup_label.zip, for 'Create from backup' in CVAT.

    files: file names. labels: a list in the order of the files, or a dict or callable by file name;
        each entry is a label, a list of labels, or None. A single string is the label of all
        images; None = no labels.
    save_path: folder for the zip and for fastdup_label.csv, which gives the file of each frame of
        the CVAT task.
    boxes: for each file a list of boxes x1, y1, x2, y2 in pixels, with one label for each box or
        one label for all of them.

    Boxes become rectangles; labels of images without boxes become tags of their frames. Images that
    cannot be read are left out with a warning. Returns 0 on success and 1 on failure, which is
    logged. Raises InvalidArgument if the lengths differ.
    """
    from fastdup_gpu.analysis import cvat

    return _status(lambda: cvat.export_to_cvat(files, labels, save_path, boxes))


def export_to_labelImg(
    files: Iterable[PathLike] | str,
    labels: object,
    save_path: PathLike,
    boxes: Iterable[object] | None = None,
) -> int:
    """Write labels as Pascal VOC xml for labelImg, one file per image.

    files, labels, boxes: as in export_to_cvat().
    save_path: folder for the xml files and classes.txt. The xml files of images that have the same
        name go to sub-folders.

    Without boxes, a label becomes a box around the whole image. Images that cannot be read are left
    out with a warning. An existing xml of the same image is replaced; one of another image, or of
    unknown origin, stays, and the new one gets another name. Labels are added to an existing
    classes.txt. Returns 0 on success and 1 on failure, which is logged. Raises InvalidArgument if
    the lengths differ.
    """
    from fastdup_gpu.analysis import labelimg

    return _status(lambda: labelimg.export_to_labelImg(files, labels, save_path, boxes))


def export_to_coco(
    files: Iterable[PathLike] | str,
    labels: object,
    save_path: PathLike,
    boxes: Iterable[object] | None = None,
) -> int:
    """Write images, labels and boxes as COCO json. Not part of the V0.2xx API.

    files, labels, boxes: as in export_to_cvat().
    save_path: folder for fastdup_coco.json, or a name that ends in .json.

    Without boxes, a label becomes a box around the whole image.

    Returns 0 on success and 1 on failure, which is logged. Raises InvalidArgument if the lengths
    differ.
    """
    from fastdup_gpu.analysis import coco

    return _status(lambda: coco.export_to_coco(files, labels, save_path, boxes))


def import_from_coco(path: PathLike) -> pd.DataFrame:
    """Read a COCO json, such as one written by export_to_coco(). Not part of the V0.2xx API.

    path: the file, or a folder with fastdup_coco.json.

    Returns a DataFrame with `filename`, `col_x`, `row_y`, `width`, `height` (pixels) and `label`:
    one row per box, and one row with None for an image without boxes. Raises InvalidArgument and
    FormatError.
    """
    from fastdup_gpu.analysis import coco

    return coco.import_from_coco(path)


def export_to_tensorboard_projector(
    work_dir: PathLike,
    log_dir: PathLike,
    sample_size: int = 900,
    sample_method: str = "random",
    with_images: bool = True,
    get_label_func: Labels = None,
    d: int = 576,
    file_list: Sequence[PathLike] | None = None,
) -> int:
    """Write features, labels and thumbnails for the projector of TensorBoard.

    work_dir: where run() wrote its files.
    log_dir: folder to write to; open it with `tensorboard --logdir log_dir`.
    sample_size: number of images. sample_method: 'random', which draws the same images every time.
    with_images: also write a sprite with the thumbnails.
    get_label_func: labels of the images: a callable that takes a file name, a dict or Series by
        file name, a csv `filename,label` or `index,label`, or a list in the order of
        atrain_features.dat.csv. A label is a string, a list of strings (shown separated by
        commas), or None.
    d: length of a feature vector; 576 stands for any length.
    file_list: current paths of the images, one for each row of atrain_features.dat.csv, if they
        have moved; get_label_func then gets these names.

    Writes features.tsv (one row per image), metadata.tsv (columns `label` and `filename`),
    projector_config.pbtxt and, with with_images, sprite.png to log_dir. Returns 0 on success and 1
    on failure, which is logged. Raises InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu.analysis import tensorboard

    return _status(lambda: tensorboard.export_to_tensorboard_projector(**arguments))


def generate_sprite_image(
    img_list: Sequence[PathLike],
    sample_size: int,
    log_dir: PathLike,
    get_label_func: Labels = None,
    h: int = 0,
    w: int = 0,
    alternative_filename: PathLike | None = None,
    alternative_width: int | None = None,
    max_width: int | None = None,
) -> tuple[str, list[str]]:
    """Draw thumbnails of many images into the cells of one image (a sprite), row by row.

    img_list: file names; the first `sample_size` are drawn, not cropped and in proportion.
    log_dir: folder for sprite.png.
    get_label_func: as in find_top_components(); a list or a csv `index,label` is in the order of
        the whole img_list.
    h, w: height and width of a cell in pixels; 0 = the same as the other one, or 100.
    alternative_filename: another file name, or another path.
    alternative_width: number of images per row; None = a square grid, as TensorBoard needs it.
    max_width: maximum width of the sprite in pixels. Cells shrink to stay within this and 8192
        pixels.

    Returns (path, labels): the path of the sprite, and a label for each image (its file name
    without get_label_func). The cell of an image that cannot be read stays white. Raises
    InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu.analysis import tensorboard

    return tensorboard.generate_sprite_image(**arguments)


def webdataset_labels(
    input_dir: Input,
    *,
    kinds: Sequence[str] = ("cls", "json", "txt"),
    field: str = "label",
    classes: Sequence[str] | Mapping[Any, str] | None = None,
    work_dir: PathLike = ".",
) -> dict[str, str]:
    """Read the labels stored in webdataset archives. Not part of the V0.2xx API.

        labels = webdataset_labels("shards")
        create_duplicates_gallery("out", "page", get_label_func=labels)

    input_dir: as for run_on_webdataset().
    kinds: extensions of the members with labels, in order of priority. A sample consists of the
        members whose paths are equal up to the first dot of the file name.
    field: key of the label in `.json` members.
    classes: names of the classes by the numbers in `.cls` members, as a list or a dict.
    work_dir: remote archives are copied to work_dir/tmp, unless a run has copied them there.

    Returns a dict from the name of an image in the result files, `{archive}/{member}`, to its
    label (a string); images without a label are left out. Raises InvalidArgument for unknown kinds
    and for classes that are neither a list nor a dict, and InputError if input_dir contains no
    archives.
    """
    from fastdup_gpu.sources import webdataset

    return webdataset.labels(
        input_dir, kinds=kinds, field=field, classes=classes, work_dir=work_dir
    )
