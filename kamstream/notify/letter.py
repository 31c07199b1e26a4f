"""Messages that can be read at a glance, on a phone, at seven in the morning, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from kamstream.alerts.quantity import say
from kamstream.alerts.record import AlertRecord
from kamstream.notify.case import Case
from kamstream.notify.plan import Kind, Notice
from kamstream.notify.words import COLON, REASONS, WORDS
from kamstream.windows import to_text


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address. `over`: all in it is resolved; `severity` is the worst in it."""

    title: str
    body: str
    severity: str
    over: bool


@dataclass(frozen=True, slots=True)
class Style:
    """What a letter needs besides its notices.

    The reporting currency, where the dashboard is (or None), and what each KPI means, in English.
    """

    currency: str = "EUR"
    dashboard: str | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)


_RANK = ("info", "warning", "critical")


def write(notices: Sequence[Notice], language: str, style: Style) -> Letter:
    """One alert as a letter of its own, several as one digest, the open ones first."""
    words = WORDS[language]
    ordered = sorted(notices, key=lambda n: (n.case.resolved is not None, -_RANK.index(_worst([n]))))
    over = all(notice.case.resolved for notice in ordered)
    if len(ordered) == 1:
        return Letter(_title(ordered[0], words), _body(ordered[0], language, style), _worst(ordered), over)
    resolved = sum(notice.case.resolved is not None for notice in ordered)
    title = words["digest"].format(n=len(ordered), firing=len(ordered) - resolved, resolved=resolved)
    parts = [f"{_title(notice, words)}\n{_body(notice, language, style)}" for notice in ordered]
    return Letter(title, "\n\n".join(parts), _worst(ordered), over)


def _worst(notices: Sequence[Notice]) -> str:
    return max((notice.case.firing.severity for notice in notices), key=_RANK.index)


def _title(notice: Notice, words: dict[str, str]) -> str:
    alert = notice.case.record
    head = words["resolved"] if notice.case.resolved else words[alert.severity]
    extra = f" ({words[notice.kind]})" if notice.kind in (Kind.REPEAT, Kind.ESCALATION) else ""
    return f"{head}{extra}: {alert.name or alert.id}, {alert.rule.replace('-', ' ')}"


def _body(notice: Notice, language: str, style: Style) -> str:
    words, case = WORDS[language], notice.case
    alert = case.record

    def line(word: str, text: str) -> str:
        return f"{words[word]}{COLON[language]} {text}"

    def shown(value: float | int | None) -> str:
        return say(value, alert.unit, currency=style.currency, language=language)

    over = "" if alert.window == "now" else f" {words['over']} {alert.window}"
    value = f"{shown(alert.value)}{over} ({alert.n:,} {words['samples']})"
    lines = [
        case.firing.summary,
        line("last" if case.resolved else "value", value),
        line("limit", shown(alert.threshold)),
        line("since", _when(case.firing.since)),
    ]
    if case.resolved:
        reason = case.resolved.reason
        lasted = f"{_lasted(case, language)} ({words['until']} {_when(case.resolved.at)})"
        lines += [line("lasted", lasted), line("ended", REASONS[language].get(reason, reason))]
    elif language == "en" and alert.kpi in style.meanings:
        lines.append(line("means", style.meanings[alert.kpi]))
    if style.dashboard:
        lines.append(_link(style.dashboard, alert))
    if not case.resolved:
        lines.append(line("ack", f"kamstream alerts ack {alert.alert_id}"))
    return "\n".join(lines)


def _lasted(case: Case, language: str) -> str:
    ended = case.resolved.at if case.resolved else case.firing.at
    return say((ended - case.firing.since) / 1000, "s", language=language)


def _when(ms: int) -> str:
    """To the minute, in UTC: 2026-11-24 14:20 UTC."""
    return to_text(ms)[:16].replace("T", " ") + " UTC"


def _link(dashboard: str, alert: AlertRecord) -> str:
    page = "company" if alert.scope == "company" else f"{alert.scope}/{quote(alert.id, safe='')}"
    return f"{dashboard.rstrip('/')}/{page}"
