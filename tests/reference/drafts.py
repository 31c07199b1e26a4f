"""One random event of any type, for the generators of histories: its `data`, and how times are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

from tests.reference.settings import DAY, MINUTE

T = TypeVar("T")

TYPES: dict[str, tuple[str, ...]] = {
    "interaction": ("interaction.logged",),
    "survey": ("survey.answered",),
    "milestone": ("milestone.planned", "milestone.completed"),
    "deal": ("deal.opened", "deal.updated", "deal.won", "deal.lost", "deal.reopened"),
    "contract": ("contract.started", "contract.renewed", "contract.changed", "contract.ended"),
    "ticket": (
        "ticket.opened",
        "ticket.replied",
        "ticket.assigned",
        "ticket.resolved",
        "ticket.reopened",
    ),
    "account": ("account.updated",),
}
FAMILIES = tuple(TYPES)

PEOPLE = ("ann", "bob", "cid")
PRIORITIES = ("low", "normal", "high", "urgent")
AMOUNTS = (0, 0.01, 0.03, 1, 9.99, 100, 1234.5, 99999.95, 10**12)
PROBABILITIES = (0, 0.1, 0.25, 0.333, 1, 1.0)
DAYS_AROUND = (-400, -31, -8, -7, -3, -2, -1, 0, 1, 2, 6, 7, 8, 30, 364, 365)


class Pick(Protocol):
    """Where chance comes from: a seeded generator, or hypothesis."""

    def one(self, options: Sequence[T]) -> T: ...

    def chance(self, percent: int) -> bool: ...


def rfc3339(at: int, pick: Pick | None = None) -> str:
    """A time as text; with `pick` sometimes in another offset or with digits finer than milliseconds."""
    offset = timedelta(minutes=pick.one((0, 120, -330))) if pick and pick.chance(15) else timedelta(0)
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
    text = local.astimezone(timezone(offset)).isoformat(timespec="milliseconds")
    if pick and pick.chance(10):
        text = text[:23] + "999" + text[23:]
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def day(at: int, shift: int) -> str:
    return rfc3339(at + shift * DAY)[:10]


def maybe(pick: Pick, data: dict[str, Any], name: str, options: Sequence[Any], percent: int = 50) -> None:
    """An optional field: one of the options, or absent, or now and then null."""
    outcome = pick.one(range(100))
    if outcome >= 100 - percent:
        data[name] = pick.one(options)
    elif 1 <= outcome <= 4:
        data[name] = None


def payload(pick: Pick, type_: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    """The `data` of an event of `type_` about the entity; its own dates lie around `near` (ms)."""
    family, verb = type_.split(".")
    return _PAYLOADS[family](pick, verb, entity, near, currencies)


def _interaction(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "interaction_id": "I",
        "direction": pick.one(("inbound", "outbound")),
        "channel": pick.one(("email", "phone", "meeting", "other")),
    }
    maybe(pick, data, "thread_id", (entity,), 75)
    maybe(pick, data, "contact_id", ("x", "y"), 60)
    maybe(pick, data, "automated", (False, True), 25)
    maybe(pick, data, "duration_seconds", (60,), 10)
    maybe(pick, data, "owner_id", PEOPLE)
    return data


def _survey(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"survey_id": entity, "score": pick.one((0, 6, 7, 8, 9, 10))}
    maybe(pick, data, "owner_id", PEOPLE)
    return data


def _milestone(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"project_id": pick.one(("P", "P", "P", "P", "Q")), "milestone_id": entity}
    if verb == "planned":
        shift = pick.one((-DAY, -1, 0, 1, MINUTE, DAY, 3 * DAY, 40 * DAY))
        data["due_at"] = rfc3339(near + shift, pick)
        maybe(pick, data, "owner_id", PEOPLE)
    return data


def _deal(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"deal_id": entity}
    if verb in ("opened", "updated"):
        maybe(pick, data, "amount", AMOUNTS)
        maybe(pick, data, "currency", currencies)
        maybe(pick, data, "stage", ("Lead", "Proposal"))
        maybe(pick, data, "probability", PROBABILITIES, 30)
        maybe(pick, data, "expected_close_on", [day(near, n) for n in DAYS_AROUND], 70)
    elif verb == "won":
        data |= {"amount": pick.one(AMOUNTS), "currency": pick.one(currencies)}
        maybe(pick, data, "cost", AMOUNTS)
        maybe(pick, data, "products", (["p"], ["q"], ["p", "q"], ["r", "r"], []), 70)
    elif verb == "lost":
        maybe(pick, data, "reason", ("price",))
    if verb in ("opened", "updated", "won"):
        maybe(pick, data, "owner_id", PEOPLE)
    return data


def _contract(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"contract_id": entity}
    if verb == "started":
        data |= {"starts_on": day(near, pick.one(DAYS_AROUND)), "annual_value": pick.one(AMOUNTS)}
        data["currency"] = pick.one(currencies)
        maybe(pick, data, "owner_id", PEOPLE)
    if verb in ("started", "renewed"):
        maybe(pick, data, "ends_on", [day(near, n) for n in DAYS_AROUND], 60)
    if verb == "renewed":
        maybe(pick, data, "annual_value", AMOUNTS)
    elif verb == "changed":
        data["annual_value"] = pick.one(AMOUNTS)
    elif verb == "ended":
        data["ended_on"] = day(near, pick.one(DAYS_AROUND))
    return data


def _ticket(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"ticket_id": entity}
    if verb == "opened":
        maybe(pick, data, "opened_by", ("customer", "agent"), 40)
        maybe(pick, data, "priority", PRIORITIES)
        maybe(pick, data, "owner_id", PEOPLE)
    elif verb == "replied":
        data["by"] = pick.one(("agent", "customer", "agent", "customer", "bot"))
        maybe(pick, data, "public", (True, False), 30)
    elif verb == "assigned":
        data["owner_id"] = pick.one(PEOPLE)
    return data


def _account(pick: Pick, verb: str, entity: str, near: int, currencies: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {"name": "Acme", "kam_id": pick.one(PEOPLE)}
    maybe(pick, data, "segment", ("industry",), 30)
    maybe(pick, data, "tier", ("gold", "silver"), 60)
    maybe(pick, data, "country", ("FR", "US"), 50)
    maybe(pick, data, "category_spend_annual", (0, 1000, 3650, 123456.78), 60)
    maybe(pick, data, "currency", currencies, 30)
    return data


_PAYLOADS = {
    "interaction": _interaction,
    "survey": _survey,
    "milestone": _milestone,
    "deal": _deal,
    "contract": _contract,
    "ticket": _ticket,
    "account": _account,
}


def event(*, account: str, type_: str, at: str, source: str, id_: str, data: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent."""
    return {
        "specversion": "1.0",
        "type": type_,
        "source": source,
        "id": id_,
        "subject": account,
        "time": at,
        "data": data,
    }
