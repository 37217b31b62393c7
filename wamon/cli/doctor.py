"""`wamon doctor`: every check once, for people, for programs and for Nagios."""

import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from wamon import __version__, logs
from wamon.cli import config_option, json_option, print_json, settings_from
from wamon.cli.printing import print_table
from wamon.config.settings import Settings
from wamon.core.timing import SystemClock
from wamon.doctor import SKIPPED, Diagnosis, Finding, Status, diagnose, ticket, worst
from wamon.doctor.routes import Route
from wamon.graph.quota import QuotaBudget
from wamon.graph.redaction import Redactor
from wamon.graph.visiting import Visitor
from wamon.metrics.instruments import Instruments
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.watches import build_client

STYLES = {
    "OK": "green",
    "WARNING": "yellow",
    "CRITICAL": "bold red",
    "UNKNOWN": "magenta",
    SKIPPED: "dim",
}
# More of one kind are counted in the table of routes, not named.
MOST_NAMED = 3


@click.command()
@config_option
@json_option
@click.option("--all", "show_all", is_flag=True, help="Show the evidence of what is well, too.")
def doctor(config_path: Path | None, *, as_json: bool, show_all: bool) -> None:
    """Check everything once: token, numbers, webhooks, callback URL, receivers, clock, database, limits.

    Reads only; nothing is sent or changed. The exit code is Nagios's: 0 ok, 1 warning, 2 critical, 3 unknown.
    The JSON holds no secret: attach it where you ask for help.

    \b
    Example:
      wamon doctor --json
    """
    settings = settings_from(config_path)
    redact = Redactor(settings.secrets())
    logs.configure("ERROR", settings.log_format, redact)
    clock = SystemClock()
    diagnosis = asyncio.run(_diagnosed(settings, clock))
    if as_json:
        print_json(ticket(diagnosis, settings, redact=redact, now=clock.now()))
    else:
        _print(diagnosis.findings, redact, show_all=show_all)
        _print_routes(diagnosis.routes, redact, show_all=show_all)
        _print_counts(diagnosis.findings)
    sys.exit(int(worst(diagnosis.findings)))


async def _diagnosed(settings: Settings, clock: SystemClock) -> Diagnosis:
    chance = random.Random()
    client = build_client(
        settings,
        clock=clock,
        random=chance,
        budget=QuotaBudget(clock),
        observer=Instruments(version=__version__, clock=clock),
    )
    rules = settings.bound_rules(RULES)
    notifiers = build_notifiers(settings, rules)
    visitor = Visitor(clock=clock)
    try:
        return await diagnose(
            settings, client=client, rules=rules, notifiers=notifiers, visitor=visitor, clock=clock, random=chance
        )
    finally:
        await client.close()
        await visitor.close()
        for notifier in notifiers.values():
            await notifier.close()


def _print(findings: Sequence[Finding], redact: Redactor, *, show_all: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings if show_all else collapsed(findings):
        reason = f": {redact(finding.skipped)}" if finding.skipped else ""
        line = Text.assemble(
            (f"{finding.word:<10}", STYLES[finding.word]),
            (redact(finding.check), "bold"),
            f"  {redact(finding.about)}{reason}",
        )
        console.print(line)
        for name, value in finding.evidence:
            _detail(console, f"{name}: {redact(value)}")
        if finding.cause:
            _detail(console, f"Cause: {finding.cause}", style="dim")
        for number, step in enumerate(finding.fix, start=1):
            _detail(console, f"{number}. {redact(step)}", style="cyan")


def _print_counts(findings: Sequence[Finding]) -> None:
    status = worst(findings)
    words = [*map(str, Status), SKIPPED]
    counts = ", ".join(
        f"{count} {word.lower()}" for word in words if (count := sum(finding.word == word for finding in findings))
    )
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble("\n", (str(status), STYLES[str(status)]), f": {counts}"))


def _print_routes(routes: Sequence[Route], redact: Redactor, *, show_all: bool) -> None:
    """Where Meta sends what; those that go one way share a line unless all are asked for."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for place, route in enumerate(routes):
        kind = "accounts" if route.phone_number_id is None else "numbers"
        way = (_fields(route, show_all=show_all), str(route.callback or "not known"), str(route.by), kind)
        ways.setdefault((*way, str(place)) if show_all else way, []).append(route.about)
    rows = []
    for (fields, url, by, kind, *_), abouts in ways.items():
        whose = "; ".join(abouts) if len(abouts) <= MOST_NAMED else f"{len(abouts)} {kind}"
        rows.append((fields, redact(url), by, redact(whose)))
    if rows:
        click.echo()
        print_table(("webhook fields", "go to", "by the", "of"), rows)


def _fields(route: Route, *, show_all: bool) -> str:
    """The account's own fields are many, and always go together."""
    names = ", ".join(route.fields)
    return names if show_all or route.phone_number_id is not None else f"{len(route.fields)} account fields"


def collapsed(findings: Sequence[Finding]) -> list[Finding]:
    """What is well in one line a check, without evidence; the rest as it is."""
    well: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.word == str(Status.OK):
            well.setdefault(finding.check, []).append(finding)
    shown = []
    for finding in findings:
        if finding.status is not Status.OK or finding.skipped:
            shown.append(finding)
        elif alike := well.pop(finding.check, None):
            about = finding.about if len(alike) == 1 else f"{len(alike)} checked"
            shown.append(replace(finding, about=about, evidence=()))
    return shown


def _detail(console: Console, words: str, *, style: str = "") -> None:
    console.print(Text(f"          {words}", style=style))
