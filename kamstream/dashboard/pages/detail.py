"""One account, one manager or the company: all KPIs by window, histories, alerts, and a manager's portfolio."""

from collections.abc import Collection, Sequence

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from kamstream.alerts.record import AlertRecord
from kamstream.dashboard import cards, charts, words
from kamstream.dashboard import format as fmt
from kamstream.dashboard import grid as grids
from kamstream.dashboard import matrix as matrices
from kamstream.dashboard.board import Changes, Place
from kamstream.dashboard.pages.parts import AlertsPanel, GridPanel
from kamstream.dashboard.pages.shell import Shell, Site, as_of, box, link, page_of, panel, text
from kamstream.live import Meta
from kamstream.windows import NOW

_KINDS = {"account": ("Accounts", "/"), "kam": ("Managers", "/kams"), "company": ("Company", "/company")}


def build(site: Site, scope: str, id_: str) -> None:
    """Build the page; where the id has no table yet, say so, and show it when it comes."""
    name = site.board.name(scope, id_)
    shell = Shell(site, name, _KINDS[scope][1])
    page = _Page(site, scope, id_)
    with shell.content:
        page.body = box("div")
    page.build()
    shell.follow(page.update)


class _Page:
    """The content of a detail page."""

    def __init__(self, site: Site, scope: str, id_: str) -> None:
        self._site, self._scope, self._id = site, scope, id_
        self.body: ui.element
        self._built_for: object = None
        self._stamp: TextElement
        self._matrix: MatrixTable
        self._alerts: AlertsPanel
        self._history: HistoryPanel
        self._portfolio: GridPanel | None = None

    def build(self) -> None:
        """Make the content anew."""
        entry = self._site.board.entry(self._scope, self._id)
        self._built_for = self._shape()
        self.body.clear()
        with self.body:
            if self._scope != "company":
                title, path = _KINDS[self._scope]
                link(path, f"← {title}", "crumb")
            with box("div", "heading").style("margin-bottom:4px"):
                text("h1", self._site.board.name(self._scope, self._id))
                self._stamp = text("span", as_of(self._site), "soft small")
            if entry is None:
                what = {"account": "This account", "kam": "This manager"}.get(self._scope, "The company")
                text("p", f"{what} has no live table yet: it shows here with its first event.", "soft")
                return
            self._profile(entry.meta)
            with box("div", "split detail"):
                with box("div", "stack"):
                    self._portfolio = self._accounts() if self._scope == "kam" else None
                    self._history = HistoryPanel(self._site, self._scope, self._id)
                    self._matrix = MatrixTable(self._site, self._scope, self._id)
                with box("div", "side"):
                    self._alerts = AlertsPanel(self._site, self._concerns)

    def update(self, changes: Changes) -> None:
        """Show what changed."""
        if self._shape() != self._built_for:
            self.build()
            return
        if self._site.board.entry(self._scope, self._id) is None:
            return
        if self._stamp.text != as_of(self._site):
            self._stamp.set_text(as_of(self._site))
        self._matrix.update(changes)
        self._alerts.update(changes)
        self._history.update(changes)
        if self._portfolio:
            self._portfolio.update(changes)

    def _shape(self) -> object:
        """What the page is built around; another one means to build it anew."""
        entry = self._site.board.entry(self._scope, self._id)
        if entry is None:
            return None
        profile = entry.meta.name, entry.meta.kam_id, entry.meta.segment, entry.meta.tier
        return frozenset(entry.values), profile

    def _concerns(self, alarm: AlertRecord) -> bool:
        if (alarm.scope, alarm.id) == (self._scope, self._id):
            return True
        board = self._site.board
        return self._scope == "kam" and alarm.scope == "account" and alarm.id in board.portfolio(self._id)

    def _profile(self, meta: Meta) -> None:
        board = self._site.board
        with box("div", "profile"):
            if self._scope != "company" and meta.name:
                _fact("Id", self._id)
            if kam := meta.kam_id if self._scope == "account" else None:
                with text("span", "Manager "):
                    link(page_of("kam", kam), board.name("kam", kam))
            for label, value in (("Tier", meta.tier), ("Segment", meta.segment)):
                if value:
                    _fact(label, value)
            if self._scope == "kam":
                _fact("Accounts", fmt.count(len(board.portfolio(self._id))))

    def _accounts(self) -> GridPanel:
        windows = words.windows_of(self._site.board.fields)
        view = grids.View("account", words.GROUPS[0].key, words.default_window(windows), self._id)
        with box("div", "short"):
            return GridPanel(self._site, view, "Portfolio")


class MatrixTable:
    """All KPIs of an id: those of this moment in a line, the others a row each with a column per window."""

    def __init__(self, site: Site, scope: str, id_: str) -> None:
        self._site = site
        self._cells: dict[Place, tuple[ui.element, TextElement, TextElement, TextElement]] = {}
        entry = site.board.entry(scope, id_)
        values = entry.values if entry else {}
        layout = matrices.layout(values)
        region = 'tabindex="0" role="region" aria-label="All KPIs by window"'
        with panel("All KPIs"):
            with box("dl", "now"):
                for kpi in layout.gauges:
                    with box("div"):
                        text("dt", words.title(kpi)).props["title"] = words.description(kpi)
                        with box("dd"):
                            self._cell(Place(scope, id_, f"{kpi}:{NOW}"))
            with box("div", "scroll-x", region), box("table", "matrix"):
                with box("thead"), box("tr"):
                    text("th", "KPI").props('scope="col"')
                    for window in layout.windows:
                        text("th", words.window_title(window).capitalize()).props('scope="col"')
                for title, kpis in layout.sections:
                    with box("tbody"):
                        with box("tr", "family"):
                            text("th", title).props(f'colspan="{len(layout.windows) + 1}" scope="rowgroup"')
                        for kpi in kpis:
                            self._row(scope, id_, kpi, layout.windows, values)

    def update(self, changes: Changes) -> None:
        """Show the cells that changed."""
        for place in self._cells.keys() & changes.cells:
            self._fill(place)

    def _row(self, scope: str, id_: str, kpi: str, windows: Sequence[str], values: Collection[str]) -> None:
        with box("tr"):
            text("th", words.title(kpi)).props('scope="row"').props["title"] = words.description(kpi)
            for window in windows:
                with box("td"):
                    if f"{kpi}:{window}" in values:
                        self._cell(Place(scope, id_, f"{kpi}:{window}"))

    def _cell(self, place: Place) -> None:
        with box("span", "box") as cell:
            cell.props["data-field"] = place.field
            mark = text("span", "", "mark").props('role="img"')
            value = text("span", "", "val")
            n = text("span", "", "n")
        self._cells[place] = (cell, mark, value, n)
        self._fill(place)

    def _fill(self, place: Place) -> None:
        cell, mark, value, n = self._cells[place]
        shown = cards.shown(self._site.board, place, self._site.currency)
        for element, words_ in ((mark, shown.mark), (value, shown.value), (n, shown.n)):
            if element.text != words_:
                element.set_text(words_)
        mark.props["aria-label"] = shown.severity
        cell.classes(replace=f"box sev-{shown.severity}" if shown.severity else "box")


class HistoryPanel:
    """A chart of one KPI's history, with a choice among those that have one; absent while none has."""

    def __init__(self, site: Site, scope: str, id_: str) -> None:
        self._site, self._scope, self._id = site, scope, id_
        self._field = ""
        self._chart: ui.echart | None = None
        self._place = box("div")
        self._busy = False
        self._start()

    def update(self, changes: Changes) -> None:
        """Read the history again when its value changed."""
        if changes.reset or Place(self._scope, self._id, self._field) in changes.cells:
            self._start()

    def _start(self) -> None:
        if not self._busy:
            self._busy = True
            background_tasks.create(self._read(), name="history")

    async def _read(self) -> None:
        try:
            feed = self._site.feed
            if not self._field:
                await self._offer()
            if self._field:
                points = (await feed.histories(self._scope, self._id, [self._field])).get(self._field, ())
                self._draw(points)
        finally:
            self._busy = False

    async def _offer(self) -> None:
        entry = self._site.board.entry(self._scope, self._id)
        fields = sorted(entry.values if entry else (), key=_field_order)
        histories = await self._site.feed.histories(self._scope, self._id, fields)
        found = [field for field in fields if len(histories.get(field, ())) > 1]
        if not found or self._place.client.is_deleted:
            return
        self._field = found[0]
        with self._place, panel("History") as top:
            with top:
                text("label", "KPI", "sr").props('for="history-field"')
                with box("select", "field", 'id="history-field"') as choice:
                    for field in found:
                        kpi, _, window = field.rpartition(":")
                        text("option", words.field_title(kpi, window)).props["value"] = field
                choice.on("change", self._choose, js_handler="(e) => emit(e.target.value)")
            self._chart = ui.echart({}, renderer="svg").classes("chart")

    def _choose(self, event: GenericEventArguments) -> None:
        self._field = str(event.args)
        self._start()

    def _draw(self, points: charts.Points) -> None:
        if self._chart is None or self._chart.client.is_deleted:
            return
        kpi, _, window = self._field.rpartition(":")
        label = words.field_title(kpi, window)
        options = charts.history_options(points, words.unit(kpi), label, self._site.currency)
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.update()


def _fact(label: str, value: str) -> None:
    with box("span"):
        text("span", f"{label} ")
        text("strong", value)


def _field_order(field: str) -> tuple[object, ...]:
    kpi, _, window = field.rpartition(":")
    main = words.GROUPS[0].kpis
    return (
        main.index(kpi) if kpi in main else len(main),
        window == NOW,
        words.kpi_order(kpi),
        words.window_order(window),
    )
