"""Profiles: who an account is, whose it is, and what it spends in the category.

The standing profile is the last ``account.updated`` in the entity's order.
"""

from kamstream.entities.fact import FOR_ALL, Derived, Fact, Profile, Record, Terms
from kamstream.entities.money import convert
from kamstream.events import Event


def record(event: Event, rank: int) -> Record:
    """The whole profile: each ``account.updated`` replaces the one before."""
    data = event.data
    targets = tuple((t.kpi, t.window, t.target) for t in data.targets)
    return (
        event.time,
        rank,
        event.source,
        event.id,
        event.type,
        data.name,
        data.kam_id,
        data.segment,
        data.tier,
        data.country,
        data.category_spend_annual,
        data.currency,
        targets,
    )


def profile_of(record: Record, terms: Terms) -> Profile:
    """The profile that a record states, its spend in the reporting currency."""
    name, kam_id, segment, tier, country, spend, currency, targets = record[5:13]
    if spend is not None:
        spend = convert(spend, currency, record[0], terms.reporting_currency, terms.rates)
    return Profile(name, kam_id, segment, tier, country, spend, tuple(tuple(t) for t in targets))


def derive(record: Record | None, profile: Profile | None) -> Derived:
    """The standing facts of a profile: that the KAM has the account, and its yearly spend where it is known."""
    if record is None or profile is None:
        return Derived([], None)
    facts = [Fact("account", 0, None, (), "", FOR_ALL, (record,))]
    if profile.spend is not None:
        facts.append(Fact("spend", 0, None, (profile.spend,), "", FOR_ALL, (record,)))
    return Derived(facts, None)
