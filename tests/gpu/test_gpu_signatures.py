"""Every call that the GPU backend makes of another package, against that package's own word.

A wrong keyword in code that only a GPU runs is found here without one. Which packages there are
decides what is checked; all are there where the extra 'cu13' is installed.
"""

from __future__ import annotations

import importlib.util

import pytest
from call_signatures import (
    GPU,
    HELD,
    SOURCES,
    External,
    accepts,
    external_calls,
    resolve,
    starred_calls,
)

CALLS = sorted({c for path in SOURCES for c in external_calls(path)}, key=str)


def _top(call: External) -> str:
    return call.target.partition(".")[0]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_call_is_taken(call):
    if not _installed(_top(call)):
        pytest.skip(f"{_top(call)} is not installed")
    if _top(call) == "tensorrt_rtx_bindings":
        pytest.importorskip("tensorrt_rtx_libs", reason="the libraries of TensorRT-RTX")
    if _top(call) == "nvidia":
        package = ".".join(call.target.split(".")[:2])
        pytest.importorskip(package, reason=f"{package} is not installed")
    found = resolve(call.target)
    assert accepts(call.target, found, call), f"{call} does not take {call.keywords}"


def test_the_calls_were_found():
    """Every library of the stack is called, so a walk that finds nothing is seen."""
    wanted = (
        "cuvs.neighbors.brute_force.search cuvs.neighbors.cagra.build "
        "cuvs.neighbors.hnsw.from_cagra cuvs.neighbors.ivf_flat.build "
        "cuvs.neighbors.nn_descent.build cuvs.common.make_device_padded_dataset "
        "pylibcugraph.SGGraph pylibcugraph.pagerank nvidia.nvimgcodec.Decoder.decode "
        "nvidia.dali.pipeline.Pipeline.run "
        "nvidia.dali.fn.decoders.image rmm.mr.set_per_device_resource "
        "onnxruntime.IOBinding.bind_input tensorrt_rtx_bindings.IExecutionContext.set_input_shape "
        "cupy.cuda.graph.Graph.launch"
    ).split()
    assert set(wanted) <= {c.target for c in CALLS}


def test_no_call_hides_its_arguments():
    found = {p.stem: hidden for p in SOURCES if (hidden := starred_calls(p))}
    found = {k: [t for t in v if not t.startswith("cupy.")] for k, v in found.items()}
    assert not any(found.values()), found


def test_held_objects_are_still_in_the_source():
    """A name in HELD that the source no longer has would check nothing."""
    for stem, held in HELD.items():
        text = (GPU / f"{stem}.py").read_text(encoding="utf-8")
        assert [name for name in held if name not in text] == []


class Sample:
    """Known signatures, to see the checker itself at work."""

    def method(self, a, b=1, *, c=2): ...


def test_a_compiled_class_that_says_nothing_is_tried():
    pytest.importorskip("pylibcugraph", reason="pylibcugraph is not installed")
    wrong = External("x", 1, "pylibcugraph.SGGraph", 4, ("weight_array", "symmetrise"))
    right = External("x", 1, "pylibcugraph.SGGraph", 4, ("weight_array", "symmetrize"))
    assert not accepts(wrong.target, resolve(wrong.target), wrong)
    assert accepts(right.target, resolve(right.target), right)


def _call(positional: int, *keywords: str) -> External:
    return External("x", 1, "x.Sample.method", positional, keywords)


@pytest.mark.parametrize(
    ("call", "taken"),
    [
        (_call(1), True),
        (_call(2, "c"), True),
        (_call(1, "b"), True),
        (_call(3), False),
        (_call(2, "b"), False),
        (_call(1, "d"), False),
    ],
)
def test_the_checker_tells_right_from_wrong(call, taken):
    assert accepts(call.target, Sample.method, call) is taken


@pytest.mark.parametrize(
    ("call", "taken"), [(_call(2, "out"), True), (_call(4), False), (_call(1, "wrong"), False)]
)
def test_the_checker_reads_docstrings(call, taken):
    class Compiled:
        """method(Index index, queries, k=[1, 2], *, out=None)

        Text that names method(x) in passing.
        """

        __name__ = "method"

    assert accepts("x.method", Compiled(), call) is taken
