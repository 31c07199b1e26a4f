"""The balanced scorecard with the contribution of every measure."""

from collections.abc import Mapping
from typing import Any

from kamstream.goals.target import KPIS
from kamstream.report import charts
from kamstream.report.html import Html, element
from kamstream.report.language import NO_DATA, Language
from kamstream.report.material import Material
from kamstream.report.parts import Column, n_of, named, row, section, table


def perspective_name(name: str, language: Language) -> str:
    """A perspective's name in words; one of an installation's own as it is written there."""
    known = ("finance", "customer", "process", "growth")
    return language.say(f"perspective.{name}") if name in known else name.replace("_", " ").capitalize()


def scorecard(material: Material, language: Language) -> Html:
    """The section."""
    card = material.card
    if card is None or card["score"] is None:
        return section("card", language.say("card"), None, element("p", language.say("card.none"), class_="none"))
    columns = [
        Column(language.say("card.measure")),
        Column(language.say("card.value"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("card.range"), right=True, css="quiet"),
        Column(language.say("card.score"), right=True, css="barred"),
        Column(language.say("card.weight"), right=True, css="quiet"),
        Column(language.say("card.points"), right=True),
    ]
    rows: list[Html] = []
    for one in card["perspectives"]:
        name = perspective_name(one["name"], language)
        rows.append(row(columns, [name, "", "", "", *_scored(one, language)], "band"))
        rows += [_measure(columns, measure, language) for measure in one["measures"]]
    whole = {"score": card["score"], "share": 1, "contribution": card["score"]}
    rows.append(row(columns, [language.say("card.total"), "", "", "", *_scored(whole, language)], "total"))
    drawn = element("div", *(_perspective(one, language) for one in card["perspectives"]), class_="perspectives")
    head = element("div", charts.ring(card["score"], language), drawn, class_="card-head")
    return section(
        "card", language.say("card"), language.say("card.lead"), head, table(columns, rows, language.say("card"))
    )


def _perspective(one: Mapping[str, Any], language: Language) -> Html:
    score = one["score"]
    shown = NO_DATA if score is None else language.number(score)
    return element(
        "div",
        element("span", perspective_name(one["name"], language), class_="name"),
        charts.bar((score or 0) / 100),
        element("span", shown, class_="num"),
        class_="perspective",
    )


def _measure(columns: list[Column], measure: Mapping[str, Any], language: Language) -> Html:
    unit = KPIS[measure["kpi"]].unit
    worst, best = (language.value(measure[name], unit) for name in ("worst", "best"))
    value, count = language.value(measure["value"], unit), n_of(measure["n"], language)
    name = named(measure["kpi"], language, measure["window"], explain=False)
    css = "missing" if measure["score"] is None else ""
    return row(columns, [name, value, count, f"{worst} … {best}", *_scored(measure, language)], css)


def _scored(one: Mapping[str, Any], language: Language) -> list[str | Html]:
    if one["score"] is None:
        return [NO_DATA, NO_DATA, NO_DATA]
    score = element("span", charts.bar(one["score"] / 100), element("span", language.number(one["score"])), class_="b")
    return [score, language.percent(one["share"], 0), language.number(one["contribution"], 1)]
