"""A few made-up accounts as a Prometheus remembers them: each is in one kind of trouble, or in none."""

from collections.abc import Mapping
from typing import Final

from tests.assets.ruletest import TARGET
from tests.fakes import START

OK, WARNING, CANNOT_SEE, CRITICAL = 1, 2, 3, 4
MINUTES: Final = 3
NOW: Final = START.timestamp() + 60 * (MINUTES - 1)
DAY: Final = 86400.0
# Samples by their series: the value of each minute, or None where there is none.
Samples = dict[str, tuple[float | None, ...]]


def series(name: str, value: float = 1.0, /, **labels: str) -> Samples:
    """A series that stays as it is."""
    inside = ",".join(f'{label}="{text}"' for label, text in {**TARGET, **labels}.items())
    return {f"{name}{{{inside}}}": (value,) * MINUTES}


def probed(waba: str, *, ago: float | None = 0.0, **labels: str) -> Samples:
    """An account that is watched, and had an answer so many seconds ago."""
    probe = {"probe": "account", "waba_id": waba, **labels}
    found = series("wamon_probe_watched_since_timestamp_seconds", NOW - 60, **probe)
    found |= series("wamon_probe_interval_seconds", 300.0, **probe)
    if ago is not None:
        found |= series("wamon_probe_last_success_timestamp_seconds", NOW - ago, **probe)
    return found


def sends(waba: str, state: str, name: str = "whatsapp_can_send") -> Samples:
    return series(name, waba_id=waba, scope="waba", id=waba, state=state)


def well(waba: str) -> Samples:
    return probed(waba) | sends(waba, "AVAILABLE")


def judged(waba: str, what: str, bound: float) -> Samples:
    name = f"phone_number:whatsapp_message_{what}:lower_bound1h"
    return well(waba) | series(name, bound, waba_id=waba, phone_number_id=f"{waba}1")


def access(waba: str, value: float, name: str = "whatsapp_token_asset_access") -> Samples:
    return series(name, value, waba_id=waba, token="main")


def restricted(waba: str, kind: str, ends_in: float | None = None, *, is_active: bool = True) -> Samples:
    labels = {"waba_id": waba, "restriction_type": kind}
    found = series("whatsapp_waba_restriction_active", float(is_active), **labels)
    if ends_in is not None:
        found |= series("whatsapp_waba_restriction_expires_timestamp_seconds", NOW + ends_in, **labels)
    return found


def not_scraped(waba: str) -> Samples:
    """An account of a wamon that is gone after the first minute."""
    gone = {key.replace(TARGET["instance"], "gone:9877"): values for key, values in well(waba).items()}
    gone = {key: (values[0], None, None) for key, values in gone.items()}
    placed = f'job="{TARGET["job"]}",instance="gone:9877"'
    return gone | {f"up{{{placed}}}": (1.0, 0.0, 0.0), f"wamon_build_info{{{placed}}}": (1.0, None, None)}


VERDICTS: Final[tuple[tuple[str, Samples, int], ...]] = (
    ("well", well("100"), OK),
    ("at the threshold of a warning", judged("101", "faults", 0.05), OK),
    ("above the threshold of a warning", judged("102", "faults", 0.051), WARNING),
    ("at the critical threshold", judged("103", "faults", 0.15), WARNING),
    ("above the critical threshold", judged("104", "faults", 0.151), CRITICAL),
    ("bounces", judged("105", "bounces", 0.04), WARNING),
    ("many bounces, which stop nobody from sending", judged("106", "bounces", 0.5), WARNING),
    ("few bounces", judged("107", "bounces", 0.03), OK),
    ("access lost", well("110") | access("110", 0.0), CRITICAL),
    ("access there", well("111") | access("111", 1.0), OK),
    (
        "access lost before it became unknown",
        well("112") | access("112", 0.0, "whatsapp_token_last_known_asset_access"),
        4,
    ),
    ("scope taken away", well("113") | access("113", 0.0, "whatsapp_token_target_granted"), CRITICAL),
    (
        "a read beats the scope",
        well("114") | access("114", 0.0, "whatsapp_token_target_granted") | access("114", 1.0),
        OK,
    ),
    ("may not write first", well("115") | restricted("115", "RESTRICTED_BIZ_INITIATED_MESSAGING"), CRITICAL),
    ("may not do what nobody knows", well("116") | restricted("116", "OTHER"), CRITICAL),
    ("may not call", well("117") | restricted("117", "RESTRICTED_BUSINESS_INITIATED_CALLING"), WARNING),
    ("never answered", probed("120", ago=None), CANNOT_SEE),
    ("never answered, whatever else is known", probed("121", ago=None) | sends("121", "AVAILABLE"), CANNOT_SEE),
    ("answered, and nothing was said", probed("122"), CANNOT_SEE),
    ("answered, and no verdict", probed("123") | sends("123", "UNKNOWN"), CANNOT_SEE),
    ("answered within patience", probed("124", ago=900) | sends("124", "AVAILABLE"), OK),
    ("answered before", probed("125", ago=901) | sends("125", "AVAILABLE"), CANNOT_SEE),
    ("not scraped", not_scraped("126"), CANNOT_SEE),
    (
        "blocked before it became unknown",
        probed("127", ago=3600) | sends("127", "UNKNOWN") | sends("127", "BLOCKED", "whatsapp_last_known_can_send"),
        CRITICAL,
    ),
    (
        "a status that is new",
        well("128") | series("whatsapp_phone_number_status", waba_id="128", phone_number_id="1281", status="OTHER"),
        WARNING,
    ),
    (
        "a status that is not known",
        well("129") | series("whatsapp_phone_number_status", waba_id="129", phone_number_id="1291", status="UNKNOWN"),
        CANNOT_SEE,
    ),
)


def what_meta_says() -> Samples:
    """A ban, a warning, a word that is new, one that is none, and more warnings than the table has place for."""
    found = series("whatsapp_waba_ban_state", waba_id="999", state="DISABLE")
    found |= series("whatsapp_waba_ban_state_changed_timestamp_seconds", NOW - 7200, waba_id="999")
    found |= series("whatsapp_waba_status", waba_id="200", value="PENDING")
    found |= series("whatsapp_waba_status", waba_id="201", value="OTHER")
    found |= series("whatsapp_waba_status", waba_id="202", value="UNKNOWN")
    found |= series("whatsapp_waba_status", waba_id="203", value="ACTIVE")
    for waba in range(210, 270):
        found |= series("whatsapp_waba_business_verification_status", waba_id=f"{waba}", value="NOT_VERIFIED")
    return found


def flow(number: int, state: str, ago: float) -> Samples:
    labels = {"waba_id": "300", "flow_id": f"{number}", "event": "ENDPOINT_ERROR_RATE"}
    moment = series("whatsapp_flow_alert_state_changed_timestamp_seconds", NOW - ago, **labels)
    return moment | series("whatsapp_flow_alert_state", **labels, state=state)


def flows() -> Samples:
    """Three in trouble, and more that are over since than the table has place for."""
    found = flow(1, "ACTIVATED", 3 * DAY) | flow(2, "ACTIVATED", 3600) | flow(3, "ACTIVATED", DAY)
    for number in range(10, 40):
        found |= flow(number, "DEACTIVATED", 60.0 * number)
    return found


def banned(waba: str, state: str, begins_in: float) -> Samples:
    day = series("whatsapp_waba_ban_timestamp_seconds", NOW + begins_in, waba_id=waba)
    return day | series("whatsapp_waba_ban_state", waba_id=waba, state=state)


def restrictions() -> Samples:
    return (
        restricted("400", "SOON", DAY)
        | restricted("400", "LATER", 9 * DAY)
        | restricted("400", "FOR_EVER")
        | restricted("400", "OVER", is_active=False)
        | banned("401", "DISABLE", -DAY)
        | banned("402", "SCHEDULE_FOR_DISABLE", 3 * DAY)
        | banned("403", "REINSTATE", -DAY)
    )


def alerts() -> Samples:
    """What wamon's engine tells, what Prometheus tells of the same and besides, and what always fires."""

    def told(name: str, severity: str, state: str = "firing") -> Samples:
        return series("ALERTS", alertname=name, severity=severity, alertstate=state)

    own = {"alertname": "WhatsAppQualityRatingRed", "severity": "critical"}
    return (
        series("wamon_alerts", 2.0, **own, state="firing")
        | series("wamon_alerts", 1.0, **own, state="pending")
        | told("WhatsAppQualityRatingRed", "critical")
        | told("WamonDown", "critical")
        | told("WamonStoreFailing", "critical", "pending")
        | told("WhatsAppDeliveryErrorBudgetBurn", "warning")
        | told("WamonShapeDrift", "info")
        | told("WamonWatchdog", "info")
    )


def ranked(
    name: str, rating: str = "GREEN", status: str = "CONNECTED", sends: str = "AVAILABLE", failing: float | None = None
) -> Samples:
    """A number of which this is told; `was` before a word says that it is not known now."""
    number = {"waba_id": RANKED, "phone_number_id": name}
    found: Samples = {}
    for metric, label, told in (("quality_rating", "rating", rating), ("status", "status", status)):
        now, was = ("UNKNOWN", told.removeprefix("was ")) if told.startswith("was ") else (told, "")
        found |= series(f"whatsapp_phone_number_{metric}", **number, **{label: now})
        if was:
            found |= series(f"whatsapp_phone_number_last_known_{metric}", **number, **{label: was})
    if rating != "GREEN":
        found |= series("whatsapp_phone_number_quality_rating", 0.0, **number, rating="GREEN")
    found |= series("whatsapp_phone_number_can_send", **number, state=sends)
    if failing is not None:
        found |= series("whatsapp_message_failure_ratio", failing, **number, window="24h")
    return found


RANKED: Final = "500"
# Numbers by how bad it is, the worst first: each is as bad as a lesser trouble can be, then only what it is.
RANKS: Final[tuple[tuple[str, Samples], ...]] = (
    ("stops and more", ranked("a", "RED", "BANNED", "BLOCKED", 1.0)),
    ("stops", ranked("b", sends="BLOCKED")),
    ("stopped before it became unknown", ranked("c", status="was BANNED")),
    ("RED and more", ranked("d", "RED", "FLAGGED", "LIMITED", 1.0)),
    ("RED", ranked("e", "RED")),
    ("RED before it became unknown", ranked("f", "was RED")),
    ("fails and more", ranked("g", "YELLOW", "FLAGGED", "LIMITED", 1.0)),
    ("fails", ranked("h", failing=0.151)),
    ("limited twice and more", ranked("i", "YELLOW", "FLAGGED", "LIMITED", 0.15)),
    ("limited", ranked("j", status="FLAGGED")),
    ("YELLOW and more", ranked("k", "YELLOW", "UNKNOWN", "UNKNOWN", 0.15)),
    ("YELLOW", ranked("l", "YELLOW")),
    ("fails a little", ranked("m", failing=0.051)),
    ("unknown altogether", ranked("n", "UNKNOWN", "UNKNOWN", "UNKNOWN", 0.05)),
    ("unknown", ranked("o", sends="UNKNOWN")),
    ("fails hardly", ranked("p", failing=0.05)),
    ("well", ranked("q")),
)
EQUALLY_BAD: Final = (("b", "c"), ("e", "f"))


def only_told_by_webhooks() -> Samples:
    """An account and its number that no poll has seen."""
    found = series("whatsapp_webhook_last_event_timestamp_seconds", NOW, waba_id="600", field="messages")
    return found | series("whatsapp_message_statuses_total", waba_id="600", phone_number_id="6001", status="sent")


def vanished() -> Samples:
    """An account and its number of which nothing is told any more."""
    found = series("whatsapp_waba_info", waba_id="601", name="Bygone")
    found |= series(
        "whatsapp_phone_number_info", waba_id="601", phone_number_id="6011", display_phone_number="+1 555 0100"
    )
    return {key: (values[0], None, None) for key, values in found.items()}


def taking_turns() -> Samples:
    """Accounts whose messages fail: ten of them most in each minute, and other ten in the next."""
    found: Samples = {}
    for place in range(30):
        bad = tuple(0.5 + place / 1000 if place // 10 == minute else 0.1 for minute in range(MINUTES))
        (key,) = series("waba:whatsapp_message_failures:ratio1h", waba_id=f"{700 + place}")
        found[key] = bad
    return found


def strangers() -> Samples:
    """Another process that Prometheus scrapes, down and large."""
    placed = 'job="node",instance="node:9100"'
    return {
        f"up{{{placed}}}": (0.0,) * MINUTES,
        f"process_resident_memory_bytes{{{placed}}}": (1e15,) * MINUTES,
    }


def probes_of_no_account() -> Samples:
    found: Samples = {}
    for probe in ({"probe": "token", "token": "main"}, {"probe": "app", "app_id": "7"}):
        found |= series("wamon_probe_watched_since_timestamp_seconds", NOW - DAY, **probe)
        found |= series("wamon_probe_last_success_timestamp_seconds", NOW - DAY / 2, **probe)
        found |= series("wamon_probe_interval_seconds", 900.0, **probe)
        found |= series("wamon_probe_outcome", 1.0, **probe, outcome="denied")
    return found


def written(samples: Mapping[str, tuple[float | None, ...]]) -> str:
    """As OpenMetrics with its times."""
    stamps = [START.timestamp() + 60 * minute for minute in range(MINUTES)]
    lines = [
        f"{key} {value!r} {stamp:.3f}"
        for key, values in samples.items()
        for stamp, value in zip(stamps, values, strict=True)
        if value is not None
    ]
    return "\n".join([*lines, "# EOF", ""])


def everything() -> Samples:
    """All of the accounts, what is told of them, and what concerns none of them."""
    found: Samples = series("up") | series("wamon_build_info", version="1")
    for _, samples, _ in VERDICTS:
        found |= samples
    for _, samples in RANKS:
        found |= samples
    found |= only_told_by_webhooks() | vanished() | taking_turns() | strangers()
    found |= series("process_resident_memory_bytes", 1e8)
    return found | what_meta_says() | flows() | restrictions() | alerts() | probes_of_no_account()
