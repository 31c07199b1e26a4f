"""Tickets, threads, interactions, surveys, milestones -> facts."""

from __future__ import annotations

from collections.abc import Sequence

from tests.reference.calendars import target_ms
from tests.reference.facts import World, owner_of, with_effect
from tests.reference.parse import Ev, milliseconds


def ticket(world: World, events: Sequence[Ev]) -> None:
    """kpis.md: the table, "After a resolve", "Customer waits", "Shares and firsts"."""
    counted = with_effect(events, "opened", ["resolved"], ["reopened"], world.settings.horizon_ms)
    if not counted:
        return
    opening, account, owner = counted[0], counted[0].account, owner_of(counted)
    by_customer = opening.data.get("opened_by", "customer") == "customer"
    waiting_since = opening.time if by_customer else None
    first_reply = first_resolved = last_resolved = None
    resolved = reopened = False
    for event in counted[1:]:
        verb, data = event.type.split(".")[1], event.data
        if verb == "replied" and data.get("public", True):
            if data["by"] == "agent":
                if first_reply is None:
                    first_reply = event.time
                if waiting_since is not None:
                    measured(world, "response", account, owner, start=waiting_since, end=event.time)
                    waiting_since = None
            elif data["by"] == "customer" and waiting_since is None:
                # "A public customer message on a resolved ticket opens a wait, and the ticket stays
                #  resolved."
                waiting_since = event.time
        elif verb == "reopened":
            if waiting_since is None:
                waiting_since = event.time
            resolved = False
            # "no reopening for reopen_rate unless a resolve came before"
            reopened = reopened or first_resolved is not None
        elif verb == "resolved":
            waiting_since = None  # "ticket.resolved ends a wait without a fact."
            resolved = True
            last_resolved = event.time
            if first_resolved is None:
                first_resolved = event.time

    world.add("ticket", account, owner, opening.time, resolved=resolved)
    if first_resolved is not None:
        world.add("resolved ticket", account, owner, first_resolved, reopened=reopened)
    if not resolved:
        world.add("open ticket", account, owner, world.now)
    if waiting_since is not None:
        world.add("open wait", account, owner, world.now, since=waiting_since)
    if by_customer and first_reply is not None:
        measured(world, "first response", account, owner, start=opening.time, end=first_reply)
    if resolved and last_resolved is not None:
        measured(world, "resolution", account, owner, start=opening.time, end=last_resolved)
    if by_customer:
        service_level(world, "first_response", opening, owner, first_reply)
        service_level(world, "resolution", opening, owner, last_resolved if resolved else None)


def measured(world: World, kind: str, account: str, owner: str | None, *, start: int, end: int) -> None:
    """A duration, at its end; in open hours too where the account has a calendar."""
    world.add(kind, account, owner, end, ms=end - start, business=world.open_ms(account, start, end))


def service_level(world: World, what: str, opening: Ev, owner: str | None, event: int | None) -> None:
    """The rule: "counts at the earlier of its event and its due time: met if in time, else missed at due"."""
    profile = world.profiles.get(opening.account)
    target = target_ms(what, opening.data.get("priority", "normal"), profile, world.settings)
    if target is None:
        return
    due = opening.time + target
    met = event is not None and event <= due
    at = event if met and event is not None else due
    world.add("sla " + what, opening.account, owner, at, met=met)


def interactions(world: World, events: Sequence[Ev]) -> None:
    """Every interaction.logged is one interaction; those with a thread_id make threads."""
    threads: dict[tuple[str, str], list[Ev]] = {}
    for event in events:
        if event.data.get("automated", False):
            continue
        world.add(
            "interaction", event.account, event.data.get("owner_id"), event.time,
            contact=event.data.get("contact_id"),
        )  # fmt: skip
        if "thread_id" in event.data:
            threads.setdefault((event.account, event.data["thread_id"]), []).append(event)
    for thread in threads.values():
        thread_waits(world, sorted(thread, key=lambda e: e.order))


def thread_waits(world: World, events: Sequence[Ev]) -> None:
    """The credit: "A thread's response_time credits the owner of the answering interaction, an open wait that
    of the interaction that waits."
    """
    waiting: Ev | None = None
    for event in events:
        if event.data["direction"] == "inbound":
            waiting = waiting or event
        elif waiting is not None:
            answerer = event.data.get("owner_id")
            measured(world, "response", event.account, answerer, start=waiting.time, end=event.time)
            waiting = None
    if waiting is not None:
        world.add("open wait", waiting.account, waiting.data.get("owner_id"), world.now, since=waiting.time)


def survey(world: World, event: Ev) -> None:
    world.add("answer", event.account, event.data.get("owner_id"), event.time, score=event.data["score"])


def milestone(world: World, events: Sequence[Ev]) -> None:
    """The rule: "each milestone due in the window and not after T; at due_at"; completed at or before due."""
    counted = with_effect(events, "planned", ["completed"], [], world.settings.horizon_ms)
    if not counted:
        return
    due = milliseconds(counted[0].data["due_at"])
    in_time = any(e.type == "milestone.completed" and e.time <= due for e in counted)
    world.add("milestone", counted[0].account, owner_of(counted), due, in_time=in_time)
