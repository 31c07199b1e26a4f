"""A partition's sentinel: how an owner knows that it still is one and that Redis still holds its writes."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from kamstream.live.errors import RedisAway, RedisLost, Superseded
from kamstream.live.layout import Layout, newer
from kamstream.live.link import Command, Link


class Fence:
    """Brackets an owner's writes: ``enter`` reads and watches the sentinel, ``commit`` runs only if it stood.

    ``sealed`` does without the second trip where nothing but the commands themselves is to be written. A version is
    epoch × 2^32 + a counter of batches, written as decimal text. The sentinel holds the version of the last batch that
    was committed or sealed and is written last, so a Redis that lost the end of its data shows an older one.
    """

    def __init__(self, link: Link, layout: Layout, partition: int, epoch: int) -> None:
        self._link = link
        self._key = layout.sentinel(partition)
        self._partition = partition
        self._epoch = epoch
        self._counter = 0
        # The sentinel lies between these two: a commit whose answer was lost may have happened or not.
        self._confirmed: str | None = None
        self._attempted = str(epoch << 32)
        #: Whether everything was written since Redis was last found lost; the writer sets it.
        self.whole = False

    def next_version(self) -> str:
        """The version of the next batch."""
        self._counter += 1
        return str((self._epoch << 32) + self._counter)

    def need_whole(self) -> None:
        """``RedisLost`` as long as not everything was written."""
        if not self.whole:
            raise RedisLost(f"partition {self._partition}: not everything is written yet")

    def enter(self, commands: Iterable[Command] = ()) -> list[Any]:
        """Send commands that guard themselves, and return their replies if the sentinel is as it was left."""
        (wrong,), replies = enter_together([self], commands)
        if wrong is not None:
            raise wrong
        return replies

    def sealed(self, commands: Iterable[Command], version: str) -> list[Any]:
        """The same in one trip, with the sentinel set to ``version`` at its end: nothing is to follow."""
        (wrong,), replies = enter_together([], commands, [(self, version)])
        if wrong is not None:
            raise wrong
        return replies

    def note(self, key: str, field: str, text: str) -> None:
        """Set one field of a hash if the sentinel is as it was left, which stays so."""
        self._link.open()
        keys, bounds = (self._key, key), (self._confirmed or "", self._attempted)
        stored = self._link.ask([("EVALSHA", self._link.sha["note"], 2, *keys, *bounds, field, text)])[0]
        if stored != 1:
            raise self._verdict(stored) or _touched()

    def commit(self, commands: Sequence[Command], version: str | None) -> None:
        """Run commands as one transaction that also sets the sentinel to ``version`` (None = leaves it)."""
        if version is not None or commands:
            (wrong,) = commit_together([(self, version)], commands)
            if wrong is not None:
                raise wrong

    def run(self, commands: Sequence[Command], version: str | None) -> None:
        """Commands that need no answer, as one guarded transaction."""
        self.enter()
        self.commit(commands, version)

    @property
    def claimed(self) -> bool:
        """Whether this owner has claimed the partition, and Redis was not found lost since."""
        return self._confirmed is not None

    def claim(self) -> None:
        """Become the owner: from here on the transactions of older owners fail."""
        self.whole = False
        self._confirmed = None
        self._link.open()
        # It may be set without our hearing of it.
        self._attempted = version = self.next_version()
        self._look(self._link.ask([("EVALSHA", self._link.sha["claim"], 1, self._key, version)])[0])
        self._confirmed = version

    def _verdict(self, stored: str | None) -> Exception | None:
        """What is wrong with the sentinel that was found."""
        try:
            self._look(stored)
        except (RedisLost, Superseded) as error:
            return error
        return None

    def _look(self, stored: str | None) -> None:
        if stored is not None and newer(stored, self._attempted):
            raise Superseded(
                f"partition {self._partition}: Redis holds the mark of epoch {int(stored) >> 32}, "
                f"this owner's is {self._epoch}: another owner took over, or this Redis is of another log"
            )
        if self._confirmed is not None and (stored is None or newer(self._confirmed, stored)):
            self.whole = False
            self._confirmed = None
            raise RedisLost(
                f"partition {self._partition}: Redis holds version {stored or 'none'}, "
                f"not {self._attempted}: it came back empty or older"
            )


def _touched() -> RedisAway:
    return RedisAway("Redis dropped the transaction: a sentinel was touched")


def enter_together(
    watched: Sequence[Fence], commands: Iterable[Command], sealed: Sequence[tuple[Fence, str]] = ()
) -> tuple[list[Exception | None], list[Any]]:
    """Send commands that guard themselves, of several owners over one link; what is wrong with each, and the replies.

    ``watched`` are those who are to commit something afterwards, ``sealed`` those who are done then: their sentinels
    are set to their versions at the end, in the same trip. Whose sentinel is not as he left it must not go on.
    """
    keys = [fence._key for fence in watched]
    look: list[Command] = [("UNWATCH",), ("WATCH", *keys), ("MGET", *keys)] if keys else []
    link = (watched or [fence for fence, _ in sealed])[0]._link
    replies = link.ask(chain(look, commands, _seal(link, sealed)))
    wrong = [fence._verdict(stored) for fence, stored in zip(watched, replies[2] if keys else (), strict=True)]
    if not sealed:
        return wrong, replies[len(look) :]
    for (fence, version), stored in zip(sealed, replies[-1], strict=True):
        if stored == 1:
            fence._confirmed = version
            wrong.append(None)
        else:
            wrong.append(fence._verdict(stored) or _touched())
    return wrong, replies[len(look) : -1]


def _seal(link: Link, owners: Sequence[tuple[Fence, str]]) -> list[Command]:
    if not owners:
        return []
    link.open()
    bounds: list[str] = []
    for fence, version in owners:
        bounds += (fence._confirmed or "", fence._attempted, version)
        # It may be set without our hearing of it.
        fence._attempted = version
    return [("EVALSHA", link.sha["seal"], len(owners), *(fence._key for fence, _ in owners), *bounds)]


def commit_together(owners: Sequence[tuple[Fence, str | None]], commands: Sequence[Command]) -> list[Exception | None]:
    """Run the commands of several owners as one transaction that also sets their sentinels; what is wrong with each.

    It does not run when any sentinel that was watched has changed: the others have to write again then.
    """
    sealed, link = list(commands), owners[0][0]._link
    marks: list[str] = []
    for fence, version in owners:
        if version is not None:
            fence._attempted = version
            marks += (fence._key, version)
    if marks:
        sealed.append(("MSET", *marks))
    replies = link.ask([("MULTI",), *sealed, ("EXEC",)])
    if replies[-1] is None:
        found = link.ask([("MGET", *(fence._key for fence, _ in owners))])[0]
        return [fence._verdict(stored) or _touched() for (fence, _), stored in zip(owners, found, strict=True)]
    for fence, version in owners:
        if version is not None:
            fence._confirmed = version
    return [None] * len(owners)
