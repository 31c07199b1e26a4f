"""Values as a person reads them. No data is an em dash, never 0.

>>> [text(v, u) for v, u in ((11_520, "s"), (0.625, "ratio"), (2802496, "money"), (None, "count"), (0, "count"))]
['3h 12m', '62.5%', '€2,802,496', '—', '0']
"""

from datetime import UTC, datetime

NO_DATA = "—"
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_STEPS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))


def text(value: float | None, unit: str, currency: str = "EUR") -> str:
    """A value with its unit of kpis.md; durations are seconds, money is in major units of ``currency``."""
    if value is None:
        return NO_DATA
    if unit == "s":
        return duration(value)
    if unit == "ratio":
        return f"{_number(value * 100, 1)}%"
    if unit == "money":
        return money(value, currency)
    if unit == "per week":
        return f"{_number(value, 1)}/wk"
    if unit == "days":
        return f"{_number(value, 1)} d"
    return _number(value, 1 if unit == "points" else 2)


def duration(seconds: float) -> str:
    """A length of time by its two largest parts; below a minute to the tenth of a second.

    >>> duration(0.4), duration(75), duration(93_600), duration(86_400), duration(59.99)
    ('0.4s', '1m 15s', '1d 2h', '1d', '1m')
    """
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if round(seconds, 1) < 60:
        return f"{_number(seconds, 1)}s"
    for size, name, part, part_name in _STEPS:
        whole, rest = divmod(int(seconds / part + 0.5) * part, size)
        if whole:
            return f"{whole:,}{name} {rest // part}{part_name}" if rest else f"{whole:,}{name}"
    return f"{_number(seconds, 1)}s"


def money(value: float, currency: str) -> str:
    """An amount with thousands separators; cents only below 1,000.

    >>> money(1234567.5, "USD"), money(12.5, "EUR"), money(-3000, "CHF")
    ('$1,234,568', '€12.50', '−CHF 3,000')
    """
    sign = "−" if value < 0 else ""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    amount = abs(value)
    digits = 0 if amount >= 1000 or amount == int(amount) else 2
    return f"{sign}{symbol}{amount:,.{digits}f}"


def count(n: int) -> str:
    """A sample count with thousands separators."""
    return f"{n:,}"


def age(ms: float) -> str:
    """How long ago, coarse enough not to flicker.

    >>> age(2_500), age(200_000), age(7_300_000)
    ('2s', '3m', '2h')
    """
    seconds = max(0, int(ms // 1000))
    for size, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{name}"
    return f"{seconds}s"


def moment(ms: int, now: int = 0) -> str:
    """A point in time in UTC, to the minute; without the year where that is also ``now``'s.

    >>> moment(1_764_000_000_000), moment(1_764_000_000_000, 1_764_100_000_000)
    ('24 Nov 2025, 16:00 UTC', '24 Nov, 16:00 UTC')
    """
    there = datetime.fromtimestamp(ms / 1000, UTC)
    year = "" if there.year == datetime.fromtimestamp(now / 1000, UTC).year else f" {there.year}"
    return f"{there.day} {there:%b}{year}, {there:%H:%M} UTC"


def _number(value: float, digits: int) -> str:
    """Thousands separators and at most so many digits after the point, without trailing zeros."""
    shown = f"{abs(value):,.{digits}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return f"−{shown}" if value < 0 and shown.strip("0.,") else shown
