"""The web server: one FastAPI application with the REST API and the pages, on one socket."""

import contextlib
import hashlib
import ipaddress
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from kamstream import __version__
from kamstream.dashboard import api, docs
from kamstream.dashboard.feed import Feed, Pace, following
from kamstream.dashboard.pages import detail, overview
from kamstream.dashboard.pages.shell import Site
from kamstream.errors import UserError
from kamstream.live import LiveReader, connect

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is served; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def serve(
    redis_url: str,
    address: Address,
    *,
    prefix: str,
    currency: str,
    pace: Pace,
    ready: Callable[[str], None],
) -> None:
    """Serve until interrupted; ``ready`` is told the page's address once visitors can come.

    A UserError where Redis does not answer at the start, or the port is taken.
    """
    client = connect(redis_url)
    reader = LiveReader(client, prefix)
    listener = listen(address)
    port = listener.getsockname()[1]
    feed = Feed(reader, pace)
    app = create_app(reader, feed, currency=currency, local=address.local)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws_ping_interval=20, timeout_graceful_shutdown=2
    )
    server = _Server(config, lambda: ready(f"http://{_shown(address.host)}:{port}/"))
    # uvicorn stops on SIGTERM and raises it again for us; stopping when asked to is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    client.close()
    if feed.failure is not None:
        raise feed.failure


def create_app(reader: LiveReader, feed: Feed, *, currency: str, local: bool) -> FastAPI:
    """The application; ``local`` refuses other host names, so that no foreign web page can reach it by a trick."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with following(feed, lambda: signal.raise_signal(signal.SIGTERM)):
            yield

    app = FastAPI(
        title="kamstream",
        version=__version__,
        description="Live KPI values and alerts of key accounts.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    if local:
        # DNS rebinding: a foreign page may let its own name point to 127.0.0.1, but cannot change the Host header.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", "::1"])
    else:
        app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4)
    app.include_router(api.router(reader, feed, currency))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    docs.add(app)
    _add_pages(Site(feed, currency))
    ui.run_with(
        app,
        title="kamstream",
        favicon=(_STATIC / "favicon.svg").read_text(encoding="utf-8").strip(),
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=30.0,
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    return app


def listen(address: Address) -> socket.socket:
    """A bound socket; a UserError with one line where that is not possible."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise UserError(f"cannot serve the dashboard at {where}: {error.strerror or error}") from error
    return listener


def _add_pages(site: Site) -> None:
    ui.add_head_html(
        f'<link rel="stylesheet" href="{_static("kam.css")}"><script src="{_static("kam.js")}"></script>'
        '<meta name="description" content="Live KPIs and alerts of key accounts">',
        shared=True,
    )

    @ui.page("/")
    def accounts(group: str = "", window: str = "") -> None:
        overview.build(site, "account", group, window)

    @ui.page("/kams")
    def kams(group: str = "", window: str = "") -> None:
        overview.build(site, "kam", group, window)

    @ui.page("/company")
    def company() -> None:
        detail.build(site, "company", "all")

    @ui.page("/account/{id_:path}")
    def account(id_: str) -> None:
        detail.build(site, "account", id_)

    @ui.page("/kam/{id_:path}")
    def kam(id_: str) -> None:
        detail.build(site, "kam", id_)


def _static(name: str) -> str:
    """The address of a static file; another content has another address, so browsers may keep it."""
    return f"/static/{name}?{hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]}"


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _shown(host: str) -> str:
    """A host as it stands in an address that a browser on this machine can open."""
    if host in ("0.0.0.0", ""):
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
