"""Fetch sessions: the same bytes that aiokafka sends and reads, and a broker that always knows what is asked of it."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11, FetchResponse_v11
from aiokafka.structs import TopicPartition

from kamstream.worker import sessions
from kamstream.worker.sessions import Answer, Session, SessionFetch, Sessions, in_sessions

MOST = 1 << 20
NOT_FOUND = 70
TPS = [TopicPartition(topic, number) for topic in ("kam.deals", "kam.tickets", "kam.ü") for number in range(4)]


def places_of(random: Random) -> dict[TopicPartition, int]:
    return {tp: random.choice([0, 7, 1 << 40]) for tp in random.sample(TPS, random.randrange(1, len(TPS)))}


def request(places: dict[TopicPartition, int], session: Session, rack: str = "") -> SessionFetch:
    return SessionFetch(100, 1, 50 << 20, 0, places=places, most=MOST, session=session, rack_id=rack)


def header_and_body(prepared: Any) -> bytes:
    header: bytes = prepared.build_request_header(correlation_id=7, client_id="faust-ü").encode()
    return header + bytes(prepared.encode())


# -- bytes


@pytest.mark.parametrize("seed", range(20))
def test_a_request_has_the_bytes_that_aiokafka_makes(seed: int) -> None:
    random = Random(seed)
    places, forgotten = places_of(random), random.sample(TPS, random.randrange(4))
    id, epoch, rack = random.randrange(1 << 31), random.randrange(1 << 31), random.choice(["", "eu-1"])
    asked = [
        (topic, [(n, -1, at, -1, most) for n, at, most in them]) for topic, them in sessions.by_topic(places, MOST)
    ]
    topics: dict[str, list[int]] = {}
    for tp in forgotten:
        topics.setdefault(tp.topic, []).append(tp.partition)
    theirs = FetchRequest_v11(-1, 100, 1, 50 << 20, 1, id, epoch, asked, list(topics.items()), rack)
    wanted = sessions.by_topic(places, MOST)
    assert sessions.encode((100, 1, 50 << 20, 1), id, epoch, wanted, forgotten, rack) == theirs.encode()


def test_a_first_request_is_that_of_aiokafka_but_for_the_wish_for_a_session() -> None:
    places = places_of(Random(1))
    theirs = FetchRequest(100, 1, 50 << 20, 0, sessions.by_topic(places, MOST), "eu-1").prepare({1: (4, 17)})
    theirs.__dict__["session_epoch"] = sessions.FIRST
    assert header_and_body(request(places, Session(), "eu-1").prepare({1: (4, 17)})) == header_and_body(theirs)


def test_a_broker_of_another_version_is_asked_as_aiokafka_does() -> None:
    places, session = places_of(Random(1)), Session()
    theirs = FetchRequest(100, 1, 50 << 20, 0, sessions.by_topic(places, MOST))
    for versions in ({1: (0, 4)}, {1: (4, 10)}):
        prepared = request(places, session).prepare(versions)
        assert header_and_body(prepared) == header_and_body(theirs.prepare(versions))
    assert isinstance(request(places, session).prepare({1: (0, 4)}), FetchRequest_v4)
    assert (session.id, session.epoch) == (0, sessions.FIRST)


def partition_of(random: Random, number: int) -> tuple[Any, ...]:
    numbers = [random.choice([-1, 0, 5, (1 << 62) + 3]) for _ in range(3)]
    aborted = random.choice([None, [], [(random.randrange(1 << 60), 5), (2, 1 << 50)]])
    records = random.choice([b"", b"r", bytes(random.randrange(256) for _ in range(300))])
    return (number, random.choice([0, 0, 1, 6, -1]), *numbers, aborted, random.choice([-1, 3]), records)


def response_of(random: Random, id: int = 5, code: int = 0) -> FetchResponse_v11:
    topics = [
        (topic, [partition_of(random, number) for number in range(random.randrange(4))])
        for topic in random.sample(["kam.deals", "kam.ü", ""], random.randrange(4))
    ]
    return FetchResponse_v11(random.randrange(1 << 31), code, id, topics)


@pytest.mark.parametrize("seed", range(30))
def test_an_answer_is_read_as_aiokafka_reads_it(seed: int) -> None:
    random = Random(seed)
    data = response_of(random, random.randrange(1 << 31), random.choice([0, 70, 71, -1])).encode()
    theirs, ours = FetchResponse_v11.decode(BytesIO(data)), sessions.decode(data)
    for name in ("throttle_time_ms", "error_code", "session_id", "topics"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.API_VERSION == theirs.API_VERSION
    assert all(type(each[-1]) is bytes for _, partitions in ours.topics for each in partitions)


def test_an_answer_that_ends_early_is_refused_wherever_it_ends() -> None:
    data = FetchResponse_v11(0, 0, 5, [("kam.deals", [(1, 0, 9, 9, 0, [(1, 2)], -1, b"records")])]).encode()
    sessions.decode(data)
    for size in range(len(data)):
        with pytest.raises(ValueError, match="ends"):
            sessions.decode(data[:size])


def test_a_damaged_answer_leaves_the_session_in_doubt() -> None:
    session, places = Session(), {TPS[0]: 3}
    prepared = request(places, session).prepare({1: (4, 17)})
    prepared.encode()
    with pytest.raises(ValueError, match="ends"):
        prepared.decode(BytesIO(b"\0" * 9))
    assert Broker().asked(request(places, session)) == places


def test_an_answer_is_gone_with_the_last_who_looks_at_it() -> None:
    """A fetch brings megabytes, and a worker that catches up does not look for cycles."""
    data = FetchResponse_v11(0, 0, 5, [("kam.deals", [(1, 0, 9, 9, 0, None, -1, b"records")])]).encode()
    prepared = request({TPS[0]: 3}, Session()).prepare({1: (4, 17)})
    prepared.encode()
    assert prepared.RESPONSE_TYPE.decode(BytesIO(data)).topics
    gone = weakref.ref(prepared)
    gc.disable()
    try:
        del prepared
        assert gone() is None
    finally:
        gc.enable()


# -- sessions


@dataclass
class Broker:
    """A broker as far as sessions go (KIP-227): what it knows of one consumer's fetches."""

    keeps: bool = True
    id: int = 0
    epoch: int = 0
    known: dict[TopicPartition, int] = field(default_factory=dict)
    opened: int = 100
    #: How many partitions requests named.
    named: int = 0

    def asked(self, fetch: SessionFetch) -> dict[TopicPartition, int] | None:
        """What the broker believes is asked for; None where it knows no such session."""
        prepared = fetch.prepare({1: (4, 17)})
        sent = FetchRequest_v11.decode(BytesIO(prepared.encode()))
        self._reads = prepared
        places = {TopicPartition(topic, n): at for topic, them in sent.topics for n, _, at, _, _ in them}
        self.named += len(places)
        if sent.session_epoch == sessions.FIRST:
            assert not sent.forgotten_topics_data
            self.known, self.epoch, self.id = places, 1, 0
            if self.keeps:
                self.opened = self.id = self.opened + 1
            return self.known
        if sent.session_id != self.id or not self.id or sent.session_epoch != self.epoch:
            return None
        self.epoch = self.epoch + 1 if self.epoch < sessions.LAST else 1
        self.known = self.known | places
        for topic, numbers in sent.forgotten_topics_data:
            for number in numbers:
                del self.known[TopicPartition(topic, number)]
        return self.known

    def answer(self, code: int = 0) -> None:
        """Have the answer to the last request read."""
        data = FetchResponse_v11(0, code, 0 if code else self.id, []).encode()
        self._reads.decode(BytesIO(data))

    def forget(self) -> None:
        self.id = 0


@pytest.mark.parametrize("seed", range(40))
def test_a_broker_always_knows_what_is_asked_of_it_or_says_that_it_does_not(seed: int) -> None:
    random, session = Random(seed), Session()
    broker = Broker(keeps=seed % 8 != 0)
    places = places_of(random)
    for _ in range(200):
        chance = random.random()
        if chance < 0.1:
            places = places_of(random)
        else:
            places = places | {
                tp: places[tp] + 1 for tp in random.sample(sorted(places), random.randrange(len(places)))
            }
        if random.random() < 0.05:
            broker.forget()
        known = broker.asked(request(places, session))
        if known is None:
            broker.answer(NOT_FOUND)
            known = broker.asked(request(places, session))
        assert known == places
        if random.random() < 0.9:  # else the connection broke, or nobody waits for the answer any more
            broker.answer()


def test_only_what_moved_is_named() -> None:
    session, broker = Session(), Broker()
    places = dict.fromkeys(TPS, 10)
    for number in range(5):
        places = places | {TPS[0]: 10 + number}
        assert broker.asked(request(places, session)) == places
        broker.answer()
    assert broker.named == len(TPS) + 4
    assert session.epoch == 5


def test_epochs_begin_again_behind_the_last() -> None:
    session, broker, places = Session(), Broker(), {TPS[0]: 1}
    broker.asked(request(places, session))
    broker.answer()
    session.epoch = broker.epoch = sessions.LAST
    for _ in range(2):
        assert broker.asked(request(places, session)) == places
        broker.answer()
    assert session.epoch == 2


def test_an_answer_nobody_waits_for_changes_nothing() -> None:
    session = Session()
    session.tell(object(), {TPS[0]: 1})
    session.answered(object(), Answer(0, 0, 9, []))
    assert (session.id, session.epoch) == (0, sessions.FIRST)


# -- what aiokafka sees of it


def test_what_was_asked_is_afterwards_what_was_answered() -> None:
    fetch = request({TPS[0]: 5, TPS[1]: 6}, Session())
    assert fetch.topics == [("kam.deals", [(0, 5, MOST), (1, 6, MOST)])]
    prepared = fetch.prepare({1: (4, 17)})
    prepared.encode()
    answer = FetchResponse_v11(0, 0, 5, [("kam.deals", [(n, 0, 9, 9, 0, None, -1, b"") for n in (1, 3)])])
    prepared.decode(BytesIO(answer.encode()))
    # What was not asked for has no place, which aiokafka takes for one that was left meanwhile.
    assert fetch.topics == [("kam.deals", [(1, 6, MOST), (3, -1, MOST)])]


class State:
    """A partition as a consumer has it."""

    def __init__(self, random: Random) -> None:
        self.has_valid_position = random.random() < 0.9
        self.paused = random.random() < 0.1
        self.position = random.randrange(1000)
        self.highwater = random.choice([None, 1000])
        self.resume_fut = object() if self.paused else None


def fetcher_of(random: Random) -> Any:
    """What a fetcher knows, and the assignment it works on."""
    leaders = {tp: random.choice([1, 1, 1, 2, 2, 3, None, -1] if random.random() < 0.5 else [1, 2]) for tp in TPS}
    states = {tp: State(random) for tp in TPS}
    backoffs = {tp: random.choice([0, 0.05, 0.1]) for tp in random.sample(TPS, random.choice([0, 0, 1, 3]))}
    fetcher = Fetcher.__new__(Fetcher)
    vars(fetcher).update(
        _records={tp: SimpleNamespace(calculate_backoff=lambda at=at: at) for tp, at in backoffs.items()},
        _in_flight=set(random.sample([1, 2, 3], random.choice([0, 0, 1]))),
        _preferred_read_replica={},
        _client=SimpleNamespace(cluster=SimpleNamespace(leader_for_partition=leaders.get)),
        _client_rack=random.choice([None, "eu-1"]),
        _fetch_max_wait_ms=100,
        _fetch_min_bytes=1,
        _fetch_max_bytes=50 << 20,
        _max_partition_fetch_bytes=MOST,
        _isolation_level=0,
        _fetcher_timeout=0.2,
    )
    return fetcher, SimpleNamespace(tps=frozenset(TPS), state_value=states.get)


def comparable(actions: Any) -> Any:
    fetches, resets, timeout, unknown, resumed = actions
    sent = {}
    for node, fetch in fetches:
        places = {(topic, *each) for topic, partitions in fetch.topics for each in partitions}
        sent[node] = (
            places,
            fetch._max_wait_ms,
            fetch._min_bytes,
            fetch._max_bytes,
            fetch._isolation_level,
            fetch._rack_id,
        )
    return sent, {node: set(tps) for node, tps in resets.items()}, timeout, unknown, set(resumed)


@pytest.mark.parametrize("seed", range(300))
def test_what_is_to_be_done_next_is_what_aiokafka_would_do(seed: int) -> None:
    fetcher, assignment = fetcher_of(Random(seed))
    ours = Sessions(fetcher).actions(assignment)
    assert comparable(ours) == comparable(Fetcher._get_actions_per_node(fetcher, assignment))


def test_partitions_take_turns_where_a_broker_keeps_no_session() -> None:
    fetcher, assignment = fetcher_of(Random(0))
    fetcher._records, fetcher._in_flight = {}, set()
    fetcher._client.cluster.leader_for_partition = lambda tp: 1
    for tp in TPS:
        vars(assignment.state_value(tp)).update(has_valid_position=True, paused=False)
    asked = Sessions(fetcher)
    firsts = {str(asked.actions(assignment).fetches[0][1].topics) for _ in range(20)}
    assert len(firsts) > 1


def test_a_broker_is_asked_anew_for_an_end_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle partition is left out of later answers: a dropped one, or a rebalance, would leave its end unknown."""
    fetcher, assignment = fetcher_of(Random(0))
    fetcher._records, fetcher._in_flight = {}, set()
    fetcher._client.cluster.leader_for_partition = fetcher._select_read_replica = lambda tp: 1
    for tp in TPS:
        vars(assignment.state_value(tp)).update(has_valid_position=True, paused=False, position=3, highwater=3)
    asked = Sessions(fetcher)

    def named() -> set[TopicPartition]:
        ((_, fetch),) = asked.actions(assignment).fetches
        session = asked._sessions[1]
        wanted, _ = session.tell(fetch, fetch._places)
        session.answered(fetch, Answer(0, 0, 5, []))
        return set(wanted)

    assert named() == set(TPS)
    assert named() == set()
    assignment.state_value(TPS[2]).highwater = None
    assert named() == set(TPS)
    # One that answers with an error tells no end, either: it must not have everything asked for each time.
    assert named() == set()
    later = time.monotonic() + sessions.AGAIN
    monkeypatch.setattr(sessions.time, "monotonic", lambda: later)
    assert named() == set(TPS)
    assignment.state_value(TPS[2]).highwater = 3
    assert named() == set()


def test_a_fetcher_of_aiokafka_is_known_and_another_one_is_left_alone() -> None:
    fetcher, assignment = fetcher_of(Random(1))
    assert in_sessions(fetcher)
    assert isinstance(fetcher._get_actions_per_node(assignment), sessions.Actions)

    class Other:
        def _get_actions_per_node(self, assignment: Any) -> Any:
            return self

    other = Other()
    assert not in_sessions(other)
    assert "_get_actions_per_node" not in vars(other)
