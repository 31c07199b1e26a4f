"""The recount against values worked out by hand: the table of cases.py, and stories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data import crm
from tests.reference import Settings, recount
from tests.reference.cases import CASES, NOON, PLAIN, agent, deal, profile, said, ticket, won
from tests.reference.parse import judge
from tests.reference.values import NAMES


@pytest.mark.parametrize(("history", "field", "value", "n"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_tiny_history_gives_the_value_worked_out_by_hand(
    history: list[dict[str, Any]], field: str, value: float | int | None, n: int
) -> None:
    kpi, window = field.split(":")
    assert recount(history, PLAIN, NOON)["account", "A", kpi, window] == (value, n)
    # Order-free within one horizon, and of two copies the first counts: other orders are other histories.
    if all(verdict == "applied" for _, verdict in judge(history[::-1], PLAIN)) and len(history) > 1:
        assert recount(history[::-1], PLAIN, NOON)["account", "A", kpi, window] == (value, n)


def test_every_kpi_of_the_catalogue_is_in_a_hand_made_case_or_in_a_story() -> None:
    told = {field.split(":")[0] for _, _, field, _, _ in CASES}
    told |= {"sla_first_response", "sla_resolution"}
    families = {name.split(".")[0] for name in NAMES}
    assert families == {name.split(".")[0] for name in told}


def test_facts_credit_the_last_owner_also_those_before_the_reassignment() -> None:
    history = [ticket("opened", "10 06:00", owner_id="ann"), agent("10 07:00"),
               ticket("assigned", "10 08:00", owner_id="bob")]  # fmt: skip
    rows = recount(history, PLAIN, NOON)
    assert rows["kam", "bob", "first_response_time.mean", "1d"] == (3600.0, 1)
    assert {key[1] for key in rows if key[0] == "kam"} == {"bob"}


def test_facts_without_an_owner_follow_the_standing_profile() -> None:
    history = [ticket("opened", "10 06:00"), profile("01", "ann"), profile("10 11:00", "bob")]
    rows = recount(history, PLAIN, NOON)
    assert rows["kam", "bob", "open_tickets", "now"] == (1, 1)
    assert ("kam", "ann", "open_tickets", "now") not in rows
    rows = recount(history, PLAIN, "2026-03-10T10:00:00Z")
    assert rows["kam", "ann", "open_tickets", "now"] == (1, 1)
    rows = recount(history[:1], PLAIN, NOON)
    assert {key[0] for key in rows} == {"account", "company"}


def test_a_thread_credits_who_answers_and_its_open_wait_who_waits() -> None:
    history = [said("10 06:00", thread_id="t", owner_id="ann"),
               said("10 07:00", "outbound", thread_id="t", owner_id="bob"),
               said("10 08:00", thread_id="t", owner_id="cid"), said("10 09:00", thread_id="t",
               owner_id="dan")]  # fmt: skip
    rows = recount(history, PLAIN, NOON)
    assert rows["kam", "bob", "response_time.mean", "1d"] == (3600.0, 1)
    assert rows["kam", "ann", "response_time.mean", "1d"] == (None, 0)
    assert rows["kam", "cid", "oldest_wait", "now"] == (4 * 3600.0, 1)
    assert rows["kam", "dan", "oldest_wait", "now"] == (None, 0)


def test_a_contact_counts_once_a_person_after_the_credit_is_resolved() -> None:
    history = [profile("01", "ann"), said("10 06:00", contact_id="x"), said("10 07:00", contact_id="x",
    owner_id="ann"),
               {**said("10 08:00", contact_id="x", owner_id="bob"), "subject": "B"},
               said("10 09:00", contact_id="x", owner_id="bob")]  # fmt: skip
    rows = recount(history, PLAIN, NOON)
    assert rows["kam", "ann", "active_contacts", "1d"] == (1, 1)
    assert rows["kam", "bob", "active_contacts", "1d"] == (2, 2)
    assert rows["company", "all", "active_contacts", "1d"] == (2, 2)


def test_measures_of_accounts_go_by_the_profile_whoever_is_credited() -> None:
    history = [
        profile("01", "ann", category_spend_annual=3650),
        deal("opened", "01", owner_id="bob"),
        won("09", 35),
    ]
    rows = recount(history, PLAIN, NOON)
    assert rows["kam", "ann", "market_share", "7d"] == (0.5, 1)
    assert rows["kam", "ann", "revenue", "7d"] == (0.0, 0)
    assert rows["kam", "bob", "market_share", "7d"] == (None, 0)
    assert rows["company", "all", "market_share", "7d"] == (0.5, 1)


def test_a_person_disappears_once_no_window_holds_a_fact() -> None:
    history = [deal("opened", "01", owner_id="ann"), deal("lost", "01 01:00")]
    people = {w: {k[1] for k in recount(history, Settings(windows=(w,)), NOON) if k[0] == "kam"} for w in ("1d", "30d")}
    assert people == {"1d": set(), "30d": {"ann"}}


def test_a_person_whose_only_win_lies_in_the_previous_window_has_no_row_but_the_account_has() -> None:
    history = [deal("opened", "01", owner_id="ann"), won("02", 10)]
    rows = recount(history, Settings(windows=("7d",)), NOON)
    assert rows["account", "A", "revenue_growth", "7d"] == (-1.0, 1)
    assert not any(scope == "kam" for scope, *_ in rows)


def test_too_late_is_judged_per_account_and_topic_and_before_the_duplicate() -> None:
    old, new = said("2026-01-07T11:59:59.999Z"), said("2026-03-10T12:00:00Z")
    border = said("2026-01-07T12:00:00Z")
    elsewhere = ticket("opened", "2026-01-01T00:00:00Z")
    log = [old, new, border, old, {**old, "subject": "B"}, elsewhere, border, {**old, "id": "again"}]
    verdicts = [verdict for _, verdict in judge(log, PLAIN)]
    assert verdicts == [
        "applied",
        "applied",
        "applied",
        "too-late",
        "applied",
        "applied",
        "duplicate",
        "too-late",
    ]


def test_a_refused_event_and_a_duplicate_do_not_move_time() -> None:
    log = [
        deal("opened", "01"),
        {**deal("updated", "20"), "id": deal("opened", "01")["id"]},
        deal("updated", "25", currency="XXX"),
    ]
    assert [verdict for _, verdict in judge(log, PLAIN)] == ["applied", "duplicate", "unknown-currency"]
    assert recount(log, PLAIN) == recount(log, PLAIN, "2026-03-01T00:00:00Z")


def test_service_levels_count_at_the_event_or_at_the_due_time() -> None:
    settings = Settings(
        windows=("1d",),
        service_levels=[
            {"priority": "normal", "first_response": "1h", "resolution": "4h"},
            {"priority": "normal", "tier": "gold", "first_response": "30m"},
        ],
    )
    history = [ticket("opened", "10 06:00"), agent("10 06:45"), ticket("resolved", "10 11:00")]
    plain = recount(history, settings, NOON)
    assert plain["account", "A", "sla_first_response", "1d"] == (1.0, 1)
    assert plain["account", "A", "sla_resolution", "1d"] == (0.0, 1)
    gold = recount([*history, profile("10 11:30", "k", tier="gold")], settings, NOON)
    assert gold["account", "A", "sla_first_response", "1d"] == (0.0, 1)
    assert gold["account", "A", "sla_resolution", "1d"] == (0.0, 1)
    exact = recount([ticket("opened", "10 06:00"), agent("10 07:00")], settings, NOON)
    assert exact["account", "A", "sla_first_response", "1d"] == (1.0, 1)
    early = recount(history, settings, "2026-03-10T09:59:59.999Z")
    assert early["account", "A", "sla_resolution", "1d"] == (None, 0)


PARIS = {
    "tz": "Europe/Paris",
    "slots": {d: [["09:00", "12:00"], ["14:00", "18:00"]] for d in ("mon", "tue", "fri")},
}


@pytest.mark.parametrize(
    ("opened", "answered", "hours"),
    [
        ("2026-03-10T10:30:00Z", "2026-03-10T13:30:00Z", 1.0),  # 11:30-12:00 and 14:00-14:30 in Paris
        ("2026-03-10T16:00:00Z", "2026-03-13T09:00:00Z", 2.0),  # Tuesday's last hour, Friday's first
        ("2026-03-27T16:00:00Z", "2026-03-30T08:00:00Z", 2.0),  # over the change to summer time
        ("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z", 0.0),  # a Wednesday
    ],
)
def test_business_hours_are_those_of_the_calendar(opened: str, answered: str, hours: float) -> None:
    settings = Settings(windows=("1d",), calendars={"FR": PARIS})
    history = [ticket("opened", opened), agent(answered), profile("01", "k", country="FR")]
    rows = recount(history, settings, answered)
    for kpi in ("first_response_time", "response_time"):
        assert rows["account", "A", f"{kpi}.business.mean", "1d"] == (hours * 3600, 1)
    rows = recount([*history, profile("02", "k", tier="gold")], settings, answered)
    assert rows["account", "A", "first_response_time.business.mean", "1d"] == (None, 0)


def test_a_holiday_is_closed() -> None:
    settings = Settings(windows=("1d",), calendars={"default": {**PARIS, "holidays": ["2026-03-10"]}})
    rows = recount([ticket("opened", "09"), ticket("resolved", "10 12:00")], settings, NOON)
    assert rows["account", "A", "resolution_time.business.p50", "1d"] == (7 * 3600.0, 1)


def test_calendar_windows_run_from_the_first_of_the_month_the_quarter_the_year() -> None:
    settings = Settings(windows=("mtd", "qtd", "ytd"))
    history = [said("2025-12-31T23:59:00Z"), said("2026-01-01T00:00:00Z"), said("2026-03-31T23:00:00Z"),
               said("2026-04-01T00:00:00Z"), said("2026-05-01T00:00:00Z"),
               said("2026-05-07T00:00:00Z")]  # fmt: skip
    rows = recount(history, settings)
    assert rows["account", "A", "interaction_frequency", "mtd"] == (2.0, 2)
    assert rows["account", "A", "interaction_frequency", "qtd"] == (3 * 7 / 37, 3)
    assert rows["account", "A", "interaction_frequency", "ytd"] == (5 * 7 / 127, 5)
    assert ("account", "A", "weighted_pipeline", "mtd") not in rows


def test_hour_windows_begin_with_an_hour() -> None:
    history = [said("10 10:59"), said("10 11:00"), said("10 12:00")]
    rows = recount(history, Settings(windows=("2h", "30m")), NOON)
    assert rows["account", "A", "interaction_frequency", "2h"] == (2 * 7 * 12.0, 2)
    assert rows["account", "A", "interaction_frequency", "30m"] == (7 * 48.0, 1)


def test_rates_by_month_take_the_month_of_the_closing() -> None:
    settings = Settings(windows=("365d",), rates={"USD": {"2026-01": "0.5", "2026-03": "0.8"}})
    for when, revenue in (
        ("2026-02-28T23:59:59Z", 5.0),
        ("2026-03-01T00:00:00Z", 8.0),
        ("2025-12-30T00:00:00Z", 5.0),
    ):
        rows = recount([deal("opened", "2025-12-01T00:00:00Z"), won(when, 10, currency="USD")], settings, NOON)
        assert rows["company", "all", "revenue", "365d"] == (revenue, 1)


def test_rates_by_month_take_the_month_of_the_expected_close_for_the_pipeline() -> None:
    settings = Settings(windows=("30d",), rates={"USD": {"": "0.5", "2026-04": "0.8"}})
    for close_on, value in (("2026-03-31", 0.5 * 100 * 0.5), ("2026-04-01", 0.5 * 100 * 0.8)):
        log = [deal("opened", "01", amount=100, currency="USD", expected_close_on=close_on)]
        assert recount(log, settings, NOON)["company", "all", "weighted_pipeline", "30d"] == (value, 1)


def test_the_crm_file_gives_the_published_and_the_counted_figures() -> None:
    log, left_out = crm.events()
    assert sum(n for why, n in left_out.items() if "no account" in why) == 1425
    assert sum(n for why, n in left_out.items() if "no engage date" in why) == 500
    rows = recount(log, Settings(reporting_currency="USD", windows=("92d", "365d")), crm.AS_OF)
    assert rows["company", "all", "revenue", "92d"] == (2802496.0, 1196)
    assert rows["company", "all", "conversion_rate", "92d"] == (1196 / 1985, 1985)
    assert rows["company", "all", "revenue", "365d"] == (10005534.0, 4238)
    assert rows["company", "all", "conversion_rate", "365d"] == (4238 / 6711, 6711)
    assert rows["company", "all", "average_deal_size", "365d"] == (10005534 / 4238, 4238)
    for scope, expected in (("account", crm.expected("account")), ("kam", crm.expected("sales_agent"))):
        assert {key[1] for key in rows if key[0] == scope} == set(expected)
        for name, (won_deals, lost, revenue) in expected.items():
            assert rows[scope, name, "revenue", "365d"] == (float(revenue), won_deals)
            rate = won_deals / (won_deals + lost)
            assert rows[scope, name, "conversion_rate", "365d"] == (rate, won_deals + lost)
