"""A scorecard's text is that of its definition, to the last digit, whatever the card and the values."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from kamstream.goals import Board, Card, Measure, Perspective
from kamstream.goals.card import DEFAULT
from kamstream.goals.cardtext import CardText
from tests.goals.test_documents import NOW

IDS = st.sampled_from(["A", 'q"uo%s\\te\0', "Z\u00fc"])
weights = st.integers(1, 5) | st.floats(0.01, 100)
bounds = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)
values = st.none() | bounds | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(1 << 60), 1 << 60)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Perspectives with none to four measures, each of a KPI of its own."""
    sides, number = [], 0
    for name in draw(st.lists(st.sampled_from(["finance", 'a"%s', "\u00fc"]), max_size=3)):
        measures = []
        for _ in range(draw(st.integers(0, 4))):
            worst, best = draw(bounds), draw(bounds)
            assume(abs(best - worst) > 1e-6)
            measures.append(Measure(f"k{number}", "30d", worst, best, draw(weights)))
            number += 1
        sides.append(Perspective(name, draw(weights), tuple(measures)))
    return Card(tuple(sides))


def wanted(card: Card, id: str, table: dict[str, Any]) -> str:
    """The text of what the definition makes."""
    return msgspec.json.encode(Board(card, {}).scorecard("account", id, table, NOW)).decode()


@given(cards(), IDS, st.data())
def test_the_text_is_that_of_the_definition(card: Card, id: str, data: st.DataObject) -> None:
    text = CardText("account", card.of("account"))
    for _ in range(3):
        table = {}
        for measure in card.measures():
            if data.draw(st.booleans() | st.just(True)):
                table[measure.field] = (data.draw(values), data.draw(st.integers(0, 99)))
        assert text.of(id, table, NOW) == wanted(card, id, table)


@given(st.lists(st.none() | st.floats(-1e6, 1e6) | st.integers(0, 100), min_size=20, max_size=20))
def test_so_is_that_of_the_card_that_is_there_without_settings(numbers: list[float | None]) -> None:
    table = {m.field: (value, 1) for m, value in zip(DEFAULT.of("account").measures(), numbers, strict=True)}
    assert DEFAULT_TEXT.of("A", table, NOW) == wanted(DEFAULT, "A", table)


DEFAULT_TEXT = CardText("account", DEFAULT.of("account"))


def test_layouts_do_not_pile_up() -> None:
    fields = [measure.field for measure in DEFAULT.of("account").measures()]
    text = CardText("account", DEFAULT.of("account"))
    for bits in range(1200):
        table = {field: (1.0, 1) if bits >> at & 1 else (None, 0) for at, field in enumerate(fields)}
        assert text.of("A", table, NOW) == wanted(DEFAULT, "A", table)
        assert len(text._layouts) <= 512
