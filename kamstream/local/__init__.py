"""A real Kafka and a real Redis on this machine, without Docker.

>>> with local_services() as services:          # doctest: +SKIP
...     print(services.bootstrap, services.redis_url)
127.0.0.1:21093 redis://127.0.0.1:17777/0
"""

from kamstream.local.kafka import start_kafka
from kamstream.local.redis import start_redis
from kamstream.local.server import Server, ServiceError
from kamstream.local.services import Services, local_services

__all__ = ["Server", "ServiceError", "Services", "local_services", "start_kafka", "start_redis"]
