"""Vetting and batching, with a decoder of the host in the place of the GPU's."""

from __future__ import annotations

import os
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import standin
from making import photo
from mixed_pictures import JPEG, encoded, mixed, with_orientation

from fastdup_gpu._errors import BackendUnavailable
from fastdup_gpu.fallback_cpu.decode import decode as cpu_decode
from fastdup_gpu.gpu import decode, headers, nvimg
from fastdup_gpu.gpu.nvimg import NvImageDecoder
from fastdup_gpu.gpu.ready import make_ready
from fastdup_gpu.protocol import Encoded, PixelPlan, Status

PLAN = PixelPlan(32, 32, max_pixels=200_000)


def rgb_by_name(data: bytes) -> bytes:
    """Its three colours named R, G and B, which libjpeg then takes as they are."""
    made = bytearray(data)
    for i, name in enumerate(b"RGB"):
        made[data.index(b"\xff\xc0") + 10 + 3 * i] = name
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (JPEG, (120, 90, 3)),
        (encoded(photo(2).convert("L")), (120, 90, 1)),
        (encoded(photo(3), progressive=True), (120, 90, 3)),
        (with_orientation(photo(4), 6), (120, 90, 3)),
        (JPEG + b"\0" * 9, (120, 90, 3)),
    ],
)
def test_whole_jpegs_go_to_the_gpu(data, size):
    header = headers.jpeg_header(data)
    assert (header.width, header.height, header.components) == size


@pytest.mark.parametrize(
    "data",
    [
        encoded(photo(1), "PNG"),
        encoded(photo(1), "WEBP"),
        encoded(photo(1).convert("CMYK")),
        JPEG[:-200],
        JPEG[: len(JPEG) // 2] + b"\xff\xd9",  # cut, but with an end marker: the scan is there
        rgb_by_name(JPEG),
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff\xff" * 50,
        b"\xff\xd8\xff\xe0\xff\xff" + b"x" * 40 + b"\xff\xd9",
        JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1),
        b"junk" * 30,
    ],
    ids="png webp cmyk no-end cut rgb bare fill too-long arithmetic junk".split(),
)
def test_everything_else_goes_to_the_cpu(data, request):
    if "cut" in request.node.callspec.id:
        assert headers.jpeg_header(data) is not None  # what only decoding can find out
    else:
        assert headers.jpeg_header(data) is None


@pytest.mark.parametrize(
    ("data", "plan", "status"),
    [
        (b"", PLAN, Status.ZERO_SIZE),
        (JPEG, PixelPlan(32, 32, min_file_size=10**6), Status.FILE_TOO_SMALL),
        (JPEG, PixelPlan(32, 32, max_pixels=120 * 90 - 1), Status.TOO_LARGE),
        (encoded(photo(1, 9, 40)), PLAN, Status.TOO_SMALL),
    ],
)
def test_what_no_decoder_is_to_see_is_refused(data, plan, status):
    ready = make_ready(Encoded(7, lambda: data), plan)
    assert (ready.outcome.index, ready.outcome.status) == (7, status)
    assert not ready.data and ready.shrunk is None


def test_twelve_bits_go_to_the_cpu():
    frame = JPEG.index(b"\xff\xc0")
    assert headers.jpeg_header(JPEG[: frame + 4] + b"\x0c" + JPEG[frame + 5 :]) is None


def test_sizes_are_read_from_the_frame():
    frame = JPEG.index(b"\xff\xc0")
    lied = JPEG[: frame + 5] + struct.pack(">HH", 333, 444) + JPEG[frame + 9 :]
    header = headers.read_header(lied)
    assert (header.height, header.width) == (333, 444)


class Fussy:
    """Gives up pictures of some widths, and counts what it is asked for."""

    name = "fussy"
    most = 100

    def __init__(self, *widths: int) -> None:
        self._inner = NvImageDecoder(0)
        self._widths = widths
        self.calls: list[int] = []

    def decode(self, data):
        self.calls.append(len(data))
        found = self._inner.decode(data)
        return [None if p is None or p.shape[1] in self._widths else p for p in found]


class Broken:
    name = "broken"
    most = 100

    def __init__(self, error: Exception) -> None:
        self._error = error

    def decode(self, data):
        raise self._error


def run(decoders, plan=PLAN, items=None):
    with ThreadPoolExecutor(3) as pool:
        return decode.decode(mixed() if items is None else items, plan, decoders, pool)


def same_as_cpu(batch, plan=PLAN) -> None:
    reference = cpu_decode(mixed(), plan)
    fields = [(o.index, o.status, o.width, o.height, o.file_size) for o in batch.outcomes]
    expected = [(o.index, o.status, o.width, o.height, o.file_size) for o in reference.outcomes]
    assert fields == expected
    assert len(batch.model_pixels) == len(reference.model_pixels)
    difference = np.abs(batch.model_pixels.get().astype(int) - reference.model_pixels)
    assert difference.mean() <= 1
    for i, small in enumerate(reference.stats_pixels):
        height, width = int(batch.heights[i]), int(batch.widths[i])
        assert (height, width) == small.shape[:2]
        drawn = batch.stats_pixels[i].get()[:height, :width, ::-1].astype(int)
        assert np.abs(drawn - small).mean() <= 1


def test_a_gpu_that_decodes_no_jpeg_is_told(standins, monkeypatch):
    """The host would decode everything instead, slowly and without a word."""
    monkeypatch.setattr(standin.NvImage, "_one", lambda self, data: None)
    with pytest.raises(BackendUnavailable, match="cannot decode a JPEG on this GPU"):
        NvImageDecoder(0)

    def none(self, **_):
        raise RuntimeError("Could not create decoder. Code: 7")

    monkeypatch.setattr(standin.NvImage, "Decoder", none)
    with pytest.raises(BackendUnavailable, match=r"Code: 7.*pip install"):
        NvImageDecoder(0)


def test_messages_of_nvimagecodec_are_off_while_it_is_imported(standins, monkeypatch):
    heard = []
    monkeypatch.delenv("PYNVIMGCODEC_VERBOSITY", raising=False)
    for expected in (["0"], ["0", "3"]):
        with nvimg._unheard():
            heard.append(os.environ["PYNVIMGCODEC_VERBOSITY"])
        assert heard == expected
        assert os.environ.get("PYNVIMGCODEC_VERBOSITY") == (None if len(heard) == 1 else "3")
        monkeypatch.setenv("PYNVIMGCODEC_VERBOSITY", "3")


def test_a_batch_is_in_order_and_as_the_cpu_makes_it(standins):
    same_as_cpu(run([Fussy()]))


def test_what_one_decoder_gives_up_goes_to_the_next_and_at_last_to_the_cpu(standins):
    first, second = Fussy(120, 90), Fussy(90)
    same_as_cpu(run([first, second]))
    assert first.calls == [5] and second.calls == [3]


def test_a_decoder_without_memory_costs_no_picture(standins):
    same_as_cpu(run([Broken(MemoryError("out of memory"))]))


def test_other_failures_of_a_decoder_are_not_hidden(standins):
    with pytest.raises(RuntimeError, match="driver"):
        run([Broken(RuntimeError("driver shut down"))])


def test_pictures_are_decoded_as_many_at_a_time_as_memory_holds(standins, monkeypatch):
    monkeypatch.setattr(decode, "_FEW_PIXELS", 0)
    standins.free = int(12 * 120 * 90 * 2.5 / 0.15)  # room for two of the JPEG and a half
    decoder = Fussy()
    run([decoder], items=[Encoded(i, lambda: JPEG) for i in range(7)])
    assert decoder.calls == [2, 2, 2, 1]


def test_pictures_are_decoded_as_many_at_a_time_as_the_decoder_takes(standins):
    decoder = Fussy(90)
    decoder.most = 2
    same_as_cpu(run([decoder, Fussy()]))
    assert decoder.calls == [2, 2, 1]


def test_lent_pictures_are_waited_for_before_the_next_call(standins, monkeypatch):
    log = []
    waits = type("Waits", (standin.Stream,), {"synchronize": lambda self: log.append("wait")})
    monkeypatch.setattr(standins.cuda, "get_current_stream", waits)
    decoder = Fussy()
    decoder.most = 2
    honest = decoder.decode
    decoder.decode = lambda data: log.append(len(data)) or honest(data)
    ready = [make_ready(Encoded(i, lambda: JPEG), PLAN) for i in range(3)]
    log.clear()  # the decoder itself waits for its first call
    decode.decode_ready(ready, PLAN, [decoder])
    assert log == [2, "wait", 1], "and whoever takes the batch waits for the rest"


def test_few_pixels_are_decoded_at_once_without_a_look_at_the_memory(standins):
    standins.free = 1000
    decoder = Fussy()
    run([decoder], items=[Encoded(i, lambda: JPEG) for i in range(7)])
    assert decoder.calls == [7]


def test_a_picture_larger_than_the_share_is_decoded_by_itself(standins, monkeypatch):
    monkeypatch.setattr(decode, "_FEW_PIXELS", 0)
    standins.free = 1000
    decoder = Fussy()
    batch = run([decoder], items=[Encoded(i, lambda: JPEG) for i in range(3)])
    assert decoder.calls == [1, 1, 1]
    assert len(batch.model_pixels) == 3


def test_a_batch_without_a_good_picture(standins):
    batch = run([Fussy()], items=[Encoded(0, lambda: b""), Encoded(1, lambda: b"junk")])
    assert batch.model_pixels.shape == (0, 32, 32, 3)
    assert [o.status for o in batch.outcomes] == [Status.ZERO_SIZE, Status.CORRUPT]
