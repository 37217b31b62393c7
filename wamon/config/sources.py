"""Where settings are written: the environment and wamon.toml, read into plain values that know their place.

Standard library only: the container's health check reads one key through here, and must be quick.
"""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from wamon.core.errors import ConfigurationError

PREFIX: Final = "WAMON_"
CONFIG_VARIABLE: Final = "WAMON_CONFIG"
DEFAULT_PATHS: Final = (Path("wamon.toml"), Path("/etc/wamon/wamon.toml"))
# Each of these may also be given as `<key>_file`: the path of a file that holds it.
SECRET_KEYS: Final = frozenset(
    {
        "access_token",
        "app_secret",
        "previous_app_secret",
        "verify_token",
        "slack_webhook_url",
        "slack_bot_token",
        "slack_app_token",
        "slack_signing_secret",
        "webhook_url",
        "webhook_secret",
        "heartbeat_url",
        "private_bearer_token",
        "api_password",
    }
)
FILE_SUFFIX: Final = "_file"
# Ten thousand accounts are about two megabytes.
LARGEST_FILE: Final = 16 * 1024 * 1024

# Not settings: the first is read by `read_sources`, the others by tests.
_OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, "WAMON_REQUIRE_TOOLS"})
_TEST_PREFIX: Final = "WAMON_TEST_"
# Kubernetes and Docker links put these into every container beside a service whose name begins with "wamon".
# Source: Kubernetes "Service: environment variables", read 2026-11.
_SERVICE_VARIABLE: Final = re.compile(
    r"WAMON_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_URL_VARIABLE: Final = re.compile(r"WAMON_(?:\w+_)?PORT")
_SERVICE_URL: Final = re.compile(r"(?:tcp|udp|sctp)://.+")

_TABLE_LINE: Final = re.compile(r"\s*(?P<open>\[\[?)(?P<name>[^\[\]]+)\]\]?\s*(?:#.*)?")
_KEY_LINE: Final = re.compile(r"""\s*(?P<key>[\w."' -]+?)\s*=""")

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the environment and the file say, before anything of it is judged.

    `environment` has the settings' variables under their key (lower case, no prefix), `document` is the parsed file.
    `path` is None when there is no file; `lines` says on which line of it a key stands.
    """

    environment: Mapping[str, str] = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    path: Path | None
    lines: Mapping[KeyPath, int]

    def value(self, key: str) -> Any:
        """What is written for a top-level key; the environment wins; None when it is nowhere."""
        return self.environment.get(key, self.document.get(key))

    def place(self, key: KeyPath) -> str | None:
        """Where a key's value was written: `WAMON_WABA_ID` or `wamon.toml:7`; None when it is nowhere."""
        for spelling in (key, (*key[:-1], f"{key[-1]}{FILE_SUFFIX}")):
            if len(spelling) == 1 and spelling[0] in self.environment:
                return variable(str(spelling[0]))
        for spelling in (key, (*key[:-1], f"{key[-1]}{FILE_SUFFIX}")):
            if _is_in(self.document, spelling):
                return f"{self.path}{self._line(spelling)}"
        # What is not written has its table's place, if it has one.
        return f"{self.path}{self._line(key)}" if len(key) > 1 and self.path else None

    @property
    def base(self) -> Path:
        """The folder that relative paths in the file start at: its own."""
        return self.path.parent if self.path else Path()

    def resolved(self, key: str, value: object) -> Path | None:
        """The path that a top-level key names; None when the value is no text."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            return None
        path = Path(os.path.expanduser(value.strip()))  # noqa: PTH111 - unlike Path's it never raises
        return self.base / path if key in self.document and key not in self.environment else path

    def _line(self, key: KeyPath) -> str:
        # An inline table has no line of its own; then the line that it begins on says enough.
        known = (self.lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self.lines)
        return next((f":{line}" for line in known), "")


def variable(key: str) -> str:
    """The environment variable that sets a key."""
    return PREFIX + key.upper()


def read_sources(
    path: Path | None, environ: Mapping[str, str], *, default_paths: Sequence[Path] = DEFAULT_PATHS
) -> Sources:
    """Read the file that is asked for (`path`, else WAMON_CONFIG, else the first default that exists) and `environ`.

    Raises ConfigurationError when the file cannot be read or is not TOML.
    """
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    found = named or next((candidate for candidate in default_paths if candidate.is_file()), None)
    environment = dict(_settings_of(environ))
    if found is None:
        return Sources(environment=environment, document={}, path=None, lines={})
    written = _read_text(found)
    return Sources(
        environment=environment, document=_parse(written, found), path=found, lines=dict(_key_lines(written))
    )


def read_limited(path: Path, limit: int) -> str:
    """The text of a file of at most `limit` bytes. Raises OSError or ValueError, both with a short reason."""
    with path.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"is larger than {limit} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ValueError("is not UTF-8 text") from exc


def _settings_of(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in _OTHER_VARIABLES or name.startswith(_TEST_PREFIX):
            continue
        if _SERVICE_VARIABLE.fullmatch(name):
            continue
        if _SERVICE_URL_VARIABLE.fullmatch(name) and _SERVICE_URL.fullmatch(environ[name]):
            continue
        yield name.removeprefix(PREFIX).lower(), environ[name]


def _read_text(path: Path) -> str:
    try:
        return read_limited(path, LARGEST_FILE)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise ConfigurationError(
            f"{path}: cannot be read ({reason}): check the path, or write one with `wamon config init`"
        ) from exc
    except ValueError as exc:
        raise ConfigurationError(f"{path}: {exc}: is it the right file?") from exc


def _parse(written: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(written)
    except (ValueError, RecursionError) as exc:
        # tomllib says what it expected and where; it repeats at most one character of the text.
        at = re.search(r"at line ([0-9]+)", str(exc))
        reason = str(exc) if at else "a value in it cannot be read"
        line = f":{at[1]}" if at else ""
        raise ConfigurationError(f"{path}{line}: not valid TOML: {reason}") from exc


def _key_lines(written: str) -> Iterator[tuple[KeyPath, int]]:
    """The line of each table and key, the first one first; good enough to point at, so it does not parse strings."""
    table: KeyPath = ()
    tables: Counter[KeyPath] = Counter()
    seen: dict[KeyPath, int] = {}
    for number, line in enumerate(written.splitlines(), start=1):
        if header := _TABLE_LINE.fullmatch(line):
            table = _parts(header["name"])
            if header["open"] == "[[":
                tables[table] += 1
                table = (*table, tables[table] - 1)
            seen.setdefault(table, number)
        elif assignment := _KEY_LINE.match(line):
            seen.setdefault((*table, *_parts(assignment["key"])), number)
    return iter(seen.items())


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _is_in(document: object, key: KeyPath) -> bool:
    for part in key:
        match document:
            case dict() if part in document:
                document = document[part]
            case list() if isinstance(part, int) and part < len(document):
                document = document[part]
            case _:
                return False
    return True
