"""What every page has: top bar, freshness, banner, and a subscription to the feed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from kamstream.dashboard import format as fmt
from kamstream.dashboard.board import Board, Changes
from kamstream.dashboard.feed import Feed
from kamstream.dashboard.freshness import Freshness

_BRAND = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#1f4fbf"/>'
    '<path d="M6 21c4 0 4-9 8-9s4 6 7 6 3-8 6-8" fill="none" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/></svg><span>kamstream</span>'
)
_HALF_MOON = (
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" '
    'stroke-width="1.6"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/></svg>'
)
_PAGES = (("/", "Accounts"), ("/kams", "Managers"), ("/company", "Company"), ("/docs", "API"))


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share: the feed, and the currency that money is in."""

    feed: Feed
    currency: str

    @property
    def board(self) -> Board:
        """The tables as last read."""
        return self.feed.board


def page_of(scope: str, id_: str) -> str:
    """The address of an id's own page."""
    return "/company" if scope == "company" else f"/{scope}/{quote(id_, safe='')}"


def text(tag: str, words: str, classes: str = "") -> TextElement:
    """A plain HTML element with text, which NiceGUI escapes."""
    return TextElement(tag=tag, text=words).classes(classes)


def box(tag: str = "div", classes: str = "", props: str = "") -> ui.element:
    """A plain HTML element for others to stand in."""
    return ui.element(tag).classes(classes).props(props)


def link(href: str, words: str, classes: str = "") -> TextElement:
    """A link to another page of the dashboard."""
    element = text("a", words, classes)
    element.props["href"] = href
    return element


def script(call: str, *arguments: Any) -> str:
    """JavaScript that calls a function of kam.js with JSON arguments."""
    return f"window.kam.{call}({', '.join(json.dumps(argument) for argument in arguments)})"


class Shell:
    """The frame around a page; ``main`` is where its content goes."""

    def __init__(self, site: Site, title: str, current: str) -> None:
        self._site = site
        ui.page_title(f"{title} · kamstream")
        with box("div", "kam") as self.root:
            link("#main", "Skip to the content", "skip")
            with box("header", "bar", 'role="banner"'), box("div", "bar-in"):
                brand = ui.html(_BRAND, sanitize=False, tag="a").classes("brand")
                brand.props["href"] = "/"
                with box("nav", props='aria-label="Pages"'):
                    for href, words in _PAGES:
                        anchor = link(href, words)
                        if href == current:
                            anchor.props["aria-current"] = "page"
                self._status = text("span", "", "status").props('role="status"')
                scheme = ui.html(_HALF_MOON, sanitize=False, tag="button").classes("icon")
                scheme.props('type="button" data-scheme aria-label="Switch between light and dark"')
                scheme.props('title="Light or dark"')
            with box("div", "page", 'id="main" tabindex="-1"') as self.main:
                self._banner = text("div", "", "banner").props('role="alert"')
                self.content = box("div")
        self.show(site.feed.freshness)

    def show(self, freshness: Freshness) -> None:
        """Say how old the values are; they are greyed while they are."""
        if self._status.text != freshness.label:
            self._status.set_text(freshness.label)
        if self._banner.text != freshness.banner:
            self._banner.set_text(freshness.banner)
        self._status.classes(replace=f"status {freshness.state}")
        self._banner.classes(replace=f"banner {freshness.state}")
        self.root.classes(replace="kam is-stale" if freshness.stale else "kam")

    def follow(self, on_changes: Callable[[Changes], None]) -> None:
        """Call back with every batch of changes for as long as the visitor is there."""
        client = ui.context.client

        def changed(changes: Changes) -> None:
            if client.is_deleted:
                leave()
                return
            with client:
                self.show(self._site.feed.freshness)
                on_changes(changes)

        leave = self._site.feed.subscribe(changed)
        client.on_delete(leave)


def as_of(site: Site) -> str:
    """The stream time of what is shown, in words."""
    there = site.feed.freshness.as_of
    return f"As of {fmt.moment(there)}" if there else "No data yet"


@contextmanager
def panel(title: str, level: str = "h2", classes: str = "panel") -> Iterator[ui.element]:
    """A titled panel; what is yielded is its title line, for tools beside the title."""
    with box("section", classes):
        with box("div", "top") as top:
            text(level, title)
        yield top
