"""The errors of fastdup-gpu.

FastdupError
 ├─ InvalidArgument      (ValueError)    an argument is wrong; nothing was touched
 ├─ MissingDependency    (ImportError)   a package that an argument asked for is not installed
 ├─ BackendUnavailable   (RuntimeError)  compute='gpu' without a usable GPU stack
 ├─ InputError           (OSError)       the input cannot be listed or read
 ├─ WorkDirError         (OSError)       work_dir cannot be used
 ├─ FormatError          (ValueError)    a stored file does not hold what it should
 ├─ ConnectionLost       (RuntimeError)  the server of a remote input answers no more
 └─ ModelError           (RuntimeError)  the ONNX model cannot be used

Every message says what was given, what was expected and what to do.
"""

from __future__ import annotations

_LONGEST = 200  # letters of a value


class FastdupError(Exception):
    """Base of all errors raised on purpose by fastdup-gpu."""


class InvalidArgument(FastdupError, ValueError):
    """An argument has a wrong type or value; raised before anything is touched."""


class MissingDependency(FastdupError, ImportError):
    """A package is missing that an explicit argument needs."""


class BackendUnavailable(FastdupError, RuntimeError):
    """The backend that was asked for cannot run on this machine."""


class InputError(FastdupError, OSError):
    """The input is missing, empty or unreadable as a whole."""


class WorkDirError(FastdupError, OSError):
    """The work_dir cannot be created, written to, or lacks a needed file."""


class FormatError(FastdupError, ValueError):
    """A stored file (features, csv, index, config) is damaged or of another shape."""


class ConnectionLost(FastdupError, RuntimeError):
    """The server of a remote input answers nothing any more; resume=1 goes on later.

    No OSError, which would be taken for the reason of one picture.
    """


class ModelError(FastdupError, RuntimeError):
    """The ONNX model cannot be loaded or does not fit the arguments."""


def choose(argument: str, given: object, known: object, *, hint: str = "") -> InvalidArgument:
    """The error for a value outside a closed list: names the argument, the value and the list."""
    listed = ", ".join(repr(k) for k in known) if isinstance(known, (list, tuple)) else str(known)
    tail = f" {hint}" if hint else ""
    return InvalidArgument(f"{argument}={shown(given)} is not known; known are: {listed}.{tail}")


def shown(given: object) -> str:
    """A value as messages show it: its repr, of which a long one is cut."""
    text = repr(given)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({type(given).__name__})"
