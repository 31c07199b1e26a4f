"""Which documents are written again: those a change concerns, in whatever way it does."""

from __future__ import annotations

from kamstream.engine import TableChange, Value
from kamstream.entities.fact import Profile
from kamstream.goals.desk import Desk
from tests.goals.test_documents import BOARD

AGREED = Profile("A", "ann", targets=(("nps", "90d", 40.0),))
OTHER = Profile("A", "ann", targets=(("nps", "90d", 50.0),))
NONE = Profile("A", "ann")


def change(id: str, *fields: str, scope: str = "account", **more: object) -> TableChange:
    return TableChange(scope, id, 0, {field: Value(1, 1) for field in fields}, **more)  # type: ignore[arg-type]


def test_documents_are_due_when_their_fields_change_or_the_whole_table_is_new() -> None:
    desk = Desk(BOARD)
    changes = [
        change("B", "revenue:mtd"), change("C", "revenue:30d"), change("B", "nps:30d"), change("D", full=True),
        change("E", full=True, gone=True), change("ann", "open_tickets:now", scope="kam"),
        change("A", "oldest_wait:now"),
    ]  # fmt: skip
    assert desk.due(changes) == [("account", "B"), ("account", "D"), ("kam", "ann"), ("account", "A")]


def test_a_profile_with_other_targets_is_noticed_until_it_is_written() -> None:
    desk = Desk(BOARD)
    for profile in (AGREED, OTHER, NONE):
        assert desk.due([change("B", profile=profile)]) == [("account", "B")], profile
        assert desk.due([change("B", profile=profile)]) == [("account", "B")], "nothing was written yet"
        desk.documents([change("B", full=True, profile=profile)])
        assert desk.due([change("B", profile=profile)]) == []


def test_documents_of_what_is_gone_are_not_written() -> None:
    desk = Desk(BOARD)
    desk.documents([change("B", full=True, profile=AGREED)])
    assert desk.documents([change("B", full=True, gone=True)]) == []
    assert desk.due([change("B", profile=NONE)]) == []
    made = desk.documents([change("B", "revenue:mtd", full=True, profile=AGREED)])
    assert [(one.kind, one.scope, one.id, one.text is None) for one in made] == [
        ("scorecard", "account", "B", False),
        ("goals", "account", "B", False),
    ]
