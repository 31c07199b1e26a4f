"""The life of an alert, told as stories: readings at times in, steps out."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamstream.alerts import life, parse_rules
from kamstream.alerts.life import Reason, Status, Step, advance, close, decode, due, encode
from kamstream.alerts.record import AlertRecord, make
from kamstream.alerts.rules import Measure, Rule

MINUTE = 60_000


def rule(**changes: object) -> Rule:
    fields = {"name": "slow", "kpi": "wait", "window": "7d", "scope": "account", "fire": "> 4h"} | changes
    return parse_rules(json.dumps({"rules": [fields]}), kpis={"wait": Measure("s")}).rules[0]


def play(rule: Rule, *readings: tuple[object, ...]) -> list[tuple[int, str, str]]:
    """Feed (minute, hours or None[, n[, live]]) readings; give back (minute, status, reason)."""
    state, told = None, []
    for minute, hours, *more in readings:
        n = more[0] if more else 10
        live = more[1] if len(more) > 1 else True
        value = None if hours is None else hours * 3600  # type: ignore[operator]
        state, steps = advance(rule, state, value, n, minute * MINUTE, live=live)  # type: ignore[operator,arg-type]
        state = state and decode(encode(state))
        told += [(step.at // MINUTE, str(step.status), str(step.reason)) for step in steps]
    return told


FIRE, END = "fire-held", "cleared"
STORIES = [
    ("without for it fires at once and ends when fire no longer holds", {}, [(0, 3), (1, 5), (2, 4)],
     [(1, "firing", FIRE), (2, "resolved", END)]),
    ("it must hold as long as `for` says", {"for": "30m"}, [(0, 5), (29, 5), (30, 5)],
     [(0, "pending", "fire-began"), (30, "firing", FIRE)]),
    ("a shorter spell comes to nothing", {"for": "30m"}, [(0, 5), (29, 3), (30, 3)],
     [(0, "pending", "fire-began"), (29, "ok", "fire-ended")]),
    ("at the very end of `for` the reading of that moment decides", {"for": "30m"}, [(0, 5), (30, 3)],
     [(0, "pending", "fire-began"), (30, "ok", "fire-ended")]),
    ("time that jumped over the end of `for` fires at that end", {"for": "30m"}, [(0, 5), (45, 5)],
     [(0, "pending", "fire-began"), (30, "firing", FIRE)]),
    ("it fired and ended in between, each at its own time", {"for": "30m"}, [(0, 5), (45, 3)],
     [(0, "pending", "fire-began"), (30, "firing", FIRE), (45, "resolved", END)]),
    ("between fire and clear it goes on", {"clear": "< 3h"}, [(0, 5), (1, 3.5), (2, 3), (3, 2.9)],
     [(0, "firing", FIRE), (3, "resolved", END)]),
    ("it keeps firing as long as keep_firing_for says", {"keep_firing_for": "1h"}, [(0, 5), (10, 3), (60, 3), (70, 3)],
     [(0, "firing", FIRE), (70, "resolved", END)]),
    ("a relapse within keep_firing_for is the same alert", {"keep_firing_for": "1h"},
     [(0, 5), (10, 3), (60, 5), (90, 3), (149, 3), (150, 3)], [(0, "firing", FIRE), (150, "resolved", END)]),
    ("time that jumped over keep_firing_for resolves at its end, and a relapse is a new alert",
     {"keep_firing_for": "1h"}, [(0, 5), (10, 3), (100, 5)],
     [(0, "firing", FIRE), (70, "resolved", END), (100, "firing", FIRE)]),
    ("too few samples are no data, and begin nothing", {"min_n": 5}, [(0, 5, 4), (1, 5, 5)], [(1, "firing", FIRE)]),
    ("no data keeps a firing alert", {}, [(0, 5), (1, None), (2, 3)], [(0, "firing", FIRE), (2, "resolved", END)]),
    ("while there is no data, a clearing alert goes on clearing", {"keep_firing_for": "1h"},
     [(0, 5), (10, 3), (30, None), (70, None)], [(0, "firing", FIRE), (70, "resolved", END)]),
    ("no data ends a pending one", {"for": "30m"}, [(0, 5), (10, None), (40, None)],
     [(0, "pending", "fire-began"), (10, "ok", "no-data")]),
    ("no_data: resolve ends it and says so", {"no_data": "resolve"}, [(0, 5), (1, None)],
     [(0, "firing", FIRE), (1, "resolved", "no-data")]),
    ("no_data: fire fires and says so", {"no_data": "fire"}, [(0, None), (1, 3)],
     [(0, "firing", "no-data"), (1, "resolved", END)]),
    ("a backfill is recorded, and delivered when it still fires at the next live event", {},
     [(0, 5, 10, False), (1, 5, 10, False), (2, 5, 10, True), (3, 5, 10, True)],
     [(0, "firing", "backfill"), (2, "firing", "still-firing")]),
    ("a backfill that is over by then is never delivered", {}, [(0, 5, 10, False), (1, 3, 10, False), (2, 3, 10, True)],
     [(0, "firing", "backfill"), (1, "resolved", "backfill")]),
    ("what came due between a backfill and the next live event is backfill, then delivered", {"for": "30m"},
     [(0, 5, 10, False), (45, 5, 10, True)],
     [(0, "pending", "fire-began"), (30, "firing", "backfill"), (45, "firing", "still-firing")]),
    ("what came due before a backfill event was live", {"for": "30m"}, [(0, 5, 10, True), (45, 5, 10, False)],
     [(0, "pending", "fire-began"), (30, "firing", FIRE)]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "readings", "expected"), [row[1:] for row in STORIES], ids=[r[0] for r in STORIES])
def test_the_life(changes: dict, readings: list, expected: list) -> None:
    assert play(rule(**changes), *readings) == expected


def test_after_a_gap_what_ran_out_counts_only_if_the_new_value_agrees() -> None:
    slow = rule(**{"for": "30m"})
    pending, _ = advance(slow, None, 18000, 9, 0, live=True)
    _, steps = advance(slow, pending, 3600, 9, 45 * MINUTE, live=True, gap=True)
    assert [(s.status, s.reason) for s in steps] == [(Status.OK, Reason.FIRE_ENDED)]
    _, steps = advance(slow, pending, 18000, 9, 45 * MINUTE, live=True, gap=True)
    assert [(s.status, s.at) for s in steps] == [(Status.FIRING, 30 * MINUTE)]


def test_a_quiet_call_gives_back_the_same_state() -> None:
    for changes, minute in (({}, 5), ({"for": "30m"}, 5)):
        slow = rule(**changes)
        state, _ = advance(slow, None, 18000, 9, 0, live=True)
        again, steps = advance(slow, state, 19000, 10, minute * MINUTE, live=True)
        assert again is state
        assert steps == ()


def test_due_names_the_moment_at_which_time_alone_acts() -> None:
    slow = rule(**{"for": "30m", "keep_firing_for": "1h"})
    assert due(slow, None) is None
    state, _ = advance(slow, None, 18000, 9, 0, live=True)
    assert due(slow, state) == 30 * MINUTE
    state, _ = advance(slow, state, 18000, 9, 30 * MINUTE, live=True)
    assert due(slow, state) is None
    state, _ = advance(slow, state, 0, 9, 40 * MINUTE, live=True)
    assert due(slow, state) == 100 * MINUTE


def test_a_changed_rule_ends_the_old_alert_and_starts_anew_under_another_name() -> None:
    old, new = rule(), rule(fire="> 3h")
    state, first = advance(old, None, 18000, 9, 0, live=True)
    state, steps = advance(new, state, 18000, 9, 0, live=True)
    assert [(s.status, s.reason) for s in steps] == [
        (Status.RESOLVED, Reason.RULE_CHANGED),
        (Status.FIRING, Reason.FIRE_HELD),
    ]
    assert steps[0].face.threshold == 14400
    assert steps[1].face.threshold == 10800
    names = [made(step).alert_id for step in (*first, *steps)]
    assert names[0] == names[1] != names[2]


def test_a_reworded_summary_changes_nothing() -> None:
    state, _ = advance(rule(), None, 18000, 9, 0, live=True)
    assert advance(rule(summary="{name} is slow"), state, 18000, 9, 1, live=True) == (state, ())


@pytest.mark.parametrize("reason", [Reason.RULE_REMOVED, Reason.ID_GONE, Reason.NO_MATCH])
def test_what_is_gone_resolves_and_says_why(reason: Reason) -> None:
    state, _ = advance(rule(), None, 18000, 9, 0, live=True)
    state, steps = close(state, 60, reason, live=True)
    assert state is None
    assert [(s.status, s.reason, s.at, s.value) for s in steps] == [(Status.RESOLVED, reason, 60, 18000)]
    assert close(None, 60, reason, live=True) == (None, ())


def test_what_goes_by_backfill_resolves_without_a_word() -> None:
    state, _ = advance(rule(), None, 18000, 9, 0, live=True)
    _, steps = close(state, 60, Reason.ID_GONE, live=False)
    assert [(s.status, s.reason) for s in steps] == [(Status.RESOLVED, Reason.BACKFILL)]


def made(step: Step) -> AlertRecord:
    record = make("account", "ACC-1", step, name="Acme")
    assert record is not None
    return record


readings = st.lists(
    st.tuples(st.integers(0, 50), st.none() | st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans()),
    max_size=40,
)
rules = st.builds(
    lambda clear, hold, keep, min_n, no_data: rule(
        fire="> 5s",
        **({"clear": "< 3s"} if clear else {}),
        **{"for": f"{hold}s", "keep_firing_for": f"{keep}s", "min_n": min_n, "no_data": no_data},
    ),
    st.booleans(),
    st.sampled_from([0, 3, 10]),
    st.sampled_from([0, 3, 10]),
    st.integers(0, 3),
    st.sampled_from(["keep", "resolve", "fire"]),
)


@given(rules, readings)
def test_every_firing_has_one_resolved_or_is_active_under_one_name(rule: Rule, readings: list) -> None:
    state, now, records = None, 0, []
    for pause, value, n, live, gap in readings:
        now += pause * 250
        state, steps = advance(rule, state, value, n, now, live=live, gap=gap)
        moment = due(rule, state)
        assert moment is None or moment > now
        records += [record for step in steps if (record := make("account", "A", step))]
    times = [record.at for record in records]
    assert times == sorted(times)
    names = dict.fromkeys(record.alert_id for record in records)
    for name in names:
        own = [record for record in records if record.alert_id == name]
        firing = [record for record in own if record.status == "firing"]
        assert [r.deliver for r in firing] in ([True], [False], [False, True])
        ends = [record for record in own if record.status == "resolved"]
        if ends:
            assert own[-1:] == ends
        else:
            assert state is not None
            assert state.status is Status.FIRING
            assert name == list(names)[-1]


@given(st.integers(0, 3), readings)
def test_an_alert_without_delays_fires_exactly_if_fire_holds(min_n: int, readings: list) -> None:
    """The guarantee at rest: however the readings came, only the last one counts."""
    plain = rule(fire="> 5s", min_n=min_n, no_data="resolve")
    state, now = None, 0
    for pause, value, n, live, gap in readings:
        now += pause * 250
        state, _ = advance(plain, state, value, n, now, live=live, gap=gap)
        holds = value is not None and n >= min_n and value > 5
        assert (state is not None and state.status is Status.FIRING) == holds


@given(rules, readings)
def test_a_state_survives_being_stored(rule: Rule, readings: list) -> None:
    kept, stored, now = None, None, 0
    for pause, value, n, live, gap in readings:
        now += pause * 250
        kept, steps = advance(rule, kept, value, n, now, live=live, gap=gap)
        stored, again = advance(rule, stored, value, n, now, live=live, gap=gap)
        stored = stored and life.decode(life.encode(stored))
        assert again == steps
        assert stored == kept


def test_a_record_says_everything_and_round_trips() -> None:
    slow = rule(summary="{name} {value} {window} {threshold} {id} {kpi} {n} {rule}")
    _, steps = advance(slow, None, 15120, 1200, 1_764_080_400_250, live=True)
    record = make("account", "ACC-1", steps[0], name="Acme", kam_id="kam-7")
    assert record is not None
    assert record.summary == "Acme 4h 12m 7d 4h ACC-1 wait 1,200 slow"
    said = json.loads(record.to_json())
    assert said["since"] == said["at"] == "2025-11-25T14:20:00.250Z"
    assert (said["threshold"], said["status"], said["reason"]) == (14400.0, "firing", "fire-held")
    assert AlertRecord.from_json(record.to_json()) == record
    assert AlertRecord.from_json(json.dumps(said | {"added": 1})) == record
    with pytest.raises(ValueError, match="not an alert record"):
        AlertRecord.from_json(b"{}")
    assert not dataclasses.replace(record, reason="backfill").deliver
