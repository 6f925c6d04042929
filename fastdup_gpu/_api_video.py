"""Videos: the documented signature, and one call."""

from __future__ import annotations

from fastdup_gpu._api import _status
from fastdup_gpu._options import Input, PathLike, model_path_full


def extract_video_frames(
    input_dir: Input,
    work_dir: PathLike,
    verbose: bool = False,
    num_threads: int = -1,
    num_images: int = 0,
    min_offset: int = 0,
    max_offset: int = 0,
    turi_param: str = "",
    model_path: PathLike = model_path_full,
    d: int = 576,
    resize_video: int = 0,
    keyframes_only: int = 1,
    license: str = "",
) -> int:
    """Write the frames of videos as JPEGs to `work_dir/tmp/<video>/output_000001.jpg` and so on.

    run() does this itself for an input of videos; the folder of frames is an input as well.
    Folders are named like the videos; of several videos of one name in different folders the
    second and further get `~` and 8 letters made from their path behind the name.
    `work_dir/atrain_frames.csv` tells for every frame `index,filename,video,frame,seconds`: the
    number of the frame in its video, from 0, and its time. Needs PyAV:
    `pip install 'fastdup-gpu[video]'`.

    input_dir: folder, video, list file, or a list of files and folders; mp4, avi, mov, webm, mkv
        and m4v. What is no video is left out.
    verbose: print a summary. num_threads: -1 = all cores.
    num_images: number of videos, 0 = all. min_offset, max_offset: part of the list of videos,
        from 0, the end not included (max_offset=0: to the end of the list).
    turi_param: video_decoder and device as in run(); nothing else matters here.
    resize_video: 1 = to the size of the input of the model `model_path` with output of length
        `d`, whatever the shape of the video.
    keyframes_only: 1 = the first frame and each keyframe, 0 = all frames.
    license: accepted for old scripts, unused.

    Frames are turned upright. A damaged video gives what it has, and a warning. Returns 0 on
    success, 1 on failure and where no frame could be read. Raises InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu import framing

    return _status(lambda: framing.extract_video_frames(**arguments))
