"""Reading alerts.yml: every error at once, each with its line."""

import re
from collections.abc import Callable, Collection, Mapping
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any, Literal

from pydantic import ValidationError

from kamstream.alerts.lines import Document, Path, show
from kamstream.alerts.model import SECTIONS, Entry, ManagerEntry, RouteEntry, RuleEntry, SilenceEntry
from kamstream.alerts.quantity import Kind
from kamstream.alerts.rules import Manager, Measure, Route, Rule, Ruleset, Silence
from kamstream.windows import NOW

Section = Literal["rules", "routes", "managers", "silences"]
_FITS = {"s": (Kind.NUMBER, Kind.DURATION), "ratio": (Kind.NUMBER, Kind.PERCENTAGE)}
_SIMPLE = {
    "missing": "is missing",
    "extra_forbidden": "unknown field",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
}


class RuleError(ValueError):
    """The file cannot be used; `problems` holds one `file:line: where: what` for each error."""

    def __init__(self, problems: list[str]) -> None:
        """Join the problems into one text, a line each."""
        super().__init__("\n".join(problems))
        self.problems = problems


def load_rules(
    path: FilePath | None,
    *,
    kpis: Mapping[str, Measure],
    windows: Collection[str] | None = None,
    env: Mapping[str, str] | None = None,
    currency: str = "EUR",
    check_url: Callable[[str], bool] | None = None,
) -> Ruleset:
    """Read and check an alerts file; None is the packaged default.

    `kpis` is the catalogue (name → unit and windows), `windows` what is computed (None: any), `env`
    fills `${NAME}` (None: left as they are), `check_url` says whether an address can be sent to.
    Raises RuleError.
    """
    name = path.name if path else "default.yml"
    try:
        text = (path or files("kamstream.alerts").joinpath("default.yml")).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RuleError([f"{path or name}: cannot be read: {reason}"]) from None
    return parse_rules(text, name=name, kpis=kpis, windows=windows, env=env, currency=currency, check_url=check_url)


def parse_rules(
    text: str,
    *,
    name: str = "alerts.yml",
    kpis: Mapping[str, Measure],
    windows: Collection[str] | None = None,
    env: Mapping[str, str] | None = None,
    currency: str = "EUR",
    check_url: Callable[[str], bool] | None = None,
) -> Ruleset:
    """The same from a text; `name` stands in the messages."""
    check = _Check(Document(text, env), kpis, windows, currency, check_url)
    ruleset = check.ruleset()
    if check.problems:
        raise RuleError([f"{name}:{line}: {what}" for line, what in sorted(set(check.problems))])
    return ruleset


class _Check:
    """One pass over a document, collecting problems as it goes."""

    def __init__(
        self,
        document: Document,
        kpis: Mapping[str, Measure],
        windows: Collection[str] | None,
        currency: str,
        check_url: Callable[[str], bool] | None,
    ) -> None:
        self.document = document
        self.kpis = kpis
        self.windows = windows
        self.currency = currency
        self.check_url = check_url
        self.problems = document.problems

    def ruleset(self) -> Ruleset:
        data = self.document.data
        if data is None and not self.problems:
            data = {}
        if not isinstance(data, dict):
            if not self.problems:
                self._add((), "must have the sections rules, routes, managers, silences")
            return Ruleset()
        for key in data:
            if key not in SECTIONS:
                self._add((str(key),), "unknown section; known are rules, routes, managers, silences")
        rules = [self._rule(path, entry) for path, entry in self._entries(data, "rules")]
        self._unique(data)
        routes = [self._route(path, entry) for path, entry in self._entries(data, "routes")]
        managers = {str(path[1]): self._manager(path, entry) for path, entry in self._entries(data, "managers")}
        for id, manager in managers.items():
            if manager.deputy is not None and manager.deputy not in managers:
                self._add(("managers", id, "deputy"), f"no manager {manager.deputy!r} in managers")
        silences = [self._silence(path, entry) for path, entry in self._entries(data, "silences")]
        return Ruleset(tuple(rule for rule in rules if rule), tuple(routes), managers, tuple(silences))

    def _add(self, path: Path, what: str) -> None:
        self.problems.append((self.document.line(path), f"{show(path)}: {what}"))

    def _entries(self, data: Mapping[str, Any], section: Section) -> list[tuple[Path, Any]]:
        """The entries of a section that have the right shape."""
        found = data.get(section)
        if found is None:
            return []
        if section == "managers":
            if not isinstance(found, dict):
                self._add((section,), "must be entries by manager id, e.g. kam-7: {name: ...}")
                return []
            items: list[tuple[Path, Any]] = [((section, str(id)), item) for id, item in found.items()]
        elif isinstance(found, list):
            items = [((section, index), item) for index, item in enumerate(found)]
        else:
            self._add((section,), "must be a list")
            return []
        entries = ((path, self._entry(SECTIONS[section], path, item)) for path, item in items)
        return [(path, entry) for path, entry in entries if entry is not None]

    def _entry(self, model: type[Entry], path: Path, item: Any) -> Entry | None:
        if not isinstance(item, dict):
            self._add(path, "must be fields with values")
            return None
        try:
            return model.model_validate({str(key): value for key, value in item.items()})
        except ValidationError as error:
            for detail in error.errors():
                text = _SIMPLE.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
                self._add((*path, *detail["loc"][:1]), text[0].lower() + text[1:] if text[0] == "I" else text)
            return None

    def _unique(self, data: Mapping[str, Any]) -> None:
        seen: dict[str, int] = {}
        rules = data.get("rules")
        for index, item in enumerate(rules if isinstance(rules, list) else []):
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str):
                continue
            if name in seen:
                self._add(("rules", index, "name"), f"{name!r} is already the name of rules[{seen[name]}]")
            seen.setdefault(name, index)

    def _rule(self, path: Path, entry: RuleEntry) -> Rule | None:
        measure = self.kpis.get(entry.kpi)
        if measure is None:
            close = [known for known in self.kpis if known.startswith(entry.kpi + ".")]
            hint = f"; there are {', '.join(close)}" if close else "; `kamstream kpis list` shows them"
            self._add((*path, "kpi"), f"no KPI {entry.kpi!r}{hint}")
            return None
        self._window_fits(path, entry, measure)
        self._limits_fit(path, entry, measure.unit)
        allowed = {"account": None, "kam": {"kam_id"}, "company": set[str]()}[entry.scope]
        for name in entry.match:
            if allowed is not None and name not in allowed:
                self._add((*path, "match", name), f"says nothing about scope {entry.scope}")
        fields = {name: getattr(entry, name) for name in RuleEntry.model_fields}
        return Rule(**fields, unit=measure.unit, currency=self.currency)

    def _window_fits(self, path: Path, entry: RuleEntry, measure: Measure) -> None:
        where = (*path, "window")
        if measure.windows == NOW and entry.window != NOW:
            self._add(where, f"{entry.kpi} is a gauge: its window is now")
        elif measure.windows != NOW and entry.window == NOW:
            self._add(where, f"{entry.kpi} needs a window such as 7d")
        elif measure.windows == "days" and not re.fullmatch(r"\d+d", entry.window):
            self._add(where, f"{entry.kpi} has windows in days only")
        elif entry.window != NOW and self.windows is not None and entry.window not in self.windows:
            self._add(where, f"{entry.window} is not computed; the settings' windows are {' '.join(self.windows)}")

    def _limits_fit(self, path: Path, entry: RuleEntry, unit: str) -> None:
        for name, limit in (("fire", entry.fire), ("clear", entry.clear)):
            if limit is not None and limit.kind not in _FITS.get(unit, (Kind.NUMBER,)):
                self._add((*path, name), f"{entry.kpi} is in {unit}: a {limit.kind} does not fit")
        same_kind = entry.clear is not None and entry.clear.kind is entry.fire.kind
        if same_kind and entry.clear and not entry.fire.excludes(entry.clear):
            self._add(
                (*path, "clear"),
                f"{entry.clear.text!r} must be on the other side of fire ({entry.fire.text!r})",
            )

    def _route(self, path: Path, entry: RouteEntry) -> Route:
        self._urls((*path, "notify"), entry.notify)
        self._urls((*path, "escalate_to"), entry.escalate_to)
        if not entry.notify and not entry.to_manager:
            self._add(path, "tells nobody: give notify or to_manager")
        if entry.escalate_to and entry.escalate_after_ms is None:
            self._add((*path, "escalate_to"), "needs escalate_after")
        if entry.repeat_every_ms is not None and entry.repeat_every_ms < 60_000:
            self._add((*path, "repeat_every"), "must be at least 1m")
        return Route(**{name: getattr(entry, name) for name in RouteEntry.model_fields})

    def _manager(self, path: Path, entry: ManagerEntry) -> Manager:
        self._urls((*path, "notify"), entry.notify)
        return Manager(**{name: getattr(entry, name) for name in ManagerEntry.model_fields})

    def _silence(self, path: Path, entry: SilenceEntry) -> Silence:
        if entry.end <= entry.begin:
            self._add((*path, "until"), "must be later than from")
        return Silence(**{name: getattr(entry, name) for name in SilenceEntry.model_fields})

    def _urls(self, path: Path, urls: tuple[str, ...]) -> None:
        for index, url in enumerate(urls):
            if self.check_url is not None and not self.check_url(url):
                # The address may hold a password: only its kind is repeated.
                self._add((*path, index), f"not an address that can be sent to ({url.partition(':')[0]}:...)")
