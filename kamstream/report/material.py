"""What a review is made of, from wherever it was gathered. Times are epoch milliseconds, money is in major units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kamstream.alerts import AlertRecord
from kamstream.engine import Value
from kamstream.windows import Window

#: A history: (start of its pane or moment in epoch seconds, value), the oldest first.
Points = Sequence[tuple[float, float]]


class Earlier(NamedTuple):
    """A value of the previous window; n is None where it was not kept."""

    value: float | int | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the review is about."""

    scope: str
    id: str
    name: str
    kam: str | None = None
    segment: str | None = None
    tier: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """A deal that is neither won nor lost; ``expected`` is a day since 1970-01-01, ``late`` = before today."""

    account: str
    account_name: str | None
    deal: str
    owner: str | None
    stage: str | None
    expected: int | None
    amount: float | None
    probability: float
    weighted: float
    late: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """A window of days ahead; what stands None is not known."""

    window: str
    pipeline: float | None
    deals: int
    year_before: float | None = None
    year_before_deals: int | None = None
    target: float | None = None
    attainment: float | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """An alert from its beginning to its end (None: it is still active)."""

    record: AlertRecord
    value: float | int | None
    since: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class LookBack:
    """What the events tell of the time before: the previous window, histories, and when the events begin."""

    before: Mapping[str, Earlier]
    histories: Mapping[str, Points]
    begins: int | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """All of it. ``window`` is that of the review; ``deals`` is None where single deals are not known.

    ``currency`` is the reporting one; ``alerts`` are the active ones and those resolved since the window began.
    """

    subject: Subject
    as_of: int
    window: Window
    currency: str
    values: Mapping[str, Value]
    card: Mapping[str, Any] | None
    goals: Sequence[Mapping[str, Any]]
    back: LookBack
    alerts: Sequence[Life]
    outlooks: Sequence[Outlook]
    deals: Sequence[OpenDeal] | None

    @property
    def begins(self) -> int:
        """When the review's window begins."""
        return self.window.panes(self.as_of)[0] * self.window.unit_ms
