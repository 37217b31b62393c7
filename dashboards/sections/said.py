"""What Meta says of accounts that is not all well, from many metrics in one table; a panel of the fleet's board."""

from collections.abc import Iterator
from typing import Final

from dashboards import looks, queries
from dashboards.panels import HALF, MIDDLE, About, Column, PanelBuilder, Query, Source, rows
from dashboards.queries import BY_WABA
from wamon.core import vocabulary
from wamon.core.vocabulary import OTHER, Grade, Vocabulary

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


_SEVERITIES: Final = {
    1: ("CRITICAL", looks.BAD),
    2: ("WARNING", looks.WATCH),
    3: ("UNKNOWN", looks.UNKNOWN),
}


def panel() -> PanelBuilder:
    ranked = queries.either(*(term for told in _SAID for term in _ranked(*told)))
    since = (queries.said(queries.age(f"{metric}{{{queries.matchers_of(metric)}}}"), about) for about, metric in _SINCE)
    last = f"min by ({BY_WABA}, about) ({queries.either(*since)})"
    chosen = f"bottomk({MOST_ROWS}, min by ({BY_WABA}, about, said) ({ranked}))"
    return rows(
        About(
            title="What Meta says of accounts that is not all well",
            shows="States of accounts, of their reviews and verification, bans, violations, Meta's own alerts, "
            "security events and Flows in trouble, the worst first. UNKNOWN is no verdict. "
            f"At most {MOST_ROWS}.",
            source=Source.BOTH,
            act="open Business Support Home for the account; `wamon explain WORD` tells what a word means.",
            missing="Meta says nothing but good of what can be seen; or no account is watched.",
            runbooks=("WhatsAppAccountRestricted", "WhatsAppAccountAlert", "WhatsAppSecurityEvent"),
        ),
        Query(expr=chosen),
        Query(expr=f"(0 * {chosen} + 1) * on ({BY_WABA}, about) group_left () {last}"),
        columns=(
            Column(name="Value #A", title="Severity", mapping=looks.words(_SEVERITIES), width=110),
            Column(name="about", title="About", width=160),
            Column(name="said", title="Meta says"),
            Column(name="Value #B", title="For", unit=looks.AGE),
            queries.WABA_COLUMN,
        ),
        worst="Severity",
        is_descending=False,
        size=(HALF, MIDDLE),
    )


def _ranked(about: str, metric: str, label: str, known: Vocabulary, told: str) -> Iterator[str]:
    """The rank of each state of the metric that is not well, the worst first, with what it is about and its word."""
    well, down, watch = (
        [value for value in known.values if known.grade(value) is grade]
        for grade in (Grade.HEALTHY, Grade.DOWN, Grade.WATCH)
    )
    # A word of Meta's that is new may mean anything.
    watch.append(OTHER)
    for rank, sign, values in ((1, "=~", down), (2, "=~", watch), (3, "!~", (*well, *down, *watch))):
        if values:
            series = f'{metric}{{{queries.matchers_of(metric)},{label}{sign}"{looks.alternatives(values)}"}}'
            yield queries.said(f"({series} == 1) * {rank}", about, told)
