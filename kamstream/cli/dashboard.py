"""``kamstream dashboard``: the web page and the REST API."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kamstream.errors import UserError
from kamstream.settings import Settings


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on; there is no authentication.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 lets the system choose.")] = 8080,
    stale_after: Annotated[
        float, typer.Option(min=1, help="Seconds of a worker's silence after which the page says so.")
    ] = 15,
    settings: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
) -> None:
    """Serve the live page and the REST API; it reads only Redis."""
    try:
        # The page is an extra: without it everything else of kamstream works.
        from kamstream.dashboard.feed import Pace  # noqa: PLC0415
        from kamstream.dashboard.server import Address, serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("nicegui", "fastapi", "uvicorn", "starlette"):
            raise
        raise UserError("the dashboard is an extra: pip install 'kamstream[dashboard]'") from error
    known = Settings.load(settings)
    address = Address(host, port)
    if not address.local:
        typer.echo(
            f"Warning: {host} is reachable from other machines, and there is no authentication: "
            "everyone who reaches it sees all values. Put a proxy with a login before it.",
            err=True,
        )
    pace = Pace(stale_after=int(stale_after * 1000))
    if "updates" not in known.outputs:
        pace = replace(pace, repair=1.0)
        typer.echo(
            "Note: the settings leave the stream of updates out (outputs); instead of every change "
            f"the page reads {pace.repair_ids} ids a second, one after the other.",
            err=True,
        )
    serve(
        known.redis.url,
        address,
        prefix=known.prefix,
        currency=known.reporting_currency,
        pace=pace,
        ready=lambda url: typer.echo(f"Dashboard: {url}"),
    )
