"""How close the customer is: contact, people, projects, satisfaction.

>>> from kamstream.kpis.base import Reading, Total
>>> from kamstream.windows import parse
>>> none = Total(0, (0, 0), {})
>>> answers = Total(10, (6, 2), {})  # ten answers, six promoters, two detractors
>>> NPS.value(Reading(answers, none, none, None, 0)), NPS.value(Reading(none, none, none, None, 0))
(40.0, None)
>>> INTERACTION_FREQUENCY.value(Reading(Total(6, (), {}), none, none, parse("7d"), 0))
6.0
"""

from kamstream.entities.fact import Fact
from kamstream.kpis.base import Kpi, Number, Rate, Reading, Sums, count_of
from kamstream.kpis.resolution import flag, share
from kamstream.windows import DAY


def _opinion(fact: Fact) -> tuple[int, ...]:
    """Promoter (9, 10) and detractor (0..6), each 0 or 1."""
    score = fact.amounts[0]
    return 1 if score >= 9 else 0, 1 if score <= 6 else 0


def _nps(reading: Reading) -> Number:
    promoters, detractors = reading.total.amounts
    return 100 * (promoters - detractors) / reading.total.n if reading.total.n else None


NPS = Kpi(
    "nps",
    "points",
    "higher",
    "Net promoter score: share of answers 9 and 10 less share of 0 to 6",
    "the answer",
    Sums("survey", "survey", 2, _opinion),
    _nps,
)
INTERACTION_FREQUENCY = Kpi(
    "interaction_frequency",
    "per week",
    "higher",
    "Interactions, not automated, per week",
    "the interaction",
    Sums("interaction", "interaction"),
    Rate(7 * DAY),
)
ACTIVE_CONTACTS = Kpi(
    "active_contacts",
    "count",
    "higher",
    "Contacts with an interaction, not automated",
    "the latest interaction",
    Sums("contact", "contact"),
    count_of,
)
JOINT_ENGAGEMENT = Kpi(
    "joint_engagement",
    "ratio",
    "higher",
    "Milestones of joint projects completed in time, of those due",
    "the due time",
    Sums("milestone", "milestone", 1, flag),
    share,
)
