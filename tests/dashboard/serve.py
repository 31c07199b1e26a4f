"""Serves the dashboard for a test: ``serve.py REDIS_URL STALE_AFTER_MS``; prints the address, ends with SIGINT."""

import sys

from kamstream.dashboard.feed import Pace
from kamstream.dashboard.server import Address, serve

if __name__ == "__main__":
    serve(
        sys.argv[1],
        Address("127.0.0.1", 0),
        prefix="kam",
        currency="EUR",
        pace=Pace(look=0.1, repair=0.5, stale_after=int(sys.argv[2])),
        ready=lambda url: print(url, flush=True),
    )
