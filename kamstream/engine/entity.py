"""An entity whose facts are derived whole: contracts, milestones, contacts, products, the profile."""

from typing import Any

from kamstream.engine.kinds import CONTACT, PRODUCT
from kamstream.engine.rows import decode, encode, record_of
from kamstream.entities.fact import Fact


class Entity:
    """Its state, the facts that count for it (None: not known), and when they change without an event.

    The state is a list of records; of a contact the latest record by person; of a product its wins by deal; of a
    profile a list with the standing record. ``changed`` says that its row is to be written.
    """

    __slots__ = ("changed", "due", "facts", "state")

    def __init__(self, state: Any, due: int | None = None) -> None:
        self.state: Any = state
        self.facts: list[Fact] | None = None
        self.due: int | None = due
        self.changed: bool = False

    @classmethod
    def restored(cls, key: str, row: bytes) -> "Entity":
        """As its row says."""
        due, state = decode(row)
        if key[0] == CONTACT:
            return cls({person: record_of(record) for person, record in state}, due)
        if key[0] == PRODUCT:
            return cls({deal: (record_of(win[0]), win[1]) for deal, win in state}, due)
        return cls([record_of(record) for record in state], due)

    def row(self) -> bytes | None:
        """Its row; None where nothing is left of it."""
        if not self.state:
            return None
        return encode((self.due, list(self.state.items()) if isinstance(self.state, dict) else self.state))
