"""What is open now: tickets not resolved, and the customer who has waited longest.

>>> from kamstream.kpis.base import Reading, Total
>>> none = Total(0, (), {})
>>> waits = Total(2, (), {10_000: 1, 70_000: 1})  # two waits, since second 10 and since second 70
>>> OLDEST_WAIT.value(Reading(waits, none, none, None, 100_000)), OLDEST_WAIT.value(Reading(none, none, none, None, 0))
(90.0, None)
"""

from kamstream.kpis.base import Kpi, Number, Reading, Shelf, Sums, count_of


def _longest(reading: Reading) -> Number:
    """Seconds from the earliest start of an open wait to T; None of no open wait."""
    if not reading.total.spread:
        return None
    return (reading.now - min(reading.total.spread)) / 1000


OPEN_TICKETS = Kpi(
    "open_tickets",
    "count",
    "lower",
    "Tickets opened and not resolved",
    "now",
    Sums("open_ticket", "open_ticket", shelf=Shelf.NOW),
    count_of,
)
OLDEST_WAIT = Kpi(
    "oldest_wait",
    "s",
    "lower",
    "Time that the longest waiting customer has waited so far",
    "now",
    Sums("open_wait", "open_wait", shelf=Shelf.WAITS),
    _longest,
)
