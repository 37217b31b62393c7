"""How commands print: tables and facts for people."""

import sys
from collections.abc import Iterable, Sequence

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

# What a pipe or a file gets: wide enough that a row stays a line.
WIDE = 200


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """A table; cells are plain text, whatever brackets they contain."""
    table = Table(box=SIMPLE, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    _print(table)


def print_facts(rows: Iterable[tuple[str, str]], *, title: str | None = None) -> None:
    """Names in one column, what is known of them in the other."""
    if title:
        click.secho(title, bold=True)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(f"  {name}"), Text(value))
    _print(grid)


def _print(table: Table) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    with console.capture() as captured:
        console.print(table)
    # A cell is filled up with spaces, which a pipe or a file has no use for.
    lines = [line.rstrip() for line in captured.get().splitlines()]
    click.echo("\n".join(lines).strip("\n"))
