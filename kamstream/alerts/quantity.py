"""Quantities as people write and read them: `4h`, `85%`, `> 4h`, `1,234,567 EUR`.

Inside, a duration is a number of seconds in a value and a number of milliseconds on the time line.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NUMBER = r"-?(?:\d+(?:[_ ]\d{3})*(?:\.\d+)?|\.\d+)"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([smhd%]?)")
_CONDITION = re.compile(r"(>=|<=|>|<)\s*(.+)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Kind(StrEnum):
    """How a quantity was written."""

    NUMBER = "number"
    DURATION = "duration"
    PERCENTAGE = "percentage"


def quantity(text: str) -> tuple[float, Kind]:
    """A written quantity as a number: durations in seconds, percentages as fractions.

    >>> quantity("4h"), quantity("85%")
    ((14400.0, <Kind.DURATION: 'duration'>), (0.85, <Kind.PERCENTAGE: 'percentage'>))
    """
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a number, a duration (90s 15m 4h 2d) or a percentage (85%)")
    # Decimal, so that 85% is the double next to 0.85 and equal values compare as equal.
    number = Decimal(found[1].replace("_", "").replace(" ", ""))
    if found[2] == "%":
        return float(number / 100), Kind.PERCENTAGE
    if found[2]:
        return float(number * _SECONDS[found[2]]), Kind.DURATION
    return float(number), Kind.NUMBER


def duration_ms(text: str | int) -> int:
    """A written duration in milliseconds; the bare number 0 needs no unit.

    >>> duration_ms("30m"), duration_ms(0)
    (1800000, 0)
    """
    if text in (0, "0"):
        return 0
    problem = f"{text!r} is not a duration: write 90s, 15m, 4h or 2d"
    try:
        seconds, kind = quantity(str(text))
    except ValueError:
        raise ValueError(problem) from None
    if kind is not Kind.DURATION or seconds < 0:
        raise ValueError(problem)
    return round(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Condition:
    """One side of a threshold, e.g. `> 4h`: the limit is in the KPI's unit (seconds, fractions, ...)."""

    op: str
    limit: float
    kind: Kind
    text: str

    def holds(self, value: float) -> bool:
        """Whether the value lies on the condition's side of the limit."""
        return _COMPARE[self.op](value, self.limit)

    def excludes(self, other: "Condition") -> bool:
        """Whether no value can satisfy both conditions.

        >>> condition("> 4h").excludes(condition("<= 4h")), condition(">= 4h").excludes(condition("<= 4h"))
        (True, False)
        """
        if self.op[0] == other.op[0]:
            return False
        low, high = (self, other) if self.op[0] == "<" else (other, self)
        touching = low.limit == high.limit and low.op == "<=" and high.op == ">="
        return low.limit <= high.limit and not touching


def condition(text: str) -> Condition:
    """Parse `> 4h`, `>= 0.5`, `< 85%`, `<= 3`; ValueError says what is wrong."""
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text!r} is not a condition: write > >= < or <= and a limit, e.g. "> 4h"')
    limit, kind = quantity(found[2])
    return Condition(found[1], limit, kind, f"{found[1]} {found[2].strip()}")


def say_duration(seconds: float) -> str:
    """A duration with its two largest units.

    >>> say_duration(15120), say_duration(183600), say_duration(45), say_duration(0.4)
    ('4h 12m', '2d 3h', '45s', '0.4s')
    """
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if 0 < seconds < 1:
        return f"{sign}{seconds:.1g}s"
    whole = round(seconds)
    if whole >= 3_600:
        # Seconds say nothing any more; rounding to minutes first keeps 59m 59s from reading as 60m.
        whole = round(whole / 60) * 60
    parts: list[tuple[int, str]] = []
    for unit, size in reversed(_SECONDS.items()):
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append((count, unit))
    shown = [f"{count}{unit}" for count, unit in parts[:2] if count]
    return sign + (" ".join(shown) or "0s")


def _digits(value: float, places: int, french: bool) -> str:
    text = f"{value:,.{places}f}"
    if places:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    # French groups with a narrow no-break space and has a decimal comma.
    return text.replace(",", "\u202f").replace(".", ",") if french else text


_NONE = {"en": "no data", "fr": "aucune donnée"}
# unit -> decimal places, scale, suffix
_SHOWN = {"ratio": (1, 100, "%"), "per week": (2, 1, " per week"), "days": (1, 1, " days")}
_FRENCH_SUFFIX = {"ratio": "\u202f%", "per week": " par semaine", "days": " jours"}
_FRENCH_UNITS = {"d": "\u202fj", "h": "\u202fh", "m": "\u202fmin", "s": "\u202fs"}


def say(value: float | int | None, unit: str, *, currency: str = "EUR", language: str = "en") -> str:
    """A value in its KPI's unit, as a person reads it.

    >>> say(0.625, "ratio"), say(1234567.5, "money"), say(15120, "s"), say(None, "s")
    ('62.5%', '1,234,568 EUR', '4h 12m', 'no data')
    >>> say(1234567.5, "money", language="fr").replace(chr(0x202f), " ")
    '1 234 568 EUR'
    """
    french = language == "fr"
    if value is None:
        return _NONE[language]
    if unit == "s":
        text = say_duration(value)
        return "".join(_FRENCH_UNITS.get(letter, letter) for letter in text) if french else text
    places, scale, suffix = _SHOWN.get(unit, (2, 1, ""))
    if unit == "money":
        places, suffix = (2 if abs(value) < 1000 else 0), f" {currency}"
    if french:
        suffix = _FRENCH_SUFFIX.get(unit, suffix)
    return _digits(value * scale, places, french) + suffix
