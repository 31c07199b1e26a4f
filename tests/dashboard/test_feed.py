"""The one reader for all visitors, over a real Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from redis import Redis

from kamstream.dashboard.board import Changes, Place
from kamstream.dashboard.feed import Feed, Pace, following
from kamstream.engine import Value
from kamstream.live import LiveReader
from tests.dashboard.conftest import OwnRedis
from tests.dashboard.seed import Seed

pytestmark = pytest.mark.integration
REVENUE = Place("account", "ACC-1", "revenue:30d")


class Watch:
    """Waits until something is so, looking whenever the feed tells of a change."""

    def __init__(self, feed: Feed) -> None:
        self._told = asyncio.Event()
        self.batches: list[Changes] = []
        feed.subscribe(self._note)

    def _note(self, changes: Changes) -> None:
        self.batches.append(changes)
        self._told.set()

    async def until(self, what: Callable[[], bool]) -> None:
        """Fails after some seconds."""
        async with asyncio.timeout(10):
            while not what():
                self._told.clear()
                await self._told.wait()


@contextlib.asynccontextmanager
async def running(url: str, pace: Pace) -> AsyncIterator[tuple[Feed, Watch]]:
    """A feed that runs, and a watch on it."""
    client = Redis.from_url(url, decode_responses=True)
    feed = Feed(LiveReader(client), pace)
    watch = Watch(feed)
    async with following(feed, lambda: None):
        yield feed, watch
    client.close()
    assert feed.failure is None


def test_updates_arrive_from_the_stream_alone(own_redis: OwnRedis, seed: Seed) -> None:
    async def story() -> None:
        async with running(own_redis.url, Pace(look=0.01, repair=3600)) as (feed, watch):
            await watch.until(lambda: feed.board.cell(REVENUE) == Value(10, 2))
            seed.change("account", "ACC-1", "revenue:30d", 12.5, 3)
            await watch.until(lambda: feed.board.cell(REVENUE) == Value(12.5, 3))
            assert watch.batches[-1].cells == {REVENUE}
            # A change of an account that is new: its whole table is read.
            seed.table("account", "ACC-2", {"revenue:30d": (1, 1), "nps:30d": (3, 1)}, name="New")
            seed.change("account", "ACC-2", "revenue:30d", 2, 2)
            await watch.until(lambda: feed.board.name("account", "ACC-2") == "New")
            assert feed.board.cell(Place("account", "ACC-2", "nps:30d")) == Value(3, 1)

    seed.table("account", "ACC-1", {"revenue:30d": (10, 2)})
    asyncio.run(story())


def test_what_no_update_announced_is_found_slice_by_slice(own_redis: OwnRedis, seed: Seed) -> None:
    async def story() -> None:
        async with running(own_redis.url, Pace(look=0.01, repair=0.01, repair_ids=2)) as (feed, watch):
            await watch.until(lambda: len(feed.board.entries["account"]) == 7)
            for index in range(7):
                seed.table("account", f"ACC-{index}", {"revenue:30d": (100 + index, 1)})
            seed.remove("account", "ACC-3")
            seed.table("account", "ACC-9", {"revenue:30d": (109, 1)})
            await watch.until(
                lambda: (
                    {id: entry.values["revenue:30d"].value for id, entry in feed.board.entries["account"].items()}
                    == {f"ACC-{index}": 100 + index for index in (0, 1, 2, 4, 5, 6, 9)}
                )
            )

    for index in range(7):
        seed.table("account", f"ACC-{index}", {"revenue:30d": (index, 1)})
    asyncio.run(story())


def test_redis_away_or_unreadable_is_said_and_over_by_itself(own_redis: OwnRedis, seed: Seed) -> None:
    async def story() -> None:
        async with running(own_redis.url, Pace(look=0.01)) as (feed, watch):
            await watch.until(lambda: feed.freshness.state == "live")
            seed.redis.hset("kam:alerts:active", "bad", "{")
            await watch.until(lambda: "cannot be read" in feed.freshness.banner)
            seed.redis.hdel("kam:alerts:active", "bad")
            await watch.until(lambda: feed.freshness.state == "live")
            await asyncio.to_thread(own_redis.stop)
            await watch.until(lambda: feed.freshness.state == "away")
            assert await feed.histories("account", "ACC-1", ["revenue:30d"]) == {}
            assert feed.board.cell(REVENUE) == Value(10, 2), "the last values stay, greyed"
            await asyncio.to_thread(own_redis.start)
            await watch.until(lambda: feed.freshness.state == "empty")
            assert watch.batches[-1].reset
            seed.table("account", "ACC-1", {"revenue:30d": (11, 2)})
            await watch.until(lambda: feed.board.cell(REVENUE) == Value(11, 2))

    seed.table("account", "ACC-1", {"revenue:30d": (10, 2)})
    seed.health()
    asyncio.run(story())


def test_a_bug_ends_the_feed_loudly(own_redis: OwnRedis) -> None:
    async def story() -> None:
        client = Redis.from_url(own_redis.url, decode_responses=True)
        feed, failed = Feed(LiveReader(client), Pace(look=0.01)), asyncio.Event()

        def bug(_: Changes) -> None:
            raise ZeroDivisionError

        feed.subscribe(bug)
        async with following(feed, failed.set), asyncio.timeout(10):
            await failed.wait()
        assert isinstance(feed.failure, ZeroDivisionError)
        client.close()

    asyncio.run(story())
