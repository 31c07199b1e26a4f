"""Tiny histories and the values that the contract gives them, worked out by hand; and makers of events."""

from __future__ import annotations

from typing import Any

from tests.reference import Settings

PLAIN = Settings(windows=("1d", "7d", "30d"), rates={"USD": 0.5}, horizon="62d")
NOON = "2026-03-10T12:00:00Z"


def ev(type_: str, when: str, _account: str = "A", _id: str = "", **data: Any) -> dict[str, Any]:
    """One event; `when` is "DD HH:MM" of March 2026, or a whole time."""
    time = when if "T" in when else f"2026-03-{when[:2]}T{when[3:] or '00:00'}:00Z"
    name = _id or f"{type_}@{when}"
    return {
        "specversion": "1.0", "id": name, "source": "crm", "type": type_, "subject": _account,
        "time": time, "data": data,
    }  # fmt: skip


def ticket(verb: str, when: str, **data: Any) -> dict[str, Any]:
    return ev(f"ticket.{verb}", when, ticket_id="T", **data)


def agent(when: str, **data: Any) -> dict[str, Any]:
    return ticket("replied", when, by="agent", **data)


def customer(when: str, **data: Any) -> dict[str, Any]:
    return ticket("replied", when, by="customer", **data)


def deal(verb: str, when: str, deal_id: str = "D", **data: Any) -> dict[str, Any]:
    return ev(f"deal.{verb}", when, _id=f"{deal_id} {verb} {when}", deal_id=deal_id, **data)


def won(when: str, amount: float, deal_id: str = "D", **data: Any) -> dict[str, Any]:
    return deal("won", when, deal_id, **{"amount": amount, "currency": "EUR", **data})


def contract(verb: str, when: str, **data: Any) -> dict[str, Any]:
    return ev(f"contract.{verb}", when, contract_id="C", **data)


def profile(when: str, kam_id: str, **data: Any) -> dict[str, Any]:
    return ev("account.updated", when, name="Acme", kam_id=kam_id, **data)


def said(when: str, direction: str = "inbound", **data: Any) -> dict[str, Any]:
    return ev("interaction.logged", when, interaction_id="I", direction=direction, channel="email", **data)


OPEN = ticket("opened", "10 06:00")
LICENCE = contract("started", "01", starts_on="2026-01-01", annual_value=1000, currency="EUR")

# name, history, "kpi:window", value, n; in scope account, id A, T = 10 March 2026 12:00Z
CASES: list[tuple[str, list[dict[str, Any]], str, float | int | None, int]] = [
    # --- first response, response, waits
    ("first reply after 90 minutes", [OPEN, agent("10 07:30")], "first_response_time.mean:1d", 5400.0, 1),
    ("only the first reply",
     [OPEN, agent("10 07:00"), agent("10 09:00")], "first_response_time.p90:1d", 3600.0, 1),
    ("a bot does not answer",
     [OPEN, ticket("replied", "10 07:00", by="bot")], "first_response_time.p50:1d", None, 0),
    ("a private reply does not answer",
     [OPEN, agent("10 07:00", public=False)], "response_time.mean:1d", None, 0),
    ("an agent's own ticket has no first response",
     [ticket("opened", "10 06:00", opened_by="agent"), agent("10 07:00")], "first_response_time.mean:1d",
      None, 0),
    ("a reply after the resolve is a first response",
     [OPEN, ticket("resolved", "10 07:00"), agent("10 08:00")], "first_response_time.mean:1d", 7200.0, 1),
    ("a reply after the resolve answers no wait",
     [OPEN, ticket("resolved", "10 07:00"), agent("10 08:00")], "response_time.mean:1d", None, 0),
    ("two waits", [OPEN, agent("10 07:00"), customer("10 08:00"), customer("10 09:00"), agent("10 10:00")],
     "response_time.mean:1d", (3600 + 7200) / 2, 2),
    ("nearest rank of 2 is the first for p50",
     [OPEN, agent("10 07:00"), customer("10 08:00"), agent("10 10:00")], "response_time.p50:1d", 3600.0, 2),
    ("nearest rank of 2 is the second for p90",
     [OPEN, agent("10 07:00"), customer("10 08:00"), agent("10 10:00")], "response_time.p90:1d", 7200.0, 2),
    ("a wait may start on a resolved ticket",
     [OPEN, ticket("resolved", "10 07:00"), customer("10 08:00"), agent("10 08:30")],
     "response_time.mean:1d", 1800.0, 1),
    ("a reopening starts a wait", [OPEN, ticket("resolved", "10 07:00"), ticket("reopened", "10 11:00")],
     "oldest_wait:now", 3600.0, 1),
    ("the wait of a message before the reopening is older",
     [OPEN, ticket("resolved", "10 07:00"), customer("10 10:00"), ticket("reopened", "10 11:00")],
     "oldest_wait:now", 7200.0, 1),
    ("answers are at the answer", [ticket("opened", "09 23:00"), agent("10 01:00")],
     "response_time.mean:1d", 7200.0, 1),
    ("no wait, no oldest wait", [OPEN, agent("10 07:00")], "oldest_wait:now", None, 0),
    ("a thread waits from its first inbound message",
     [said("10 08:00", thread_id="t"), said("10 09:00", thread_id="t"), said("10 10:00", "outbound",
      thread_id="t")],
     "response_time.mean:1d", 7200.0, 1),
    ("an automated answer is none",
     [said("10 08:00", thread_id="t"), said("10 10:00", "outbound", thread_id="t", automated=True)],
     "oldest_wait:now", 4 * 3600.0, 1),
    ("without a thread nobody waits", [said("10 08:00")], "oldest_wait:now", None, 0),
    # --- resolving
    ("resolution is the last resolve", [OPEN, ticket("resolved", "10 07:00"), ticket("reopened", "10 08:00"),
     ticket("resolved", "10 09:00")], "resolution_time.mean:1d", 3 * 3600.0, 1),
    ("standing open is not resolved", [OPEN, ticket("resolved", "10 07:00"), ticket("reopened", "10 08:00")],
     "resolution_time.mean:1d", None, 0),
    ("resolution rate at opened", [ticket("opened", "02"), ticket("resolved", "10 07:00")],
     "resolution_rate:7d", None, 0),
    ("resolution rate", [OPEN, ticket("resolved", "10 07:00")], "resolution_rate:1d", 1.0, 1),
    ("reopened once is reopened", [OPEN, ticket("resolved", "10 07:00"), ticket("reopened", "10 08:00"),
     ticket("resolved", "10 09:00")], "reopen_rate:1d", 1.0, 1),
    ("reopening an open ticket is none",
     [OPEN, ticket("reopened", "10 06:30"), ticket("resolved", "10 07:00")],
     "reopen_rate:1d", 0.0, 1),
    ("never resolved, no reopen rate", [OPEN, ticket("reopened", "10 08:00")], "reopen_rate:1d", None, 0),
    ("an open ticket", [OPEN], "open_tickets:now", 1, 1),
    ("a customer's word leaves it resolved", [OPEN, ticket("resolved", "10 07:00"), customer("10 08:00")],
     "open_tickets:now", 0, 0),
    ("no opening, no ticket", [ticket("resolved", "10 07:00")], "open_tickets:now", 0, 0),
    ("before the opening nothing counts", [ticket("resolved", "10 05:00"), OPEN], "open_tickets:now", 1, 1),
    ("at one time the opening goes before the resolve", [ticket("resolved", "10 06:00"), OPEN],
     "resolution_time.mean:1d", 0.0, 1),
    ("a second opening has no effect", [ticket("opened", "10 08:00"), OPEN, agent("10 09:00")],
     "first_response_time.mean:1d", 3 * 3600.0, 1),
    # --- deals
    ("conversion", [deal("opened", "01"), won("02", 10), deal("opened", "01", "E"), deal("lost", "03", "E")],
     "conversion_rate:30d", 0.5, 2),
    ("conversion by value", [deal("opened", "01"), won("02", 10), deal("opened", "01", "E", amount=30),
     deal("lost", "03", "E"), deal("updated", "04", "E", amount=90)], "conversion_rate_value:30d", 0.25, 2),
    ("a lost deal without an amount is left out", [deal("opened", "01"), deal("lost", "02")],
     "conversion_rate_value:30d", None, 0),
    ("a win of 0 gives null, with n",
     [deal("opened", "01"), won("02", 0)], "conversion_rate_value:30d", None, 1),
    ("win rate at opened", [deal("opened", "01"), won("09", 10), deal("opened", "05", "E")],
     "opportunity_win_rate:7d", 0.0, 1),
    ("cycle", [deal("opened", "01"), won("03", 10)], "deal_cycle_time.mean:30d", 2 * 86400.0, 1),
    ("an amendment restates at the winning",
     [deal("opened", "01"), won("02", 10), deal("updated", "10", amount=7)],
     "revenue:30d", 7.0, 1),
    ("an amendment does not move the winning", [deal("opened", "01"), won("02", 10),
     deal("updated", "10", amount=7)], "revenue:7d", 0.0, 0),
    ("half a cent rounds up",
     [deal("opened", "01"), won("02", 0.01, currency="USD")], "revenue:30d", 0.01, 1),
    ("each amount is rounded by itself", [deal("opened", "01"), won("02", 0.01, currency="USD"),
     deal("opened", "01", "E"), won("02", 0.01, "E", currency="USD")], "revenue:30d", 0.02, 2),
    ("the last currency counts", [deal("opened", "01"), won("02", 10), deal("updated", "03", currency="USD")],
     "revenue:30d", 5.0, 1),
    ("reopened is not won",
     [deal("opened", "01"), won("02", 10), deal("reopened", "03")], "revenue:30d", 0.0, 0),
    ("won after a loss",
     [deal("opened", "01"), deal("lost", "02"), won("03", 10)], "conversion_rate:30d", 1.0, 1),
    ("mean size", [deal("opened", "01"), won("02", 10), deal("opened", "01", "E"), won("02", 5, "E")],
     "average_deal_size:30d", 7.5, 2),
    ("margin of the deals with a cost", [deal("opened", "01"), won("02", 10, cost=4),
     deal("opened", "01", "E"), won("02", 5, "E")], "gross_margin:30d", 0.6, 1),
    ("growth", [deal("opened", "01"), won("02", 10), deal("opened", "01", "E"), won("09", 5, "E")],
     "revenue_growth:7d", -0.5, 2),
    ("growth from nothing", [deal("opened", "01"), won("09", 10)], "revenue_growth:7d", None, 1),
    ("share", [profile("01", "k", category_spend_annual=3650), deal("opened", "01"), won("09", 35)],
     "market_share:7d", 0.5, 1),
    ("share of a spend of 0",
     [profile("01", "k", category_spend_annual=0), deal("opened", "01"), won("09", 35)],
     "market_share:7d", None, 1),
    ("no spend known", [deal("opened", "01"), won("09", 35)], "market_share:7d", None, 0),
    ("a product is new once", [deal("opened", "01"), won("09", 1, products=["p", "q", "q"]),
     deal("opened", "01", "E"), won("02", 1, "E", products=["p"])], "new_products:7d", 1, 1),
    ("a reopened deal gives its first back", [deal("opened", "01"), won("09", 1, products=["p"]),
     deal("opened", "01", "E"), won("02", 1, "E", products=["p"]), deal("reopened", "03", "E")],
     "new_products:7d", 1, 1),
    ("pipeline: today is the first of the n days",
     [deal("opened", "01", amount=10, probability=0.25, expected_close_on="2026-03-10")],
     "weighted_pipeline:1d", 2.5, 1),
    ("pipeline: tomorrow is not within 1 day",
     [deal("opened", "01", amount=10, expected_close_on="2026-03-11")], "weighted_pipeline:1d", 0.0, 0),
    ("pipeline: no probability is a half",
     [deal("opened", "01", amount=10, expected_close_on="2026-03-16")], "weighted_pipeline:7d", 5.0, 1),
    ("pipeline: without an amount it counts 0",
     [deal("opened", "01", expected_close_on="2026-03-16")], "weighted_pipeline:7d", 0.0, 1),
    ("pipeline: overdue is not ahead",
     [deal("opened", "01", amount=10, expected_close_on="2026-03-09")], "weighted_pipeline:7d", 0.0, 0),
    # --- the others
    ("nps", [ev("survey.answered", f"10 0{i}:00", survey_id="S", score=s) for i, s in enumerate((9, 10, 8,
     6))],
     "nps:1d", 25.0, 4),
    ("3 in a week", [said("04 00:00"), said("05"), said("10 11:00")], "interaction_frequency:7d", 3.0, 3),
    ("automated ones do not count", [said("10 11:00", automated=True)], "interaction_frequency:7d", 0.0, 0),
    ("the 7th day back is outside", [said("03 23:59")], "interaction_frequency:7d", 0.0, 0),
    ("contacts once", [said("09", contact_id="x"), said("10", contact_id="x"), said("08", contact_id="y")],
     "active_contacts:7d", 2, 2),
    ("in time is at or before due", [
        ev("milestone.planned", "01", project_id="P", milestone_id="M", due_at="2026-03-09T00:00:00Z"),
        ev("milestone.completed", "09", project_id="P", milestone_id="M")], "joint_engagement:7d", 1.0, 1),
    ("due and not done", [
        ev("milestone.planned", "01", project_id="P", milestone_id="M", due_at=NOON),
        ev("milestone.completed", "09", project_id="P", milestone_id="other")], "joint_engagement:7d", 0.0,
        1),
    ("not yet due", [ev("milestone.planned", "01", project_id="P", milestone_id="M",
        due_at="2026-03-10T12:00:00.001Z")], "joint_engagement:7d", None, 0),
    ("duration of a contract", [contract("started", "01", starts_on="2026-03-05", ends_on="2026-04-05",
     annual_value=1, currency="EUR")], "contract_duration:7d", 31.0, 1),
    ("a renewal without an end has no duration", [contract("started", "01", starts_on="2026-03-05",
     ends_on="2026-04-05", annual_value=1, currency="EUR"), contract("renewed", "06")],
     "contract_duration:7d", None, 0),
    ("a contract that starts after T has no fact yet", [contract("started", "01", starts_on="2026-03-11",
     ends_on="2026-04-05", annual_value=1, currency="EUR")], "contract_duration:7d", None, 0),
    ("kept", [LICENCE], "retention_rate:7d", 1.0, 1),
    ("lost", [LICENCE, contract("ended", "05", ended_on="2026-03-09")], "retention_rate:7d", 0.0, 1),
    ("in force on its last day", [LICENCE, contract("ended", "05", ended_on="2026-03-10")],
     "retention_rate:7d", 1.0, 1),
    ("the day before the window is the 3rd", [LICENCE, contract("ended", "05", ended_on="2026-03-03")],
     "retention_rate:7d", 0.0, 1),
    ("ended before it",
     [LICENCE, contract("ended", "05", ended_on="2026-03-02")], "retention_rate:7d", None, 0),
    ("value now over value then", [LICENCE, contract("changed", "04", annual_value=1500)],
     "net_revenue_retention:7d", 1.5, 1),
    ("a change on the day before counts then", [LICENCE, contract("changed", "03 23:00", annual_value=1500)],
     "net_revenue_retention:7d", 1.0, 1),
    ("gross never gains", [LICENCE, contract("changed", "04", annual_value=1500)],
     "gross_revenue_retention:7d", 1.0, 1),
    ("gross loses",
     [LICENCE, contract("changed", "04", annual_value=250)], "gross_revenue_retention:7d", 0.25, 1),
    ("values of 0 give null, with n", [contract("started", "01", starts_on="2026-01-01", annual_value=0,
     currency="EUR")], "net_revenue_retention:7d", None, 1),
    # --- late, twice, closed for long
    ("a duplicate changes nothing", [deal("opened", "01"), won("02", 10), {**won("02", 99), "source": "crm"}],
     "revenue:30d", 10.0, 1),
    ("from another source it is another event", [deal("opened", "01"), won("02", 10),
     {**won("02", 99), "source": "x"}], "revenue:30d", 99.0, 1),
    ("an event of a closed deal a horizon later", [deal("opened", "2025-12-01T00:00:00Z"),
     deal("lost", "2026-01-01T00:00:00Z"), deal("reopened", "2026-03-04T00:00:00.001Z"), won("05", 10)],
     "revenue:30d", 0.0, 0),
    ("exactly a horizon later it counts", [deal("opened", "2025-12-01T00:00:00Z"),
     deal("lost", "2026-01-01T00:00:00Z"), deal("reopened", "2026-03-04T00:00:00Z"), won("05", 10)],
     "revenue:30d", 10.0, 1),
    ("an event later than T", [deal("opened", "01"), won("10 12:01", 10)], "revenue:30d", 0.0, 0),
]  # fmt: skip
