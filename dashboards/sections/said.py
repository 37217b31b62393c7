"""What Meta says of accounts that is not all well, from many metrics in one table; a panel of the fleet's board."""

from typing import Final

from dashboards import looks, queries
from dashboards.panels import HALF, MIDDLE, About, Column, PanelBuilder, Query, Source, rows
from dashboards.queries import BY_WABA
from wamon.core import vocabulary
from wamon.core.vocabulary import Grade, Vocabulary

MOST_ROWS: Final = 50

# What it is about, the metric, its label with the state, which states there are, and the label that tells more.
_SAID: Final = (
    ("Account status", "whatsapp_waba_status", "value", vocabulary.WABA_STATUS, "value"),
    ("Review by Meta", "whatsapp_waba_review_status", "value", vocabulary.ACCOUNT_REVIEW_STATUS, "value"),
    (
        "Business verification",
        "whatsapp_waba_business_verification_status",
        "value",
        vocabulary.BUSINESS_VERIFICATION_STATUS,
        "value",
    ),
    ("Ban", "whatsapp_waba_ban_state", "state", vocabulary.WABA_BAN_STATE, "state"),
    ("Connection", "whatsapp_waba_connection", "state", vocabulary.WABA_CONNECTION, "state"),
    ("Violation", "whatsapp_waba_last_violation", "violation_type", vocabulary.VIOLATION_TYPE, "violation_type"),
    (
        "Alert of Meta's own",
        "whatsapp_account_alert_severity",
        "severity",
        vocabulary.ACCOUNT_ALERT_SEVERITY,
        "alert_type",
    ),
    ("Security", "whatsapp_waba_last_security_event", "event", vocabulary.SECURITY_EVENT, "event"),
    ("Security of a number", "whatsapp_phone_number_last_security_event", "event", vocabulary.SECURITY_EVENT, "event"),
    ("Flow", "whatsapp_flow_alert_state", "state", vocabulary.FLOW_ALERT_STATE, "event"),
)
_SINCE: Final = (
    ("Ban", "whatsapp_waba_ban_state_changed_timestamp_seconds"),
    ("Connection", "whatsapp_waba_connection_changed_timestamp_seconds"),
    ("Violation", "whatsapp_waba_last_violation_timestamp_seconds"),
    ("Alert of Meta's own", "whatsapp_account_alert_severity_changed_timestamp_seconds"),
    ("Security", "whatsapp_waba_last_security_event_timestamp_seconds"),
    ("Security of a number", "whatsapp_phone_number_last_security_event_timestamp_seconds"),
    ("Flow", "whatsapp_flow_alert_state_changed_timestamp_seconds"),
)


def panel() -> PanelBuilder:
    found = (
        queries.said(f'{metric}{{{queries.matchers_of(metric)},{label}!~"{_well(known)}"}} == 1', about, told)
        for about, metric, label, known, told in _SAID
    )
    since = (queries.said(queries.age(f"{metric}{{{queries.matchers_of(metric)}}}"), about) for about, metric in _SINCE)
    said = f"max by ({BY_WABA}, about, said) ({queries.either(*found)})"
    last = f"min by ({BY_WABA}, about) ({queries.either(*since)})"
    chosen = f"topk({MOST_ROWS}, {said})"
    return rows(
        About(
            title="What Meta says of accounts that is not all well",
            shows="States of accounts, of their reviews and verification, bans, violations, Meta's own alerts, "
            f"security events and Flows in trouble. UNKNOWN is no verdict. At most {MOST_ROWS}.",
            source=Source.BOTH,
            act="open Business Support Home for the account; `wamon explain WORD` tells what a word means.",
            missing="Meta says nothing but good of what can be seen; or no account is watched.",
            runbooks=("WhatsAppAccountRestricted", "WhatsAppAccountAlert", "WhatsAppSecurityEvent"),
        ),
        Query(expr=f"{last} * on ({BY_WABA}, about) group_right () {chosen} or {chosen} * -1"),
        columns=(
            Column(name="about", title="About", width=160),
            Column(name="said", title="Meta says"),
            Column(
                name="Value",
                title="For",
                unit="s",
                decimals=0,
                mapping=looks.words({-1: ("-", looks.PLAIN)}),
            ),
            queries.WABA_COLUMN,
        ),
        worst="For",
        is_descending=False,
        size=(HALF, MIDDLE),
    )


def _well(known: Vocabulary) -> str:
    return looks.alternatives(value for value in known.values if known.grade(value) is Grade.HEALTHY)
