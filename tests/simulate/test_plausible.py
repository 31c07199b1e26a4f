"""The portfolio behaves like one: office hours, sizes, seasons, a bad quarter, lives that make sense."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from statistics import median

import pytest

from kamstream.simulate import Plan
from kamstream.simulate.offices import DAY, HOUR, MINUTE, OFFICES, Office, date_of
from kamstream.simulate.world import build
from tests.simulate.worlds import CALM, END, millis, told

PARIS = next(office for office in OFFICES if office.country == "FR")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("start", "work", "done"),
    [
        ("2025-06-02T10:00+02:00", HOUR, "2025-06-02T11:00+02:00"),  # a Monday
        ("2025-06-02T03:00+02:00", HOUR, "2025-06-02T10:00+02:00"),  # before opening
        ("2025-06-02T17:30+02:00", HOUR, "2025-06-03T09:30+02:00"),  # over night
        (
            "2025-06-06T17:30+02:00",
            10 * HOUR,
            "2025-06-10T09:30+02:00",
        ),  # over a weekend, a whole day between
        ("2025-03-28T17:00+01:00", 2 * HOUR, "2025-03-31T10:00+02:00"),  # over the change to summer time
        ("2025-12-24T17:30+01:00", HOUR, "2025-12-29T09:30+01:00"),  # over Christmas
    ],
)
def test_work_is_done_while_the_office_is_open(start: str, work: int, done: str) -> None:
    assert PARIS.after(at(start), work) == at(done)


def test_agents_answer_in_the_office_hours_of_their_country() -> None:
    world = build(told(25, 120, 3, CALM).plan)
    offices = {
        company.id: {person.office.country: person.office for person in company.agents} for company in world.companies
    }
    replies = [
        event
        for event in told(25, 120, 3, CALM).events
        if event["type"] == "ticket.replied" and event["data"]["by"] == "agent"
    ]
    assert len(replies) > 200
    for reply in replies:
        assert any(is_open(office, millis(reply)) for office in offices[reply["subject"]].values()), reply


def is_open(office: Office, time: int) -> bool:
    spans = [office.span(time // DAY + shift) for shift in (-1, 0, 1)]
    return any(span[0] <= time <= span[1] + MINUTE for span in spans if span)


def test_weekends_are_quiet_but_not_dead() -> None:
    openings = [millis(e) for e in told(25, 400, 3).events if e["type"] == "ticket.opened"]
    weekend = sum(date_of(time // DAY).weekday() >= 5 for time in openings) / len(openings)
    assert 0.005 < weekend < 0.08


def test_a_few_accounts_make_most_of_the_traffic() -> None:
    traffic = Counter(event["subject"] for event in told(60, 60, 5).events)
    largest = sum(number for _, number in traffic.most_common(12))
    assert largest > 0.5 * traffic.total()
    assert len(traffic) == 60


def test_august_is_slower_than_october() -> None:
    months = Counter(event["time"][:7] for event in told(60, 200, 5).events if event["type"] == "deal.opened")
    assert months["2025-08"] < 0.75 * months["2025-10"]


def test_one_manager_has_a_bad_quarter() -> None:
    history = told(60, 400, 5)
    slump = build(history.plan).slump
    kam: list[int] = []
    other: list[int] = []
    for thread in history.ledger.threads:
        for answer in thread.answers:
            bad = answer.owner == slump.kam and slump.begin <= answer.at < slump.end
            (kam if bad else other).append(answer.waited)
    assert len(kam) > 20
    assert median(kam) > 3 * median(other)


def test_companies_have_names_of_their_own_and_managers() -> None:
    world = build(Plan(300, 30, END, 2))
    assert len({company.name for company in world.companies}) == 300
    assert {company.tier for company in world.companies} == {"strategic", "key", "growth"}
    assert len({company.office.country for company in world.companies}) == len(OFFICES)
    changed = [company for company in world.companies if len(company.kams) > 1]
    assert 0.05 < len(changed) / 300 < 0.2
    for company in changed:
        since, successor = company.kams[1]
        assert company.kam_at(since) is successor
        assert company.kam_at(since - 1) is company.kams[0][1]


def test_lives_end_as_lives_do() -> None:
    ledger = told(60, 400, 5).ledger
    assert 0.9 < sum(ticket.resolved for ticket in ledger.tickets) / len(ledger.tickets) < 1
    assert 0.04 < sum(ticket.reopened for ticket in ledger.tickets) / len(ledger.tickets) < 0.12
    closed = [deal for deal in ledger.deals if deal.won is not None]
    assert 0.4 < sum(bool(deal.won) for deal in closed) / len(closed) < 0.75
    assert any(deal.won is None for deal in ledger.deals)
    assert any(ticket.first_reply is None and ticket.resolved for ticket in ledger.tickets)
