"""The publisher: what it accepts arrives where the worker looks for it, what it refuses comes back."""

from collections.abc import Iterator

import pytest

from kamstream.errors import UserError
from kamstream.events import Refusal, murmur2
from kamstream.local import Server, start_kafka
from kamstream.publish import BrokerError, Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from tests.publish.conftest import Records, event
from tests.support.servers import missing

pytestmark = pytest.mark.integration


def test_accepted_events_arrive_byte_for_byte_in_their_accounts_partition(
    installed: Settings, records: Records
) -> None:
    sent = [event(number, account=f"ACC-{number % 7}") for number in range(50)]
    with Publisher(installed) as publisher:
        assert [publisher.publish(one) for one in sent] == [None] * 50
        publisher.flush()
        assert publisher.acknowledged == 50
    arrived = records(f"{installed.prefix}.tickets")
    assert sorted(record.value for record in arrived) == sorted(sent)
    for record in arrived:
        assert record.partition == murmur2(record.key) % 4
        assert record.headers == [("content-type", b"application/cloudevents+json")]


def test_each_type_goes_to_the_topic_that_carries_it(installed: Settings, records: Records) -> None:
    deal = event(type="deal.lost", data={"deal_id": "d1"})
    profile = event(type="account.updated", data={"name": "Acme", "kam_id": "kam-7"})
    with Publisher(installed) as publisher:
        assert publisher.publish(deal) is None
        assert publisher.publish(profile) is None
    assert [record.value for record in records(f"{installed.prefix}.deals")] == [deal]
    assert [record.value for record in records(f"{installed.prefix}.accounts")] == [profile]
    assert records(f"{installed.prefix}.tickets") == []


def test_events_of_one_account_keep_their_order(installed: Settings, records: Records) -> None:
    sent = [event(number) for number in range(2000)]
    with Publisher(installed) as publisher:
        for one in sent:
            publisher.publish(one)
    assert [record.value for record in records(f"{installed.prefix}.tickets")] == sent


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{", "not-json"),
        (event(type="ticket.lost"), "unknown-type"),
        (event(data={}), "invalid-data"),
        (event(time="2026-01-05T10:06:00Z"), "future-time"),
        (event(type="deal.won", data={"deal_id": "d", "amount": 1, "currency": "XXX"}), "unknown-currency"),
    ],
)
def test_a_refused_event_comes_back_with_its_code_and_is_not_sent(
    installed: Settings, records: Records, value: bytes, code: str
) -> None:
    ten = 1_767_607_200.0
    with Publisher(installed, clock=lambda: ten) as publisher:
        refusal = publisher.publish(value)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert records(f"{installed.prefix}.tickets") == records(f"{installed.prefix}.deals") == []


def test_topics_that_are_not_there_are_told_at_once_with_the_cure(settings: Settings) -> None:
    with pytest.raises(BrokerError, match=r"there is no topic .*interactions at .*: run kamstream topics create"):
        Publisher(settings)


@pytest.fixture
def own_broker() -> Iterator[Server]:
    """A broker that the test may kill."""
    try:
        server = start_kafka()
    except UserError as error:
        missing("kafka", str(error))
    yield server
    server.close()


def test_a_broker_that_is_killed_and_comes_back_gets_every_event_once(own_broker: Server) -> None:
    settings = Settings.load(None, partitions=1, kafka=own_broker.address)
    create(settings)
    sent = [event(number) for number in range(300)]
    with Publisher(settings) as publisher:
        for number, one in enumerate(sent):
            if number == 100:
                publisher.flush()
                own_broker.kill()
            publisher.publish(one)
        own_broker.start()
        publisher.flush()
        assert publisher.acknowledged == 300


def test_a_broker_that_stays_away_surfaces_as_an_error_and_the_count_is_honest(own_broker: Server) -> None:
    settings = Settings.load(None, partitions=1, kafka=own_broker.address)
    create(settings)
    publisher = Publisher(settings, patience=2.0)
    publisher.publish(event(1))
    publisher.flush()
    own_broker.kill()
    publisher.publish(event(2))
    with pytest.raises(BrokerError, match="Kafka at"):
        publisher.close()
    assert publisher.acknowledged == 1
