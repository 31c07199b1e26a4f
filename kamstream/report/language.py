"""Numbers, durations and dates as they are written in English and in French. No data is an em dash, never 0."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

from kamstream.dashboard import format as fmt
from kamstream.errors import UserError
from kamstream.report.words import WORDS

LANGUAGES = ("en", "fr")
NO_DATA = fmt.NO_DATA
#: French: a narrow no-break space groups digits and stands before a unit.
THIN, HARD = "\u202f", "\u00a0"
_EPOCH = date(1970, 1, 1).toordinal()
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_UNITS_FR = {"d": "j", "h": "h", "m": "min", "s": "s"}
_MONTHS = {
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
    "fr": "janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre",
}
_SHORT = {
    "en": "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec",
    "fr": "janv.,févr.,mars,avr.,mai,juin,juil.,août,sept.,oct.,nov.,déc.",
}


class Language:
    """One of the languages, with the currency that money is in."""

    def __init__(self, code: str, currency: str = "EUR") -> None:
        if code not in LANGUAGES:
            raise UserError(f"{code!r} is no language of the report: write {' or '.join(LANGUAGES)}", exit_code=2)
        self.code = code
        self.currency = currency
        self._words = WORDS[code]

    def say(self, key: str, **parts: str | int) -> str:
        """The words of a key, filled in."""
        return self._words[key].format(**parts)

    def counted(self, key: str, number: int, **parts: str | int) -> str:
        """The words for so many of something: ``key.one`` or ``key.many``. In French 0 is singular."""
        single = number < 2 if self.code == "fr" else number == 1
        return self.say(f"{key}.{'one' if single else 'many'}", number=self.number(number), **parts)

    def listed(self, parts: Sequence[str]) -> str:
        """Several things in a row: a, b and c."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self.say('and')} {parts[-1]}"

    def number(self, value: float, digits: int = 0) -> str:
        """With grouped thousands and at most so many digits after the point.

        >>> Language("en").number(-1234.5, 1), Language("fr").number(1234.5, 1).replace(THIN, "_")
        ('−1,234.5', '1_234,5')
        >>> Language("en").number(72.5)
        '73'
        """
        rounded = Decimal(repr(abs(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        shown = f"{rounded:,f}"
        if "." in shown:
            shown = shown.rstrip("0").rstrip(".")
        sign = "−" if value < 0 and shown.strip("0.,") else ""
        return sign + (shown if self.code == "en" else _french(shown))

    def percent(self, share: float, digits: int = 1) -> str:
        """A share of one as a percentage."""
        return self.number(share * 100, digits) + ("%" if self.code == "en" else f"{THIN}%")

    def value(self, value: float | None, unit: str) -> str:
        """A value in its unit of kpis.md.

        >>> [Language("en").value(v, u) for v, u in ((11_520, "s"), (0.625, "ratio"), (None, "money"))]
        ['3h 12m', '62.5%', '—']
        >>> [Language("fr").value(*one).replace(THIN, "_") for one in ((11_520, "s"), (0.625, "ratio"), (9e5, "money"))]
        ['3_h 12_min', '62,5_%', '900_000_€']
        """
        if value is None:
            return NO_DATA
        match unit:
            case "s":
                return fmt.duration(value) if self.code == "en" else self._duration(value)
            case "ratio":
                return self.percent(value)
            case "money":
                return self._money(value)
            case "per week":
                return self.number(value, 1) + ("/wk" if self.code == "en" else f"{HARD}/{HARD}sem.")
            case "days":
                return self.number(value, 1) + (f"{HARD}d" if self.code == "en" else f"{THIN}j")
        return self.number(value, 1 if unit == "points" else 2)

    def axis(self, value: float, unit: str) -> str:
        """A number beside a chart; durations in hours or days are scaled by the caller: ``h`` or ``d``."""
        if unit in ("h", "d"):
            return self.number(value, 1) + ({"h": "h", "d": "d"} if self.code == "en" else _THIN_UNITS)[unit]
        if unit == "ratio":
            return self.percent(value / 100)
        if unit != "money":
            return self.number(value, 1)
        size, letter = next(((s, c) for s, c in ((1e6, "M"), (1e3, "k")) if abs(value) >= s), (1, ""))
        shown, symbol = self.number(value / size, 1), self._symbol
        if self.code == "fr":
            return f"{shown}{THIN}{letter}{symbol}"
        return f"{symbol}{'' if len(symbol) == 1 else HARD}{shown}{letter}"

    def day(self, ms: int) -> str:
        """A date in full: 24 November 2026."""
        return self._date(datetime.fromtimestamp(ms / 1000, UTC).date(), _MONTHS[self.code])

    def short_day(self, ms: int) -> str:
        """A date with a short month: 24 Nov 2026."""
        return self._date(datetime.fromtimestamp(ms / 1000, UTC).date(), _SHORT[self.code])

    def epoch_day(self, day: int) -> str:
        """A date from its days since 1970-01-01."""
        return self._date(date.fromordinal(day + _EPOCH), _SHORT[self.code])

    def month(self, ms: int) -> str:
        """A month and its year, short: Nov 2026."""
        there = datetime.fromtimestamp(ms / 1000, UTC)
        return f"{_SHORT[self.code].split(',')[there.month - 1]}{HARD}{there.year}"

    def moment(self, ms: int) -> str:
        """A date and a time of day in UTC, to the minute."""
        return f"{self.short_day(ms)}, {datetime.fromtimestamp(ms / 1000, UTC):%H:%M}{HARD}UTC"

    def brief(self, ms: int, now: int) -> str:
        """A date and a time of day for a table of times in UTC, without the year where it is also ``now``'s."""
        there = datetime.fromtimestamp(ms / 1000, UTC)
        day = self.short_day(ms)
        if there.year == datetime.fromtimestamp(now / 1000, UTC).year:
            day = day.rpartition(HARD)[0]
        return f"{day}, {there:%H:%M}"

    @property
    def _symbol(self) -> str:
        return _SYMBOLS.get(self.currency, self.currency)

    def _money(self, value: float) -> str:
        """An amount; cents only below 1,000."""
        whole = abs(value) >= 1000 or value == int(value)
        shown = f"{abs(value):.2f}"
        amount = self.number(abs(value)) if whole else shown if self.code == "en" else _french(shown)
        sign = "−" if value < 0 else ""
        if self.code == "fr":
            return f"{sign}{amount}{THIN}{self._symbol}"
        return f"{sign}{self._symbol}{'' if len(self._symbol) == 1 else HARD}{amount}"

    def _date(self, there: date, months: str) -> str:
        first = "1er" if self.code == "fr" and there.day == 1 else str(there.day)
        return f"{first}{HARD}{months.split(',')[there.month - 1]}{HARD}{there.year}"

    def _duration(self, seconds: float) -> str:
        parts = fmt.duration(seconds).split(" ")
        return " ".join(f"{_french(part[:-1])}{THIN}{_UNITS_FR[part[-1]]}" for part in parts)


_THIN_UNITS = {"h": f"{THIN}h", "d": f"{THIN}j"}


def _french(shown: str) -> str:
    return shown.replace(",", THIN).replace(".", ",")
