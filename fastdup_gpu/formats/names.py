"""All file names, column names and constants of the work_dir formats."""

from __future__ import annotations

FEATURES = "{kind}_features.dat"
FEATURES_CSV = "{kind}_features.dat.csv"
BAD_CSV = "{kind}_features.bad.csv"
STATS_CSV = "{kind}_stats.csv"
CROPS_CSV = "{kind}_crops.csv"
FRAMES_CSV = "{kind}_frames.csv"
DETECTIONS = "tmp/{kind}_detections.jsonl"
EXTRACTION = "tmp/{kind}_extraction.json"
ITEMS = "tmp/{kind}_items.npz"
JOINED = "tmp/joined.json"
COMPARISON = "tmp/comparison.json"
TRAIN, TEST = "atrain", "atest"

SIMILARITY = "similarity.csv"
OUTLIERS = "outliers.csv"
COMPONENTS = "connected_components.csv"
COMPONENT_INFO = "component_info.csv"
INDEX = "nnf.index"
CONFIG = "config.json"
KMEANS_CENTROIDS = "kmeans_centroids.csv"
KMEANS_ASSIGNMENTS = "kmeans_assignments.csv"
SEARCH = "search.csv"
TMP_DIR = "tmp"
LOCK = "run.lock"  # in TMP_DIR
COPIES = "copies.jsonl"  # in TMP_DIR
CROPS_DIR = "crops"
TRASH_DIR = ".fastdup-trash"
GALLERY_MARK = ".fastdup-gallery"  # in folders of images that belong to a page

NEAR = 0.9  # smallest similarity of near duplicates

FEATURES_COLUMNS = ("index", "filename")
BAD_COLUMNS = ("index", "filename", "error_code", "filesize")
EDGE_COLUMNS = ("from", "to", "distance")
CROPS_COLUMNS = ("index", "filename", "crop_filename", "col_x", "row_y", "width", "height")
FRAMES_COLUMNS = ("index", "filename", "video", "frame", "seconds")
# For boxes that a detector found: also the name of the class and the confidence.
DETECTED_COLUMNS = (*CROPS_COLUMNS, "label", "score")
BOX_COLUMNS = ("filename", "col_x", "row_y", "width", "height")
# The values of bounding_box that need a detector.
FACE, YOLO = "face", "yolov5s"
COMPONENTS_COLUMNS = (
    "__id",
    "component_id",
    "count",
    "mean_distance",
    "min_distance",
    "max_distance",
    "pagerank",
)
COMPONENT_INFO_COLUMNS = ("component_id", "count", "mean", "min", "max")
KMEANS_COLUMNS = ("index", "filename", "cluster", "distance")

# The statistics that a backend computes from the pixels, in this order.
PIXEL_STATS = ("unique", "blur", "mean", "min", "max", "stdv", "contrast")
PIXEL_STATS_ADVANCED = (
    *PIXEL_STATS,
    "rms_contrast",
    "mean_rel_intensity_r",
    "mean_rel_intensity_b",
    "mean_rel_intensity_g",
    "mean_hue",
    "mean_saturation",
    "mean_val",
    "edge_density",
    "mean_r",
    "mean_g",
    "mean_b",
)
# The columns of the csv; width, height and file_size come from the decoder's outcome.
STATS_COLUMNS = (
    "index",
    "filename",
    "width",
    "height",
    "unique",
    "blur",
    "mean",
    "min",
    "max",
    "stdv",
    "file_size",
    "contrast",
)
STATS_COLUMNS_ADVANCED = (
    "index",
    "filename",
    "width",
    "height",
    "unique",
    "blur",
    "mean",
    "min",
    "max",
    "stdv",
    "file_size",
    "rms_contrast",
    "mean_rel_intensity_r",
    "mean_rel_intensity_b",
    "mean_rel_intensity_g",
    "contrast",
    "mean_hue",
    "mean_saturation",
    "mean_val",
    "edge_density",
    "mean_r",
    "mean_g",
    "mean_b",
)
INTEGER_STATS = ("width", "height", "unique", "file_size")

DEFAULT_DIM = 576
HIGH_ACCURACY_DIM = 960
