"""What `fastdup-gpu run --help` says: for each argument of run() a placeholder and a line."""

from __future__ import annotations

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "what is read": {
        "test_dir": ("INPUT", "compare these pictures with those of input_dir"),
        "num_images": ("N", "stop after so many, 0 = all"),
        "min_offset": ("N", "first picture of the input list, from 0"),
        "max_offset": ("N", "picture to stop before, 0 = to the end of the list"),
        "bounding_box": (
            "BOX",
            "cut all pictures alike: row_y=0,col_x=0,height=10,width=10; or 'face', 'yolov5s'",
        ),
    },
    "what is found": {
        "threshold": ("X", "smallest similarity, 0 to 1, of near duplicates"),
        "lower_threshold": ("X", "share of all pairs that makes outliers.csv"),
        "nearest_neighbors_k": ("N", "neighbours looked for, for each picture"),
        "distance": ("NAME", "cosine or euclidean; with --nnf-mode Flat also l1, linf and others"),
        "turi_param": (
            "KEY=VALUE,...",
            "such as ccthreshold=0.96 (similarity inside a component), run_advanced_stats=1, "
            "min_file_size=1000",
        ),
    },
    "how it is done": {
        "compute": ("cpu|gpu|auto", "gpu fails where none is usable; auto takes one where it is"),
        "num_threads": ("N", "-1 = all cores"),
        "resume": ("0|1", "1 = go on where an interrupted run stopped"),
        "run_mode": (
            "0-4",
            "0 everything; 1 features only; 2 neighbours of stored features; 3 test_dir against "
            "a stored index; 4 stored features against a stored index",
        ),
        "high_accuracy": ("", "use the larger model, with features of length 960"),
        "model_path": ("FILE", "an ONNX model of your own"),
        "d": ("N", "length of its output"),
        "batch_size": ("N", "pictures per inference, 1 = as suits the backend"),
        "nnf_mode": ("NAME", "kind of index: HNSW32 chooses by size, Flat is exact, IVF<clusters>"),
        "nnf_param": ("KEY=VALUE,...", "num_em_iter=20,num_clusters=100"),
        "verbose": ("", "log what is done"),
    },
}
