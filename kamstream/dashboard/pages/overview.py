"""The first page: company totals, the grid of accounts or managers, and the alerts."""

import time

from nicegui import background_tasks

from kamstream.dashboard import grid as grids
from kamstream.dashboard import words
from kamstream.dashboard.board import Changes
from kamstream.dashboard.pages.parts import AlertsPanel, Cards, GridPanel
from kamstream.dashboard.pages.shell import Shell, Site, as_of, box, text

#: Seconds between two looks at the histories behind the cards.
LINES_EVERY = 30.0


def build(site: Site, scope: str, group: str, window: str) -> None:
    """Build the page for a scope; an unknown group or window falls back to the default one."""
    known = words.windows_of(site.board.fields)
    view = grids.View(
        scope,
        group if group in {g.key for g in words.GROUPS} else words.GROUPS[0].key,
        window if window in known else words.default_window(known),
    )
    title, path = ("Managers", "/kams") if scope == "kam" else ("Accounts", "/")
    shell = Shell(site, title, path)
    with shell.content:
        with box("div", "heading"):
            text("h1", "Key accounts" if scope == "account" else "Key-account managers")
            stamp = text("span", as_of(site), "soft small")
        totals = Cards(site, view.window)
        with box("div", "split"):
            table = GridPanel(site, view, title, path)
            with box("div", "side"):
                panel = AlertsPanel(site, lambda alarm: True)

    drawn_at = 0.0

    def lines() -> None:
        nonlocal drawn_at
        drawn_at = time.monotonic()
        background_tasks.create(totals.draw_lines(), name="card lines")

    def choose(window_: str) -> None:
        totals.build(window_)
        lines()

    def changed(changes: Changes) -> None:
        stamp.set_text(as_of(site))
        if changes.reset:
            totals.build(table.view.window)
            lines()
        if totals.update(changes) and time.monotonic() - drawn_at > LINES_EVERY:
            lines()
        table.update(changes)
        panel.update(changes)

    table.on_window = choose
    shell.follow(changed)
    lines()
