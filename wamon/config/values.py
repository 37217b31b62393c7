"""What one configured value may be: each function gives the value in its inner form, or raises ValueError.

The text of the error completes the sentence "KEY (PLACE): ..." and never repeats the value: what was pasted into the
wrong key may be a secret.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from wamon.core.alerting import Severity
from wamon.core.api_versions import normalise_version

LONGEST_INTERVAL: Final = timedelta(days=1)
# Source: Meta "Webhooks overview", read 2026-11.
REPEATED_FOR: Final = timedelta(days=7)
LONGEST_RETENTION: Final = timedelta(days=366)
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS: Final = ("console", "json")
BUILTIN: Final = "builtin"
PUSH: Final = "push"
ALERTING_MODES: Final = (BUILTIN, "prometheus", PUSH)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEVERITIES: Final = tuple(str(severity) for severity in Severity)
SHORTEST_BEARER_TOKEN: Final = 16

# Typographic ones too: text that went through a chat program has them.
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019"
# Meta's app secrets are 32 hexadecimal digits, its access tokens begin with EAA.
# Source: Meta "Access tokens", read 2026-09.
_APP_SECRET_FORM: Final = re.compile(r"[0-9a-f]{32}")
_APP_TOKEN_FORM: Final = re.compile(r"[0-9]+\|.+")
_NAME_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
# Users' ids begin with U or W, those of user groups with S, of channels with C or G.
# Source: Slack "Formatting text for app surfaces" and "Conversations API", read 2026-11.
_SLACK_USER_FORM: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_SLACK_GROUP_FORM: Final = re.compile(r"S[A-Z0-9]{2,20}")
_SLACK_CHANNEL_FORM: Final = re.compile(r"[CG][A-Z0-9]{2,20}")
_SLACK_MENTION_FORM: Final = re.compile(
    r"<(?:@(?P<user>[^<>|]+)|!subteam\^(?P<group>[^<>|]+)|!(?:here|channel|everyone))(?:\|[^<>]*)?>"
)
_WEEKLY_FORM: Final = re.compile(r"(?P<day>[a-z]+)\s+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?:\s*(?:utc|z))?")
_LISTEN_FORM: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:\s/]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a listener binds; port 0 lets the system choose. `str()` gives it in the form that is configured."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyTime:
    """A moment of the week in UTC; `weekday` is 0 for Monday, as `datetime.weekday()` has it."""

    weekday: int
    at: time

    def __str__(self) -> str:
        return f"{WEEKDAYS[self.weekday]} {self.at:%H:%M}"


# Meta's servers must reach the one, nobody outside the host needs the other.
PUBLIC_LISTEN: Final = Listen("0.0.0.0", 8080)  # noqa: S104 - meant
PRIVATE_LISTEN: Final = Listen("127.0.0.1", 9877)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")  # noqa: TRY004 - pydantic passes on ValueError only
    stripped = value.strip()
    if not stripped:
        raise ValueError("is empty: give it a value or remove it")
    if stripped[0] == "<" and stripped[-1] == ">":
        raise ValueError("is still the placeholder: put the real value there")
    if stripped[0] in _QUOTES:
        raise ValueError("begins with a quote: remove the quotes, an env file needs none")
    if not stripped.isprintable():
        raise ValueError("has a line break or another control character in it: paste it again")
    return stripped


def word(value: object) -> str:
    known = text(value)
    if re.search(r"\s", known):
        raise ValueError("has a space in it: remove it")
    return known


def identifier(value: object) -> str:
    """One of Meta's numeric ids; an integer is taken too, because TOML writes it without quotes."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        # A very long integer does not turn into text at all; no id of Meta's has even 20 digits.
        value = str(value) if value < 10**32 else "9" * 33
    known = text(value)
    if re.fullmatch(r"[0-9]{1,32}", known):
        return known
    if known.startswith("+"):
        raise ValueError(
            "begins with a plus sign: that is a phone number; the id beside it in WhatsApp Manager is wanted"
        )
    if re.fullmatch(r"[0-9]+", known):
        raise ValueError("is too long for an id of Meta's: copy it again")
    if re.fullmatch(r"[0-9\s_.()-]+", known):
        raise ValueError("has more than digits in it: write the digits only, without spaces or dashes")
    raise ValueError("must be digits only: copy the id, not a name or a token")


def name(value: object) -> str:
    known = text(value)
    if not _NAME_FORM.fullmatch(known):
        raise ValueError(
            "must be letters, digits, '.', '_' and '-' only, at most 63, because it becomes a metric label"
        )
    return known


def credential(value: object) -> str:
    """A secret that travels in an HTTP header."""
    known = text(value)
    if known.lower().startswith("bearer "):
        raise ValueError("begins with 'Bearer': give the token alone")
    if re.search(r"\s", known):
        raise ValueError("has a space in it: paste the token again, in one piece")
    if not known.isascii():
        raise ValueError("has a character that no token has: paste it again")
    return known


def access_token(value: object) -> str:
    known = credential(value)
    if _APP_SECRET_FORM.fullmatch(known):
        raise ValueError("looks like an app secret (32 hexadecimal digits): a system user's access token is wanted")
    if _APP_TOKEN_FORM.fullmatch(known):
        raise ValueError("looks like an app token (APP_ID|APP_SECRET): a system user's access token is wanted")
    if known.startswith("xox"):
        raise ValueError("looks like a Slack token: Meta's access token is wanted")
    return known


def app_secret(value: object) -> str:
    known = credential(value)
    if known.startswith("EAA"):
        raise ValueError("looks like an access token: the secret is under App settings > Basic in Meta's app dashboard")
    return known


def slack_bot_token(value: object) -> str:
    known = credential(value)
    if known.startswith("xapp-"):
        raise ValueError("looks like an app-level token (xapp-): the bot token (xoxb-) is under OAuth & Permissions")
    if "://" in known:
        raise ValueError("is a URL: an incoming webhook belongs into slack_webhook_url")
    return known


def slack_app_token(value: object) -> str:
    known = credential(value)
    if known.startswith("xoxb-"):
        raise ValueError("looks like a bot token (xoxb-): the app-level token (xapp-) is under Basic Information")
    if not known.startswith("xapp-"):
        raise ValueError("must begin with xapp-: an app-level token is under Basic Information > App-Level Tokens")
    return known


def slack_signing_secret(value: object) -> str:
    known = credential(value)
    if known.startswith(("xox", "xapp-")):
        raise ValueError("looks like a Slack token: the signing secret is under Basic Information > App Credentials")
    return known


def slack_allowed(value: object) -> str:
    """Who may use the buttons: `*`, or the id of a user, a user group or a channel."""
    known = word(value)
    forms = (_SLACK_USER_FORM, _SLACK_GROUP_FORM, _SLACK_CHANNEL_FORM)
    if known != "*" and not any(form.fullmatch(known) for form in forms):
        raise ValueError("must be ids of users (U...), user groups (S...) or channels (C...), or * for everybody")
    return known


def slack_mention(value: object) -> str:
    """Whom a message calls, in Slack's own form; the bare id of a user or a user group is taken too."""
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")  # noqa: TRY004 - pydantic passes on ValueError only
    known = value.strip()
    if _SLACK_USER_FORM.fullmatch(known):
        return f"<@{known}>"
    if _SLACK_GROUP_FORM.fullmatch(known):
        return f"<!subteam^{known}>"
    match = _SLACK_MENTION_FORM.fullmatch(known)
    is_whole = match is not None and (
        (match["user"] is None or _SLACK_USER_FORM.fullmatch(match["user"]))
        and (match["group"] is None or _SLACK_GROUP_FORM.fullmatch(match["group"]))
    )
    if not is_whole:
        raise ValueError("must be the id of a user (U...) or a user group (S...), or <!here>; a name mentions nobody")
    return known


def bearer_token(value: object) -> str:
    known = credential(value)
    if len(known) < SHORTEST_BEARER_TOKEN:
        raise ValueError(f"must be at least {SHORTEST_BEARER_TOKEN} characters, for example of `openssl rand -hex 24`")
    return known


def user_name(value: object) -> str:
    """A name that goes before a password in an HTTP header (RFC 7617)."""
    known = text(value)
    if ":" in known:
        raise ValueError("has a colon in it: no user's name has one")
    return known


def receiver_url(value: object) -> str:
    """A URL of somebody who is told, as written. Plain http and a user in it are the owner's choice."""
    known = word(value)
    _split(known)
    return known


def alertmanager_url(value: object) -> str:
    """The base URL of one Alertmanager, to which `/api/v2/alerts` is added."""
    known = receiver_url(value)
    _refuse_query(known)
    known = known.rstrip("/")
    if known.endswith(("/api/v2/alerts", "/api/v2", "/api/v1/alerts")):
        raise ValueError("has the API's path in it: give the base URL, like http://alertmanager:9093")
    return known


def page_url(value: object) -> str:
    """A URL that people open and that paths may be put behind."""
    known = receiver_url(value)
    parts = urlsplit(known)
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in it: remove it")
    _refuse_query(known)
    return known.rstrip("/")


def without_user(url: str) -> str:
    """A URL that may be shown: without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def https_url(value: object) -> str:
    """A URL as written; https, or plain http on loopback."""
    known = word(value)
    parts = _split(known)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (plain http is for 127.0.0.1, ::1 and localhost only)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in it: remove it")
    return known


def base_url(value: object) -> str:
    """A URL that paths are put behind: without query, fragment and closing slash."""
    known = https_url(value)
    _refuse_query(known)
    return known.rstrip("/")


def listen(value: object) -> Listen:
    known = word(value)
    if "://" in known:
        raise ValueError("must be host:port, like 127.0.0.1:9877, without http://")
    if known.startswith(":") and known[1:].isdecimal():
        raise ValueError(
            "has no host: write 0.0.0.0 in front of the port for every address, 127.0.0.1 for this host only"
        )
    match = _LISTEN_FORM.fullmatch(known)
    if match is None:
        raise ValueError("must be host:port, like 127.0.0.1:9877 or [::1]:9877")
    port = int(match["port"])
    if port > 65535:
        raise ValueError("has a port above 65535")
    return Listen(match["host"].strip("[]"), port)


def interval(value: object) -> timedelta:
    """A number of seconds, at least one and at most a day."""
    number = number_of(value)
    if number is None:
        raise ValueError("must be a number of seconds, like 60, without a unit")
    if number < 1:
        raise ValueError("must be at least 1 second")
    if number > LONGEST_INTERVAL.total_seconds():
        raise ValueError("must be at most 86400 seconds, one day")
    return timedelta(seconds=number)


def count(value: object) -> int:
    number = number_of(value)
    if number is None or number != int(number) or number < 1 or number > 10**9:
        raise ValueError("must be a whole number from 1 to 1000000000")
    return int(number)


def retention_days(value: object) -> int:
    """For how many days messages are remembered: for longer than Meta repeats what it tells of them."""
    number = number_of(value)
    if number is None or number != int(number):
        raise ValueError("must be a whole number of days, like 30, without a unit")
    if number <= REPEATED_FOR.days:
        raise ValueError("must be at least 8 days: Meta repeats webhooks for up to 7, and each must count once")
    if number > LONGEST_RETENTION.days:
        raise ValueError("must be at most 366 days")
    return int(number)


def number_of(value: object) -> float | None:
    """The finite number that a value is or spells, None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def version(value: object) -> str:
    # An unquoted 25.0 is a float to TOML, and it is clear what is meant.
    known = normalise_version(str(value) if isinstance(value, float) else text(value))
    if known is None:
        raise ValueError("must be a Graph API version, like v25.0")
    return known


def log_level(value: object) -> str:
    return _one_of(text(value).upper(), LOG_LEVELS)


def log_format(value: object) -> str:
    return _one_of(text(value).lower(), LOG_FORMATS)


def alerting_mode(value: object) -> str:
    return _one_of(text(value).lower(), ALERTING_MODES)


def severity(value: object) -> Severity:
    return Severity[_one_of(text(value).lower(), SEVERITIES).upper()]


def weekly(value: object) -> WeeklyTime | None:
    """A weekday and a time of day in UTC; None for an empty text."""
    if isinstance(value, str) and not value.strip():
        return None
    match = _WEEKLY_FORM.fullmatch(text(value).lower())
    days = [day for day in WEEKDAYS if match and len(match["day"]) >= 3 and day.startswith(match["day"])]
    if match is None or not days:
        raise ValueError('must be a weekday and a time in UTC, like "monday 09:00"')
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise ValueError("has no such time of day: write 00:00 to 23:59, in UTC")
    return WeeklyTime(weekday=WEEKDAYS.index(days[0]), at=time(hour, minute))


def between(least: float, most: float, unit: str) -> Callable[[object], float]:
    """Reads a number of this unit within these bounds."""

    def read(value: object) -> float:
        number = number_of(value)
        if number is None:
            raise ValueError(f"must be a number of {unit}")
        if not least <= number <= most:
            raise ValueError(f"must be from {least:g} to {most:g} {unit}")
        return number

    return read


def whole_between(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = number_of(value)
        if number is None or number != int(number) or not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(number)

    return read


def items(value: object) -> tuple[object, ...]:
    """The parts of a TOML array, or of a text with commas, each once and in order."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError('must be a list like ["a", "b"]; in the environment a,b')  # noqa: TRY004 - as above
    return tuple(value)


def once(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parts))


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_query(url: str) -> None:
    if "?" in url or "#" in url:
        raise ValueError("has a query or fragment: give scheme, host and path only")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise ValueError("is not a URL: check host and port") from exc
    if not is_web:
        raise ValueError("must be a whole URL, beginning with https://")
    return parts


def _one_of(known: str, allowed: tuple[str, ...]) -> str:
    if known not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return known
