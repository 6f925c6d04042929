"""What differs from fastdup on purpose; docs/compatibility.md is made of it.

cd tests && python -m spec.make_compatibility
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArgumentDifference:
    """An argument whose default differs, or (`added`) one that the original has not."""

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
        reason="the size is read from the picture, so `search(img)` is enough",
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
    "Session": "the same as an object: results as tables, and what goes wrong is raised",
    "create_duplicates_videos_gallery": "what an example calls `create_duplicate_videos_gallery`",
    "evaluate": "measures a run against known duplicates",
    "export_to_coco": "writes pictures, labels and boxes as COCO json",
    "import_from_coco": "reads them back",
    "label_scores": "finds labels that do not fit the most similar pictures",
    "load_binary": "what an example calls `load_binary_feature`",
    "undo_deletion": "brings back what a deletion or a move took away",
}
"""What the original has not."""

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
        "`index` in atrain_features.dat.csv is the position in the input list and has gaps "
        "after bad files",
        "ids of pictures are rows of atrain_features.dat.csv in every file; bad files never shift "
        "them. `index` in atrain_crops.csv and atrain_frames.csv, like that of bad files, is a "
        "position in the list of crops or frames: join those by crop_filename or filename",
        "an id can be used as a row number everywhere",
    ),
    Behaviour(
        EXTRACT,
        "EXIF orientation",
        "ignored",
        "heeded: pictures are turned upright before features and statistics, and `width` and "
        "`height` are those of the upright picture",
        "two copies that differ in the orientation tag look the same to people",
    ),
    Behaviour(
        RUN,
        "mean_r, mean_b",
        "swapped: mean_r holds the mean of blue",
        "mean_r is the mean of red, mean_b the mean of blue",
        "the reference describes them so",
    ),
    Behaviour(
        RUN,
        "mean_rel_intensity_r, _g, _b",
        "mean of the channel divided by the mean of one fixed channel, so one column is always 1",
        "mean_rel_intensity_x = mean_x / mean over all channels (0 where that mean is 0)",
        "all three columns tell something, and 1 means a neutral balance",
    ),
    Behaviour(
        RUN,
        "advanced statistics of one-channel pictures",
        "mean_g, mean_b, mean_val, mean_saturation and mean_rel_intensity are left 0",
        "a grey picture counts as three equal channels",
        "a column means the same for every picture",
    ),
    Behaviour(
        RUN,
        "`count` in component_info.csv",
        "counts the ends of edges (a group of 10 pictures was seen as 26)",
        "counts pictures",
        "that is what a reader takes it for",
    ),
    Behaviour(
        RUN,
        "pagerank in connected_components.csv",
        "no such column in current releases",
        "an added last column `pagerank`; absent with turi_param='run_pagerank=0'",
        "the documented run_pagerank=1 has a visible result",
    ),
    Behaviour(
        RUN,
        "unknown names",
        "what happens is not documented",
        "an unknown turi_param or nnf_param key, nnf_mode, nn_provider, compute or distance raises "
        "InvalidArgument and lists the known ones",
        "a misspelt setting must not look like one that works",
    ),
    Behaviour(
        RUN,
        "turi_param delete_tar, delete_img",
        "archives are unpacked to work_dir/tmp; tars and pictures are deleted after processing",
        "archives are read where they are, nothing is unpacked; delete_tar=1 deletes the copies of "
        "remote archives after reading, delete_img=1 those of remote pictures that "
        "sync_s3_to_local=1 made; files of the input are never deleted",
        "a setting that saves disk must not cost pictures",
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
        "kind of a file",
        "told from the extension",
        "told from the content; the extension only picks files out of folders and archives, where "
        "webp, avif, jp2, j2k, pbm, pgm, ppm, pnm, tga, jpe, jfif, gif and dib count as well",
        "files with a wrong extension are common, and so are these formats",
    ),
    Behaviour(
        (*RUN, "init_search"),
        "nnf.index",
        "written by fastdup's own index library",
        "a format of our own, readable only here; features and csv files can be exchanged, and "
        "run_mode=2 builds the index again",
        "the other format is not documented",
    ),
    Behaviour(
        RUN,
        "nnf_mode='HNSW32' (the default)",
        "an HNSW graph with 32 links",
        "leaves the choice to the backend: exact search where it is fastest, above that the index "
        "that measures fastest at a recall of 0.99 on a sample; nnf.index, config.json and the "
        "summary say which; other numbers of links build an HNSW graph",
        "results only get better, and building HNSW repeatably takes one thread",
    ),
    Behaviour(
        RUN,
        "added turi_param keys",
        "-",
        "model_precision=auto|int8|fp16, engine=auto|onnxruntime|openvino|tensorrt|tensorrt_rtx, "
        "seed, keyframes_only, video_decoder=cpu|cuda; for the GPU decoder=auto|nvimgcodec|dali "
        "and device=<number>",
        "a choice that changes results can be forced and is recorded in config.json",
    ),
    Behaviour(
        RUN,
        "bounding_box 'face', 'yolov5s'",
        "a beta feature after signing up; the YOLO model is downloaded",
        "run with an ONNX file of the user's own: turi_param face_model=, yolo_model=; also "
        "detector_confidence, detector_iou and detector_size; without a file InvalidArgument "
        "says what to give. Margins are on each side of the box; num_images and the offsets "
        "count pictures; atrain_crops.csv has the added last columns label and score",
        "nothing is downloaded, and the detector can be chosen",
    ),
    Behaviour(
        RUN,
        "thresholds with metrics other than cosine",
        "the `distance` column is a distance; what `threshold` compares with is not documented",
        "`threshold`, `ccthreshold` stay similarities from 0 to 1, with similarity = "
        "1 / (1 + distance); the column holds the distance, and files are sorted nearest first",
        "one scale of thresholds for all metrics",
    ),
    Behaviour(
        EXTRACT,
        "length of features",
        "not normalised",
        "features of the built-in models have unit length; those of a model of your own are "
        "stored as it gives them",
        "a dot product of two rows is their cosine similarity",
    ),
    Behaviour(
        EXTRACT,
        "built-in models",
        "closed models of length 576 and 960",
        "open models of the same lengths, calibrated so that 0.9 and 0.96 keep their meaning; "
        "similarities of single pairs and features differ from fastdup's",
        "the original models are not free to use",
    ),
    Behaviour(
        RUN,
        "batch_size",
        "above 1 only in the enterprise edition",
        "1 (the default) lets the backend choose; 2 to 199 is used as given; 200 and more raise "
        "InvalidArgument",
        "one picture at a time is never the fastest way",
    ),
    Behaviour(
        RUN,
        "compute",
        "'gpu' only in the enterprise edition",
        "'gpu' runs on an NVIDIA GPU or fails with the reason, never silently on the CPU; 'auto' "
        "is added and takes the GPU where one is usable. The same pictures are good and bad on "
        "both; of a JPEG that is damaged in its middle, but has its end, the two decoders show "
        "other pixels where the damage is",
        "an explicit choice is kept",
    ),
    Behaviour(
        RUN,
        "number of pictures",
        "fails under 10 pictures; the free edition stops at a million",
        "no minimum and no cap",
        "a folder of two pictures can hold a duplicate",
    ),
    Behaviour(
        RUN,
        "distance='jensenshannon'",
        "listed for all features",
        "raises InvalidArgument where features have negative values, as those of the built-in "
        "models do; works with a model or features of your own",
        "it compares distributions",
    ),
    Behaviour(
        KMEANS,
        "num_clusters",
        "what happens with fewer pictures than clusters is not documented",
        "raises InvalidArgument; run_kmeans() has stored the features by then, and the next call "
        "goes on from them",
        "fewer clusters than were asked for would be another result",
    ),
    Behaviour(
        (*RUN, "load_binary_feature", "init_search"),
        "d",
        "the length of a feature vector",
        "d=576, the default, also stands for the length that is stored; any other must be that "
        "length",
        "results of high_accuracy=True open without being asked for",
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
        "no telemetry; nothing is sent anywhere, and that of onnxruntime and OpenVINO is switched "
        "off (ORT_DISABLE_TELEMETRY=1 is set, unless it is set otherwise)",
        "pictures are private",
    ),
    Behaviour(
        (*RUN, "extract_video_frames"),
        "videos",
        "mp4 and avi",
        "mp4, avi, mov, webm, mkv and m4v, by PyAV; frames are turned upright; a damaged video "
        "gives the frames that can be read, and one entry under its own name with the reason",
        "part of a video is better than none",
    ),
    Behaviour(
        RUN,
        "min_offset, max_offset, num_images of archives",
        "count archives",
        "count pictures, as in every other input; whole shards are given as a list of them",
        "one meaning of an argument, and parts of one size for several machines",
    ),
    Behaviour(
        RUN,
        "components with test_dir",
        "are made of test and train pictures together",
        "are not made: similarity.csv holds pairs of a test and a train picture, which galleries "
        "show; a log line tells so",
        "ids are rows of the train features, and deletion by components would mix both sets",
    ),
    Behaviour(
        (*RUN, "extract_video_frames"),
        "where frames come from",
        "told by the folder of a frame alone",
        "atrain_frames.csv tells the video, the number of the frame in it and its time in seconds; "
        "of videos with the same name in different folders the second and further get a suffix",
        "a duplicate frame is looked up in its video",
    ),
    Behaviour(
        RUN,
        "turi_param keyframes_only",
        "no such key",
        "1 (the default) takes the first frame and each keyframe of a video, 0 all frames",
        "run() has no such argument, and most frames repeat the one before",
    ),
    Behaviour(
        RUN,
        "videos among pictures",
        "not possible to mix",
        "pictures are taken and videos left out with a warning; with turi_param='tar_only=1' the "
        "videos are taken and pictures left out",
        "a stray video must not stop a run over pictures",
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
        "a DataFrame `from`, `to`, `distance`, nearest first; failures raise",
        "the documented example uses the DataFrame",
    ),
    Behaviour(
        ("search",),
        "files written",
        "similarity.csv and outliers.csv of the run are overwritten",
        "only search.csv is written, with a warning where that is not possible; the files of the "
        "run never change",
        "a query must not destroy results",
    ),
    Behaviour(
        ("top_k_label",),
        "k and min_count",
        "without effect in current releases",
        "only the k most similar neighbours vote, and a label needs min_count votes",
        "the reference describes them so",
    ),
    Behaviour(
        ("top_k_label",),
        "ties and empty lists",
        "a tie without unknown_class goes to the first label in alphabetical order; no neighbour "
        "at all, or none above threshold, is an error",
        "a tie without unknown_class goes to the larger sum of similarities, then to the "
        "alphabetical order; no neighbour gives unknown_class",
        "the nearer label is the better guess, and a lone picture is no failure",
    ),
    Behaviour(
        ("delete_components",),
        "min_distance and how",
        "ignored",
        "heeded",
        "the reference describes them so",
    ),
    Behaviour(
        DELETION,
        "deleting",
        "files are removed by `rm`, or moved over files of the same name; dry_run prints the "
        "commands",
        "files go to a trash folder beside them, with an undo log, nothing is overwritten, and "
        "what is missing or changed since the run, or in a folder that may not be written to, is "
        "left alone; dry_run prints the names, those of get_reformat_filename_func where given",
        "a wrong threshold must not cost pictures",
    ),
    Behaviour(
        ("delete_components", "delete_components_by_label"),
        "which picture is kept",
        "not documented",
        "the one with most pixels, then most bytes, then the sharpest, then the first by name; "
        "with how='majority' among those with the most frequent label",
        "the best copy is worth keeping",
    ),
    Behaviour(
        ("delete_components_by_label",),
        "how",
        "'all' or 'majority' are documented, the default is 'one'",
        "all three work, 'one' as in delete_components()",
        "the default has to mean something",
    ),
    Behaviour(
        ("find_top_components",),
        "distance",
        "of clusters and of metrics other than cosine a distance",
        "always a similarity from 0 to 1, where need be 1 / (1 + distance); of a part cut by "
        "min_similarity the mean of its own pairs",
        "one meaning of `threshold` and of min_distance in delete_components()",
    ),
    Behaviour(
        ("find_top_components",),
        "keyword arguments",
        "not documented",
        "min_similarity (splits components that hang together by chains), nrows and "
        "split_sentence_to_label_list; any other raises InvalidArgument",
        "neighbours of neighbours need not be alike",
    ),
    Behaviour(
        ("create_duplicates_gallery", "create_components_gallery"),
        "hierarchical gallery",
        "similarity_hierarchical_<ccthreshold>.csv compares components with each other; how it "
        "comes about is not documented",
        "create_components_gallery(lazy_load=True) writes it beside its page: a row for each two "
        "groups that an edge connects, by their most similar pictures, and the two component ids",
        "two groups are as similar as their nearest members, which a page can show",
    ),
    Behaviour(
        ("find_top_components", "create_components_gallery"),
        "a DataFrame as work_dir",
        "the content of connected_components.csv",
        "that with a column `filename` as well (`Session(work_dir).components`), or what "
        "find_top_components() gave",
        "the csv holds ids, and names are in the work_dir",
    ),
    Behaviour(
        ("find_top_components",),
        "columns",
        "component_id, files, files_ids, distance, len",
        "with get_label_func also label (a list), with metric also the metric, with "
        "group_by='label' component_distance (a list); in the csv of save_path also work_dir",
        "deletion needs the labels, and judges each component by its own similarity and run",
    ),
    Behaviour(
        ("create_knn_classifier",),
        "k",
        "unused",
        "the k nearest of the stored neighbours that have a label vote, each once for each of its "
        "labels",
        "what its name says",
    ),
    Behaviour(
        ("export_to_labelImg",),
        "files written",
        "the reference repeats the text of export_to_cvat",
        "one Pascal VOC xml for each picture, and classes.txt; xml files of other pictures stay, "
        "the new one gets another name, and classes are added",
        "that is what labelImg opens",
    ),
    Behaviour(
        ("export_to_tensorboard_projector",),
        "random sample",
        "another one every time",
        "the same one every time",
        "results can be repeated",
    ),
    Behaviour(
        GALLERIES,
        "num_images",
        "the text says 50, the signature 20",
        "20 entries (pairs, pictures, groups or rows); 0 lists all",
        "the signature is what runs",
    ),
    Behaviour(
        GALLERIES,
        "unknown keyword arguments",
        "what happens is not documented",
        "raise InvalidArgument and list the known ones",
        "a misspelt setting must not look like one that works",
    ),
    Behaviour(
        GALLERIES,
        "pages",
        "HTML reports with pictures inline or beside",
        "one page with a content security policy that allows no request; marked pictures are saved "
        "as decisions.json, which `fastdup-gpu dedupe --decisions` applies",
        "looking and acting belong together, and names and labels are hostile input",
    ),
    Behaviour(
        ("create_duplicates_gallery", "create_duplicate_videos_gallery"),
        "pairs",
        "similarity.csv may hold a pair in both directions",
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
        "a plot, a histogram, and the widest, tallest and most common pictures",
        "a shape is judged by looking at it",
    ),
    Behaviour(
        ("create_outliers_gallery",),
        "slice",
        "what a label that no outlier has does is not documented",
        "a page without pictures where the run has the label, else InvalidArgument; so in all "
        "galleries and in find_top_components()",
        "a misspelt label must not look like a clean collection",
    ),
    Behaviour(
        (*GALLERIES, "find_top_components", "create_knn_classifier"),
        "get_label_func",
        "a callable, a dict, or a csv index,label in the order of the features csv",
        "also a csv filename,label, a Series by name, or a list in the order of the features csv; "
        "the column index is heeded; labels without names need the work_dir, except for "
        "statistics, whose own rows are the order",
        "labels must not be laid over the wrong pictures",
    ),
    Behaviour(
        ("export_to_cvat", "export_to_labelImg"),
        "labels",
        "not documented beyond text",
        "a list, a dict or a callable by file name, one text for all, or None",
        "as everywhere else",
    ),
    Behaviour(
        ("delete_or_retag_stats_outliers",),
        "bounds",
        "what a lower bound above the upper one does is not documented",
        "raises InvalidArgument",
        "it would take every picture",
    ),
    Behaviour(
        ("run",),
        "input_dir in run_mode=2",
        "ignored; elsewhere a folder or list of features",
        "features that input_dir names itself are joined into work_dir; others below it only "
        "where work_dir has none of its own, or joined ones",
        "both sentences of the reference hold, and nothing extracted is overwritten",
    ),
    Behaviour(
        ("run",),
        "test_dir and input_dir in run_mode=4",
        "not documented",
        "name stored features; without both the stored test features, else the base itself",
        "a mistyped folder must not give results",
    ),
    Behaviour(
        ("run",),
        "model in run_mode=3",
        "not documented",
        "must be that of the stored features, in either precision of a built-in one",
        "features of two models cannot be compared",
    ),
    Behaviour(
        RUN,
        "min_file_size with bounding_box",
        "not documented",
        "the size of the picture file, not of the crop",
        "the reference speaks of image files",
    ),
    Behaviour(
        RUN,
        "two runs at once in one work_dir",
        "not documented",
        "the second raises WorkDirError (status 1) at once",
        "they would write into each other's files",
    ),
    Behaviour(
        ("run_kmeans",),
        "results of a run in work_dir",
        "not documented",
        "stay, and its features count, where it was over the same pictures with the same model",
        "clusters are more about the same collection",
    ),
    Behaviour(
        RUN,
        "results of run_kmeans in work_dir",
        "not documented",
        "go where run() extracts the pictures anew, as all results of the features before do; "
        "run_kmeans on top of a run is what keeps both",
        "results must belong to the features beside them",
    ),
    Behaviour(
        RUN,
        "min_offset, max_offset and num_images with videos",
        "not documented",
        "count frames; every node takes all frames out of all videos first, so give each node "
        "videos of its own",
        "how many frames a video has is known when it has been decoded",
    ),
    Behaviour(
        RUN,
        "turi_param nnmodel",
        "0, 1 or 2: exact, ball tree or LSH",
        "the three are accepted and change nothing; nnf_mode chooses the index",
        "old scripts run on",
    ),
    Behaviour(
        ("create_kmeans_clusters_gallery",),
        "name of the page",
        "components.html",
        "kmeans_clusters.html",
        "a page of components beside it stays",
    ),
    Behaviour(
        ("generate_sprite_image",),
        "labels without get_label_func",
        "'N/A' for each",
        "the name of each file",
        "a label of the projector should tell pictures apart",
    ),
    Behaviour(
        ("save_binary_feature",),
        "results beside saved features",
        "stay",
        "go, as they speak of other features; nan and infinities raise InvalidArgument",
        "results must belong to the features beside them",
    ),
    Behaviour(
        KMEANS,
        "distance in kmeans_assignments.csv",
        "the reference says L2, the files hold its square",
        "its square",
        "as the files have it",
    ),
    Behaviour(
        ("create_kmeans_classifier",),
        "similarity file",
        "named in the reference's list of arguments",
        "stands for its work_dir, whose k-means files are read",
        "there are no clusters in a similarity file",
    ),
)
