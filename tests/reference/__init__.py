"""The reference: every value of the product counted again by brute force, sharing no code with `kamstream`.

    from tests.reference import Settings, assert_same, recount

    rows = recount(lines, Settings(windows=("30d", "mtd")), as_of=None)
    rows["account", "ACC-1", "conversion_rate", "30d"]      # (0.625, 8)
    assert_same(got, rows)                                  # got: {(scope, id, kpi, window): (value, n)}

`lines` are records in log order, each a CloudEvent as dict or as JSON text; all are taken for
well-formed, only `unknown-currency`, `too-late` and duplicates are judged here
(`tests.reference.parse.judge` gives the verdicts). Histories to feed it stand in `histories.py`
(hypothesis strategies: small, dense, nasty) and `long_histories.py` (seeded, thousands of events
over years). `settings.py` says what shapes a recount; `facts.py`, `conversations.py` and
`business.py` turn events into facts, `values.py` turns facts into values.

Readings of the contract
------------------------
Where `events.md` and `kpis.md` leave a choice, the recount decides as follows.

Order, duplicates, closing
 1. `unknown-currency` is judged before `too-late`, also for a second arrival of a known (source,
    id).
 2. A duplicate is remembered while its *first copy* is not too late: a second copy with a later
    time that arrives once the first copy's time lies before the border is a new event.
 3. source and id compare by code point.
 4. "The entity's event before it" (rule of the one-horizon gap) is the event before it among those
    that count: events before the opening and second openings "have no effect at all", so they do
    not prolong a life either. Events without influence on any value (a private reply, a bot's) do.
 5. Closed means: a ticket standing resolved (also with an open wait), a deal standing won or lost,
    a milestone completed, a contract with a `contract.ended` and no `contract.renewed` after it. A
    passed `ends_on` closes nothing (a renewal comes years after the start). A thread is never
    closed, the gap rule does not touch it.
 6. The facts are a pure function of the set, so an id used again after its entity was closed (and
    dropped) is a second opening: without effect for ever.
Tickets
 7. A `resolved` on a resolved ticket moves `resolution_time` to it ("last resolved"), not
    `reopen_rate`.
 8. `reopen_rate` counts any `ticket.reopened` after the first resolve, also one on a ticket already
    open again.
 9. A ticket opened by an agent has no `first_response_time` and no service level; everything else
    it has.
10. `sla_resolution`'s event is that of `resolution_time`: the last resolve of a ticket standing
    resolved. A ticket resolved in time but standing open at T is missed once its due time has
    passed. Due inclusive ("in time").
11. Targets are elapsed time. The tier is the standing profile's at T, the priority that at opening;
    the tier's own entry goes before the one without a tier, target by target. No entry: no fact.
12. Calendars: a name is looked up as the country, then as the tier, then "default". None of them
    there: the `.business` facts do not exist (null, n = 0). An instant is open by its local time of
    day, so a slot over the hour that a spring change skips is shorter, over the hour that an autumn
    change repeats longer.
Deals
13. `deal.reopened` on an open deal does nothing; the stages, amounts and products known before stay
    after a reopening, also an amount given after the loss.
14. A second `deal.won` (or `deal.lost`) without a reopening is the closing; its products and cost
    replace the earlier ones (absent: none). A second loss takes the amount known before *it*.
15. A given probability stays when only the stage changes. `stage_probabilities` are decimal
    numbers, as written.
16. `weighted_pipeline` is rounded to whole minor units, half up, once. n counts the deals without
    an amount too.
17. `conversion_rate_value`, `gross_margin`: sums of 0 give null, with n.
18. Rates by month: the month of the fact. A closed deal takes that of its closing, a pipeline deal
    that of its `expected_close_on`, a contract that of its `starts_on` for all its values, a spend
    that of its profile's event; a missing month the one before it, else the first; "" is all other
    months.
Contracts and measures of accounts
19. The annual value of the opening holds for every day before the first dated change; of several
    changes on one day the last counts. The currency is that of `contract.started`.
20. A contract counts from its `contract.started` on, whatever `starts_on` says; `contract_duration`
    once 00:00Z of `starts_on` has come. An `ended_on` before `starts_on` gives a negative duration.
21. An account's values then and now are the sums over its contracts in force on that day; min() is
    per account.
22. `market_share` in scope account has n = 1 with a known spend, else 0.
Windows
23. The panes of `mtd qtd ytd` are UTC days: T's day counts whole (interaction_frequency,
    market_share), and the previous window is the same number of days just before.
    `weighted_pipeline` has no row for them.
Milestones
24. Completed in time when any `milestone.completed` lies between the planning (in order) and
    `due_at`.
Rows
25. A person qualifies when a window or gauge of the asked-for KPIs holds a fact: not one whose only
    win lies in the previous window ("window, previous window and gauge" are told apart elsewhere),
    and not one whose only fact is a contract without an end.
26. With no accepted event by T there is only `all`; without `as_of`, T is then 0.
27. Without a profile an account counts in `company` for the measures of accounts, as for everything
    else.
"""

from tests.reference.compare import assert_same, differences
from tests.reference.recount import recount
from tests.reference.settings import Settings

__all__ = ["Settings", "assert_same", "differences", "recount"]
