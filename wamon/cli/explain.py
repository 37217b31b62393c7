"""`wamon explain`: what an error code, a status value or an alert means, and what to do about it."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import groupby
from typing import Any, Final

import click

from wamon.cli import json_option, print_json
from wamon.core import error_codes, vocabulary
from wamon.core.ports import Rule
from wamon.rules import RULES

UNKNOWN: Final = 3
_CODE: Final = re.compile(r"\(?#?([0-9]{1,9})\)?(?:[/.:]([0-9]{1,9}))?")
_OWNERS: Final[Mapping[error_codes.Owner, str]] = {
    error_codes.Owner.META: "Meta",
    error_codes.Owner.US: "you, who run the sender",
    error_codes.Owner.RECIPIENT: "the recipient",
    error_codes.Owner.MARKETING: "marketing",
    error_codes.Owner.FINANCE: "finance",
    error_codes.Owner.META_ADMIN: "whoever administers Meta's Business settings",
    error_codes.Owner.UNKNOWN: "not known",
}


@click.command()
@click.argument("word", required=False)
@json_option
def explain(word: str | None, *, as_json: bool) -> None:
    """What an error code, a status or an alert means, and what to do.

    Without WORD it lists what it knows. Exit code 3: nothing is known of WORD.

    \b
    Example:
      wamon explain 131026
      wamon explain 190/463
      wamon explain FLAGGED
      wamon explain WhatsAppTokenExpiring
    """
    if word is None:
        _print_index(as_json=as_json)
        return
    found = [*_codes(word), *_statuses(word), *_alerts(word)]
    if as_json:
        print_json({"word": word, "found": found, "suggestions": [] if found else _suggestions(word)})
    elif found:
        _print_found(found)
    else:
        near = _suggestions(word)
        hint = f" Did you mean {', '.join(near)}?" if near else " `wamon explain` lists what is known."
        click.echo(f"Nothing is known of {word!r}.{hint}", err=True)
    if not found:
        raise SystemExit(UNKNOWN)


def _codes(word: str) -> Iterator[dict[str, Any]]:
    match = _CODE.fullmatch(word.strip())
    if match is None:
        return
    row = error_codes.lookup(int(match[1]), int(match[2]) if match[2] else None)
    if row is None:
        return
    yield {
        "kind": "error code",
        "name": row.label,
        "title": row.title,
        "meaning": row.meaning,
        "cause": row.cause,
        "fix": row.fix,
        "owner": _OWNERS[row.owner],
        "class": str(row.error_class),
        "bounce": None if row.bounce is error_codes.Bounce.NONE else str(row.bounce),
        "source": error_codes.SOURCE,
    }


def _statuses(word: str) -> Iterator[dict[str, Any]]:
    for known_list, known in vocabulary.find(word):
        yield {
            "kind": "status",
            "name": known.value,
            "title": known_list.title,
            "meaning": known.meaning,
            "fix": known.action,
            "grade": str(known.grade),
        }


def _alerts(word: str) -> Iterator[dict[str, Any]]:
    wanted = word.strip().lower()
    for rule in RULES:
        names = [rule.name, *rule.alertnames.values()]
        name = next((name for name in names if name.lower() == wanted), None)
        if name is not None:
            yield _alert(rule, name)


def _alert(rule: Rule, name: str) -> dict[str, Any]:
    severities = [severity for severity, own in rule.alertnames.items() if own == name] or list(rule.alertnames)
    return {
        "kind": "alert",
        "name": name,
        "title": " or ".join(str(severity) for severity in sorted(severities)),
        "meaning": rule.meaning,
        "cause": rule.cause,
        "steps": list(rule.steps),
        "owner": str(rule.owner),
        "rule": rule.name,
    }


def _suggestions(word: str) -> list[str]:
    names = {name.lower(): name for name in _names()}
    return [names[near] for near in get_close_matches(word.strip().lower(), names, n=3, cutoff=0.6)]


def _names() -> Iterator[str]:
    yield from (row.label for row in error_codes.ALL)
    yield from (value for known_list in vocabulary.ALL_VOCABULARIES for value in known_list.values)
    for rule in RULES:
        yield from (rule.name, *rule.alertnames.values())


def _print_found(found: list[dict[str, Any]]) -> None:
    from wamon.cli.printing import print_facts

    for index, entry in enumerate(found):
        if index:
            click.echo()
        print_facts(_facts(entry), title=f"{entry['kind']} {entry['name']}: {entry['title']}")


def _facts(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in entry.items():
        if key in ("kind", "name", "title") or not value:
            continue
        if key == "steps":
            yield from (
                ("what to do" if number == 1 else "", f"{number}. {step}") for number, step in enumerate(value, 1)
            )
        else:
            yield {"fix": "what to do", "owner": "who can mend it"}.get(key, key), value


def _print_index(*, as_json: bool) -> None:
    by_class = sorted(error_codes.ALL, key=lambda row: row.error_class)
    codes = {
        str(kind): [row.label for row in rows] for kind, rows in groupby(by_class, key=lambda row: row.error_class)
    }
    statuses = {known_list.title: list(known_list.values) for known_list in vocabulary.ALL_VOCABULARIES}
    alerts = {name: entry["title"] for rule in RULES for name in rule.alertnames.values() for entry in _alerts(name)}
    if as_json:
        print_json({"error_codes": codes, "statuses": statuses, "alerts": alerts})
        return
    from wamon.cli.printing import print_facts

    print_facts(((kind, " ".join(labels)) for kind, labels in codes.items()), title="error codes, by class")
    print_facts(((title, " ".join(values)) for title, values in statuses.items()), title="statuses, by field")
    print_facts(alerts.items(), title="alerts, by severity")
