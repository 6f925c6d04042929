"""All targets by name."""

from __future__ import annotations

from fuzz import archives, containers, detectors, images, stored, texts

FAMILIES = (stored, texts, archives, images, containers, detectors)
TARGETS = {target.name: target for family in FAMILIES for target in family.targets()}
