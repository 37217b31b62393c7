"""Writes the generated documents, and says whether the ones in the repository are up to date."""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from wamon.config.reference import render_configuration
from wamon.core import error_codes
from wamon.core.ports import Rule
from wamon.metrics.reference import render_reference
from wamon.rules import RULES
from wamon.rules.words import span
from wamon.signals import SIGNALS

DOCS = Path(__file__).parent.parent / "docs"
NOTE = "<!-- Written by `python -m wamon.reference`; change the code, not this file. -->\n\n"


def documents() -> Mapping[str, str]:
    """Every generated document by its name in docs/."""
    return {
        "alerts.md": NOTE + render_alerts(),
        "configuration.md": NOTE + render_configuration(RULES),
        "error-codes.md": NOTE + render_error_codes(),
        "metrics.md": NOTE + render_reference(SIGNALS),
    }


def render_alerts() -> str:
    """Every alert: when it fires, what it means and what to do."""
    lines = ["# Alerts", "", "Thresholds and patience are options: `[rules.<Rule>]` in `wamon.toml`.", ""]
    lines += ["| alert | severity | about |", "| --- | --- | --- |"]
    for rule in RULES:
        lines += [
            f"| [{name}](#{rule.name.lower()}) | {words} | {rule.kind.replace('_', ' ')} |"
            for name, words in _names(rule)
        ]
    for rule in RULES:
        lines += ["", *_alert(rule)]
    return "\n".join(lines) + "\n"


def _names(rule: Rule) -> Iterator[tuple[str, str]]:
    """Each public name with the severities that it is used for."""
    for name in dict.fromkeys(rule.alertnames.values()):
        yield name, ", ".join(str(severity) for severity, other in sorted(rule.alertnames.items()) if other == name)


def _alert(rule: Rule) -> Iterator[str]:
    yield f"## {rule.name}"
    yield ""
    yield f"{rule.meaning} Usual cause: {rule.cause}"
    yield ""
    yield f"Owner: {rule.owner}. {_patience(rule)}"
    yield ""
    for number, step in enumerate(rule.steps, start=1):
        yield f"{number}. {step}"
    params = dataclasses.asdict(rule.params)
    if params:
        yield ""
        yield "Thresholds: " + ", ".join(f"`{name} = {value:g}`" for name, value in params.items()) + "."


def _patience(rule: Rule) -> str:
    timing = rule.timing
    parts = [f"Fires after {timing.min_observations} observation{'s' if timing.min_observations > 1 else ''}"]
    if timing.min_observations_critical is not None:
        parts.append(f"({timing.min_observations_critical} when critical)")
    if timing.for_:
        parts.append(f"over {span(timing.for_)}")
    parts.append("and resolves after 2 good ones")
    if timing.keep_firing_for > timedelta(0):
        parts.append(f"over {span(timing.keep_firing_for)}")
    return " ".join(parts) + "."


def render_error_codes() -> str:
    """Every error code of Meta's that wamon knows."""
    lines = ["# Meta's error codes", "", f"{error_codes.SOURCE}. `wamon explain CODE` says the same.", ""]
    lines += [
        "| code | what | class | bounce | owner | meaning | cause | fix |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in error_codes.ALL:
        cells = (row.label, row.title, row.error_class, row.bounce, row.owner, row.meaning, row.cause, row.fix)
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, *, docs: Path = DOCS) -> int:
    """Write the documents into `docs`, or with --check name those that are not up to date."""
    parser = argparse.ArgumentParser(prog="python -m wamon.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a document is out of date")
    options = parser.parse_args(arguments)
    stale = {name: text for name, text in documents().items() if _stored(docs / name) != text}
    if options.check:
        for name in stale:
            sys.stderr.write(f"docs/{name} is out of date: run python -m wamon.reference\n")
        return 1 if stale else 0
    docs.mkdir(exist_ok=True)
    for name, text in stale.items():
        (docs / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/{name}\n")
    return 0


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
