"""The first page: whom it is about, the four numbers to start with, and what matters in short sentences."""

from kamstream.engine import Value
from kamstream.goals.target import KPIS
from kamstream.report import charts
from kamstream.report.figures import Figure, change, groups
from kamstream.report.goals import goals
from kamstream.report.html import Html, element
from kamstream.report.language import NO_DATA, Language
from kamstream.report.material import Material
from kamstream.report.meanings import in_sentence, title
from kamstream.report.parts import attained, tag
from kamstream.report.scorecard import perspective_name
from kamstream.report.trend import compare

#: Movements, goals or alerts that a sentence names.
NAMED = 3
#: Changes smaller than this are no news, and these figures say again what others say.
LEAST, _AGAIN = 0.05, frozenset({"revenue_growth", "conversion_rate_value"})
#: So many goals fit on the first page.
FEW_GOALS = 3


def cover(material: Material, language: Language) -> Html:
    """Head, tiles and summary."""
    subject = material.subject
    kind = element("p", language.say(f"review.{subject.scope}"), class_="kind")
    head = element(
        "header", kind, element("h1", name_of(material, language)), _facts(material, language), class_="cover"
    )
    tiles = element("div", *_tiles(material, language), class_="tiles")
    points = element("ul", *(element("li", sentence) for sentence in sentences(material, language)))
    short = element("section", element("h2", language.say("in-short"), id="short"), points, class_="short")
    first = goals(material, language) if goals_first(material) else None
    return element("div", head, tiles, short, first, class_="front")


def name_of(material: Material, language: Language) -> str:
    """Whom the review is about."""
    return material.subject.name or language.say("company")


def goals_first(material: Material) -> bool:
    """Whether the goals stand on the first page: as long as they are few."""
    return len(material.goals) <= FEW_GOALS


def period(material: Material, language: Language) -> str:
    """The review's window as dates."""
    return language.say("to", first=language.day(material.begins), last=language.day(material.as_of))


def _facts(material: Material, language: Language) -> Html:
    subject = material.subject
    facts = [("kam", subject.kam), ("number", subject.id if subject.scope != "company" else None)]
    facts += [("tier", _first_up(subject.tier)), ("segment", _first_up(subject.segment)), ("country", subject.country)]
    facts += [("period", period(material, language)), ("as-of", language.moment(material.as_of))]
    pairs = [
        element(
            "div", element("dt", language.say(key)), element("dd", said), class_="wide" if key == "period" else None
        )
        for key, said in facts
        if said
    ]
    return element("dl", *pairs)


def _first_up(word: str | None) -> str | None:
    return word[:1].upper() + word[1:] if word else None


def _tiles(material: Material, language: Language) -> list[Html]:
    card, agreed = material.card, material.goals
    score = card["score"] if card else None
    measured = sum(m["score"] is not None for one in (card or {}).get("perspectives", ()) for m in one["measures"])
    below = language.say("tile.no-score") if score is None else language.say("tile.measures", number=measured)
    scored = _said("tile.score", below, language)
    met = sum(goal["met"] is True for goal in agreed)
    revenue = material.values.get(f"revenue:{material.window.name}", Value(None, 0))
    active = sum(life.ended is None for life in material.alerts)
    return [
        element("div", charts.ring(score, language), element("div", *scored), class_="tile"),
        _tile("tile.goals", language.number(met) if agreed else NO_DATA,
              language.say("tile.of", number=len(agreed)) if agreed else language.say("tile.no-goals"), language),
        _tile("tile.revenue", language.value(revenue.value, "money"), _revenue(material, revenue, language), language),
        _tile("tile.alerts", language.number(active),
              language.say("tile.resolved", number=len(material.alerts) - active), language),
    ]  # fmt: skip


def _tile(key: str, number: str, below: str | Html, language: Language) -> Html:
    label, small = _said(key, below, language)
    return element("div", label, element("p", number, class_="figure"), small, class_="tile")


def _said(key: str, below: str | Html, language: Language) -> tuple[Html, Html]:
    return element("p", language.say(key), class_="label"), element("p", below, class_="below")


def _revenue(material: Material, revenue: Value, language: Language) -> Html:
    field = f"revenue:{material.window.name}"
    before = material.back.before.get(field)
    trend = compare("revenue", revenue, before)
    deals = language.counted("tile.deals", revenue.n)
    if trend.verdict == "unknown":
        return element("span", deals)
    css = {"better": "good", "worse": "bad"}.get(trend.verdict, "neutral")
    moved = change(Figure("revenue", material.window.name, revenue, before, trend), language)
    return element("span", deals, " ", tag(moved, css, trend.arrow))


def sentences(material: Material, language: Language) -> list[str]:
    """What matters, in a few sentences."""
    return [*_of_score(material, language), *_of_goals(material, language), *_of_figures(material, language),
            *_of_alerts(material, language), *_of_deals(material, language)]  # fmt: skip


def _of_score(material: Material, language: Language) -> list[str]:
    card = material.card
    if card is None or card["score"] is None:
        return [language.say("short.no-score")]
    parts = [
        language.say(
            "short.part",
            name=perspective_name(one["name"], language).lower(),
            score=NO_DATA if one["score"] is None else language.number(one["score"]),
        )
        for one in card["perspectives"]
    ]
    return [language.say("short.score", score=language.number(card["score"]), parts=", ".join(parts))]


def _of_goals(material: Material, language: Language) -> list[str]:
    agreed = material.goals
    if not agreed:
        return []
    behind = [goal for goal in agreed if goal["met"] is not True]
    if not behind:
        return [language.counted("short.goals-met", len(agreed))]
    parts = []
    for goal in behind[:NAMED]:
        name = in_sentence(f"{goal['kpi']}:{goal['window']}", language.code)
        share = attained(goal["attainment"], goal["met"], language)
        key = "short.goal" if goal["met"] is not None else "short.goal-no-value"
        parts.append(language.say(key, name=name, attained=share))
    parts += _more(len(behind), language)
    counts = {"met": language.number(len(agreed) - len(behind)), "all": language.number(len(agreed))}
    return [language.say("short.goals-behind", **counts, parts=language.listed(parts))]


def _of_figures(material: Material, language: Language) -> list[str]:
    found = [figure for _, members in groups(material) for figure in members if figure.kpi not in _AGAIN]
    known = [figure for figure in found if figure.trend.verdict != "unknown"]
    if not known:
        return [language.say("short.no-trend")]
    said = []
    for verdict in ("better", "worse"):
        moved = sorted((f for f in known if f.trend.verdict == verdict), key=lambda f: -f.trend.weight)
        solid = [figure for figure in _one_of_each(moved) if not figure.trend.thin and figure.trend.weight >= LEAST]
        parts = [
            language.say(
                "short.change", name=title(one.kpi, language.code).replace(", ", " "), change=change(one, language)
            )
            for one in solid[:NAMED]
        ]
        if parts:
            said.append(language.say(f"short.{verdict}", parts=language.listed(parts)))
    return said or [language.say("short.steady")]


def _one_of_each(figures: list[Figure]) -> list[Figure]:
    """One figure of each family: a median and a p90 that moved together are one piece of news."""
    kept: dict[str, Figure] = {}
    for figure in figures:
        kept.setdefault(figure.kpi.partition(".")[0], figure)
    return list(kept.values())


def _of_alerts(material: Material, language: Language) -> list[str]:
    active = [life for life in material.alerts if life.ended is None]
    if not active:
        return [language.say("short.alerts-none")]
    fields = dict.fromkeys(f"{life.record.kpi}:{life.record.window}" for life in active)
    parts = [in_sentence(field, language.code) for field in fields]
    shown = parts[:NAMED] + _more(len(parts), language)
    return [language.counted("short.alerts", len(active), parts=language.listed(shown))]


def _of_deals(material: Material, language: Language) -> list[str]:
    deals = material.deals
    if deals is None:
        return []
    if not deals:
        return [language.say("short.open-none")]
    weighted = language.value(sum(deal.weighted for deal in deals), KPIS["weighted_pipeline"].unit)
    said = language.counted("short.open", len(deals), weighted=weighted)
    late = [deal for deal in deals if deal.late]
    if late:
        amount = language.value(sum(deal.amount or 0 for deal in late), "money")
        key = "short.late" if len(late) < len(deals) else "short.late-all"
        said += " " + language.counted(key, len(late), amount=amount)
    return [said]


def _more(count: int, language: Language) -> list[str]:
    return [language.counted("short.more", count - NAMED)] if count > NAMED else []
