"""Where everything stands in Redis: key names, and how numbers are written in them.

The contract for readers is the page on the live tables; this module is its only copy in code. Ids appear in
keys, names never do. ``{}`` around an id is a Redis hash tag: all keys of one id live in one slot, so that
one script may write them together.
"""

from dataclasses import dataclass
from decimal import Decimal

#: Scopes that have tables.
SCOPES = ("account", "kam", "company")
#: Kinds of JSON documents that stand beside a table.
DOCUMENTS = ("scorecard", "goals")
#: Up to here every integer is a double of its own.
EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys under one prefix.

    >>> keys = Layout("kam")
    >>> keys.values("account", "ACC-1"), keys.history("company", "all", "revenue:30d")
    ('kam:kpi:account:{ACC-1}', 'kam:history:company:{all}:revenue:30d')
    """

    prefix: str = "kam"

    def values(self, scope: str, id: str) -> str:
        """Hash: field to value; a null has no field."""
        return f"{self.prefix}:kpi:{scope}:{{{id}}}"

    def counts(self, scope: str, id: str) -> str:
        """Hash: field to n, also for nulls."""
        return f"{self.prefix}:kpi:{scope}:{{{id}}}:n"

    def meta(self, scope: str, id: str) -> str:
        """Hash: as_of, updated_at, version, and for accounts name, kam_id, segment, tier."""
        return f"{self.prefix}:kpi:{scope}:{{{id}}}:meta"

    def tombstone(self, scope: str, id: str) -> str:
        """String: the version at which the id was removed, kept for a day; for writers only.

        Without it an owner that lost its partition could bring a removed id back.
        """
        return f"{self.prefix}:gone:{scope}:{{{id}}}"

    def index(self, scope: str) -> str:
        """Set: the ids that have a table."""
        return f"{self.prefix}:index:{scope}"

    def portfolio(self, kam_id: str) -> str:
        """Set: the account ids of a KAM."""
        return f"{self.prefix}:portfolio:{{{kam_id}}}"

    def rank(self, field: str) -> str:
        """Sorted set: account id by value."""
        return f"{self.prefix}:rank:{field}"

    def history(self, scope: str, id: str, field: str) -> str:
        """Sorted set: one point a pane, ``<pane start>:<value>`` by pane start in epoch seconds."""
        return f"{self.prefix}:history:{scope}:{{{id}}}:{field}"

    def document(self, kind: str, scope: str, id: str) -> str:
        """String: the scorecard or the goals of an id as JSON."""
        return f"{self.prefix}:{kind}:{scope}:{{{id}}}"

    @property
    def alerts(self) -> str:
        """Hash: alert id to JSON, of the alerts that fire."""
        return f"{self.prefix}:alerts:active"

    @property
    def alert_log(self) -> str:
        """Stream: every transition of an alert, as JSON in the field ``alert``; capped."""
        return f"{self.prefix}:alerts:log"

    @property
    def updates(self) -> str:
        """Stream: every changed field; capped."""
        return f"{self.prefix}:updates"

    @property
    def health(self) -> str:
        """Hash: ``<worker>:<partition>`` to JSON."""
        return f"{self.prefix}:health"

    @property
    def probe(self) -> str:
        """Hash: there for the moment in which a writer tries out what the server can; for writers only."""
        return f"{self.prefix}:probe"

    def sentinel(self, partition: int) -> str:
        """String: the version of the last batch of a partition's owner; for writers only.

        An owner that finds another value learns that Redis was emptied, came back older or has a new owner.
        """
        return f"{self.prefix}:writer:{partition}"

    def placed(self, partition: int) -> str:
        """Hash: ``<scope>:<id>`` to the KAM whose portfolio holds it, else empty; for writers only.

        It changes in one transaction with index and portfolios, so it always says exactly what they hold.
        """
        return f"{self.prefix}:placed:{partition}"


def number(value: float) -> str:
    """A number as plain decimal: the double's shortest digits, no exponent, never ``-0``.

    >>> number(8), number(0.625), number(3.0), number(-0.0), number(1e-7)
    ('8', '0.625', '3', '0', '0.0000001')
    >>> number(1e21)
    '1000000000000000000000'

    NaN and the infinities are refused with ValueError: no KPI has such a value.
    """
    if type(value) is int and -EXACT <= value <= EXACT:
        return str(value)
    text = repr(float(value))
    if text.endswith(".0"):
        return text[:-2] if text != "-0.0" else "0"
    if "e" in text:
        return format(Decimal(text), "f")
    if "n" in text:  # nan, inf
        raise ValueError(f"{text} cannot be written: a value is a finite number")
    return text


def parse_number(text: str) -> float | int:
    """Read what ``number`` wrote: whole numbers as int where a double holds every one of them.

    >>> parse_number("8"), parse_number("0.625")
    (8, 0.625)
    """
    value = float(text)
    return int(value) if value.is_integer() and -EXACT <= value <= EXACT else value


def newer(a: str, b: str) -> bool:
    """Whether version ``a`` is larger than ``b``; both decimal, without leading zeros."""
    return (len(a), a) > (len(b), b)
