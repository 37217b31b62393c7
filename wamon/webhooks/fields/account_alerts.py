"""account_alerts: Meta's own alerts on an account, its limit and its profile.

Source: Meta "account_alerts" webhook reference, read 2026-09. The dashboard's test sends the same keys flat, with a
number for entity_id; seen 2026-08.
"""

from typing import Final

from wamon.core import vocabulary
from wamon.core.health import Signal, SparseState, Subject, SubjectKind
from wamon.core.vocabulary import OTHER
from wamon.probes.payload import mapping, text
from wamon.webhooks.field import Directory, Field, Heed, Notice, WebhookShapeError
from wamon.webhooks.forms import words_of
from wamon.webhooks.lenient import UNEXPECTED_SHAPE

ACCOUNT_ALERT = Signal(
    name="whatsapp_account_alert_severity",
    kind=SubjectKind.ACCOUNT_ALERT,
    shape=SparseState("severity"),
    help="Severity of an alert of Meta's own, by its type: CRITICAL, WARNING or INFORMATIONAL; NONE once it is over.",
    changed_at="whatsapp_account_alert_severity_changed_timestamp_seconds",
    is_event=True,
)

OVER: Final = "NONE"
ACTIVE: Final = "ACTIVE"


def read(notice: Notice, directory: Directory) -> Heed:
    """The alert's severity; OTHER for a severity, or a state of the alert, that wamon does not know."""
    info = mapping(notice.value.get("alert_info")) or notice.value
    kind = vocabulary.ACCOUNT_ALERT_TYPE.normalise(info.get("alert_type"))
    status = (text(info.get("alert_status")) or ACTIVE).upper()
    severity = OVER if status == OVER else vocabulary.ACCOUNT_ALERT_SEVERITY.normalise(info.get("alert_severity"))
    if kind is None and severity is None:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    if severity is None or status not in (ACTIVE, OVER):
        severity = OTHER
    entity = words_of(notice.value.get("entity_type"), notice.value.get("entity_id"))
    raw = words_of(
        info.get("alert_severity"),
        info.get("alert_status"),
        info.get("alert_type") if kind == OTHER else None,
        info.get("alert_description"),
        f"about {entity}" if entity else None,
    )
    subject = Subject.account_alert(notice.waba_id, kind or OTHER)
    is_recognised = OTHER not in (kind, severity)
    return Heed(
        readings=(ACCOUNT_ALERT.reading(subject, severity, raw=raw, is_recognised=is_recognised),), asks_poll=True
    )


FIELD = Field(
    name="account_alerts",
    doc="Meta's own alerts: a higher limit refused, an official business account, a profile picture lost.",
    signals=(ACCOUNT_ALERT,),
    read=read,
)
