"""The functions of the V0.2xx API that write files for other tools, and their siblings.

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


def export_to_cvat(files: Iterable[PathLike] | str, labels: object, save_path: PathLike) -> int:
    """Write pictures and labels as fastdup_label.zip, for CVAT's 'Create from backup'.

    files: file names. labels: for each a label, a list of labels, or None, in the order of the
        files, or in a dict or by a callable from a name; one text counts for all, None for none.
    save_path: folder for the zip, and for fastdup_label.csv, which tells for each frame of the
        task the file it was.

    Labels become tags of the frames. Pictures that cannot be read are left out with a warning.
    Returns 0 on success, 1 on failure. Raises InvalidArgument where the lengths differ.
    """
    from fastdup_gpu.analysis import cvat

    return _status(lambda: cvat.export_to_cvat(files, labels, save_path))


def export_to_labelImg(files: Iterable[PathLike] | str, labels: object, save_path: PathLike) -> int:
    """Write labels as Pascal VOC xml, one file for each picture, as labelImg reads them.

    files: file names. labels: for each a label, a list of labels, or None, in the order of the
        files, or in a dict or by a callable from a name; one text counts for all, None for none.
    save_path: folder for the xml files (those of pictures of one name in sub-folders) and
        classes.txt.

    A label becomes a box around the whole picture. Pictures that cannot be read are left out
    with a warning. An xml of the same picture is written anew; one of another picture, or of
    unknown origin, stays, and the new one gets another name. Labels are added to a classes.txt
    that is there. Returns 0 on success, 1 on failure. Raises InvalidArgument where the lengths
    differ.
    """
    from fastdup_gpu.analysis import labelimg

    return _status(lambda: labelimg.export_to_labelImg(files, labels, save_path))


def export_to_coco(
    files: Iterable[PathLike] | str,
    labels: object,
    save_path: PathLike,
    boxes: Iterable[object] | None = None,
) -> int:
    """Write pictures, labels and boxes as COCO json; not part of the V0.2xx API.

    files: file names. labels: for each a label, a list of labels, or None, in the order of the
        files, or in a dict or by a callable from a name; one text counts for all, None for none.
    save_path: folder for fastdup_coco.json, or a name that ends in .json.
    boxes: for each file a list of boxes x1, y1, x2, y2 in pixels, to which its labels belong one
        to one (or one label to all); without boxes a label gets the whole picture.

    Returns 0 on success, 1 on failure. Raises InvalidArgument where the lengths differ.
    """
    from fastdup_gpu.analysis import coco

    return _status(lambda: coco.export_to_coco(files, labels, save_path, boxes))


def import_from_coco(path: PathLike) -> pd.DataFrame:
    """Read a COCO json, such as one of export_to_coco(); not part of the V0.2xx API.

    path: the file, or a folder with fastdup_coco.json.

    Returns a DataFrame `filename`, `col_x`, `row_y`, `width`, `height`, `label` with a row for
    each box, and one with None for a picture that has none. Raises InvalidArgument and
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

    work_dir: where run() wrote its files. log_dir: what `tensorboard --logdir` gets.
    sample_size, sample_method: how many pictures; 'random' draws the same ones every time.
    with_images: draw a sprite image of the pictures.
    d: length of a feature vector; 576 also stands for the length stored.
    file_list: paths of the pictures, one for each row of atrain_features.dat.csv, where they are
        elsewhere now; get_label_func is then asked for these.

    Returns 0 on success, 1 on failure. Raises InvalidArgument.
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
    """Draw many pictures into the cells of one image, row by row.

    img_list: file names; the first `sample_size` are drawn, each whole and in proportion.
    get_label_func: as elsewhere; a list or a csv index,label is in the order of all of img_list.
    log_dir: folder for sprite.png. alternative_filename: another name for it,
        or a path of its own.
    h, w: size of a cell in pixels; 0 = as the other one, or 100.
    alternative_width: pictures in a row; else the grid is square, as TensorBoard wants it.
    max_width: of the whole image in pixels. Cells shrink to keep to it, and to 8192 pixels.

    Returns (path, labels), a label for each picture, its file name without get_label_func.
    A picture that cannot be read leaves its cell white. Raises InvalidArgument.
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
    """Read the labels stored in webdataset archives; not part of the V0.2xx API.

        labels = webdataset_labels("shards")
        create_duplicates_gallery("out", "page", get_label_func=labels)

    input_dir: as for run_on_webdataset().
    kinds: which members hold labels; the first that has one for a sample counts. A sample is the
        members whose paths are equal up to the first dot of the file name.
    field: the key that holds the label in `.json` members.
    classes: the class names for the numbers in `.cls` members, as a list or a dict.
    work_dir: remote archives are copied to work_dir/tmp, unless a run has copied them there.

    Returns a dict from the image's name in the result files, `{archive}/{member}`, to its label;
    images without a label are left out. Raises InvalidArgument for unknown kinds or classes, and
    InputError if input_dir has no archives.
    """
    from fastdup_gpu.sources import webdataset

    return webdataset.labels(
        input_dir, kinds=kinds, field=field, classes=classes, work_dir=work_dir
    )
