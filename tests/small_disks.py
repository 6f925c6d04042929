"""Disks that tests mount for themselves, and processes that permissions count for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A tmpfs of a few kilobytes at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, kilobytes: int) -> None:
        """Give it that much room."""
        _mount("-o", f"remount,size={kilobytes}k", str(self.path))

    def protect(self) -> None:
        """Make it read-only."""
        _mount("-o", "remount,ro", str(self.path))


@contextmanager
def disk(path: Path, kilobytes: int) -> Iterator[Disk]:
    """Mount a disk, and unmount it again; skips where that is not allowed."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    path.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def unprivileged(command: list[str]) -> list[str]:
    """The command, so that it is refused what permissions forbid even if root runs it."""
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root needs setpriv to run without the right to read everything")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search", *command]
