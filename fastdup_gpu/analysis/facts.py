"""What is known about a picture, and which of several is the best: what galleries star and
deletion keeps."""

from __future__ import annotations

from dataclasses import dataclass

REASONS = (
    "not of test_dir",
    "most pixels",
    "largest file",
    "sharpest",
    "no link",
    "first by name",
)
"""What each place of a rank stands for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What statistics and the file tell about a picture; 0 where it is not known."""

    name: str
    pixels: int = 0
    bytes: int = 0
    sharpness: float = 0.0
    is_link: bool = False
    of_test: bool = False

    def rank(self) -> tuple[bool, int, int, float, bool, str]:
        """Of several pictures the one with the smallest rank is the best."""
        return (
            self.of_test,
            -self.pixels,
            -self.bytes,
            -self.sharpness,
            self.is_link,
            self.name,
        )
