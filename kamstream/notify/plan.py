"""What is to be said to whom and when: pure stages from cases to notices.

Each stage takes the notices of the one before and drops, holds (`due` in the future) or adds some. Nothing is
remembered here: the plan is made anew from the cases whenever something happened or something fell due.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from kamstream.alerts.routing import Target, quiet_until, recipients, silence_of
from kamstream.alerts.rules import Ruleset, Silence
from kamstream.notify.case import Case, Told

_NOT_TOLD = Told()


class Kind(StrEnum):
    """Why something is said."""

    FIRING = "firing"
    REPEAT = "repeat"
    ESCALATION = "escalation"
    RESOLVED = "resolved"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Notice:
    """One case for one address, at `due` (wall clock, epoch ms). MUTED is noted and not sent."""

    case: Case
    target: Target
    kind: Kind
    due: int

    @property
    def told(self) -> Told:
        """What the address knows."""
        return self.case.told.get(self.target.key, _NOT_TOLD)


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a plan depends on besides the cases."""

    now: int
    ruleset: Ruleset
    acknowledged: Mapping[str, object] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()

    def acked(self, case: Case) -> bool:
        """Whether somebody took the alert on."""
        return case.firing.alert_id in self.acknowledged


Stage = Callable[[Moment, list[Notice]], list[Notice]]


def route(moment: Moment, cases: Iterable[Case]) -> list[Notice]:
    """Every open case to every address that its routes lead to."""
    return [
        Notice(case, target, Kind.RESOLVED if case.resolved else Kind.FIRING, case.resolved_seen or case.seen)
        for case in cases
        if case.closed is None
        for target in recipients(moment.ruleset, case.firing)
    ]


def escalate(moment: Moment, notices: list[Notice]) -> list[Notice]:
    """The addresses of last resort: only after `escalate_after` without an acknowledgement."""
    kept = []
    for notice in notices:
        if notice.target.escalation and notice.told.firing is None:
            first, wait = notice.case.first_told, notice.target.route.escalate_after_ms
            if notice.case.resolved or first is None or wait is None or moment.acked(notice.case):
                continue
            kept.append(replace(notice, kind=Kind.ESCALATION, due=first + wait))
        else:
            kept.append(notice)
    return kept


def dedupe(moment: Moment, notices: list[Notice]) -> list[Notice]:
    """What an address knows already is said again only by `repeat_every`."""
    kept = []
    for notice in notices:
        told, every = notice.told, notice.target.route.repeat_every_ms
        if notice.kind is Kind.RESOLVED:
            if told.resolved is None:
                kept.append(notice)
        elif told.firing is None:
            kept.append(notice)
        elif every is not None and told.last is not None and not moment.acked(notice.case):
            kept.append(replace(notice, kind=Kind.REPEAT, due=told.last + every))
    return kept


def silence(moment: Moment, notices: list[Notice]) -> list[Notice]:
    """What is silenced waits for the silence's end; what ends during a silence is never told."""
    silences = (*moment.ruleset.silences, *moment.silences)
    kept = []
    for notice in notices:
        held = silence_of(silences, notice.case.firing, moment.now)
        if notice.kind is Kind.RESOLVED:
            muted = silence_of(silences, notice.case.firing, notice.case.resolved_seen)
            kept.append(replace(notice, kind=Kind.MUTED) if muted else notice)
        else:
            kept.append(replace(notice, due=max(notice.due, held.end)) if held else notice)
    return kept


def group(moment: Moment, notices: list[Notice]) -> list[Notice]:
    """A first message waits `group_wait`; when it goes, what waits for the same address goes along."""
    fresh = {Kind.FIRING, Kind.RESOLVED}
    waiting = [
        replace(notice, due=max(notice.due, notice.case.seen + notice.target.route.group_wait_ms))
        if notice.kind in fresh and notice.told.firing is None
        else notice
        for notice in notices
    ]
    going = {notice.target.url for notice in waiting if notice.due <= moment.now}
    return [
        replace(notice, due=moment.now)
        if notice.target.url in going
        and notice.kind in fresh
        and notice.due <= notice.case.seen + notice.target.route.group_wait_ms
        else notice
        for notice in waiting
    ]


def quiet_hours(moment: Moment, notices: list[Notice]) -> list[Notice]:
    """In a route's quiet hours everything waits for the morning, and then goes in one message."""
    kept = []
    for notice in notices:
        end = quiet_until(notice.target.route.quiet_hours, moment.now)
        hold = end is not None and notice.kind is not Kind.MUTED
        kept.append(replace(notice, due=max(notice.due, end or 0)) if hold else notice)
    return kept


STAGES: tuple[Stage, ...] = (escalate, dedupe, group, silence, quiet_hours)


def plan(moment: Moment, cases: Iterable[Case]) -> list[Notice]:
    """Every notice that is due or will be, oldest alert first."""
    notices = route(moment, cases)
    for stage in STAGES:
        notices = stage(moment, notices)
    return sorted(notices, key=lambda notice: (notice.case.firing.at, notice.case.firing.alert_id))
