"""What is known about an image, and which of several is the best: the one that galleries mark
with a star and that deletion keeps."""

from __future__ import annotations

from dataclasses import dataclass

REASONS = (
    "not in test_dir",
    "most pixels",
    "largest file",
    "sharpest",
    "not a link",
    "first by name",
)
"""The meaning of each position of a rank."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the statistics and the file say about an image; 0 where unknown."""

    name: str
    pixels: int = 0
    bytes: int = 0
    sharpness: float = 0.0
    is_link: bool = False
    of_test: bool = False

    def rank(self) -> tuple[bool, int, int, float, bool, str]:
        """The best of several images is the one with the smallest rank."""
        return (
            self.of_test,
            -self.pixels,
            -self.bytes,
            -self.sharpness,
            self.is_link,
            self.name,
        )
