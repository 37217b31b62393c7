"""`wamon drill`: a rehearsal of an alert, through the real path to the real receivers, and its recovery."""

from datetime import timedelta
from pathlib import Path

import click

from wamon.cli import json_option, print_json
from wamon.cli.asking import Daemon, author_option, daemon_options, duration


@click.command()
@daemon_options
@json_option
@author_option
@click.argument("alertname")
@click.option(
    "--subject", "subject", multiple=True, metavar="LABEL=VALUE", help="What it is about. Default: something that fits."
)
@click.option(
    "--for",
    "lasts",
    type=duration,
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="How long until it ends by itself.",
)
def drill(
    config_path: Path | None,
    url: str | None,
    alertname: str,
    *,
    as_json: bool,
    author: str,
    subject: tuple[str, ...],
    lasts: timedelta,
) -> None:
    """Rehearse an alert: it opens at once, marked as a rehearsal, and ends by itself.

    It goes the whole way of a real one and touches no real one. `wamon explain` lists the names. Exit code 1: the
    daemon refuses; 2: it cannot be asked.

    \b
    Example:
      wamon drill WhatsAppQualityRatingRed
      wamon drill WhatsAppTokenExpiring --subject token=default --for 5m
    """
    labels = dict(_label(each) for each in subject)
    answer = Daemon(config_path, url).post(
        "drills", alertname=alertname, subject=labels or None, for_seconds=lasts.total_seconds(), author=author
    )
    if as_json:
        print_json(answer)
        return
    click.echo(answer["text"])
    for alert_id in answer["alerts"]:
        click.echo(f"It is alert {alert_id}: see `wamon alerts show {alert_id}`.")


def _label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise click.BadParameter("write it like waba_id=102290129340398", param_hint="--subject")
    return name.strip(), value.strip()
