"""Who is told: the receivers' names, the routes to them, and what those keys must say together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wamon.config.problems import Problem, nearest
from wamon.config.schema import AlertingTable
from wamon.config.values import BUILTIN, PUSH, number_of
from wamon.core.alerting import Severity

SLACK_WEBHOOK: Final = "slack_webhook"
SLACK_BOT: Final = "slack_bot"
WEBHOOK: Final = "webhook"
LOG: Final = "log"
# What makes each of these a receiver; the log is always there.
_NEEDS: Final[Mapping[str, str]] = {
    SLACK_WEBHOOK: "slack_webhook_url",
    SLACK_BOT: "slack_bot_token",
    WEBHOOK: "webhook_url",
}
# Each key is of no use without the other.
_NEEDED: Final = (
    ("slack_bot_token", "slack_channel", ""),
    ("slack_channel", "slack_bot_token", " (a webhook has its channel built in)"),
    ("slack_app_token", "slack_bot_token", ""),
    ("slack_signing_secret", "slack_bot_token", ""),
    ("webhook_secret", "webhook_url", ""),
)

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """Alerts at least this severe, of these accounts (by name; empty: all), go to this receiver."""

    receiver: str
    least: Severity = Severity.INFO
    accounts: frozenset[str] = frozenset()


def channel_receiver(channel: str, default_channel: str | None) -> str:
    """The name of the bot as the receiver that writes to this channel."""
    return SLACK_BOT if channel == default_channel else f"{SLACK_BOT}:{channel}"


def told_problems(top: Table, accounts: Sequence[str]) -> Iterator[Problem]:
    """Faults of the keys about receivers; `top` is the merged configuration, `accounts` are the accounts' names."""
    for key, needed, remark in _NEEDED:
        if key in top and needed not in top:
            text = f"is set without {needed}: set WAMON_{needed.upper()} too{remark}"
            yield Problem(key=(key,), text=text)
    if "slack_escalation_mention" in top and not {"slack_bot_token", "slack_webhook_url"} & top.keys():
        text = "is set without Slack: set WAMON_SLACK_BOT_TOKEN, or WAMON_SLACK_WEBHOOK_URL, too"
        yield Problem(key=("slack_escalation_mention",), text=text)
    yield from _escalation_is_in_order(top)
    yield from _push_has_peers(top)
    yield from _routes_lead_somewhere(top, accounts)
    configured = _configured(top)
    for key in ("escalation_receiver", "fallback_receiver"):
        name = top.get(key)
        # Any channel of the bot will do, whether or not a route leads there.
        is_channel = isinstance(name, str) and SLACK_BOT in configured and name.strip().startswith(f"{SLACK_BOT}:")
        if isinstance(name, str) and name.strip() and name.strip() not in configured and not is_channel:
            yield Problem(key=(key,), text=f"is no receiver that is configured: {_listed(configured)}")


def _escalation_is_in_order(top: Table) -> Iterator[Problem]:
    table = top.get("alerting")
    first, again = ("escalate_after_minutes", "escalate_again_after_minutes")
    if not isinstance(table, Mapping) or not {first, again} & table.keys():
        return
    defaults = AlertingTable()
    minutes = [number_of(table.get(key, getattr(defaults, key))) for key in (first, again)]
    if minutes[0] is not None and minutes[1] is not None and minutes[1] < minutes[0]:
        yield Problem(key=("alerting", again), text=f"is less than {first}: both count from the same moment")


def _push_has_peers(top: Table) -> Iterator[Problem]:
    if "alertmanager_urls" in top:
        return
    text = "is push without alertmanager_urls: set WAMON_ALERTMANAGER_URLS too"
    if _is_push(top.get("alerting_mode")):
        yield Problem(key=("alerting_mode",), text=text)
    rules = top.get("rules")
    for name, table in rules.items() if isinstance(rules, Mapping) else ():
        if isinstance(table, Mapping) and _is_push(table.get("mode")):
            yield Problem(key=("rules", name, "mode"), text=text)


def _is_push(mode: object) -> bool:
    return isinstance(mode, str) and mode.strip().lower() == PUSH


def _routes_lead_somewhere(top: Table, accounts: Sequence[str]) -> Iterator[Problem]:
    routes = top.get("routes")
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if not isinstance(route, Mapping):
            # Reported where single values are judged.
            continue
        where = ("routes", index)
        if ("channel" in route) == ("receiver" in route):
            text = "needs a channel or a receiver" if "channel" not in route else "has a channel and a receiver"
            yield Problem(key=where, text=f"{text}: give one of the two")
        elif "channel" in route and "slack_bot_token" not in top:
            # Routes are of the file, so its keys are named before the variables.
            text = "needs the Slack bot: set slack_bot_token and slack_channel, or their WAMON_ variables"
            yield Problem(key=(*where, "channel"), text=text)
        elif "receiver" in route:
            yield from _route_receiver_exists(route["receiver"], (*where, "receiver"), top)
        named = route.get("accounts")
        parts = named.split(",") if isinstance(named, str) else named if isinstance(named, list) else []
        for name in parts:
            if isinstance(name, str) and name.strip() and name.strip() not in accounts:
                hint = nearest(name, accounts) or f": there are {', '.join(sorted(accounts)) or 'none'}"
                yield Problem(key=(*where, "accounts"), text=f"names an account that is not configured{hint}")


def _route_receiver_exists(name: object, key: tuple[str | int, ...], top: Table) -> Iterator[Problem]:
    if not isinstance(name, str) or not name.strip():
        return
    needed = _NEEDS.get(name.strip())
    if name.strip() != LOG and needed is None:
        yield Problem(key=key, text=f"must be one of {', '.join([*_NEEDS, LOG])}")
    elif needed is not None and needed not in top:
        yield Problem(key=key, text=f"is not configured: set {needed} (or WAMON_{needed.upper()}) too")


def _configured(top: Table) -> list[str]:
    """Every receiver that could be named, from what is written."""
    names = [name for name, key in _NEEDS.items() if key in top]
    routes = top.get("routes")
    if SLACK_BOT in names and isinstance(routes, list):
        channels = [route.get("channel") for route in routes if isinstance(route, Mapping)]
        default = top.get("slack_channel")
        found = [channel_receiver(each.strip(), default) for each in channels if isinstance(each, str)]
        names += [name for name in dict.fromkeys(found) if name not in names]
    return [*names, LOG]


def _listed(configured: Sequence[str]) -> str:
    return f"there {'is' if len(configured) == 1 else 'are'} {', '.join(configured)}"


def default_receivers(*, slack_webhook: bool, slack_bot: bool, webhook: bool) -> tuple[str, ...]:
    """Who is told what no route takes: every receiver that is configured, else the log."""
    configured = {SLACK_WEBHOOK: slack_webhook, SLACK_BOT: slack_bot, WEBHOOK: webhook}
    return tuple(name for name, is_there in configured.items() if is_there) or (LOG,)


def has_builtin(modes: Mapping[str, str], mode: str) -> bool:
    """Whether wamon itself tells people of anything."""
    return BUILTIN in (modes.values() or [mode])
