"""``kamstream notifier``: tells people of alerts."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE
from kamstream.notify import notifier as notifying
from kamstream.notify.courier import can_send
from kamstream.notify.letter import Style
from kamstream.notify.notifier import Place
from kamstream.rulebook import read_rules
from kamstream.settings import Settings


def notifier(
    *,
    rules: Annotated[Path | None, typer.Option(help="Alerts file (default: the settings').")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Read alerts, and tell the people that the alerts file names; start a second one to stand by."""
    settings = Settings.load(settings_file)
    ruleset = read_rules(settings, rules, env=os.environ, check_url=can_send)
    if not ruleset.routes:
        typer.echo("Warning: the alerts file has no routes: nobody is told of anything.", err=True)
    place = Place(settings.kafka.bootstrap, settings.prefix)
    meanings = {kpi.name: kpi.description for kpi in CATALOGUE}
    style = Style(settings.reporting_currency, settings.dashboard_url, meanings)
    typer.echo(f"Notifier: {len(ruleset.routes)} routes, {len(ruleset.managers)} managers")
    try:
        asyncio.run(_until_stopped(notifying.run(place, ruleset, style=style)))
    except* UserError as errors:
        raise errors.exceptions[0] from None


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or Ctrl-C; letters under way are finished."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
