"""What a run found, counted in images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fastdup_gpu._words import count
from fastdup_gpu.formats import names
from fastdup_gpu.protocol import I64
from fastdup_gpu.stages.detect import Detected
from fastdup_gpu.stages.graph import Components
from fastdup_gpu.stages.neighbors import Edges

# similarity.csv has six decimals: images with equal content have 1.000000, and so may images that
# differ in less than the model resolves.
_SAME = 1 - 1e-6

# Counts of the detector, which are not stored with the comparison for a resumed run.
DETECTION_COUNTS = ("searched", "detections", "without_detection")


@dataclass(slots=True)
class Summary:
    """The result of a run. Counts are numbers of images unless stated otherwise.

    work_dir: folder of the result files. backend: 'cpu' or 'gpu'.
    valid: images that were read. bad: number of images that could not be read, by error code.
    resumed_at: images (valid and bad) that an earlier run had already done; 0 without resume.
    searched: images searched by a detector (bounding_box='face' or 'yolov5s'). detections: boxes
        it found; each is one image in all other counts. without_detection: images without a box.
    exact_duplicates: images with a neighbour of similarity 1 to six decimals.
    near_duplicates: other images with a neighbour of at least `threshold`.
    threshold: the argument of the run; a similarity, 0 to 1.
    outliers: images all of whose pairs of neighbours are in outliers.csv.
    components: number of components of at least two images. in_components: images in them.
    largest_component: images in the largest one.
    loosest_link: lowest similarity among the pairs that join components, 0 to 1; 1 if there is no
        component, 0 if none were computed.
    index: kind of index used for the neighbours, such as 'flat', 'hnsw' or 'ivf'; '' if none.
    recall: share of the true neighbours that it found on a sample; 1 = exact search.
    seconds: wall time by stage.
    """

    work_dir: str
    backend: str
    valid: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    resumed_at: int = 0
    searched: int = 0
    detections: int = 0
    without_detection: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    threshold: float = 0.9
    outliers: int = 0
    components: int = 0
    in_components: int = 0
    largest_component: int = 0
    loosest_link: float = 0.0
    index: str = ""
    recall: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)

    def add_search(self, found: Detected) -> None:
        """Add the images that a detector has searched, and what it found."""
        self.searched += found.pictures
        self.detections += found.boxes
        self.without_detection += found.without

    def add_edges(self, similar: Edges, outliers: Edges, every: Edges) -> None:
        """Count the images that have a duplicate, and those all of whose edges (`every`) are among
        `outliers`."""
        exact = _ends(similar.take(similar.similarity >= _SAME))
        self.exact_duplicates = len(exact)
        self.near_duplicates = len(np.setdiff1d(_ends(similar), exact))
        far = np.bincount(outliers.sources)
        self.outliers = int(np.sum((far > 0) & (far == np.bincount(every.sources)[: len(far)])))

    def add_components(self, found: Components) -> None:
        """Count components of at least two images."""
        groups = found.counts[found.counts > 0]
        self.components = len(groups)
        self.in_components = int(groups.sum())
        self.largest_component = int(groups.max(initial=0))
        self.loosest_link = found.loosest

    def as_dict(self) -> dict[str, Any]:
        """All fields, for json."""
        return asdict(self)

    def lines(self) -> list[str]:
        """All findings as lines of text."""
        bad = sum(self.bad.values())
        total = self.valid + bad
        out = [f"{count(total, 'image')} read: {self.valid:,} valid, {bad:,} bad"]
        if self.searched:
            out.insert(
                0,
                f"{count(self.searched, 'image')} searched: "
                f"{count(self.detections, 'box', 'boxes')} found, "
                f"{count(self.without_detection, 'image')} without any",
            )
        out += [f"  {n:,} {reason}" for reason, n in self.bad.items()]
        if self.resumed_at:
            out.append(f"{self.resumed_at:,} of them were already done by an earlier run")
        if self.index:
            out += self._findings()
        spent = ", ".join(f"{name} {s:.1f} s" for name, s in self.seconds.items())
        out.append(f"seconds: {spent}" if spent else "nothing left to do")
        out.append(f"results: {self.work_dir}")
        return out

    def _findings(self) -> list[str]:
        how = "exact search" if self.recall == 1 else f"recall {self.recall:.3f} on a sample"
        return [
            f"{count(self.exact_duplicates, 'image has', 'images have')} a duplicate of "
            "similarity 1 (the model sees no difference)",
            f"{count(self.near_duplicates, 'more has', 'more have')} a "
            f"{'near duplicate' if self.threshold >= names.NEAR else 'neighbour'} "
            f"(similarity {self.threshold:g} or more)",
            self._components(),
            f"{count(self.outliers, 'image is an outlier', 'images are outliers')}",
            f"neighbours by {self.index} index, {how}",
        ]

    def _components(self) -> str:
        if not self.components:
            return "no components"
        return (
            f"{count(self.components, 'component holds', 'components hold')} "
            f"{count(self.in_components, 'image')}, the largest {self.largest_component:,} "
            f"(loosest link {self.loosest_link:.3f})"
        )


def _ends(edges: Edges) -> I64:
    return np.unique(edges.sources)
