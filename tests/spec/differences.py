"""What differs from fastdup on purpose; docs/compatibility.md is made from it.

cd tests && python -m spec.make_compatibility
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArgumentDifference:
    """An argument whose default differs, or (`added`) one that fastdup does not have."""

    function: str
    argument: str
    default: object
    reason: str
    added: bool = False


DECLARED_DIFFERENCES = (
    ArgumentDifference(
        "search",
        "size",
        default=None,
        reason="the size is read from the image, so `search(img)` is enough",
    ),
    *(
        ArgumentDifference(function, argument, default, reason, added=True)
        for function in ("delete_components", "delete_components_by_label")
        for argument, default, reason in (
            ("keep", "best", "which image is kept can be chosen, for example the oldest file"),
            ("protect", (), "images in folders of originals or of test data are always kept"),
        )
    ),
    *(
        ArgumentDifference(
            function,
            "boxes",
            default=None,
            reason="labels of boxes are exported as boxes, not as labels of the image",
            added=True,
        )
        for function in ("export_to_cvat", "export_to_labelImg")
    ),
)


@dataclass(frozen=True)
class Behaviour:
    """A difference in what functions do: what fastdup does, what happens here, and why."""

    functions: tuple[str, ...]
    topic: str
    theirs: str
    ours: str
    why: str


ADDITIONS = {
    "Session": "the same functions as an object: returns results as tables and raises exceptions",
    "create_duplicates_videos_gallery": "an alias of `create_duplicate_videos_gallery`",
    "evaluate": "measures a run against known duplicates",
    "export_to_coco": "writes images, labels and boxes as COCO json",
    "import_from_coco": "reads them back",
    "label_scores": "finds labels that do not fit those of the most similar images",
    "load_binary": "an alias of `load_binary_feature`",
    "undo_deletion": "restores files that a deletion or a move took away",
    "webdataset_labels": "reads the labels stored in webdataset archives",
}
"""What fastdup does not have."""

RUN = ("run", "run_on_webdataset")
GALLERIES = (
    "create_duplicates_gallery",
    "create_duplicate_videos_gallery",
    "create_outliers_gallery",
    "create_components_gallery",
    "create_component_videos_gallery",
    "create_kmeans_clusters_gallery",
    "create_stats_gallery",
    "create_similarity_gallery",
    "create_aspect_ratio_gallery",
)
KMEANS = ("run_kmeans", "run_kmeans_on_extracted")
EXTRACT = (*RUN, "run_kmeans")
DELETION = (
    "delete_components",
    "delete_components_by_label",
    "delete_or_retag_stats_outliers",
)

BEHAVIOUR = (
    Behaviour(
        (*RUN, *KMEANS),
        "ids",
        "`index` in atrain_features.dat.csv is the position in the input list and has gaps after "
        "bad files",
        "ids of images are rows of atrain_features.dat.csv in every file; bad files never shift "
        "them. `index` in atrain_crops.csv and atrain_frames.csv, and `index` of bad files, is a "
        "position in the list of crops or frames: join those tables by crop_filename or filename",
        "an id can be used as a row number everywhere",
    ),
    Behaviour(
        EXTRACT,
        "EXIF orientation",
        "ignored",
        "applied: images are turned upright before features and statistics are computed, and "
        "`width` and `height` are those of the upright image",
        "two copies that differ only in the orientation tag look the same to people",
    ),
    Behaviour(
        RUN,
        "mean_r, mean_b",
        "swapped: mean_r holds the mean of blue",
        "mean_r is the mean of red, mean_b the mean of blue",
        "this is how the reference describes them",
    ),
    Behaviour(
        RUN,
        "mean_rel_intensity_r, _g, _b",
        "mean of the channel divided by the mean of one fixed channel, so one column is always 1",
        "mean_rel_intensity_x = mean_x / mean over all channels (0 where that mean is 0)",
        "all three columns carry information, and 1 means a neutral balance",
    ),
    Behaviour(
        RUN,
        "advanced statistics of one-channel images",
        "mean_g, mean_b, mean_val, mean_saturation and mean_rel_intensity are left 0",
        "a grey image is treated as three equal channels",
        "a column means the same for every image",
    ),
    Behaviour(
        RUN,
        "`count` in component_info.csv",
        "counts the ends of edges (26 was seen for a group of 10 images)",
        "counts images",
        "this is how readers understand it",
    ),
    Behaviour(
        RUN,
        "pagerank in connected_components.csv",
        "no such column in current releases",
        "`pagerank` is added as the last column; it is absent with turi_param='run_pagerank=0'",
        "the documented run_pagerank=1 has a visible result",
    ),
    Behaviour(
        RUN,
        "unknown names",
        "not documented",
        "an unknown turi_param or nnf_param key, nnf_mode, nn_provider, compute or distance "
        "raises InvalidArgument and lists the known ones",
        "a misspelt setting must not look like one that works",
    ),
    Behaviour(
        RUN,
        "turi_param delete_tar, delete_img",
        "archives are unpacked to work_dir/tmp; tars and images are deleted after processing",
        "archives are read in place, nothing is unpacked. delete_tar=1 deletes the copies of "
        "remote archives after reading, delete_img=1 those of remote images made by "
        "sync_s3_to_local=1. Files of the input are never deleted",
        "a setting that saves disk space must not cost images",
    ),
    Behaviour(
        (*RUN, *KMEANS, "init_search", "extract_video_frames"),
        "wrong arguments",
        "AssertionError",
        "InvalidArgument, a ValueError, before any file is touched",
        "assertions vanish under `python -O`",
    ),
    Behaviour(
        EXTRACT,
        "type of a file",
        "determined by the extension",
        "determined by the content. The extension only selects files in folders and archives, "
        "where webp, avif, jp2, j2k, pbm, pgm, ppm, pnm, tga, jpe, jfif, gif and dib are selected "
        "as well",
        "files with a wrong extension are common, and so are these formats",
    ),
    Behaviour(
        EXTRACT,
        "images of 16 bits",
        "the values of every such image are stretched from its smallest to its largest",
        "only if no value is above 16,383, as in the files of cameras and scanners with up to 14 "
        "bits; others keep their high byte",
        "a dark or pale photograph stays one, and equals its copy of 8 bits",
    ),
    Behaviour(
        (*RUN, "init_search"),
        "nnf.index",
        "written by fastdup's own index library",
        "our own format, readable only by fastdup-gpu. Features and csv files can be exchanged, "
        "and run_mode=2 builds the index again",
        "fastdup's format is not documented",
    ),
    Behaviour(
        RUN,
        "nnf_mode='HNSW32' (the default)",
        "an HNSW graph with 32 links",
        "leaves the choice to the backend: exact search where it is fastest, above that the index "
        "measured to be fastest at a recall of 0.99 on a sample. nnf.index, config.json and the "
        "summary record which. Other numbers of links build an HNSW graph",
        "results only get better, and building HNSW reproducibly takes one thread",
    ),
    Behaviour(
        RUN,
        "added turi_param keys",
        "-",
        "model_precision=auto|int8|fp16, engine=auto|onnxruntime|openvino|tensorrt|tensorrt_rtx, "
        "seed, keyframes_only, video_decoder=cpu|cuda; for the GPU decoder=auto|nvimgcodec|dali "
        "and device=<number>",
        "a choice that changes results can be set explicitly and is recorded in config.json",
    ),
    Behaviour(
        RUN,
        "bounding_box 'face', 'yolov5s'",
        "a beta feature that requires signing up; the YOLO model is downloaded",
        "use your own ONNX file: turi_param face_model=, yolo_model=, and also "
        "detector_confidence, detector_iou and detector_size; without a file, InvalidArgument "
        "says what to pass. Margins are added on each side of the box; num_images and the offsets "
        "count images; atrain_crops.csv has the added last columns label and score",
        "nothing is downloaded, and the detector can be chosen",
    ),
    Behaviour(
        RUN,
        "thresholds with metrics other than cosine",
        "the `distance` column is a distance; what `threshold` is compared with is not documented",
        "`threshold` and `ccthreshold` remain similarities from 0 to 1, with similarity = 1 / (1 "
        "+ distance). The column contains the distance, and files are sorted nearest first",
        "one scale of thresholds for all metrics",
    ),
    Behaviour(
        EXTRACT,
        "norm of features",
        "not normalised",
        "features of the built-in models have unit length; those of your own model are stored as "
        "it returns them",
        "a dot product of two rows is their cosine similarity",
    ),
    Behaviour(
        EXTRACT,
        "built-in models",
        "closed models with vectors of length 576 and 960",
        "open models with vectors of the same lengths, calibrated so that 0.9 and 0.96 keep their "
        "meaning; features and the similarities of single pairs differ from fastdup's",
        "the original models are not free to use",
    ),
    Behaviour(
        RUN,
        "batch_size",
        "above 1 only in the enterprise edition",
        "1 (the default) lets the backend choose; 2 to 199 is used as given; 200 and more raises "
        "InvalidArgument",
        "one image at a time is never the fastest way",
    ),
    Behaviour(
        RUN,
        "compute",
        "'gpu' only in the enterprise edition",
        "'gpu' runs on an NVIDIA GPU or fails with the reason, and never silently uses the CPU. "
        "'auto' is added and uses the GPU if one is usable, an engine for the model included. "
        "Both accept and refuse the same images; for a JPEG that is damaged in the middle but "
        "has its end, the two decoders return different pixels where the damage is",
        "an explicit choice is respected",
    ),
    Behaviour(
        RUN,
        "number of images",
        "fails with fewer than 10 images; the free edition stops at a million",
        "no minimum and no limit",
        "a folder of two images can contain a duplicate",
    ),
    Behaviour(
        RUN,
        "distance='jensenshannon'",
        "listed for all features",
        "raises InvalidArgument if features have negative values, as those of the built-in models "
        "do; works with your own model or features",
        "it compares distributions",
    ),
    Behaviour(
        KMEANS,
        "num_clusters",
        "with fewer images than clusters, not documented",
        "raises InvalidArgument if there are fewer images than clusters. run_kmeans() has stored "
        "the features by then, and the next call continues from them",
        "fewer clusters than requested would be a different result",
    ),
    Behaviour(
        (*RUN, "load_binary_feature", "init_search"),
        "d",
        "the length of a feature vector",
        "d=576, the default, also accepts stored features of any length; any other value must be "
        "the stored length",
        "results of high_accuracy=True can be opened without passing d",
    ),
    Behaviour(
        (*RUN, *KMEANS, "extract_video_frames"),
        "license",
        "a key of the enterprise edition",
        "accepted and ignored",
        "old scripts run unchanged",
    ),
    Behaviour(
        (*RUN, *KMEANS),
        "network",
        "usage data is sent unless switched off",
        "no usage data is sent; the network is used only for remote inputs. The telemetry of "
        "onnxruntime and OpenVINO is switched off (ORT_DISABLE_TELEMETRY=1 is set unless the "
        "variable is set already)",
        "images are private",
    ),
    Behaviour(
        (*RUN, "extract_video_frames"),
        "videos",
        "mp4 and avi",
        "mp4, avi, mov, webm, mkv and m4v, read with PyAV. Frames are turned upright. A damaged "
        "video gives the frames that can be read, and one entry under its own name with the "
        "reason",
        "part of a video is better than none",
    ),
    Behaviour(
        RUN,
        "min_offset, max_offset, num_images of archives",
        "count archives",
        "count images, as for every other input; to select whole shards, pass a list of them",
        "the argument has one meaning, and machines can get parts of equal size",
    ),
    Behaviour(
        RUN,
        "components with test_dir",
        "made of test and train images together",
        "not made: similarity.csv contains pairs of a test and a train image, which galleries "
        "show; a log line says so",
        "ids are rows of the train features, and deletion by components would mix both sets",
    ),
    Behaviour(
        (*RUN, "extract_video_frames"),
        "origin of frames",
        "only the folder of a frame tells its video",
        "atrain_frames.csv gives the video, the number of the frame in it and its time in "
        "seconds. If videos in different folders have the same name, the second and further ones "
        "get a suffix",
        "a duplicate frame can be found in its video",
    ),
    Behaviour(
        RUN,
        "turi_param keyframes_only",
        "no such key",
        "1 (the default) takes the first frame and each keyframe of a video, 0 takes all frames",
        "run() has no such argument, and most frames repeat the previous one",
    ),
    Behaviour(
        RUN,
        "videos among images",
        "images and videos cannot be mixed",
        "the images are read, and videos are left out with a warning; with "
        "turi_param='tar_only=1' the videos are read and images left out",
        "a stray video must not stop a run over images",
    ),
    Behaviour(
        ("extract_video_frames",),
        "num_images, min_offset, max_offset",
        "the reference repeats the text of run()",
        "count videos",
        "the input is a list of videos",
    ),
    Behaviour(
        ("search",),
        "return value",
        "documented as a status, in fact a DataFrame",
        "a DataFrame with `from`, `to`, `distance`, nearest first; failures raise an exception",
        "the documented example uses the DataFrame",
    ),
    Behaviour(
        ("search",),
        "files written",
        "similarity.csv and outliers.csv of the run are overwritten",
        "only search.csv is written, with a warning if that is not possible; the files of the run "
        "never change",
        "a query must not destroy results",
    ),
    Behaviour(
        ("top_k_label",),
        "k and min_count",
        "without effect in current releases",
        "only the k most similar neighbours vote, and a label needs min_count votes",
        "this is how the reference describes them",
    ),
    Behaviour(
        ("top_k_label",),
        "ties and empty lists",
        "without unknown_class, a tie goes to the first label in alphabetical order; no neighbour "
        "at all, or none above threshold, is an error",
        "without unknown_class, a tie goes to the label with the larger sum of similarities, then "
        "to alphabetical order; no neighbour gives unknown_class",
        "the nearer label is the better guess, and an image without neighbours is not an error",
    ),
    Behaviour(
        ("delete_components",),
        "min_distance and how",
        "ignored",
        "applied",
        "this is how the reference describes them",
    ),
    Behaviour(
        DELETION,
        "deletion",
        "files are removed with `rm`, or moved over files of the same name; dry_run prints the "
        "commands",
        "files go to a trash folder beside them, with an undo log. Nothing is overwritten. Files "
        "that are missing, have changed since the run, or are in a folder without write "
        "permission are left alone. dry_run prints the names, those of get_reformat_filename_func "
        "where given",
        "a wrong threshold must not cost images",
    ),
    Behaviour(
        ("delete_components", "delete_components_by_label"),
        "which image is kept",
        "not documented",
        "the one with the most pixels, then the most bytes, then the sharpest, then the first by "
        "name; with how='majority', among those with the most frequent label",
        "the best copy is worth keeping",
    ),
    Behaviour(
        ("delete_components_by_label",),
        "how",
        "'all' or 'majority' are documented, but the default is 'one'",
        "all three work; 'one' means the same as in delete_components()",
        "the default needs a meaning",
    ),
    Behaviour(
        ("find_top_components",),
        "distance",
        "a distance for clusters and for metrics other than cosine",
        "always a similarity from 0 to 1, where necessary computed as 1 / (1 + distance); for a "
        "part split off by min_similarity, the mean of its own pairs",
        "`threshold`, and min_distance in delete_components(), have one meaning",
    ),
    Behaviour(
        ("find_top_components",),
        "keyword arguments",
        "not documented",
        "min_similarity (splits components that are held together by chains), nrows and "
        "split_sentence_to_label_list; any other raises InvalidArgument",
        "neighbours of neighbours need not be similar",
    ),
    Behaviour(
        ("create_duplicates_gallery", "create_components_gallery"),
        "hierarchical gallery",
        "similarity_hierarchical_<ccthreshold>.csv compares components with each other; how it is "
        "computed is not documented",
        "create_components_gallery(lazy_load=True) writes it beside its page: one row for every "
        "two groups that an edge connects, with their most similar images and the two component "
        "ids",
        "two groups are as similar as their nearest members, which a page can show",
    ),
    Behaviour(
        ("find_top_components", "create_components_gallery"),
        "a DataFrame as work_dir",
        "the content of connected_components.csv",
        "the same with an additional column `filename` (`Session(work_dir).components`), or the "
        "result of find_top_components()",
        "the csv contains only ids; the names are in the work_dir",
    ),
    Behaviour(
        ("find_top_components",),
        "columns",
        "component_id, files, files_ids, distance, len",
        "also label (a list) with get_label_func, the metric with metric, component_distance (a "
        "list) with group_by='label', and work_dir in the csv of save_path",
        "deletion needs the labels, and judges each component by its own similarity and run",
    ),
    Behaviour(
        ("create_knn_classifier",),
        "k",
        "unused",
        "the k nearest stored neighbours that have a label vote, each once for each of its labels",
        "this is what the name says",
    ),
    Behaviour(
        ("export_to_labelImg",),
        "files written",
        "the reference repeats the text of export_to_cvat",
        "one Pascal VOC xml per image, and classes.txt. xml files of other images stay, in which "
        "case the new one gets another name, and classes are added",
        "this is what labelImg opens",
    ),
    Behaviour(
        ("export_to_tensorboard_projector",),
        "random sample",
        "a different one every time",
        "the same one every time",
        "results are reproducible",
    ),
    Behaviour(
        GALLERIES,
        "num_images",
        "the text says 50, the signature 20",
        "20 entries (pairs, images, groups or rows); 0 lists all",
        "the signature is what takes effect",
    ),
    Behaviour(
        GALLERIES,
        "unknown keyword arguments",
        "not documented",
        "raise InvalidArgument and list the known ones",
        "a misspelt setting must not look like one that works",
    ),
    Behaviour(
        GALLERIES,
        "pages",
        "HTML reports with images inline or beside them",
        "one page with a content security policy that allows no request; marked images are saved "
        "as decisions.json, which `fastdup-gpu dedupe --decisions` applies",
        "looking and acting belong together, and names and labels are hostile input",
    ),
    Behaviour(
        ("create_duplicates_gallery", "create_duplicate_videos_gallery"),
        "pairs",
        "similarity.csv may contain a pair in both directions",
        "each pair is listed once",
        "half of the list would be repetition",
    ),
    Behaviour(
        ("create_similarity_gallery",),
        "columns",
        "`score` and `length` only with slice='label_score'",
        "`score` and `length` wherever there are labels; slice='label_score' leaves out rows "
        "without a score",
        "the documented example deletes by score without that slice",
    ),
    Behaviour(
        ("create_aspect_ratio_gallery",),
        "page",
        "a plot",
        "a plot, a histogram, and the widest, tallest and most common images",
        "a shape is judged by looking at it",
    ),
    Behaviour(
        ("create_outliers_gallery",),
        "slice",
        "not documented for a label that no outlier has",
        "a page without images if some image of the run has the label, else InvalidArgument; this "
        "holds for all galleries and find_top_components()",
        "a misspelt label must not look like a clean collection",
    ),
    Behaviour(
        (*GALLERIES, "find_top_components", "create_knn_classifier"),
        "get_label_func",
        "a callable, a dict, or a csv index,label in the order of the features csv",
        "also a csv filename,label, a Series by name, or a list in the order of the features csv. "
        "The column index is used. Labels without names need the work_dir, except for statistics, "
        "where the order is that of their own rows",
        "labels must not be assigned to the wrong images",
    ),
    Behaviour(
        ("export_to_cvat", "export_to_labelImg"),
        "labels",
        "only text is documented",
        "a list, a dict or a callable by file name, one text for all images, or None",
        "as everywhere else",
    ),
    Behaviour(
        ("delete_or_retag_stats_outliers",),
        "bounds",
        "not documented for a lower bound above the upper one",
        "a lower bound above the upper one raises InvalidArgument",
        "it would select every image",
    ),
    Behaviour(
        ("run",),
        "input_dir in run_mode=2",
        "ignored according to one sentence, a folder or list of features according to another",
        "features that input_dir names itself are joined into work_dir; others below it are "
        "joined only if work_dir has no features of its own, or joined ones",
        "both sentences of the reference hold, and nothing extracted is overwritten",
    ),
    Behaviour(
        ("run",),
        "test_dir and input_dir in run_mode=4",
        "not documented",
        "name stored features; without both, the stored test features are used, else the base "
        "itself",
        "a mistyped folder must not give results",
    ),
    Behaviour(
        ("run",),
        "model in run_mode=3",
        "not documented",
        "must be the model of the stored features; for a built-in one, either precision is "
        "accepted",
        "features of different models cannot be compared",
    ),
    Behaviour(
        RUN,
        "min_file_size with bounding_box",
        "not documented",
        "applies to the size of the image file, not of the crop",
        "the reference speaks of image files",
    ),
    Behaviour(
        RUN,
        "two simultaneous runs in one work_dir",
        "not documented",
        "the second raises WorkDirError (status 1) immediately",
        "they would write into each other's files",
    ),
    Behaviour(
        ("run_kmeans",),
        "results of a run in work_dir",
        "not documented",
        "kept, and the features of the run are used if it was over the same images with the same "
        "model",
        "clusters add to what is known of the same collection",
    ),
    Behaviour(
        RUN,
        "results of run_kmeans in work_dir",
        "not documented",
        "removed when run() extracts the images anew, like all results of the previous features; "
        "to keep both, call run_kmeans after run()",
        "results must belong to the features beside them",
    ),
    Behaviour(
        RUN,
        "min_offset, max_offset and num_images with videos",
        "not documented",
        "count frames. Every node first extracts all frames of all videos, so give each node its "
        "own videos",
        "the number of frames in a video is known only after decoding it",
    ),
    Behaviour(
        RUN,
        "turi_param nnmodel",
        "0, 1 or 2: exact, ball tree or LSH",
        "the three values are accepted and have no effect; nnf_mode chooses the index",
        "old scripts keep working",
    ),
    Behaviour(
        ("create_kmeans_clusters_gallery",),
        "name of the page",
        "components.html",
        "kmeans_clusters.html",
        "a page of components in the same folder is not overwritten",
    ),
    Behaviour(
        ("generate_sprite_image",),
        "labels without get_label_func",
        "'N/A' for each image",
        "the name of each file",
        "a label in the projector should distinguish images",
    ),
    Behaviour(
        ("save_binary_feature",),
        "results beside saved features",
        "kept",
        "removed, because they belong to other features; nan and infinities raise InvalidArgument",
        "results must belong to the features beside them",
    ),
    Behaviour(
        KMEANS,
        "distance in kmeans_assignments.csv",
        "L2 according to the reference, but the files contain its square",
        "its square",
        "compatible with the files",
    ),
    Behaviour(
        ("create_kmeans_classifier",),
        "similarity file",
        "named in the reference's list of arguments",
        "stands for its work_dir, whose k-means files are read",
        "a similarity file contains no clusters",
    ),
)
