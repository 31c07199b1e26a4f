"""The copy in memory, the patches it gives, and what alerts do to it."""

import asyncio

from kamstream.dashboard import alarms, cards, charts, grid
from kamstream.dashboard.board import Board, Place
from kamstream.dashboard.rows import rows
from kamstream.engine import Value
from tests.dashboard.make import alarm, table

VIEW = grid.View("account", "main", "30d")
FIELDS = {"revenue:30d": (100.0, 3), "conversion_rate:30d": (0.25, 8), "open_tickets:now": (2, 2)}


def board_of_three() -> Board:
    board = Board()
    board.put(table("account", "ACC-1", FIELDS, name="Acorn", kam_id="kam-1"))
    board.put(table("account", "ACC-2", {"revenue:30d": (None, 0)}, name="Blue", kam_id="kam-2"))
    board.put(table("kam", "kam-1", FIELDS, name="Amélie"))
    board.take()
    return board


def test_a_snapshot_has_the_groups_columns_that_any_table_has() -> None:
    shot = asyncio.run(grid.snapshot(board_of_three(), VIEW, "EUR"))
    assert [column["kpi"] for column in shot["columns"]] == ["open_tickets", "conversion_rate", "revenue"]
    assert [column["over"] for column in shot["columns"]] == ["now", "30 days", "30 days"]
    assert shot["rows"] == [
        ["ACC-1", "Acorn", "kam-1", "Amélie", "", 0, 0, "",
         [[2, "2", 2, ""], [0.25, "25%", 8, ""], [100.0, "€100", 3, ""]]],
        ["ACC-2", "Blue", "kam-2", "kam-2", "", 0, 0, "", [None, None, [None, "—", 0, ""]]],
    ]  # fmt: skip


def test_only_what_changed_is_patched() -> None:
    board = board_of_three()
    assert board.set(Place("account", "ACC-1", "revenue:30d"), Value(100.0, 3))
    assert not board.take(), "the same value is no change"
    assert board.set(Place("account", "ACC-1", "revenue:30d"), Value(150.0, 4))
    assert board.set(Place("kam", "kam-1", "revenue:30d"), Value(150.0, 4))
    changes = board.take()
    patch = grid.patch(board, VIEW, changes, "EUR")
    assert patch == {"view": VIEW.key, "seq": board.sequence, "rows": [], "gone": [],
                     "cells": [["ACC-1", 2, [150.0, "€150", 4, ""]]]}  # fmt: skip
    assert grid.patch(board, grid.View("account", "relationship", "30d"), changes, "EUR") is None
    assert not board.set(Place("account", "ACC-9", "revenue:30d"), Value(1, 1)), "unknown: its table must be read"


def test_an_id_that_no_longer_qualifies_leaves_rows_and_portfolio() -> None:
    board = board_of_three()
    assert board.keep("account", ["ACC-2", "ACC-3"]) == ["ACC-3"]
    patch = grid.patch(board, VIEW, board.take(), "EUR")
    assert patch is not None
    assert patch["gone"] == ["ACC-1"]
    assert not board.portfolio("kam-1")


def test_a_change_of_manager_moves_the_account_between_portfolios() -> None:
    board = board_of_three()
    mine = grid.View("account", "main", "30d", "kam-1")
    assert [row[0] for row in asyncio.run(grid.snapshot(board, mine, "EUR"))["rows"]] == ["ACC-1"]
    board.put(table("account", "ACC-1", FIELDS, name="Acorn", kam_id="kam-2"))
    patch = grid.patch(board, mine, board.take(), "EUR")
    assert patch is not None
    assert (patch["rows"], patch["gone"]) == ([], ["ACC-1"])
    assert board.portfolio("kam-2") == {"ACC-1", "ACC-2"}


def test_a_managers_new_name_shows_in_the_accounts_rows() -> None:
    board = board_of_three()
    board.put(table("kam", "kam-1", FIELDS, name="Amélie L."))
    patch = grid.patch(board, VIEW, board.take(), "EUR")
    assert patch is not None
    assert [row[:4] for row in patch["rows"]] == [["ACC-1", "Acorn", "kam-1", "Amélie L."]]


def test_a_new_field_or_too_many_cells_load_the_grid_anew() -> None:
    board = board_of_three()
    board.put(table("account", "ACC-1", FIELDS | {"nps:30d": (9.0, 2)}, name="Acorn", kam_id="kam-1"))
    assert grid.patch(board, VIEW, board.take(), "EUR") == {"view": VIEW.key, "reload": True}
    for index in range(grid.PATCH_LIMIT):
        board.put(table("account", f"X-{index}", FIELDS))
    assert grid.patch(board, VIEW, board.take(), "EUR") == {"view": VIEW.key, "reload": True}


def test_an_alert_colours_its_cell_its_row_and_its_managers_row_until_it_resolves() -> None:
    board = board_of_three()
    board.ring([alarm(), alarm("a2", severity="critical", kpi="revenue")], [])
    changes = board.take()
    assert changes.alarms
    assert Place("account", "ACC-1", "conversion_rate:30d") in changes.cells
    patch = grid.patch(board, VIEW, changes, "EUR")
    assert patch is not None
    assert patch["rows"][0][6:8] == [2, "critical"]
    assert [cell[3] for cell in patch["rows"][0][8]] == ["", "warning", "critical"]
    manager = grid.patch(board, grid.View("kam", "main", "30d"), changes, "EUR")
    assert manager is not None
    assert manager["rows"][0][5:8] == [1, 2, "critical"]
    board.ring([alarm(), alarm("a2", severity="critical", kpi="revenue")], [])
    assert not board.take(), "the same alerts are no change"
    board.ring([], [alarm(status="resolved")])
    gone = grid.patch(board, VIEW, board.take(), "EUR")
    assert gone is not None
    assert gone["rows"][0][6:8] == [0, ""]


def test_an_alert_reads_in_plain_words() -> None:
    said = alarms.line(alarm(), "Acorn", "EUR", "/account/ACC-1", Value(0.3, 10), 1_764_003_600_000)
    assert said.headline == "Acorn: Conversion rate is 30%"
    assert said.facts == "Conversion rate, 30 days: 30% now · limit 40% · n 10"
    assert said.when == "since 24 Nov, 16:00 UTC"
    assert said.mark == "◆"
    over = alarms.line(alarm(status="resolved", summary="Done"), "Acorn", "EUR", "/", Value(0.9, 10))
    assert (over.headline, over.when) == ("Done", "24 Nov 2025, 16:01 UTC")
    assert over.facts == "Conversion rate, 30 days: 25% · limit 40% · n 8"


def test_severities_come_worst_first_then_newest() -> None:
    board = Board()
    board.ring([alarm("i", severity="info"), alarm("w1"), alarm("w2", since=1_764_000_000_001),
                alarm("c", severity="critical"), alarm("odd", severity="odd")], [])  # fmt: skip
    assert [one.alert_id for one in board.alarms.active] == ["c", "w2", "w1", "i", "odd"]


def test_cards_show_the_company_and_a_dash_before_there_is_any() -> None:
    board = Board()
    assert len(cards.cards(board, "30d")) == 8
    assert cards.shown(board, cards.cards(board, "30d")[0].place, "EUR") == cards.Shown("—", "", "", "")
    board.put(table("company", "all", FIELDS))
    assert [card.place.field for card in cards.cards(board, "30d")] == [
        "revenue:30d", "conversion_rate:30d", "open_tickets:now"]  # fmt: skip
    assert cards.shown(board, Place("company", "all", "revenue:30d"), "USD") == cards.Shown("$100", "n 3", "", "")


def test_rows_are_those_of_the_contract_nulls_and_gauges_included() -> None:
    there = table("account", "ACC-1", {"open_tickets:now": (2, 2), "conversion_rate:30d": (None, 0),
                                       "conversion_rate:7d": (0.5, 2), "revenue:7d": (5, 1)})  # fmt: skip
    assert [(row["kpi"], row["window"]) for row in rows(there)] == [
        ("open_tickets", "now"), ("conversion_rate", "7d"), ("conversion_rate", "30d"), ("revenue", "7d")]  # fmt: skip
    assert list(rows(there, kpis=["open_tickets", "conversion_rate"], windows=["30d"])) == [
        {"scope": "account", "id": "ACC-1", "kpi": "open_tickets", "window": "now", "value": 2, "n": 2,
         "unit": "count", "as_of": "2025-11-24T16:00:00Z"},
        {"scope": "account", "id": "ACC-1", "kpi": "conversion_rate", "window": "30d", "value": None, "n": 0,
         "unit": "ratio", "as_of": "2025-11-24T16:00:00Z"},
    ]  # fmt: skip


def test_a_history_is_drawn_in_readable_units() -> None:
    options = charts.history_options([(0, 0.5), (86_400, 0.75)], "ratio", "Conversion", "EUR")
    assert options["series"][0]["data"] == [[0, 50.0], [86_400_000, 75.0]]
    assert options["yAxis"]["name"] == "%"
    assert charts.history_options([(0, 7200)], "s", "x", "EUR")["series"][0]["data"] == [[0, 2.0]]
    assert charts.sparkline([(0, 1)]) == ""
    assert 'points="0.0,26.0 96.0,2.0"' in charts.sparkline([(0, 1), (9, 2)])
    assert 'points="0.0,14.0 96.0,14.0"' in charts.sparkline([(0, 5), (9, 5)]), "a flat line is in the middle"
