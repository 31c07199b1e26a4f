"""The topics kamstream needs: what each must be like, making the missing ones, checking the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from kamstream.errors import UserError
from kamstream.events.topics import topic_names
from kamstream.publish.connection import PATIENCE, admin_client
from kamstream.settings import Settings

DAY_MS = 86_400_000
FOREVER = "-1"
# A dead letter is an original and its headers; the worker cuts larger originals.
DEAD_LETTER_BYTES = 2 * 1024 * 1024

KEPT = {"cleanup.policy": "delete", "retention.ms": FOREVER}
INPUT = {**KEPT, "message.timestamp.type": "LogAppendTime"}
# Compaction must not erase good rows behind the stale ones of a worker that lost its partitions.
COMPACT = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(DAY_MS)}

SAME = ("cleanup.policy", "message.timestamp.type")
AT_LEAST = ("min.compaction.lag.ms", "max.message.bytes")


@dataclass(frozen=True)
class TopicSpec:
    """One topic: name, partition count and the configuration it is made with.

    Of ``config``, ``SAME`` must be kept as they are and ``AT_LEAST`` may be larger; a shorter retention is
    the operator's decision and only worth a note.
    """

    name: str
    partitions: int
    config: Mapping[str, str]

    def problems(self, partitions: int, config: Mapping[str, str]) -> list[str]:
        """What is wrong with an existing topic, one phrase each.

        >>> TopicSpec("kam.time", 8, COMPACT).problems(4, {**COMPACT, "cleanup.policy": "delete"})
        ['kam.time has 4 partitions and needs 8', 'kam.time: cleanup.policy is delete and must be compact']
        """
        found: list[str] = []
        if partitions != self.partitions:
            found.append(f"{self.name} has {partitions} partitions and needs {self.partitions}")
        for name, wanted in self.config.items():
            given = config.get(name, "")
            if name in SAME and given != wanted:
                found.append(f"{self.name}: {name} is {given} and must be {wanted}")
            elif name in AT_LEAST and int(given or 0) < int(wanted):
                found.append(f"{self.name}: {name} is {given} and must be at least {wanted}")
        return found

    def shortened(self, config: Mapping[str, str]) -> bool:
        """Whether an existing topic keeps less than it would if made by kamstream."""
        wanted, given = self.config.get("retention.ms"), config.get("retention.ms", FOREVER)
        return wanted is not None and given != FOREVER and (wanted == FOREVER or int(given) < int(wanted))


@dataclass(frozen=True)
class TopicReport:
    """What `create` found or did for one topic; ``note`` is a sentence for the operator or empty."""

    name: str
    created: bool
    partitions: int
    note: str = ""


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """All topics of an installation; one partition count, so that an account's events and state meet in one worker.

    Only what people do about alerts has a single partition: it is little, and every notifier reads all of it.
    """
    names = topic_names(settings.prefix)
    configs: dict[str, dict[str, str]] = {
        **dict.fromkeys(names.inputs, INPUT),
        names.kpis: {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)},
        names.alerts: KEPT,
        names.dead_letters: {**INPUT, "max.message.bytes": str(DEAD_LETTER_BYTES)},
        names.rollups: COMPACT,
        names.time: COMPACT,
        names.changelog: COMPACT,
        names.notices: COMPACT,
    }
    specs = [TopicSpec(name, settings.partitions, config) for name, config in configs.items()]
    return [*specs, TopicSpec(names.alert_actions, 1, COMPACT)]


def create(settings: Settings, *, patience: float = PATIENCE) -> list[TopicReport]:
    """Make the missing topics, check the existing ones; nothing is changed, shrunk or deleted.

    The replication factor is the broker's default. UserError, naming every fault in one line, when an
    existing topic does not fit; the missing ones have been made all the same. BrokerError when Kafka does
    not answer within ``patience`` seconds.
    """
    specs = topic_specs(settings)
    with admin_client(settings.kafka.bootstrap, patience) as admin:
        present = set(admin.list_topics())
        missing = [spec for spec in specs if spec.name not in present]
        made = make(admin, missing)
        faults, reports = check(admin, [spec for spec in specs if spec.name not in made])
    if faults:
        raise UserError("; ".join(faults))
    done = {report.name: report for report in reports}
    return [done.get(spec.name) or TopicReport(spec.name, True, spec.partitions) for spec in specs]


def make(admin: KafkaAdminClient, specs: Iterable[TopicSpec]) -> set[str]:
    """Make topics and wait until they can be used; returns those made here, not by someone else meanwhile."""
    made, specs = set(), list(specs)
    for spec in specs:
        wanted = {spec.name: {"num_partitions": spec.partitions, "configs": dict(spec.config)}}
        try:
            admin.create_topics(wanted)
        except TopicAlreadyExistsError:
            continue
        made.add(spec.name)
    # Those too that were there already: a create that was sent twice says so before the topic can be looked at.
    admin.wait_for_topics(sorted(spec.name for spec in specs))
    return made


def check(admin: KafkaAdminClient, specs: list[TopicSpec]) -> tuple[list[str], list[TopicReport]]:
    """The faults of existing topics, and a report on each."""
    if not specs:
        return [], []
    counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics([s.name for s in specs])}
    configs = configs_of(admin, [spec.name for spec in specs])
    faults, reports = [], []
    for spec in specs:
        config = configs[spec.name]
        faults += spec.problems(counts[spec.name], config)
        note = f"keeps {int(config['retention.ms']) / DAY_MS:g} days only" if spec.shortened(config) else ""
        reports.append(TopicReport(spec.name, False, counts[spec.name], note))
    return faults, reports


def configs_of(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The effective configuration of topics, defaults included."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answer: dict[str, Any] = admin.describe_configs(resources, config_filter="all")
    topics: dict[str, dict[str, dict[str, str]]] = answer[ConfigResourceType.TOPIC.name.lower()]
    return {name: {key: entry["value"] for key, entry in config.items()} for name, config in topics.items()}
