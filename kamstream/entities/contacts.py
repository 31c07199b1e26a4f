"""Contacts: the people of an account, each counted once at the latest interaction with them.

A pair of account and contact counts once for the account, and once per credited person; interactions without an
owner count for the KAM of the account, together with the KAM's own. Only the latest interaction per person is
kept, since interactions are never taken back.
"""

from collections.abc import Mapping

from kamstream.entities.fact import FOR_ACCOUNT, FOR_PERSON, Context, Derived, Fact, Record


def latest(touches: Mapping[str | None, Record]) -> Record:
    """The latest of a contact's interactions, whoever is credited."""
    return max(touches.values())


def derive(touches: Mapping[str | None, Record], context: Context) -> Derived:
    """The facts of a contact, from the latest interaction per credited person (None: nobody).

    >>> from kamstream.entities.fact import Profile, Terms
    >>> context = Context(9, Profile("A", "ann"), Terms(1, "EUR", {}, {}, ()))
    >>> facts = derive({None: (7, 2, "crm", "1"), "ann": (5, 2, "crm", "2")}, context).facts
    >>> [(fact.kind, fact.time, fact.person) for fact in facts]
    [('contact', 7, None), ('contact', 7, 'ann')]
    """
    newest = latest(touches)
    facts = [Fact("contact", newest[0], None, (), "", FOR_ACCOUNT, (newest,))]
    by_person = {person: record for person, record in touches.items() if person is not None}
    unowned = touches.get(None)
    if unowned and context.profile:
        kam = context.profile.kam_id
        by_person[kam] = max(unowned, by_person.get(kam, unowned))
    for person in sorted(by_person):
        record = by_person[person]
        facts.append(Fact("contact", record[0], person, (), "", FOR_PERSON, (record,)))
    return Derived(facts, None)
