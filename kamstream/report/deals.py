"""The forecast, the open deals and the overdue ones."""

from collections.abc import Sequence

from kamstream.report import charts
from kamstream.report.html import Html, element, join
from kamstream.report.language import NO_DATA, Language
from kamstream.report.material import Material, OpenDeal
from kamstream.report.meanings import window_title
from kamstream.report.parts import Column, attained, n_of, row, section, table
from kamstream.windows import DAY

#: More deals than this are summed up, not listed.
MOST = 20


def outlook(material: Material, language: Language) -> Html:
    """The section of the weighted pipeline by window ahead."""
    if not material.outlooks:
        none = element("p", language.say("outlook.none"), class_="none")
        return section("outlook", language.say("outlook"), None, none)
    columns = [
        Column(language.say("outlook.window")),
        Column(language.say("outlook.pipeline"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("outlook.before"), right=True),
        Column(language.say("n"), right=True, css="n"),
        Column(language.say("outlook.target"), right=True),
        Column(language.say("outlook.attained"), right=True, css="barred"),
    ]
    rows = []
    for one in material.outlooks:
        share = one.attainment
        said = attained(share, None if share is None else True, language)
        reached: str | Html = said
        if share is not None:
            drawn = charts.bar(share, "" if share >= 1 else "behind")
            reached = element("span", drawn, element("span", said), class_="b")
        cells: list[str | Html] = [window_title(one.window, language.code), language.value(one.pipeline, "money")]
        cells += [n_of(one.deals, language), language.value(one.year_before, "money")]
        cells += [n_of(one.year_before_deals, language), language.value(one.target, "money"), reached]
        rows.append(row(columns, cells))
    heading, lead = language.say("outlook"), language.say("outlook.lead")
    return section("outlook", heading, lead, table(columns, rows, heading))


def deals(material: Material, language: Language) -> Html:
    """The section of single deals: overdue ones apart, because somebody has to look after them."""
    if material.deals is None:
        unknown = element("p", language.say("deals.unknown"), class_="none")
        return section("deals", language.say("deals"), None, unknown)
    late = [deal for deal in material.deals if deal.late]
    ahead = [deal for deal in material.deals if not deal.late]
    first = section("deals", language.say("deals"), None, *_listed(material, ahead, language))
    if not late:
        return first
    if not ahead:
        first = Html()
    lead = language.say("deals.late-lead")
    listed = _listed(material, late, language, late=True)
    return join([first, section("late", language.say("deals.late"), lead, *listed)])


def _listed(material: Material, found: Sequence[OpenDeal], language: Language, *, late: bool = False) -> list[Html]:
    if not found:
        return [element("p", language.say("deals.none"), class_="none")]
    columns = [
        Column(language.say("deals.deal")),
        Column(language.say("deals.stage")),
        Column(language.say("deals.expected"), css="nowrap"),
        *([Column(language.say("deals.late-by"), right=True)] if late else []),
        Column(language.say("deals.amount"), right=True),
        Column(language.say("deals.probability"), right=True),
        Column(language.say("deals.weighted"), right=True),
    ]
    rows = []
    for deal in found[:MOST]:
        expected = NO_DATA if deal.expected is None else language.epoch_day(deal.expected)
        cells: list[str | Html] = [_name(material, deal), deal.stage or NO_DATA, expected]
        if late and deal.expected is not None:
            cells.append(language.value(material.as_of // DAY - deal.expected, "days"))
        cells += [language.value(deal.amount, "money"), language.percent(deal.probability, 0)]
        rows.append(row(columns, [*cells, language.value(deal.weighted, "money")]))
    if len(found) > MOST:
        more = language.counted("deals.more", len(found) - MOST)
        rows.append(_sums(columns, more, found[MOST:], language))
    total = f"{language.say('deals.total')} ({language.say('n')} {language.number(len(found))})"
    if len(found) > 1:
        rows.append(_sums(columns, total, found, language, css="total"))
    return [table(columns, rows, language.say("deals.late" if late else "deals"))]


def _sums(columns: list[Column], text: str, found: Sequence[OpenDeal], language: Language, css: str = "") -> Html:
    """A row that adds up deals; one without an amount adds nothing."""
    amount = language.value(sum(deal.amount or 0 for deal in found), "money")
    weighted = language.value(sum(deal.weighted for deal in found), "money")
    return row(columns, [text, *[""] * (len(columns) - 4), amount, "", weighted], css)


def _name(material: Material, deal: OpenDeal) -> Html:
    account = None
    if material.subject.scope != "account":
        account = element("span", deal.account_name or deal.account, class_="meaning")
    return element("span", element("span", deal.deal, class_="kpi"), account, class_="named")
