"""One number: what Meta says of it now and said before, and what became of its messages."""

from typing import Final

from grafana_foundation_sdk.models import common

from dashboards import looks, queries
from dashboards.board import Board, Choice, Section
from dashboards.looks import States
from dashboards.panels import (
    HALF,
    LOW,
    MIDDLE,
    QUARTER,
    THIRD,
    THIS_NUMBER,
    WHOLE,
    About,
    Column,
    PanelBuilder,
    Query,
    Source,
    bars,
    board_link,
    figures,
    heat_map,
    lines,
    rows,
    timeline,
)
from dashboards.queries import BY_NUMBER, BY_WABA, CAN_SEND, NUMBER, RATING, STATUS, TARGET, WABA
from wamon.core.error_codes import ALL

MOST_ROWS: Final = 25
FAILURES_LINK: Final = board_link("wamon-delivery", "All failures", *THIS_NUMBER)
NO_NUMBER: Final = "no number is chosen, or wamon does not watch it."
# Its account, by what is there of every number that is watched, seen or not.
OF_ITS_WABA: Final = f"and on ({BY_WABA}) whatsapp_phone_number_quality_rating{{{NUMBER}}}"


def board() -> Board:
    return Board(
        uid="wamon-number",
        title="wamon: number",
        description="One phone number: its rating, status and right to send over time, and how its messages fare. "
        "Where several wamons watch it, the worst or the most that one of them tells.",
        choice=Choice.ONE_NUMBER,
        sections=(
            Section(title="Now", panels=(*_now(), _reasons(), _details())),
            Section(title="States over time", panels=_timelines()),
            Section(title="Messages", panels=(_funnel(), _statuses(), _ratios(), _open())),
            Section(title="Failures", panels=(_classes(), _codes(), _bounces(), _opt_outs())),
            Section(title="Delivery time of the number's account", panels=(_heat(), _percentiles())),
        ),
    )


def _now() -> tuple[PanelBuilder, ...]:
    event = "whatsapp_phone_number_last_security_event"
    return (
        figures(
            About(
                title="Number",
                shows="The number, the name that recipients see, its platform and mode, as last known in the time "
                "shown.",
                source=Source.POLL,
                act="check that it is the number you mean.",
                missing="Meta has told nothing of this number in the time shown.",
            ),
            Query(
                expr=f"topk(1, last_over_time(whatsapp_phone_number_info{{{NUMBER}}}[$__range]))",
                legend="{{display_phone_number}}, {{verified_name}}, {{platform_type}}, {{account_mode}}",
            ),
            unit="none",
            size=(QUARTER, LOW),
            text=common.BigValueTextMode.NAME,
        ),
        _state(RATING, "Quality rating", "how recipients take its messages", "WhatsAppQualityRatingRed"),
        _state(STATUS, "Status", "the number's status in Meta's words", "WhatsAppPhoneNumberDown"),
        _state(
            CAN_SEND, "Can send", "whether Meta lets the number send messages, calling left out", "WhatsAppCannotSend"
        ),
        figures(
            About(
                title="Rated and in this status for",
                shows="How long ago the known rating and the known status last changed.",
                source=Source.POLL,
                act="look for what changed on your side at that time.",
                missing=NO_NUMBER,
            ),
            Query(
                expr=f"max({queries.age(f'whatsapp_phone_number_quality_rating_changed_timestamp_seconds{{{NUMBER}}}')})",
                legend="rating",
            ),
            Query(
                expr=f"max({queries.age(f'whatsapp_phone_number_status_changed_timestamp_seconds{{{NUMBER}}}')})",
                legend="status",
            ),
            unit=looks.AGE,
            is_named=True,
        ),
        figures(
            About(
                title="Messaging limit",
                shows="How many people may be written to first in 24 hours. The limit is the whole portfolio's.",
                source=Source.POLL,
                act="it grows by itself with volume and good ratings; compare it with what a campaign needs.",
                missing="the limit is not known now.",
            ),
            Query(expr=f"max(whatsapp_messaging_limit_recipients{{{NUMBER}}})"),
            unit=looks.COUNT,
            mapping=looks.words({"+Inf": ("no limit", looks.WELL), "Infinity": ("no limit", looks.WELL)}),
        ),
        figures(
            About(
                title="Last answer of Meta about its account",
                shows="How long ago a poll last had a usable answer about the account that has this number.",
                source=Source.DAEMON,
                act="beyond three intervals everything above is history; run `wamon doctor`.",
                missing="there was no answer ever, or wamon is not scraped.",
                runbooks=("WamonCannotSee",),
            ),
            Query(expr=f"max({queries.age(_answered())})"),
            unit=looks.AGE,
            thresholds=looks.thresholds((900, looks.WATCH), (1800, looks.BAD)),
        ),
        figures(
            About(
                title="Security events",
                shows="How long ago something last happened to the number's two-step verification, and what.",
                source=Source.WEBHOOK,
                act="ask your colleagues whether it was them; if not, treat it as a break-in.",
                missing="nothing has been told since wamon listens.",
                runbooks=("WhatsAppSecurityEvent",),
            ),
            Query(
                expr=f"bottomk(1, max by ({BY_NUMBER}) ({queries.age(f'{event}_timestamp_seconds{{{NUMBER}}}')}) "
                f"+ on ({BY_NUMBER}) group_right () 0 * max by ({BY_NUMBER}, event) ({event}{{{NUMBER}}}))",
                legend="{{event}}",
            ),
            unit=looks.AGE,
            is_named=True,
            thresholds=looks.thresholds((0, looks.BAD), (86400, looks.PLAIN)),
        ),
    )


def _answered() -> str:
    seen = f'wamon_probe_last_success_timestamp_seconds{{{TARGET},probe="account",waba_id=~"$waba"}}'
    return f"({seen} {OF_ITS_WABA})"


def _state(states: States, title: str, shows: str, runbook: str) -> PanelBuilder:
    was = " UNKNOWN, was ... tells what it was before it could not be seen." if states.last_known else ""
    return figures(
        About(
            title=title,
            shows=f"Now: {shows}.{was}",
            source=Source.POLL,
            act="read the runbook; UNKNOWN is no recovery.",
            missing=NO_NUMBER,
            runbooks=(runbook,),
        ),
        Query(expr=f"max({states.query(NUMBER)})"),
        unit="none",
        mapping=states.words,
        is_filled=True,
    )


def _reasons() -> PanelBuilder:
    titles = {
        str(code.code): (f"{code.code}: {code.title}", looks.CLEAR) for code in ALL if 141000 <= code.code < 142000
    }
    on = f"{BY_WABA}, scope, id"
    ours = f'whatsapp_can_send{{{WABA},scope="phone_number",id=~"$phone"}}'
    others = f'whatsapp_can_send{{{WABA},scope!="phone_number"}} {OF_ITS_WABA}'
    state = f"max by ({on}, state) (({ours} or {others}) == 1)"
    reason = f"max by ({on}, error_code) (whatsapp_can_send_reason_info{{{WABA}}})"
    return rows(
        About(
            title="Who lets it send, and why not",
            shows="The verdict of each entity that has a say: the number, its account, its business and the app, "
            "with the error codes that Meta gives where it limits or blocks.",
            source=Source.POLL,
            act="`wamon explain CODE` tells what a code means, whose it is and how to mend it.",
            missing=NO_NUMBER,
            runbooks=("WhatsAppCannotSend", "WhatsAppSendLimited"),
        ),
        Query(
            expr=f"topk({MOST_ROWS}, max by (waba_id, scope, id, state, error_code) ("
            f"{reason} * on ({on}) group_left (state) ({state}) or {state} unless on ({on}) {reason}))"
        ),
        columns=(
            Column(name="scope", title="Who", width=130),
            Column(name="id", title="ID"),
            Column(
                name="state",
                title="Verdict",
                mapping=looks.words(
                    {
                        "BLOCKED": ("BLOCKED", looks.BAD),
                        "LIMITED": ("LIMITED", looks.WATCH),
                        "OTHER": ("OTHER", looks.WATCH),
                        "UNKNOWN": ("UNKNOWN", looks.UNKNOWN),
                        "AVAILABLE": ("AVAILABLE", looks.WELL),
                    }
                ),
                width=130,
            ),
            Column(name="error_code", title="Reason", mapping=looks.words(titles)),
        ),
        worst="Reason",
        size=(HALF, MIDDLE),
    )


_DETAILS: Final = (
    ("Display name", "whatsapp_phone_number_name_status"),
    ("Ownership", "whatsapp_phone_number_code_verification_status"),
    ("Throughput", "whatsapp_phone_number_throughput_level"),
)
_FLAGS: Final = (
    ("Two-step PIN", "whatsapp_phone_number_pin_enabled", "set", "NOT SET"),
    ("In its account", "whatsapp_phone_number_in_waba", "yes", "NO: THE ACCOUNT DOES NOT LIST IT"),
)


def _details() -> PanelBuilder:
    found = [queries.said(f"{metric}{{{NUMBER}}} == 1", about, "value") for about, metric in _DETAILS]
    for about, metric, yes, no in _FLAGS:
        for value, word in ((1, yes), (0, no)):
            flag = f'label_replace({metric}{{{NUMBER}}} == {value}, "value", "{word}", "", "")'
            found.append(queries.said(flag, about, "value"))
    return rows(
        About(
            title="What Meta says besides",
            shows="The review of the display name, the proof of ownership, throughput, the PIN, and whether the "
            "account lists the number.",
            source=Source.POLL,
            act="a lapsed proof of ownership is normal on a number that works; a number without a PIN should get one.",
            missing="nothing of it is known now.",
            runbooks=("WhatsAppPhoneNumberDegraded", "WhatsAppPhoneNumberDown"),
        ),
        Query(expr=f"topk({MOST_ROWS}, max by (about, said) ({queries.either(*found)}))"),
        columns=(
            Column(name="about", title="About", width=200),
            Column(
                name="said",
                title="Meta says",
                mapping=looks.words(
                    {
                        "UNKNOWN": ("UNKNOWN", looks.UNKNOWN),
                        _FLAGS[0][3]: (_FLAGS[0][3], looks.WATCH),
                        _FLAGS[1][3]: (_FLAGS[1][3], looks.BAD),
                        "DECLINED": ("DECLINED", looks.WATCH),
                        "EXPIRED": ("EXPIRED", looks.WATCH),
                    }
                ),
            ),
        ),
        worst="About",
        is_descending=False,
        size=(HALF, MIDDLE),
    )


def _timelines() -> tuple[PanelBuilder, ...]:
    told = (
        (
            RATING,
            "Quality rating over time",
            "Meta's rating of how recipients took its messages",
            "WhatsAppQualityRatingRed",
        ),
        (STATUS, "Status over time", "the number's status in Meta's words", "WhatsAppPhoneNumberDown"),
        (CAN_SEND, "Can send over time", "whether Meta let it send messages", "WhatsAppCannotSend"),
    )
    return tuple(
        timeline(
            About(
                title=title,
                shows=f"Over time: {shows}. A gap is a time without wamon.",
                source=Source.POLL,
                act="compare the changes with the alerts' marks and with the messages below; UNKNOWN is no recovery.",
                missing=NO_NUMBER,
                runbooks=(runbook,),
            ),
            Query(expr=f"max({states.query(NUMBER)})", legend=states.label),
            states=states.words,
        )
        for states, title, shows, runbook in told
    )


def _rate(counter: str, by: str) -> str:
    """Of the one number, however many wamons watch it."""
    return f"max by ({by}) (rate({counter}{{{NUMBER}}}[$__rate_interval]))"


_FUNNEL: Final = ("sent", "delivered", "read", "played", "failed")


def _funnel() -> PanelBuilder:
    counter = "whatsapp_message_statuses_total"
    return bars(
        About(
            title="From sent to read",
            shows="Messages that reached each status in the time shown. Read and played are told only by recipients "
            "who allow it.",
            source=Source.COUNT,
            act="much between sent and delivered: look at the open messages; much failed: look at the codes.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppSilentDrop", "WhatsAppFailureRatioHigh"),
        ),
        *(
            Query(expr=f'max(increase({counter}{{{NUMBER},status="{status}"}}[$__range]))', legend=status)
            for status in _FUNNEL
        ),
        unit=looks.COUNT,
        size=(THIRD, MIDDLE),
    )


def _statuses() -> PanelBuilder:
    return lines(
        About(
            title="Messages by status",
            shows="Messages a second by the statuses that they reached.",
            source=Source.COUNT,
            act="sent without delivered is the silent kind of failure: look at the open messages.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppWebhookSilence",),
        ),
        Query(expr=_rate("whatsapp_message_statuses_total", "status"), legend="{{status}}"),
        unit="mps",
        size=(THIRD, MIDDLE),
    )


def _ratios() -> PanelBuilder:
    return lines(
        About(
            title="Failure and bounce ratio",
            shows="Of the messages attempted in the window, the share that failed, and the share that failed for a "
            "reason on the recipient's side (bounces).",
            source=Source.TICK,
            act="failures without bounces are yours or Meta's; bounces are the list of recipients.",
            missing="fewer than 50 messages in the last 24 hours: too few to judge. It is no zero.",
            runbooks=("WhatsAppFailureRatioHigh", "WhatsAppBounceRatioHigh"),
        ),
        *(
            Query(expr=f'max(whatsapp_message_{kind}_ratio{{{NUMBER},window="{window}"}})', legend=f"{kind}, {window}")
            for kind in ("failure", "bounce")
            for window in ("1h", "24h")
        ),
        unit=looks.SHARE,
        size=(THIRD, MIDDLE),
        thresholds=looks.thresholds((0.05, looks.WATCH), (0.15, looks.BAD)),
    )


def _open() -> PanelBuilder:
    return lines(
        About(
            title="Open messages by age",
            shows="Messages that were sent and neither delivered nor failed so far, by age; and how many were sent "
            "15 minutes to an hour ago, of which the open ones of that age are a share.",
            source=Source.TICK,
            act="a large share still open after 15 minutes: recipients are out of reach, or Meta drops messages "
            "silently.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppSilentDrop",),
        ),
        Query(expr=f"max by (age) (whatsapp_messages_open{{{NUMBER}}})", legend="open, {{age}}"),
        Query(expr=f"max by (age) (whatsapp_messages_sent{{{NUMBER}}})", legend="sent, {{age}}"),
        unit=looks.COUNT,
        size=(WHOLE, MIDDLE),
    )


def _classes() -> PanelBuilder:
    return lines(
        About(
            title="Failures by class",
            shows="Failed messages a second by the class of Meta's error code: whose trouble it is.",
            source=Source.COUNT,
            act="see the codes beside; each class has its owner.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppFailureRatioHigh",),
        ),
        Query(expr=_rate("whatsapp_message_failures_total", "error_class"), legend="{{error_class}}"),
        unit="mps",
        is_stacked=True,
    )


def _codes() -> PanelBuilder:
    by = "waba_id, phone_number_id, code"
    chosen = f"topk({MOST_ROWS}, max by ({by}) (whatsapp_message_recent_failures{{{NUMBER}}}) > 0)"
    info = f"topk by (code) (1, whatsapp_error_code_info{{{TARGET}}})"
    return rows(
        About(
            title="Failures of the last hour by code",
            shows="Messages that failed in the last hour by Meta's error code, with its title and our class of it.",
            source=Source.TICK,
            act="`wamon explain CODE` tells what a code means, whose it is and how to mend it.",
            missing="no message failed in the last hour; or no webhook has come.",
            runbooks=("WhatsAppFailureRatioHigh", "WhatsAppPaymentBlocked", "WhatsAppSpamRateLimited"),
        ),
        Query(expr=chosen),
        Query(expr=f"(0 * ({chosen}) + 1) * on (code) group_left (title, error_class) {info}"),
        columns=(
            Column(name="code", title="Code", width=90, links=(FAILURES_LINK,)),
            Column(name="title", title="Meaning"),
            Column(name="error_class", title="Class", width=120),
            Column(name="Value #A", title="Failed", unit=looks.COUNT, width=90),
            # For the link: the row's own, whatever is chosen.
            *(Column(name=name, title=name, is_hidden=True) for name in ("waba_id", "phone_number_id")),
        ),
        worst="Failed",
        size=(HALF, MIDDLE),
    )


def _bounces() -> PanelBuilder:
    return lines(
        About(
            title="Bounces by kind",
            shows="Failed messages a second whose code speaks of the recipient: hard for never again, soft for not "
            "now.",
            source=Source.COUNT,
            act="take hard bounces off the list; soft ones may be tried again later.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppBounceRatioHigh",),
        ),
        Query(expr=_rate("whatsapp_message_bounces_total", "kind"), legend="{{kind}}"),
        unit="mps",
        is_stacked=True,
    )


def _opt_outs() -> PanelBuilder:
    return lines(
        About(
            title="Opt-outs",
            shows="People who pressed stop for marketing messages, in the time between two points.",
            source=Source.COUNT,
            act="a hill after a campaign: that campaign was not wanted.",
            missing="no webhook about a message of this number has come.",
            runbooks=("WhatsAppOptOutsHigh",),
        ),
        Query(expr=f"max(increase(whatsapp_message_opt_outs_total{{{NUMBER}}}[$__rate_interval]))", legend="opt-outs"),
        unit=looks.COUNT,
    )


def _heat() -> PanelBuilder:
    buckets = f"rate(whatsapp_message_delivery_seconds_bucket{{{WABA}}}[$__rate_interval])"
    return heat_map(
        About(
            title="Time from sent to delivered, whole account",
            shows="How long messages took from sent to delivered, by Meta's own stamps. Of all numbers of the "
            "account: it is not kept by number.",
            source=Source.COUNT,
            act="a band that climbs for everybody is Meta's; a second band far up is phones that were off.",
            missing="no message of the account was delivered since wamon listens.",
            runbooks=("WhatsAppDeliverySlow",),
        ),
        f"max by (le) ({buckets} {OF_ITS_WABA})",
    )


_PERCENTILES: Final = (
    ("waba:whatsapp_message_delivery_seconds:p50_10m", "half"),
    ("waba:whatsapp_message_delivery_seconds:p95_10m", "95 in 100"),
    ("waba:whatsapp_message_delivery_seconds:p99_10m", "99 in 100"),
    ("waba:whatsapp_authentication_delivery_seconds:p95_10m", "one-time codes, 95 in 100"),
)


def _percentiles() -> PanelBuilder:
    return lines(
        About(
            title="Delivered within, whole account",
            shows="Within how many seconds messages of the last ten minutes were delivered; one-time codes apart. "
            "Of all numbers of the account: it is not kept by number.",
            source=Source.RULES,
            act="above five minutes, or half a minute for one-time codes: look at Meta's status page first.",
            missing="nothing was delivered lately, or the recording rules are not loaded.",
            runbooks=("WhatsAppDeliverySlow",),
        ),
        *(Query(expr=f"max({series}{{{WABA}}} {OF_ITS_WABA})", legend=legend) for series, legend in _PERCENTILES),
        unit="s",
        thresholds=looks.thresholds((30, looks.WATCH), (300, looks.BAD)),
    )
