"""Webhooks and configuration: whether Meta's events come, how late, and whether access and subscriptions are right."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.board import Board, Choice, Section
from dashboards.panels import (
    DELIVERY_LINK,
    HALF,
    MIDDLE,
    THIRD,
    About,
    Column,
    PanelBuilder,
    Query,
    Source,
    figures,
    heat_map,
    lines,
    rows,
)
from dashboards.queries import BY_WABA, TARGET, WABA
from dashboards.sections import access

MOST_LINES: Final = 10
MOST_ROWS: Final = 25
NOT_RECEIVING: Final = "wamon is not set up to receive webhooks, or it is not scraped."


def board() -> Board:
    return Board(
        uid="wamon-webhooks",
        title="wamon: webhooks and configuration",
        description="Whether Meta's webhooks arrive, in time and whole; subscriptions, fields, tokens and versions.",
        choice=Choice.WABAS,
        sections=(
            Section(title="Receiving", panels=(*_figures(), _events(), _silence(), _heat(), _latest())),
            Section(title="Subscriptions and fields", panels=(_subscriptions(), _apps(), _fields())),
            Section(
                title="What is odd about webhooks", panels=(_refused(), _oddities(), _unread(), _ledger(), _requests())
            ),
            access.tokens_and_versions(),
        ),
    )


# --- receiving --------------------------------------------------------------------------------------------------------


def _figures() -> tuple[PanelBuilder, ...]:
    return (
        figures(
            About(
                title="Listening for",
                shows="How long wamon has been listening for webhooks.",
                source=Source.DAEMON,
                act="if it should listen and does not: set webhook_listen, the app secret and the verify token.",
                missing=NOT_RECEIVING,
            ),
            Query(expr=f"max({queries.age(f'wamon_webhook_listening_since_timestamp_seconds{{{TARGET}}}')})"),
            unit=looks.AGE,
        ),
        figures(
            About(
                title="Last event of any account",
                shows="How long ago the last webhook of any chosen account came.",
                source=Source.WEBHOOK,
                act="longer than it is ever quiet: send one message to a phone of your own and watch this figure.",
                missing="no webhook has come since the first start.",
                runbooks=("WhatsAppWebhookSilence",),
            ),
            Query(expr=f"min({queries.age(f'whatsapp_webhook_last_event_timestamp_seconds{{{WABA}}}')})"),
            unit=looks.AGE,
            thresholds=looks.thresholds((21600, looks.WATCH)),
        ),
        figures(
            About(
                title="Bad signatures in the time shown",
                shows="Requests that were refused because no app secret gives their signature.",
                source=Source.DAEMON,
                act="compare the app's secret with wamon's; strangers who try the URL look the same.",
                missing=NOT_RECEIVING,
                runbooks=("WamonWebhookBadSignatures",),
            ),
            Query(expr=f"sum(increase(wamon_webhook_signature_failures_total{{{TARGET}}}[$__range]))"),
            unit=looks.COUNT,
            thresholds=looks.thresholds((1, looks.WATCH), (20, looks.BAD)),
        ),
        figures(
            About(
                title="Accounts that are not subscribed",
                shows="Pairs of account and app where the app does not receive the account's webhooks.",
                source=Source.POLL,
                act="see the table of subscriptions below.",
                missing="subscriptions are not known now; that is not zero.",
                runbooks=("WhatsAppSubscriptionLost",),
            ),
            Query(expr=f"sum(1 - whatsapp_webhook_subscribed{{{WABA}}})"),
            unit=looks.COUNT,
            thresholds=looks.thresholds((1, looks.BAD)),
        ),
    )


def _events() -> PanelBuilder:
    return lines(
        About(
            title="Events by field",
            shows="Changes received a second by webhook field, over the chosen accounts; `other` is for unknown "
            "fields.",
            source=Source.COUNT,
            act="a field that falls silent while others go on: look at the app's fields below.",
            missing="no webhook has come since the first start.",
            runbooks=("WhatsAppWebhookSilence", "WhatsAppWebhookFieldMissing"),
        ),
        Query(expr=queries.rate("whatsapp_webhook_events_total", WABA, "field"), legend="{{field}}"),
        unit="eps",
    )


def _silence() -> PanelBuilder:
    last = f"max by ({BY_WABA}) (whatsapp_webhook_last_event_timestamp_seconds{{{WABA}}})"
    chosen = f"topk({MOST_ROWS}, time() - {last})"
    among = partial(queries.among, chosen, BY_WABA)
    gap = f"max by ({BY_WABA}) (whatsapp_webhook_longest_gap_seconds{{{WABA}}})"
    active = f"max by ({BY_WABA}) (whatsapp_webhook_active_seconds{{{WABA}}})"
    return rows(
        About(
            title="The most silent accounts",
            shows="How long ago the last webhook of each account came, beside its habit: the longest gap of the "
            "last week and how much of it had events. Without a habit nothing is judged.",
            source=Source.TICK,
            act="silent for far longer than its longest gap: follow the runbook.",
            missing="no webhook has come since the first start.",
            runbooks=("WhatsAppWebhookSilence",),
        ),
        Query(expr=chosen),
        queries.waba_names(chosen),
        Query(expr=among(gap)),
        Query(expr=among(active)),
        columns=(
            Column(name="name", title="Account", links=(DELIVERY_LINK,)),
            queries.WABA_COLUMN,
            Column(
                name="Value #A",
                title="Silent for",
                unit=looks.AGE,
                thresholds=looks.thresholds((21600, looks.WATCH), (259200, looks.BAD), base=looks.CLEAR),
            ),
            Column(name="Value #C", title="Longest gap", unit=looks.AGE),
            Column(name="Value #D", title="Active in a week", unit=looks.AGE),
        ),
        worst="Silent for",
        size=(HALF, MIDDLE),
    )


def _heat() -> PanelBuilder:
    return heat_map(
        About(
            title="Lag of webhooks",
            shows="How long after Meta's stamp of a status its webhook arrived.",
            source=Source.COUNT,
            act="a band far up after an outage is Meta catching up: watch it shrink.",
            missing="no status has come since the first start.",
            runbooks=("WhatsAppWebhookLagHigh",),
        ),
        queries.rate("whatsapp_webhook_lag_seconds_bucket", WABA, "le"),
    )


def _latest() -> PanelBuilder:
    return lines(
        About(
            title="The accounts whose webhooks are latest",
            shows=f"Within how many seconds 95 in 100 statuses of the last ten minutes arrived; the {MOST_LINES} "
            "worst accounts.",
            source=Source.RULES,
            act="look at the proxy, at answers other than 200 below, and at this machine's clock.",
            missing="no status came lately, or the recording rules are not loaded.",
            runbooks=("WhatsAppWebhookLagHigh",),
        ),
        Query(
            expr=queries.waba_named(
                queries.worst_lines(MOST_LINES, f"waba:whatsapp_webhook_lag_seconds:p95_10m{{{WABA}}}", BY_WABA)
            ),
            legend="{{name}} ({{waba_id}})",
        ),
        unit="s",
        thresholds=looks.thresholds((300, looks.BAD)),
    )


# --- what is odd ------------------------------------------------------------------------------------------------------


def _refused() -> PanelBuilder:
    return lines(
        About(
            title="Requests by answer",
            shows="Requests to the public listener a second by the status of the answer, and those refused for a "
            "bad signature. 401 is a bad signature, 403 a bad verify token, 503 a store that refuses.",
            source=Source.DAEMON,
            act="Meta repeats what is not answered with 200, for some days; mend what answers otherwise.",
            missing=NOT_RECEIVING,
            runbooks=("WamonWebhookBadSignatures", "WamonStoreFailing"),
        ),
        Query(expr=queries.rate("wamon_webhook_requests_total", TARGET, "code"), legend="{{code}}"),
        Query(expr=queries.rate("wamon_webhook_signature_failures_total", TARGET, "job"), legend="bad signature"),
        unit="reqps",
        size=(THIRD, MIDDLE),
    )


def _oddities() -> PanelBuilder:
    told = (
        ("wamon_webhook_duplicates_total", "told before"),
        ("wamon_webhook_out_of_order_total", "out of order"),
        ("wamon_webhook_contradictions_total", "failed and delivered"),
    )
    return lines(
        About(
            title="Duplicates and contradictions",
            shows="Statuses a second that had been told before, that came after one that proves them, or that say "
            "both failed and delivered. Each message is counted once all the same.",
            source=Source.COUNT,
            act="some are normal; many duplicates mean that answers come late or not at 200.",
            missing=NOT_RECEIVING,
        ),
        *(Query(expr=queries.rate(metric, TARGET, "job"), legend=legend) for metric, legend in told),
        unit="eps",
        size=(THIRD, MIDDLE),
    )


def _unread() -> PanelBuilder:
    told = (
        ("wamon_webhook_quarantined_total", "reason", "not read: {{reason}}"),
        ("wamon_webhook_unrecognised_total", "what", "unknown word: {{what}}"),
    )
    counter = "wamon_webhook_unmonitored_total"
    unmonitored = queries.busiest_lines(MOST_LINES, queries.rate(counter, TARGET, "app_id"), counter, TARGET, "app_id")
    return lines(
        About(
            title="Not understood, or of nobody watched",
            shows="Webhooks a second that could not be read, that hold words that wamon does not know, or that are "
            "of accounts and numbers that are not configured.",
            source=Source.COUNT,
            act="not read or unknown: look for a newer wamon; of nobody watched: add the account, or unsubscribe it.",
            missing=NOT_RECEIVING,
        ),
        *(Query(expr=queries.rate(metric, TARGET, label), legend=legend) for metric, label, legend in told),
        Query(expr=unmonitored, legend="not watched, app {{app_id}}"),
        unit="eps",
        size=(THIRD, MIDDLE),
    )


def _ledger() -> PanelBuilder:
    failures = queries.rate("wamon_ledger_commit_failures_total", TARGET, "job")
    return lines(
        About(
            title="Commits to the ledger",
            shows="How long webhooks wait for their commit: half of the commits, and 99 in 100; and failed commits "
            "a second, whose webhooks Meta repeats.",
            source=Source.DAEMON,
            act="slow commits are a slow disk; failing ones a full or broken one.",
            missing=NOT_RECEIVING,
            runbooks=("WamonStoreFailing",),
        ),
        Query(expr=queries.quantile(0.5, "wamon_ledger_commit_duration_seconds", TARGET), legend="half"),
        Query(expr=queries.quantile(0.99, "wamon_ledger_commit_duration_seconds", TARGET), legend="99 in 100"),
        Query(expr=failures, legend="failed a second", unit="cps"),
        unit="s",
    )


def _requests() -> PanelBuilder:
    statuses = queries.rate("wamon_ledger_committed_statuses_total", TARGET, "job")
    commits = queries.rate("wamon_ledger_commit_duration_seconds_count", TARGET, "job")
    return lines(
        About(
            title="Answering webhooks",
            shows="How long requests to the public listener took: half of them, and 99 in 100; and how many "
            "statuses went into one commit.",
            source=Source.DAEMON,
            act="Meta wants an answer within seconds; slower ones are repeated and seen as duplicates.",
            missing=NOT_RECEIVING,
            runbooks=("WhatsAppWebhookLagHigh",),
        ),
        Query(expr=queries.quantile(0.5, "wamon_webhook_request_duration_seconds", TARGET), legend="half"),
        Query(expr=queries.quantile(0.99, "wamon_webhook_request_duration_seconds", TARGET), legend="99 in 100"),
        Query(expr=f"{statuses} / ({commits} > 0)", legend="statuses in a commit", unit="none"),
        unit="s",
    )


# --- subscriptions and fields -----------------------------------------------------------------------------------------


def _subscriptions() -> PanelBuilder:
    on = f"{BY_WABA}, app_id"
    chosen = f"bottomk({MOST_ROWS}, max by ({on}) (whatsapp_webhook_subscribed{{{WABA}}}))"
    override = f"max by ({BY_WABA}) (whatsapp_webhook_override_matches{{{WABA}}})"
    return rows(
        About(
            title="Subscriptions of accounts",
            shows="Whether each app receives the account's webhooks, those that do not first, and whether an "
            f"override of the callback URL is the expected one. At most {MOST_ROWS}.",
            source=Source.POLL,
            act="subscribe again with POST /WABA_ID/subscribed_apps; find out who took it away.",
            missing="subscriptions are not known now; that is no good sign.",
            runbooks=("WhatsAppSubscriptionLost", "WhatsAppWebhookCallbackDrift"),
        ),
        Query(expr=chosen),
        Query(expr=f"0 * ({chosen}) + on ({BY_WABA}) group_left () {override}"),
        columns=(
            Column(name="waba_id", title="Account ID", links=(DELIVERY_LINK,)),
            Column(name="app_id", title="App ID"),
            Column(name="Value #A", title="Subscribed", mapping=looks.yes_no("yes", "NOT SUBSCRIBED"), width=150),
            Column(
                name="Value #B",
                title="Override",
                mapping=looks.yes_no("as expected", "ANOTHER URL", bad=looks.WATCH),
                width=140,
            ),
        ),
        worst="Subscribed",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _apps() -> PanelBuilder:
    on = "job, instance, app_id"
    return rows(
        About(
            title="Webhooks of apps",
            shows="Whether the app has an active webhook for whatsapp_business_account, and whether its callback "
            "URL is the expected one (where one is configured).",
            source=Source.POLL,
            act="App Dashboard > WhatsApp > Configuration shows and mends both.",
            missing="no app is watched (app_id and app_secret are not configured), or it is not known now.",
            runbooks=("WhatsAppSubscriptionLost", "WhatsAppWebhookCallbackDrift"),
        ),
        Query(expr=f"max by ({on}) (whatsapp_webhook_active{{{TARGET}}})"),
        Query(expr=f"max by ({on}) (whatsapp_webhook_callback_matches{{{TARGET}}})"),
        columns=(
            Column(name="app_id", title="App ID", links=access.PROBES),
            Column(name="Value #A", title="Active", mapping=looks.yes_no("yes", "NOT ACTIVE"), width=120),
            Column(
                name="Value #B",
                title="Callback",
                mapping=looks.yes_no("as expected", "ANOTHER URL", bad=looks.WATCH),
                width=140,
            ),
        ),
        worst="Active",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _fields() -> PanelBuilder:
    return rows(
        About(
            title="Webhook fields",
            shows="Whether the app subscribes to each wanted field, the missing ones first.",
            source=Source.POLL,
            act="subscribe the field in App Dashboard > WhatsApp > Configuration.",
            missing="no app is watched (app_id and app_secret are not configured), or it is not known now.",
            runbooks=("WhatsAppWebhookFieldMissing",),
        ),
        Query(
            expr=f"bottomk({2 * MOST_ROWS}, min by (job, instance, app_id, field) "
            f"(whatsapp_webhook_field_subscribed{{{TARGET}}}))"
        ),
        columns=(
            Column(name="field", title="Field"),
            Column(name="app_id", title="App ID"),
            Column(
                name="Value", title="Subscribed", mapping=looks.yes_no("yes", "MISSING", bad=looks.WATCH), width=120
            ),
        ),
        worst="Subscribed",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )
