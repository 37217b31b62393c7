"""`wamon replay`: recorded webhooks through the parser, the ledger and the rules."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wamon.cli import config_option, json_option, print_json, settings_from
from wamon.cli.printing import print_facts, print_table
from wamon.core import books
from wamon.core.alerting import Transition, TransitionKind
from wamon.core.books import TallyKey
from wamon.core.delivery import STATUS_NAMES
from wamon.core.error_codes import lookup
from wamon.core.errors import ConfigurationError, WamonError
from wamon.core.ports import Rule
from wamon.core.timing import SystemClock
from wamon.probes.names import describe
from wamon.replay import Record, Replayed, parse_records, read_records
from wamon.replay import replay as play
from wamon.rules import RULES

WORDS = {TransitionKind.OPEN: "fires", TransitionKind.RAISE: "rises", TransitionKind.CLOSE: "resolved"}
STANDARD_INPUT = "-"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, exists=True, allow_dash=True))
@config_option
@json_option
def replay(files: tuple[str, ...], config_path: Path | None, *, as_json: bool) -> None:
    """What recorded webhooks would have counted, and whom they would have woken.

    A FILE holds one webhook's raw JSON body, a list of them, or one a line; each may also be
    {"received_at": "2026-11-22T10:15:00Z", "body": {...}}. The FILE - is standard input. Signatures are not asked for,
    nothing is sent, and nothing is kept. With --config its accounts and [rules.*] count, else every account that the
    files name and the defaults.

    \b
    Example:
      wamon replay monday.jsonl
      wamon replay --config wamon.toml captured/*.json
      zcat monday.jsonl.gz | wamon replay -
    """
    records = [record for file in files for record in _records(file)]
    rules: tuple[Rule, ...] = RULES
    watched = None
    if config_path is not None:
        settings = settings_from(config_path)
        rules = settings.bound_rules(RULES)
        watched = {each.waba_id: each.phone_number_ids for each in settings.accounts}
    replayed = asyncio.run(play(records, rules=rules, watched=watched, now=SystemClock().now()))
    if as_json:
        print_json(_document(replayed, rules))
    else:
        _print(replayed, rules)
    if not replayed.is_readable:
        raise WamonError("nothing in it could be read as a webhook: give raw bodies, one a file or one a line")


def _records(file: str) -> Iterator[Record]:
    if file != STANDARD_INPUT:
        return read_records(Path(file))
    # A parent process may have closed it, and then there is no such stream at all.
    if sys.stdin is None:
        raise ConfigurationError("standard input: cannot be read: it is closed")
    return parse_records(sys.stdin.buffer.read(), source="standard input")


def _print(replayed: Replayed, rules: tuple[Rule, ...]) -> None:
    print_facts(
        [
            ("requests", f"{replayed.records:,}"),
            ("from", _stamp(replayed.first_at)),
            ("to", _stamp(replayed.last_at)),
            *((name, f"{count:,}") for name, count in _receiver(replayed.totals).items()),
        ],
        title="Replayed",
    )
    numbers = _numbers(replayed.totals)
    if numbers:
        click.echo()
        print_table(
            ("WABA", "phone number", *STATUS_NAMES.values()),
            [(*whose, *(f"{counts[name]:,}" for name in STATUS_NAMES.values())) for whose, counts in numbers.items()],
            title="Messages by the statuses that they reached",
        )
    codes = _codes(replayed.totals)
    if codes:
        click.echo()
        print_table(
            ("code", "failed", "meaning"),
            [(code, f"{count:,}", _title(code)) for code, count in codes.most_common()],
            title="Failures by code",
        )
    click.echo()
    if not replayed.transitions:
        click.echo("Nobody would have been told anything.")
        return
    print_table(
        ("at", "alert", "severity", "event", "about", "what"),
        [tuple(row.values()) for row in _told(replayed, rules)],
        title="What would have been told",
    )


def _document(replayed: Replayed, rules: tuple[Rule, ...]) -> dict[str, Any]:
    return {
        "requests": replayed.records,
        "first_at": replayed.first_at.isoformat(),
        "last_at": replayed.last_at.isoformat(),
        "receiver": _receiver(replayed.totals),
        "numbers": [
            {"waba_id": waba_id, "phone_number_id": number, **counts}
            for (waba_id, number), counts in _numbers(replayed.totals).items()
        ],
        "failures": [
            {"code": code, "count": count, "title": _title(code)}
            for code, count in _codes(replayed.totals).most_common()
        ],
        "alerts": list(_told(replayed, rules)),
    }


def _numbers(totals: Mapping[TallyKey, int]) -> dict[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    for (figure, waba_id, number, status, _), count in sorted(totals.items()):
        if figure == books.STATUSES:
            found.setdefault((waba_id, number), Counter())[status] += count
    return found


def _codes(totals: Mapping[TallyKey, int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (figure, _, _, code, _), count in totals.items():
        if figure == books.FAILURE_CODES:
            counts[code] += count
    return counts


def _receiver(totals: Mapping[TallyKey, int]) -> dict[str, int]:
    """What was not simply counted, in words; only what occurred."""
    words = {
        books.WEBHOOK_EVENTS: "changes",
        books.DUPLICATES: "repeated",
        books.OUT_OF_ORDER: "out of order",
        books.CONTRADICTIONS: "contradictory",
        books.OPT_OUTS: "opt-outs",
        books.QUARANTINED: "not readable",
        books.UNRECOGNISED: "unknown words",
        books.UNMONITORED: "of accounts not watched",
    }
    counts: Counter[str] = Counter()
    for (figure, *_), count in totals.items():
        if figure in words:
            counts[words[figure]] += count
    return {word: counts[word] for word in words.values() if counts[word]}


def _told(replayed: Replayed, rules: tuple[Rule, ...]) -> Iterator[dict[str, str]]:
    by_name = {rule.name: rule for rule in rules}
    for transition in replayed.transitions:
        yield {
            "at": _stamp(transition.at),
            "alert": by_name[transition.rule].alertname(transition.severity),
            "severity": str(transition.severity),
            "kind": WORDS[transition.kind],
            "about": describe(transition.subject, replayed.state.snapshot),
            "what": _what(transition),
        }


def _what(transition: Transition) -> str:
    return transition.what if transition.kind is not TransitionKind.CLOSE else ""


def _title(code: str) -> str:
    row = lookup(int(code)) if code.isdecimal() else None
    return row.title if row else "a code that wamon does not know"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
