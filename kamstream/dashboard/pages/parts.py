"""Parts that several pages use: segmented buttons, cards, the alerts panel, the grid."""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlencode

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from kamstream.alerts.record import AlertRecord
from kamstream.dashboard import alarms, cards, charts, words
from kamstream.dashboard import grid as grids
from kamstream.dashboard.board import COMPANY_ID, Changes, Place
from kamstream.dashboard.pages.shell import Site, box, link, page_of, panel, script, text

#: Alert lines that a panel shows; the rest is counted.
LINES = 40
#: What kam.js sets of AG Grid's options.
_GRID_OPTIONS = (
    *("suppressFieldDotNotation", "rowHeight", "headerHeight", "animateRows", "columnDefs", "rowData", "loading"),
    *("tooltipShowDelay", "ensureDomOrder", "suppressDragLeaveHidesColumns", "getRowId", "cellFlashDuration"),
    *("cellFadeDuration", "defaultColDef", "overlayNoRowsTemplate", "onFilterChanged", "onCellKeyDown"),
)
_LENS = (
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="8.5" cy="8.5" r="5.5" fill="none" '
    'stroke="currentColor" stroke-width="1.7"/><path d="M13 13l4.5 4.5" stroke="currentColor" '
    'stroke-width="1.7" stroke-linecap="round"/></svg>'
)


class Segments:
    """A row of buttons of which one is pressed."""

    def __init__(
        self, label: str, options: Sequence[tuple[str, str]], chosen: str, on_choice: Callable[[str], None]
    ) -> None:
        self._buttons: dict[str, TextElement] = {}
        with box("div", "seg") as group:
            group.props('role="group"').props["aria-label"] = label
            for key, words_ in options:
                button = text("button", words_).props('type="button"')
                button.props["aria-pressed"] = str(key == chosen).lower()
                button.on("click", lambda key=key: self._press(key, on_choice))
                self._buttons[key] = button

    def _press(self, chosen: str, on_choice: Callable[[str], None]) -> None:
        for key, button in self._buttons.items():
            button.props["aria-pressed"] = str(key == chosen).lower()
            button.update()
        on_choice(chosen)


class Cards:
    """The company's totals as cards, with a small line where there is a history."""

    def __init__(self, site: Site, window: str) -> None:
        self._site = site
        self._shown: dict[Place, tuple[ui.element, TextElement, TextElement, TextElement, ui.html]] = {}
        self._list = box("ul", "cards", 'aria-label="Company totals" style="list-style:none;padding:0"')
        self.build(window)

    def build(self, window: str) -> None:
        """Make the cards anew, for another window."""
        self._list.clear()
        self._shown.clear()
        with self._list:
            for card in cards.cards(self._site.board, window):
                with box("li", "card") as item:
                    item.props["title"] = card.help
                    item.props["data-card"] = card.place.field
                    with box("div", "label"):
                        text("span", card.label)
                        mark = text("span", "", "mark").props('role="img"')
                    value = text("div", "", "value")
                    foot = text("div", "", "foot")
                    line = ui.html("", sanitize=False).classes("line")
                item.props["data-over"] = card.over
                self._shown[card.place] = (item, mark, value, foot, line)
                self._fill(card.place)

    def update(self, changes: Changes) -> bool:
        """Show what changed of them; says whether anything did."""
        changed = self._shown.keys() & changes.cells
        for place in changed:
            self._fill(place)
        if ("company", COMPANY_ID) in changes.rows:
            for place in self._shown:
                self._fill(place)
        return bool(changed)

    async def draw_lines(self) -> None:
        """Read the histories and draw the lines."""
        shown = dict(self._shown)
        histories = await self._site.feed.histories("company", COMPANY_ID, [place.field for place in shown])
        if self._list.client.is_deleted:
            return
        for place, parts in shown.items():
            # Cards made anew meanwhile have lines of their own coming.
            if self._shown.get(place) is parts:
                picture = charts.sparkline(histories.get(place.field, ()))
                if parts[-1].content != picture:
                    parts[-1].set_content(picture)

    def _fill(self, place: Place) -> None:
        item, mark, value, foot, _ = self._shown[place]
        shown = cards.shown(self._site.board, place, self._site.currency)
        over = item.props["data-over"]
        _say(value, shown.value)
        _say(foot, f"{over} · {shown.n}" if shown.n else over)
        _say(mark, shown.mark)
        mark.props["aria-label"] = shown.severity
        item.classes(replace=f"card sev-{shown.severity}" if shown.severity else "card")


class AlertsPanel:
    """The alerts that fire, the worst first, and those that stopped of late."""

    def __init__(self, site: Site, concerns: Callable[[AlertRecord], bool], title: str = "Active alerts") -> None:
        self._site = site
        self._concerns = concerns
        self._facts: dict[Place, list[tuple[AlertRecord, TextElement]]] = {}
        with panel(title) as top:
            with top:
                self._count = text("span", "", "pill")
            self._body = box("div", "scroll")
        self.build()

    def update(self, changes: Changes) -> None:
        """Show alerts that came or went, and the present values of the others."""
        if changes.alarms or changes.reset:
            self.build()
            return
        for place in self._facts.keys() & changes.cells:
            for alarm, facts in self._facts[place]:
                _say(facts, self._line(alarm).facts)

    def build(self) -> None:
        """Make the lists anew."""
        board = self._site.board
        active = [alarm for alarm in board.alarms.active if self._concerns(alarm)]
        resolved = [alarm for alarm in board.alarms.resolved if self._concerns(alarm)][:8]
        _say(self._count, f"{len(active):,} firing" if active else "All clear")
        worst = active[0].severity if active else ""
        self._count.classes(replace=f"pill sev-{worst}" if worst else "pill calm")
        self._facts.clear()
        self._body.clear()
        with self._body:
            if active:
                self._list(active[:LINES])
            else:
                text("p", "No alert is firing.", "quiet-note").style("margin:0")
            if len(active) > LINES:
                text("div", f"and {len(active) - LINES:,} more", "quiet-note")
            if resolved:
                text("h3", "Recently resolved", "sub")
                self._list(resolved)

    def _list(self, lines: Iterable[AlertRecord]) -> None:
        with box("ul", "alerts"):
            for alarm in lines:
                line = self._line(alarm)
                done = alarm.status == "resolved"
                with box("li", "done" if done else line.severity) as item:
                    item.props["data-alert"] = alarm.alert_id
                    with box("div", "row1"):
                        with box("span", "pill calm" if done else f"pill sev-{line.severity}"):
                            text("span", "✓" if done else line.mark, "mark").props('aria-hidden="true"')
                            text("span", f"{line.severity}, resolved" if done else line.severity, "word")
                        text("span", line.when, "soft small")
                    link(line.link, line.headline, "headline")
                    facts = text("div", line.facts, "soft small")
                if not done:
                    place = Place(alarm.scope, alarm.id, alarms.field_of(alarm))
                    self._facts.setdefault(place, []).append((alarm, facts))

    def _line(self, alarm: AlertRecord) -> alarms.AlarmLine:
        board = self._site.board
        current = board.cell(Place(alarm.scope, alarm.id, alarms.field_of(alarm)))
        name = board.name(alarm.scope, alarm.id)
        href, now = page_of(alarm.scope, alarm.id), self._site.feed.freshness.as_of
        return alarms.line(alarm, name, self._site.currency, href, current, now)


class GridPanel:
    """The grid of accounts or managers with its search, groups of KPIs and windows."""

    def __init__(self, site: Site, view: grids.View, title: str, path: str = "") -> None:
        self._site = site
        self._path = path
        self.view = view
        self.on_window: Callable[[str], None] = lambda _: None
        with panel(title) as top:
            with top:
                text("span", "", "soft small").props('id="grid-count" aria-live="polite"')
                with box("label", "search"):
                    text("span", "Search by name, id or manager", "sr")
                    ui.html(_LENS, sanitize=False)
                    field = box("input", "field", 'type="search" data-search autocomplete="off" spellcheck="false"')
                    field.props["placeholder"] = "Search name or manager"
            with box("div", "tools"):
                groups = [(group.key, group.title) for group in words.GROUPS]
                Segments("KPIs", groups, view.group, lambda key: self._choose(group=key))
                self._windows = box("div").style("min-width:0;max-width:100%")
                self._known: list[str] = []
                self._offer_windows()
            options: dict[str, object] = {f":{name}": f"kam.options.{name}" for name in _GRID_OPTIONS}
            options[":onGridReady"] = f"p => kam.ready(p.api, {self._url()!r})"
            ui.aggrid(options, auto_size_columns=False).classes("grid")

    def update(self, changes: Changes) -> None:
        """Send the visitor what changed in the rows shown."""
        if changes.reset:
            self._offer_windows()
        patch = grids.patch(self._site.board, self.view, changes, self._site.currency)
        if patch is not None:
            ui.run_javascript(script("patch", patch))

    def _offer_windows(self) -> None:
        known = words.windows_of(self._site.board.fields) or [self.view.window]
        if known == self._known:
            return
        self._known = known
        self._windows.clear()
        with self._windows:
            options = [(window, words.window_title(window)) for window in known]
            Segments("Window", options, self.view.window, lambda key: self._choose(window=key))

    def _choose(self, *, group: str = "", window: str = "") -> None:
        old = self.view
        self.view = grids.View(old.scope, group or old.group, window or old.window, old.kam)
        address = f"{self._path}?{urlencode({'group': self.view.group, 'window': self.view.window})}"
        ui.run_javascript(script("show", self._url(), address if self._path else None))
        if window:
            self.on_window(window)

    def _url(self) -> str:
        view = self.view
        query = {"scope": view.scope, "group": view.group, "window": view.window, "kam": view.kam}
        return f"/ui/grid?{urlencode(query)}"


def _say(element: TextElement, words_: str) -> None:
    """Change an element's text, where it is another one."""
    if element.text != words_:
        element.set_text(words_)
