"""Reading result tables: what pandas' parser gives is what a reading row by row gives."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from fastdup_gpu import FormatError
from fastdup_gpu.formats import results, tables

HEAD = b"from,to,distance\n"
CONTENTS = {
    "plain": HEAD + b"a.jpg,b.jpg,0.912345\nb.jpg,a.jpg,1\n",
    "no rows": HEAD,
    "names that look like something else": HEAD
    + b"NA,null,0.5\n007,1e3,0.5\nTrue,nan,inf\n, x ,-0.0\n",
    "quotes and line ends in names": HEAD + b'"a,""b""",".\r\n.",0.5\n"\r","\n",0.25\n',
    "bytes that are not UTF-8": HEAD + b"caf\xe9.jpg,\xff,0.5\n",
    "other line ends": b"from,to,distance\r\na,b,0.5\r\n",
    "a blank line": HEAD + b"a,b,0.5\n\nc,d,0.25\n",
    "no end of line": HEAD + b"a,b,0.5",
    "a short row": HEAD + b"a,b,0.5\nc,d\n",
    "a long row": HEAD + b"a,b,0.5\nc,d,0.5,9\n",
    "long rows only": HEAD + b"a,b,0.5,9\nc,d,0.5,9\n",
    "no number": HEAD + b"a,b,much\n",
    "an empty number": HEAD + b"a,b,\n",
    "numbers of all kinds": HEAD + b"a,b,1e-3\nc,d, 5\ne,f,nan\ng,h,-inf\ni,j,1_0\nk,l,1e999\n",
    "seventeen digits": HEAD + b"a,b,0.30000000000000004\nc,d,5e-324\n",
    "columns beyond": b"from,to,distance,note,rank\na,b,0.5,x,1\nc,d,0.5,,2.5\n",
    "numbers beyond": b"from,to,distance,rank\na,b,0.5,1\nc,d,0.5,2.5\n",
    "a name without end": HEAD + b'a,"b,0.5\n',
    "a mark at the beginning": b"\xef\xbb\xbf" + HEAD + b"a,b,0.5\n",
    "a column twice": b"from,to,distance,to\na,b,0.5,c\n",
    "empty": b"",
    "whole numbers": b"index,filename,error_code,filesize\n3,a.jpg,ERROR,-1\n4,b.jpg,,12\n",
    "text at the end": b"index,filename\n0,a\n1\n",
    "broken whole numbers": b"index,filename\n0.5,a\n",
    "a whole number that is large": b"index,filename\n9007199254740993,a\n",
    "missing whole numbers": b"index,filename\n,a\n1,b\n",
}


def outcome(read, path):
    try:
        return read(path, None)
    except FormatError as error:
        return str(error)


@pytest.mark.parametrize("name", CONTENTS)
def test_both_ways_give_the_same(name, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(CONTENTS[name])
    expected, found = outcome(tables._read_rows, path), outcome(tables.read_table, path)
    if isinstance(expected, str):
        assert found == expected
    else:
        # pandas before 3.1 parses numbers to within one unit in the last place.
        assert_frame_equal(found, expected, rtol=1e-15, atol=0)


def test_what_is_in_order_is_read_by_pandas(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_read_rows", None)
    path = tmp_path / "similarity.csv"
    for name in ("plain", "quotes and line ends in names", "bytes that are not UTF-8"):
        path.write_bytes(CONTENTS[name])
        assert len(results.read_edges(path)) == 2 - (name.startswith("bytes"))


def test_names_are_objects_and_numbers_are_numbers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"index,filename,filesize,distance\n7,007,12,0.5\n")
    table = tables.read_table(path, None)
    assert list(map(str, table.dtypes)) == ["int64", "object", "int64", "float64"]
    assert table.to_dict("records") == [
        {"index": 7, "filename": "007", "filesize": 12, "distance": 0.5}
    ]


def test_only_the_first_rows(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(HEAD + b"a,b,0.5\nc,d,0.25\nbroken\n")
    assert tables.read_table(path, 2)["from"].tolist() == ["a", "c"]
    assert isinstance(tables.read_table(path, 0), pd.DataFrame)
