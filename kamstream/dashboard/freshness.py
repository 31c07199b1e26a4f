"""Whether what is shown is the present: pure, the clock is an argument.

A partition reports its health while its worker runs. The feed is as old as its most silent partition: when one
worker of three dies, a third of the accounts stands still, and the page has to say so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kamstream.dashboard import format as fmt
from kamstream.live import Health


@dataclass(frozen=True, slots=True)
class Freshness:
    """One of live, loading, catching-up, stale, away and empty; only ``live`` needs no banner."""

    state: str
    label: str
    banner: str
    as_of: int = 0

    @property
    def stale(self) -> bool:
        """Whether the values shown are old, and are to be greyed."""
        return self.state in ("stale", "away")


#: Before the tables were read for the first time.
LOADING = Freshness("loading", "Loading", "Reading the tables: not everything is here yet.")


def judge(
    healths: Iterable[Health], *, now: int, stale_after: int, away_since: int | None = None, trouble: str = ""
) -> Freshness:
    """Judge the feed at the wall-clock time ``now``; all times in epoch milliseconds.

    ``away_since`` is when the tables could last be read, None while they can; ``trouble`` says why not.
    """
    latest = _latest(healths)
    as_of = max((health.time or 0 for health in latest), default=0)
    if away_since is not None:
        old = fmt.age(now - away_since)
        return Freshness(
            "away",
            f"Stale, {old}",
            f"{trouble or 'Redis does not answer'}, for {old} now. The values below are the last ones read; "
            "the page goes on by itself when that is over.",
            as_of,
        )
    if not latest:
        return Freshness("empty", "No worker", "No worker has reported yet: start one with “kamstream worker”.")
    silence = {health.partition: now - health.at for health in latest}
    quiet = sorted(partition for partition, ms in silence.items() if ms > stale_after)
    if quiet:
        return _stale(quiet, len(latest), max(silence.values()), as_of)
    behind = [health for health in latest if health.state != "live"]
    if behind:
        lag = sum(health.lag for health in behind)
        todo = f", {fmt.count(lag)} events to go" if lag else ""
        return Freshness(
            "catching-up",
            "Catching up",
            f"The worker is catching up{todo}: values are still moving to the present.",
            as_of,
        )
    return Freshness("live", "Live", "", as_of)


def _stale(quiet: list[int], partitions: int, silence: int, as_of: int) -> Freshness:
    old = fmt.age(silence)
    if len(quiet) == partitions:
        banner = f"No update for {old}: the worker is silent. The values below are old."
    else:
        banner = f"{len(quiet)} of {partitions} partitions silent for {old}: some of the values below are old."
    return Freshness("stale", f"Stale, {old}", banner, as_of)


def _latest(healths: Iterable[Health]) -> list[Health]:
    """One report per partition, the newest: a partition that moved leaves its old worker's report behind."""
    found: dict[int, Health] = {}
    for health in healths:
        known = found.get(health.partition)
        if known is None or health.at > known.at:
            found[health.partition] = health
    return [found[partition] for partition in sorted(found)]
