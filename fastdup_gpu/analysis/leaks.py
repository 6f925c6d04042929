"""Images of test_dir that the train images contain as well."""

from __future__ import annotations

from pathlib import Path

from fastdup_gpu._arguments import real_number
from fastdup_gpu.analysis import keeping, removal
from fastdup_gpu.analysis.deletion import Plan
from fastdup_gpu.analysis.removal import Item, Origin
from fastdup_gpu.analysis.similarity import edge_similarity
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_json

# Problems of a train image that do not mean that it is gone.
_SOUND = (None, removal.IN_ARCHIVE, removal.REMOTE)
TWIN = "the train image like it is gone or has changed"


def compares_with_test(work_dir: Path) -> bool:
    """Whether the last run in a work_dir compared test images with the train images. Components are
    then missing, or those of an earlier run; where nothing is recorded, missing ones tell."""
    recorded = (read_json(work_dir / names.COMPARISON) or {}).get("with_test")
    if isinstance(recorded, bool):
        return recorded
    test = work_dir / names.FEATURES_CSV.format(kind=names.TEST)
    return test.is_file() and not (work_dir / names.COMPONENTS).is_file()


def plan_leaks(work_dir: Path, min_similarity: float = 0.96, protect: object = ()) -> Plan:
    """Plan that each image of test_dir goes which has a train image of at least `min_similarity`;
    deletion.finish() does it. Train images stay. A test image whose most similar train image is no
    longer as the run saw it stays as well, and so do all files in the folders `protect`, and images
    that only another work_dir knows, whose features run_mode=4 compared.
    """
    real_number("min_similarity", min_similarity, "a similarity from -1 to 1", -1, 1)
    policy = keeping.Policy(protect=keeping.folders(protect))
    edges = results.read_edges(work_dir)
    edges = edges.assign(distance=edge_similarity(edges, work_dir))
    near = edges[edges["distance"] >= min_similarity]
    near = near.sort_values("distance", ascending=False, kind="stable").drop_duplicates("from")
    origin = Origin(work_dir)
    train = origin.items(near["to"])
    sound = {item.place for item in train if origin.problem(item) in _SOUND}
    going: list[Item] = []
    refused: list[tuple[str, str]] = []
    stays: dict[str, tuple[str, ...]] = {}
    own = set(results.read_test_filenames(work_dir))
    for item, twin in zip(origin.items(near["from"]), train, strict=True):
        if policy.guards(item):
            refused.append((item.path, keeping.PROTECTED))
        elif item.name not in own:
            refused.append((item.path, removal.STRANGE))
        elif twin.place not in sound:
            refused.append((item.path, TWIN))
        else:
            going.append(item)
            stays[item.path] = (twin.path,)
    going, again = removal.sort_out(going, origin, train)
    return Plan(going, refused + again, stays)
