"""Pages inside a running notebook."""

from __future__ import annotations

import html
from pathlib import Path

from fastdup_gpu import _notebook

MAX_INLINE = 20_000_000  # characters; a larger page would bloat the notebook file


def display(page: str, path: Path, *, whole: bool) -> None:
    """Show a page in the output of a notebook cell; do nothing elsewhere. A page that is not
    `whole`, because its images are separate files, is shown as a link."""
    if (shown := _notebook.displays()) is not None:
        shown.display(shown.HTML(fragment(page, path, whole=whole)))


def fragment(page: str, path: Path, *, whole: bool) -> str:
    """The page in a frame of its own, or a link to the file if that is not possible."""
    if len(page) > MAX_INLINE or not whole:
        shown = html.escape(str(path).encode("utf-8", "replace").decode("utf-8"))
        return f'<p>Open <a href="{shown}">{shown}</a></p>'
    return (  # in a <div>, as IPython advises against a lone <iframe> at every one
        '<div><iframe sandbox="allow-scripts allow-downloads allow-modals" width="100%" '
        f'height="720" style="border:0" title="fastdup-gpu" srcdoc="{html.escape(page)}">'
        "</iframe></div>"
    )
