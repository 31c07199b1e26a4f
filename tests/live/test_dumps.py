"""Hashes as RESTORE takes them."""

import random

import pytest
from redis.exceptions import ResponseError

from kamstream.engine import Value
from kamstream.live import Layout, LiveReader, connect
from kamstream.live.dumps import HEADS, PROBE, Kind, hash_dump
from kamstream.live.packing import DUMPS
from kamstream.local.server import Server
from tests.live.desk import Desk, change

#: What DUMP says of {"field": "text", "number": 7, "big": 300, "none": 0, "long": "x" * 70}, by version.
SAID: dict[Kind, bytes] = {
    "ziplist": bytes.fromhex(
        "0d408282000000380000000a0000056669656c6407047465787406066e756d62657208f8020362696705c02c0104046e6f6e6506f102046c6f6e6706404678787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878ff09009cc53f58c1528ee2"
    ),
    "listpack": bytes.fromhex(
        "10407d7d0000000a00856669656c6406847465787405866e756d6265720707018362696704c12c02846e6f6e65050001846c6f6e6705e0467878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787848ff0a005570bc82e1de5a6d"
    ),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_dump_is_what_redis_itself_says_of_a_hash(kind: Kind) -> None:
    pairs = ["field", "text", "number", 7, "big", 300, "none", 0, "long", "x" * 70]
    assert hash_dump(pairs, kind) == SAID[kind]


@pytest.mark.integration
@pytest.mark.parametrize("kind", HEADS)
def test_redis_reads_a_dump_as_the_hash_that_it_was_made_of(kind: Kind, redis_url: str, prefix: str) -> None:
    client, chance = connect(redis_url), random.Random(7)
    key = f"{prefix}:dump"
    try:
        client.restore(key, 0, PROBE[kind], replace=True)  # type: ignore[arg-type]
    except ResponseError:
        assert (kind, client.info("server")["redis_version"] < "7") == ("listpack", True)
        return
    for fields in (1, 2, 60, 255, 256, 300, 2_000):
        pairs: list[str | int] = []
        for at in range(fields):
            size = chance.choice((1, 5, 30, 63, 64, 120, 125, 126, 127, 130, 250, 260))
            number = chance.choice(
                (0, 12, 13, -1, 127, 128, -129, 4_095, -4_097, 40_000, -(1 << 23), -(1 << 31), 1 << 31, (1 << 53) - 1)
            )
            text = "é" * (size // 2)
            pairs += (f"{at}{'f' * size}", chance.choice((number, text)))
        client.restore(key, 0, hash_dump(pairs, kind), replace=True)  # type: ignore[arg-type]
        said = dict(zip(pairs[::2], map(str, pairs[1::2]), strict=True))
        assert client.hgetall(key) == said
        # It can be changed as any other.
        client.hset(key, mapping={str(pairs[0]): "new", "more": "1"})
        client.hdel(key, str(pairs[-2]))
        said |= {str(pairs[0]): "new", "more": "1"}
        del said[str(pairs[-2])]
        assert client.hgetall(key) == said


@pytest.mark.integration
def test_a_server_that_does_not_restore_gets_its_tables_field_by_field(own_redis: Server) -> None:
    admin = connect(own_redis.address)
    admin.execute_command("ACL", "SETUSER", "plain", "on", ">word", "~*", "&*", "+@all", "-restore")
    for user in ("", "plain:word@"):
        admin.flushall()
        desk = Desk()
        desk.put(change(full=True, a__90d=Value(1.5, 1), b__90d=Value(None, 0)))
        writer = desk.writer(own_redis.address.replace("://", f"://{user}"), "kam")
        writer.project_all(desk.tables)
        assert bool(writer._link.dumps) == (DUMPS and not user)
        (table,) = LiveReader(admin, "kam").tables("account", ["ACC-1"])
        assert table.values == {"a:90d": Value(1.5, 1), "b:90d": Value(None, 0)}
        assert not admin.exists(Layout("kam").probe)
