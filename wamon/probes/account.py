"""The account probe: one nested call brings a WABA, all its phone numbers and the apps subscribed to it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from wamon.core import vocabulary
from wamon.core.errors import Denied, GraphFault, Refused, UnexpectedShape
from wamon.core.health import (
    Flag,
    FlagMap,
    Gauge,
    Info,
    Reading,
    Signal,
    SparseState,
    StateSet,
    Subject,
    SubjectKind,
)
from wamon.core.ports import Edge, GraphQuery, JsonObject, Probe, ProbeSteps, Report
from wamon.core.state import Roster
from wamon.core.targets import AccountTarget
from wamon.core.vocabulary import Vocabulary
from wamon.probes.evidence import code_words
from wamon.probes.health_status import BLOCKED, LIMITED, causes_of, entities_of, state_of, worst_state
from wamon.probes.payload import flag, items, mapping, text, without_query

# --- what it observes: the phone number -------------------------------------------------------------------------------

PHONE_NUMBER_INFO = Signal(
    name="whatsapp_phone_number_info",
    kind=SubjectKind.PHONE_NUMBER,
    shape=Info(("display_phone_number", "verified_name", "platform_type", "account_mode")),
    help="Names of a phone number, for joins.",
)
PHONE_NUMBER_IN_WABA = Signal(
    name="whatsapp_phone_number_in_waba",
    kind=SubjectKind.PHONE_NUMBER,
    shape=Flag(),
    help="Whether the WABA lists this phone number; 0 only for one that the configuration names.",
    last_known="whatsapp_phone_number_last_known_in_waba",
)
QUALITY_RATING = Signal(
    name="whatsapp_phone_number_quality_rating",
    kind=SubjectKind.PHONE_NUMBER,
    shape=StateSet("rating", ("GREEN", "YELLOW", "RED", "UNKNOWN")),
    help="Meta's quality rating of the phone number; UNKNOWN when it was never rated or the reading is stale.",
    last_known="whatsapp_phone_number_last_known_quality_rating",
    changed_at="whatsapp_phone_number_quality_rating_changed_timestamp_seconds",
)
PHONE_STATUS = Signal(
    name="whatsapp_phone_number_status",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("status"),
    help="Status of the phone number in Meta's words, upper case; OTHER for a word that wamon does not know.",
    last_known="whatsapp_phone_number_last_known_status",
    changed_at="whatsapp_phone_number_status_changed_timestamp_seconds",
)
NAME_STATUS = Signal(
    name="whatsapp_phone_number_name_status",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("value"),
    help="Review status of the display name.",
    is_optional=True,
)
CODE_VERIFICATION_STATUS = Signal(
    name="whatsapp_phone_number_code_verification_status",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("value"),
    help="Verification of the number's ownership; it lapses on healthy numbers and matters only for registering again.",
    is_optional=True,
)
THROUGHPUT_LEVEL = Signal(
    name="whatsapp_phone_number_throughput_level",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("value"),
    help="Throughput level: STANDARD is 80 messages a second, HIGH up to 1,000.",
    is_optional=True,
)
PIN_ENABLED = Signal(
    name="whatsapp_phone_number_pin_enabled",
    kind=SubjectKind.PHONE_NUMBER,
    shape=Flag(),
    help="Whether two-step verification is set for the number.",
    is_optional=True,
)
MESSAGING_LIMIT = Signal(
    name="whatsapp_messaging_limit_recipients",
    kind=SubjectKind.PHONE_NUMBER,
    shape=Gauge(),
    help="How many people may be written to first in 24 hours; the limit is the business portfolio's. +Inf: no limit.",
)
NUMBER_CAN_SEND = Signal(
    name="whatsapp_phone_number_can_send",
    kind=SubjectKind.PHONE_NUMBER,
    shape=SparseState("state"),
    help="Whether the number can send messages: the worst of all entities of its health_status, calling left out.",
)

# --- what it observes: whoever must agree before a message goes out ---------------------------------------------------

CAN_SEND = Signal(
    name="whatsapp_can_send",
    kind=SubjectKind.SENDER,
    shape=SparseState("state"),
    help="Whether this entity (phone number, WABA, business, app) lets messages be sent, calling left out.",
    last_known="whatsapp_last_known_can_send",
)
CAN_SEND_REASON = Signal(
    name="whatsapp_can_send_reason_info",
    kind=SubjectKind.SENDER,
    shape=FlagMap("error_code"),
    help="Meta's error codes that limit or block this entity; absent while it is available.",
    last_known="whatsapp_last_known_can_send_reason_info",
)

# --- what it observes: the WABA ---------------------------------------------------------------------------------------

WABA_INFO = Signal(
    name="whatsapp_waba_info",
    kind=SubjectKind.WABA,
    shape=Info(("name", "currency")),
    help="Names of a WABA, for joins.",
)
WABA_STATUS = Signal(
    name="whatsapp_waba_status",
    kind=SubjectKind.WABA,
    shape=SparseState("value"),
    help="Status of the WABA in Meta's words.",
    last_known="whatsapp_waba_last_known_status",
)
WABA_REVIEW_STATUS = Signal(
    name="whatsapp_waba_review_status",
    kind=SubjectKind.WABA,
    shape=SparseState("value"),
    help="Outcome of Meta's account review.",
    last_known="whatsapp_waba_last_known_review_status",
)
WABA_BUSINESS_VERIFICATION_STATUS = Signal(
    name="whatsapp_waba_business_verification_status",
    kind=SubjectKind.WABA,
    shape=SparseState("value"),
    help="Verification of the business behind the WABA.",
)
WEBHOOK_SUBSCRIBED = Signal(
    name="whatsapp_webhook_subscribed",
    kind=SubjectKind.WABA,
    shape=FlagMap("app_id"),
    help="Whether this app receives the WABA's webhooks; the configured app always, other apps only when seen.",
    last_known="whatsapp_webhook_last_known_subscribed",
)
WEBHOOK_OVERRIDE_MATCHES = Signal(
    name="whatsapp_webhook_override_matches",
    kind=SubjectKind.WABA,
    shape=Flag(),
    help="Whether the WABA's override of the callback URL is the expected one; absent without an override.",
)
TOKEN_ASSET_ACCESS = Signal(
    name="whatsapp_token_asset_access",
    kind=SubjectKind.TOKEN_ASSET,
    shape=Flag(),
    help="Whether the token could read this WABA, proved by a read.",
    last_known="whatsapp_token_last_known_asset_access",
)

SIGNALS: tuple[Signal[Any], ...] = (
    PHONE_NUMBER_INFO,
    PHONE_NUMBER_IN_WABA,
    QUALITY_RATING,
    PHONE_STATUS,
    NAME_STATUS,
    CODE_VERIFICATION_STATUS,
    THROUGHPUT_LEVEL,
    PIN_ENABLED,
    MESSAGING_LIMIT,
    NUMBER_CAN_SEND,
    CAN_SEND,
    CAN_SEND_REASON,
    WABA_INFO,
    WABA_STATUS,
    WABA_REVIEW_STATUS,
    WABA_BUSINESS_VERIFICATION_STATUS,
    WEBHOOK_SUBSCRIBED,
    WEBHOOK_OVERRIDE_MATCHES,
    TOKEN_ASSET_ACCESS,
)

# --- what it asks -----------------------------------------------------------------------------------------------------

# Source: Meta "WhatsApp Business Account" and "Phone numbers" references and Graph SDK v25, read 2026-09.
WABA_FIELDS = (
    "id",
    "name",
    "currency",
    "status",
    "account_review_status",
    "business_verification_status",
    "whatsapp_business_manager_messaging_limit",
    "health_status",
)
NUMBER_FIELDS = (
    "id",
    "display_phone_number",
    "verified_name",
    "status",
    "quality_rating",
    "quality_score",
    "name_status",
    "code_verification_status",
    "throughput",
    "account_mode",
    "platform_type",
    "is_pin_enabled",
    "whatsapp_business_manager_messaging_limit",
    "health_status",
)
# Meta's page as of 2026-05: the old field up to v23.0, the new one from v24.0 on.
LAST_VERSION_WITH_TIER = (23, 0)
OLD_LIMIT_FIELD = "messaging_limit_tier"
NEW_LIMIT_FIELD = "whatsapp_business_manager_messaging_limit"
PAGE = 100

# What Meta calls the nodes whose ids people mistake for a WABA's, in its error texts (many public reports, read
# 2026-11; the second is the name of the phone number's reference page), and where such an id belongs.
WABA_NODE_TYPE = "WhatsAppBusinessAccount"
WABA_ONLY_FIELDS = frozenset({*WABA_FIELDS, "phone_numbers", "subscribed_apps"}) - frozenset(NUMBER_FIELDS)
OTHER_NODE_TYPES = {
    "WhatsAppBusinessPhoneNumber": ("a phone number id", ", and this one into phone_number_ids"),
    "WhatsAppBusinessAccountToNumberCurrentStatus": ("a phone number id", ", and this one into phone_number_ids"),
    "Business": ("the id of a business portfolio", ""),
    "Application": ("an app id", ", and this one into app_id"),
    "User": ("a user id", ""),
}

# Meta answers every call like this once it has restricted or locked the account (error codes page, read 2026-09).
RESTRICTED_CODES = frozenset({368, 131031})


def run(target: AccountTarget) -> ProbeSteps:
    """Ask for the account in one call, and for an edge by itself where it is left out.

    The client leaves an edge out when Meta refuses to nest it; Graph does when it is empty, but also when the token may
    not read it. Only the edge's own answer tells which, and neither an empty account nor a lost subscription may be
    claimed without it.
    """
    numbers = Edge("phone_numbers", _number_fields(target.version), limit=PAGE)
    apps = Edge("subscribed_apps", ())
    try:
        account = yield _query(target, fields=(*WABA_FIELDS, numbers, apps))
        if account.get(numbers.name) is None:
            account = {**account, numbers.name: (yield _query(target, edge=numbers))}
    except Refused as fault:
        return _read_refusal(fault, target)
    except Denied as fault:
        answer = code_words(fault.code, fault.subcode)
        lost = () if fault.is_token else (TOKEN_ASSET_ACCESS.reading(_asset(target), False, raw=answer),)
        return Report(readings=lost, fault=fault)
    missed: GraphFault | None = None
    if account.get(apps.name) is None:
        try:
            account = {**account, apps.name: (yield _query(target, edge=apps))}
        except GraphFault as fault:
            # The health of the numbers is worth having without the subscription.
            missed = fault
    return replace(read_account(account, target), fault=missed)


PROBE = Probe(
    name="account",
    target=AccountTarget,
    run=run,
    signals=SIGNALS,
    interval=timedelta(seconds=60),
    doc="A WABA with all its phone numbers, their health, and the apps subscribed to its webhooks.",
)


def _query(target: AccountTarget, *, fields: tuple[str | Edge, ...] = (), edge: Edge | None = None) -> GraphQuery:
    return GraphQuery(path=target.waba_id, fields=fields, edge=edge, token=target.token, waba_id=target.waba_id)


def _number_fields(version: str) -> tuple[str, ...]:
    major, _, minor = version.removeprefix("v").partition(".")
    if (int(major), int(minor or 0)) > LAST_VERSION_WITH_TIER:
        return NUMBER_FIELDS
    return tuple(OLD_LIMIT_FIELD if name == NEW_LIMIT_FIELD else name for name in NUMBER_FIELDS)


def _read_refusal(fault: Refused, target: AccountTarget) -> Report:
    """What a refusal proves: a restricted account, or an id of another kind, whose fault then says where it belongs."""
    if fault.code in RESTRICTED_CODES:
        restricted = WABA_STATUS.reading(target.subject, "RESTRICTED", raw=f"code {fault.code}")
        return Report(readings=(restricted,), fault=fault)
    if fault.node_type in (None, WABA_NODE_TYPE) or fault.field not in WABA_ONLY_FIELDS:
        return Report(readings=(), fault=fault)
    kind, place = OTHER_NODE_TYPES.get(fault.node_type, (f"the id of a {fault.node_type}", ""))
    advice = Refused(
        f"account {target.name}: {target.waba_id} is {kind}, not a WABA id: "
        f"put the WhatsApp Business Account id into waba_id{place}",
        code=fault.code,
        subcode=fault.subcode,
        field=fault.field,
        node_type=fault.node_type,
    )
    return Report(readings=(), fault=advice)


def _asset(target: AccountTarget) -> Subject:
    return Subject.token_asset(target.token, target.waba_id)


# --- how it reads the answer ------------------------------------------------------------------------------------------


def read_account(account: JsonObject, target: AccountTarget) -> Report:
    """Every reading of one account, and the list of its numbers where that is complete.

    Raises UnexpectedShape when the answer is not about this WABA or has no list of numbers: it must not look like an
    empty one.
    """
    if text(account.get("id")) != target.waba_id:
        raise UnexpectedShape(f"WABA {target.waba_id}: the answer does not carry this id")
    page = mapping(account.get("phone_numbers")).get("data")
    if not isinstance(page, list):
        raise UnexpectedShape(f"WABA {target.waba_id}: phone_numbers has no list named data")
    identified = [(number_id, item) for item in items(page) if (number_id := text(item.get("id")))]
    is_complete = len(identified) == len(page)
    listed = dict(identified)
    watched = target.phone_number_ids or frozenset(listed)
    readings: list[Reading] = [TOKEN_ASSET_ACCESS.reading(_asset(target), True)]
    readings += _read_waba(account, target)
    for number_id in sorted(watched):
        if number_id in listed:
            readings += _read_number(listed[number_id], number_id, account, target)
        else:
            readings.append(_read_absent(number_id, target, count=len(listed), is_complete=is_complete))
    senders = [*_read_senders(account, [listed[number_id] for number_id in sorted(watched & set(listed))], target)]
    readings += senders
    readings += _read_subscriptions(account, target)
    # A number whose item cannot be read is not gone.
    rosters = tuple(_rosters(account, watched, senders, target)) if is_complete else ()
    return Report(readings=tuple(readings), rosters=rosters)


def _rosters(
    account: JsonObject, watched: frozenset[str], senders: list[Reading], target: AccountTarget
) -> Iterator[Roster]:
    """Who is all there: the numbers, and who must agree before they send.

    Of the latter only where the account itself lists them: its health_status always names account, business and app, so
    one that is no longer among them has no say any more. A number that is there stays a sender, whatever is left out.
    """
    numbers = frozenset(Subject.phone_number(target.waba_id, number_id) for number_id in watched)
    yield Roster(parent=target.subject, kind=SubjectKind.PHONE_NUMBER, present=numbers)
    if entities_of(account):
        own = {Subject.sender(target.waba_id, "phone_number", number_id) for number_id in watched}
        told = {reading.subject for reading in senders if reading.subject.kind is SubjectKind.SENDER}
        yield Roster(parent=target.subject, kind=SubjectKind.SENDER, present=frozenset(own | told))


def _read_absent(number_id: str, target: AccountTarget, *, count: int, is_complete: bool) -> Reading:
    number = Subject.phone_number(target.waba_id, number_id)
    if not is_complete:
        return PHONE_NUMBER_IN_WABA.reading(number, None, raw="the list has items without an id")
    others = "1 other number" if count == 1 else f"{count or 'no'} other numbers"
    is_waba = "; this is the id of the WABA itself" if number_id == target.waba_id else ""
    return PHONE_NUMBER_IN_WABA.reading(number, False, raw=f"the WABA lists {others}{is_waba}")


def _read_waba(account: JsonObject, target: AccountTarget) -> Iterator[Reading]:
    waba = target.subject
    names = {"name": text(account.get("name")) or "", "currency": text(account.get("currency")) or ""}
    yield WABA_INFO.reading(waba, names)
    yield word(WABA_STATUS, waba, vocabulary.WABA_STATUS, account.get("status"))
    yield word(WABA_REVIEW_STATUS, waba, vocabulary.ACCOUNT_REVIEW_STATUS, account.get("account_review_status"))
    yield word(
        WABA_BUSINESS_VERIFICATION_STATUS,
        waba,
        vocabulary.BUSINESS_VERIFICATION_STATUS,
        account.get("business_verification_status"),
    )


def _read_number(number: JsonObject, number_id: str, account: JsonObject, target: AccountTarget) -> Iterator[Reading]:
    subject = Subject.phone_number(target.waba_id, number_id)
    yield PHONE_NUMBER_IN_WABA.reading(subject, True)
    # host_platform is the same thing on the list edge of Meta's OpenAPI file (v23.0, 2025-11).
    platform = text(number.get("platform_type")) or text(number.get("host_platform")) or ""
    names = {
        "display_phone_number": text(number.get("display_phone_number")) or "",
        "verified_name": text(number.get("verified_name")) or "",
        "platform_type": platform.upper(),
        "account_mode": (text(number.get("account_mode")) or "").upper(),
    }
    yield PHONE_NUMBER_INFO.reading(subject, names)
    yield word(QUALITY_RATING, subject, vocabulary.QUALITY_RATING, _rating(number))
    yield word(PHONE_STATUS, subject, vocabulary.PHONE_NUMBER_STATUS, number.get("status"))
    yield word(NAME_STATUS, subject, vocabulary.NAME_STATUS, number.get("name_status"))
    yield word(
        CODE_VERIFICATION_STATUS, subject, vocabulary.CODE_VERIFICATION_STATUS, number.get("code_verification_status")
    )
    level = mapping(number.get("throughput")).get("level")
    yield word(THROUGHPUT_LEVEL, subject, vocabulary.THROUGHPUT_LEVEL, level)
    yield PIN_ENABLED.reading(subject, flag(number.get("is_pin_enabled")))
    yield _limit(subject, number, account)


def _rating(number: JsonObject) -> object:
    """The rating; quality_score carries the same word where quality_rating is left out."""
    rating = number.get("quality_rating")
    return rating if isinstance(rating, str) else mapping(number.get("quality_score")).get("score", rating)


def _limit(subject: Subject, number: JsonObject, account: JsonObject) -> Reading:
    tier = next(
        (
            found
            for holder, key in ((number, NEW_LIMIT_FIELD), (number, OLD_LIMIT_FIELD), (account, NEW_LIMIT_FIELD))
            if (found := text(holder.get(key)))
        ),
        None,
    )
    limit = vocabulary.messaging_limit_recipients(tier) if tier else None
    is_recognised = tier is None or vocabulary.MESSAGING_LIMIT_TIER.normalise(tier) != vocabulary.OTHER
    return MESSAGING_LIMIT.reading(subject, limit, raw=tier, is_recognised=is_recognised)


def word(signal: Signal[str], subject: Subject, known: Vocabulary, raw: object) -> Reading:
    """A reading of one of Meta's open vocabularies: our form of the word, and Meta's own beside it."""
    value = known.normalise(raw)
    is_recognised = value != vocabulary.OTHER
    if not is_recognised and isinstance(signal.shape, StateSet):
        # A closed set of series has no place for it; that Meta said something else is counted.
        value = None
    return signal.reading(subject, value, raw=text(raw), is_recognised=is_recognised)


# --- who lets messages be sent ----------------------------------------------------------------------------------------


def _read_senders(account: JsonObject, numbers: list[JsonObject], target: AccountTarget) -> Iterator[Reading]:
    """The verdict of each entity, the worst of all reports about it, and of each number as a whole.

    The aggregate of Meta's answer is not used: it says BLOCKED when only calling is not set up.
    """
    reports: dict[Subject, list[JsonObject]] = {}
    for entity in entities_of(account):
        reports.setdefault(_sender(entity, target), []).append(entity)
    for number in numbers:
        entities = entities_of(number)
        for entity in entities:
            reports.setdefault(_sender(entity, target), []).append(entity)
        subject = Subject.phone_number(target.waba_id, text(number.get("id")) or "")
        yield NUMBER_CAN_SEND.reading(subject, worst_state(entities))
    for sender, entities in reports.items():
        yield from _read_sender(sender, entities)


def _sender(entity: JsonObject, target: AccountTarget) -> Subject:
    scope = (text(entity.get("entity_type")) or "unknown").lower()
    return Subject.sender(target.waba_id, scope, text(entity.get("id")) or "")


def _read_sender(sender: Subject, entities: list[JsonObject]) -> Iterator[Reading]:
    worst = worst_state(entities)
    raw = next((text(e.get("can_send_message")) for e in entities if state_of(e) == worst), None)
    yield CAN_SEND.reading(sender, worst, raw=raw, is_recognised=worst != vocabulary.OTHER)
    causes = list(dict.fromkeys(cause for entity in entities for cause in causes_of(entity)))
    codes = {code: True for code, _ in causes if code}
    reason = "; ".join(f"{code} {words}".strip() for code, words in causes) or None
    yield CAN_SEND_REASON.reading(sender, codes if worst in (LIMITED, BLOCKED) else {}, raw=reason)


# --- who receives the webhooks ----------------------------------------------------------------------------------------


def _read_subscriptions(account: JsonObject, target: AccountTarget) -> Iterator[Reading]:
    """Which apps are subscribed. Items come wrapped in whatsapp_business_api_data or flat (both in Meta's OpenAPI)."""
    page = mapping(account.get("subscribed_apps")).get("data")
    if not isinstance(page, list):
        yield WEBHOOK_SUBSCRIBED.reading(target.subject, None, raw="no list named data")
        return
    wrapped = [(mapping(item.get("whatsapp_business_api_data")) or item, item) for item in items(page)]
    identified = [(app_id, item) for app, item in wrapped if (app_id := text(app.get("id")))]
    subscribed = dict(identified)
    if len(identified) < len(page) and target.app_id not in subscribed:
        yield WEBHOOK_SUBSCRIBED.reading(target.subject, None, raw="the list has items without an id")
        return
    # Other apps may be invisible to this token, so their absence is never claimed (public reports, read 2026-11).
    apps = dict.fromkeys(subscribed, True)
    # A token that only watches may belong to an app that never receives webhooks: where nobody configured the app, it
    # is missed only when no app is subscribed at all.
    if target.app_id is not None and not (target.is_app_learned and subscribed):
        apps[target.app_id] = target.app_id in subscribed
    yield WEBHOOK_SUBSCRIBED.reading(target.subject, apps)
    override = text(mapping(subscribed.get(target.app_id or "")).get("override_callback_uri"))
    matches = override == target.expected_callback_url if override and target.expected_callback_url else None
    yield WEBHOOK_OVERRIDE_MATCHES.reading(target.subject, matches, raw=without_query(override))
