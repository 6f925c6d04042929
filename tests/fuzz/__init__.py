"""Fuzz targets: every reader of a file that may be damaged or hostile.

`cd tests && python -m fuzz` lists the targets, `python -m fuzz all --minutes 60` shares an hour of
CPU time among them. atheris guides the inputs by coverage where it is installed; without it they
are mutations by chance. test_fuzz.py runs a few of them in the suite.
"""
