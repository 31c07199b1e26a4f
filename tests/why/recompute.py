"""Values from nothing but the rows that ``why`` prints: each KPI's definition once more, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from kamstream.windows import parse, to_ms

Rows = Sequence[dict[str, Any]]
Pair = tuple[float | int | None, int]


def minor(amount: float) -> int:
    return round(amount * 100)


def money(rows: Rows, name: str) -> int:
    return sum(minor(row["amounts"][name]) for row in rows)


def yes(rows: Rows, name: str) -> int:
    return sum(row["amounts"][name] is True for row in rows)


def over(part: int | Fraction, whole: int | Fraction) -> float | None:
    quotient = Fraction(part) / Fraction(whole) if whole else None
    return None if quotient is None else quotient.numerator / quotient.denominator


def share(name: str) -> Callable[[Rows], Pair]:
    return lambda rows: (over(yes(rows, name), len(rows)), len(rows))


def count(rows: Rows) -> Pair:
    return len(rows), len(rows)


def mean(rows: Rows, name: str) -> Pair:
    return over(sum(round(row["amounts"][name] * 1000) for row in rows), 1000 * len(rows)), len(rows)


def value_rate(rows: Rows) -> Pair:
    won, lost = money(rows, "won_amount"), money(rows, "lost_amount")
    return over(won, won + lost), yes(rows, "has_amount")


def margin(rows: Rows) -> Pair:
    amount, cost = money(rows, "costed_amount"), money(rows, "cost")
    return over(amount - cost, amount), len(rows)


def nps(rows: Rows) -> Pair:
    scores = [row["amounts"]["score"] for row in rows]
    return over(100 * (sum(s >= 9 for s in scores) - sum(s <= 6 for s in scores)), len(scores)), len(scores)


def pipeline(rows: Rows) -> Pair:
    exact = sum((Fraction(row["amounts"]["weighted"]) * 100 for row in rows), Fraction())
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator) / 100, len(rows)


SIMPLE: dict[str, Callable[[Rows], Pair]] = {
    "resolution_rate": share("resolved"),
    "reopen_rate": share("reopened"),
    "open_tickets": count,
    "conversion_rate": share("won"),
    "conversion_rate_value": value_rate,
    "opportunity_win_rate": share("won"),
    "revenue": lambda rows: (money(rows, "amount") / 100, len(rows)),
    "average_deal_size": lambda rows: (over(money(rows, "amount"), 100 * len(rows)), len(rows)),
    "gross_margin": margin,
    "new_products": count,
    "weighted_pipeline": pipeline,
    "nps": nps,
    "active_contacts": count,
    "joint_engagement": share("in_time"),
    "contract_duration": lambda rows: (over(sum(row["amounts"]["days"] for row in rows), len(rows)), len(rows)),
    "retention_rate": share("in_force"),
    "net_revenue_retention": lambda rows: (over(money(rows, "value_now"), money(rows, "value_then")), len(rows)),
    "gross_revenue_retention": lambda rows: (over(money(rows, "kept"), money(rows, "value_then")), len(rows)),
    "sla_first_response": share("met"),
    "sla_resolution": share("met"),
}


def recomputed(head: dict[str, Any], facts: Rows) -> Pair:
    """Value and n of ``head`` from its rows; a percentile's is the exact nearest rank."""
    kpi, now = head["kpi"], to_ms(head["as_of"])
    rows, before, beside = ([row for row in facts if row["part"] == part] for part in ("window", "before", "beside"))
    statistic = kpi.rpartition(".")[2]
    took = "open_hours_s" if ".business" in kpi else "took_s"
    if statistic == "mean":
        return mean(rows, took)
    if statistic in ("p50", "p90"):
        durations = sorted(row["amounts"][took] for row in rows)
        place = -(-len(durations) * int(statistic[1:]) // 100)
        return (durations[place - 1] if durations else None), len(durations)
    if kpi == "oldest_wait":
        begun = [to_ms(row["at"]) for row in rows]
        return (over(now - min(begun), 1000) if begun else None), len(begun)
    if kpi == "revenue_growth":
        base = money(before, "amount")
        return over(money(rows, "amount") - base, base), len(rows) + len(before)
    if kpi == "market_share":
        spend = money(beside, "annual_spend") * parse(head["window"]).days(now) / 365
        return over(money(rows, "amount"), spend), len(beside)
    if kpi == "interaction_frequency":
        return over(len(rows) * 7, parse(head["window"]).days(now)), len(rows)
    return SIMPLE[kpi](rows)
