"""Waiting for rest, and what differs then from the truth."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kamstream.events.topics import OFFSET, PARTITION, TOPIC, topic_names
from kamstream.live import Health, LiveReader, RedisAway
from kamstream.live.layout import number
from kamstream.settings import Settings
from kamstream.windows import to_text
from tests.faults.truth import Truth, read_topic

#: Redis must have stood still for so many seconds, and a partition's word must be this young (ms).
STILL, FRESH_MS = 1.5, 4_000
#: A difference at rest is looked at again after so many more seconds of rest: it is final, or rest was not reached.
AGAIN = 6.0
#: Scorecards and goals follow their tables within so many seconds.
LATER = 15.0


class Verdict:
    """Compares one run with its truth. ``wait`` passes time and keeps the workers alive."""

    def __init__(self, settings_path: Path, client: Any, bootstrap: str, wait: Callable[[float], None]) -> None:
        self._settings = Settings.load(settings_path)
        self._names = topic_names(self._settings.prefix)
        self._reader = LiveReader(client, self._settings.prefix)
        self._bootstrap = bootstrap
        self._wait = wait
        #: By the wall clock a wait is written once a minute: it is not compared then, only whether it is null.
        self._moving = {"oldest_wait:now"} if self._settings.clock == "wall" else frozenset[str]()
        self.last_seen = "nothing was seen"

    def await_rest(self, truth: Truth, timeout: float) -> bool:
        """Whether rest came: no lag, one T, nothing moves in Redis."""
        end, before, since = time.monotonic() + timeout, None, time.monotonic()
        while time.monotonic() < end:
            try:
                state = self._at_rest(truth)
            except RedisAway as error:
                state, self.last_seen = None, str(error)
            if state is None or state != before:
                before, since = state, time.monotonic()
            elif time.monotonic() - since >= STILL:
                return True
            self._wait(0.15)
        return False

    def differences(self, truth: Truth) -> list[str]:
        """What differs at rest, a line each; looked at twice before it is believed."""
        wrong = self._differences(truth)
        if wrong:
            end = time.monotonic() + AGAIN
            while wrong and time.monotonic() < end:
                self._wait(0.5)
                wrong = self._differences(truth)
        return wrong

    def documents(self, truth: Truth) -> list[str]:
        """Which scorecards and goals are not those of the true tables; they follow the tables after some seconds."""
        wrong, end = self._documents(truth), time.monotonic() + LATER
        while wrong and time.monotonic() < end:
            self._wait(0.5)
            wrong = self._documents(truth)
        return wrong

    # -- rest

    def _at_rest(self, truth: Truth) -> object | None:
        """What would change if anything still moved; None where rest is not in sight."""
        now, rows = int(time.time() * 1000), dict[int, Health]()
        for row in self._reader.health():
            if now - row.at < FRESH_MS:
                rows[row.partition] = row
        for partition in range(self._settings.partitions):
            row = rows.get(partition)
            if row is None:
                self.last_seen = f"no worker speaks of partition {partition}"
                return None
            if row.state != "live" or row.lag or row.time != (truth.time or None):
                at = to_text(row.time) if row.time else "none"
                wanted = to_text(truth.time) if truth.time else "none"
                self.last_seen = f"partition {partition} is {row.state}, lag {row.lag}, T {at} of {wanted}"
                return None
        versions = [
            (scope, table.id, table.meta.version)
            for scope in self._settings.scopes
            for table in self._reader.tables(scope, self._reader.ids(scope))
        ]
        return versions, sorted(each.alert_id for each in self._reader.active_alerts())

    # -- what is compared

    def _differences(self, truth: Truth) -> list[str]:
        try:
            found = [*self._tables(truth), *self._sets(truth), *self._active(truth)]
        except RedisAway as error:
            return [str(error)]
        return [*found, *self._letters(truth), *self._alert_log(), *self._told(truth)]

    def _tables(self, truth: Truth) -> list[str]:
        wrong = []
        for scope in self._settings.scopes:
            expected = {id for kind, id in truth.tables if kind == scope}
            there = set(self._reader.ids(scope))
            wrong += [f"{scope} {id} is missing" for id in sorted(expected - there)]
            wrong += [f"{scope} {id} should not be there" for id in sorted(there - expected)]
            for table in self._reader.tables(scope, sorted(there & expected)):
                true = truth.tables[scope, table.id].values
                for name in sorted(true.keys() | table.values.keys()):
                    said, wanted = table.values.get(name), true.get(name)
                    if name in self._moving and said and wanted and (said.value is None) is (wanted.value is None):
                        continue
                    if said is None or wanted is None or shown(said) != shown(wanted):
                        at = f"(as of {to_text(table.meta.as_of)}, version {table.meta.version})"
                        wrong.append(f"{scope} {table.id} {name}: {shown(said)}, not {shown(wanted)} {at}")
        return wrong

    def _sets(self, truth: Truth) -> list[str]:
        wrong, portfolios = [], defaultdict[str, set[str]](set)
        ranks: dict[str, dict[str, str]] = {name: {} for name in self._settings.rank_fields}
        for (scope, id), table in truth.tables.items():
            if scope != "account":
                continue
            if table.profile:
                portfolios[table.profile.kam_id].add(id)
            for name, rank in ranks.items():
                if (value := table.values[name].value) is not None:
                    rank[id] = number(float(value))
        for kam, ids in portfolios.items():
            if (there := set(self._reader.portfolio(kam))) != ids:
                wrong.append(f"portfolio of {kam}: {sorted(there ^ ids)} differ")
        for name, rank in ranks.items():
            if name in self._moving:
                continue
            if (said := {id: number(float(value)) for id, value in self._reader.rank(name, 0)}) != rank:
                wrong.append(f"ranking by {name}: {sorted(said.items() ^ rank.items())[:4]} differ")
        return wrong

    def _active(self, truth: Truth) -> list[str]:
        """A plain alert fires exactly if its condition holds at T."""
        active = {(each.rule, each.scope, each.id) for each in self._reader.active_alerts()}
        plain = {key for key in active if key[0] in truth.plain}
        wanted = {key for key in truth.firing if key[0] in truth.plain}
        return [
            *(f"alert {' '.join(key)} should fire" for key in sorted(wanted - plain)),
            *(f"alert {' '.join(key)} should not fire" for key in sorted(plain - wanted)),
        ]

    def _documents(self, truth: Truth) -> list[str]:
        board, wrong = self._settings.board(), []
        for (scope, id), table in truth.tables.items():
            values = {
                name: (None if value.value is None else float(value.value), value.n)
                for name, value in table.values.items()
            }
            card = self._reader.scorecard(scope, id)
            if self._measures(card) != self._measures(board.scorecard(scope, id, values, truth.time)):
                wrong.append(f"scorecard of {scope} {id}: {card}")
            goals = [each.said() for each in board.progress(scope, id, values, table.profile, truth.time)]
            said = self._reader.goals(scope, id)
            # The pace is that of the moment at which it was written.
            if [(g["kpi"], g["target"], g["value"], g["n"]) for g in said] != [
                (g["kpi"], g["target"], g["value"], g["n"]) for g in goals
            ]:
                wrong.append(f"goals of {scope} {id}: {said}")
        return wrong

    def _measures(self, card: dict[str, Any] | None) -> list[tuple[str, str, float | None, int]]:
        return [
            (measure["kpi"], measure["window"], measure["value"], measure["n"])
            for perspective in (card or {"perspectives": ()})["perspectives"]
            for measure in perspective["measures"]
            if f"{measure['kpi']}:{measure['window']}" not in self._moving
        ]

    def _letters(self, truth: Truth) -> list[str]:
        """Every poison once by identity; repeats after a crash are one, if they say the same."""
        found: dict[tuple[str, int, int], tuple[str, bytes | None]] = {}
        wrong = []
        for record in read_topic(self._bootstrap, (self._names.dead_letters,)):
            headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
            identity = (headers[TOPIC], int(headers[PARTITION]), int(headers[OFFSET]))
            letter = (headers["kam-error"], record.value)
            if found.setdefault(identity, letter) != letter:
                wrong.append(f"dead letter {identity} says {letter[0]}, then {found[identity][0]}")
        for identity in sorted(truth.letters.keys() | found.keys()):
            said, true = found.get(identity), truth.letters.get(identity)
            if said != true:
                wrong.append(f"dead letter {identity}: {said and said[0]}, not {true and true[0]}")
        return wrong

    def _told(self, truth: Truth) -> list[str]:
        """What the topic of values says of each field as of the newest T is what holds at rest.

        Its last word need not be: a zombie that slept between making a change durable and telling it tells it late,
        with the T of then. A field that never had data need not be told.
        """
        told: dict[tuple[str, str, str], tuple[str, list[tuple[float | None, int]]]] = {}
        for record in read_topic(self._bootstrap, (self._names.kpis,)):
            said = json.loads(record.value)
            key, value = (said["scope"], said["id"], f"{said['kpi']}:{said['window']}"), (said["value"], said["n"])
            newest, values = told.get(key, ("", []))
            if said["as_of"] >= newest:
                told[key] = said["as_of"], [*values, value] if said["as_of"] == newest else [value]
        wrong = []
        for (scope, id), table in truth.tables.items():
            for name, true in table.values.items():
                wanted = (None if true.value is None else float(true.value), true.n)
                at, values = told.get((scope, id, name), ("no T", []))
                if name not in self._moving and wanted not in (values or [(None, 0)]):
                    wrong.append(f"{scope} {id} {name} was told as {values[-1:]} as of {at}, not {wanted}")
        return wrong

    def _alert_log(self) -> list[str]:
        """Every firing has one resolved or is active; a repeat says what was said before."""
        told: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        wrong = []
        for record in read_topic(self._bootstrap, (self._names.alerts,)):
            said = json.loads(record.value)
            before = told[said["alert_id"]]
            if said["status"] == "resolved" and not before["firing"]:
                wrong.append(f"alert {said['alert_id']} ({said['rule']} {said['id']}) is resolved and never fired")
            before[said["status"]].append(said)
        active = {each.alert_id for each in self._reader.active_alerts()}
        for alert_id, steps in told.items():
            first = steps["firing"][0] if steps["firing"] else steps["resolved"][0]
            name = f"alert {alert_id} ({first['rule']} {first['id']})"
            if bool(steps["resolved"]) == (alert_id in active):
                wrong.append(f"{name}: {'resolved and active' if steps['resolved'] else 'neither resolved nor active'}")
            for status, same in steps.items():
                for other in same:
                    ways = {key: (same[0].get(key), value) for key, value in other.items() if same[0].get(key) != value}
                    if ways:
                        wrong.append(f"{name}: {status} was told in two ways: {ways}")
                if any(each["reason"] == "backfill" for each in same):
                    wrong.append(f"{name}: {status} by backfill, and nothing was backfilled")
        wrong += [f"alert {alert_id} is active and was never told" for alert_id in sorted(active - told.keys())]
        return wrong


def shown(value: Any) -> str:
    """A value and its n for people, digits as Redis has them."""
    if value is None:
        return "absent"
    return f"{'null' if value.value is None else number(value.value)} (n {value.n})"
