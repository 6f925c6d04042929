"""placeholder"""
from pathlib import Path as _Path

_root = _Path(__file__).parent
if not (_root / "kernels").is_dir():  # a plain or editable checkout keeps them at the top level
    __path__.append(str(_root.parent))
