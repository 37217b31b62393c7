"""Asking the running daemon over its private listener. Standard library only, so that an answer comes at once."""

import getpass
import http.client
import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import click

from wamon.cli import Failure, config_option
from wamon.cli.reaching import PASSWORD, TOKEN, USER, authorization, way
from wamon.config.sources import read_sources, variable

API: Final = "/api/v1"
TIMEOUT_SECONDS: Final = 15.0
LARGEST_ANSWER: Final = 64 * 1024 * 1024
UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:s|m|min|h|d|w)\s*)+")
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|min|m|h|d|w)")

F = TypeVar("F", bound=Callable[..., Any])


class Refused(Failure):
    """The daemon understood, and does not do it."""

    exit_code = 1


def duration(text: str) -> timedelta:
    """What `90s`, `30m`, `4h`, `2d` or `1h30m` says; the type of an option. Raises click.BadParameter."""
    known = text.strip().lower()
    if not _DURATION.fullmatch(known):
        raise click.BadParameter(f"{text!r} is no duration: write it like 90s, 30m, 4h, 2d or 1h30m")
    try:
        return timedelta(seconds=sum(float(number) * UNITS[unit] for number, unit in _PART.findall(known)))
    except OverflowError as exc:
        raise click.BadParameter(f"{text!r} is too long") from exc


def daemon_options(command: F) -> F:
    """The `--config` and `--url` options, as the arguments `config_path` and `url`."""
    url = click.option(
        "--url", metavar="URL", help="Where the daemon's private listener is. Default: api_url, else private_listen."
    )
    return config_option(url(command))


def author_option(command: F) -> F:
    """The `--author` option, as the argument `author`."""
    decorate = click.option("--author", default=whoami, metavar="NAME", help="Who does this. Default: you, by login.")
    return decorate(command)


def whoami() -> str:
    """The login name and the machine: who did it, in the alert's time line."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


class Daemon:
    """The daemon that the configuration, or `url`, names. Everything raises Failure with what to do about it."""

    def __init__(self, config_path: Path | None, url: str | None) -> None:
        sources = read_sources(config_path, os.environ)
        self._way = way(sources, url)
        self._authorization = authorization(sources)

    def get(self, *path: str, **query: str) -> dict[str, Any]:
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return self._ask("GET", _joined(path) + (f"?{asked}" if asked else ""), None)

    def post(self, *path: str, **body: object) -> dict[str, Any]:
        """Fields that are None are left out."""
        given = {name: value for name, value in body.items() if value is not None}
        return self._ask("POST", _joined(path), json.dumps(given).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        headers: dict[str, str] = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        connection = self._way.connection(TIMEOUT_SECONDS)
        try:
            connection.request(method, f"{self._way.path}{API}{path}", body=body, headers=headers)
            with connection.getresponse() as answer:
                raw = answer.read(LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as exc:
            hint = "" if isinstance(exc, ssl.SSLError) else ": is `wamon run` running there? --url asks another one"
            raise Failure(f"no answer from {self._way.base}: {self._way.explained(exc)}{hint}") from exc
        finally:
            connection.close()
        if answer.status == http.client.UNAUTHORIZED:
            raise Failure(self._unknown(answer.headers.get_all("WWW-Authenticate", [])))
        return self._understood(answer.status, raw)

    def _unknown(self, challenges: Sequence[str]) -> str:
        """What to configure where the daemon does not know who asks."""
        schemes = {challenge.partition(" ")[0].lower() for challenge in challenges}
        keys = [f"{variable(USER)} and {variable(PASSWORD)}"] if "basic" in schemes else []
        keys += [variable(TOKEN)] if "bearer" in schemes or not keys else []
        have = "refuses what is configured here" if self._authorization else "nothing is configured here"
        return f"{self._way.base} asks who you are, and {have}: set {', or '.join(keys)}"

    def _understood(self, status: int, raw: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or (status >= http.client.BAD_REQUEST and "error" not in answer):
            raise Failure(f"{self._way.base} answered {status}, and not as wamon does: is it the private listener?")
        if status < http.client.BAD_REQUEST:
            return answer
        words = f"{answer['error']}: {answer.get('next', '')}".rstrip(": ")
        raise Failure(words) if status >= http.client.INTERNAL_SERVER_ERROR else Refused(words)


def _joined(path: tuple[str, ...]) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in path)
