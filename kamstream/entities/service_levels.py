"""Service levels: promises on first response and resolution that a ticket meets, or misses when they fall due."""

from typing import Literal

from kamstream.entities.fact import FOR_ALL, Context, Fact, Record


def promises(  # one ticket's two promises share all that they are judged by
    opened: Record,
    owner: str | None,
    reply: Record | None,
    resolved: Record | None,
    context: Context,
    facts: list[Fact],
) -> int | None:
    """Add the facts ``sla_first_response`` and ``sla_resolution`` (amount: 1 met, 0 missed) of a ticket.

    A promise counts at the earlier of its event and its due time. Returns the next T at which one falls due.
    """
    due: int | None = None
    for kind, limit, done in (
        ("sla_first_response", limit_of("first_response", opened[6], context), reply),
        ("sla_resolution", limit_of("resolution", opened[6], context), resolved),
    ):
        if limit is None:
            continue
        limit_at = opened[0] + limit
        if done and done[0] <= limit_at:
            facts.append(Fact(kind, done[0], owner, (1,), "", FOR_ALL, (opened, done)))
        elif limit_at <= context.now:
            because = (opened, done) if done else (opened,)
            facts.append(Fact(kind, limit_at, owner, (0,), "", FOR_ALL, because))
        else:
            due = limit_at if due is None else min(due, limit_at)
    return due


def limit_of(what: Literal["first_response", "resolution"], priority: str, context: Context) -> int | None:
    """Milliseconds that a priority has; what the account's tier says goes before what all tiers have.

    >>> from kamstream.entities.fact import Profile, ServiceLevel, Terms
    >>> levels = (ServiceLevel("high", None, 3_600_000, 86_400_000), ServiceLevel("high", "gold", 900_000, None))
    >>> gold = Context(0, Profile("A", "ann", tier="gold"), Terms(1, "EUR", {}, {}, (), None, levels))
    >>> limit_of("first_response", "high", gold), limit_of("resolution", "high", gold)  # a quarter, a day
    (900000, 86400000)
    """
    tier = context.profile.tier if context.profile else None
    for wanted in (tier, None) if tier is not None else (None,):
        for level in context.terms.service_levels:
            limit: int | None = getattr(level, what)
            if limit is not None and level.priority == priority and level.tier == wanted:
                return limit
    return None
