"""`wamon mark`: a marker in the timeline."""

from pathlib import Path

import click

from wamon.cli import json_option, print_json
from wamon.cli.asking import Daemon, author_option, daemon_options
from wamon.core.markers import MarkerKind


@click.command()
@daemon_options
@json_option
@author_option
@click.argument("title")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in MarkerKind]),
    default=MarkerKind.DEPLOY.value,
    show_default=True,
    help="What was done.",
)
@click.option("--text", metavar="TEXT", help="More about it.")
@click.option("--link", metavar="URL", help="Where more is to be seen: a build, a ticket.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; several if need be.")
@click.option("--at", metavar="MOMENT", help="When it was, like 2026-11-22T18:00Z. Default: now.")
@click.option("--key", metavar="KEY", help="The same key again sets no second marker, so a job may be run again.")
def mark(
    config_path: Path | None,
    url: str | None,
    *,
    as_json: bool,
    author: str,
    title: str,
    kind: str,
    text: str | None,
    link: str | None,
    tags: tuple[str, ...],
    at: str | None,
    key: str | None,
) -> None:
    """Set a marker: what you did, to be seen beside what happened to the accounts.

    It is kept and shown as it is, so write nothing of a customer. Exit code 1: the daemon refuses; 2: it cannot be
    asked.

    \b
    Example:
      wamon mark "shop 4.2" --link https://ci.example.com/builds/812 --key build-812
      wamon mark "Black Friday, first wave" --kind campaign
    """
    answer = Daemon(config_path, url).post(
        "markers",
        title=title,
        author=author,
        kind=kind,
        text=text,
        link=link,
        tags=list(tags) or None,
        at=at,
        id=key,
    )
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["text"])
