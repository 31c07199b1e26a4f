"""Fetch sessions (KIP-227): a broker is told what changed since the fetch before, and answers with what changed.

aiokafka knows none: each of its requests names every partition, and so does each answer, be there a single new record.
A worker has dozens of partitions and asks many times a second; saying the same again would cost it, and the broker,
more than the events do. When to fetch from where, and what to do with an answer, stay as aiokafka has them; only what
is said is ours. A broker that keeps no session for us, or speaks other versions, is asked for everything each time.
"""

from __future__ import annotations

import inspect
import random
import struct
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from struct import Struct
from typing import Any, BinaryIO, Final, NamedTuple

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

#: Number and version of a fetch among Kafka's requests.
KEY: Final = 1
VERSION: Final = 11
#: The epoch of a request that begins a session, and the last one there is.
FIRST: Final = 0
LAST: Final = (1 << 31) - 1
#: Seconds between two times at which a session starts over because something was not heard.
AGAIN: Final = 1.0

_REQUEST: Final = Struct(">hhih")
_SETTINGS: Final = Struct(">iiiibiii")
_WANTED: Final = Struct(">iiqqi")
_SHORT: Final = Struct(">h")
_INT: Final = Struct(">i")
_ANSWER: Final = Struct(">ihii")
_PARTITION: Final = Struct(">ihqqqi")
_ABORTED: Final = Struct(">qq")
_RECORDS: Final = Struct(">ii")

#: Of each partition, the offset to be read next.
Places = Mapping[TopicPartition, int]


class Session:
    """What one broker knows of our fetches, as far as that is certain."""

    def __init__(self) -> None:
        self.id = 0
        self.epoch = FIRST
        self._told: Places = {}
        self._awaited: object = None
        self._asked_again = -AGAIN

    def knows(self, tp: TopicPartition, at: int) -> bool:
        """Whether the broker was told this place: nothing is said of it again until something comes."""
        return self.epoch != FIRST and self._told.get(tp) == at

    def tell(self, request: object, places: Places) -> tuple[Places, Collection[TopicPartition]]:
        """What a request has to name, and what it has to take back, for the broker to know these places."""
        if self._awaited is not None:
            self.start_over()  # whether the broker got that one is not known
        told, self._told, self._awaited = self._told, places, request
        if self.epoch == FIRST:
            return places, ()
        known = told.get
        return {tp: at for tp, at in places.items() if known(tp) != at}, told.keys() - places.keys()

    def answered(self, request: object, answer: Answer) -> None:
        """The broker has answered: unless it says otherwise, it knows what it was told."""
        if request is not self._awaited:
            return
        self._awaited = None
        if answer.error_code:
            self.start_over()
        elif not answer.session_id:
            self.id = 0  # it keeps no session
            self.start_over()
        else:
            self.id = answer.session_id
            self.epoch = self.epoch + 1 if self.epoch < LAST else FIRST + 1

    def ask_again(self, now: float) -> None:
        """Start over, because something was not heard; a partition that answers with errors must not do it for ever."""
        if now - self._asked_again >= AGAIN:
            self._asked_again = now
            self.start_over()

    def start_over(self) -> None:
        """Ask for everything; that closes the session of this id, should the broker have one."""
        self.epoch = FIRST


class Answer(NamedTuple):
    """What a broker answered, by the names that aiokafka gives it."""

    throttle_time_ms: int
    error_code: int
    session_id: int
    topics: list[tuple[str, list[tuple[Any, ...]]]]
    API_VERSION: int = VERSION


class AnswerHeader(NamedTuple):
    """What stands before an answer."""

    correlation_id: int


class RequestHeader(NamedTuple):
    """What stands before a request."""

    correlation_id: int
    client_id: str

    def encode(self) -> bytes:
        """As bytes."""
        name = self.client_id.encode()
        return _REQUEST.pack(KEY, VERSION, self.correlation_id, len(name)) + name


class SessionFetch(FetchRequest):  # type: ignore[misc]  # aiokafka tells no types
    """A fetch from these places that belongs to a session, if the broker can."""

    def __init__(self, *settings: Any, places: Places, most: int, session: Session, rack_id: str = "") -> None:
        super().__init__(*settings, (), rack_id=rack_id)
        self._places = places
        self._most = most
        self._session = session
        self._answer: Answer | None = None

    @property
    def topics(self) -> list[tuple[str, list[tuple[int, int, int]]]]:
        """What is asked for; once there is an answer, what of it was answered."""
        if self._answer is None:
            return by_topic(self._places, self._most)
        asked, most = self._places.get, self._most
        return [
            (topic, [(each[0], asked(TopicPartition(topic, each[0]), -1), most) for each in partitions])
            for topic, partitions in self._answer.topics
        ]

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Any:
        """The request as it is sent to a broker of these versions."""
        least, most = versions.get(KEY, (0, 0))
        if least <= VERSION <= most:
            return Asked(self)
        self._topics = self.topics
        return super().prepare(versions)

    def encode(self) -> bytes:
        """The request in version 11; the session counts it as sent."""
        wanted, forgotten = self._session.tell(self, self._places)
        settings = (self._max_wait_ms, self._min_bytes, self._max_bytes, self._isolation_level)
        return encode(
            settings, self._session.id, self._session.epoch, by_topic(wanted, self._most), forgotten, self._rack_id
        )

    def decode(self, data: bytes) -> Answer:
        """The answer. ValueError where it is damaged."""
        self._answer = answer = decode(data)
        self._session.answered(self, answer)
        return answer


class Asked:
    """A request as it is sent, and who reads its answer: what aiokafka's connection has to know."""

    API_KEY = KEY
    API_VERSION = VERSION

    def __init__(self, request: SessionFetch) -> None:
        self.encode = request.encode
        self._read = request.decode

    @property
    def RESPONSE_TYPE(self) -> Asked:  # noqa: N802  # aiokafka's name for it
        """Who reads the answer. Kept as an attribute it would be a cycle that keeps all the bytes of the answer."""
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> RequestHeader:
        """What stands before the request."""
        return RequestHeader(correlation_id, client_id)

    def parse_response_header(self, data: BinaryIO) -> AnswerHeader:
        """What stands before the answer."""
        return AnswerHeader(*_INT.unpack(data.read(_INT.size)))

    def decode(self, data: BinaryIO) -> Answer:
        """The answer. ValueError where it is damaged."""
        return self._read(data.read())


def by_topic(places: Places, most: int) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """Places as a request has them, each with how many bytes are wanted at most."""
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), offset in places.items():
        topics.setdefault(topic, []).append((partition, offset, most))
    return list(topics.items())


# -- the bytes, of version 11


def encode(
    settings: Sequence[int],
    id: int,
    epoch: int,
    wanted: Sequence[tuple[str, Sequence[tuple[int, int, int]]]],
    forgotten: Iterable[TopicPartition],
    rack: str,
) -> bytes:
    """A request; ``settings``: longest wait (ms), fewest bytes, most bytes, isolation level."""
    parts = [_SETTINGS.pack(-1, *settings, id, epoch, len(wanted))]
    for topic, partitions in wanted:
        parts += (_text(topic), _INT.pack(len(partitions)))
        # Neither a leader's epoch nor where the log begins is known to a consumer.
        parts += [_WANTED.pack(partition, -1, offset, -1, most) for partition, offset, most in partitions]
    numbers: dict[str, list[int]] = {}
    for topic, partition in forgotten:
        numbers.setdefault(topic, []).append(partition)
    parts.append(_INT.pack(len(numbers)))
    for topic, left in numbers.items():
        parts += (_text(topic), _INT.pack(len(left)), *map(_INT.pack, left))
    parts.append(_text(rack))
    return b"".join(parts)


def decode(data: bytes) -> Answer:
    """What a broker answered. ValueError where that is damaged."""
    try:
        throttled, code, id, count = _ANSWER.unpack_from(data)
        topics, at = [], _ANSWER.size
        for _ in range(count):
            (size,) = _SHORT.unpack_from(data, at)
            begin = at + _SHORT.size
            name = data[begin : begin + size].decode()
            (length,) = _INT.unpack_from(data, begin + size)
            at = begin + size + _INT.size
            partitions = []
            for _ in range(length):
                partition, at = _partition(data, at)
                partitions.append(partition)
            topics.append((name, partitions))
    except struct.error as error:
        raise ValueError(f"a broker's answer ends early: {error}") from error
    return Answer(throttled, code, id, topics)


def _partition(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    """What is said of a partition, and where that ends."""
    *head, count = _PARTITION.unpack_from(data, at)
    at += _PARTITION.size
    aborted = None if count == -1 else [_ABORTED.unpack_from(data, at + n * _ABORTED.size) for n in range(count)]
    at += max(0, count) * _ABORTED.size
    replica, size = _RECORDS.unpack_from(data, at)
    at += _RECORDS.size
    end = at + max(0, size)
    if end > len(data):
        raise ValueError("a broker's answer ends within records")
    return (*head, aborted, replica, data[at:end]), end


def _text(text: str) -> bytes:
    data = text.encode()
    return _SHORT.pack(len(data)) + data


# -- what to ask for


class Actions(NamedTuple):
    """What a fetcher does next, as aiokafka has it.

    What to send to which broker, of which partitions a broker has to be asked for a place first, how long to wait (s)
    for something to happen, whether the leader of a partition is not known, and what is done when one is resumed.
    """

    fetches: list[tuple[int, SessionFetch]]
    resets: Mapping[int, list[TopicPartition]]
    timeout: float
    unknown: bool
    resumed: list[Any]


class Sessions:
    """A fetcher's sessions, one with each broker; ``actions`` says the same as aiokafka's, with fewer words."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._sessions: defaultdict[int, Session] = defaultdict(Session)

    def actions(self, assignment: Any) -> Actions:
        """What is to be done next for the partitions of an assignment."""
        fetcher = self._fetcher
        records, in_flight, state_of = fetcher._records, fetcher._in_flight, assignment.state_value
        replica = fetcher._select_read_replica
        places: defaultdict[int, dict[TopicPartition, int]] = defaultdict(dict)
        resets: defaultdict[int, list[TopicPartition]] = defaultdict(list)
        backoffs: defaultdict[int, float] = defaultdict(float)
        unknown, resumed = False, []
        for tp in assignment.tps:
            node = replica(tp)
            if tp in records:
                # Not taken yet. The others need not wait for it too long.
                backoff = records[tp].calculate_backoff()
                if backoff:
                    backoffs[node] = max(backoffs[node], backoff)
            elif node in in_flight:
                continue
            elif node is None or node == -1:
                unknown = True
            else:
                state = state_of(tp)
                if state.has_valid_position:
                    if state.paused:
                        resumed.append(state.resume_fut)
                    else:
                        places[node][tp] = state.position
                        # Where it ends was said in an answer that was dropped, or before a rebalance.
                        if state.highwater is None and self._sessions[node].knows(tp, state.position):
                            self._sessions[node].ask_again(time.monotonic())
                    continue
                # Only the leader knows.
                leader = fetcher._client.cluster.leader_for_partition(tp)
                if leader is None or leader == -1:
                    unknown = True
                else:
                    resets[leader].append(tp)
        fetches = [
            (node, self._fetch(node, found))
            for node, found in places.items()
            if node not in backoffs and node not in resets
        ]
        timeout = min(backoffs.values()) if backoffs else fetcher._fetcher_timeout
        return Actions(fetches, resets, timeout, unknown, resumed)

    def _fetch(self, node: int, places: dict[TopicPartition, int]) -> SessionFetch:
        fetcher, session = self._fetcher, self._sessions[node]
        if session.epoch == FIRST:
            # Without a session nobody else sees to it that partitions take turns.
            mixed = list(places.items())
            random.shuffle(mixed)
            places = dict(mixed)
        return SessionFetch(
            *(fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes, fetcher._fetch_max_bytes),
            fetcher._isolation_level,
            places=places,
            most=fetcher._max_partition_fetch_bytes,
            session=session,
            rack_id=fetcher._client_rack or "",
        )


#: What aiokafka's own method makes use of. Where that is something else, it does something else.
_KNOWN: Final = (
    "FetchRequest _client _client_rack _fetch_max_bytes _fetch_max_wait_ms _fetch_min_bytes _fetcher_timeout "
    "_in_flight _isolation_level _max_partition_fetch_bytes _records _select_read_replica append calculate_backoff "
    "cluster collections debug defaultdict has_valid_position items leader_for_partition list log map max min "
    "partition paused position random resume_fut shuffle state_value topic tps values"
)
_SETTINGS_OF: Final = "self max_wait_time min_bytes max_bytes isolation_level topics rack_id"


def in_sessions(fetcher: Any) -> bool:
    """Let a fetcher that has not begun fetch in sessions; False where aiokafka is not the one that is known here."""
    method = getattr(type(fetcher), "_get_actions_per_node", None)
    settings = inspect.signature(FetchRequest.__init__).parameters
    newest = FetchRequest._CLASSES[-1].API_VERSION
    if method is None or set(method.__code__.co_names) != set(_KNOWN.split()):
        return False
    if newest != VERSION or list(settings) != _SETTINGS_OF.split():
        return False
    fetcher._get_actions_per_node = Sessions(fetcher).actions
    return True
