"""What shapes an engine: the settings that its state and values depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b

from kamstream.alerts import Rule
from kamstream.entities.fact import OpenTime, ServiceLevel, Terms
from kamstream.kpis import CATALOGUE, Kpi
from kamstream.windows import DAY, Window, parse

#: The horizon where the settings name none, in days.
HORIZON_DAYS = 800
SCOPES = ("account", "kam", "company")
#: The id of the company's own table.
COMPANY_ID = "all"
#: Counts up when the meaning of stored rows changes, so that older state is derived anew.
STATE_FORMAT = 3


@dataclass(frozen=True, slots=True)
class Config:
    """Everything besides the events that an engine's values depend on.

    ``rates`` say what one unit of a currency is worth in the reporting currency, by month or always (``""``);
    ``horizon`` is in milliseconds, 0 for the default; ``fingerprint_of`` adds text of what the callables depend on.
    """

    windows: tuple[Window, ...] = tuple(parse(name) for name in ("24h", "7d", "30d", "90d", "365d"))
    kpis: tuple[Kpi, ...] = tuple(kpi for kpi in CATALOGUE if kpi.option is None)
    scopes: tuple[str, ...] = SCOPES
    reporting_currency: str = "EUR"
    rates: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict)
    stage_probabilities: Mapping[str, Fraction] = field(default_factory=dict)
    horizon: int = 0
    rules: tuple[Rule, ...] = ()
    open_time: OpenTime | None = None
    service_levels: tuple[ServiceLevel, ...] = ()
    partitions: int = 1
    fingerprint_of: str = ""

    def __post_init__(self) -> None:
        if not self.horizon:
            object.__setattr__(self, "horizon", max(HORIZON_DAYS * DAY, self.least_horizon()))
        if self.horizon < self.least_horizon():
            raise ValueError(
                f"horizon is {self.horizon // DAY} days, but the windows need {self.least_horizon() // DAY}:"
                " twice the longest window and 2 days"
            )

    def least_horizon(self) -> int:
        """Milliseconds of twice the longest window and two days."""
        longest = max((window.longest_days() for window in self.windows), default=0)
        return (2 * longest + 2) * DAY

    def terms(self) -> Terms:
        """What entities depend on."""
        return Terms(
            horizon=self.horizon,
            reporting_currency=self.reporting_currency,
            rates=self.rates,
            stage_probabilities=self.stage_probabilities,
            windows=self.windows,
            open_time=self.open_time,
            service_levels=self.service_levels,
        )

    def fingerprint(self) -> str:
        """Text that differs where state kept under other settings must be derived anew."""
        parts = (
            STATE_FORMAT,
            [window.name for window in self.windows],
            # Rows name sums by their place, which follows from these.
            [(kpi.name, kpi.sums.name, kpi.sums.width, kpi.beside and kpi.beside.name) for kpi in self.kpis],
            sorted(self.scopes),
            self.reporting_currency,
            sorted((c, sorted(m.items())) for c, m in self.rates.items()),
            sorted(self.stage_probabilities.items()),
            self.horizon,
            self.service_levels,
            self.partitions,
            self.fingerprint_of,
        )
        return blake2b(repr(parts).encode(), digest_size=12).hexdigest()
