"""Meta's decisions against the whole account, polled or heard: bans, reviews, violations, restrictions, lost ties."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from wamon.core import vocabulary
from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import NEVER, Fact, Subject, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import ACCOUNT_REVIEW_STATUS, OTHER, WABA_STATUS, Grade
from wamon.probes.account import CAN_SEND, WABA_REVIEW_STATUS
from wamon.probes.account import WABA_STATUS as WABA_STATUS_SIGNAL
from wamon.rules.words import evidence_of, moment
from wamon.webhooks.fields.account_update import (
    RESTRICTION_ACTIVE,
    RESTRICTION_EXPIRY,
    WABA_BAN_DATE,
    WABA_BAN_STATE,
    WABA_CONNECTION,
    WABA_VIOLATION,
)

# What polls show, with its name and its words.
POLLED: Final = (
    ("Account status", WABA_STATUS_SIGNAL, WABA_STATUS),
    ("Account review", WABA_REVIEW_STATUS, ACCOUNT_REVIEW_STATUS),
)
BY_GRADE: Final = {Grade.DOWN: Severity.CRITICAL, Grade.WATCH: Severity.WARNING}
BANS: Final = {"DISABLE": "Account is disabled", "SCHEDULE_FOR_DISABLE": "Account is about to be disabled"}
LOST_TIES: Final = {
    "DELETED": "Account was deleted",
    "OFFBOARDED": "Account was cut off from the Cloud API",
    "PARTNER_REMOVED": "Partner was removed from the account",
    "PARTNER_APP_UNINSTALLED": "Partner's app was removed from the account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedParams:
    """`violation_hours`: how long a policy violation alerts. `proof_hours`: how long after a webhook's bad news a poll
    must find the account well to outdo it, as a ban may show in the polls later than in the webhook."""

    violation_hours: float = 24.0
    proof_hours: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionParams:
    """Days after which a restriction without an end of its own counts as over: Meta tells of no other end."""

    endless_days: float = 30.0


class _Finding(NamedTuple):
    """Something that is wrong. `seen_at` is None for what was told by webhook: it holds until something outdoes it."""

    severity: Severity
    what: str
    evidence: tuple[tuple[str, str], ...]
    seen_at: datetime | None = None


def check(view: View, params: RestrictedParams, now: datetime) -> Verdict | None:
    found = [*_told(view, params, now), *_polled(view)]
    if found:
        worst = max(found, key=lambda finding: finding.severity)
        # What was told holds at this moment; the moment at which it was told would lie before the last poll.
        seen_at = now if any(finding.seen_at is None for finding in found) else worst.seen_at or now
        evidence = [pair for finding in found for pair in finding.evidence]
        return firing(worst.severity, seen_at, worst.what, evidence=evidence)
    # A word that wamon does not know may be a new one for a ban.
    if any(view.value(signal) == OTHER for _, signal, _ in POLLED) or _is_unclear_ban(view, params, now):
        return unknown(now)
    # The status says nothing when Meta leaves it out, which it does for some accounts; the review alone may clear.
    seen = [fact.observed_at for _, signal, _ in POLLED if (fact := view.fact(signal)) and view.value(signal)]
    if seen:
        return clear(max(seen))
    # Nobody sees at present. What was told is over, but what polls last saw may still be so.
    last_seen = [(known, view.known(signal)) for _, signal, known in POLLED]
    was_bad = any(value == OTHER or known.grade(value) is Grade.DOWN for known, value in last_seen)
    has_heard = any(view.fact(signal) for signal in (WABA_BAN_STATE, WABA_CONNECTION, WABA_VIOLATION))
    return clear(now) if has_heard and not was_bad else unknown(now)


def _polled(view: View) -> Iterator[_Finding]:
    for name, signal, known in POLLED:
        fact, value = view.fact(signal), view.value(signal)
        if fact is not None and known.grade(value) is Grade.DOWN:
            evidence = tuple(evidence_of(fact, name))
            yield _Finding(Severity.CRITICAL, f"{name} {value}", evidence, fact.observed_at)


def _told(view: View, params: RestrictedParams, now: datetime) -> Iterator[_Finding]:
    """What webhooks told and nothing has outdone since."""
    yield from _ban(view, params, now)
    yield from _lost_tie(view, params)
    yield from _violation(view, params, now)


def _ban(view: View, params: RestrictedParams, now: datetime) -> Iterator[_Finding]:
    fact, day = view.fact(WABA_BAN_STATE), view.value(WABA_BAN_DATE)
    if fact is None or str(fact.value) not in BANS:
        return
    # Until the day has passed, an account that is only about to be disabled is bound to look well.
    since: datetime | None = fact.observed_at
    if fact.value != "DISABLE":
        # The day is Meta's word and may be the last of the calendar: nothing is added to it before it has passed.
        is_past = day is not None and now - day >= timedelta(days=1)
        since = max(day + timedelta(days=1), fact.observed_at) if day is not None and is_past else None
    if since is not None and _is_well_since(view, since, params):
        return
    evidence = [*evidence_of(fact, "Ban"), *([("Day of the ban", f"{day:%Y-%m-%d}")] if day is not None else [])]
    yield _Finding(Severity.CRITICAL, BANS[str(fact.value)], tuple(evidence))


def _is_unclear_ban(view: View, params: RestrictedParams, now: datetime) -> bool:
    """Whether Meta lately said of a ban what wamon does not understand."""
    fact = view.fact(WABA_BAN_STATE)
    return fact is not None and fact.value == OTHER and now - fact.observed_at < _hours(params.violation_hours)


def _lost_tie(view: View, params: RestrictedParams) -> Iterator[_Finding]:
    fact = view.fact(WABA_CONNECTION)
    if fact is None or str(fact.value) not in LOST_TIES:
        return
    # An account that was cut off from the Cloud API is still a good account in the polls.
    if fact.value != "OFFBOARDED" and _is_well_since(view, fact.observed_at, params):
        return
    severity = BY_GRADE[vocabulary.WABA_CONNECTION.grade(str(fact.value))]
    yield _Finding(severity, LOST_TIES[str(fact.value)], tuple(evidence_of(fact, "Tie to the platform")))


def _violation(view: View, params: RestrictedParams, now: datetime) -> Iterator[_Finding]:
    fact = view.fact(WABA_VIOLATION)
    if fact is None or fact.value is None or now - fact.observed_at >= _hours(params.violation_hours):
        return
    evidence = [("Policy violation", fact.raw or str(fact.value)), ("Told", moment(fact.observed_at))]
    if known := vocabulary.VIOLATION_TYPE.get(str(fact.value)):
        evidence.append(("Which means", f"{known.meaning} {known.action}"))
    yield _Finding(Severity.CRITICAL, "Account violated a policy of Meta's", tuple(evidence))


def _is_well_since(view: View, at: datetime, params: RestrictedParams) -> bool:
    """Whether a poll long enough after that moment found the account well."""
    since = at + _hours(params.proof_hours)
    waba_id = view.subject.label("waba_id") or ""
    status, sending = view.fact(WABA_STATUS_SIGNAL), view.fact(CAN_SEND, of=Subject.sender(waba_id, "waba", waba_id))
    return _is_proof(status, "ACTIVE", since) or _is_proof(sending, "AVAILABLE", since)


def _is_proof(fact: Fact | None, good: str, since: datetime) -> bool:
    return fact is not None and fact.value == good and fact.observed_at >= since


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


def check_restriction(view: View, params: RestrictionParams, now: datetime) -> Verdict | None:
    fact = view.fact(RESTRICTION_ACTIVE)
    if fact is None or fact.value is None:
        return unknown(now)
    # The reading holds until the end that Meta named.
    is_endless = fact.stale_at == NEVER
    end = fact.observed_at + timedelta(days=params.endless_days) if is_endless else fact.stale_at
    if not fact.value or end <= now:
        return clear(now)
    kind = view.subject.label("restriction_type") or OTHER
    known = vocabulary.RESTRICTION_TYPE.get(kind)
    evidence = [("Restriction", fact.raw or kind)]
    if known is not None:
        evidence.append(("Which means", f"{known.meaning} {known.action}"))
    evidence.append(("Since", moment(fact.changed_at or fact.observed_at)))
    told_end = view.value(RESTRICTION_EXPIRY)
    evidence.append(("Ends", moment(told_end) if told_end is not None else "Meta named no end"))
    # A kind that wamon does not know may stop the messages.
    severity = BY_GRADE[known.grade] if known is not None else Severity.CRITICAL
    return firing(severity, now, "Account is restricted", evidence=evidence)


STEPS = (
    "Open Business Support Home, choose the account and read the reason.",
    "Request a review there; have the business documents at hand.",
)
TOLD_AT_ONCE = Timing(min_observations=1, keep_firing_for=timedelta(minutes=5))

# Its alerts share one message an account.
FAMILY = "account"

RESTRICTED = Rule(
    name="WhatsAppAccountRestricted",
    kind=SubjectKind.WABA,
    check=check,
    alertnames=dict.fromkeys((Severity.WARNING, Severity.CRITICAL), "WhatsAppAccountRestricted"),
    timing=TOLD_AT_ONCE,
    params=RestrictedParams(),
    meaning="Meta disabled, restricted or rejected the WhatsApp Business account, found a policy violated, or cut its "
    "tie to the platform or the partner.",
    cause="A decision by Meta about policy, commerce rules or the business's identity; a lost tie is often somebody's "
    "own doing.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        *STEPS,
        "A policy violation: stop what it names at once, as repeated ones lead to restrictions that grow longer.",
        "Deleted, cut off or a partner removed: find out who did it, and connect the account again.",
        "Tell those who send: messages of every number of this account are affected.",
    ),
)
RESTRICTION = Rule(
    name="WhatsAppRestrictionActive",
    kind=SubjectKind.RESTRICTION,
    check=check_restriction,
    alertnames=dict.fromkeys((Severity.WARNING, Severity.CRITICAL), "WhatsAppAccountRestricted"),
    timing=Timing(min_observations=1),
    params=RestrictionParams(),
    meaning="Meta took a feature from the account for a time: messages are critical; calls, templates and new numbers "
    "are a warning.",
    cause="Repeated or severe violations of Meta's policies, or calls that nobody picks up.",
    owner=Owner.META_ADMIN,
    family=FAMILY,
    steps=(
        *STEPS,
        "Business-initiated messaging: stop campaigns. Customer-initiated messaging: even replies do not go out.",
        "Look at the end in the evidence: most restrictions end by themselves, and the alert with them.",
    ),
    # Its end comes by the clock, not by a reading.
    on_tick=True,
)
RULES = (RESTRICTED, RESTRICTION)
