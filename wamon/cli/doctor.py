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
from wamon.config.settings import Settings
from wamon.core.timing import SystemClock
from wamon.doctor import Finding, Status, examine, examine_receivers, worst
from wamon.graph.quota import QuotaBudget
from wamon.graph.redaction import Redactor
from wamon.metrics.instruments import Instruments
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.watches import build_client

STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.CRITICAL: "bold red", Status.UNKNOWN: "magenta"}


@click.command()
@config_option
@json_option
@click.option("--all", "show_all", is_flag=True, help="Show the evidence of what is well, too.")
def doctor(config_path: Path | None, *, as_json: bool, show_all: bool) -> None:
    """Check everything once: token, scopes, numbers, quality, subscription, version, limits, receivers.

    Reads only; nothing is sent or changed. The exit code is Nagios's: 0 ok, 1 warning, 2 critical, 3 unknown.

    \b
    Example:
      wamon doctor --json
    """
    settings = settings_from(config_path)
    redact = Redactor(settings.secrets())
    logs.configure("ERROR", settings.log_format, redact)
    findings = asyncio.run(_examine(settings))
    status = worst(findings)
    if as_json:
        print_json(
            {
                "version": __version__,
                "status": str(status),
                "findings": [_as_json(finding, redact) for finding in findings],
            }
        )
    else:
        _print(findings, status, redact, show_all=show_all)
    sys.exit(int(status))


async def _examine(settings: Settings) -> Sequence[Finding]:
    clock = SystemClock()
    client = build_client(
        settings,
        clock=clock,
        random=random.Random(),
        budget=QuotaBudget(clock),
        observer=Instruments(version=__version__, clock=clock),
    )
    rules = settings.bound_rules(RULES)
    notifiers = build_notifiers(settings, rules)
    try:
        found = await examine(settings, client=client, rules=rules, clock=clock)
        return (*found, *await examine_receivers(notifiers.values()))
    finally:
        await client.close()
        for notifier in notifiers.values():
            await notifier.close()


def _print(findings: Sequence[Finding], status: Status, redact: Redactor, *, show_all: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings if show_all else collapsed(findings):
        line = Text.assemble(
            (f"{finding.status!s:<10}", STYLES[finding.status]),
            (redact(finding.check), "bold"),
            f"  {redact(finding.about)}",
        )
        console.print(line)
        for name, value in finding.evidence:
            _detail(console, f"{name}: {redact(value)}")
        if finding.cause:
            _detail(console, f"Cause: {finding.cause}", style="dim")
        for number, step in enumerate(finding.fix, start=1):
            _detail(console, f"{number}. {step}", style="cyan")
    counts = ", ".join(
        f"{count} {each.name.lower()}" for each in Status if (count := sum(f.status is each for f in findings))
    )
    console.print(Text.assemble("\n", (str(status), STYLES[status]), f": {counts}"))


def collapsed(findings: Sequence[Finding]) -> list[Finding]:
    """What is well in one line a check, without evidence; the rest as it is."""
    well: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.status is Status.OK:
            well.setdefault(finding.check, []).append(finding)
    shown = []
    for finding in findings:
        if finding.status is not Status.OK:
            shown.append(finding)
        elif alike := well.pop(finding.check, None):
            about = finding.about if len(alike) == 1 else f"{len(alike)} checked"
            shown.append(replace(finding, about=about, evidence=()))
    return shown


def _detail(console: Console, words: str, *, style: str = "") -> None:
    console.print(Text(f"          {words}", style=style))


def _as_json(finding: Finding, redact: Redactor) -> dict[str, object]:
    return {
        "check": finding.check,
        "about": redact(finding.about),
        "status": str(finding.status),
        "evidence": {name: redact(value) for name, value in finding.evidence},
        "cause": finding.cause,
        "fix": list(finding.fix),
    }
