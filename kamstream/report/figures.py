"""The main KPIs, this window against the previous one; and their histories."""

from collections.abc import Iterator
from typing import NamedTuple

from kamstream.dashboard.words import GROUPS
from kamstream.engine import Value
from kamstream.goals.target import KPIS
from kamstream.report import charts
from kamstream.report.html import Html, element
from kamstream.report.language import NO_DATA, Language
from kamstream.report.material import Earlier, Material, Points
from kamstream.report.meanings import field_title, title, window_title
from kamstream.report.parts import Column, band, n_of, named, row, section, table, tag
from kamstream.report.trend import Trend, compare
from kamstream.windows import DAY, NOW, parse

#: Shares of accounts that say nothing of a single one.
_OF_MANY = frozenset({"retention_rate", "gross_revenue_retention"})
#: The order in which groups stand: what a client asks first.
_ORDER = ("sales", "service", "relationship")
_TAGS = {"better": "good", "worse": "bad", "steady": "neutral", "unknown": "faint"}
CHARTS, LEAST_POINTS = 6, 4
#: Charts in this order; a KPI has one, in the window nearest to the review's.
_CHARTED = (
    "revenue", "conversion_rate", "nps", "first_response_time.p90", "response_time.mean", "resolution_rate",
    "open_tickets", "interaction_frequency", "weighted_pipeline",
)  # fmt: skip


class Figure(NamedTuple):
    """A KPI of the review's window, the value before, and the trend between them."""

    kpi: str
    window: str
    value: Value
    before: Earlier | None
    trend: Trend


def groups(material: Material) -> Iterator[tuple[str, list[Figure]]]:
    """The titled groups of figures that there are; KPIs without any data at all are left out."""
    by_key = {group.key: group for group in GROUPS}
    for key in _ORDER:
        figures = [figure for kpi in by_key[key].kpis if (figure := _figure(material, kpi)) is not None]
        if figures:
            yield by_key[key].title, figures


def _figure(material: Material, kpi: str) -> Figure | None:
    if material.subject.scope == "account" and kpi in _OF_MANY:
        return None
    for window in (material.window.name, NOW):
        field = f"{kpi}:{window}"
        if field in material.values:
            value, before = material.values[field], material.back.before.get(field)
            return Figure(kpi, window, value, before, compare(kpi, value, before))
    return None


def figures(material: Material, language: Language) -> Html:
    """The section of the main KPIs."""
    columns = [
        Column(language.say("figures.kpi")),
        Column(language.say("figures.now"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("figures.before"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("figures.change"), right=True),
        Column(language.say("figures.trend")),
    ]
    rows: list[Html] = []
    for name, members in groups(material):
        rows.append(band(columns, language.say(f"section.{name}")))
        rows += [_row(columns, figure, language) for figure in members]
    if not rows:
        return section("figures", language.say("figures"), None, element("p", language.say("figures.none")))
    first, end = (pane * material.window.unit_ms for pane in material.window.previous(material.as_of))
    lead = language.say(
        "figures.lead",
        window=window_title(material.window.name, language.code),
        last=language.day(material.as_of),
        first=language.day(first),
        end=language.day(end),
    )
    return section("figures", language.say("figures"), lead, table(columns, rows, language.say("figures")))


def change(figure: Figure, language: Language) -> str:
    """A change with its sign: relative, of ratios and NPS in points, of counts as it is; else an em dash."""
    trend, unit = figure.trend, KPIS[figure.kpi].unit
    if trend.difference is None:
        return NO_DATA
    sign = "+" if trend.difference > 0 else ""
    if unit == "ratio":
        return language.say("points", number=sign + language.number(trend.difference * 100, 1))
    if unit == "points":
        return language.say("points", number=sign + language.number(trend.difference, 1))
    if trend.relative is None or unit == "count":
        return sign + language.value(trend.difference, unit)
    return sign + language.percent(trend.relative, 0)


def _row(columns: list[Column], figure: Figure, language: Language) -> Html:
    unit, trend = KPIS[figure.kpi].unit, figure.trend
    before = figure.before or Earlier(None, None)
    said = [tag(language.say(f"trend.{trend.verdict}"), _TAGS[trend.verdict], trend.arrow)]
    if trend.thin:
        said.append(element("span", language.say("trend.thin"), class_="meaning"))
    return row(
        columns,
        [
            named(figure.kpi, language),
            element("b", language.value(figure.value.value, unit)),
            n_of(figure.value.n, language),
            language.value(before.value, unit),
            n_of(before.n, language),
            change(figure, language),
            element("span", *said),
        ],
    )


def histories(material: Material, language: Language) -> Html | None:
    """The section of the charts; None where no history has enough points."""
    chosen = _chosen(material)
    if not chosen:
        return None
    drawn = [_chart(field, points, language) for field, points in chosen]
    grid = element("div", *drawn, class_="charts")
    return section("history", language.say("history"), language.say("history.lead"), grid)


def _chosen(material: Material) -> list[tuple[str, Points]]:
    known = {field: points for field, points in material.back.histories.items() if len(points) >= LEAST_POINTS}
    order = {kpi: place for place, kpi in enumerate(_CHARTED)}
    best: dict[str, str] = {}
    for field in known:
        kpi, _, window = field.rpartition(":")
        if kpi in KPIS and (kpi not in best or _distance(window, material) < _distance(_window(best[kpi]), material)):
            best[kpi] = field
    ranked = sorted(best.values(), key=lambda field: (order.get(field.rpartition(":")[0], len(order)), field))
    return [(field, known[field]) for field in ranked[:CHARTS]]


def _chart(field: str, points: Points, language: Language) -> Html:
    kpi = field.rpartition(":")[0]
    unit, values = KPIS[kpi].unit, [value for _, value in points]
    label = language.say(
        "history.label",
        name=title(kpi, language.code),
        first=language.short_day(int(points[0][0] * 1000)),
        last=language.short_day(int(points[-1][0] * 1000)),
        low=language.value(min(values), unit),
        high=language.value(max(values), unit),
        value=language.value(values[-1], unit),
    )
    latest = element("span", language.value(values[-1], unit), class_="latest")
    caption = element("figcaption", element("span", field_title(field, language.code)), latest)
    return element("figure", caption, charts.history(points, unit, label, language))


def _window(field: str) -> str:
    return field.rpartition(":")[2]


def _distance(window: str, material: Material) -> int:
    """How far a window's length is from the review's, in days."""
    if window == NOW:
        return 0
    return abs(parse(window).longest_days() - material.window.longest_days()) * DAY
