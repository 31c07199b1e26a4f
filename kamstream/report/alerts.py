"""The alerts of the period: what, when, how long."""

from collections.abc import Sequence

from kamstream.alerts import AlertRecord
from kamstream.dashboard.alarms import MARKS
from kamstream.goals.target import KPIS
from kamstream.notify.words import REASONS
from kamstream.report.html import Html, element
from kamstream.report.language import NO_DATA, Language
from kamstream.report.material import Life, Material
from kamstream.report.parts import Column, n_of, named, row, section, table, tag

#: More alerts than this are counted, not listed: active and resolved ones.
MOST_ACTIVE, MOST = 25, 12
_TAGS = {"critical": "bad", "warning": "warn", "info": "neutral"}


def alerts(material: Material, language: Language) -> Html:
    """The section."""
    first = language.day(material.begins)
    if not material.alerts:
        none = element("p", language.say("alerts.none", first=first), class_="none")
        return section("alerts", language.say("alerts"), None, none)
    active = [life for life in material.alerts if life.ended is None]
    over = [life for life in material.alerts if life.ended is not None]
    parts = [element("h3", language.say("alerts.active"))]
    parts += _active(material, active, language) if active else [_none("alerts.none-active", language)]
    parts.append(element("h3", language.say("alerts.over")))
    parts += _over(material, over, language) if over else [_none("alerts.none-over", language)]
    return section("alerts", language.say("alerts"), language.say("alerts.lead", first=first), *parts)


def _active(material: Material, found: Sequence[Life], language: Language) -> list[Html]:
    columns = [
        Column(language.say("alerts.what")),
        Column(language.say("alerts.severity")),
        Column(language.say("alerts.now"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("alerts.limit"), right=True),
        Column(language.say("alerts.since"), css="nowrap"),
        Column(language.say("alerts.lasts"), right=True),
    ]
    rows = []
    for life in found[:MOST_ACTIVE]:
        record = life.record
        value, n = _current(material, life)
        cells = [*_name(material, record, language), language.value(value, _unit(record))]
        cells += [
            n_of(n, language),
            language.value(record.threshold, _unit(record)),
            language.brief(life.since, material.as_of),
        ]
        rows.append(row(columns, [*cells, _lasted(life.since, material.as_of, language)]))
    return [table(columns, rows, language.say("alerts.active")), *_more(len(found) - MOST_ACTIVE, language)]


def _over(material: Material, found: Sequence[Life], language: Language) -> list[Html]:
    columns = [
        Column(language.say("alerts.what")),
        Column(language.say("alerts.severity")),
        Column(language.say("alerts.value"), right=True),
        Column(language.say("alerts.limit"), right=True),
        Column(language.say("alerts.since"), css="nowrap"),
        Column(language.say("alerts.until"), css="nowrap"),
        Column(language.say("alerts.lasts"), right=True),
        Column(language.say("alerts.why"), css="why"),
    ]
    rows = []
    for life in found[:MOST]:
        record, ended = life.record, life.ended or life.since
        cells = [*_name(material, record, language), language.value(life.value, _unit(record))]
        cells += [
            language.value(record.threshold, _unit(record)),
            language.brief(life.since, material.as_of),
            language.brief(ended, material.as_of),
        ]
        rows.append(row(columns, [*cells, _lasted(life.since, ended, language), _why(record, language)]))
    return [table(columns, rows, language.say("alerts.over")), *_more(len(found) - MOST, language)]


def _current(material: Material, life: Life) -> tuple[float | int | None, int]:
    """The value as it stands now, where the alert is about the review's own table."""
    record = life.record
    if (record.scope, record.id) == (material.subject.scope, material.subject.id):
        known = material.values.get(f"{record.kpi}:{record.window}")
        if known is not None:
            return known
    return life.value, record.n


def _name(material: Material, record: AlertRecord, language: Language) -> list[Html]:
    severity = record.severity if record.severity in _TAGS else "info"
    sign = tag(language.say(f"severity.{severity}"), _TAGS[severity], MARKS[severity])
    what = named(record.kpi, language, record.window, explain=False)
    return [element("span", what, _whose(material, record)), sign]


def _why(record: AlertRecord, language: Language) -> str:
    """How it ended; a wait that ends leaves no data, and was answered."""
    if record.kpi == "oldest_wait" and record.reason == "no-data":
        return language.say("alerts.answered")
    return REASONS[language.code].get(record.reason, NO_DATA)


def _whose(material: Material, record: AlertRecord) -> Html | None:
    """Whom it is about, where the review is about several."""
    if material.subject.scope == "account" or record.scope == "company":
        return None
    return element("span", record.name or record.id, class_="meaning")


def _unit(record: AlertRecord) -> str:
    return KPIS[record.kpi].unit if record.kpi in KPIS else record.unit


def _lasted(since: int, until: int, language: Language) -> str:
    """How long, to the minute; an alert of less than a minute says so."""
    minutes = max(0, until - since) // 60_000
    return language.value(minutes * 60, "s") if minutes else f"< {language.value(60, 's')}"


def _more(count: int, language: Language) -> list[Html]:
    return [element("p", language.counted("alerts.more", count), class_="more")] if count > 0 else []


def _none(key: str, language: Language) -> Html:
    return element("p", language.say(key), class_="none")
