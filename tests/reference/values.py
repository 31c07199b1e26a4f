"""Facts -> the value and n of a KPI: one function per KPI, or per pair that shares its words in kpis.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.reference.facts import Fact, World
from tests.reference.money import convert, half_up, minor
from tests.reference.settings import DAY, Span

Value = tuple[float | int | None, int]


@dataclass(frozen=True)
class View:
    """What one id of one scope is credited with, and the accounts that its measures of accounts sum over."""

    world: World
    facts: Mapping[str, Sequence[Fact]]
    accounts: Sequence[str]

    def within(self, kind: str, span: Span) -> list[Fact]:
        """The facts of a kind in the window: "Facts later than T do not count yet"."""
        return [f for f in self.facts.get(kind, ()) if span.start <= f.at <= self.world.now]

    def earlier(self, kind: str, span: Span) -> list[Fact]:
        """The same in the previous window."""
        return [f for f in self.facts.get(kind, ()) if span.before <= f.at < span.start]

    def gauge(self, kind: str) -> Sequence[Fact]:
        return self.facts.get(kind, ())


def ratio(part: int, whole: int, n: int) -> Value:
    """The correctly rounded double of the exact quotient; "a ratio with an empty denominator is null"."""
    return (None if whole == 0 else part / whole), n


def quotient(number: Fraction) -> float:
    return number.numerator / number.denominator


def statistics(milliseconds: Iterable[int], which: str) -> Value:
    """Seconds. The percentile is the exact nearest rank."""
    ordered = sorted(milliseconds)
    n = len(ordered)
    if n == 0:
        return None, 0
    if which == "mean":
        return sum(ordered) / (n * 1000), n
    rank = -(-int(which[1:]) * n // 100)  # rounded up
    return ordered[rank - 1] / 1000, n


def duration_kpi(kind: str, field: str, which: str) -> Callable[[View, Span], Value]:
    def value(view: View, span: Span) -> Value:
        taken = [f.what[field] for f in view.within(kind, span)]
        return statistics([ms for ms in taken if ms is not None], which)

    return value


def share(kind: str, field: str) -> Callable[[View, Span], Value]:
    """How many of the facts in the window have `field` true."""

    def value(view: View, span: Span) -> Value:
        facts = view.within(kind, span)
        return ratio(len([f for f in facts if f.what[field]]), len(facts), len(facts))

    return value


def open_tickets(view: View) -> Value:
    count = len(view.gauge("open ticket"))
    return count, count


def oldest_wait(view: View) -> Value:
    starts = [f.what["since"] for f in view.gauge("open wait")]
    return ((view.world.now - min(starts)) / 1000 if starts else None), len(starts)


def conversion_rate_value(view: View, span: Span) -> Value:
    known = [f for f in view.within("closing", span) if f.what["amount"] is not None]
    won = sum(f.what["amount"] for f in known if f.what["won"])
    return ratio(won, sum(f.what["amount"] for f in known), len(known))


def revenue(view: View, span: Span) -> Value:
    wins = view.within("win", span)
    return sum(f.what["amount"] for f in wins) / 100, len(wins)


def average_deal_size(view: View, span: Span) -> Value:
    wins = view.within("win", span)
    return ratio(sum(f.what["amount"] for f in wins), 100 * len(wins), len(wins))


def gross_margin(view: View, span: Span) -> Value:
    wins = [f for f in view.within("win", span) if f.what["cost"] is not None]
    amount, cost = sum(f.what["amount"] for f in wins), sum(f.what["cost"] for f in wins)
    return ratio(amount - cost, amount, len(wins))


def revenue_growth(view: View, span: Span) -> Value:
    wins, before = view.within("win", span), view.earlier("win", span)
    now, base = sum(f.what["amount"] for f in wins), sum(f.what["amount"] for f in before)
    return ratio(now - base, base, len(wins) + len(before))


def new_products(view: View, span: Span) -> Value:
    pairs = {(f.account, f.what["product"]) for f in view.within("new product", span)}
    return len(pairs), len(pairs)


def weighted_pipeline(view: View, span: Span) -> Value:
    """The rule: "open deals whose expected_close_on is one of the n days beginning with T's UTC day; summed
    exactly, rounded once": to whole minor units, half up.
    """
    assert span.ahead is not None
    today = view.world.now // DAY
    deals = [f for f in view.gauge("pipeline deal") if today <= f.what["close_on"] < today + span.ahead]
    return half_up(sum((f.what["worth"] for f in deals), Fraction(0))) / 100, len(deals)


def nps(view: View, span: Span) -> Value:
    scores = [f.what["score"] for f in view.within("answer", span)]
    for_it, against = len([s for s in scores if s >= 9]), len([s for s in scores if s <= 6])
    return ratio(100 * (for_it - against), len(scores), len(scores))


def interaction_frequency(view: View, span: Span) -> Value:
    count = len(view.within("interaction", span))
    return quotient(count * 7 / span.days), count


def active_contacts(view: View, span: Span) -> Value:
    met = view.within("interaction", span)
    pairs = {(f.account, f.what["contact"]) for f in met if f.what["contact"] is not None}
    return len(pairs), len(pairs)


def contract_duration(view: View, span: Span) -> Value:
    ended = [f.what for f in view.within("contract", span) if f.what["ends_on"] is not None]
    return ratio(sum(c["ends_on"] - c["starts_on"] for c in ended), len(ended), len(ended))


# --- measures of accounts ---


def market_share(view: View, span: Span) -> Value:
    """The rule: "revenue / (category_spend_annual × window days / 365), over accounts with a known spend"."""
    world, spend, known = view.world, 0, set()
    for account in view.accounts:
        profile = world.profiles.get(account, {})
        if "category_spend_annual" in profile:
            currency = profile.get("currency", world.settings.reporting_currency)
            at = world.profile_times[account]
            spend += convert(minor(profile["category_spend_annual"]), currency, at, world.settings)
            known.add(account)
    # "in scope kam the revenue is the accounts', whoever is credited"
    wins = [f for f in world.kinds.get("win", []) if f.account in known and span.start <= f.at <= world.now]
    if spend == 0:
        return None, len(known)
    return quotient(sum(f.what["amount"] for f in wins) / (spend * span.days / 365)), len(known)


def in_force(terms: Mapping[str, int | None], day: int) -> bool:
    """The rule: "In force on day d when starts_on <= d and (no end or d <= ends_on)"."""
    starts_on, ends_on = terms["starts_on"], terms["ends_on"]
    assert starts_on is not None
    return starts_on <= day and (ends_on is None or day <= ends_on)


def value_on(terms: Mapping[str, Sequence[tuple[int | None, int]]], day: int) -> int:
    """The rule: "only the value is dated": the last one given on or before the day."""
    return [value for since, value in terms["values"] if since is None or since <= day][-1]


def base_accounts(view: View, span: Span) -> list[tuple[bool, int, int]]:
    """Of each account in force the day before the window: (in force on T's day, value then, value now)."""
    before, today = span.start // DAY - 1, view.world.now // DAY
    rows = []
    for account in view.accounts:
        contracts = [f.what for f in view.world.kinds.get("contract", []) if f.account == account]
        then = [c for c in contracts if in_force(c, before)]
        now = [c for c in contracts if in_force(c, today)]
        if then:
            worth_then = sum(value_on(c, before) for c in then)
            worth_now = sum(value_on(c, today) for c in now)
            rows.append((bool(now), worth_then, worth_now))
    return rows


def retention_rate(view: View, span: Span) -> Value:
    base = base_accounts(view, span)
    return ratio(len([row for row in base if row[0]]), len(base), len(base))


def net_revenue_retention(view: View, span: Span) -> Value:
    base = base_accounts(view, span)
    return ratio(sum(now for _, _, now in base), sum(then for _, then, _ in base), len(base))


def gross_revenue_retention(view: View, span: Span) -> Value:
    base = base_accounts(view, span)
    return ratio(sum(min(now, then) for _, then, now in base), sum(then for _, then, _ in base), len(base))


# --- the catalogue ---


def durations(name: str, kind: str, field: str) -> dict[str, Callable[[View, Span], Value]]:
    return {f"{name}.{which}": duration_kpi(kind, field, which) for which in ("mean", "p50", "p90")}


GAUGES: dict[str, Callable[[View], Value]] = {"open_tickets": open_tickets, "oldest_wait": oldest_wait}

WINDOWED: dict[str, Callable[[View, Span], Value]] = {
    **durations("first_response_time", "first response", "ms"),
    **durations("response_time", "response", "ms"),
    **durations("resolution_time", "resolution", "ms"),
    **durations("first_response_time.business", "first response", "business"),
    **durations("response_time.business", "response", "business"),
    **durations("resolution_time.business", "resolution", "business"),
    "resolution_rate": share("ticket", "resolved"),
    "reopen_rate": share("resolved ticket", "reopened"),
    "sla_first_response": share("sla first_response", "met"),
    "sla_resolution": share("sla resolution", "met"),
    "conversion_rate": share("closing", "won"),
    "conversion_rate_value": conversion_rate_value,
    "opportunity_win_rate": share("deal", "won"),
    **durations("deal_cycle_time", "win", "ms"),
    "revenue": revenue,
    "average_deal_size": average_deal_size,
    "gross_margin": gross_margin,
    "revenue_growth": revenue_growth,
    "market_share": market_share,
    "new_products": new_products,
    "weighted_pipeline": weighted_pipeline,
    "nps": nps,
    "interaction_frequency": interaction_frequency,
    "active_contacts": active_contacts,
    "joint_engagement": share("milestone", "in_time"),
    "contract_duration": contract_duration,
    "retention_rate": retention_rate,
    "net_revenue_retention": net_revenue_retention,
    "gross_revenue_retention": gross_revenue_retention,
}

NAMES: tuple[str, ...] = (*GAUGES, *WINDOWED)
