"""`wamon backup`: a copy of the database, and whether a copy is good."""

from pathlib import Path

import click

from wamon.cli import json_option, print_json
from wamon.cli.database import database_options, database_path, size
from wamon.cli.printing import print_facts
from wamon.store import backup as copies


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an existing file; the old one stays until the new one is good.")
@click.option("--check", "is_check", is_flag=True, help="Write nothing: read every page of the backup PATH.")
@database_options
@json_option
def backup(
    path: Path, *, force: bool, is_check: bool, config_path: Path | None, database: Path | None, as_json: bool
) -> None:
    """Write a copy of the database to PATH, while the daemon works on.

    The copy is of one moment, is checked before it gets its name, and can be read by its owner alone. To restore it see
    docs/operations.md.

    \b
    Example:
      wamon backup /var/backups/wamon.db --force
      wamon backup /var/backups/wamon.db --check
    """
    found = copies.check(path) if is_check else copies.backup(database_path(config_path, database), path, replace=force)
    if as_json:
        print_json(
            {
                "path": str(path),
                "schema": found.schema,
                "is_current": found.is_current,
                "last_at": None if found.last_at is None else found.last_at.isoformat(),
                "size_bytes": found.size_bytes,
                "rows": dict(found.rows),
            }
        )
        return
    _print(path, found, deed="is sound" if is_check else "written and checked")


def _print(path: Path, found: copies.Contents, *, deed: str) -> None:
    click.echo(f"{path}: {deed}, {size(found.size_bytes)}")
    schema = found.schema if found.is_current else f"{found.schema}, which the next start brings up to date"
    last = "never" if found.last_at is None else f"{found.last_at:%Y-%m-%d %H:%M:%S} UTC"
    rows = [(f"rows in {name}", str(count)) for name, count in found.rows.items()]
    print_facts([("schema", schema), ("last written by the daemon", last), *rows])
