"""The function of the V0.2xx API for videos: the documented signature, and one call."""

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

    run() does the same for an input of videos; a folder of frames can also be its input. Needs
    PyAV: `pip install 'fastdup-gpu[video]'`.

    input_dir: folder, video, list file, URL, or a list of files and folders; mp4, avi, mov, webm,
        mkv and m4v. Other files are skipped.
    work_dir: folder to write to; created if it does not exist.
    verbose: print a summary. num_threads: -1 = all cores.
    num_images: number of videos, 0 = all. min_offset, max_offset: range of the list of videos,
        from 0, end excluded (max_offset=0: to the end).
    turi_param: video_decoder and device as in run(); other keys have no effect.
    resize_video: 1 = resize frames to the input of the model `model_path` with output length
        `d`, without keeping the aspect ratio.
    keyframes_only: 1 = the first frame and each keyframe, 0 = all frames.
    license: accepted for old scripts, ignored.

    The folder of a video has its name. If videos in different folders have the same name, the
    second and further ones get the suffix `~` and 8 hexadecimal digits derived from their path.
    `work_dir/atrain_frames.csv` has the columns `index,filename,video,frame,seconds`: for each
    JPEG the video, the number of the frame in it (from 0) and its time.

    Frames are rotated upright. If a video is damaged, its readable frames are written and a warning
    is logged. Returns 0 on success and 1 on failure, which is logged, also if no frame could be
    read. Raises InvalidArgument.
    """
    arguments = dict(locals())
    from fastdup_gpu import framing

    return _status(lambda: framing.extract_video_frames(**arguments))
