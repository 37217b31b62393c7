"""security: somebody changed the two-step verification of a number, or asked for it.

Source: Meta "security" webhook reference, read 2025-12.
"""

from wamon.core import vocabulary
from wamon.core.health import Signal, SparseState, Subject, SubjectKind, Timestamp
from wamon.core.vocabulary import OTHER
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import required_word, words_of

LAST_SECURITY_EVENT = Signal(
    name="whatsapp_phone_number_last_security_event",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("event"),
    help="What last happened to the two-step verification of the number; OTHER for an event that wamon does not know.",
    is_event=True,
)
SECURITY_EVENT_AT = Signal(
    name="whatsapp_phone_number_last_security_event_timestamp_seconds",
    kind=SubjectKind.PHONE_NUMBER,
    shape=Timestamp(),
    help="When something last happened to the two-step verification of the number.",
    is_event=True,
)
WABA_LAST_SECURITY_EVENT = Signal(
    name="whatsapp_waba_last_security_event",
    kind=SubjectKind.WABA,
    shape=SparseState("event"),
    help="What last happened to the two-step verification of a number of the account that wamon does not know.",
    is_event=True,
)
WABA_SECURITY_EVENT_AT = Signal(
    name="whatsapp_waba_last_security_event_timestamp_seconds",
    kind=SubjectKind.WABA,
    shape=Timestamp(),
    help="When something last happened to the two-step verification of a number that wamon does not know.",
    is_event=True,
)


def read(notice: Notice, directory: Directory) -> Heed:
    """The event, on its number; on the account when wamon does not know the number: not polled so far, or left out.

    Who asked is not read: it names a person.
    """
    number = directory.number(notice.waba_id, notice.value.get("display_phone_number"))
    told = required_word(notice.value, "event")
    event = vocabulary.SECURITY_EVENT.normalise(told)
    if number is not None:
        subject, what, when = number, LAST_SECURITY_EVENT, SECURITY_EVENT_AT
    else:
        subject, what, when = Subject.waba(notice.waba_id), WABA_LAST_SECURITY_EVENT, WABA_SECURITY_EVENT_AT
    last = what.reading(subject, event, raw=words_of(told), is_recognised=event != OTHER)
    return Heed(readings=(last, when.reading(subject, notice.at)), asks_poll=True)


FIELD = Field(
    name="security",
    doc="Changes of a number's two-step verification.",
    signals=(LAST_SECURITY_EVENT, SECURITY_EVENT_AT, WABA_LAST_SECURITY_EVENT, WABA_SECURITY_EVENT_AT),
    read=read,
)
