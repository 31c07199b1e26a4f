"""Building blocks that the sections of a review share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from kamstream.report.html import Child, Html, element
from kamstream.report.language import NO_DATA, Language
from kamstream.report.meanings import meaning, title, window_title
from kamstream.windows import NOW


class Column(NamedTuple):
    """A column's heading; numbers stand on the right."""

    heading: str
    right: bool = False
    css: str = ""

    @property
    def classes(self) -> str | None:
        """Its classes in the style sheet."""
        return f"{'num ' if self.right else ''}{self.css}".strip() or None


def section(id: str, heading: str, lead: str | None, *children: Child, css: str = "") -> Html:
    """A section with its heading and a line on what it shows."""
    head = element("h2", heading, id=f"{id}-heading")
    said = element("p", lead, class_="lead") if lead else None
    return element("section", head, said, *children, id=id, class_=css or None, aria_labelledby=f"{id}-heading")


def table(columns: Sequence[Column], rows: Sequence[Html], caption: str, css: str = "") -> Html:
    """A table with its headings repeated on every page."""
    heads = [element("th", column.heading, scope="col", class_=column.classes) for column in columns]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_=css or None,
    )


def row(columns: Sequence[Column], cells: Sequence[Child], css: str = "") -> Html:
    """A row; its first cell heads it."""
    made = []
    for place, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        made.append(element("td", cell, class_=column.classes) if place else element("th", cell, scope="row"))
    return element("tr", *made, class_=css or None)


def band(columns: Sequence[Column], text: str) -> Html:
    """A row that heads those below it."""
    return element("tr", element("th", text, colspan=len(columns), scope="colgroup"), class_="band")


def named(kpi: str, language: Language, window: str = NOW, *, explain: bool = True) -> Html:
    """A KPI's name, its window, and below it what it means."""
    name = title(kpi, language.code)
    about = element("span", window_title(window, language.code), class_="window") if window != NOW else None
    said = element("span", meaning(kpi, language.code), class_="meaning") if explain else None
    return element("span", element("span", name, class_="kpi"), about, said, class_="named")


def tag(text: str, css: str, mark: str = "") -> Html:
    """A word in a coloured pill, with a sign before it: colour is never the only mark."""
    return element("span", element("span", mark, aria_hidden="true") if mark else None, text, class_=f"tag {css}")


def n_of(n: Any, language: Language) -> str:
    """A sample count; an em dash where it is not known."""
    return NO_DATA if n is None else language.number(n)


def attained(share: float | None, met: bool | None, language: Language) -> str:
    """An attainment as a percentage; no data, and one beyond measure, by their words."""
    if share is not None and abs(share) < 1e6:
        return language.percent(share, 0)
    return NO_DATA if met is None else language.say("goals.beyond")
