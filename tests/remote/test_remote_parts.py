"""min_offset, max_offset and num_images: only what they leave is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from archive_files import tar_bytes
from making import rows, run

from remote.objects import jpeg

pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")


def asked(proxy) -> list[str]:
    """The last part of the keys that were read, once each."""
    keys = (path.partition("?")[0] for path in proxy.counts if "list-type" not in path)
    return sorted({key.rpartition("/")[2] for key in keys})


@pytest.mark.parametrize("sync", [0, 1])
def test_pictures(bucket, proxy, sync):
    name = bucket({f"{i:02}.jpg": jpeg(i) for i in range(40)})
    part = {"min_offset": 10, "max_offset": 30, "num_images": 12, "run_mode": 1}
    assert run(f"s3://{name}", Path("o"), turi_param=f"sync_s3_to_local={sync}", **part) == 0
    expected = [f"{i:02}.jpg" for i in range(10, 22)]
    assert asked(proxy) == expected
    found = [row["filename"] for row in rows(Path("o/atrain_features.dat.csv"))]
    assert found == [f"s3://{name}/{key}" for key in expected]


@pytest.mark.parametrize("delete", [0, 1])
def test_archives(bucket, proxy, delete):
    pictures = [{f"{10 * t + i:02}.jpg": jpeg(10 * t + i) for i in range(10)} for t in range(4)]
    name = bucket({f"{t}.tar": tar_bytes(part) for t, part in enumerate(pictures)})
    part = {"min_offset": 15, "max_offset": 25, "run_mode": 1}
    assert run(f"s3://{name}", Path("o"), turi_param=f"delete_tar={delete}", **part) == 0
    assert asked(proxy) == ["0.tar", "1.tar", "2.tar"]
    found = [row["filename"] for row in rows(Path("o/atrain_features.dat.csv"))]
    assert [key.rpartition("/")[2] for key in found] == [f"{i}.jpg" for i in range(15, 25)]
    copies = sorted(path.name for path in Path("o/tmp").rglob("*.tar"))
    assert copies == ([] if delete else ["0.tar", "1.tar", "2.tar"])


def test_boxes(bucket, proxy):
    name = bucket({f"{i:02}.jpg": jpeg(i) for i in range(9)})
    lines = [f"s3://{name}/{i % 9:02}.jpg,{i},5,40,40" for i in range(18)]
    Path("boxes.csv").write_text("filename,col_x,row_y,width,height\n" + "\n".join(lines) + "\n")
    wishes = {"turi_param": "sync_s3_to_local=1", "run_mode": 1}
    assert run("boxes.csv", Path("o"), min_offset=11, max_offset=14, **wishes) == 0
    assert asked(proxy) == ["02.jpg", "03.jpg", "04.jpg"]
    assert [row["index"] for row in rows(Path("o/atrain_crops.csv"))] == ["11", "12", "13"]
