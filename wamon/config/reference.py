"""The configuration in writing: docs/configuration.md, and the commented file that `wamon config init` writes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from pydantic.fields import FieldInfo

from wamon.config.rules import ENABLED, MODE, RuleKey, dataclass_keys
from wamon.config.schema import TABLES, AccountTable, AlertingTable, AppTable, Keys, RouteTable
from wamon.config.sources import FILE_SUFFIX, SECRET_KEYS, variable
from wamon.config.values import BUILTIN, Listen
from wamon.core.alerting import Timing
from wamon.core.ports import Rule

# Each chapter begins at this key and ends before the next one's.
CHAPTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "waba_id": "The account and its app",
        "slack_webhook_url": "Slack",
        "webhook_url": "Other receivers, and who alerts",
        "graph_base_url": "Meta's Graph API",
        "poll_interval": "How often",
        "database": "This machine",
    }
)
# What a file written by `wamon config init` asks for; everything else in it is a comment.
ASKED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "waba_id": """\
waba_id = "<WABA id>"
""",
        "access_token": """\
# Best in a file of its own, beside this one, which only wamon may read. A reload takes in a renewed token.
#   (umask 077; cat > access-token.txt)     paste the token, press Enter, then Ctrl-D
access_token_file = "access-token.txt"
# Or here, in place of the line above:
#   access_token = "EAA..."
""",
    }
)

_INTRODUCTION: Final = """\
# Configuration

wamon reads `wamon.toml` (`--config FILE`, else `WAMON_CONFIG`, else `./wamon.toml`, else `/etc/wamon/wamon.toml`) and
the environment. Every top-level key is also an environment variable, `WAMON_` and the key in capitals, and the
environment wins. One account needs no file: `WAMON_WABA_ID` and `WAMON_ACCESS_TOKEN` are enough.

- Every secret can be in a file of its own: `access_token_file = "/run/secrets/token"`, `WAMON_ACCESS_TOKEN_FILE`.
- Relative paths in the file start at the file's folder, those in the environment at the working directory.
- Lists are arrays in the file and commas in the environment: `WAMON_SENDER_VERSIONS=v24.0,v25.0`.
- A key that does not exist is an error. `wamon config check` tells all errors at once and what polling will cost;
  `wamon config show` tells where each value came from; `wamon config init` writes a file to start from.
- A running wamon reads all of it again, the files of secrets too, on SIGHUP or `curl -X POST .../-/reload` at the
  private listener. A configuration with a fault, or that it cannot start with, changes nothing: the answer, the log and
  `wamon_config_last_reload_successful` say so. wamon's own counters (`wamon_*_total`) begin at zero then, as after a
  restart.
"""
_MANY: Final = """\
## Many accounts

An `[[accounts]]` table for each further WABA and an `[[apps]]` table for each further Meta app. They stand below all
top-level keys. Accounts with the same access token share it: it is inspected once.
"""
_ROUTES: Final = """\
## Who is told

Without `[[routes]]` every receiver that is configured is told of everything; without any receiver the log is. With
routes exactly these decide: an alert goes to every route that it fits, and what no route takes goes to every receiver
that is configured (for the bot: to `slack_channel`). Whoever is named as `escalation_receiver` or `fallback_receiver`
is kept for that, unless a route leads there or nobody else is configured. What alerts do, and when they are told, is
in [alerting.md](alerting.md).

```toml
[[routes]]
channel = "#whatsapp-oncall"
min_severity = "critical"

[[routes]]
channel = "#shop"
accounts = ["shop"]
```
"""
_PATIENCE: Final = """\
## Patience

One table `[alerting]`; each key may be left out.
"""
_RULES: Final = """\
## Alert rules

A table `[rules.<name>]` changes one rule: its thresholds, its patience, `mode` (in place of `alerting_mode`), or
`enabled = false`. `for` is how long the condition must hold before the alert opens, `keep_firing_for` how long it must
be gone before it closes; `min_observations` is how many looks must agree (`min_observations_critical`: when it is
critical). Durations have their unit in their name: `for_seconds`, `for_minutes`, `for_hours` or `for_days`. Unless a
rule below says otherwise:
"""
_HEADER: Final = """\
# The configuration of wamon, see docs/configuration.md. Keys behind a '#' show their default, or an example.
# Environment variables (WAMON_ and the key in capitals) win over this file. Check it with: wamon config check
"""
_EXAMPLES: Final = """\
# --- more accounts, each with a table of its own; below all keys above ------------------------------------------------

# [[apps]]
# name = "main"
# app_id = "610000000000002"
# app_secret_file = "app-secret.txt"

# [[accounts]]
# name = "shop"
# waba_id = "102290129340399"
# access_token_file = "shop-token.txt"
# app = "main"

# --- alert rules that should behave differently; `wamon explain ALERT` tells what they mean ---------------------------

# [rules.WhatsAppTokenExpiring]
# warning_days = 21

# --- who is told of what; without routes every receiver is told of everything -----------------------------------------

# [[routes]]
# channel = "#whatsapp-oncall"
# min_severity = "critical"
# accounts = ["shop"]

# --- patience with messages and people --------------------------------------------------------------------------------

# [alerting]
# group_wait_seconds = 20
# repeat_critical_hours = 4
# escalate_after_minutes = 15
"""


def render_configuration(rules: Sequence[Rule]) -> str:
    """The text of docs/configuration.md."""
    return "\n".join([*_introduction(), *_tables(), *_rules(rules)]) + "\n"


def render_example() -> str:
    """A wamon.toml to start from: a placeholder and a file to fill in, everything else in comments."""
    lines = [_HEADER.rstrip("\n")]
    for key, field in _top_level():
        if key in CHAPTERS:
            lines += ["", f"# --- {CHAPTERS[key].lower()} ".ljust(120, "-")]
        lines += ["", *_wrapped(field.description or "")]
        lines.append(ASKED[key].rstrip("\n") if key in ASKED else _commented(key, field))
    return "\n".join([*lines, "", _EXAMPLES])


def _introduction() -> Iterator[str]:
    yield _INTRODUCTION
    for key, field in _top_level():
        if key in CHAPTERS:
            yield from (f"## {CHAPTERS[key]}", "", "| key | variable | default | what it is for |", "|---|---|---|---|")
        name = _key(key)
        yield f"| {name} | `{variable(key)}` | {_default(field)} | {field.description} |"
        if _ends_chapter(key):
            yield ""


def _tables() -> Iterator[str]:
    yield _MANY
    yield from _table("accounts", AccountTable.model_fields)
    yield from _table("apps", AppTable.model_fields)
    yield _ROUTES
    yield from _table("routes", RouteTable.model_fields)
    yield from (_PATIENCE, "| key | default | what it is for |", "|---|---|---|")
    for key, field in AlertingTable.model_fields.items():
        yield f"| {_key(key)} | {_default(field)} | {field.description} |"
    yield ""


def _table(name: str, fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield from (f"### [[{name}]]", "", "| key | needed | what it is for |", "|---|---|---|")
    for key, field in fields.items():
        yield f"| {_key(key)} | {'yes' if field.is_required() else 'no'} | {field.description} |"
    yield ""


def _rules(rules: Sequence[Rule]) -> Iterator[str]:
    yield from (
        _RULES,
        "```toml",
        f"{ENABLED} = true",
        f'{MODE} = "{BUILTIN}"',
        *_assignments(dataclass_keys(Timing())),
        "```",
        "",
    )
    yield from ("The rules, their thresholds, and where their patience is another:", "", "```toml")
    for index, rule in enumerate(rules):
        usual = set(dataclass_keys(Timing()))
        if index:
            yield ""
        yield f"[rules.{rule.name}]"
        yield from _assignments(dataclass_keys(rule.params))
        yield from _assignments(key for key in dataclass_keys(rule.timing) if key not in usual)
    yield "```"


def _assignments(keys: Iterable[RuleKey]) -> Iterator[str]:
    # TOML has no null, so that what has no default is not shown.
    yield from (f"{entry.key} = {_toml(entry.default)}" for entry in keys if entry.default is not None)


def _top_level() -> Iterator[tuple[str, FieldInfo]]:
    yield from ((key, field) for key, field in Keys.model_fields.items() if key not in TABLES)


def _ends_chapter(key: str) -> bool:
    keys = [name for name, _ in _top_level()]
    following = keys.index(key) + 1
    return following == len(keys) or keys[following] in CHAPTERS


def _key(key: str) -> str:
    return f"`{key}`, `{key}{FILE_SUFFIX}`" if key in SECRET_KEYS else f"`{key}`"


def _default(field: FieldInfo) -> str:
    return f"`{_toml(field.default)}`" if field.default not in (None, ()) else ""


def _commented(key: str, field: FieldInfo) -> str:
    if key in SECRET_KEYS:
        return f'# {key}{FILE_SUFFIX} = "{key.replace("_", "-")}.txt"'
    example = (field.examples or [None])[0] if field.default in (None, ()) else field.default
    return f"# {key} = {_toml(example)}"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value.total_seconds():g}"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case tuple():
            return f"[{', '.join(json.dumps(part) for part in value)}]"
        case Listen():
            return json.dumps(str(value))
        case _:
            return json.dumps(value, ensure_ascii=False)


def _wrapped(text: str) -> Iterator[str]:
    line = "#"
    for part in text.split():
        if len(line) + 1 + len(part) > 120:
            yield line
            line = "#"
        line += f" {part}"
    yield line
