"""`wamon alerts`: see, silence, acknowledge and close the alerts of the running daemon."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from wamon.cli import json_option, print_json
from wamon.cli.asking import Daemon, author_option, daemon_options, duration


@click.group()
def alerts() -> None:
    """See, silence, acknowledge and close the alerts of the running daemon.

    It asks the private listener of the configuration. Exit code 1: the daemon refuses; 2: it cannot be asked.

    \b
    Example:
      wamon alerts list
      wamon alerts silence --match alertname=WhatsAppDeliverySlow --for 4h --reason "campaign"
    """


@alerts.command("list")
@daemon_options
@json_option
@click.option("--all", "show_all", is_flag=True, help="Those that are pending or have ended, too.")
def list_alerts(config_path: Path | None, url: str | None, *, as_json: bool, show_all: bool) -> None:
    """The open alerts, worst first.

    \b
    Example:
      wamon alerts list --json | jq '.alerts[].alertname'
    """
    answer = Daemon(config_path, url).get("alerts", **({"all": "true"} if show_all else {}))
    if as_json:
        print_json(answer)
    elif answer["alerts"]:
        _print_alerts(answer["alerts"])
    else:
        click.echo("No alert is open." if not show_all else "There has been no alert.")


@alerts.command()
@daemon_options
@json_option
@click.argument("alert_id", metavar="ID")
def show(config_path: Path | None, url: str | None, alert_id: str, *, as_json: bool) -> None:
    """One alert: its labels, its evidence and what happened to it.

    \b
    Example:
      wamon alerts show 3f9a1c
    """
    answer = Daemon(config_path, url).get("alerts", alert_id)
    if as_json:
        print_json(answer)
        return
    from wamon.cli.printing import print_facts, print_table

    alert = answer["alert"]
    print_facts(_facts(alert, answer["evidence"]), title=f"{alert['severity'].upper()} {alert['alertname']}")
    if answer["timeline"]:
        click.echo()
        rows = ((_moment(each["at"]), each["kind"], each["severity"], _by(each)) for each in answer["timeline"])
        print_table(("when", "what", "severity", "who and why"), rows)


@alerts.command()
@daemon_options
@json_option
@author_option
@click.option("--match", "matchers", multiple=True, required=True, metavar="LABEL=VALUE", help="Also !=, =~ and !~.")
@click.option("--for", "lasts", type=duration, metavar="DURATION", help="For how long: 30m, 4h, 2d; up to 30d.")
@click.option("--reason", help="Why, for the next person on call.")
@click.option("--preview", is_flag=True, help="Only show which open alerts it would hide.")
def silence(
    config_path: Path | None,
    url: str | None,
    *,
    as_json: bool,
    author: str,
    matchers: tuple[str, ...],
    lasts: timedelta | None,
    reason: str | None,
    preview: bool,
) -> None:
    """Tell nobody of alerts that fit all matchers, for a while. `wamon alerts show` lists an alert's labels.

    \b
    Example:
      wamon alerts silence --match alertname=WhatsAppDeliverySlow --match waba_id=102290129340398 \\
        --for 4h --reason "campaign" --preview
    """
    daemon = Daemon(config_path, url)
    if preview:
        answer = daemon.post("silences", matchers=list(matchers), preview=True)
    elif lasts is None or reason is None:
        missing = "--for DURATION" if lasts is None else "--reason TEXT"
        raise click.UsageError(f"{missing} is missing: a silence has an end and a reason")
    else:
        answer = daemon.post(
            "silences", matchers=list(matchers), for_seconds=lasts.total_seconds(), reason=reason, author=author
        )
    if as_json:
        print_json(answer)
    elif not preview:
        click.echo(f"{answer['text']} (silence {answer['silence']['id']})")
    else:
        _print_preview(answer["alerts"], lasts)


@alerts.command()
@daemon_options
@json_option
@author_option
@click.argument("silence_id", metavar="ID")
def unsilence(config_path: Path | None, url: str | None, silence_id: str, *, as_json: bool, author: str) -> None:
    """End a silence before its time.

    \b
    Example:
      wamon alerts unsilence 8c1d2e
    """
    _done(Daemon(config_path, url).post("silences", silence_id, "end", author=author), as_json=as_json)


@alerts.command()
@daemon_options
@json_option
def silences(config_path: Path | None, url: str | None, *, as_json: bool) -> None:
    """The silences, the next to end first.

    \b
    Example:
      wamon alerts silences
    """
    answer = Daemon(config_path, url).get("silences")
    if as_json:
        print_json(answer)
        return
    if not answer["silences"]:
        click.echo("Nothing is silenced.")
        return
    from wamon.cli.printing import print_table

    rows = (
        (
            each["id"],
            _moment(each["ends_at"]),
            " ".join(each["matchers"]),
            str(len(each["hides"])),
            each["author"],
            each["reason"],
        )
        for each in answer["silences"]
    )
    print_table(("id", "until", "matchers", "hides", "author", "reason"), rows)


@alerts.command()
@daemon_options
@json_option
@author_option
@click.argument("target", metavar="ID")
def ack(config_path: Path | None, url: str | None, target: str, *, as_json: bool, author: str) -> None:
    """Say that you work on it: no repeats and no escalation. ID is an alert's, or a group's number.

    \b
    Example:
      wamon alerts ack 3f9a1c
    """
    _done(Daemon(config_path, url).post("alerts", target, "acknowledge", author=author), as_json=as_json)


@alerts.command()
@daemon_options
@json_option
@author_option
@click.argument("target", metavar="ID")
@click.option("--reason", required=True, help="Why; kept in the time line.")
def close(config_path: Path | None, url: str | None, target: str, *, as_json: bool, author: str, reason: str) -> None:
    """End an alert although nobody saw it recover. It opens again when the next look finds it bad.

    \b
    Example:
      wamon alerts close 3f9a1c --reason "number is given up"
    """
    answer = Daemon(config_path, url).post("alerts", target, "close", author=author, reason=reason)
    _done(answer, as_json=as_json)


@alerts.command("test-receiver")
@daemon_options
@json_option
@author_option
@click.argument("name")
def test_receiver(config_path: Path | None, url: str | None, name: str, *, as_json: bool, author: str) -> None:
    """Send a test message to one receiver: slack_bot, slack_bot:#CHANNEL, slack_webhook, webhook or log.

    \b
    Example:
      wamon alerts test-receiver slack_bot
    """
    _done(Daemon(config_path, url).post("receivers", name, "test", author=author), as_json=as_json)


# --- printing ---------------------------------------------------------------------------------------------------------


def _done(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["text"])


def _print_preview(found: list[dict[str, Any]], lasts: timedelta | None) -> None:
    until = "until the end that --for gives"
    if lasts is not None:
        from wamon.core.timing import SystemClock

        until = f"until {SystemClock().now() + lasts:%Y-%m-%d %H:%M} UTC"
    if not found:
        click.echo("Nothing was changed. No alert that is open now matches; `wamon alerts show ID` lists its labels.")
        click.echo(f"The silence would hide those that open later and match, {until}.")
        return
    count = "1 open alert" if len(found) == 1 else f"{len(found)} open alerts"
    click.echo(f"Nothing was changed. The silence would hide {count}, and those that open later and match, {until}:")
    click.echo()
    _print_alerts(found)


def _print_alerts(found: list[dict[str, Any]]) -> None:
    from wamon.cli.printing import print_table

    rows = (
        (
            alert["id"],
            str(alert["group_id"] or "-"),
            alert["severity"],
            alert["alertname"],
            alert["subject"],
            alert["what"],
            _moment(alert["opened_at"]),
            ", ".join(_remarks(alert)),
        )
        for alert in found
    )
    print_table(("id", "group", "severity", "alert", "about", "what", "since", "remarks"), rows)


def _facts(alert: Mapping[str, Any], evidence: list[list[str]]) -> Iterator[tuple[str, str]]:
    yield "id", alert["id"]
    yield "about", alert["subject"]
    yield "what", alert["what"]
    yield "state", ", ".join([alert["state"], *(["stale"] if alert["is_stale"] else [])])
    yield "since", _moment(alert["opened_at"])
    yield "last confirmed", _moment(alert["last_confirmed_at"])
    if alert["group_id"] is not None:
        yield "group", str(alert["group_id"])
    for overlay in alert["overlays"]:
        yield overlay["kind"], _overlay_words(overlay)
    yield from ((name, value) for name, value in evidence)
    yield "labels", " ".join(f"{name}={value}" for name, value in sorted(alert["labels"].items()))


def _remarks(alert: Mapping[str, Any]) -> Iterator[str]:
    if alert["is_rehearsal"]:
        yield "rehearsal"
    if alert["state"] != "firing":
        yield alert["state"]
    if alert["is_stale"]:
        yield "cannot be confirmed now"
    for overlay in alert["overlays"]:
        by = f" by {overlay['by']}" if overlay["by"] else ""
        yield f"{overlay['kind']}{by}"


def _overlay_words(overlay: Mapping[str, Any]) -> str:
    by = f"by {overlay['by']}" if overlay["by"] else ""
    until = f"until {_moment(overlay['until'])}" if overlay["until"] else ""
    known = f"({overlay['id']})" if overlay["id"] else ""
    reason = f"- {overlay['reason']}" if overlay["reason"] else ""
    return " ".join(part for part in (by, known, until, reason) if part)


def _by(moved: Mapping[str, Any]) -> str:
    return ": ".join(part for part in (moved["actor"], moved["note"]) if part)


def _moment(text: str | None) -> str:
    """`2026-11-22T10:00:00+00:00` as people read it."""
    return f"{text[:10]} {text[11:19]} UTC" if text else "-"
