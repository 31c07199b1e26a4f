"""Small, dense, nasty histories for hypothesis: everything that can meet does meet.

    @given(histories(NASTY, families=("ticket", "account")), as_of_times(NASTY))
    def test_...(log, as_of): assert_same(product(log, as_of), recount(log, NASTY, as_of))

Two accounts, two entities of a kind, three persons; times from a small grid around the borders of every
window, of every previous window and of the horizon, to the millisecond; lists shrink event by event. Among
them: equal times, duplicates (also with other content, other times), events in any arrival order, late ones
within and beyond the horizon, missing and second openings, reopenings, reassignments, changes of profile,
a currency without a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.reference.drafts import FAMILIES, TYPES, T, event, payload, rfc3339
from tests.reference.parse import milliseconds
from tests.reference.settings import DAY, HOUR, MINUTE, Settings, span

# T of most histories: shortly after a month, a quarter and an hour have begun.
NOW = milliseconds("2026-04-01T02:00:30.500Z")

OFFICE = {
    "FR": {
        "tz": "Europe/Paris",
        "slots": {d: [["09:00", "12:00"], ["14:00", "18:00"]] for d in ("mon", "tue", "wed", "thu", "fri")},
        "holidays": ["2026-04-01", "2026-03-25"],
    },
    "gold": {
        "tz": "America/New_York",
        "slots": {d: [["00:00", "24:00"]] for d in ("mon", "tue", "wed", "sun")},
    },
    "default": {"tz": "UTC", "slots": {d: [["01:00", "02:00"]] for d in ("mon", "tue", "wed", "sat")}},
}
LEVELS = (
    {"priority": "normal", "first_response": "30h", "resolution": "5d"},
    {"priority": "high", "first_response": "20m", "resolution": "30h"},
    {"priority": "high", "tier": "gold", "first_response": "1m", "resolution": "2h"},
    {"priority": "urgent", "tier": "silver", "resolution": "7d"},
    {"priority": "low", "resolution": "12d"},
)

# The shortest horizon that these windows allow, so that its rules are met within few days.
NASTY = Settings(
    windows=("30m", "3h", "2d", "7d"),
    horizon="16d",
    rates={"USD": 0.92, "JPY": "0.0061"},
    stage_probabilities={"Proposal": 0.4},
    calendars=OFFICE,
    service_levels=LEVELS,
)
# The same with the windows of the calendar.
TO_DATE = Settings(
    windows=("30d", "mtd", "qtd", "ytd"),
    rates=NASTY.rates,
    stage_probabilities=NASTY.stage_probabilities,
    calendars=OFFICE,
    service_levels=LEVELS,
)


class Drawn:
    """Chance from hypothesis; shrinks to the first option and to no."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(list(options)))

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) >= 100 - percent


def grid(settings: Settings, now: int = NOW) -> list[int]:
    """The times worth trying, ms, ascending: borders and their neighbours, and some quiet times between."""
    borders = {
        now,
        now // DAY * DAY,
        now // HOUR * HOUR,
        now - settings.horizon_ms,
        now - 2 * settings.horizon_ms,
    }
    for window in settings.windows:
        covered = span(window, now)
        borders |= {covered.start, covered.before}
    quiet = {now - n for n in (1, 1000, MINUTE, 40 * MINUTE, 5 * HOUR, 30 * HOUR, 4 * DAY, 12 * DAY)}
    later = {now + n for n in (1, MINUTE, HOUR)}
    return sorted(quiet | later | {border + shift for border in borders for shift in (-1, 0, 1)})


def as_of_times(settings: Settings, now: int = NOW) -> st.SearchStrategy[int | None]:
    """None, NOW, or any time of the grid."""
    return st.one_of(st.none(), st.just(now), st.sampled_from(grid(settings, now)))


@st.composite
def _life(draw: st.DrawFn, settings: Settings, families: tuple[str, ...], times: list[int]) -> list[dict[str, Any]]:
    """The events of one entity and their arrival (a time of the grid), mostly its opening first.

    `copies` says how far back in the history stands the event whose source and id it takes, `same` whether it
    takes its content too.
    """
    pick = Drawn(draw)
    family, account, entity = pick.one(families), pick.one(("A", "A", "A", "B")), pick.one(("e", "e", "f"))
    kinds, opened = TYPES[family], not pick.chance(10)
    steps: list[dict[str, Any]] = []
    at = times[0]
    for number, drawn in enumerate(sorted(draw(st.lists(st.sampled_from(times), min_size=1, max_size=8)))):
        at = at + pick.one((0, 1, 1000, 20 * MINUTE)) if number and pick.chance(45) else drawn
        again = number > 0 and pick.chance(8)
        type_ = kinds[0] if again or (opened and number == 0) else pick.one(kinds[1:] or kinds)
        currencies = ("XXX",) if pick.chance(2) else (settings.reporting_currency, *settings.rates)
        made = event(
            account=account,
            type_=type_,
            at=rfc3339(at, pick),
            source=pick.one(("crm", "app")),
            id_=pick.one(("m", "a", "z")),
            data=payload(pick, type_, entity, pick.one((at, at, pick.one(times))), currencies),
        )
        arrival = pick.one(times) if pick.chance(20) else at
        copies = pick.one((1, 2, 3, 5)) if pick.chance(10) else 0
        steps.append({"event": made, "arrival": arrival, "copies": copies, "same": pick.chance(40)})
    return steps


def histories(
    settings: Settings = NASTY,
    families: Sequence[str] = FAMILIES,
    *,
    max_events: int = 40,
    max_lives: int = 6,
    now: int = NOW,
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of CloudEvents in arrival order, at most `max_events` of at most `max_lives` entities' lives.

    Profiles come along whatever families are asked for.
    """
    asked = tuple(f for f in families if f != "account")
    chosen = (*asked, *asked, *asked, "account") if len(asked) < 4 else (*asked, "account")
    lives = st.lists(_life(settings, chosen, grid(settings, now)), min_size=1, max_size=max_lives)
    return lives.map(lambda drawn: _arrived(drawn)[:max_events])


def _arrived(lives: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All steps in the order of their arrival; ids are unique where an event is not meant to be a copy."""
    log: list[dict[str, Any]] = []
    steps = sorted((step for life in lives for step in life), key=lambda step: step["arrival"])
    for number, step in enumerate(steps):
        made = dict(step["event"])
        earlier = log[-step["copies"]] if 0 < step["copies"] <= len(log) else None
        if earlier is None:
            made["id"] += str(number)
        elif step["same"]:
            made = dict(earlier)
        else:
            made |= {"source": earlier["source"], "id": earlier["id"], "subject": earlier["subject"]}
        log.append(made)
    return log
