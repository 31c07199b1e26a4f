"""The open deals of an id, and its outlook: what they promise for the days ahead."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kamstream.engine import Value
from kamstream.entities.deals import probability_of
from kamstream.goals.deals import Deals
from kamstream.goals.forecast import Counts, a_year_before, revenue
from kamstream.goals.pay import half_up
from kamstream.goals.target import attainment
from kamstream.report.material import OpenDeal, Outlook
from kamstream.windows import DAY, parse

#: Shorter windows are no outlook for a meeting.
LEAST_DAYS = 28


def open_deals(deals: Deals, counts: Counts, name_of: Callable[[str], str | None], now: int) -> list[OpenDeal]:
    """The open deals: the overdue ones first, the longest overdue on top, then as they are expected to close."""
    found = []
    for key, deal in deals.standing():
        if deal.closing is not None or not counts(key.account, deal.owner):
            continue
        at = now if deal.expected is None else deal.expected * DAY
        minor = None if deal.amount is None else deals.home(deal.amount, deal.currency, at)
        probability = probability_of(deal, deals.terms.stage_probabilities)
        amount = None if minor is None else minor / 100
        weighted = half_up((minor or 0) * probability) / 100
        late = deal.expected is not None and deal.expected < now // DAY
        whose = key.account, name_of(key.account), key.deal, deal.owner, deal.stage, deal.expected
        found.append(OpenDeal(*whose, amount, float(probability), weighted, late))
    return sorted(found, key=lambda one: (one.expected is None, one.expected or 0, one.account, one.deal))


def outlooks(
    windows: Sequence[str],
    values: Mapping[str, Value],
    goals: Sequence[Mapping[str, Any]],
    past: tuple[Deals, Counts] | None,
    now: int,
) -> list[Outlook]:
    """The weighted pipeline of each window of days, beside the same days a year before and the target."""
    targets = {f"{goal['kpi']}:{goal['window']}": float(goal["target"]) for goal in goals}
    rows = []
    for name in windows:
        value = values.get(f"weighted_pipeline:{name}")
        if value is None or parse(name).count < LEAST_DAYS or parse(name).unit != "d":
            continue
        target = targets.get(f"weighted_pipeline:{name}", targets.get(f"revenue:{name}"))
        before, number = revenue(*past, *a_year_before(now, parse(name).count)) if past else (None, None)
        reached, major = attainment(value.value, target, "higher"), None if before is None else before / 100
        rows.append(Outlook(name, value.value, value.n, major, number, target, reached))
    return rows
