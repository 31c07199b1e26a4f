"""The settings: ``kamstream.toml``, overridden by ``KAMSTREAM_*`` variables, overridden by flags.

Durations are written ``250ms``, ``1s``, ``15m``, ``4h``, ``800d``; lists may be written with commas in a variable.
"""

import re
from collections.abc import Collection, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from kamstream.engine import SCOPES, Config
from kamstream.entities.calendars import Calendars
from kamstream.entities.money import ALWAYS
from kamstream.errors import UserError
from kamstream.events import Rules
from kamstream.goals import Board, Goal, default_card
from kamstream.goals.card import problem
from kamstream.kpis import CATALOGUE, Kpi
from kamstream.sections import (
    CalendarSection,
    PaySection,
    PerspectiveSection,
    Section,
    ServiceLevelSection,
    TargetSection,
    card_of,
    duration_ms,
)
from kamstream.windows import parse

FILE = "kamstream.toml"
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def _duration(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else duration_ms(value)


def _listed(value: Any) -> Any:
    """A list as it is, or text with commas or blanks between."""
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


Milliseconds = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Output = Literal["kpis", "scorecards", "updates"]
Outputs = Annotated[tuple[Output, ...], NoDecode, BeforeValidator(_listed)]
Exact = Annotated[Fraction, BeforeValidator(lambda value: Fraction(str(value)))]


class KafkaSection(Section):
    """Where Kafka answers."""

    bootstrap: str = "localhost:9092"


class RedisSection(Section):
    """Where Redis answers."""

    url: str = "redis://localhost:6379/0"


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix="KAMSTREAM_",
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        nested_model_default_partial_update=True,
        use_attribute_docstrings=True,
    )
    _file: ClassVar[Path | None] = None

    reporting_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """Money is reported in it; `rates` convert to it."""
    horizon: Milliseconds | None = None
    """How late an event may be, per account and topic (default: 800d, or twice the longest window and 2 days)."""
    windows: Names = ("24h", "7d", "30d", "90d", "365d")
    """The windows of every KPI."""
    kpis: Names = ()
    """The KPIs that are kept, or their families (default: all)."""
    scopes: Names = SCOPES
    """What has tables."""
    outputs: Outputs = ("kpis", "scorecards", "updates")
    """What is published beside tables and alerts: value changes in `kam.kpis`, scorecards and goals, `kam:updates`."""
    flush_interval: Milliseconds = 1000
    """Longest time between two flushes of a partition."""
    redis_interval: Milliseconds = 250
    """Least time between two writes of one busy id."""
    tick: Milliseconds = 1000
    """Time between two ticks of the wall clock."""
    clock: Literal["wall", "event"] = "wall"
    """Whether the wall clock moves values on (`wall`), or only events do (`event`)."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "kam"
    """What topics and keys begin with."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    """Partitions of the topics that `topics create` makes."""
    future_tolerance: Milliseconds = 300_000
    """How far ahead of its record's Kafka timestamp an event may be."""
    alerts_file: Path | None = None
    """Rules, routes, managers (default: the packaged rules, nobody is told)."""
    rank_fields: Names = ("revenue:90d", "conversion_rate:90d", "open_tickets:now", "oldest_wait:now")
    """Fields by which accounts are ranked."""
    history_fields: Names = (
        "revenue:30d",
        "revenue:90d",
        "conversion_rate:30d",
        "conversion_rate:90d",
        "response_time.mean:7d",
        "first_response_time.p90:30d",
        "resolution_rate:30d",
        "open_tickets:now",
        "oldest_wait:now",
    )
    """Fields whose values are kept pane by pane, for charts."""
    metrics: Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")] | None = None
    """Where a worker answers `/metrics` (Prometheus) and `/healthz`, such as `127.0.0.1:9464` (default: nowhere)."""
    instance_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")] | None = None
    """A worker's own name: its partitions wait 10 s for it to come back (default: they move at once when it stops)."""
    dashboard_url: str = "http://127.0.0.1:8080"
    """Where alerts link to."""
    rates: dict[str, Exact | dict[str, Exact]] = Field(default_factory=dict)
    """What one unit of a currency is worth in the reporting currency, always or by month."""
    stage_probabilities: dict[str, Exact] = Field(default_factory=dict)
    """Probability of a deal in a stage that names none itself (else 0.5)."""
    targets: tuple[TargetSection, ...] = ()
    """Goals of accounts, KAMs or the company."""
    calendars: dict[str, CalendarSection] = Field(default_factory=dict)
    """Open hours by country, tier or `default`; with them the `.business` KPIs are kept."""
    service_levels: tuple[ServiceLevelSection, ...] = ()
    """Promises by priority and tier; with them the `sla_` KPIs are kept."""
    scorecard: dict[str, PerspectiveSection] = Field(default_factory=dict)
    """Perspectives of the balanced scorecard (default: a card over the whole catalogue)."""
    pay: PaySection = PaySection()
    """Variable pay: base salaries, shares, goals, payout points."""
    kafka: Annotated[KafkaSection, NoDecode] = KafkaSection()
    """Where Kafka answers."""
    redis: Annotated[RedisSection, NoDecode] = RedisSection()
    """Where Redis answers."""

    @field_validator("kafka", mode="before")
    @classmethod
    def _kafka_address(cls, value: Any) -> Any:
        return {"bootstrap": value} if isinstance(value, str) else value

    @field_validator("redis", mode="before")
    @classmethod
    def _redis_address(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @field_validator("windows")
    @classmethod
    def _known_windows(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one window, such as 30d")
        return tuple(dict.fromkeys(parse(name).name for name in value))

    @field_validator("kpis")
    @classmethod
    def _known_kpis(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        chosen(value)
        return value

    @field_validator("scopes")
    @classmethod
    def _known_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in SCOPES:
                raise ValueError(f"{name!r} is no scope: write account, kam or company")
        return value

    @field_validator("rates")
    @classmethod
    def _known_months(cls, value: dict[str, Any]) -> dict[str, Any]:
        for currency, rate in value.items():
            if not re.fullmatch(r"[A-Z]{3}", currency):
                raise ValueError(f"{currency!r} is no currency: write three capital letters")
            for month in rate if isinstance(rate, dict) else ():
                if month != "default" and not _MONTH.fullmatch(month):
                    raise ValueError(f"{currency}: {month!r} is no month: write 2026-01, or default")
            if any(worth <= 0 for worth in (rate.values() if isinstance(rate, dict) else (rate,))):
                raise ValueError(f"{currency}: a rate must be more than 0")
        return value

    @field_validator("stage_probabilities")
    @classmethod
    def _known_probabilities(cls, value: dict[str, Fraction]) -> dict[str, Fraction]:
        for stage, probability in value.items():
            if not 0 <= probability <= 1:
                raise ValueError(f"{stage}: a probability lies between 0 and 1")
        return value

    @field_validator("service_levels")
    @classmethod
    def _one_level_each(cls, value: tuple[ServiceLevelSection, ...]) -> tuple[ServiceLevelSection, ...]:
        known: set[tuple[str, str | None]] = set()
        for level in value:
            if (level.priority, level.tier) in known:
                raise ValueError(f"priority {level.priority}, tier {level.tier or 'any'} is there twice")
            known.add((level.priority, level.tier))
        return value

    @model_validator(mode="after")
    def _horizon_suffices(self) -> "Settings":
        self.config()
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before variables before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls._file)

    @classmethod
    def load(cls, path: Path | None = None, **flags: Any) -> "Settings":
        """Read the settings; flags that are None do not count. A UserError says in one line what is wrong."""
        if path is not None and not path.is_file():
            raise UserError(f"settings file {path} is not there")
        file = path or (Path(FILE) if Path(FILE).is_file() else None)
        reading: type[Settings] = type("Settings", (cls,), {"_file": file, "__doc__": cls.__doc__}) if file else cls
        try:
            return reading(**{name: value for name, value in flags.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
            what = (
                first["msg"]
                .removeprefix("Value error, ")
                .replace("Extra inputs are not permitted", "there is no such setting")
            )
            raise UserError(f"settings: {where + ': ' if where else ''}{what}", exit_code=2) from None
        except ValueError as error:  # the TOML reader's own
            raise UserError(f"settings: {file}: {error}", exit_code=2) from None

    def config(self, **changes: Any) -> Config:
        """The engine's configuration, with other values where ``changes`` names some."""
        parts: dict[str, Any] = {
            "windows": tuple(parse(name) for name in self.windows),
            "kpis": self.chosen_kpis(),
            "scopes": self.scopes,
            "reporting_currency": self.reporting_currency,
            "rates": {currency: _by_month(rate) for currency, rate in self.rates.items()},
            "stage_probabilities": self.stage_probabilities,
            "horizon": self.horizon or 0,
            "partitions": self.partitions,
            "service_levels": tuple(section.level() for section in self.service_levels),
        }
        if self.calendars:
            calendars = Calendars({name: section.calendar() for name, section in self.calendars.items()})
            parts |= {"open_time": calendars, "fingerprint_of": calendars.fingerprint()}
        return Config(**(parts | changes))

    def chosen_kpis(self) -> tuple[Kpi, ...]:
        """The KPIs that are computed."""
        return chosen(self.kpis, self.options)

    @property
    def options(self) -> frozenset[str]:
        """The optional sections that are there."""
        return frozenset(name for name in ("calendars", "service_levels") if getattr(self, name))

    def board(self) -> Board:
        """The scorecard and the goals. A UserError says where one asks for what is not computed."""
        windows, kpis = tuple(parse(name) for name in self.windows), [kpi.name for kpi in self.chosen_kpis()]
        measures = [measure for section in self.scorecard.values() for measure in section.measures]
        asked = [("targets", one.kpi, one.window) for one in self.targets]
        asked += [("scorecard", one.kpi, one.window) for one in measures]
        for where, kpi, window in asked:
            if wrong := problem(kpi, window, kpis, windows):
                raise UserError(f"settings: {where}: {wrong}", exit_code=2)
        targets: dict[tuple[str, str], list[Goal]] = {}
        for section in self.targets:
            targets.setdefault((section.scope, section.id), []).append(section.goal())
        return Board(card_of(self.scorecard) if self.scorecard else default_card(windows, kpis), targets)

    def decoding(self) -> Rules:
        """What decoding events depends on."""
        return Rules(self.prefix, self.reporting_currency, frozenset(self.rates), self.future_tolerance)

    @property
    def flush_interval_seconds(self) -> float:
        """Longest time between two flushes."""
        return self.flush_interval / 1000

    @property
    def redis_interval_seconds(self) -> float:
        """Least time between two writes of one busy id."""
        return self.redis_interval / 1000

    @property
    def tick_seconds(self) -> float:
        """Time between two ticks of the wall clock."""
        return self.tick / 1000


def chosen(names: tuple[str, ...], options: Collection[str] = ()) -> tuple[Kpi, ...]:
    """The KPIs of these names in the catalogue's order; for none all, as far as they need no option that is not there.

    A family's name stands for its statistics: ``response_time`` for its mean, median and 90th percentile.
    """
    if not names:
        return tuple(kpi for kpi in CATALOGUE if kpi.option is None or kpi.option in options)
    known = {kpi.name for kpi in CATALOGUE} | {kpi.name.rpartition(".")[0] for kpi in CATALOGUE} - {""}
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is no KPI: see kamstream kpis list")
    return tuple(kpi for kpi in CATALOGUE if kpi.name in names or kpi.name.rpartition(".")[0] in names)


def _by_month(rate: Fraction | Mapping[str, Fraction]) -> dict[str, Fraction]:
    if isinstance(rate, Fraction):
        return {ALWAYS: rate}
    return {ALWAYS if month == "default" else month: worth for month, worth in rate.items()}
