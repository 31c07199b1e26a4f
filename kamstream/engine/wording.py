"""Facts and values in words: what the integers of a fact mean, and the arithmetic that gives a value."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from kamstream.engine.why import Explanation, Line
from kamstream.entities.deals import SCALE
from kamstream.kpis import Reading
from kamstream.windows import to_text

#: Of each kind of fact: name and unit of its amounts. Units: ms, money (minor units), flag, weighted, plain.
AMOUNTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "first_response": (("took", "ms"), ("open_hours", "ms")),
    "response": (("took", "ms"), ("open_hours", "ms")),
    "resolution": (("took", "ms"), ("open_hours", "ms")),
    "ticket": (("resolved", "flag"),),
    "resolved_ticket": (("reopened", "flag"),),
    "sla_first_response": (("met", "flag"),),
    "sla_resolution": (("met", "flag"),),
    "deal": (("won", "flag"),),
    "closed_deal": (("won", "flag"), ("has_amount", "flag"), ("won_amount", "money"), ("lost_amount", "money")),
    "won_deal": (
        ("amount", "money"), ("took", "ms"), ("has_cost", "flag"), ("costed_amount", "money"), ("cost", "money"),
    ),
    "market_deal": (("amount", "money"),),
    "spend": (("annual_spend", "money"),),
    "pipeline": (("weighted", "weighted"),),
    "survey": (("score", "plain"),),
    "interaction": (("inbound", "flag"),),
    "milestone": (("in_time", "flag"),),
    "contract": (("days", "plain"),),
    "retention": (("in_force", "flag"), ("value_then", "money"), ("value_now", "money"), ("kept", "money")),
}  # fmt: skip

Amount = float | int | bool | str


def amounts_of(line: Line) -> dict[str, Amount]:
    """The amounts of a fact in readable units: seconds, major units of money, yes or no; weighted ones as text.

    >>> from kamstream.entities.fact import Fact
    >>> deal = Fact("closed_deal", 0, "ann", (1, 1, 123_450, 0), "", 0, ())
    >>> amounts_of(Line("window", "A", deal, "ann", (), None))
    {'won': True, 'has_amount': True, 'won_amount': 1234.5, 'lost_amount': 0.0}
    """
    names = AMOUNTS.get(line.fact.kind, ())
    return {
        name if unit != "ms" else f"{name}_s": _readable(amount, unit)
        for (name, unit), amount in zip(names, line.fact.amounts, strict=False)
    }


def _readable(amount: int, unit: str) -> Amount:
    if unit == "ms":
        return amount / 1000
    if unit == "money":
        return amount / 100
    if unit == "flag":
        return bool(amount)
    return weighted(amount) if unit == "weighted" else amount


def weighted(exact: int) -> str:
    """An amount times a probability in major units, to the last digit.

    >>> weighted(333 * 10**30 // 2)
    '1.665'
    """
    sign, digits, exponent = Decimal(exact).as_tuple()
    assert isinstance(exponent, int)
    text = format(Decimal((sign, digits, exponent - len(str(100 * SCALE)) + 1)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def arithmetic(why: Explanation) -> str:
    """How the value comes from its facts, in one line.

    For example ``5 won / 8 won or lost = 0.625``.
    """
    kpi, value = why.question.kpi, why.value.value
    if kpi.rank:
        return _percentile(why)
    words = _WORDS.get(kpi.name) or _WORDS[kpi.name.rpartition(".")[2]]
    return f"{words(why.reading)} = {figure(value)}"


def figure(value: float | None) -> str:
    """A number for a person: all its digits, thousands apart.

    >>> figure(1234567.5), figure(0.625), figure(7.0), figure(None)
    ('1,234,567.5', '0.625', '7', 'null')
    """
    if value is None:
        return "null"
    whole = float(value)
    return f"{int(whole):,}" if whole.is_integer() else f"{Decimal(repr(whole)):,f}"


def _percentile(why: Explanation) -> str:
    kpi, count = why.question.kpi, why.reading.total.n
    if why.exact is None or not kpi.rank:
        return "no facts = null"
    place = -(-count * kpi.rank // 100)
    told = f"number {place} of {count} by duration took {figure(why.exact)} s"
    return f"{told} = {figure(why.value.value)} s in the table (within 1 %)"


def _money(minor: int) -> str:
    return f"{Decimal(minor).scaleb(-2):,.2f}"


def _share(part: str, whole: str) -> Callable[[Reading], str]:
    return lambda reading: f"{reading.total.amounts[0]:,} {part} / {reading.total.n:,} {whole}"


def _count(noun: str) -> Callable[[Reading], str]:
    return lambda reading: f"{reading.total.n:,} {noun}"


def _mean(reading: Reading) -> str:
    return f"{figure(reading.total.amounts[0] / 1000)} s together / {reading.total.n:,}"


def _oldest(reading: Reading) -> str:
    if not reading.total.spread:
        return "nobody waits"
    return f"{to_text(reading.now)} - {to_text(min(reading.total.spread))} in seconds"


def _value_rate(reading: Reading) -> str:
    _, _, won, lost = reading.total.amounts
    return f"{_money(won)} won / ({_money(won)} won + {_money(lost)} lost)"


def _deal_size(reading: Reading) -> str:
    return f"{_money(reading.total.amounts[0])} / {reading.total.n:,} won deals"


def _margin(reading: Reading) -> str:
    amount, cost = reading.total.amounts
    return f"({_money(amount)} amount - {_money(cost)} cost) / {_money(amount)}"


def _growth(reading: Reading) -> str:
    return f"{_money(reading.total.amounts[0])} / {_money(reading.before.amounts[0])} in the window before - 1"


def _market(reading: Reading) -> str:
    spend = _money(reading.beside.amounts[0])
    return f"{_money(reading.total.amounts[0])} / ({spend} a year x {_days(reading)} days / 365)"


def _frequency(reading: Reading) -> str:
    return f"{reading.total.n:,} interactions x 7 / {_days(reading)} days"


def _nps(reading: Reading) -> str:
    promoters, detractors = reading.total.amounts
    return f"100 x ({promoters:,} promoters - {detractors:,} detractors) / {reading.total.n:,} answers"


def _days(reading: Reading) -> str:
    return str(reading.days)


def _value_now(place: int, what: str) -> Callable[[Reading], str]:
    def words(reading: Reading) -> str:
        amounts = reading.total.amounts
        return f"{_money(amounts[place])} {what} / {_money(amounts[1])} then"

    return words


_WORDS: Mapping[str, Callable[[Reading], str]] = {
    "mean": _mean,
    "resolution_rate": _share("resolved", "opened"),
    "reopen_rate": _share("reopened", "ever resolved"),
    "open_tickets": _count("open tickets"),
    "oldest_wait": _oldest,
    "conversion_rate": _share("won", "won or lost"),
    "conversion_rate_value": _value_rate,
    "opportunity_win_rate": _share("won", "opened"),
    "revenue": lambda reading: f"the amounts of {reading.total.n:,} won deals together",
    "average_deal_size": _deal_size,
    "gross_margin": _margin,
    "revenue_growth": _growth,
    "market_share": _market,
    "new_products": _count("products bought for the first time"),
    "weighted_pipeline": lambda reading: f"amount x probability of {reading.total.n:,} open deals, rounded once",
    "nps": _nps,
    "interaction_frequency": _frequency,
    "active_contacts": _count("contacts"),
    "joint_engagement": _share("in time", "due"),
    "contract_duration": lambda reading: f"{reading.total.amounts[0]:,} days / {reading.total.n:,} contracts",
    "retention_rate": _share("still in force", "in force then"),
    "net_revenue_retention": _value_now(2, "now"),
    "gross_revenue_retention": _value_now(3, "kept"),
    "sla_first_response": _share("in time", "judged"),
    "sla_resolution": _share("in time", "judged"),
}
