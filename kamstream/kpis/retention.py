"""Whether customers stay, and with how much.

Accounts with a contract in force on the day before the window began are asked: are they still, and what are their
contracts worth now? A total of 0 then gives no value.

>>> from kamstream.kpis.base import Reading, Total
>>> none = Total(0, (0, 0, 0, 0), {})
>>> accounts = Total(4, (3, 100_000, 120_000, 80_000), {})  # three of four stayed, worth 1,000.00 then, 1,200.00 now
>>> reading = Reading(accounts, none, none, None, 0)
>>> RETENTION_RATE.value(reading), NET_REVENUE_RETENTION.value(reading), GROSS_REVENUE_RETENTION.value(reading)
(0.75, 1.2, 0.8)
"""

from kamstream.kpis.base import Kpi, Quotient, Shelf, Sums, Take
from kamstream.kpis.resolution import share

RETENTION = Sums("retention", "retention", 4, Take(0, 4), shelf=Shelf.PER_WINDOW)

CONTRACT_DURATION = Kpi(
    "contract_duration",
    "days",
    "higher",
    "Length of contracts with an end, from start to end, mean",
    "the start",
    Sums("contract", "contract", 1, Take(0, 1)),
    Quotient(1),
)
RETENTION_RATE = Kpi(
    "retention_rate",
    "ratio",
    "higher",
    "Accounts still under contract, of those under contract before the window",
    "T's day",
    RETENTION,
    share,
)
NET_REVENUE_RETENTION = Kpi(
    "net_revenue_retention",
    "ratio",
    "higher",
    "Annual contract value of those accounts now, of that before the window",
    "T's day",
    RETENTION,
    Quotient(3, 2),
)
GROSS_REVENUE_RETENTION = Kpi(
    "gross_revenue_retention",
    "ratio",
    "higher",
    "The same without growth: the smaller of now and then, account by account",
    "T's day",
    RETENTION,
    Quotient(4, 2),
)
