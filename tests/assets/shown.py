"""What the boards must show of the demo's story and of its epilogue, and what neither can show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.fakes import START
from wamon.sim.world import World

_WORLD: Final = World.small(lambda: START)
MARKETING, BYSTANDER, STRANGERS, COURIER = _WORLD.numbers
MARKET, DELIVERIES = _WORLD.wabas

# As the boards' own codes have them: a state that is not known is shown as more than any known one.
RED, YELLOW, BLOCKED = 3, 2, 3
UNKNOWN: Final = 100
CRITICAL, CANNOT_SEE, WARNING = 4, 3, 2
HALF_AN_HOUR: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A panel shows, at a minute of the story, a series with these labels and a value in these bounds.

    `query` is the name of the one that shows it, "" for any of the panel's.
    """

    board: str
    panel: str
    minute: int
    query: str = ""
    at_least: float = float("-inf")
    at_most: float = float("inf")
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        value = ",".join(self.labels.values())
        return " ".join(filter(None, (self.board, f"{self.minute} m:", self.panel, self.query, value)))


def _shown(board: str, minute: int, panel: str, query: str, least: float, most: float, labels: dict[str, str]) -> Shown:
    return Shown(board=board, panel=panel, minute=minute, query=query, at_least=least, at_most=most, labels=labels)


def fleet(minute: int, panel: str, query: str = "", *, least: float, most: float = float("inf"), **by: str) -> Shown:
    return _shown("wamon-fleet", minute, panel, query, least, most, by)


def number(minute: int, panel: str, query: str = "", *, least: float, most: float = float("inf"), **by: str) -> Shown:
    return _shown("wamon-number", minute, panel, query, least, most, by)


def delivery(minute: int, panel: str, query: str = "", *, least: float, most: float = float("inf"), **by: str) -> Shown:
    return _shown("wamon-delivery", minute, panel, query, least, most, by)


def webhooks(minute: int, panel: str, query: str = "", *, least: float, most: float = float("inf"), **by: str) -> Shown:
    return _shown("wamon-webhooks", minute, panel, query, least, most, by)


def daemon(minute: int, panel: str, query: str = "", *, least: float, most: float = float("inf"), **by: str) -> Shown:
    return _shown("wamon-daemon", minute, panel, query, least, most, by)


# The beats: a bad campaign from 5, YELLOW at 10, RED from 30 to 50, a token that ends from 60 to 110, no payment from
# 66 to 84, no subscription from 95 to 125, messages to strangers at 130, no Slack from 138 to 168, no Meta from 150 to
# 195, a restriction at 172; then the epilogue, what polls see from 255 and what webhooks tell at 275.
SHOWN: Final[tuple[Shown, ...]] = (
    fleet(20, "Open alerts", least=1, severity="warning"),
    fleet(35, "Open alerts", least=1, severity="critical"),
    fleet(35, "Numbers by quality rating", least=1, most=1, rating="RED"),
    fleet(20, "Numbers by quality rating", least=2, most=2, rating="YELLOW"),
    fleet(185, "Numbers by quality rating", least=4, most=4, rating="UNKNOWN"),
    fleet(265, "Numbers by whether they can send", least=1, most=1, state="BLOCKED"),
    fleet(190, "Probes that cannot see", least=2),
    fleet(20, "Verdict per account", "A", least=WARNING, most=WARNING, waba_id=MARKET),
    fleet(35, "Verdict per account", "A", least=CRITICAL, most=CRITICAL, waba_id=MARKET),
    fleet(105, "Verdict per account", "A", least=CRITICAL, most=CRITICAL, waba_id=MARKET),
    fleet(190, "Verdict per account", "A", least=CANNOT_SEE, most=CANNOT_SEE, waba_id=MARKET),
    fleet(180, "Verdict per account", "A", least=CRITICAL, most=CRITICAL, waba_id=DELIVERIES),
    fleet(240, "Verdict per account", "A", least=1, most=1, waba_id=MARKET),
    fleet(35, "Verdict per account", "E", least=1, most=1, waba_id=MARKET),
    fleet(35, "Worst numbers first", "E", least=RED, most=RED, phone_number_id=MARKETING),
    fleet(35, "Worst numbers first", "G", least=0.2, most=1, phone_number_id=MARKETING),
    fleet(35, "Worst numbers first", "H", least=0.1, most=1, phone_number_id=MARKETING),
    fleet(265, "Whether the 10 worst numbers could send", least=BLOCKED, most=BLOCKED, phone_number_id=MARKETING),
    fleet(35, "Alerts now", least=1, alertname="WhatsAppQualityRatingRed", state="firing"),
    fleet(105, "Alerts now", least=1, alertname="WhatsAppSubscriptionLost", state="firing"),
    fleet(285, "What Meta says of accounts that is not all well", least=0, said="PIN_CHANGED", waba_id=MARKET),
    fleet(80, "Tokens that end", least=0, most=36 * 3600),
    fleet(120, "Tokens that end", least=59 * 86400),
    fleet(180, "Restrictions and bans", least=1, most=HALF_AN_HOUR, waba_id=DELIVERIES),
    fleet(20, "Messages by status", least=0.01, status="failed"),
    fleet(84, "Failures by class", least=0.002, error_class="sender"),
    fleet(20, "Spread of the failure ratio over the numbers", "D", least=0.2, most=1),
    fleet(20, "The 10 accounts that fail most", least=0.1, most=1, waba_id=MARKET),
    fleet(190, "What cannot be seen", "A", least=HALF_AN_HOUR, probe="account"),
    fleet(185, "Readings that are unknown", least=4),
    number(20, "Quality rating over time", least=YELLOW, most=YELLOW),
    number(35, "Quality rating over time", least=RED, most=RED),
    number(185, "Quality rating over time", least=UNKNOWN),
    number(185, "Status over time", least=UNKNOWN),
    number(265, "Can send over time", least=BLOCKED, most=BLOCKED),
    number(35, "Quality rating", least=RED, most=RED),
    number(265, "Can send", least=BLOCKED, most=BLOCKED),
    number(190, "Last answer of Meta about its account", least=HALF_AN_HOUR),
    number(265, "Who lets it send, and why not", least=1, error_code="141006", state="BLOCKED"),
    number(285, "Security events", least=1, event="PIN_CHANGED"),
    number(45, "From sent to read", "A", least=200),
    number(45, "From sent to read", "E", least=80),
    number(20, "Messages by status", least=0.01, status="failed"),
    number(35, "Failure and bounce ratio", "A", least=0.25, most=1),
    number(35, "Failure and bounce ratio", "C", least=0.1, most=1),
    number(45, "Open messages by age", "A", least=1, age="15m_1h"),
    number(20, "Failures by class", least=0.01, error_class="recipient"),
    number(35, "Failures of the last hour by code", "A", least=10, code="131047"),
    number(20, "Bounces by kind", least=0.01, kind="hard"),
    number(32, "Opt-outs", least=5),
    number(20, "Time from sent to delivered, whole account", least=0.01, le="+Inf"),
    number(20, "Delivered within, whole account", least=1, most=30),
    number(285, "Delivered within, whole account", "D", least=1, most=30),
    delivery(20, "Failed", least=0.1, most=1),
    delivery(20, "Bounced", least=0.1, most=1),
    delivery(215, "Open for more than an hour", least=50),
    delivery(20, "The 10 accounts whose messages fail most", least=0.1, most=1, waba_id=MARKET),
    delivery(20, "The 10 accounts whose messages bounce most", least=0.1, most=1, waba_id=MARKET),
    delivery(
        80, "What the alert judges: failures on our side or Meta's", least=0.05, most=1, phone_number_id=COURIER
    ),
    delivery(35, "What the alert judges: bounces", least=0.1, most=1, phone_number_id=MARKETING),
    delivery(165, "What the alert judges: messages still open", least=0.3, most=1, phone_number_id=STRANGERS),
    delivery(80, "Failures by class", least=0.001, error_class="sender"),
    delivery(90, "Accounts and classes that fail most", least=0.05, waba_id=DELIVERIES, error_class="sender"),
    delivery(80, "Budget burn of the worst account", "A", least=14),
    delivery(80, "Budget burn of the worst account", "C", least=6),
    delivery(80, "Accounts that burn most of their budget", "D", least=1, waba_id=DELIVERIES),
    delivery(85, "Failures by code", "A", least=10, code="131042"),
    delivery(85, "Numbers and codes of the last hour", least=10, code="131042", phone_number_id=COURIER),
    delivery(20, "The slowest accounts", "A", least=1, most=60, waba_id=MARKET),
    delivery(285, "Messages by category", "A", least=0.01, category="authentication"),
    delivery(32, "Opt-outs and bounces of the worst number", "C", least=0.01),
    delivery(285, "Templates with problems", "A", least=1, template="order_update", problem="PAUSED"),
    delivery(285, "Templates", least=1, status="DISABLED"),
    delivery(285, "Flows", least=1, flow_id="33", state="ACTIVATED"),
    webhooks(105, "Accounts that are not subscribed", least=1, most=1),
    webhooks(105, "Subscriptions of accounts", "A", least=0, most=0, waba_id=MARKET),
    webhooks(265, "Subscriptions of accounts", "B", least=0, most=0, waba_id=MARKET),
    webhooks(120, "The most silent accounts", "A", least=900, waba_id=MARKET),
    webhooks(20, "Events by field", least=0.1, field="messages"),
    webhooks(20, "Lag of webhooks", least=0.1, le="+Inf"),
    webhooks(20, "The accounts whose webhooks are latest", least=1, waba_id=MARKET),
    webhooks(45, "Duplicates and contradictions", "A", least=0.001),
    webhooks(45, "Duplicates and contradictions", "B", least=0.001),
    webhooks(20, "Requests by answer", least=0.1, code="200"),
    webhooks(277, "Requests by answer", least=0.001, code="401"),
    webhooks(280, "Bad signatures in the time shown", least=0.9),
    webhooks(277, "Not understood, or of nobody watched", "A", least=0.001, reason="not_json"),
    webhooks(277, "Not understood, or of nobody watched", "B", least=0.001, what="field"),
    webhooks(80, "Tokens", "C", least=0, most=36 * 3600),
    webhooks(285, "Tokens", "D", least=0, most=10 * 86400),
    daemon(180, "Probes, the longest without an answer first", "A", least=HALF_AN_HOUR, probe="account"),
    daemon(180, "Probes, the longest without an answer first", "C", least=1, outcome="unreachable"),
    daemon(160, "Probe runs by outcome", least=0.1, outcome="unreachable"),
    daemon(160, "Graph requests by answer", "A", least=1, code="network"),
    daemon(190, "Probes that cannot see", least=2),
    daemon(20, "Alerts by state", "A", least=4, state="firing"),
    daemon(45, "Alerts by state", "B", least=3, overlay="acknowledged"),
    daemon(120, "Alerts by state", "B", least=1, overlay="silenced"),
    daemon(190, "Alerts by state", "B", least=1, overlay="inhibited"),
    daemon(20, "Transitions of alerts", least=1, kind="open"),
    daemon(32, "Transitions of alerts", least=0),
    daemon(20, "Notifications and edits by outcome", "A", least=1, outcome="delivered"),
    daemon(160, "Notifications and edits by outcome", "A", least=1, outcome="deferred"),
    daemon(160, "Notifications that wait", "A", least=1, state="due"),
    daemon(160, "Oldest notification that waits", least=300),
    daemon(80, "Alertmanager, Slack's buttons, the heartbeat", "B", least=0.5, action="acknowledge", outcome="done"),
    daemon(285, "Oddities in the time shown", least=1, said="whatsapp_phone_number_status"),
)  # fmt: skip

_NO_JUMP: Final = "time is simulated and runs evenly"
# What the story cannot show: board, panel and query, "" for all of the panel's; and why.
EMPTY_IN_THE_DEMO: Final[dict[tuple[str, str, str], str]] = {
    ("wamon-daemon", "Jumps of the clock", ""): _NO_JUMP,
    ("wamon-daemon", "Alertmanager, Slack's buttons, the heartbeat", "A"): "wamon tells of its alerts itself",
    ("wamon-daemon", "Failures of wamon's own", "C"): "no job of wamon's own fails",
}
