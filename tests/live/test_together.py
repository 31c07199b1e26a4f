"""Several owners in one round: what goes wrong for one of them stays his."""

import pytest

from kamstream.engine import Value
from kamstream.live import SCRIPTS, Layout, Link, LiveReader, LiveWriter, RedisLost, Superseded, Written, connect
from tests.live.desk import Desk, change

pytestmark = pytest.mark.integration


def test_an_owner_that_was_superseded_or_has_not_written_all_does_not_stop_the_others(
    redis_url: str, prefix: str
) -> None:
    link, desks = Link(redis_url, SCRIPTS), [Desk() for _ in range(3)]
    writers = [desk.writer(redis_url, prefix, partition=at, link=link) for at, desk in enumerate(desks)]
    for at, desk in enumerate(desks):
        desk.put(change(f"A{at}", full=True, a__7d=Value(1, 1)))
    for at in (0, 1):
        writers[at].project_all(desks[at].tables)
    Desk().writer(redis_url, prefix, partition=1, epoch=2).project_all([])
    batches = [(writers[at], desk.put(change(f"A{at}", a__7d=Value(2, 1)))) for at, desk in enumerate(desks)]
    first, second, third = LiveWriter.write_together(batches)
    assert first == Written(1, ())
    assert isinstance(second, Superseded)
    assert isinstance(third, RedisLost)
    assert LiveReader(connect(redis_url), prefix).ids("account") == ["A0"]
    updates = connect(redis_url).xrange(Layout(prefix).updates)
    assert [(said["id"], said["old"], said["new"], said["n"]) for _, said in updates] == [("A0", "", "2", "1")]
