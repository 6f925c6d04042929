"""Removes duplicates and outliers: to the trash, to a folder, or to a labelling tool."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pandas as pd

from fastdup_gpu._arguments import flag, has_entries, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._words import count, say
from fastdup_gpu.analysis import derived, removal, trash
from fastdup_gpu.analysis.groups import Group, read_groups
from fastdup_gpu.analysis.keeping import Policy, make_policy
from fastdup_gpu.analysis.removal import Item, Origin

TRASH = "move to the trash"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: the files that go, those left alone with the reason, and for the path
    of each file that goes, the paths that stay in its place."""

    going: Sequence[Item]
    refused: Sequence[tuple[str, str]] = ()
    stays: Mapping[str, Sequence[str]] = field(default_factory=dict)


def delete_components(
    top_components: pd.DataFrame,
    to_delete: Collection[int] | None = None,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
    keep: str = "best",
    protect: object = (),
) -> list[str]:
    """Move the duplicates of each component to a trash folder; returns the paths of the files.

    See fastdup_gpu.delete_components.
    """
    policy = make_policy(how, ("one", "all"), keep, protect)
    dry_run = flag("dry_run", dry_run)
    return finish(plan_components(top_components, policy, min_distance, to_delete), dry_run)


def plan_components(
    top_components: pd.DataFrame,
    policy: Policy,
    min_distance: float = 0.96,
    to_delete: Collection[int] | None = None,
) -> Plan:
    """What delete_components() would do."""
    found = read_groups(top_components, "top_components")
    groups = _above(_picked(found.groups, to_delete), min_distance)
    return _settle(groups, policy, found.origin)


def delete_components_by_label(
    top_components_file: pd.DataFrame | str | os.PathLike[str],
    min_items: int = 10,
    min_distance: float = 0.96,
    how: str = "one",
    dry_run: bool = True,
    keep: str = "best",
    protect: object = (),
) -> list[str]:
    """Move images of components to a trash folder, depending on labels; returns their paths.

    See fastdup_gpu.delete_components_by_label.
    """
    policy = make_policy(how, ("one", "all", "majority"), keep, protect)
    whole_number("min_items", min_items)
    dry_run = flag("dry_run", dry_run)
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
    _tell_left_out(len(found.groups) - len(groups), f"fewer than min_items={min_items} files")
    return finish(_settle(_above(groups, min_distance), policy, found.origin), dry_run)


def _picked(groups: Sequence[Group], to_delete: Collection[int] | None) -> list[Group]:
    if to_delete is None:
        return list(groups)
    if not has_entries(to_delete):
        raise InvalidArgument(f"to_delete={to_delete!r}: expected a list of component_ids")
    wanted = {whole_number("component in to_delete", component) for component in to_delete}
    unknown = wanted - {group.component for group in groups}
    if unknown:
        raise InvalidArgument(
            f"to_delete names component {min(unknown)}, which is not among the "
            f"{len(groups)} components given"
        )
    return [group for group in groups if group.component in wanted]


def _above(groups: Sequence[Group], min_distance: float) -> list[Group]:
    meaning = "a similarity from 0 to 1; groups with a larger mean similarity are taken"
    real_number("min_distance", min_distance, meaning, -1, 1)
    above = [group for group in groups if group.distance > min_distance]
    why = f"mean similarity not above min_distance={min_distance}"
    _tell_left_out(len(groups) - len(above), why)
    return above


def _tell_left_out(number: int, why: str) -> None:
    if number:
        say(f"{count(number, 'component')} left out: {why}")


def _settle(groups: Sequence[Group], policy: Policy, origin: Origin) -> Plan:
    """What goes and what stays. Only a file that is still as the run saw it may be kept in place
    of others; a group of one is not a duplicate."""
    groups = [group for group in groups if len(group.members) > 1]
    going: list[Item] = []
    kept: list[Item] = []
    refused: list[tuple[str, str]] = []
    stays: dict[str, tuple[str, ...]] = {}
    items = iter(origin.items(name for group in groups for name in group.members))
    for group in groups:
        sound, bad = removal.sort_out(islice(items, len(group.members)), origin)
        refused += bad
        keep = policy.kept(sound, [group.members[item.name] for item in sound], origin)
        kept += keep
        places = {item.place for item in keep}
        loose = [item for item in sound if item.place not in places]
        going += loose
        staying = tuple(item.path for item in keep)
        stays |= {item.path: staying for item in loose}
    going, again = removal.sort_out(going, origin, kept)
    return Plan(going, refused + again, stays)


def finish(plan: Plan, dry_run: bool) -> list[str]:
    """Move to the trash, or print what would go; returns the paths that go."""
    going, locked = trash.movable(plan.going)
    refused = [*plan.refused, *locked]
    derived.tell(going)
    if dry_run:
        trash.report([item.path for item in going], refused, TRASH, plan.stays)
        return [item.path for item in going]
    outcome = trash.to_trash(going)
    outcome.refused[:0] = refused
    trash.summarize(outcome, "moved to the trash:")
    return outcome.done
