"""The fleet: a verdict for each account, the worst numbers first, what ends soon, traffic, and what cannot be seen."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.board import Board, Choice, Section
from dashboards.panels import (
    HALF,
    LOW,
    MIDDLE,
    NUMBER_LINK,
    RUNBOOK_LINK,
    WHOLE,
    About,
    Column,
    Mapping,
    PanelBuilder,
    Query,
    Source,
    board_link,
    figures,
    lines,
    rows,
    timeline,
)
from dashboards.queries import BY_NUMBER, BY_WABA, NUMBER, TARGET, WABA
from dashboards.sections import access, said, telling, verdict

MOST_NUMBERS: Final = 25
MOST_LINES: Final = 10
# The worst last, so that the place is the rank.
SEVERITIES: Final = ("info", "warning", "critical")


def board() -> Board:
    return Board(
        uid="wamon-fleet",
        title="wamon: fleet",
        description="All WhatsApp Business accounts at a glance: who is ill, how badly, and what cannot be seen.",
        choice=Choice.NUMBERS,
        sections=(
            Section(title="Verdict", panels=(*_figures(), verdict.accounts(), _worst_numbers(), _timeline())),
            Section(title="Alerts and what Meta said", panels=(_alerts(), said.panel())),
            access.countdowns(),
            Section(title="Traffic and failures", panels=_traffic()),
            Section(title="What cannot be seen", panels=(_unseen(), _unknown())),
        ),
    )


def _figures() -> tuple[PanelBuilder, ...]:
    size = (5, LOW)
    return (
        verdict.fleet(size=(WHOLE - 4 * size[0], LOW)),
        figures(
            About(
                title="Open alerts",
                shows="Alerts that are open by severity: wamon's own, those included that cannot be confirmed now, "
                "and those that only Prometheus judges.",
                source=Source.DAEMON,
                act="read the table of alerts below; each links to its runbook.",
                missing="wamon is not scraped, so nothing is known of its alerts.",
            ),
            Query(expr=f"sum by (severity) ({telling.every_alert(is_open=True)})", legend="{{severity}}"),
            unit=looks.COUNT,
            size=size,
            is_named=True,
            alarming=(("critical", looks.BAD), ("warning", looks.WATCH)),
        ),
        figures(
            About(
                title="Numbers by quality rating",
                shows="How many numbers have which rating. UNKNOWN: never rated, or not seen now.",
                source=Source.POLL,
                act="look for RED and YELLOW in the table of the worst numbers.",
                missing="no number is watched, or wamon is not scraped.",
                runbooks=("WhatsAppQualityRatingRed",),
            ),
            Query(
                expr=f"sum by (rating) (whatsapp_phone_number_quality_rating{{{NUMBER}}})",
                legend="{{rating}}",
            ),
            unit=looks.COUNT,
            size=size,
            is_named=True,
            alarming=(("RED", looks.BAD), ("YELLOW", looks.WATCH), ("UNKNOWN", looks.UNKNOWN)),
        ),
        figures(
            About(
                title="Numbers by whether they can send",
                shows="How many numbers can send, are limited or blocked, or are unknown.",
                source=Source.POLL,
                act="open a blocked number from the table below and read its reasons.",
                missing="no number is watched, or wamon is not scraped.",
                runbooks=("WhatsAppCannotSend",),
            ),
            Query(
                expr=f"sum by (state) (whatsapp_phone_number_can_send{{{NUMBER}}})",
                legend="{{state}}",
            ),
            unit=looks.COUNT,
            size=size,
            is_named=True,
            alarming=(("BLOCKED", looks.BAD), ("LIMITED", looks.WATCH), ("UNKNOWN", looks.UNKNOWN)),
        ),
        figures(
            About(
                title="Probes that cannot see",
                shows="Targets whose readings are too old to be known: three intervals without an answer, or none "
                "ever.",
                source=Source.DAEMON,
                act="see the last section; until they answer, older readings are history and shown as UNKNOWN.",
                missing="wamon is not scraped: nothing at all is seen.",
                runbooks=("WamonCannotSee",),
            ),
            Query(expr=f"sum({queries.unseen()})"),
            unit=looks.COUNT,
            size=size,
            thresholds=looks.thresholds((1, looks.BAD)),
        ),
    )


def _worst_numbers() -> PanelBuilder:
    chosen = queries.worst_numbers(MOST_NUMBERS)
    among = partial(queries.among, chosen, BY_NUMBER)
    ratio = f'whatsapp_message_failure_ratio{{{NUMBER},window="24h"}}'
    bounces = f'whatsapp_message_bounce_ratio{{{NUMBER},window="24h"}}'
    changed = queries.age(f"whatsapp_phone_number_quality_rating_changed_timestamp_seconds{{{NUMBER}}}")
    return rows(
        About(
            title="Worst numbers first",
            shows="The numbers in most trouble, by what keeps them from sending, then by rating, then by failures. "
            f"UNKNOWN comes before what is well. At most {MOST_NUMBERS}.",
            source=Source.BOTH,
            act="open a number by its link: its board tells since when, and why.",
            missing="no number is watched, or wamon is not scraped.",
            runbooks=("WhatsAppPhoneNumberDown", "WhatsAppQualityRatingRed"),
        ),
        Query(expr=chosen),
        queries.number_names(chosen),
        Query(expr=among(queries.CAN_SEND.query(NUMBER))),
        Query(expr=among(queries.STATUS.query(NUMBER))),
        Query(expr=among(queries.RATING.query(NUMBER))),
        Query(expr=among(f"max by ({BY_NUMBER}) ({changed})")),
        Query(expr=among(f"max by ({BY_NUMBER}) ({ratio})")),
        Query(expr=among(f"max by ({BY_NUMBER}) ({bounces})")),
        Query(expr=among(f'max by ({BY_NUMBER}) (whatsapp_messages_attempted{{{NUMBER},window="24h"}})')),
        columns=(
            Column(name="display_phone_number", title="Number", links=(NUMBER_LINK,), width=170),
            Column(name="verified_name", title="Name"),
            Column(name="Value #C", title="Can send", mapping=queries.CAN_SEND.words, width=120),
            Column(name="Value #D", title="Status", mapping=queries.STATUS.words, width=170),
            Column(name="Value #E", title="Quality rating", mapping=queries.RATING.words, width=170),
            Column(name="Value #F", title="Rated so for", unit=looks.AGE),
            Column(
                name="Value #G",
                title="Failed in 24 h",
                unit=looks.SHARE,
                thresholds=verdict.steps(queries.FAILING),
            ),
            Column(
                name="Value #H",
                title="Bounced in 24 h",
                unit=looks.SHARE,
                thresholds=verdict.steps(queries.BOUNCING),
            ),
            Column(name="Value #I", title="Messages in 24 h", unit=looks.COUNT),
            Column(name="Value #A", title="Badness", unit=looks.COUNT, is_hidden=True),
            Column(name="phone_number_id", title="Number ID", links=(NUMBER_LINK,), width=170),
            queries.WABA_COLUMN,
        ),
        worst="Badness",
    )


def _timeline() -> PanelBuilder:
    worst = queries.worst_numbers(MOST_LINES, " @ end()")
    named = queries.number_named(f"0 * {worst}")
    return timeline(
        About(
            title=f"Whether the {MOST_LINES} worst numbers could send",
            shows=f"The {MOST_LINES} numbers that are worst at the end of the time shown, and whether Meta let them "
            "send.",
            source=Source.POLL,
            act="compare the beginning of a blocked stretch with the alerts' marks, then open the number.",
            missing="no number is watched, or wamon is not scraped.",
            runbooks=("WhatsAppCannotSend", "WhatsAppSendLimited"),
        ),
        Query(
            expr=f"({named}) + on ({BY_NUMBER}) group_left () ({queries.CAN_SEND.query(NUMBER)})",
            legend="{{display_phone_number}} ({{phone_number_id}})",
        ),
        states=queries.CAN_SEND.words,
        size=(WHOLE, MIDDLE),
        link=board_link(
            "wamon-number",
            "Open this number",
            "var-waba=${__field.labels.waba_id}",
            "var-phone=${__field.labels.phone_number_id}",
        ),
    )


def _alerts() -> PanelBuilder:
    chosen, *by_severity = (
        f"sum by (alertname, severity, state) ({telling.every_alert(matcher)}) > 0"
        for matcher in ("", *(f'severity="{severity}"' for severity in SEVERITIES))
    )
    ranked = enumerate(by_severity)
    return rows(
        About(
            title="Alerts now",
            shows="How many alerts of each name are pending, firing, stale (firing, but not to be confirmed now) or "
            "recovering; those among them that only Prometheus judges.",
            source=Source.DAEMON,
            act="open the runbook of the alert; which subjects it is about stands in its message.",
            missing="nothing is pending or open; or wamon is not scraped (then the figures above are missing too).",
        ),
        Query(expr=chosen),
        Query(expr=queries.either(*(f"0 * ({there}) + {rank}" for rank, there in ranked))),
        columns=(
            Column(name="Value #B", title="Severity", mapping=_severities(), width=100),
            Column(name="alertname", title="Alert", links=(RUNBOOK_LINK,)),
            Column(name="state", title="State", width=110),
            Column(name="Value #A", title="Subjects", unit=looks.COUNT, width=90),
        ),
        worst="Severity",
        size=(HALF, MIDDLE),
    )


def _severities() -> Mapping:
    colours = (looks.CLEAR, looks.WATCH, looks.BAD)
    return looks.words({rank: (SEVERITIES[rank], colour) for rank, colour in enumerate(colours)})


def _traffic() -> tuple[PanelBuilder, ...]:
    ratio = f'whatsapp_message_failure_ratio{{{NUMBER},window="1h"}}'
    return (
        lines(
            About(
                title="Messages by status",
                shows="Messages a second by the statuses that they reached, over all chosen numbers.",
                source=Source.COUNT,
                act="a line that falls to zero while you send: look at the board of webhooks.",
                missing="no number has sent a message since it is watched.",
                runbooks=("WhatsAppWebhookSilence",),
            ),
            Query(expr=queries.rate("whatsapp_message_statuses_total", NUMBER, "status"), legend="{{status}}"),
            unit="mps",
        ),
        lines(
            About(
                title="Failures by class",
                shows="Failed messages a second of the last hour by the class of Meta's error code, over all chosen "
                "accounts.",
                source=Source.RULES,
                act="open the board of delivery: it names the codes and what they mean.",
                missing="no message has been sent since wamon watches, or the recording rules are not loaded.",
                runbooks=("WhatsAppFailureRatioHigh",),
            ),
            Query(
                expr=f"sum by (error_class) (waba_class:whatsapp_message_failures:rate1h{{{WABA}}})",
                legend="{{error_class}}",
            ),
            unit="mps",
            is_stacked=True,
        ),
        lines(
            About(
                title="Spread of the failure ratio over the numbers",
                shows="Failed messages per attempted one in the last hour: of the middle number, of those worse "
                "than nine in ten and 99 in 100, and of the worst.",
                source=Source.TICK,
                act="if only the worst line is high, it is a number's own trouble; if all are, it is Meta's or the "
                "sender's.",
                missing="no number had 50 messages in an hour.",
                runbooks=("WhatsAppFailureRatioHigh",),
            ),
            Query(expr=f"quantile(0.5, {ratio})", legend="middle number"),
            Query(expr=f"quantile(0.9, {ratio})", legend="nine in ten are better"),
            Query(expr=f"quantile(0.99, {ratio})", legend="99 in 100 are better"),
            Query(expr=f"max({ratio})", legend="worst number"),
            unit=looks.SHARE,
            thresholds=looks.thresholds((0.05, looks.WATCH), (0.15, looks.BAD)),
        ),
        lines(
            About(
                title=f"The {MOST_LINES} accounts that fail most",
                shows="Failed messages per attempted one in the last hour, by account.",
                source=Source.RULES,
                act="open the board of delivery for that account.",
                missing="no account attempted a message in the last hour, or the recording rules are not loaded.",
                runbooks=("WhatsAppFailureRatioHigh", "WhatsAppBounceRatioHigh"),
            ),
            Query(
                expr=queries.waba_named(
                    queries.worst_lines(MOST_LINES, f"waba:whatsapp_message_failures:ratio1h{{{WABA}}}", BY_WABA)
                ),
                legend="{{name}} ({{waba_id}})",
            ),
            unit=looks.SHARE,
            thresholds=looks.thresholds((0.05, looks.WATCH), (0.15, looks.BAD)),
        ),
    )


def _unseen() -> PanelBuilder:
    by = queries.BY_PROBE
    waiting = f"max by ({by}) ({queries.unheard()})"
    chosen = f"topk({MOST_NUMBERS}, {waiting} and on ({by}) ({queries.unseen()} == 1))"
    return rows(
        About(
            title="What cannot be seen",
            shows="Probes and their targets without an answer for so long that their readings count as unknown, "
            f"the longest first. At most {MOST_NUMBERS}.",
            source=Source.DAEMON,
            act="run `wamon doctor` where wamon runs; a denied probe is about the token, an unreachable one about "
            "the network.",
            missing="every probe has answered lately; or wamon is not scraped (then the figures above are missing "
            "too).",
            runbooks=("WamonCannotSee", "WamonGraphUnreachable"),
        ),
        Query(expr=access.of_every_account(chosen)),
        Query(
            expr=access.of_every_account(
                f"(0 * ({chosen}) + 1) * on ({by}) group_left (outcome) "
                f"topk by ({by}) (1, wamon_probe_outcome{{{TARGET}}} == 1)"
            )
        ),
        columns=(
            Column(name="probe", title="Probe", links=(access.PROBES_OF_ROW,)),
            Column(name="waba_id", title="Account ID"),
            Column(name="token", title="Token"),
            Column(name="app_id", title="App ID"),
            Column(name="outcome", title="Last run", width=120),
            Column(
                name="Value #A",
                title="No answer for",
                unit=looks.AGE,
                thresholds=looks.thresholds((1800, looks.WATCH), (7200, looks.BAD), base=looks.UNKNOWN),
            ),
        ),
        worst="No answer for",
        size=(HALF, MIDDLE),
    )


def _unknown() -> PanelBuilder:
    return lines(
        About(
            title="Readings that are unknown",
            shows="How many numbers have an unknown rating, an unknown status, or give no verdict on sending. Those "
            "that Meta never rated are among the first.",
            source=Source.POLL,
            act="a step up is an outage of what wamon sees: read the table beside. It is no recovery of anything.",
            missing="no number is watched, or wamon is not scraped.",
            runbooks=("WamonCannotSee",),
        ),
        Query(expr=f'sum(whatsapp_phone_number_quality_rating{{{NUMBER},rating="UNKNOWN"}})', legend="rating unknown"),
        Query(
            expr=f'sum(whatsapp_phone_number_status{{{NUMBER},status="UNKNOWN"}}) '
            f"or sum(whatsapp_phone_number_quality_rating{{{NUMBER}}}) * 0",
            legend="status unknown",
        ),
        Query(
            expr=f'sum(whatsapp_phone_number_can_send{{{NUMBER},state="UNKNOWN"}}) '
            f"or sum(whatsapp_phone_number_quality_rating{{{NUMBER}}}) * 0",
            legend="can send unknown",
        ),
        unit=looks.COUNT,
        size=(HALF, MIDDLE),
    )
