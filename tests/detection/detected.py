"""Pictures with squares in `in`, and what a run with a detector left in `out`."""

import json
from pathlib import Path

from making import rows
from onnx_detectors import BLUE, RED, picture

ROOT = Path(__file__).parents[2]
COLUMNS = "index,filename,crop_filename,col_x,row_y,width,height,label,score"
NO_MARGIN = ("augmentation_horiz=0", "augmentation_vert=0")


def settings(model, *more):
    return {
        "bounding_box": "face",
        "turi_param": ",".join([f"face_model={model}", *more]),
        "num_threads": 2,
    }


def save(name, squares, size=(300, 200)):
    picture(*size, squares).save(Path("in") / name)


def boxes(kind="atrain"):
    return [
        tuple(int(row[c]) for c in ("col_x", "row_y", "width", "height"))
        for row in rows(Path(f"out/{kind}_crops.csv"))
    ]


def found():
    return json.loads(Path("out/config.json").read_text())["found"]


def four(count=4):
    """Pictures with 1, 2, 0 and 1 square, again and again, the place depending on the number."""
    for i in range(count):
        first = (20 + i % 7, 30, 40, 50, RED)
        listed = [[first], [first, (200, 120, 50, 40, BLUE)], [], [(150, 60 + i % 9, 50, 50, RED)]]
        save(f"{i:03d}.png", listed[i % 4])
