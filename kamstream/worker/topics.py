"""Which topics an owner consumes, and which must have one and the same partition count."""

from collections.abc import Mapping
from dataclasses import astuple

from kamstream.errors import UserError
from kamstream.events.topics import TopicNames


def sources(names: TopicNames) -> tuple[str, ...]:
    """Everything an owner of a partition consumes."""
    return (*names.inputs, names.rollups, names.time)


def copartitioned(names: TopicNames) -> tuple[str, ...]:
    """The topics whose partitions of one number belong to one owner."""
    return (*sources(names), names.changelog)


def every(names: TopicNames) -> tuple[str, ...]:
    """All topics that must exist."""
    inputs, *others = astuple(names)
    return (*inputs, *others)


def check_counts(names: TopicNames, counts: Mapping[str, int], wanted: int | None = None) -> int:
    """The partition count of the co-partitioned topics; ``counts`` are those of the topics that exist.

    UserError when one is missing, when their counts differ, or when it is not the one ``wanted``.
    """
    missing = [name for name in every(names) if not counts.get(name)]
    if missing:
        raise UserError(f"missing topics: {', '.join(missing)}; run: kamstream topics create")
    found = {name: counts[name] for name in copartitioned(names)}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in found.items())
        raise UserError(f"partition counts differ: {listed}; run: kamstream topics create")
    count = counts[names.changelog]
    if wanted is not None and count != wanted:
        raise UserError(f"the topics have {count} partitions and the settings say {wanted}")
    return count
