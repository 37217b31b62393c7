"""The frame of the command: help, version, errors and interrupts."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.cli.running import wamon
from wamon import __version__, cli
from wamon.core.errors import StoreInUseError


def test_help_lists_every_command_without_importing_one(tmp_path: Path) -> None:
    result = wamon("--help", folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")

    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert result.returncode == 0
    assert [name for name in cli.COMMANDS if f"\n  {name} " not in result.stdout] == []
    assert {name for name in imported if name.startswith("wamon.")} == {"wamon.cli", "wamon.core", "wamon.core.errors"}


def test_version(tmp_path: Path) -> None:
    assert wamon("--version", folder=tmp_path).stdout == f"wamon {__version__}\n"


def test_misspelt_command_names_the_nearest() -> None:
    result = CliRunner().invoke(cli.main, ["explian"])

    assert result.exit_code == 2
    assert "Error: there is no command 'explian'; did you mean explain?\n" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["config"],
        ["config", "check"],
        ["config", "show"],
        ["config", "init"],
        ["explain"],
        ["healthcheck"],
        ["timeline"],
        ["mark"],
        ["backup"],
        ["prune"],
    ],
)
def test_every_command_has_help_with_an_example(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli.main, [*arguments, "--help"])

    assert result.exit_code == 0
    assert f"Example:\n    wamon {arguments[0]}" in result.output


def ending_with(error: BaseException) -> click.Group:
    """A `wamon` whose commands all end with this error."""

    class Group(cli.LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            @click.command()
            def fail() -> None:
                raise error

            return fail

    return Group("wamon")


def test_error_of_ours_is_one_clean_message_and_exit_code_2() -> None:
    result = CliRunner().invoke(ending_with(StoreInUseError("wamon.db is in use by process 7: stop it")), ["run"])

    assert result.exit_code == 2
    assert result.stderr == "Error: wamon.db is in use by process 7: stop it\n"


def test_interrupt_is_quiet() -> None:
    result = CliRunner().invoke(ending_with(KeyboardInterrupt()), ["run"])

    assert result.exit_code == 130
    assert result.output == ""


def test_error_of_nobodys_keeps_its_traceback() -> None:
    result = CliRunner().invoke(ending_with(ZeroDivisionError()), ["run"])

    assert isinstance(result.exception, ZeroDivisionError)
