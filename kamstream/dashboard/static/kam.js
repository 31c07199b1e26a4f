/* The browser's side of the grid: load a view, keep it up to date by patches, search, colour scheme. */
"use strict";
(() => {
  const MARKS = { critical: "▲", warning: "◆", info: "●" };
  const WORDS = { critical: "critical alert", warning: "warning", info: "notice" };
  const NUMBER = new Intl.NumberFormat("en-US");
  const state = { api: null, view: "", scope: "account", columns: [], seq: -1, turn: 0, busy: false, waiting: [], url: "" };

  const el = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const link = (href, text, className) => {
    const node = el("a", className, text);
    node.href = href;
    return node;
  };
  const pageOf = (scope, id) => `/${scope}/${encodeURIComponent(id)}`;

  const toData = (row) => {
    const data = { id: row[0], name: row[1], kam: row[2], kamName: row[3], tier: row[4], accounts: row[5], alerts: row[6],
                   severity: row[7] };
    state.columns.forEach((column, i) => put(data, column.kpi, row[8][i]));
    return data;
  };
  const put = (data, kpi, cell) => {
    data[kpi] = cell ? cell[0] : null;
    data["_" + kpi] = cell;
  };

  /* No data comes last, whichever way a column is sorted. */
  const compare = (a, b, _a, _b, descending) => {
    if (a === b) return 0;
    if (a === null || a === undefined) return descending ? -1 : 1;
    if (b === null || b === undefined) return descending ? 1 : -1;
    return a < b ? -1 : 1;
  };

  const valueCell = (params) => {
    const cell = params.data["_" + params.colDef.field];
    const box = el("span", "cell");
    const severity = cell ? cell[3] : "";
    if (severity) {
      box.classList.add("sev-" + severity);
      const mark = el("span", "mark", MARKS[severity] || "●");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", WORDS[severity] || severity);
      box.append(mark);
    }
    const none = !cell || cell[0] === null;
    box.append(el("span", none ? "val none" : "val", none ? "—" : cell[1]));
    if (cell && params.colDef.context.unit !== "count") box.append(el("span", "n", "n " + NUMBER.format(cell[2])));
    return box;
  };
  const valueTip = (params) => {
    const cell = params.data["_" + params.colDef.field];
    const { title, over } = params.colDef.context;
    const head = `${params.data.name}: ${title}, ${over}`;
    if (!cell) return `${head}: no data`;
    const alert = cell[3] ? `; ${WORDS[cell[3]] || cell[3]} firing` : "";
    return `${head}: ${cell[0] === null ? "no data" : cell[1]} (n ${NUMBER.format(cell[2])})${alert}`;
  };
  const nameCell = (params) => {
    const box = el("span", "who");
    box.append(link(pageOf(state.scope, params.data.id), params.data.name, "who-name"));
    const small = [];
    if (params.data.id !== params.data.name) small.push(params.data.id);
    if (params.data.tier) small.push(params.data.tier);
    if (small.length) box.append(el("span", "who-id", small.join(" · ")));
    return box;
  };
  const kamCell = (params) => (params.value ? link(pageOf("kam", params.value), params.data.kamName || params.value, "quiet")
                                            : el("span", "none", "—"));
  const alertCell = (params) => {
    const { alerts, severity } = params.data;
    if (!alerts) return el("span", "ok", "");
    const box = el("span", "pill sev-" + severity);
    const mark = el("span", "mark", MARKS[severity] || "●");
    mark.setAttribute("aria-hidden", "true");
    box.append(mark, el("span", "", NUMBER.format(alerts)));
    box.title = `${alerts} ${alerts === 1 ? "alert" : "alerts"}, worst: ${severity}`;
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${alerts} ${alerts === 1 ? "alert" : "alerts"}, worst ${severity}`);
    return box;
  };
  const RANK = { critical: 3, warning: 2, info: 1 };
  const alertWeight = (params) => (params.data ? (RANK[params.data.severity] || 0) * 1e6 + params.data.alerts : 0);

  class Header {
    init(params) {
      this.params = params;
      const { title, over, help } = params.column.getColDef().context;
      this.gui = el("button", "head");
      this.gui.type = "button";
      this.gui.tabIndex = -1;
      this.gui.title = help ? `${title}: ${help}` : title;
      this.arrow = el("span", "arrow", "");
      const top = el("span", "head-title", title);
      top.append(this.arrow);
      this.gui.append(top);
      if (over) this.gui.append(el("span", "head-over", over));
      this.gui.addEventListener("click", (event) => params.progressSort(event.shiftKey));
      this.onSort = () => {
        const sort = params.column.getSort();
        this.arrow.textContent = sort === "asc" ? " ↑" : sort === "desc" ? " ↓" : "";
      };
      params.column.addEventListener("sortChanged", this.onSort);
      this.onSort();
    }
    getGui() { return this.gui; }
    refresh() { return false; }
    destroy() { this.params.column.removeEventListener("sortChanged", this.onSort); }
  }

  const columnDefs = () => {
    const narrow = window.innerWidth < 720;
    const text = { filter: "agTextColumnFilter", headerComponent: Header };
    const defs = [
      { colId: "name", field: "name", ...text, pinned: "left", width: narrow ? 146 : 196, cellRenderer: nameCell,
        context: { title: state.scope === "kam" ? "Manager" : "Account" }, lockPosition: true,
        getQuickFilterText: (p) => `${p.data.name} ${p.data.id} ${p.data.tier}`,
        tooltipValueGetter: (p) => `${p.data.name} (${p.data.id})`, comparator: undefined },
      { colId: "alerts", width: narrow ? 78 : 84, initialSort: "desc", headerComponent: Header, context: { title: "Alerts" }, valueGetter: alertWeight,
        cellRenderer: alertCell, sortingOrder: ["desc", "asc", null], getQuickFilterText: (p) => p.data.severity || "" },
    ];
    if (state.scope === "kam")
      defs.push({ colId: "accounts", field: "accounts", width: 96, headerComponent: Header, cellClass: "num",
                  context: { title: "Accounts" }, getQuickFilterText: () => "" });
    const manager = { colId: "kam", field: "kam", ...text, width: 130, context: { title: "Manager" }, cellRenderer: kamCell,
                      filterValueGetter: (p) => `${p.data.kam} ${p.data.kamName}`,
                  getQuickFilterText: (p) => `${p.data.kam} ${p.data.kamName}` };
    const managed = state.scope === "account" && !state.view.split("|")[3];
    if (managed && !narrow) defs.push(manager);
    for (const column of state.columns)
      defs.push({ colId: column.kpi, field: column.kpi, headerComponent: Header, context: column, cellRenderer: valueCell,
                  cellClass: "num", filter: "agNumberColumnFilter", comparator: compare, minWidth: 98, flex: 1,
                  sortingOrder: ["desc", "asc", null], getQuickFilterText: () => "", tooltipValueGetter: valueTip,
                  enableCellChangeFlash: true });
    if (managed && narrow) defs.push(manager);
    return defs;
  };

  const count = () => {
    const node = document.getElementById("grid-count");
    if (!node || !state.api) return;
    let all = 0;
    state.api.forEachNode(() => { all += 1; });
    const shown = state.api.getDisplayedRowCount();
    const noun = state.scope === "kam" ? "manager" : "account";
    const text = shown === all ? `${NUMBER.format(all)} ${noun}${all === 1 ? "" : "s"}`
                               : `${NUMBER.format(shown)} of ${NUMBER.format(all)} ${noun}s`;
    if (node.textContent !== text) node.textContent = text;
  };

  const load = async () => {
    const url = state.url;
    const turn = ++state.turn;
    state.busy = true;
    let body;
    try {
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status}`);
      body = await answer.json();
    } catch (error) {
      if (turn === state.turn) setTimeout(() => { if (turn === state.turn) load(); }, 2000);
      return;
    }
    if (turn !== state.turn || !state.api) return;
    const shape = JSON.stringify([body.scope, body.columns]);
    Object.assign(state, { view: body.view, scope: body.scope, columns: body.columns, seq: body.seq });
    if (shape !== state.shape) {
      state.shape = shape;
      state.api.setGridOption("columnDefs", columnDefs());
    }
    state.api.setGridOption("rowData", body.rows.map(toData));
    state.api.setGridOption("loading", false);
    state.busy = false;
    for (const patch of state.waiting.splice(0)) apply(patch);
    count();
    document.documentElement.dataset.gridReady = String(body.seq);
  };

  const apply = (patch) => {
    if (!state.api || patch.view !== state.view) return;
    if (patch.reload) { load(); return; }
    if (patch.seq <= state.seq) return;
    state.seq = patch.seq;
    const fresh = new Map();
    const touched = new Set();
    const gone = patch.gone.map((id) => state.api.getRowNode(id)).filter(Boolean).map((node) => node.data);
    for (const row of patch.rows) fresh.set(row[0], toData(row));
    for (const [id, index, cell] of patch.cells) {
      const node = state.api.getRowNode(id);
      if (!node) continue;
      if (!fresh.has(id)) fresh.set(id, { ...node.data });
      put(fresh.get(id), state.columns[index].kpi, cell);
      touched.add(state.columns[index].kpi);
    }
    const add = [], update = [];
    for (const [id, data] of fresh) (state.api.getRowNode(id) ? update : add).push(data);
    state.api.applyTransaction({ add, update, remove: gone });
    /* A cell whose n or alert moved while its value stayed is redrawn here: the grid compares values only. */
    const rowNodes = update.map((data) => state.api.getRowNode(data.id)).filter(Boolean);
    const columns = patch.rows.length ? undefined : [...touched];
    if (rowNodes.length) state.api.refreshCells({ rowNodes, columns, force: true, suppressFlash: true });
    if (add.length || gone.length) count();
  };

  const search = (text) => state.api && state.api.setGridOption("quickFilterText", text);

  window.kam = {
    options: {
      suppressFieldDotNotation: true, rowHeight: 46, headerHeight: 62, animateRows: false, columnDefs: [], rowData: [],
      loading: true, tooltipShowDelay: 500, ensureDomOrder: true, suppressDragLeaveHidesColumns: true,
      getRowId: (p) => p.data.id, cellFlashDuration: 700, cellFadeDuration: 900,
      defaultColDef: { sortable: true, resizable: true, suppressHeaderMenuButton: true, floatingFilter: false },
      overlayNoRowsTemplate: "<span class='none'>Nothing here yet</span>",
      onFilterChanged: count,
      onCellKeyDown: (p) => {
        if (p.event.key === "Enter" && p.data) location.href = pageOf(state.scope, p.data.id);
      },
    },
    ready(api, url) {
      state.api = api;
      Object.assign(state, { view: "", shape: "", seq: -1, waiting: [] });
      const field = document.querySelector("[data-search]");
      if (field) search(field.value);
      window.kam.show(url);
    },
    show(url, address) {
      state.url = url;
      if (address) history.replaceState(null, "", address);
      if (state.api) load();
    },
    patch(patch) { if (state.busy) state.waiting.push(patch); else apply(patch); },
  };

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-search]")) search(event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    const field = document.querySelector("[data-search]");
    if (event.key === "/" && field && !/input|textarea|select/i.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
  });

  /* Light and dark: the system's choice, until the visitor makes one. */
  const dark = () => {
    const choice = localStorage.getItem("kam-scheme");
    return choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const paint = () => {
    const on = dark();
    window.Quasar?.Dark?.set(on);
    document.documentElement.style.colorScheme = on ? "dark" : "light";
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-scheme]")) return;
    localStorage.setItem("kam-scheme", dark() ? "light" : "dark");
    paint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  window.addEventListener("load", paint);
  document.documentElement.style.colorScheme = dark() ? "dark" : "light";
  document.documentElement.classList.toggle("boot-dark", dark());
})();
