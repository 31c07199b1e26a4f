"""`topics create` makes what is missing, says what does not fit, and takes nothing away."""

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from kamstream.errors import UserError
from kamstream.events.topics import topic_names
from kamstream.publish.topics import configs_of, create, topic_specs
from kamstream.settings import Settings

pytestmark = pytest.mark.integration


def alter(settings: Settings, topic: str, **config: str) -> None:
    named = {name.replace("_", "."): value for name, value in config.items()}
    with KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap) as admin:
        admin.alter_configs([ConfigResource("topic", topic, named)])


def test_all_topics_are_made_with_one_partition_count_and_then_found_to_fit(settings: Settings) -> None:
    made = create(settings)
    assert len(made) == 12
    assert all(report.created for report in made)
    assert {report.partitions for report in made if not report.name.endswith(".alert-actions")} == {4}
    again = create(settings)
    assert [report.name for report in again] == [report.name for report in made]
    assert not any(report.created or report.note for report in again)


def test_inputs_keep_everything_and_take_the_brokers_time_and_state_is_compacted(installed: Settings) -> None:
    names = topic_names(installed.prefix)
    with KafkaAdminClient(bootstrap_servers=installed.kafka.bootstrap) as admin:
        configs = configs_of(admin, [spec.name for spec in topic_specs(installed)])
    for name in (*names.inputs, names.dead_letters):
        kept = [configs[name][key] for key in ("cleanup.policy", "retention.ms", "message.timestamp.type")]
        assert kept == ["delete", "-1", "LogAppendTime"]
    assert configs[names.dead_letters]["max.message.bytes"] == "2097152"
    for name in (names.changelog, names.rollups, names.time):
        assert configs[name]["cleanup.policy"] == "compact"
        assert int(configs[name]["min.compaction.lag.ms"]) >= 24 * 3600 * 1000


def test_another_partition_count_is_refused_and_nothing_is_changed(installed: Settings) -> None:
    wanted = Settings.load(None, prefix=installed.prefix, partitions=8, kafka=installed.kafka.bootstrap)
    with pytest.raises(UserError, match=rf"{installed.prefix}\.deals has 4 partitions and needs 8"):
        create(wanted)
    assert next(report for report in create(installed) if report.name.endswith(".deals")).partitions == 4


@pytest.mark.parametrize(
    ("topic", "key", "value", "complaint"),
    [
        ("rollups", "cleanup.policy", "delete", "cleanup.policy is delete and must be compact"),
        ("changelog", "min.compaction.lag.ms", "1000", "min.compaction.lag.ms is 1000 and must be at least 86400000"),
        ("dead_letters", "max.message.bytes", "1000", "max.message.bytes is 1000 and must be at least 2097152"),
    ],
)
def test_a_topic_that_does_not_fit_is_one_clear_line(
    installed: Settings, topic: str, key: str, value: str, complaint: str
) -> None:
    name = getattr(topic_names(installed.prefix), topic)
    alter(installed, name, **{key: value})
    with pytest.raises(UserError) as caught:
        create(installed)
    assert str(caught.value) == f"{name}: {complaint}"
    assert caught.value.exit_code == 1


def test_missing_topics_are_made_even_when_another_does_not_fit(settings: Settings) -> None:
    deals = f"{settings.prefix}.deals"
    with KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap) as admin:
        admin.create_topics({deals: {"num_partitions": 2}}, wait_for_metadata=True)
        with pytest.raises(UserError, match=r"deals has 2 partitions and needs 4; .*deals: message\.timestamp\.type"):
            create(settings)
        assert topic_names(settings.prefix).changelog in admin.list_topics()


def test_a_retention_that_the_operator_shortened_is_a_note(installed: Settings) -> None:
    alter(installed, f"{installed.prefix}.tickets", **{"retention.ms": str(30 * 86_400_000)})
    notes = {report.name: report.note for report in create(installed) if report.note}
    assert notes == {f"{installed.prefix}.tickets": "keeps 30 days only"}


def test_a_broker_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"^no answer from Kafka at 127\.0\.0\.1:1$"):
        create(Settings.load(None, kafka="127.0.0.1:1"), patience=0.3)


def test_an_address_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UserError, match="not an address of Kafka") as caught:
        create(Settings.load(None, kafka="localhost:port"))
    assert caught.value.exit_code == 2
