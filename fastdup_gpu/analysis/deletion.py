"""Taking away duplicates and outliers: to the trash, to a folder, or to a labelling tool."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu.analysis import derived, keeping, removal
from fastdup_gpu.analysis.groups import Group, read_groups
from fastdup_gpu.analysis.removal import Item, Origin

TRASH = "move to the trash"


def delete_components(
    top_components: pd.DataFrame,
    to_delete: Collection[int] | None = None,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
) -> list[str]:
    """Move the duplicates of each component to a trash folder; the names of the files that go.

    See fastdup_gpu.delete_components.
    """
    if how not in ("one", "all"):
        raise choose("how", how, ["one", "all"])
    found = read_groups(top_components, "top_components")
    groups = _above(_picked(found.groups, to_delete), min_distance)
    return _remove(groups, how, found.origin, dry_run)


def delete_components_by_label(
    top_components_file: pd.DataFrame | str | os.PathLike[str],
    min_items: int = 10,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
) -> list[str]:
    """Move pictures of components to a trash folder, heeding labels; the names that go.

    See fastdup_gpu.delete_components_by_label.
    """
    if how not in ("one", "all", "majority"):
        raise choose("how", how, ["one", "all", "majority"])
    found = read_groups(top_components_file, "top_components_file")
    if (
        how == "majority"
        and found.groups
        and not any(any(group.members.values()) for group in found.groups)
    ):
        raise InvalidArgument(
            "how='majority' needs labels: give get_label_func to find_top_components()"
        )
    groups = [group for group in found.groups if len(group.members) >= min_items]
    return _remove(_above(groups, min_distance), how, found.origin, dry_run)


def _picked(groups: Sequence[Group], to_delete: Collection[int] | None) -> list[Group]:
    if to_delete is None:
        return list(groups)
    wanted = {int(component) for component in to_delete}
    unknown = wanted - {group.component for group in groups}
    if unknown:
        raise InvalidArgument(
            f"to_delete names component {min(unknown)}, which is not among the "
            f"{len(groups)} components given"
        )
    return [group for group in groups if group.component in wanted]


def _above(groups: Iterable[Group], min_distance: float) -> list[Group]:
    if not -1 <= min_distance <= 1:
        raise InvalidArgument(
            f"min_distance={min_distance!r}: expected a similarity from 0 to 1; groups whose mean "
            "similarity is larger are taken"
        )
    return [group for group in groups if group.distance > min_distance]


def _remove(groups: Sequence[Group], how: str, origin: Origin, dry_run: bool) -> list[str]:
    going: list[Item] = []
    kept: list[Item] = []
    refused: list[tuple[str, str]] = []
    for group in groups:
        items = [Item(name, name) for name in group.members]
        sound, bad = removal.sort_out(items, origin)
        refused += bad
        keep = _kept(sound, group, how, origin)
        kept += keep
        going += [item for item in sound if item not in keep]
    going, again = removal.sort_out(going, origin, kept)
    return finish(going, refused + again, dry_run)


def _kept(sound: Sequence[Item], group: Group, how: str, origin: Origin) -> list[Item]:
    """Only what is still as the run saw it may be kept on behalf of the others."""
    if how == "all" or not sound:
        return []
    if how == "majority":
        labels = [group.members[item.name] for item in sound]
        return [keeping.best_of_majority(sound, labels, origin)]
    return [keeping.best(sound, origin)]


def finish(going: Sequence[Item], refused: list[tuple[str, str]], dry_run: bool) -> list[str]:
    """Move to the trash, or print what would go; the names that go."""
    derived.tell(going)
    if dry_run:
        removal.report([item.name for item in going], refused, TRASH)
        return [item.name for item in going]
    outcome = removal.to_trash(going)
    outcome.refused[:0] = refused
    removal.summarize(outcome, "moved to the trash:")
    return outcome.done
