"""Becoming the owner of a partition: read its state back, put a fence behind it, and know where to read on."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from kamstream.errors import UserError
from kamstream.events.topics import TopicNames
from kamstream.worker.changelog import Changelog
from kamstream.worker.reading import Reader
from kamstream.worker.replay import Replay
from kamstream.worker.topics import sources
from kamstream.worker.watermark import ANY, Span, Watermark, next_offsets

logger = logging.getLogger(__name__)

#: How many owners may come in between before something else must be wrong.
RIVALS = 50
#: Seconds that a rival pauses at most, after the first time and ever.
FIRST_PAUSE, MOST_PAUSE = 0.02, 1.0


@dataclass(frozen=True)
class Takeover:
    """What an owner begins with.

    ``mark`` is the fence; ``place`` is where it lies. ``repairs`` are rows to be written with the first flush.
    ``begins`` and ``ends`` are where the sources begin and end: the owner is catching up until it has passed the ends.
    """

    rows: Mapping[bytes, bytes]
    mark: Watermark
    place: int
    repairs: dict[bytes, bytes | None]
    positions: dict[str, int]
    begins: dict[str, int]
    ends: dict[str, int]
    good: tuple[Span, ...]


async def take_over(reader: Reader, changelog: Changelog, topics: TopicNames) -> Takeover:
    """Recover a partition and write a fence with a new epoch behind its log.

    UserError when an input does not reach from where the state ends: it was truncated, or made anew.
    """
    started = time.monotonic()
    partition = changelog.partition
    replay, end = await reader.replay(topics.changelog, partition)
    mark = await _fence(reader, changelog, replay, end)
    said = replay.mark.said if replay.mark else None
    positions, begins, ends = await _reading_on(reader, topics, partition, next_offsets(said))
    took = time.monotonic() - started
    logger.info(
        "partition %d: %d rows from %d records in %.2f s (%d unfinished or foreign), epoch %d",
        *(partition, len(replay.rows), replay.read, took, len(replay.damaged()), mark.epoch),
    )
    place = changelog.next - 1
    return Takeover(replay.rows, mark, place, replay.damaged(), positions, begins, ends, (Span(0, place, ANY),))


async def _fence(reader: Reader, changelog: Changelog, replay: Replay, end: int) -> Watermark:
    """Write the fence until nothing came between what was read and it."""
    owner = uuid.uuid4().hex
    for attempt in range(RIVALS):
        said = replay.mark.said if replay.mark else None
        fence = Watermark(
            epoch=replay.top_epoch + 1,
            owner=owner,
            flush=said.flush if said else 0,
            time=said.time if said else 0,
            rows=0,
            offsets=dict(next_offsets(said)),
            good=replay.spans(),
        )
        changelog.next = end
        written = await changelog.append([], fence)
        if not written.foreign:
            return fence
        # Somebody wrote before our fence: the end of the owner before us, or the fence of a rival who was first. Rivals
        # that never paused would for ever come in between each other.
        await asyncio.sleep(random.uniform(0, min(MOST_PAUSE, FIRST_PAUSE * 2**attempt)))
        place = (changelog.topic, changelog.partition)
        now_ends = (await reader.bounds([place]))[place][1]
        async for batch in reader.records(*place, end, now_ends):
            replay.feed(batch)
        end = now_ends
    raise RuntimeError(f"{changelog.topic}[{changelog.partition}]: {RIVALS} owners came in between")


async def _reading_on(
    reader: Reader, topics: TopicNames, partition: int, offsets: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Of each source: where to read on, where it begins, and where it ends now."""
    bounds = await reader.bounds([(topic, partition) for topic in sources(topics)])
    positions, begins, ends = {}, {}, {}
    for topic in sources(topics):
        first, end = bounds[topic, partition]
        at = offsets.get(topic)
        if at is not None and end < at:
            raise UserError(
                f"{topic}[{partition}] ends at {end}, but its records up to {at} are counted: "
                "the topic was made anew; delete the worker's state topic too, or restore the topic"
            )
        if at is not None and first > at and topic in topics.inputs:
            raise UserError(
                f"{topic}[{partition}] begins at {first}, but only its records up to {at} are counted: "
                "the topic was truncated; what is missing cannot be counted any more"
            )
        positions[topic] = first if at is None else max(first, at)
        begins[topic], ends[topic] = first, end
    return positions, begins, ends
