"""`wamon timeline`: what has happened, newest first."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from wamon.cli import json_option, print_json
from wamon.cli.asking import Daemon, daemon_options
from wamon.core.past import PastKind

PAGE: Final = 500


@click.command()
@daemon_options
@json_option
@click.option(
    "--since",
    default="7d",
    show_default=True,
    metavar="WHEN",
    help="From when on: how long ago (90m, 24h, 7d, 2w), or a moment like 2026-11-22T18:00Z.",
)
@click.option("--until", default="", metavar="WHEN", help="Before when. Default: now.")
@click.option(
    "--subject",
    default="",
    metavar="WHAT",
    help="Only what is about this: a number as people write it, an id, or LABEL=VALUE. Markers stay.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in PastKind]),
    help="Only these. Default: all.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar="N", help="At most so many."
)
def timeline(
    config_path: Path | None,
    url: str | None,
    *,
    as_json: bool,
    since: str,
    until: str,
    subject: str,
    kinds: tuple[str, ...],
    limit: int,
) -> None:
    """What happened, newest first: every change with before and after, every alert's steps, every marker.

    Each line says how it is known: by a poll, a webhook, by age (nobody could confirm it any longer), by wamon itself,
    or from an operator. Exit code 1: the daemon refuses; 2: it cannot be asked.

    \b
    Example:
      wamon timeline --since 24h
      wamon timeline --subject "+1 555 078 3881" --kind change --json
    """
    query = {"since": since, "until": until, "subject": subject, "kind": ",".join(kinds)}
    given = {name: value for name, value in query.items() if value}
    entries, cursor = _entries(Daemon(config_path, url), given, limit)
    if as_json:
        print_json({"entries": entries, "next_cursor": cursor})
        return
    if subject and not any(entry["subject"] for entry in entries):
        # Markers are about everything, and could pass for an answer.
        click.echo(f"Nothing about {subject!r} is kept from then; the status page lists numbers and ids.", err=True)
    elif not entries:
        click.echo("Nothing happened that is kept.")
    if not entries:
        return
    from wamon.cli.printing import print_table

    print_table(("when", "about", "what", "known by"), map(_row, entries))
    if cursor:
        click.echo(f"There is more: --limit {2 * limit}, or --until {entries[-1]['at']}", err=True)


def _entries(daemon: Daemon, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Any]], str]:
    """As many as there are up to `limit`, and the cursor of what is older."""
    entries: list[dict[str, Any]] = []
    cursor = ""
    while True:
        turned = {"cursor": cursor} if cursor else {}
        answer = daemon.get("timeline", **query, **turned, limit=str(min(limit - len(entries), PAGE)))
        entries += answer["entries"]
        cursor = answer["next_cursor"]
        if not cursor or len(entries) >= limit:
            return entries, cursor


def _row(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return _moment(entry["at"]), entry["subject"] or "-", " ".join(_words(entry)), _known_by(entry)


def _words(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["is_rehearsal"]:
        yield "(rehearsal)"
    if (marker := entry["marker"]) is None:
        yield entry["text"]
        return
    yield f"{marker['kind']}: {marker['title']}"
    yield from (part for part in (marker["text"], marker["link"]) if part)
    yield from (f"#{tag}" for tag in marker["tags"])


def _known_by(entry: Mapping[str, Any]) -> str:
    return f"{entry['known_by']} {entry['actor']}" if entry["actor"] else str(entry["known_by"])


def _moment(text: str) -> str:
    """`2026-11-22T10:00:00+00:00` as people read it."""
    return f"{text[:10]} {text[11:19]} UTC"
