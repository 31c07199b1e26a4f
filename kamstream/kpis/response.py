"""How fast customers are answered.

``first_response_time``: a ticket opened by a customer, from opening to the first public reply of an agent.
``response_time``: every answered wait of a customer, in tickets and in threads.
Both also exist in business time (``.business``), which counts the open hours of the account's calendar only.

>>> from kamstream.kpis.base import Reading, Total
>>> none = Total(0, (0,), {})
>>> two = Total(2, (60_000 + 120_000,), {})  # answered after one and after two minutes
>>> mean = FIRST_RESPONSE_TIME[0]
>>> mean.name, mean.value(Reading(two, none, none, None, 0)), mean.value(Reading(none, none, none, None, 0))
('first_response_time.mean', 90.0, None)
"""

from kamstream.entities.fact import Fact
from kamstream.kpis.base import At, Sums, Take, durations

#: The duration in milliseconds.
elapsed = Take(0, 1)
#: The duration whose percentiles are kept, in all and within open hours.
spread, open_spread = At(0), At(1)


def in_open_hours(fact: Fact) -> tuple[int, ...] | None:
    """The milliseconds within open hours; no fact where no calendar is kept."""
    return fact.amounts[1:2] or None


FIRST_RESPONSE_TIME = durations(
    "first_response_time",
    Sums("first_response", "first_response", 1, elapsed, spread),
    "Time from a customer's ticket to the first public reply of an agent",
    "that reply",
)
RESPONSE_TIME = durations(
    "response_time",
    Sums("response", "response", 1, elapsed, spread),
    "Time that a customer waited for an answer, in tickets and threads",
    "the answer",
)
BUSINESS_FIRST_RESPONSE_TIME = durations(
    "first_response_time.business",
    Sums("first_response_open", "first_response", 1, in_open_hours, open_spread),
    "Open hours from a customer's ticket to the first public reply of an agent",
    "that reply",
    option="calendars",
)
BUSINESS_RESPONSE_TIME = durations(
    "response_time.business",
    Sums("response_open", "response", 1, in_open_hours, open_spread),
    "Open hours that a customer waited for an answer, in tickets and threads",
    "the answer",
    option="calendars",
)
