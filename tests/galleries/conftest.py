"""A small run of which everything is known, written by hand, and a page taken apart."""

from __future__ import annotations

import csv
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastdup_gpu.galleries import report
from galleries import browsing

HOSTILE = (
    "<img src=x onerror=document.title='owned'>.png",
    "quote\"'&amp;.png",
    "new\nline,comma.png",
    "</script><script>document.title='owned'</script>.png",
    os.fsdecode(b"caf\xe9.png"),
    "-rf.png",
)


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: needs a headless Chromium and selenium")


def paint(path, size=(64, 48), seed=0):
    """A picture of a few coloured blocks, the same for the same seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(path)
    return str(path)


def write_rows(path, header, rows):
    text = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with Path(path).open("w", **text) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


class Run:
    """A work_dir: pictures, and the result files that `write` makes of edges between them."""

    def __init__(self, folder, names, sizes=None):
        self.folder = Path(folder)
        self.pictures = self.folder / "pictures"
        self.work_dir = self.folder / "out"
        self.work_dir.mkdir()
        sizes = sizes or [(64, 48)] * len(names)
        paths = zip(names, sizes, strict=True)
        self.names = [paint(self.pictures / n, size, i) for i, (n, size) in enumerate(paths)]
        rows = list(enumerate(self.names))
        write_rows(self.work_dir / "atrain_features.dat.csv", ["index", "filename"], rows)
        self._write_stats(sizes)
        bad = ["index", "filename", "error_code", "filesize"]
        gone = self.names[0] + ".gone"
        write_rows(
            self.work_dir / "atrain_features.bad.csv", bad, [[99, gone, "ERROR_MISSING_FILE", -1]]
        )
        features = np.random.default_rng(5).normal(size=(len(names), 16)).astype("<f4")
        features.tofile(self.work_dir / "atrain_features.dat")
        self.write([], [], [])

    def _write_stats(self, sizes):
        header = (
            "index filename width height unique blur mean min max stdv file_size contrast"
        ).split()
        rows = [
            [i, name, w, h, 10 + i, f"{100.5 - i:.4f}", 20 * i, 0, 255, 5, 1000 + i, "1.0000"]
            for i, (name, (w, h)) in enumerate(zip(self.names, sizes, strict=True))
        ]
        write_rows(self.work_dir / "atrain_stats.csv", header, rows)

    def write(self, edges, outliers, components):
        """Edges as (position, position, similarity); components as lists of positions with one
        similarity."""
        for name, listed in (("similarity.csv", edges), ("outliers.csv", outliers)):
            rows = [[self.names[a], self.names[b], f"{s:.6f}"] for a, b, s in listed]
            write_rows(self.work_dir / name, ["from", "to", "distance"], rows)
        header = "__id component_id count mean_distance min_distance max_distance".split()
        rows = {i: [i, i, 0, 0, 0, 0] for i in range(len(self.names))}
        for members, similarity in components:
            row = [min(members), len(members), similarity, similarity, similarity]
            rows |= {i: [i, *row] for i in members}
        write_rows(self.work_dir / "connected_components.csv", header, rows.values())
        return self


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []
        self.blocks = []
        self._open = None

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._open = (tag, dict(attributes), [])

    def handle_data(self, data):
        if self._open:
            self._open[2].append(data)

    def handle_endtag(self, tag):
        if self._open and tag == self._open[0]:
            self.blocks.append((self._open[0], self._open[1], "".join(self._open[2])))
            self._open = None


class Page:
    """A page as an HTML parser sees it."""

    def __init__(self, path):
        self.text = Path(path).read_text(encoding="utf-8")
        parser = _Parser()
        parser.feed(self.text)
        self.tags, self.blocks = parser.tags, parser.blocks
        self.data = json.loads(self._json("data")[0])
        self.thumbs = [uri for text in self._json("shard") for uri in json.loads(text)]
        self.pictures = self.data["pictures"]

    def _json(self, key):
        return [t for tag, a, t in self.blocks if key in (a.get("id"), a.get("class"))]

    def view(self, identity=None):
        return next(v for v in self.data["views"] if identity in (None, v["id"]))

    def shown(self, identity=None):
        """The shown names of each entry."""
        items = self.view(identity)["items"]
        return [[self.pictures[i]["d"] for i in item["p"]] for item in items]

    @property
    def policy(self):
        return next(a["content"] for tag, a in self.tags if a.get("http-equiv"))

    @property
    def addresses(self):
        """Whatever the markup could load."""
        return [
            value
            for _, attributes in self.tags
            for key, value in attributes.items()
            if re.fullmatch("src|srcset|href|action|data|poster|background", key)
        ]


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One headless browser for all tests."""
    opened = browsing.Browser(tmp_path_factory.mktemp("downloads"))
    yield opened
    opened.driver.quit()


LABELS = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": ["bird", "dog"], "f": None}


def label(name):
    return LABELS.get(name[-5])


@pytest.fixture
def write(run, tmp_path):
    """Call a gallery function on the run and open the page it wrote."""

    def call(function, stem, source=None, **options):
        source = run.work_dir if source is None else source
        assert function(source, tmp_path / "page", **options) == 0
        return Page(tmp_path / "page" / f"{stem}.html")

    return call


@pytest.fixture
def page(run):
    """The report of the run, with labels."""
    return report.write_report(run.work_dir, get_label_func=lambda name: name[-5])


@pytest.fixture
def run(tmp_path):
    """Eight pictures a.png to h.png; b is the largest, h is wide."""
    sizes = [(64, 48)] * 8
    sizes[1], sizes[7] = (128, 96), (200, 20)
    made = Run(tmp_path, [f"{letter}.png" for letter in "abcdefgh"], sizes)
    edges = [(0, 1, 0.99), (1, 0, 0.99), (2, 3, 0.97), (0, 2, 0.95), (3, 4, 0.91), (4, 4, 1.0)]
    outliers = [(7, 5, 0.4), (6, 5, 0.3), (7, 6, 0.2)]
    return made.write(edges, outliers, [([0, 1, 2], 0.97), ([3, 4], 0.99)])


@pytest.fixture
def hostile(tmp_path):
    """Pictures whose names try to break out of a page, all similar to the first."""
    made = Run(tmp_path, HOSTILE)
    edges = [(0, i, 1 - i / 100) for i in range(1, len(HOSTILE))]
    everyone = (list(range(len(HOSTILE))), 0.95)
    return made.write(edges, [(1, 0, 0.5), (4, 3, 0.4)], [everyone])
