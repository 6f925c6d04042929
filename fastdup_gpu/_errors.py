"""The errors of fastdup-gpu.

FastdupError
 ├─ InvalidArgument      (ValueError)    an argument is wrong; nothing was touched
 ├─ MissingDependency    (ImportError)   a package that an argument needs is not installed
 ├─ BackendUnavailable   (RuntimeError)  compute='gpu' without a usable GPU
 ├─ InputError           (OSError)       the input cannot be listed or read
 ├─ WorkDirError         (OSError)       work_dir cannot be used, or lacks a file
 ├─ FormatError          (ValueError)    a stored file is damaged or has the wrong content
 ├─ ConnectionLost       (RuntimeError)  the server of a remote input no longer responds
 └─ ModelError           (RuntimeError)  the ONNX model cannot be used

Messages say what was given, what was expected and what to do.
"""

from __future__ import annotations

_LONGEST = 200  # characters of a value


class FastdupError(Exception):
    """Base class of all errors that fastdup-gpu raises on purpose."""


class InvalidArgument(FastdupError, ValueError):
    """An argument has a wrong type or value; raised before anything is touched."""


class MissingDependency(FastdupError, ImportError):
    """A package that an argument needs is not installed."""


class BackendUnavailable(FastdupError, RuntimeError):
    """The requested backend cannot run on this machine."""


class InputError(FastdupError, OSError):
    """The input is missing, empty or unreadable as a whole."""


class WorkDirError(FastdupError, OSError):
    """The work_dir cannot be created or written to, is in use, or lacks a needed file."""


class FormatError(FastdupError, ValueError):
    """A stored file (features, csv, index, config) is damaged or has the wrong content."""


class ConnectionLost(FastdupError, RuntimeError):
    """The server of a remote input no longer responds; continue later with resume=1.

    Not an OSError, because that would count as the failure of a single image.
    """


class ModelError(FastdupError, RuntimeError):
    """The ONNX model cannot be loaded or does not fit the arguments."""


def choose(argument: str, given: object, known: object, *, hint: str = "") -> InvalidArgument:
    """The error for a value that is not in a list of known ones: names the argument and both."""
    listed = ", ".join(repr(k) for k in known) if isinstance(known, (list, tuple)) else str(known)
    choice = f"expected one of: {listed}." if listed else "there is none to choose."
    tail = f" {hint}" if hint else ""
    return InvalidArgument(f"{argument}={shown(given)} is not known; {choice}{tail}")


def shown(given: object) -> str:
    """A value as messages show it: its repr, cut if it is long."""
    text = repr(given)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({type(given).__name__})"
