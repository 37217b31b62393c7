"""`wamon config`: is the configuration right, where does each value come from, and a file to start from."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wamon.cli import Failure, config_option, json_option, print_json, settings_from
from wamon.core.errors import ConfigurationError
from wamon.core.timing import SystemClock

if TYPE_CHECKING:
    from wamon.config.settings import Settings

# A tenth of a second to check, which whoever guesses pays each time.
COST = 10


@click.group()
def config() -> None:
    """Check, show or write the configuration.

    \b
    Example:
      wamon config init --output wamon.toml
      wamon config check
    """


@config.command()
@config_option
@json_option
def check(config_path: Path | None, *, as_json: bool) -> None:
    """Check the configuration: what was understood, and what polling will cost.

    Asks nobody outside; `wamon doctor` does. Exit code 0: usable; 2: not, with every fault on a line of its own.

    \b
    Example:
      wamon config check --config wamon.toml
    """
    settings = settings_from(config_path)
    understood = _understood(settings, SystemClock().now())
    if as_json:
        print_json(understood)
        return
    _print_understood(understood)


@config.command()
@config_option
@json_option
def show(config_path: Path | None, *, as_json: bool) -> None:
    """Show every value and where it comes from; secrets are hidden.

    \b
    Example:
      wamon config show | grep interval
    """
    settings = settings_from(config_path)
    if as_json:
        print_json([{"key": row.key, "value": row.value, "source": row.source} for row in settings.shown])
        return
    from wamon.cli.printing import print_table

    print_table(("key", "source", "value"), ((row.key, row.source, row.value or "") for row in settings.shown))


@config.command()
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it. Default: standard output."
)
def init(output: Path | None) -> None:
    """Write a commented wamon.toml to start from.

    \b
    Example:
      wamon config init --output wamon.toml
    """
    from wamon.config.reference import render_example

    example = render_example()
    if output is None:
        click.echo(example, nl=False)
        return
    try:
        # It will hold secrets, so nobody else may read it; O_EXCL never overwrites, not even in a race.
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(example)
    except FileExistsError as exc:
        raise ConfigurationError(f"{output} exists: choose another name, or remove it first") from exc
    except OSError as exc:
        raise ConfigurationError(f"{output} cannot be written ({exc.strerror}): choose another place") from exc
    click.echo(
        f"{output} is written: fill in waba_id, put the access token into access-token.txt beside it, then run: "
        f"wamon config check --config {output}"
    )


def _understood(settings: "Settings", now: datetime) -> dict[str, Any]:
    from wamon.config.settings import LARGE_QUOTA, SMALL_QUOTA
    from wamon.rules import RULES
    from wamon.web.public import ROUTE

    version = settings.version(settings.versions, now)
    expires_at = settings.versions.expires_at(version)
    costs = settings.calls_per_hour()
    webhook_apps = settings.webhook_apps()
    return {
        "file": str(settings.path) if settings.path else None,
        "accounts": [
            {
                "name": account.name,
                "waba_id": account.waba_id,
                "token": account.token,
                "app": account.app,
                "phone_number_ids": sorted(account.phone_number_ids),
                "calls_per_hour": costs[account.waba_id],
                "share_of_small_quota": costs[account.waba_id] / SMALL_QUOTA,
                "share_of_large_quota": costs[account.waba_id] / LARGE_QUOTA,
            }
            for account in settings.accounts
        ],
        "tokens": [
            {
                "token": token.alias,
                "waba_ids": list(token.waba_ids),
                "app_id": token.app_id,
                "inspected_by": "its app" if token.app_secret else "itself",
            }
            for token in settings.tokens()
        ],
        "apps": [
            {"name": app.name, "app_id": app.app_id, "is_watched": app.app_secret is not None} for app in settings.apps
        ],
        "receivers": list(settings.receivers()),
        "routes": [
            {"receiver": route.receiver, "min_severity": str(route.least), "accounts": sorted(route.accounts)}
            for route in settings.routes
        ],
        "alerting_mode": settings.alerting_mode,
        "alerting_mode_of_rules": {
            name: mode for name, mode in settings.rule_modes.items() if mode != settings.alerting_mode
        },
        "rules": len(settings.bound_rules(RULES)),
        "rules_changed": sorted(settings.rules),
        "graph_base_url": settings.graph_base_url,
        "graph_version": version,
        "graph_version_expires_at": expires_at.isoformat() if expires_at else None,
        "sender_versions": list(settings.sender_versions),
        "poll_interval_seconds": settings.poll_interval.total_seconds(),
        "slow_poll_interval_seconds": settings.slow_poll_interval.total_seconds(),
        "database": str(settings.database),
        "private_listen": str(settings.private_listen),
        "scheme": settings.web_config.scheme,
        "public_listen": str(settings.public_listen) if webhook_apps else None,
        "webhook_paths": [ROUTE, *(f"{ROUTE}/{app.name}" for app in webhook_apps)] if webhook_apps else [],
        "warnings": list(settings.warnings(now)),
    }


def _print_understood(understood: dict[str, Any]) -> None:
    from wamon.cli.printing import print_facts, print_table
    from wamon.config.settings import LARGE_QUOTA, SMALL_QUOTA

    print_table(
        ("account", "WABA", "token", "app", "numbers", "calls/h", f"of {SMALL_QUOTA}/h", f"of {LARGE_QUOTA:,}/h"),
        (
            (
                account["name"],
                account["waba_id"],
                account["token"],
                account["app"] or "-",
                str(len(account["phone_number_ids"])) if account["phone_number_ids"] else "all",
                f"{account['calls_per_hour']:,.0f}",
                f"{account['share_of_small_quota']:.1%}",
                f"{account['share_of_large_quota']:.1%}",
            )
            for account in understood["accounts"]
        ),
    )
    print_facts(_facts(understood))
    for warning in understood["warnings"]:
        click.secho(f"warning: {warning}", fg="yellow")
    click.echo("OK")


def _facts(understood: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", understood["file"] or "none, the environment alone"
    for token in understood["tokens"]:
        app = f", app {token['app_id']}" if token["app_id"] else ""
        yield (
            f"token {token['token']}",
            f"{_plural(len(token['waba_ids']), 'WABA')}{app}, inspected by {token['inspected_by']}",
        )
    for app in understood["apps"]:
        watched = "its webhook fields are watched" if app["is_watched"] else "known by its id only"
        yield f"app {app['name']}", f"{app['app_id']}, {watched}"
    changed = f", changed: {', '.join(understood['rules_changed'])}" if understood["rules_changed"] else ""
    yield "alerts", f"{understood['alerting_mode']}, {_plural(understood['rules'], 'rule')}{changed}"
    for mode in sorted(set(understood["alerting_mode_of_rules"].values())):
        yield f"alerts {mode}", ", ".join(n for n, own in understood["alerting_mode_of_rules"].items() if own == mode)
    yield "receivers", ", ".join(understood["receivers"]) or "none"
    for route in understood["routes"]:
        of = f" of {', '.join(route['accounts'])}" if route["accounts"] else ""
        yield "route", f"from {route['min_severity']} on{of}: {route['receiver']}"
    until = understood["graph_version_expires_at"]
    ends = f", served until {until[:10]}" if until else ", its end is not announced"
    yield "Graph API", f"{understood['graph_version']} at {understood['graph_base_url']}{ends}"
    if understood["sender_versions"]:
        yield "senders use", ", ".join(understood["sender_versions"])
    slow = understood["slow_poll_interval_seconds"]
    yield (
        "polling",
        f"accounts every {understood['poll_interval_seconds']:g} s, tokens, apps and templates every {slow:g} s",
    )
    yield "database", understood["database"]
    yield "metrics", f"{understood['scheme']}://{understood['private_listen']}/metrics"
    paths = ", ".join(understood["webhook_paths"])
    yield "webhooks", f"at {understood['public_listen']}: {paths}" if paths else "not received: set a verify_token"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@config.command("hash-password")
@click.argument("name")
def hash_password(name: str) -> None:
    """Make a line for `basic_auth_users` of the web configuration file. The password is read, never an argument.

    \b
    Example:
      wamon config hash-password anna >> web.yml
      wamon config hash-password anna < password.txt
    """
    import bcrypt

    from wamon.web.access import LONGEST_PASSWORD_BYTES

    if sys.stdin.isatty():
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    secret = password.encode()
    if not secret or len(secret) > LONGEST_PASSWORD_BYTES or b"\0" in secret:
        raise Failure(f"the password must have 1 to {LONGEST_PASSWORD_BYTES} bytes")
    if not name or ":" in name or not name.isprintable():
        raise Failure("the name must have at least one letter and no colon")
    click.echo(f"  {json.dumps(name)}: {bcrypt.hashpw(secret, bcrypt.gensalt(COST)).decode()}")
