"""The ``kamstream`` command: its subcommands, and how their errors reach a person."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from kamstream import __version__
from kamstream.errors import UserError

#: Subcommand, where it is written (module and name), in the order of ``kamstream --help``.
COMMANDS = {
    "demo": ("kamstream.cli.demo", "demo"),
    "up": ("kamstream.cli.demo", "up"),
    "services": ("kamstream.cli.services", "services"),
    "topics": ("kamstream.cli.topics", "app"),
    "worker": ("kamstream.cli.worker", "worker"),
    "notifier": ("kamstream.cli.notifier", "notifier"),
    "dashboard": ("kamstream.cli.dashboard", "dashboard"),
    "publish": ("kamstream.cli.publish", "publish"),
    "simulate": ("kamstream.cli.simulate", "simulate"),
    "compute": ("kamstream.cli.compute", "compute"),
    "kpis": ("kamstream.cli.kpis", "app"),
    "scorecard": ("kamstream.cli.goals", "scorecard"),
    "goals": ("kamstream.cli.goals", "goals"),
    "forecast": ("kamstream.cli.forecast", "app"),
    "pay": ("kamstream.cli.pay", "pay"),
    "report": ("kamstream.cli.report", "report"),
    "why": ("kamstream.cli.why", "why"),
    "alerts": ("kamstream.cli.alerts", "app"),
    "dead-letters": ("kamstream.cli.deadletters", "app"),
    "verify": ("kamstream.cli.verify", "verify"),
    "schema": ("kamstream.cli.schema", "app"),
}


class Lazy(TyperGroup):
    """Loads a subcommand's module when it is asked for: Kafka, Redis and the web are slow to load."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All subcommands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand of a name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        return _command(cmd_name, getattr(import_module(module), name))


def _command(name: str, written: typer.Typer | Callable[..., Any]) -> Any:
    if isinstance(written, typer.Typer):
        group = typer.main.get_command(written)
        group.name = name
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(written)
    return typer.main.get_command(single)


app = typer.Typer(
    cls=Lazy, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback(invoke_without_command=True)
def kamstream(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    """CRM events in, live KPI tables and threshold alerts out."""
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 wrong usage; an error is one line on stderr."""
    try:
        app()
    except UserError as error:
        print(f"kamstream: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe has left; what Python still holds must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
