"""What is public here and not in the V0.2xx API is declared, and nothing else."""

from __future__ import annotations

import inspect
import json

from spec import make_signatures
from spec.differences import ADDITIONS

import fastdup_gpu


def test_additions_are_declared():
    originals = {
        f["name"] for f in json.loads(make_signatures.SNAPSHOT.read_text(encoding="utf-8"))
    }
    public = {name: getattr(fastdup_gpu, name) for name in fastdup_gpu.__all__}
    errors = {n for n, v in public.items() if inspect.isclass(v) and issubclass(v, Exception)}
    ours = {n for n, v in public.items() if callable(v)} - errors
    assert ours - originals == set(ADDITIONS)
