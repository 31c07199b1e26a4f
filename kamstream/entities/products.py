"""Products: an account's first won deal with a product is a new product.

Wins are the standing won deals that name the product; the first in the order of the winning events counts and
credits its deal's owner.
"""

from collections.abc import Mapping

from kamstream.entities.fact import FOR_ALL, Derived, Fact, Record


def derive(wins: Mapping[str, tuple[Record, str | None]]) -> Derived:
    """The fact of a product, from its wins: by deal the winning event and the deal's owner.

    >>> wins = {"D2": ((9, 4, "crm", "8"), "bob"), "D1": ((5, 4, "crm", "3"), "ann")}
    >>> [(fact.time, fact.person) for fact in derive(wins).facts]
    [(5, 'ann')]
    """
    if not wins:
        return Derived([], None)
    record, owner = min(wins.values(), key=lambda win: win[0])
    return Derived([Fact("new_product", record[0], owner, (), "", FOR_ALL, (record,))], None)
