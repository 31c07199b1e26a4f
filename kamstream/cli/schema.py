"""`kamstream schema`: the contract as files, and whether it still accepts what it accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kamstream.errors import UserError
from kamstream.events.compatibility import check as find_changes
from kamstream.events.export import export as write_all

app = typer.Typer(no_args_is_help=True, help="The event contract as JSON Schemas and AsyncAPI.")


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")],
) -> None:
    """Write a JSON Schema per event type and asyncapi.yaml into DIR."""
    try:
        written = write_all(directory)
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror or error}") from None
    typer.echo(f"{len(written)} files written to {directory}")


@app.command()
def check(
    old_directory: Annotated[Path, typer.Argument(metavar="OLD_DIR", help="Schemas exported earlier.")],
) -> None:
    """Refuse changes that break who keeps to the schemas in OLD_DIR: exit 1 and one line for each."""
    try:
        changes = find_changes(old_directory)
    except ValueError as error:
        raise UserError(str(error)) from None
    for change in changes:
        typer.echo(change, err=True)
    if changes:
        raise typer.Exit(1)
    typer.echo(f"compatible with {old_directory}")
