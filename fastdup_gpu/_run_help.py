"""The text of `fastdup-gpu run --help`: a placeholder and a line for each argument of run()."""

from __future__ import annotations

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "input": {
        "test_dir": ("INPUT", "compare these images with those of input_dir"),
        "num_images": ("N", "read at most N images, 0 = all"),
        "min_offset": ("N", "first image of the input list to read, from 0"),
        "max_offset": ("N", "end of the range to read (excluded), 0 = to the end of the list"),
        "bounding_box": (
            "BOX",
            "crop all images to one box: row_y=0,col_x=0,height=10,width=10 (pixels); or 'face' or "
            "'yolov5s' to crop what your own detector finds",
        ),
    },
    "results": {
        "threshold": ("X", "smallest similarity, 0 to 1, of near duplicates"),
        "lower_threshold": ("X", "share of all pairs, the least similar, written to outliers.csv"),
        "nearest_neighbors_k": ("N", "neighbours per image, not counting the image itself"),
        "distance": ("NAME", "cosine or euclidean; with --nnf-mode Flat also l1, linf and others"),
        "turi_param": (
            "KEY=VALUE,...",
            "further settings, such as ccthreshold=0.96 (smallest similarity that joins a "
            "component), run_advanced_stats=1, min_file_size=1000 (bytes)",
        ),
    },
    "computation": {
        "compute": (
            "cpu|gpu|auto",
            "gpu fails if no GPU is usable; auto uses the GPU if it is usable",
        ),
        "num_threads": ("N", "-1 = all cores"),
        "resume": ("0|1", "1 = continue an interrupted run, or read only new images"),
        "run_mode": (
            "0-4",
            "0 everything; 1 features only; 2 neighbours of stored features; 3 test_dir against "
            "a stored index; 4 stored features against a stored index",
        ),
        "high_accuracy": ("", "use the larger model, with features of length 960"),
        "model_path": ("FILE", "your own ONNX model"),
        "d": ("N", "length of its output"),
        "batch_size": ("N", "images per inference, 1 = chosen by the backend"),
        "nnf_mode": (
            "NAME",
            "kind of index: HNSW32 (chosen by size), Flat (exact), HNSW<links>, IVF<clusters>",
        ),
        "nnf_param": ("KEY=VALUE,...", "for IVF: num_em_iter=20,num_clusters=100"),
        "verbose": ("", "log each step"),
    },
}
