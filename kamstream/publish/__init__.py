"""What talks to Kafka outside the worker: the publisher, the topics, the dead letters."""

from kamstream.publish.connection import BrokerError
from kamstream.publish.files import Published, publish_file
from kamstream.publish.publisher import Publisher

__all__ = ["BrokerError", "Published", "Publisher", "publish_file"]
