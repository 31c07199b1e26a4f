"""What a deal's facts name as the events behind them."""

from __future__ import annotations

from typing import Any

import pytest

from kamstream.entities.deals import Deal, derive
from kamstream.entities.fact import Context, Fact, Terms

TERMS = Terms(10**11, "EUR", {}, {}, ())


def updated(at: int, **said: Any) -> tuple[Any, ...]:
    """A ``deal.updated`` that says some of the things that it can say."""
    names = ("amount", "currency", "stage", "probability", "expected_close_on", "owner_id")
    return (at, 2, "crm", f"u{at}", "deal.updated", *(said.get(name) for name in names))


OPENED = (0, 0, "crm", "o", "deal.opened", 5_000, "EUR", None, None, 30, "ann")
WON = (9, 4, "crm", "w", "deal.won", 4_000, "EUR", None, ("P1",), None)
LOST = (9, 5, "crm", "l", "deal.lost")
REOPENED = (10, 6, "crm", "r", "deal.reopened")
LOST_AGAIN = (12, 5, "crm", "m", "deal.lost")
AMOUNT, OWNER = updated(1, amount=7_000), updated(2, owner_id="bob")
STAGE, NOTHING = updated(3, stage="Proposal"), updated(4)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([OPENED, AMOUNT, STAGE], {"deal": "o", "pipeline": "o u1 u3"}),
        ([OPENED, OWNER, STAGE, NOTHING], {"deal": "o u2", "pipeline": "o u2 u3 u4"}),
        ([OPENED, AMOUNT, OWNER, STAGE, LOST], {"deal": "o u2 l", "closed_deal": "o u1 u2 l"}),
        (
            [OPENED, AMOUNT, OWNER, STAGE, WON],
            {"deal": "o u2 w", "closed_deal": "o u2 w", "won_deal": "o u2 w", "product_won": "w"},
        ),
        ([OPENED, WON, REOPENED, LOST_AGAIN], {"deal": "o m", "closed_deal": "o w m"}),
        ([OPENED, LOST, REOPENED], {"deal": "o", "pipeline": "o"}),
    ],
)
def test_what_amended_a_deal_is_among_the_events_behind_its_facts(events: list[Any], expected: dict[str, str]) -> None:
    facts = derive("D", events, Context(20, None, TERMS)).facts
    assert {fact.kind: _ids(fact) for fact in facts} == expected


def test_nothing_is_kept_of_it_where_nobody_asks() -> None:
    context, deal = Context(20, None, Terms(10**11, "EUR", {}, {}, (), wants=frozenset({"won_deal"}))), Deal("D")
    for event in (OPENED, AMOUNT, WON):
        deal.read(event, context)
    assert [(fact.kind, fact.because) for fact in deal.standing(context)] == [("won_deal", ())]
    assert deal.amended == ()


def _ids(fact: Fact) -> str:
    return " ".join(record[3] for record in fact.because)
