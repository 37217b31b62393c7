"""Alerts and how people are told of them, two sections of the board of the daemon."""

from typing import Final

from dashboards import looks, queries
from dashboards.board import Section
from dashboards.panels import (
    HALF,
    MIDDLE,
    RUNBOOK_LINK,
    THIRD,
    About,
    Column,
    PanelBuilder,
    Query,
    Source,
    lines,
    rows,
)
from dashboards.queries import TARGET

MOST_LINES: Final = 10
NOT_SCRAPED: Final = "wamon is not scraped."
# Those that wamon's own engine does not know. WamonWatchdog is left out: it fires while all is well.
JUDGED_BY_PROMETHEUS: Final = (
    "WamonDown",
    "WamonNotifierFailing",
    "WamonShapeDrift",
    "WamonStoreFailing",
    "WhatsAppDeliveryErrorBudgetBurn",
)
NO_RECEIVER: Final = "nothing was sent since wamon started, or it has no receiver."


def alerts() -> Section:
    """What happens to alerts, and who tells of them."""
    return Section(title="Alerts", panels=(_alerts(), _transitions()))


def telling() -> Section:
    """What becomes of notifications."""
    return Section(title="Telling", panels=(_notifications(), _delay(), _modes(), _outbox(), _elsewhere()))


def every_alert(matchers: str = "", *, is_open: bool = False) -> str:
    """How many alerts there are of each name, severity and state, each told by one judge.

    wamon's engine judges in every mode; what only Prometheus judges has a series there while it holds.
    """
    alertnames = "|".join(JUDGED_BY_PROMETHEUS)
    chosen = ",".join(filter(None, (TARGET, matchers)))
    own = f'{chosen},state=~"firing|stale|recovering"' if is_open else chosen
    others = f'{chosen},alertname=~"{alertnames}"' + (',alertstate="firing"' if is_open else "")
    return f'wamon_alerts{{{own}}} or label_replace(ALERTS{{{others}}}, "state", "$1", "alertstate", "(.*)")'


# --- alerts -----------------------------------------------------------------------------------------------------------


def _alerts() -> PanelBuilder:
    return lines(
        About(
            title="Alerts by state",
            shows="Alerts that are pending, firing, stale (firing, but not to be confirmed now) or recovering; how "
            "many of them people are told less of, and why; and silences.",
            source=Source.DAEMON,
            act="stale ones: see what cannot be seen; silences that nobody remembers: `wamon silences`.",
            missing=NOT_SCRAPED,
            runbooks=("WamonCannotSee",),
        ),
        Query(expr=f"sum by (state) ({every_alert()})", legend="{{state}}"),
        Query(expr=f"sum by (overlay) (wamon_alerts_held{{{TARGET}}})", legend="held: {{overlay}}"),
        Query(expr=f"sum(wamon_silences{{{TARGET}}})", legend="silences"),
        unit=looks.COUNT,
        size=(HALF, MIDDLE),
    )


def _transitions() -> PanelBuilder:
    return lines(
        About(
            title="Transitions of alerts",
            shows="What happened to alerts between two points: opened, raised, closed and so on.",
            source=Source.DAEMON,
            act="one name that opens and closes again and again: see its thresholds in docs/alerts.md.",
            missing=NOT_SCRAPED,
        ),
        Query(
            expr=f"sum by (kind) (increase(wamon_alert_transitions_total{{{TARGET}}}[$__rate_interval]))",
            legend="{{kind}}",
        ),
        unit=looks.COUNT,
        size=(HALF, MIDDLE),
    )


def _modes() -> PanelBuilder:
    return rows(
        About(
            title="Who tells of which alert",
            shows="The mode of each alert: wamon itself (builtin), Prometheus's rules (prometheus), or an "
            "Alertmanager that wamon pushes to (push).",
            source=Source.DAEMON,
            act="change a mode in wamon's configuration; the rules in alerts/ follow it by themselves.",
            missing=NOT_SCRAPED,
        ),
        Query(expr=f"count by (alertname, mode) (wamon_alert_mode{{{TARGET}}} == 1)"),
        columns=(
            Column(name="alertname", title="Alert", links=(RUNBOOK_LINK,)),
            Column(name="mode", title="Told by", width=110),
            Column(name="Value", title="Instances", unit=looks.COUNT, width=90),
        ),
        worst="Alert",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


# --- telling ----------------------------------------------------------------------------------------------------------


def _notifications() -> PanelBuilder:
    return lines(
        About(
            title="Notifications and edits by outcome",
            shows="Notifications between two points by outcome (delivered, adopted, deferred, handed over, "
            "rejected), and edits that bring a message up to date.",
            source=Source.DAEMON,
            act="rejected and handed over: the receiver refuses; the log says why. Deferred: it is tried again.",
            missing=NO_RECEIVER,
            runbooks=("WamonNotifierFailing",),
        ),
        Query(
            expr=f"sum by (receiver, outcome) (increase(wamon_notifications_total{{{TARGET}}}[$__rate_interval]))",
            legend="{{receiver}}: {{outcome}}",
        ),
        Query(
            expr=f"sum by (outcome) (increase(wamon_notification_edits_total{{{TARGET}}}[$__rate_interval]))",
            legend="edits: {{outcome}}",
        ),
        unit=looks.COUNT,
    )


def _delay() -> PanelBuilder:
    return lines(
        About(
            title="From alert to notification",
            shows="Within which time half, and 95 in 100, of the notifications were delivered after the alert's "
            "transition.",
            source=Source.DAEMON,
            act="minutes: the receiver is slow or limits the rate; see the outbox.",
            missing=NO_RECEIVER,
            runbooks=("WamonNotifierFailing",),
        ),
        Query(expr=queries.quantile(0.5, "wamon_notification_delay_seconds", TARGET), legend="half"),
        Query(expr=queries.quantile(0.95, "wamon_notification_delay_seconds", TARGET), legend="95 in 100"),
        unit="s",
    )


def _outbox() -> PanelBuilder:
    return lines(
        About(
            title="Oldest notification that waits",
            shows="How long the oldest unsent notification has been waiting.",
            source=Source.DAEMON,
            act="a line that climbs: no receiver takes notifications; people are told nothing.",
            missing="nothing waits, which is well; or wamon is not scraped.",
            runbooks=("WamonNotifierFailing",),
        ),
        Query(expr=queries.since("wamon_outbox_oldest_timestamp_seconds"), legend="oldest"),
        unit="s",
        size=(THIRD, MIDDLE),
        thresholds=looks.thresholds((300, looks.WATCH), (900, looks.BAD)),
    )


def _elsewhere() -> PanelBuilder:
    pushes, actions = (
        queries.busiest_lines(
            MOST_LINES, f"sum by ({by}) (increase({counter}{{{TARGET}}}[$__rate_interval]))", counter, TARGET, by
        )
        for counter, by in (
            ("wamon_alertmanager_pushes_total", "peer, outcome"),
            ("wamon_slack_actions_total", "action, outcome"),
        )
    )
    heartbeat = queries.since("wamon_heartbeat_last_success_timestamp_seconds")
    return lines(
        About(
            title="Alertmanager, Slack's buttons, the heartbeat",
            shows="Requests with alerts to each Alertmanager and buttons that people pressed in Slack, between two "
            "points by outcome; and how long ago the outgoing heartbeat last arrived.",
            source=Source.DAEMON,
            act="rejected pushes: Alertmanager's version or wamon's labels; refused buttons: somebody not on the list.",
            missing="neither Alertmanager nor Slack's buttons nor a heartbeat are configured.",
            runbooks=("WamonNotifierFailing", "WamonWatchdog"),
        ),
        Query(expr=pushes, legend="{{peer}}: {{outcome}}"),
        Query(expr=actions, legend="{{action}}: {{outcome}}"),
        Query(expr=heartbeat, legend="heartbeat, ago", unit="s"),
        unit=looks.COUNT,
        size=(THIRD, MIDDLE),
    )
