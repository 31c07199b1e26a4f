"""Who is told what, and when: stories with a clock moved by hand. Times are minutes after noon UTC (13:00 in Paris)."""

import dataclasses

import msgspec
import pytest

from kamstream.notify import actions, case
from kamstream.notify.actions import Acknowledgement, SilenceAction
from kamstream.notify.desk import REMEMBERED_MS, Key
from tests.notify.support import FIRING, HOUR, MINUTE, NOON, RESOLVED, Office, firing, resolved

WARN = "Warning: Acme, slow first response"
OVER = "Resolved: Acme, slow first response"


def test_an_alert_is_told_once_and_its_end_once() -> None:
    office = Office("routes: [{notify: [json://a, json://b]}]")
    office.take(FIRING)
    assert office.run_to(1) == [f"json://a: {WARN}", f"json://b: {WARN}"]
    office.take(FIRING)
    assert office.run_to(60) == []
    office.take(RESOLVED)
    assert office.run_to(61) == [f"json://a: {OVER}", f"json://b: {OVER}"]
    office.take(FIRING, RESOLVED)
    assert office.run_to(600) == []


def test_a_backfill_tells_nobody_and_ends_an_alert_without_a_word() -> None:
    office = Office("routes: [{notify: [json://a], repeat_every: 1h}]")
    office.take(dataclasses.replace(FIRING, reason="backfill"))
    assert office.run_to(1) == []
    office.take(dataclasses.replace(FIRING, reason="still-firing"))
    assert office.run_to(2) == [f"json://a: {WARN}"]
    office.take(dataclasses.replace(RESOLVED, reason="backfill"))
    assert office.run_to(600) == []


def test_the_end_of_an_alert_nobody_heard_of_is_not_told() -> None:
    office = Office("routes: [{notify: [json://a]}]")
    office.take(RESOLVED)
    assert office.run_to(600) == []


ROUTES = """
routes:
  - {match: {severity: critical}, notify: [json://pager]}
  - {match: {severity: [critical, warning]}, to_manager: true}
managers:
  kam-7: {name: Ana, language: fr, notify: [json://ana]}
  kam-8: {name: Bo, deputy: kam-7}
"""


def test_every_matching_route_tells_and_managers_hear_in_their_language() -> None:
    office = Office(ROUTES)
    office.take(firing("1"), firing("2", severity="info"))
    assert office.run_to(1) == ["json://ana: Attention: Acme, slow first response"]
    office.take(firing("3", severity="critical"))
    assert office.run_to(2) == [
        "json://pager: CRITICAL: Acme, slow first response",
        "json://ana: CRITIQUE: Acme, slow first response",
    ]


def test_the_deputy_stands_in_for_a_manager_without_channels() -> None:
    office = Office(ROUTES)
    office.take(firing("1", kam_id="kam-8"), firing("2", kam_id="kam-9"))
    assert office.run_to(1) == ["json://ana: Attention: Acme, slow first response"]


def test_a_group_waits_and_goes_as_one_message() -> None:
    office = Office("routes: [{notify: [json://a], group_wait: 2m}]")
    office.take(firing("1"))
    assert office.run_to(1) == []
    office.take(firing("2", severity="critical"))
    assert office.run_to(2) == ["json://a: 2 alerts: 2 open, 0 resolved"]
    assert office.run_to(10) == []


def test_what_ended_while_it_waited_is_told_in_one_message() -> None:
    office = Office("routes: [{notify: [json://a], group_wait: 2m}]")
    office.take(FIRING, RESOLVED)
    assert office.run_to(10) == [f"json://a: {OVER}"]


def test_a_reminder_comes_until_somebody_takes_it_on() -> None:
    office = Office("routes: [{notify: [json://a], repeat_every: 1h}]")
    office.take(FIRING)
    office.run_to(0)
    again = "json://a: Warning (still open): Acme, slow first response"
    assert office.run_to(150) == [again, again]
    ack = Acknowledgement("a1", "Ana", "", office.now)
    office.desk.act(ack.key, ack)
    assert office.run_to(600) == []
    office.desk.act(ack.key, None)
    assert office.run_to(600) == [again]


ESCALATION = """
routes: [{notify: [json://a], to_manager: true, escalate_after: 2h, escalate_to: [json://boss]}]
managers: {kam-7: {name: Ana, notify: [json://ana], deputy: kam-8}, kam-8: {name: Bo, notify: [json://bo]}}
"""


def test_what_nobody_takes_on_is_escalated_and_those_told_hear_of_its_end() -> None:
    office = Office(ESCALATION)
    office.take(FIRING)
    assert len(office.run_to(119)) == 2
    said = "Warning (nobody took it on): Acme, slow first response"
    assert office.run_to(121) == [f"json://boss: {said}", f"json://bo: {said}"]
    assert office.run_to(600) == []
    office.take(RESOLVED)
    assert sorted(line.split(": ")[0] for line in office.run_to(601)) == [
        "json://a",
        "json://ana",
        "json://bo",
        "json://boss",
    ]


@pytest.mark.parametrize("end", ["ack", "resolved"])
def test_what_was_taken_on_or_ended_is_not_escalated(end: str) -> None:
    office = Office(ESCALATION)
    office.take(FIRING)
    office.run_to(60)
    if end == "ack":
        ack = Acknowledgement("a1", "Ana", "", office.now)
        office.desk.act(ack.key, ack)
    else:
        office.take(RESOLVED)
    assert not [line for line in office.run_to(600) if "boss" in line]


QUIET = "routes: [{notify: [json://a], quiet_hours: '19:00-08:00 Europe/Paris', repeat_every: 4h}]"


def test_quiet_hours_hold_everything_for_one_digest_in_the_morning() -> None:
    office = Office(QUIET)
    office.run_to(6.5 * 60)  # 19:30 in Paris
    office.take(firing("1"), firing("2"))
    office.run_to(8 * 60)
    office.take(resolved("2"))
    assert office.run_to(19 * 60 - 1) == []
    assert office.run_to(19 * 60) == ["json://a: 2 alerts: 1 open, 1 resolved"]
    assert office.run_to(20 * 60) == []


def test_before_the_quiet_hours_it_is_told_at_once() -> None:
    office = Office(QUIET)
    office.run_to(6 * 60 - 1)  # 18:59
    office.take(FIRING)
    assert office.run_to(6 * 60 - 1) == [f"json://a: {WARN}"]


def test_quiet_hours_follow_the_clocks_of_the_place() -> None:
    """On 2026-10-25 Paris goes back an hour: 08:00 is then 07:00 UTC."""
    office = Office(QUIET)
    night = NOON - 31 * 24 * HOUR  # 2026-10-24 12:00 UTC
    office.now = night + 8 * HOUR  # 22:00 in Paris
    office.take(FIRING)
    assert office.desk.round(office.now).wake == night + 19 * HOUR


SILENCED = """
routes: [{notify: [json://a]}]
silences: [{match: {account: ACC-1}, from: "2026-11-24T11:00:00Z", until: "2026-11-24T14:00:00Z", reason: moving}]
"""


def test_a_silence_holds_what_still_fires_at_its_end_and_drops_what_does_not() -> None:
    office = Office(SILENCED)
    office.take(firing("1"), firing("2"), firing("3", id="ACC-2"))
    assert office.run_to(60) == [f"json://a: {WARN}"]
    office.take(resolved("2"))
    assert office.run_to(119) == []
    assert office.run_to(120) == [f"json://a: {WARN}"]
    assert office.run_to(600) == []
    assert office.desk.cases[Key(0, "2")].closed is not None


def test_a_silence_set_by_hand_works_the_same_and_can_be_taken_back() -> None:
    office = Office("routes: [{notify: [json://a]}]")
    quiet = SilenceAction("s1", "Ana", {"rule": ("slow-first-response",)}, NOON - 1, NOON + HOUR, "known")
    assert actions.decode(actions.encode(quiet)) == quiet
    office.desk.act(quiet.key, quiet)
    office.take(FIRING)
    assert office.run_to(10) == []
    office.desk.act(quiet.key, None)
    assert office.run_to(11) == [f"json://a: {WARN}"]


def test_an_address_that_is_down_is_tried_again_ever_later_and_the_others_go_on() -> None:
    office = Office("routes: [{notify: [json://a, json://b]}]")
    office.down.add("json://a")
    office.take(FIRING)
    assert office.run_to(0) == [f"json://b: {WARN}"]
    waits = []
    for _ in range(9):
        wake = office.desk.round(office.now).wake
        assert wake is not None
        waits.append((wake - office.now) // 1000)
        office.run_to((wake - NOON) / MINUTE)
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    office.take(RESOLVED)
    office.down.clear()
    assert sorted(office.run_to(60)) == [f"json://a: {OVER}", f"json://b: {OVER}"]


def test_a_case_survives_being_noted_and_is_forgotten_after_a_week() -> None:
    office = Office("routes: [{notify: [json://a]}]")
    office.take(FIRING, RESOLVED)
    office.run_to(1)
    key = Key(0, "a1")
    kept = office.desk.cases[key]
    assert case.decode(case.encode(kept)) == kept
    closed = office.desk.round(office.now).changed.get(key) or office.desk.cases[key]
    assert closed.closed is not None
    assert office.desk.round(closed.closed + REMEMBERED_MS).changed == {}
    assert office.desk.round(closed.closed + REMEMBERED_MS + 1).changed == {key: None}


def test_an_address_is_stored_without_its_secrets() -> None:
    office = Office("routes: [{notify: ['json://user:secret@a']}]")
    office.take(FIRING)
    office.run_to(1)
    assert b"secret" not in msgspec.json.encode(office.desk.cases[Key(0, "a1")])
