"""Whether and how fast tickets are resolved, and whether they stay so.

>>> from kamstream.kpis.base import Reading, Total
>>> none = Total(0, (0,), {})
>>> eight = Total(8, (5,), {})  # eight tickets opened, five of them stand resolved
>>> [RESOLUTION_RATE.value(Reading(tickets, none, none, None, 0)) for tickets in (eight, none)]
[0.625, None]
"""

from kamstream.kpis.base import Kpi, Quotient, Sums, Take, durations
from kamstream.kpis.response import elapsed, in_open_hours, open_spread, spread

#: The fact's yes (1) or no (0).
flag = Take(0, 1)
#: The share of facts that say yes; None of no facts.
share = Quotient(1)

RESOLUTION_TIME = durations(
    "resolution_time",
    Sums("resolution", "resolution", 1, elapsed, spread),
    "Time from opening a ticket to its last resolution, of tickets that stand resolved",
    "the last resolution",
)
BUSINESS_RESOLUTION_TIME = durations(
    "resolution_time.business",
    Sums("resolution_open", "resolution", 1, in_open_hours, open_spread),
    "Open hours from opening a ticket to its last resolution, of tickets that stand resolved",
    "the last resolution",
    option="calendars",
)
RESOLUTION_RATE = Kpi(
    "resolution_rate",
    "ratio",
    "higher",
    "Tickets that stand resolved, of those opened",
    "opening",
    Sums("ticket", "ticket", 1, flag),
    share,
    timeless=True,
)
REOPEN_RATE = Kpi(
    "reopen_rate",
    "ratio",
    "lower",
    "Tickets reopened after a resolution, of those ever resolved",
    "the first resolution",
    Sums("resolved_ticket", "resolved_ticket", 1, flag),
    share,
    timeless=True,
)
SLA_FIRST_RESPONSE = Kpi(
    "sla_first_response",
    "ratio",
    "higher",
    "Tickets first answered within their service level",
    "the reply, or the due time where that is earlier",
    Sums("sla_first_response", "sla_first_response", 1, flag),
    share,
    option="service_levels",
)
SLA_RESOLUTION = Kpi(
    "sla_resolution",
    "ratio",
    "higher",
    "Tickets resolved within their service level",
    "the resolution, or the due time where that is earlier",
    Sums("sla_resolution", "sla_resolution", 1, flag),
    share,
    option="service_levels",
)
