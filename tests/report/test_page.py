"""What the page says, in both languages; and that it is one file that nothing can break out of."""

from __future__ import annotations

import re
import string
from dataclasses import replace

import pytest

from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE
from kamstream.report import LookBack, Subject, page
from kamstream.report.language import Language
from kamstream.report.meanings import meaning, title
from kamstream.report.words import WORDS
from kamstream.windows import to_ms
from tests.report.make import NAME, NOW, empty, material
from tests.report.reading import Page, plain

#: Section → what stands there, in English and in French.
SAID = [
    ("card", "Finance 80", "Finances 80"),
    # shares 3/4 and 1/4 of what has a value: 80 × 3/4 + 50 × 1/4
    ("card", "Revenue 90 days €80,000 12 €0 … €100,000 80 75% 60",
     "Chiffre d’affaires 90 jours 80 000 € 12 0 € … 100 000 € 80 75 % 60"),
    ("card", "Response time, p90 90 days 12h 40 1d … 0s 50 25% 12.5",
     "Temps de réponse, p90 90 jours 12 h 40 1 j … 0 s 50 25 % 12,5"),
    ("card", "NPS 90 days — 0 0 … 50 — — —", "NPS 90 jours — 0 0 … 50 — — —"),
    ("card", "Whole card 73 100% 72.5", "Ensemble 73 100 % 72,5"),
    ("goals", "Revenue 90 days agreed with the client €80,000 12 at least €100,000 80% — ✗ not met",
     "Chiffre d’affaires 90 jours convenu avec le client 80 000 € 12 au moins 100 000 € 80 % — ✗ non atteint"),
    ("goals", "12h 40 at most 13h 53m 116% — ✓ met", "12 h 40 au plus 13 h 53 min 116 % — ✓ atteint"),
    ("figures", "90 days to 24 November 2026, against the same length of time before (29 May 2026 to 26 August 2026)",
     "90 jours jusqu’au 24 novembre 2026, comparés à la même durée juste avant (du 29 mai 2026 au 26 août 2026)"),
    ("figures", "€80,000 12 €64,000 10 +25% ▲ better", "80 000 € 12 64 000 € 10 +25 % ▲ en progrès"),
    ("figures", "12h 40 6h 38 +100% ▲ weaker", "12 h 40 6 h 38 +100 % ▲ en recul"),
    ("figures", "62.5% 8 50% 4 +12.5 pts ▲ better few cases", "62,5 % 8 50 % 4 +12,5 pts ▲ en progrès peu de cas"),
    ("figures", "3 3 3 3 0 ▬ steady", "3 3 3 3 0 ▬ stable"),
    ("figures", "— 0 20 5 — no comparison", "— 0 20 5 — sans comparaison"),
    ("figures", "€1,234,567 4 — — — no comparison", "1 234 567 € 4 — — — sans comparaison"),
    ("history", "Revenue, 90 days €80,000", "Chiffre d’affaires, 90 jours 80 000 €"),
    ("alerts", "Response time, p90 90 days ▲ critical 12h 40 8h 21 Nov, 14:20 3d",
     "Temps de réponse, p90 90 jours ▲ critique 12 h 40 8 h 21 nov., 14:20 3 j"),
    ("alerts", "Oldest wait ◆ warning 13h 53m 8h 19 Nov, 12:20 19 Nov, 14:20 2h nobody waits any more",
     "Plus longue attente ◆ attention 13 h 53 min 8 h 19 nov., 12:20 19 nov., 14:20 2 h plus personne n’attend"),
    ("outlook", "90 days €1,234,567 4 €500,000 7 €1,000,000 123%",
     "90 jours 1 234 567 € 4 500 000 € 7 1 000 000 € 123 %"),
    ("deals", "D-2 — 24 Dec 2026 — 25% €0", "D-2 — 24 déc. 2026 — 25 % 0 €"),
    ("late", "D-<late> Offer 15 Nov 2026 9 d €5,000 50% €2,500",
     "D-<late> Offer 15 nov. 2026 9 j 5 000 € 50 % 2 500 €"),
    ("notes", "Money is in EUR.", "Les montants sont en EUR."),
]  # fmt: skip


@pytest.mark.parametrize(("section", "english", "french"), SAID)
def test_each_section_says_its_values_with_n_in_both_languages(section: str, english: str, french: str) -> None:
    for code, words in (("en", english), ("fr", french)):
        assert words in Page(page(material(), code)).sections[section]


@pytest.mark.parametrize(
    ("code", "sentences"),
    [
        ("en", [
            "The scorecard stands at 73 of 100: finance 80, process 50.",
            "1 of 2 goals met; still open: Revenue (90 days), 80% reached.",
            "Better than in the previous period: Revenue (+25%).",  # the conversion rate rests on few cases
            "Weaker than in the previous period: Response time p90 (+100%).",
            "1 alert is active: Response time p90 (90 days).",
            "2 deals are open, together €2,500 weighted by probability. 1 of them is overdue (€5,000) and needs a new "
            "date or a decision.",
        ]),
        ("fr", [
            "Le tableau de bord affiche 73 sur 100 : finances 80, processus 50.",
            "En progrès par rapport à la période précédente : Chiffre d’affaires (+25 %).",
            "1 alerte est active : Temps de réponse p90 (90 jours).",
        ]),
    ],
)  # fmt: skip
def test_the_first_page_says_what_matters(code: str, sentences: list[str]) -> None:
    said = Page(page(material(), code)).text
    for sentence in sentences:
        assert sentence in said


def test_the_head_names_whom_by_whom_and_when() -> None:
    english, french = Page(page(material(), "en")).text, Page(page(material(), "fr")).text
    assert "Account manager Amélie <b>Laurent</b> Number A-1 Tier Key Segment Industry Country DE" in english
    assert "Period 27 August 2026 to 24 November 2026 As of 24 Nov 2026, 14:20 UTC" in english
    assert "Période du 27 août 2026 au 24 novembre 2026 Situation au 24 nov. 2026, 14:20 UTC" in french


@pytest.mark.parametrize("code", ["en", "fr"])
def test_the_page_is_one_file_that_asks_for_nothing(code: str) -> None:
    text = page(material(), code)
    read = Page(text)
    names = {name for name, _ in read.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "a"}
    attributes = {key for _, said in read.elements for key in said}
    assert not attributes & {"src", "href", "srcset", "xlink:href", "style", "background", "data"}
    assert not [key for key in attributes if key.startswith("on")]
    assert "url(" not in read.style
    assert "@import" not in read.style
    assert not re.search(r"https?:|//[a-z]", text)
    assert ("meta", {"http-equiv": "Content-Security-Policy",
                     "content": "default-src 'none'; style-src 'unsafe-inline'"}) in read.elements  # fmt: skip


def test_names_are_text_whatever_they_hold() -> None:
    for text in (page(material(), "en"), page(material(subject=Subject("account", "</style><b>", NAME)), "fr")):
        assert "<script" not in text
        assert "<b>Laurent" not in text
        assert "<late>" not in text
        read = Page(text)
        assert plain(NAME) in read.text
        # The running head of printed pages is inside the style sheet.
        assert text.count("</style>") == 1
        assert not re.search(r'content: "[^"]*[<&]', read.style)


def test_no_data_is_a_dash_and_an_empty_review_is_still_a_page() -> None:
    for code in ("en", "fr"):
        read = Page(page(empty(), code))
        assert "None" not in read.text
        assert not re.search(r"\bnan\b|\binf\b", read.text)
    said = Page(page(empty(), "en"))
    assert "Revenue Amount of the deals won €0 0 — — — no comparison" in said.sections["figures"]
    assert "No goals have been agreed." in said.sections["goals"]
    assert "There is no scorecard yet." in said.sections["card"]
    assert "Single deals are not kept in the live tables" in said.sections["deals"]
    assert "No alert is active, and none was resolved since 27 August 2026." in said.sections["alerts"]
    assert "history" not in said.sections


def test_a_company_has_no_number_and_a_long_list_is_counted() -> None:
    deal = material().deals
    assert deal
    late = [replace(deal[0], deal=f"D-{number}") for number in range(25)]
    read = Page(page(material(subject=Subject("company", "all", ""), deals=late), "en"))
    assert "Company review The whole company Period" in read.text
    assert plain(f"D-19 {NAME}") in read.sections["late"]
    assert "and 5 more deals €25,000 €12,500 Total (n 25) €125,000 €62,500" in read.sections["late"]
    assert "D-20" not in read.text


def test_events_that_begin_within_the_previous_window_are_told_of() -> None:
    begins = to_ms("2026-06-01T10:00:00Z")
    partial = material(back=LookBack(material().back.before, {}, begins))
    assert "The events begin on 1 June 2026" in Page(page(partial, "en")).sections["notes"]
    assert "commencent le 1er juin 2026" in Page(page(partial, "fr")).sections["notes"]
    assert "begin on" not in Page(page(material(), "en")).text


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UserError, match="'de' is no language"):
        page(material(), "de")


def test_both_languages_have_the_same_words_with_the_same_blanks() -> None:
    def blanks(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}

    assert WORDS["en"].keys() == WORDS["fr"].keys()
    different = [key for key in WORDS["en"] if blanks(WORDS["en"][key]) != blanks(WORDS["fr"][key])]
    assert different == []


def test_every_kpi_has_a_name_and_a_meaning_of_one_line_in_both_languages() -> None:
    for kpi in CATALOGUE:
        assert meaning(kpi.name, "en") != meaning(kpi.name, "fr")
        assert 0 < len(meaning(kpi.name, "fr")) < 100
        assert title(kpi.name, "fr")


def test_money_is_written_with_the_sign_of_its_currency() -> None:
    shown = [
        plain(Language(code, currency).value(-1234.5, "money")) for code in ("en", "fr") for currency in ("GBP", "CHF")
    ]
    assert shown == ["−£1,235", "−CHF 1,235", "−1 235 £", "−1 235 CHF"]
    assert plain(Language("fr").value(12.5, "money")) == "12,50 €"


def test_french_dates_begin_the_month_with_the_first() -> None:
    assert plain(Language("fr").day(to_ms("2026-08-01T00:00:00Z"))) == "1er août 2026"
    assert plain(Language("fr").brief(NOW, to_ms("2027-01-01T00:00:00Z"))) == "24 nov. 2026, 14:20"
