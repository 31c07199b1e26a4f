"""Service levels: promises on first response and resolution that a ticket meets, or misses when they fall due."""

from kamstream.entities.fact import FOR_ALL, Context, Fact, Record, ServiceLevel


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
    level = level_of(opened[6], context)
    if level is None:
        return None
    due: int | None = None
    for kind, limit, done in (
        ("sla_first_response", level.first_response, reply),
        ("sla_resolution", level.resolution, resolved),
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


def level_of(priority: str, context: Context) -> ServiceLevel | None:
    """The service level of a priority: that of the account's tier before the one for all tiers."""
    tier = context.profile.tier if context.profile else None
    fitting = [s for s in context.terms.service_levels if s.priority == priority and s.tier in (None, tier)]
    return max(fitting, key=lambda level: level.tier is not None, default=None)
