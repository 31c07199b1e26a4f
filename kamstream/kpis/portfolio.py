"""How much of the customer's business there is, and how much may come.

>>> from kamstream.kpis.base import Reading, Total
>>> from kamstream.windows import parse
>>> none = Total(0, (0,), {})
>>> deals, spend = Total(3, (50_000,), {}), Total(1, (365_000,), {})
>>> MARKET_SHARE.value(Reading(deals, none, spend, parse("73d"), 0))  # 500.00 of 3,650.00 a year, 730.00 in 73 days
0.684931506849315
"""

from fractions import Fraction

from kamstream.entities.deals import SCALE
from kamstream.kpis.base import Kpi, Number, Reading, Shelf, Sums, Take, count_of


def _share(reading: Reading) -> Number:
    spend = reading.beside.amounts[0] * reading.days / 365
    if not spend:
        return None
    share = Fraction(reading.total.amounts[0]) / spend
    return share.numerator / share.denominator


def _accounts(reading: Reading) -> int:
    return reading.beside.n


def _weighted(reading: Reading) -> Number:
    return round_half_up(reading.total.amounts[0], SCALE) / 100


def round_half_up(amount: int, scale: int) -> int:
    """The nearest whole number to ``amount / scale``, half up."""
    return (2 * amount + scale) // (2 * scale)


MARKET_SHARE = Kpi(
    "market_share",
    "ratio",
    "higher",
    "Revenue, of what the accounts spend in the category in that time",
    "the win",
    Sums("market_deal", "market_deal", 1, Take(0, 1)),
    _share,
    _accounts,
    beside=Sums("spend", "spend", 1, Take(0, 1), shelf=Shelf.NOW),
)
NEW_PRODUCTS = Kpi(
    "new_products",
    "count",
    "higher",
    "Products that an account bought for the first time",
    "the first win",
    Sums("new_product", "new_product"),
    count_of,
)
WEIGHTED_PIPELINE = Kpi(
    "weighted_pipeline",
    "money",
    "higher",
    "Amount times probability of open deals expected to close in the days ahead",
    "the expected closing",
    Sums("pipeline", "pipeline", 1, Take(0, 1), shelf=Shelf.AHEAD),
    _weighted,
)
