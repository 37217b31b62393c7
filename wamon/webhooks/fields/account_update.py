"""account_update: bans, restrictions, policy violations, and who is connected to the account.

Source: Meta "account_update" webhook reference, read 2026-09; Direct Send pages, 2026-09.
"""

from collections.abc import Iterator
from typing import Final

from wamon.core import vocabulary
from wamon.core.health import Flag, Reading, Signal, SparseState, Subject, SubjectKind, Timestamp
from wamon.core.ports import JsonObject
from wamon.core.vocabulary import OTHER
from wamon.probes.payload import mapping, text
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import moment_of, objects_of, required_word, words_of

WABA_BAN_STATE = Signal(
    name="whatsapp_waba_ban_state",
    kind=SubjectKind.WABA,
    shape=SparseState("state"),
    help="What Meta last said of a ban: DISABLE, SCHEDULE_FOR_DISABLE or REINSTATE; absent before the first word.",
    changed_at="whatsapp_waba_ban_state_changed_timestamp_seconds",
    is_event=True,
)
WABA_BAN_DATE = Signal(
    name="whatsapp_waba_ban_timestamp_seconds",
    kind=SubjectKind.WABA,
    shape=Timestamp(),
    help="The day of the ban that Meta named with it; absent where it named none.",
    is_event=True,
)
RESTRICTION_ACTIVE = Signal(
    name="whatsapp_waba_restriction_active",
    kind=SubjectKind.RESTRICTION,
    shape=Flag(),
    help="Whether the account is under this restriction; absent after the end that Meta named.",
    changed_at="whatsapp_waba_restriction_active_changed_timestamp_seconds",
    is_event=True,
)
RESTRICTION_EXPIRY = Signal(
    name="whatsapp_waba_restriction_expires_timestamp_seconds",
    kind=SubjectKind.RESTRICTION,
    shape=Timestamp(),
    help="When the restriction ends by itself; absent where Meta named no end.",
    is_event=True,
)
WABA_VIOLATION = Signal(
    name="whatsapp_waba_last_violation",
    kind=SubjectKind.WABA,
    shape=SparseState("violation_type"),
    help="The last violation of a policy that Meta found; OTHER for a kind that wamon does not know.",
    is_event=True,
)
WABA_VIOLATED_AT = Signal(
    name="whatsapp_waba_last_violation_timestamp_seconds",
    kind=SubjectKind.WABA,
    shape=Timestamp(),
    help="When Meta told of the last violation of a policy.",
    is_event=True,
)
WABA_CONNECTION = Signal(
    name="whatsapp_waba_connection",
    kind=SubjectKind.WABA,
    shape=SparseState("state"),
    help="What last happened to the account's tie to platform and partner: CONNECTED, OFFBOARDED, DELETED and so on.",
    changed_at="whatsapp_waba_connection_changed_timestamp_seconds",
    is_event=True,
)

# Events that change nothing which a poll could see.
BUSINESS_AS_USUAL: Final = frozenset(
    {
        "AD_ACCOUNT_LINKED",
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        "MM_LITE_TERMS_SIGNED",
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE",
        "VOLUME_BASED_PRICING_TIER_UPDATE",
    }
)
# A partner's page shows the three states as a list. Of several the worst counts: a ban that is missed costs more.
BAN_BADNESS: Final = {"REINSTATE": 0, OTHER: 1, "SCHEDULE_FOR_DISABLE": 2, "DISABLE": 3}

# Some kinds of violation carry the stage of enforcement behind them.
STAGED_VIOLATION: Final = "DIRECT_SEND_UTILITY_CATEGORY_ABUSE"
LIFTED: Final = "_UNBAN"
LIFTED_RESTRICTION: Final = "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES"


def read(notice: Notice, directory: Directory) -> Heed:
    """What happened to the account. Readings only where the event is about the account that the notice names."""
    event = required_word(notice.value, "event")
    about = text(mapping(notice.value.get("waba_info")).get("waba_id"))
    if about is not None and about != notice.waba_id:
        return Heed(asks_poll=True)
    return Heed(readings=tuple(_readings(event, notice)), asks_poll=event not in BUSINESS_AS_USUAL)


def _readings(event: str, notice: Notice) -> Iterator[Reading]:
    waba = Subject.waba(notice.waba_id)
    connection = vocabulary.WABA_CONNECTION.normalise(event)
    if event == "DISABLED_UPDATE":
        yield from _read_ban(waba, mapping(notice.value.get("ban_info")))
    elif event == "ACCOUNT_RESTRICTION":
        yield from _read_restrictions(notice)
        yield from _read_violation(waba, notice, is_certain=False)
    elif event == "ACCOUNT_VIOLATION":
        yield from _read_violation(waba, notice, is_certain=True)
    elif connection is not None and connection != OTHER:
        yield WABA_CONNECTION.reading(waba, connection, raw=words_of(event, *_disconnection(notice.value)))


def _read_ban(waba: Subject, ban: JsonObject) -> Iterator[Reading]:
    told = ban.get("waba_ban_state")
    words = [words for each in (told if isinstance(told, list) else [told]) if (words := text(each))]
    states = [vocabulary.WABA_BAN_STATE.normalise(each) or OTHER for each in words]
    worst = max(states, key=BAN_BADNESS.__getitem__, default=OTHER)
    raw = words_of(*words) or "DISABLED_UPDATE without a state"
    yield WABA_BAN_STATE.reading(waba, worst, raw=raw, is_recognised=worst != OTHER)
    yield WABA_BAN_DATE.reading(waba, moment_of(ban.get("waba_ban_date")), raw=words_of(ban.get("waba_ban_date")))


def _read_restrictions(notice: Notice) -> Iterator[Reading]:
    """Each restriction with its own end: no event tells that it is over, except for Direct Send."""
    infos = objects_of(notice.value.get("restriction_info"))
    violation = _violation_of(notice)
    if not infos and violation.upper().endswith(LIFTED):
        if violation.upper().startswith("DIRECT_SEND"):
            lifted = Subject.restriction(notice.waba_id, LIFTED_RESTRICTION)
            yield RESTRICTION_ACTIVE.reading(lifted, False, raw=words_of(violation))
            yield RESTRICTION_EXPIRY.reading(lifted, None)
        return
    if not infos and not violation:
        # That there is one is sure, though not which.
        infos = [{}]
    for info in infos:
        yield from _read_restriction(notice.waba_id, info)


def _read_restriction(waba_id: str, info: JsonObject) -> Iterator[Reading]:
    kind = vocabulary.RESTRICTION_TYPE.normalise(info.get("restriction_type")) or OTHER
    subject = Subject.restriction(waba_id, kind)
    raw = words_of(info.get("restriction_type"), info.get("remediation"))
    end = moment_of(info.get("expiration"))
    yield RESTRICTION_ACTIVE.reading(subject, True, raw=raw, is_recognised=kind != OTHER, holds_until=end)
    yield RESTRICTION_EXPIRY.reading(subject, end, raw=words_of(info.get("expiration")), holds_until=end)


def _read_violation(waba: Subject, notice: Notice, *, is_certain: bool) -> Iterator[Reading]:
    """The violation that the notice names; one of an unknown kind when it is certain that there was one."""
    violation = _violation_of(notice)
    if violation.upper().endswith(LIFTED) or not (violation or is_certain):
        return
    is_staged = violation.upper().startswith(STAGED_VIOLATION)
    kind = STAGED_VIOLATION if is_staged else vocabulary.VIOLATION_TYPE.normalise(violation) or OTHER
    raw = words_of(violation, mapping(notice.value.get("violation_info")).get("remediation"))
    yield WABA_VIOLATION.reading(waba, kind, raw=raw, is_recognised=kind != OTHER)
    yield WABA_VIOLATED_AT.reading(waba, notice.at)


def _violation_of(notice: Notice) -> str:
    return text(mapping(notice.value.get("violation_info")).get("violation_type")) or ""


def _disconnection(value: JsonObject) -> Iterator[str]:
    """Why a number that is used with the app too was disconnected, and by whom."""
    info = mapping(value.get("disconnection_info"))
    if reason := text(info.get("reason")):
        yield f"reason {reason}"
    if initiator := text(info.get("initiated_by")):
        yield f"initiated by {initiator}"


FIELD = Field(
    name="account_update",
    doc="Bans, restrictions, policy violations, deletion and the ties to partners.",
    signals=(
        WABA_BAN_STATE,
        WABA_BAN_DATE,
        RESTRICTION_ACTIVE,
        RESTRICTION_EXPIRY,
        WABA_VIOLATION,
        WABA_VIOLATED_AT,
        WABA_CONNECTION,
    ),
    read=read,
)
