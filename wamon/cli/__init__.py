"""The `wamon` command: finds the subcommand, and turns what goes wrong into one clean message and an exit code."""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from wamon import __version__
from wamon.core.errors import WamonError

if TYPE_CHECKING:
    from wamon.config.settings import Settings

FAILED: Final = 2
INTERRUPTED: Final = 130

# Loaded when called: `wamon --help` and the container's health check must not wait for the whole daemon's imports.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "run": ("wamon.cli.run:run", "Watch: poll, remember, export metrics, alert."),
        "demo": ("wamon.cli.demo:demo", "See it work: everything simulated, no credentials, no network."),
        "doctor": ("wamon.cli.doctor:doctor", "Check everything once, with evidence, cause and fix."),
        "explain": ("wamon.cli.explain:explain", "What an error code, a status or an alert means, and what to do."),
        "alerts": ("wamon.cli.alerts:alerts", "See, silence, acknowledge and close alerts of the running daemon."),
        "timeline": ("wamon.cli.timeline:timeline", "What happened: every change, every alert's steps, every marker."),
        "mark": ("wamon.cli.mark:mark", "Set a marker in the timeline: a deploy, a campaign."),
        "drill": ("wamon.cli.drill:drill", "Rehearse an alert: through the real path, and its recovery."),
        "replay": ("wamon.cli.replay:replay", "Recorded webhooks through the rules: what would have paged."),
        "backup": ("wamon.cli.backup:backup", "Write a copy of the database, while the daemon works on."),
        "prune": ("wamon.cli.prune:prune", "Forget what is past its retention, and give the room back."),
        "config": ("wamon.cli.config:config", "Check, show or write the configuration."),
        "healthcheck": ("wamon.cli.healthcheck:healthcheck", "Ask the running daemon whether it is well (for Docker)."),
    }
)

F = TypeVar("F", bound=Callable[..., Any])


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name][0]} is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx):
            from wamon.config.problems import nearest

            ctx.fail(f"there is no command {args[0]!r}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WamonError as exc:
            raise Failure(str(exc)) from exc
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


class Failure(click.ClickException):
    """What the user is told when a command cannot do its work."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        lines = self.message.splitlines()
        text = f"Error: {self.message}" if len(lines) == 1 else "\n  ".join(["Error:", *lines])
        click.echo(text, file=file or sys.stderr)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, "-V", "--version", prog_name="wamon", message="%(prog)s %(version)s")
def main() -> None:
    """Watches the health of WhatsApp Business accounts.

    \b
    Example:
      WAMON_WABA_ID=102290129340398 WAMON_ACCESS_TOKEN_FILE=token.txt wamon run
    """


def config_option(command: F) -> F:
    """The `--config` option, as the argument `config_path`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The configuration file. Default: WAMON_CONFIG, else ./wamon.toml, else /etc/wamon/wamon.toml.",
    )(command)


def json_option(command: F) -> F:
    """The `--json` option, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text for people.")(
        command
    )


def settings_from(config_path: Path | None) -> "Settings":
    """The configuration as every command reads it, rule overrides checked. Raises ConfigurationError."""
    from wamon.config.load import load_settings
    from wamon.rules import RULES

    return load_settings(config_path, os.environ, rules=RULES)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
