from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.kernels import load
from fastdup_gpu.kernels.ragged import ragged


class FakeCupy:
    """Counts compilations; device numbers as set."""

    def __init__(self) -> None:
        self.compiled: list[tuple[int, str, tuple[str, ...]]] = []
        self.current = 0
        self.cuda = SimpleNamespace(
            Device=self._device, runtime=SimpleNamespace(getDevice=lambda: self.current)
        )

    def _device(self, number):
        from contextlib import nullcontext

        assert number == self.current
        return nullcontext()

    def RawModule(self, *, code, options):
        self.compiled.append((self.current, code, options))
        return SimpleNamespace(get_function=lambda entry: entry)


@pytest.fixture
def cupy(monkeypatch):
    fake = FakeCupy()
    monkeypatch.setitem(sys.modules, "cupy", fake)
    load._module.cache_clear()
    load._function.cache_clear()
    yield fake
    load._module.cache_clear()
    load._function.cache_clear()


def test_one_compilation_per_source_and_device(cupy):
    assert load.kernel("braycurtis_topk") == "braycurtis_topk"
    assert load.kernel("braycurtis_topk", "merge_topk") == "merge_topk"
    cupy.current = 1
    assert load.kernel("braycurtis_topk") == "braycurtis_topk"
    assert load.kernel("area_resize") == "area_resize"
    assert [device for device, _, _ in cupy.compiled] == [0, 1, 1]


def test_the_compiled_text_stands_alone_and_is_exact_arithmetic(cupy):
    load.kernel("pixel_stats_advanced")
    _, code, options = cupy.compiled[0]
    assert "#include" not in code
    assert "struct HsvTables" in code and "block_reduce" in code
    assert not any("fast_math" in option for option in options)


def test_plain_numbers_become_the_types_that_kernels_take():
    types = [type(a) for a in load.typed((1, np.float32(0.5), np.int32(3)))]
    assert types == [np.int64, np.float32, np.int32]


def test_launch_covers_every_element_once():
    grids = []
    for threads in (0, 1, 256, 257, 2**40):
        load.launch(lambda grid, block, args: grids.append((grid, block)), threads, ())
    assert grids == [((b,), (256,)) for b in (1, 1, 2, 2**32)]


class DeviceArray:
    """What `ragged` looks at in a CuPy array."""

    def __init__(self, host):
        about = host.__array_interface__
        self.__cuda_array_interface__ = {**about, "strides": host.strides, "stream": 1}


def test_ragged_describes_padded_rows(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", np)
    wide = np.zeros((5, 16, 3), np.uint8)
    parts = [DeviceArray(wide[:, :9]), DeviceArray(wide)]
    made = ragged(parts)
    assert made.heights.tolist() == [5, 5] and made.widths.tolist() == [9, 16]
    assert made.pitches.tolist() == [48, 48] and made.pointers[0] == wide.ctypes.data
    assert made.owners == tuple(parts) and len(made) == 2
    assert made.sizes == [(5, 9), (5, 16)]


def test_ragged_takes_what_names_no_strides(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", np)
    host = np.zeros((5, 7, 3), np.uint8)
    about = {"shape": host.shape, "typestr": "|u1", "data": (host.ctypes.data, False)}
    made = ragged([SimpleNamespace(__cuda_array_interface__=about)])
    assert made.pitches.tolist() == [21] and made.pointers[0] == host.ctypes.data


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 8, 3), np.uint8)[:, ::2],
        np.zeros((4, 4, 3), np.uint8)[::-1],
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_ragged_refuses_what_the_kernels_would_misread(monkeypatch, wrong):
    monkeypatch.setitem(sys.modules, "cupy", np)
    with pytest.raises(InvalidArgument, match="image 0 is"):
        ragged([DeviceArray(wrong)])
