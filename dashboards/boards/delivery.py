"""Delivery: how much fails and bounces, what that does to the error budget, what the codes mean, and templates."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.board import Board, Choice, Section
from dashboards.panels import (
    HALF,
    MIDDLE,
    NUMBER_LINK,
    THIRD,
    About,
    Column,
    PanelBuilder,
    Query,
    Source,
    bars,
    figures,
    heat_map,
    lines,
    rows,
)
from dashboards.queries import BY_NUMBER, BY_WABA, NUMBER, TARGET, WABA
from dashboards.sections import templates

MOST_LINES: Final = 10
MOST_ROWS: Final = 25
# One message in a hundred may fail for a reason on our side or Meta's.
BUDGET: Final = 0.01
BURN_WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
NO_MESSAGE: Final = "no webhook about a message of the chosen numbers has come."
FAILING: Final = ((0.05, looks.WATCH), (0.15, looks.BAD))
BOUNCING: Final = ((0.03, looks.WATCH), (0.1, looks.BAD))


def board() -> Board:
    return Board(
        uid="wamon-delivery",
        title="wamon: delivery",
        description="What becomes of messages: failures, bounces, the error budget, Meta's codes, templates and Flows.",
        choice=Choice.NUMBERS,
        sections=(
            Section(title="Last 24 hours", panels=_figures()),
            Section(title="Failures and bounces", panels=(*_ratios(), *_judged(), _rates(), _shares())),
            Section(title="Error budget: 99 in 100 messages", panels=(_burn(), _burners())),
            Section(title="What Meta's codes say", panels=(_codes(), _recent())),
            Section(title="How fast, and to whom", panels=(_heat(), _slowest(), _mix(), _countries(), _opt_outs())),
            templates.section(),
        ),
    )


# --- figures and ratios -----------------------------------------------------------------------------------------------


def _share(part: str, window: str) -> str:
    whole = f'sum(whatsapp_messages_attempted{{{NUMBER},window="{window}"}})'
    return f'sum({part}{{{NUMBER},window="{window}"}}) / ({whole} > 0)'


def _figures() -> tuple[PanelBuilder, ...]:
    attempted = f'sum(whatsapp_messages_attempted{{{NUMBER},window="24h"}})'
    open_ones = f'sum(whatsapp_messages_open{{{NUMBER},age=~"1h_24h|gt24h"}})'
    return (
        figures(
            About(
                title="Messages attempted",
                shows="Messages of the last 24 hours, of all chosen numbers.",
                source=Source.TICK,
                act="far fewer than usual: look at the senders, and at the board of webhooks.",
                missing=NO_MESSAGE,
                runbooks=("WhatsAppWebhookSilence",),
            ),
            Query(expr=attempted),
            unit=looks.COUNT,
        ),
        figures(
            About(
                title="Failed",
                shows="The share of the messages of the last 24 hours that failed, bounces among them.",
                source=Source.TICK,
                act="see below which accounts and which codes.",
                missing="no message in the last 24 hours; it is no zero.",
                runbooks=("WhatsAppFailureRatioHigh",),
            ),
            Query(expr=_share("whatsapp_messages_failed", "24h")),
            unit=looks.SHARE,
            thresholds=looks.thresholds(*FAILING),
        ),
        figures(
            About(
                title="Bounced",
                shows="The share of the messages of the last 24 hours that failed for a reason on the recipient's "
                "side.",
                source=Source.TICK,
                act="clean the lists of recipients.",
                missing="no message in the last 24 hours; it is no zero.",
                runbooks=("WhatsAppBounceRatioHigh",),
            ),
            Query(expr=_share("whatsapp_messages_bounced", "24h")),
            unit=looks.SHARE,
            thresholds=looks.thresholds(*BOUNCING),
        ),
        figures(
            About(
                title="Open for more than an hour",
                shows="Messages that were sent and neither delivered nor failed for more than an hour.",
                source=Source.TICK,
                act="phones that are off explain some; a jump is a silent drop.",
                missing=NO_MESSAGE,
                runbooks=("WhatsAppSilentDrop",),
            ),
            Query(expr=open_ones),
            unit=looks.COUNT,
        ),
    )


def _ratios() -> tuple[PanelBuilder, ...]:
    told = (
        ("failures", "fail", "failed", FAILING, "WhatsAppFailureRatioHigh"),
        ("bounces", "bounce", "failed for a reason on the recipient's side", BOUNCING, "WhatsAppBounceRatioHigh"),
    )
    return tuple(
        lines(
            About(
                title=f"The {MOST_LINES} accounts whose messages {verb} most",
                shows=f"Of the messages attempted in the last hour, the share that {shows}, by account.",
                source=Source.RULES,
                act="choose the account above, then see which numbers and codes.",
                missing="no message was attempted in the last hour, or the recording rules are not loaded.",
                runbooks=(runbook,),
            ),
            Query(
                expr=queries.waba_named(
                    queries.worst_lines(MOST_LINES, f"waba:whatsapp_message_{what}:ratio1h{{{WABA}}}", BY_WABA)
                ),
                legend="{{name}} ({{waba_id}})",
            ),
            unit=looks.SHARE,
            thresholds=looks.thresholds(*steps),
        )
        for what, verb, shows, steps, runbook in told
    )


def _judged() -> tuple[PanelBuilder, ...]:
    told = (
        (
            "whatsapp_message_faults:lower_bound1h",
            "failures on our side or Meta's",
            FAILING,
            "WhatsAppFailureRatioHigh",
        ),
        ("whatsapp_message_bounces:lower_bound1h", "bounces", BOUNCING, "WhatsAppBounceRatioHigh"),
        ("whatsapp_messages_open:lower_bound", "messages still open", ((0.3, looks.WATCH),), "WhatsAppSilentDrop"),
    )
    return tuple(
        lines(
            About(
                title=f"What the alert judges: {what}",
                shows=f"The least that the share of {what} can be, with 95 in 100 confidence; of the {MOST_LINES} "
                "worst numbers. A few messages cannot make it high.",
                source=Source.RULES,
                act="open the number; a line above the dashed one is or becomes an alert.",
                missing="no number has messages enough to be judged, or the recording rules are not loaded.",
                runbooks=(runbook,),
            ),
            Query(
                expr=queries.number_named(
                    queries.worst_lines(MOST_LINES, f"phone_number:{series}{{{NUMBER}}}", BY_NUMBER)
                ),
                legend="{{display_phone_number}} ({{phone_number_id}})",
            ),
            unit=looks.SHARE,
            thresholds=looks.thresholds(*steps),
            size=(THIRD, MIDDLE),
        )
        for series, what, steps, runbook in told
    )


def _rates() -> PanelBuilder:
    return lines(
        About(
            title="Failures by class",
            shows="Failed messages a second in the last hour by the class of the code: whose trouble it is.",
            source=Source.RULES,
            act="recipient is the list, throttle the pace, token and registration your access, platform Meta.",
            missing="no message failed since wamon listens, or the recording rules are not loaded.",
            runbooks=("WhatsAppFailureRatioHigh", "WhatsAppThroughputLimited"),
        ),
        Query(
            expr=f"sum by (error_class) (waba_class:whatsapp_message_failures:rate1h{{{WABA}}})",
            legend="{{error_class}}",
        ),
        unit="mps",
        is_stacked=True,
    )


def _shares() -> PanelBuilder:
    on = f"{BY_WABA}, error_class"
    chosen = f"topk({MOST_ROWS}, max by ({on}) (waba_class:whatsapp_message_failures:ratio_rate1h{{{WABA}}}) > 0)"
    return rows(
        About(
            title="Accounts and classes that fail most",
            shows="Failures of a class per message in the last hour, by account.",
            source=Source.RULES,
            act="begin at the top: account and class together name who has to act.",
            missing="no message failed in the last hour, or the recording rules are not loaded.",
            runbooks=("WhatsAppFailureRatioHigh", "WhatsAppPaymentBlocked"),
        ),
        Query(expr=queries.waba_named(chosen)),
        columns=(
            queries.WABA_NAME,
            queries.WABA_COLUMN,
            Column(name="error_class", title="Class", width=120),
            Column(
                name="Value",
                title="Failed",
                unit=looks.SHARE,
                thresholds=looks.thresholds(*FAILING, base=looks.CLEAR),
            ),
        ),
        worst="Failed",
        size=(HALF, MIDDLE),
    )


# --- the error budget -------------------------------------------------------------------------------------------------


def _burning(window: str) -> str:
    return f"waba:whatsapp_message_errors:ratio_rate{window}{{{WABA}}} / {BUDGET:g}"


def _burn() -> PanelBuilder:
    return lines(
        About(
            title="Budget burn of the worst account",
            shows="How many times faster than allowed the error budget burns, over several windows; of the account "
            "where it is worst. 1 uses up exactly the budget of one failure in a hundred messages; bounces do not "
            "count.",
            source=Source.RULES,
            act="above 14.4 over an hour and five minutes act at once; above 6 over six hours and half an hour, today.",
            missing="no message was attempted, or the recording rules are not loaded.",
            runbooks=("WhatsAppDeliveryErrorBudgetBurn",),
        ),
        *(Query(expr=f"max({_burning(window)})", legend=window) for window in BURN_WINDOWS),
        unit=looks.TIMES,
        thresholds=looks.thresholds((6, looks.WATCH), (14.4, looks.BAD)),
    )


def _burners() -> PanelBuilder:
    windows = ("3d", "6h", "1h", "5m")
    chosen = f"topk({MOST_ROWS}, max by ({BY_WABA}) ({_burning(windows[0])}))"
    among = partial(queries.among, chosen, BY_WABA)
    steps = looks.thresholds((1, looks.WATCH), (14.4, looks.BAD), base=looks.CLEAR)
    return rows(
        About(
            title="Accounts that burn most of their budget",
            shows=f"Burn rates over three days and less: 1 is what is allowed in the long run. At most {MOST_ROWS} "
            "accounts, by the last three days.",
            source=Source.RULES,
            act="high over three days but not now is over; high now is to be mended now.",
            missing="no message was attempted for three days, or the recording rules are not loaded.",
            runbooks=("WhatsAppDeliveryErrorBudgetBurn",),
        ),
        Query(expr=chosen),
        queries.waba_names(chosen),
        *(Query(expr=among(f"max by ({BY_WABA}) ({_burning(window)})")) for window in windows[1:]),
        columns=(
            queries.WABA_NAME,
            queries.WABA_COLUMN,
            *(
                Column(name=f"Value #{ref}", title=window, unit=looks.TIMES, thresholds=steps)
                for ref, window in zip("ACDE", windows, strict=True)
            ),
        ),
        worst=windows[0],
        size=(HALF, MIDDLE),
    )


# --- codes ------------------------------------------------------------------------------------------------------------

_INFO: Final = f"topk by (job, instance, code) (1, whatsapp_error_code_info{{{TARGET}}})"


def _meaning(chosen: str) -> Query:
    return Query(
        expr=f"(0 * ({chosen}) + 1) * on (job, instance, code) group_left (title, error_class) {_INFO}",
    )


def _codes() -> PanelBuilder:
    counted = queries.increase("whatsapp_message_failure_codes_total", WABA, "job, instance, code")
    chosen = f"topk({MOST_ROWS}, {counted} > 0)"
    return rows(
        About(
            title="Failures by code",
            shows="Messages that failed in the time shown by Meta's error code, with its title and our class of it; "
            "`other` is for codes that wamon does not know. Of the chosen accounts: it is not kept by number.",
            source=Source.COUNT,
            act="`wamon explain CODE` tells what a code means, whose it is and how to mend it.",
            missing="no message failed in the time shown; or no webhook has come.",
            runbooks=("WhatsAppFailureRatioHigh", "WhatsAppPaymentBlocked", "WhatsAppSpamRateLimited"),
        ),
        Query(expr=chosen),
        _meaning(chosen),
        columns=(
            Column(name="code", title="Code", width=90),
            Column(name="title", title="Meaning"),
            Column(name="error_class", title="Class", width=120),
            Column(name="Value #A", title="Failed", unit=looks.COUNT, width=90),
        ),
        worst="Failed",
        size=(HALF, MIDDLE),
    )


def _recent() -> PanelBuilder:
    on = f"{BY_NUMBER}, code"
    chosen = f"topk({MOST_ROWS}, max by ({on}) (whatsapp_message_recent_failures{{{NUMBER}}}) > 0)"
    return rows(
        About(
            title="Numbers and codes of the last hour",
            shows="Messages that failed in the last hour, by number and Meta's error code.",
            source=Source.TICK,
            act="open the number; 131042 is about payment, 131048 about blocks and reports, 130429 about the pace.",
            missing="no message failed in the last hour; or no webhook has come.",
            runbooks=("WhatsAppPaymentBlocked", "WhatsAppSpamRateLimited", "WhatsAppThroughputLimited"),
        ),
        Query(expr=queries.number_named(chosen)),
        columns=(
            Column(name="display_phone_number", title="Number", links=(NUMBER_LINK,), width=170),
            Column(name="phone_number_id", title="Number ID", links=(NUMBER_LINK,)),
            Column(name="waba_id", title="Account ID"),
            Column(name="code", title="Code", width=90),
            Column(name="Value", title="Failed", unit=looks.COUNT, width=90),
        ),
        worst="Failed",
        size=(HALF, MIDDLE),
    )


# --- how fast, and to whom --------------------------------------------------------------------------------------------


def _heat() -> PanelBuilder:
    return heat_map(
        About(
            title="Time from sent to delivered",
            shows="How long messages took from sent to delivered, by Meta's own stamps, one-time codes included.",
            source=Source.COUNT,
            act="a band that climbs for everybody is Meta's; a second band far up is phones that were off.",
            missing="nothing was delivered since wamon listens.",
            runbooks=("WhatsAppDeliverySlow",),
        ),
        queries.rate("whatsapp_message_delivery_seconds_bucket", WABA, "le"),
    )


def _slowest() -> PanelBuilder:
    messages, codes = (
        queries.waba_named(
            queries.worst_lines(MOST_LINES, f"waba:whatsapp_{what}_delivery_seconds:p95_10m{{{WABA}}}", BY_WABA)
        )
        for what in ("message", "authentication")
    )
    return lines(
        About(
            title="The slowest accounts",
            shows="Within how many seconds 95 in 100 messages of the last ten minutes were delivered, of the "
            f"{MOST_LINES} slowest accounts; one-time codes apart.",
            source=Source.RULES,
            act="above five minutes, or half a minute for one-time codes: look at Meta's status page first.",
            missing="nothing was delivered lately, or the recording rules are not loaded.",
            runbooks=("WhatsAppDeliverySlow",),
        ),
        Query(expr=messages, legend="{{name}} ({{waba_id}})"),
        Query(expr=codes, legend="{{name}} ({{waba_id}}), one-time codes"),
        unit="s",
        thresholds=looks.thresholds((30, looks.WATCH), (300, looks.BAD)),
    )


def _mix() -> PanelBuilder:
    one_time = queries.rate("whatsapp_authentication_delivery_seconds_count", WABA, "job")
    return lines(
        About(
            title="Messages by category",
            shows="Messages a second by Meta's pricing category, where Meta told one; and one-time codes delivered.",
            source=Source.COUNT,
            act="more marketing than planned costs money and ratings: ask who sends it.",
            missing="Meta has told no category yet, or the optional metrics are left out.",
            runbooks=("WhatsAppTemplateRecategorised",),
        ),
        Query(expr=queries.rate("whatsapp_messages_by_category_total", WABA, "category"), legend="{{category}}"),
        Query(expr=one_time, legend="one-time codes delivered"),
        unit="mps",
        size=(THIRD, MIDDLE),
    )


def _countries() -> PanelBuilder:
    failed = queries.increase("whatsapp_message_failures_by_calling_code_total", WABA, "calling_code")
    whole = queries.increase("whatsapp_messages_by_calling_code_total", WABA, "calling_code")
    return bars(
        About(
            title="Countries whose messages fail most",
            shows="The share of messages that failed in the time shown by the calling code of the country; the "
            f"{MOST_LINES} worst of those with 50 messages or more.",
            source=Source.COUNT,
            act="one country alone: its operators or its rules; all of them: not the country.",
            missing="no country has 50 messages in the time shown, or the optional metrics are left out.",
            runbooks=("WhatsAppFailureRatioHigh",),
        ),
        Query(expr=f"topk({MOST_LINES}, {failed} / ({whole} >= 50))", legend="+{{calling_code}}"),
        unit=looks.SHARE,
        size=(THIRD, MIDDLE),
        thresholds=looks.thresholds(*FAILING),
    )


def _opt_outs() -> PanelBuilder:
    ratio = "whatsapp_message_%s_bounce_ratio"
    opt_outs = queries.rate("whatsapp_message_opt_outs_total", NUMBER, "job")
    sent = queries.rate("whatsapp_message_statuses_total", f'{NUMBER},status="sent"', "job")
    kinds = (("hard", "cannot be reached at all"), ("soft", "could not be reached this time"))
    return lines(
        About(
            title="Opt-outs and bounces of the worst number",
            shows="The hard and soft bounce ratio of the last 24 hours of the number where each is highest, and "
            "people who pressed stop, per message sent, over all chosen numbers.",
            source=Source.TICK,
            act="hard bounces: take them off the list; opt-outs after a campaign: it was not wanted.",
            missing="fewer than 50 messages in the last 24 hours; it is no zero.",
            runbooks=("WhatsAppOptOutsHigh", "WhatsAppBounceRatioHigh"),
        ),
        *(
            Query(expr=f'max({ratio % kind}{{{NUMBER},window="24h"}})', legend=f"{kind}: {words}")
            for kind, words in kinds
        ),
        Query(expr=f"{opt_outs} / ({sent} > 0)", legend="opt-outs per message"),
        unit=looks.SHARE,
        size=(THIRD, MIDDLE),
    )
