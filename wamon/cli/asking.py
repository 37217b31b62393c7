"""Asking the running daemon over its private listener. Standard library only, so that an answer comes at once."""

import getpass
import http.client
import json
import os
import re
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import click

from wamon.cli import Failure, config_option
from wamon.config.sources import FILE_SUFFIX, Sources, read_limited, read_sources, variable
from wamon.config.values import PRIVATE_LISTEN, Listen, bearer_token, listen, page_url
from wamon.core.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

API: Final = "/api/v1"
TIMEOUT_SECONDS: Final = 15.0
LARGEST_ANSWER: Final = 64 * 1024 * 1024
LARGEST_TOKEN_FILE: Final = 64 * 1024
UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:s|m|min|h|d|w)\s*)+")
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|min|m|h|d|w)")
_KEY: Final = "private_bearer_token"
_WEB_KEY: Final = "web_config"
# A listener on every address cannot be asked at that address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from the configuration, not bound

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
        "--url", metavar="URL", help="Where the daemon's private listener is. Default: as the configuration says."
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
        self._token = _token(sources)
        tls = private_tls(sources)
        scheme = "http" if tls is None else "https"
        self._base = _base(url) if url is not None else f"{scheme}://{private_listener(sources)}"
        # Another daemon's certificate is judged as everybody's.
        self._tls = tls if url is None else None

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
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            status, raw = self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as exc:
            reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
            raise Failure(
                f"no answer from {self._base}: {reason}: is `wamon run` running there? --url asks another one"
            ) from exc
        return self._understood(status, raw)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(self._base)
        host = parts.hostname or ""
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=self._tls)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
        )
        try:
            connection.request(method, f"{parts.path}{API}{path}", body=body, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST_ANSWER)
        finally:
            connection.close()

    def _understood(self, status: int, raw: bytes) -> dict[str, Any]:
        if status == http.client.UNAUTHORIZED:
            have = "the one that is configured here is another" if self._token else "none is configured here"
            raise Failure(f"{self._base} asks for a bearer token, and {have}: set {variable(_KEY)} for both")
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or (status >= http.client.BAD_REQUEST and "error" not in answer):
            raise Failure(f"{self._base} answered {status}, and not as wamon does: is it the private listener?")
        if status < http.client.BAD_REQUEST:
            return answer
        words = f"{answer['error']}: {answer.get('next', '')}".rstrip(": ")
        raise Failure(words) if status >= http.client.INTERNAL_SERVER_ERROR else Refused(words)


def _joined(path: tuple[str, ...]) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in path)


def _base(url: str) -> str:
    try:
        return page_url(url)
    except ValueError as exc:
        raise ConfigurationError(f"--url {exc}") from exc


def private_listener(sources: Sources) -> Listen:
    """Where the daemon can be asked. Raises ConfigurationError when just that one key is wrong."""
    written = sources.value("private_listen")
    if written is None:
        return PRIVATE_LISTEN
    try:
        address = listen(written)
    except ValueError as exc:
        raise ConfigurationError(f"private_listen ({sources.place(('private_listen',))}): {exc}") from exc
    return Listen(_EVERYWHERE.get(address.host, address.host), address.port)


def private_tls(sources: Sources) -> "ssl.SSLContext | None":
    """What trusts the daemon of this configuration; None where it speaks plain HTTP. Raises ConfigurationError."""
    path = sources.resolved(_WEB_KEY, sources.value(_WEB_KEY))
    if path is None:
        return None
    # Few have one, and reading it takes longer than asking.
    from wamon.web.web_config import WebConfigError, read_web_config, trusting

    try:
        tls = read_web_config(path).tls
    except WebConfigError as exc:
        raise ConfigurationError(f"{_WEB_KEY} ({sources.place((_WEB_KEY,))}): {exc}") from exc
    return None if tls is None else trusting(tls)


def _token(sources: Sources) -> str | None:
    """The bearer token as written or in its file, the environment first; None when there is none."""
    for table in (sources.environment, sources.document):
        try:
            if (written := table.get(_KEY)) is not None:
                return bearer_token(written)
            if (path := sources.resolved(f"{_KEY}{FILE_SUFFIX}", table.get(f"{_KEY}{FILE_SUFFIX}"))) is not None:
                return bearer_token(read_limited(path, LARGEST_TOKEN_FILE).strip())
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise ConfigurationError(f"{_KEY}: its file cannot be read ({reason}): check the path") from exc
        except ValueError as exc:
            raise ConfigurationError(f"{_KEY}: {exc}") from exc
    return None
