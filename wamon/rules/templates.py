"""Message templates that cannot be sent, soon may not be, or cost more than before."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import Fact, Signal, Subject, SubjectKind, Value
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.core.vocabulary import OTHER, TEMPLATE_REJECTED_REASON
from wamon.core.watch import PROBE_LAST_SUCCESS
from wamon.probes.templates import (
    CATEGORY_MISMATCH,
    PROBE,
    QUALITY_RED,
    TEMPLATE_CATEGORIES,
    TEMPLATE_CATEGORY_PROBLEM,
    TEMPLATE_LAST_UPDATED,
    TEMPLATE_PROBLEM,
    TEMPLATE_QUALITY_PROBLEM,
    TEMPLATES_LISTED,
)
from wamon.probes.templates import TEMPLATE_REJECTED_REASON as REJECTED_REASON
from wamon.rules.words import NoParams, moment
from wamon.webhooks.templates import TEMPLATE_RECATEGORISED, TEMPLATE_REMARK

T = TypeVar("T", bound=Value)

PAUSED: Final = "PAUSED"
DISABLED: Final = "DISABLED"
REJECTED: Final = "REJECTED"
PENDING: Final = "PENDING"
FLAGGED: Final = "FLAGGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingParams:
    """How recent it must be for an alert to open: accounts keep old ones for ever, and they are no news."""

    recent_days: float = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecategorisedParams:
    """`hold_hours` is how long the alert stays open after the change, or after it was announced."""

    hold_hours: float = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingParams:
    """`pending_hours` is how long a review may take."""

    pending_hours: float = 72.0


# --- what holds of it now ---------------------------------------------------------------------------------------------


def _told(view: View, signal: Signal[T], now: datetime) -> tuple[Fact, T] | None:
    """A reading that still counts, None for none.

    Webhooks may come days late. A complete read since then that does not show the trouble has more to say.
    """
    fact, value = view.fact(signal), view.value(signal)
    if fact is None or value is None or fact.stale_at <= now:
        return None
    read_at = view.known(PROBE_LAST_SUCCESS, of=Subject.probe(PROBE.name, _waba(view)))
    return None if read_at is not None and fact.observed_at < read_at else (fact, value)


def _waba(view: View) -> Subject:
    return Subject.waba(view.subject.label("waba_id") or "")


def _since(view: View, fact: Fact) -> datetime:
    """Since when it is so; where it was so before wamon first looked, since the template was last updated."""
    since = fact.changed_at or fact.observed_at
    listed = view.fact(TEMPLATES_LISTED, of=_waba(view))
    is_older = listed is not None and listed.changed_at is not None and since <= listed.changed_at
    updated_at = view.known(TEMPLATE_LAST_UPDATED) if is_older else None
    return min(since, updated_at) if updated_at else since


# --- the checks -------------------------------------------------------------------------------------------------------


def check_paused(view: View, params: NoParams, now: datetime) -> Verdict | None:
    return _check_status(view, PAUSED, "Template paused", now=now)


def _check_lasting(status: str, what: str) -> Callable[[View, LastingParams, datetime], Verdict | None]:
    """The check of a status in which a template stays until somebody acts."""

    def check(view: View, params: LastingParams, now: datetime) -> Verdict | None:
        told = _told(view, TEMPLATE_PROBLEM, now)
        if told and view.open_severity is None and status in told[1]:
            fact = told[0]
            if fact.observed_at - _since(view, fact) > timedelta(days=params.recent_days):
                return clear(fact.observed_at)
        return _check_status(view, status, what, now=now)

    return check


def _check_status(
    view: View, status: str, what: str, *, now: datetime, severity: Severity = Severity.WARNING
) -> Verdict:
    told = _told(view, TEMPLATE_PROBLEM, now)
    # A word that wamon does not know may be a new one for the same.
    if told is None or OTHER in told[1]:
        return unknown(now)
    fact, problems = told
    if status not in problems:
        return clear(fact.observed_at)
    return firing(severity, fact.observed_at, what, evidence=tuple(_evidence(view)))


def check_pending(view: View, params: PendingParams, now: datetime) -> Verdict | None:
    told = _told(view, TEMPLATE_PROBLEM, now)
    if told and PENDING in told[1]:
        fact = told[0]
        if fact.observed_at - _since(view, fact) <= timedelta(hours=params.pending_hours):
            return clear(fact.observed_at)
    return _check_status(view, PENDING, "Template still in review", now=now, severity=Severity.INFO)


def check_quality(view: View, params: NoParams, now: datetime) -> Verdict | None:
    quality, status = _told(view, TEMPLATE_QUALITY_PROBLEM, now), _told(view, TEMPLATE_PROBLEM, now)
    problems = status[1] if status else {}
    if view.open_severity is None and (PAUSED in problems or DISABLED in problems):
        # What was to be feared has come, and has an alert of its own.
        return clear(status[0].observed_at) if status else None
    if quality and QUALITY_RED in quality[1]:
        what = "Template quality RED"
        return firing(Severity.WARNING, quality[0].observed_at, what, evidence=tuple(_evidence(view)))
    if status and FLAGGED in problems:
        what = "Template flagged for low quality"
        return firing(Severity.WARNING, status[0].observed_at, what, evidence=tuple(_evidence(view)))
    if quality:
        return clear(max(quality[0].observed_at, status[0].observed_at if status else quality[0].observed_at))
    is_never_rated = view.known(TEMPLATE_QUALITY_PROBLEM) is None
    return clear(status[0].observed_at) if status and is_never_rated else unknown(now)


def check_recategorised(view: View, params: RecategorisedParams, now: datetime) -> Verdict | None:
    """The change is an event, so that the alert is over when it has been told for long enough."""
    seen_at = max(_recategorised(view, now), default=None)
    if seen_at is None:
        fact = view.fact(TEMPLATE_CATEGORY_PROBLEM)
        return clear(fact.observed_at) if fact else unknown(now)
    if now - seen_at >= timedelta(hours=params.hold_hours):
        return clear(now)
    return firing(Severity.WARNING, seen_at, _category_words(view), evidence=tuple(_evidence(view)))


def _recategorised(view: View, now: datetime) -> Iterator[datetime]:
    """Every moment at which a change of category was seen: told by webhook, announced, or found by two reads."""
    told_at = view.known(TEMPLATE_RECATEGORISED)
    if told_at is not None:
        yield told_at
    announced = _told(view, TEMPLATE_CATEGORY_PROBLEM, now)
    if announced and announced[1] and announced[0].changed_at is not None:
        yield announced[0].changed_at
    fact = view.fact(TEMPLATE_CATEGORIES)
    if fact is not None and fact.changed_at is not None:
        before, known = (each.get("category") for each in (_names(fact.before), _names(fact.known)))
        if before and known and before != known:
            yield fact.changed_at


def _names(value: Value | None) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _category_words(view: View) -> str:
    names = view.known(TEMPLATE_CATEGORIES) or {}
    category, previous, correct = (
        names.get(label, "")[:24] for label in ("category", "previous_category", "correct_category")
    )
    if CATEGORY_MISMATCH in (view.known(TEMPLATE_CATEGORY_PROBLEM) or {}):
        return f"Template is used as {category or 'another category'} but belongs to {correct}"
    if correct and correct != category:
        return f"Template category will change{f' from {category}' if category else ''} to {correct}"
    if not category:
        return "Template category changed"
    return f"Template category changed{f' from {previous}' if previous and previous != category else ''} to {category}"


# --- the evidence -----------------------------------------------------------------------------------------------------


def _evidence(view: View) -> Iterator[tuple[str, str]]:
    """What is known of the template, whatever the alert is about."""
    fact, problems = view.fact(TEMPLATE_PROBLEM), view.value(TEMPLATE_PROBLEM)
    status = next(iter(problems or {}), None)
    if fact is not None and problems is not None:
        word = fact.raw if status == OTHER or status is None else status
        since = f" since {moment(fact.changed_at)}" if fact.changed_at and status else ""
        yield "Status", f"{word or 'APPROVED'}{since}"
    reason = view.value(REJECTED_REASON)
    if reason is not None and status == REJECTED:
        known = TEMPLATE_REJECTED_REASON.get(reason)
        yield "Reason", f"{reason}: {known.meaning} {known.action}" if known else reason
    remark = view.known(TEMPLATE_REMARK) or {}
    if remark and remark.get("status") == status:
        yield "Meta says", remark["words"]
    yield from _quality_evidence(view)
    yield from _category_evidence(view)
    updated_at = view.known(TEMPLATE_LAST_UPDATED)
    if updated_at is not None:
        yield "Last updated", moment(updated_at)


def _quality_evidence(view: View) -> Iterator[tuple[str, str]]:
    fact = view.fact(TEMPLATE_QUALITY_PROBLEM)
    if fact is not None and fact.current is not None and fact.raw:
        yield "Quality", fact.raw


def _category_evidence(view: View) -> Iterator[tuple[str, str]]:
    names = view.known(TEMPLATE_CATEGORIES) or {}
    for name, label in (
        ("Category", "category"),
        ("Category before", "previous_category"),
        ("Category by Meta's judgement", "correct_category"),
    ):
        if names.get(label):
            yield name, names[label]
    fact, problems = view.fact(TEMPLATE_CATEGORY_PROBLEM), view.value(TEMPLATE_CATEGORY_PROBLEM)
    if fact is not None and problems and fact.raw:
        yield "Category changes", fact.raw


# --- the rules --------------------------------------------------------------------------------------------------------

# A webhook tells at once, and a read is as good: what was seen once is told.
AT_ONCE: Final = Timing(min_observations=1)

# Its alerts share one message an account.
FAMILY = "templates"

TEMPLATE_PAUSED = Rule(
    name="WhatsAppTemplatePaused",
    kind=SubjectKind.TEMPLATE,
    check=check_paused,
    alertnames={Severity.WARNING: "WhatsAppTemplatePaused"},
    timing=AT_ONCE,
    params=NoParams(),
    meaning="Meta paused the message template: sending it fails with error 132015 until the pause is over.",
    cause="Recipients blocked, reported or ignored messages sent with it; the first pause takes 3 hours, the second 6.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Stop the campaign that uses this template, and any job that sends it again and again.",
        "Look at whom it went to and what it says; edit it so that people expect and want it.",
        "Use another approved template for what cannot wait: after a third time Meta disables this one for good.",
    ),
)
TEMPLATE_DISABLED = Rule(
    name="WhatsAppTemplateDisabled",
    kind=SubjectKind.TEMPLATE,
    check=_check_lasting(DISABLED, "Template disabled"),
    alertnames={Severity.WARNING: "WhatsAppTemplateDisabled"},
    timing=AT_ONCE,
    params=LastingParams(),
    meaning="Meta disabled the message template: sending it fails with error 132016, and that does not end by itself.",
    cause="It was paused for low quality again and again, or its content is against a policy.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Switch the senders to another approved template.",
        "Write a new template with other content, and send it first to those who asked for it.",
        "Delete the disabled template when nobody needs it; this alert closes then.",
    ),
)
TEMPLATE_REJECTED = Rule(
    name="WhatsAppTemplateRejected",
    kind=SubjectKind.TEMPLATE,
    check=_check_lasting(REJECTED, "Template rejected"),
    alertnames={Severity.WARNING: "WhatsAppTemplateRejected"},
    timing=AT_ONCE,
    params=LastingParams(),
    meaning="Meta rejected the message template in review: sending it fails with error 132001.",
    cause="Its format, its category or its content is not as Meta's rules want it.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Read the reason below, and in WhatsApp Manager > Message templates what Meta recommends.",
        "Correct the template and submit it again, or appeal there.",
        "See to it that no sender relies on it meanwhile; delete it when it is not wanted, and this alert closes.",
    ),
)
TEMPLATE_QUALITY_LOW = Rule(
    name="WhatsAppTemplateQualityLow",
    kind=SubjectKind.TEMPLATE,
    check=check_quality,
    alertnames={Severity.WARNING: "WhatsAppTemplateQualityLow"},
    timing=Timing(min_observations=1, keep_firing_for=timedelta(minutes=30)),
    params=NoParams(),
    meaning="Recipients take messages sent with this template badly; Meta may pause or disable it at any time.",
    cause="They did not expect the message, do not want it, or get it too often.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Stop the campaign that uses this template, or send it to fewer and better chosen people.",
        "Edit it: say who writes and why, and offer a way to opt out.",
        "Have another approved template ready for what cannot wait.",
    ),
)
TEMPLATE_RECATEGORISED_RULE = Rule(
    name="WhatsAppTemplateRecategorised",
    kind=SubjectKind.TEMPLATE,
    check=check_recategorised,
    alertnames={Severity.WARNING: "WhatsAppTemplateRecategorised"},
    timing=AT_ONCE,
    params=RecategorisedParams(),
    meaning="The template's category changed or is about to: price, and for marketing how many people get it, follow.",
    cause="Meta found that the content belongs to another category, most often marketing; or somebody changed it.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Compare the new category with what the template is for, and what it will cost.",
        "Where Meta is mistaken, request a review in WhatsApp Manager > Message templates.",
        "Where it is right, take the promotional part out into a template of its own.",
    ),
)
TEMPLATE_PENDING_LONG = Rule(
    name="WhatsAppTemplatePendingLong",
    kind=SubjectKind.TEMPLATE,
    check=check_pending,
    alertnames={Severity.INFO: "WhatsAppTemplatePendingLong"},
    timing=AT_ONCE,
    params=PendingParams(),
    meaning="Meta has been reviewing the message template for days; it cannot be sent until it is approved.",
    cause="A review by a human, or one that Meta has lost sight of.",
    owner=Owner.MARKETING,
    family=FAMILY,
    steps=(
        "Look at the template in WhatsApp Manager > Message templates.",
        "Submit it under another name, or ask Meta's support, when it is urgent.",
    ),
)
RULES = (
    TEMPLATE_PAUSED,
    TEMPLATE_DISABLED,
    TEMPLATE_REJECTED,
    TEMPLATE_QUALITY_LOW,
    TEMPLATE_RECATEGORISED_RULE,
    TEMPLATE_PENDING_LONG,
)
