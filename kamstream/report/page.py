"""The whole review as one HTML page that asks nothing of any network."""

from importlib.resources import files

from kamstream.report.alerts import alerts
from kamstream.report.cover import cover, goals_first, name_of, period
from kamstream.report.deals import deals, outlook
from kamstream.report.figures import figures, histories
from kamstream.report.goals import goals
from kamstream.report.html import Html, css_text, element, join
from kamstream.report.language import Language
from kamstream.report.material import Material
from kamstream.report.parts import section
from kamstream.report.scorecard import scorecard

#: Nothing is loaded, from anywhere; the page has no script.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(material: Material, language_code: str) -> str:
    """The page; a UserError where there is no such language."""
    language = Language(language_code, material.currency)
    kind = language.say(f"review.{material.subject.scope}")
    title = language.say("title", kind=kind, name=name_of(material, language))
    sheet = element(
        "main",
        cover(material, language),
        scorecard(material, language),
        None if goals_first(material) else goals(material, language),
        figures(material, language),
        histories(material, language),
        alerts(material, language),
        outlook(material, language),
        deals(material, language),
        _notes(material, language),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="generator", content="kamstream"),
        element("title", f"{title} ({period(material, language)})"),
        element("style", Html(_style(title, material, language))),
    )
    return f"<!doctype html>\n{element('html', head, element('body', sheet), lang=language.code)}\n"


def _style(title: str, material: Material, language: Language) -> str:
    """The style sheet, with the running head and foot of printed pages."""
    running = {
        "@top-left": css_text(title),
        "@bottom-left": css_text(f"{language.say('as-of')} {language.moment(material.as_of)}"),
        "@bottom-right": f"{css_text(language.say('page') + ' ')} counter(page) {css_text(' / ')} counter(pages)",
    }
    boxes = " ".join(f"{box} {{ content: {content}; }}" for box, content in running.items())
    sheet = files("kamstream.report").joinpath("page.css").read_text(encoding="utf-8")
    return f"{sheet}\n@page {{ {boxes} }}\n@page :first {{ @top-left {{ content: none; }} }}\n"


def _notes(material: Material, language: Language) -> Html:
    said = [language.say(f"notes.{key}") for key in ("n", "none", "p90", "windows")]
    said.append(language.say("notes.money", currency=material.currency))
    begins = material.back.begins
    if begins is not None and begins > material.window.previous(material.as_of)[0] * material.window.unit_ms:
        said.append(language.say("notes.begins", first=language.day(begins)))
    if begins is None:
        said.append(language.say("notes.little"))
    items = join(element("li", text) for text in said)
    return section("notes", language.say("notes"), None, element("ul", items), css="notes")
