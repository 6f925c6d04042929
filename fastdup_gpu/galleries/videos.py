"""Galleries of videos that were cut into frames: `<folder>/<video>/output_000001.jpg`.

Frames are compared, but videos are listed, each with the frame that matches best. There are no
marks, because marking a frame would not delete the video.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import whole_number
from fastdup_gpu.analysis.components import with_pictures
from fastdup_gpu.formats import results
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album, shown
from fastdup_gpu.galleries.components import components_view, select_groups
from fastdup_gpu.galleries.duplicates import duplicates_view, select_pairs
from fastdup_gpu.galleries.options import COMPONENT_EXTRAS, make_options
from fastdup_gpu.galleries.render import Page, View, publish
from fastdup_gpu.galleries.select import curve

_SEPARATOR = re.compile(r"[/\\]" if os.sep == "\\" else "/")


def create_duplicate_videos_gallery(
    similarity_file: Any, kwargs: dict[str, Any], **given: Any
) -> None:
    """Write duplicate_videos.html; see the public function for the arguments."""
    options = make_options(given, kwargs)
    album = Album(options, results.work_dir_of(similarity_file, options.work_dir))
    edges = results.read_edges(
        similarity_file,
        nrows=options.nrows,
        work_dir=album.work_dir,
        argument="similarity_file",
    )
    table = pairs_of_videos(select_pairs(album, edges))
    view = _duplicates(album, table)
    subtitle = f"{words.count(len(table), 'pair')} of videos"
    page = Page("duplicate_videos", "Duplicate videos", subtitle, [view], False, options.max_width)
    publish(page, album, table)


def create_component_videos_gallery(work_dir: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write component_videos.html; see the public function for the arguments."""
    options = make_options({**given, "min_items": None}, kwargs, COMPONENT_EXTRAS)
    album = Album(options, results.work_dir_of(work_dir, options.work_dir))
    frames = select_groups(work_dir, options)
    least = given.get("min_items")
    least = 0 if least is None else whole_number("min_items", least)
    table = groups_of_videos(frames, max(2, least))
    view = components_view(album, table)
    view |= {
        "intro": "Videos that share similar frames, each shown by its first frame in the group.",
        "suggest": None,
    }
    if "slider" in view:
        view["slider"]["text"] = "{0 group} of {1 video}"
    subtitle = f"{words.count(len(table), 'group')} of videos"
    page = Page(
        "component_videos", "Groups of videos", subtitle, [view], False, None, options.max_width
    )
    publish(page, album, table)


def video_of(frame: str) -> str:
    """The folder of a frame, which is the video it was cut from."""
    parts = _SEPARATOR.split(frame)
    return frame[: -len(parts[-1]) - 1] if len(parts) > 1 else ""


def video_name(video: str) -> str:
    """The last part of a video's folder."""
    return shown(_SEPARATOR.split(video)[-1])


def pairs_of_videos(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each pair of different videos, with the best pair of frames; `videos` holds the
    two, `matches` the number of pairs of frames they share. Ordered by similarity."""
    ends = [
        tuple(sorted((video_of(a), video_of(b))))
        for a, b in zip(pairs["from"], pairs["to"], strict=True)
    ]
    counts = Counter(ends)
    first: dict[tuple[str, ...], int] = {}
    for i, videos in enumerate(ends):
        if videos[0] != videos[1]:
            first.setdefault(videos, i)
    table = pairs.iloc[list(first.values())].reset_index(drop=True)
    return table.assign(
        videos=pd.Series(list(first), dtype=object),
        matches=pd.Series([counts[videos] for videos in first], dtype=int),
    )


def groups_of_videos(frames: pd.DataFrame, least: int) -> pd.DataFrame:
    """Groups with frames of at least `least` videos: `files` keeps the first frame of each video,
    `heads` gives its name and how many of its frames are in the group."""
    rows: list[int] = []
    places: list[list[int]] = []
    heads: list[list[str]] = []
    for row, names in enumerate(frames["files"]):
        videos = list(map(video_of, names))
        counts = Counter(videos)
        if len(counts) < least:
            continue
        first: dict[str, int] = {}
        for i, video in enumerate(videos):
            first.setdefault(video, i)
        rows.append(row)
        places.append(list(first.values()))
        heads.append([f"{video_name(v)}, {words.count(counts[v], 'frame')}" for v in first])
    table = with_pictures(frames.iloc[rows].reset_index(drop=True), places)
    return table.assign(heads=pd.Series(heads, dtype=object))


def _duplicates(album: Album, table: pd.DataFrame) -> View:
    view = duplicates_view(album, table, curve(table))
    intro = "Each pair of videos is shown by its two most similar frames."
    view |= {"intro": intro, "suggest": None}
    if "slider" in view:
        view["slider"]["text"] = "{0 pair} of videos"
    ordered = table if album.options.descending else table.iloc[::-1]
    for item, videos, matches in zip(
        view["items"], ordered["videos"], ordered["matches"].tolist(), strict=False
    ):
        item["title"] = " and ".join(map(video_name, videos))
        item["sub"] = f"similarity, {words.count(matches, 'pair')} of frames"
        item.pop("keep")
    return view
