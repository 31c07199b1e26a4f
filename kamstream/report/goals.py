"""Goals and targets: how far each has come, and where it is heading."""

from collections.abc import Mapping
from typing import Any

from kamstream.goals.target import KPIS
from kamstream.report import charts
from kamstream.report.html import Html, element
from kamstream.report.language import Language
from kamstream.report.material import Material
from kamstream.report.parts import Column, attained, n_of, named, row, section, table, tag


def goals(material: Material, language: Language) -> Html:
    """The section."""
    if not material.goals:
        return section("goals", language.say("goals"), None, element("p", language.say("goals.none"), class_="none"))
    columns = [
        Column(language.say("goals.goal")),
        Column(language.say("goals.value"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("goals.target"), right=True),
        Column(language.say("goals.attained"), right=True, css="barred"),
        Column(language.say("goals.pace"), right=True),
        Column(language.say("goals.status")),
    ]
    rows = [_goal(columns, goal, language) for goal in material.goals]
    lead = language.say("goals.lead") if any(goal["pace"] is not None for goal in material.goals) else None
    return section("goals", language.say("goals"), lead, table(columns, rows, language.say("goals")))


def _goal(columns: list[Column], goal: Mapping[str, Any], language: Language) -> Html:
    kpi = KPIS[goal["kpi"]]
    value, pace = (language.value(goal[name], kpi.unit) for name in ("value", "pace"))
    key = "goals.at-most" if kpi.better == "lower" else "goals.at-least"
    target = language.say(key, target=language.value(goal["target"], kpi.unit))
    share, met = goal["attainment"], goal["met"]
    said = attained(share, met, language)
    filled = share if share is not None else float(bool(met))
    reached = element("span", charts.bar(filled, "" if met else "behind"), element("span", said), class_="b")
    shared = element("span", language.say("goals.shared"), class_="meaning") if goal["shared"] else None
    name = element("span", named(goal["kpi"], language, goal["window"], explain=False), shared)
    return row(columns, [name, value, n_of(goal["n"], language), target, reached, pace, _status(met, language)])


def _status(met: bool | None, language: Language) -> Html:
    if met is None:
        return tag(language.say("goals.no-value"), "neutral")
    return tag(language.say("goals.met"), "good", "✓") if met else tag(language.say("goals.not-met"), "bad", "✗")
