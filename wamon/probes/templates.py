"""The templates probe: which message templates of a WABA are in trouble, and how many there are of each kind.

One complete read of the edge serves both. Meta can filter it by status and quality, but the counts need every template
anyway, so that a filtered read would only come on top: as it is, an account of up to 250 templates, which is what an
unverified business may have, costs one call a run, and a larger one a call for each 250 more. The read has an end (the
client's limit on pages): beyond it the run fails, and no count is shown that leaves templates out.

Only templates in trouble become subjects. For them to be seen as recovered, and not just to vanish, the probe must be
told which ones the picture holds: see `aim`.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wamon.core import vocabulary
from wamon.core.alerting import AlertState
from wamon.core.errors import UnexpectedShape
from wamon.core.health import (
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Reading,
    Signal,
    SparseState,
    Subject,
    SubjectKind,
    Timestamp,
)
from wamon.core.ports import Edge, GraphQuery, JsonObject, Probe, ProbeSteps, Report
from wamon.core.state import Roster, State
from wamon.core.targets import AccountTarget
from wamon.core.vocabulary import OTHER, TEMPLATE_CATEGORY, TEMPLATE_QUALITY, TEMPLATE_STATUS, Grade, Vocabulary
from wamon.probes.payload import items, mapping, text, texts, unix_time

# --- what it observes: the account's templates together ---------------------------------------------------------------

TEMPLATES = Signal(
    name="whatsapp_templates",
    kind=SubjectKind.WABA,
    shape=GaugeMap("status"),
    help="Message templates of the WABA by status, each language counted.",
    keeps_history=False,
)
TEMPLATES_BY_CATEGORY = Signal(
    name="whatsapp_templates_by_category",
    kind=SubjectKind.WABA,
    shape=GaugeMap("category"),
    help="Message templates of the WABA by category, each language counted.",
    keeps_history=False,
)
TEMPLATES_BY_QUALITY = Signal(
    name="whatsapp_templates_by_quality",
    kind=SubjectKind.WABA,
    shape=GaugeMap("quality"),
    help="Message templates of the WABA by quality, each language counted; UNKNOWN: Meta has no data on them.",
    keeps_history=False,
)
PROBLEMS_LEFT_OUT = Signal(
    name="whatsapp_template_problems_left_out",
    kind=SubjectKind.WABA,
    shape=Gauge(),
    help="Message templates in trouble that have no series of their own, because others are worse or newer.",
    keeps_history=False,
)
TEMPLATES_LISTED = Signal(
    name="whatsapp_templates_listed",
    kind=SubjectKind.WABA,
    shape=Flag(),
    help="Whether all templates of the WABA are known; absent while they are not.",
    changed_at="whatsapp_templates_first_listed_timestamp_seconds",
    keeps_history=False,
)

# --- what it observes: one template -----------------------------------------------------------------------------------

# Three signals, since each kind of webhook tells of one of these things alone, and webhooks overtake each other: in one
# signal, the later of two would undo or hide the earlier.
TEMPLATE_PROBLEM = Signal(
    name="whatsapp_template_problem",
    kind=SubjectKind.TEMPLATE,
    shape=FlagMap("problem"),
    help="What keeps the template from being sent, or soon may: its status in Meta's words. Absent for APPROVED ones.",
    changed_at="whatsapp_template_problem_changed_timestamp_seconds",
)
TEMPLATE_QUALITY_PROBLEM = Signal(
    name="whatsapp_template_quality_problem",
    kind=SubjectKind.TEMPLATE,
    shape=FlagMap("problem"),
    help="QUALITY_YELLOW or QUALITY_RED: how recipients take the template. Absent for GREEN ones and those not rated.",
)
TEMPLATE_CATEGORY_PROBLEM = Signal(
    name="whatsapp_template_category_problem",
    kind=SubjectKind.TEMPLATE,
    shape=FlagMap("problem"),
    help="CATEGORY_WILL_CHANGE: Meta is going to move the template to another category. CATEGORY_MISMATCH: it found "
    "that messages sent with it belong to another one.",
    changed_at="whatsapp_template_category_problem_changed_timestamp_seconds",
)
TEMPLATE_CATEGORIES = Signal(
    name="whatsapp_template_categories",
    kind=SubjectKind.TEMPLATE,
    shape=Info(("category", "previous_category", "correct_category")),
    help="The template's category, the one before it and the one that Meta thinks right; kept for messages.",
    is_exported=False,
)
TEMPLATE_REJECTED_REASON = Signal(
    name="whatsapp_template_rejected_reason",
    kind=SubjectKind.TEMPLATE,
    shape=SparseState("reason"),
    help="Why Meta rejected the template; kept for messages.",
    is_exported=False,
)
TEMPLATE_LAST_UPDATED = Signal(
    name="whatsapp_template_last_updated_timestamp_seconds",
    kind=SubjectKind.TEMPLATE,
    shape=Timestamp(),
    help="When the template was last updated, as Meta says; of templates in trouble only.",
    keeps_history=False,
)

SIGNALS: tuple[Signal[Any], ...] = (
    TEMPLATES,
    TEMPLATES_BY_CATEGORY,
    TEMPLATES_BY_QUALITY,
    PROBLEMS_LEFT_OUT,
    TEMPLATES_LISTED,
    TEMPLATE_PROBLEM,
    TEMPLATE_QUALITY_PROBLEM,
    TEMPLATE_CATEGORY_PROBLEM,
    TEMPLATE_CATEGORIES,
    TEMPLATE_REJECTED_REASON,
    TEMPLATE_LAST_UPDATED,
)

# --- words ------------------------------------------------------------------------------------------------------------

QUALITY_YELLOW: Final = "QUALITY_YELLOW"
QUALITY_RED: Final = "QUALITY_RED"
CATEGORY_WILL_CHANGE: Final = "CATEGORY_WILL_CHANGE"
CATEGORY_MISMATCH: Final = "CATEGORY_MISMATCH"

# Statuses of a template that is simply there, and of one that somebody took away.
_FINE: Final = frozenset({"APPROVED", "REINSTATED", "UNARCHIVED"})
GONE: Final = frozenset(value for value in TEMPLATE_STATUS.values if TEMPLATE_STATUS.grade(value) is Grade.GONE)
# What a read can show; the vocabulary has more, which only webhooks say. Source: Meta "Message templates" reference,
# read 2026-09; Graph SDK v25.0.2, 2026-06.
_STATUSES: Final = (
    "APPROVED",
    "ARCHIVED",
    "DELETED",
    "DISABLED",
    "IN_APPEAL",
    "LIMIT_EXCEEDED",
    "PAUSED",
    "PENDING",
    "PENDING_DELETION",
    "REJECTED",
)
_NOT_SAID: Final = "UNKNOWN"
# Which trouble to show first where there is no room for all.
_WORST_FIRST: Final = (
    "PAUSED",
    "DISABLED",
    "FLAGGED",
    QUALITY_RED,
    "LIMIT_EXCEEDED",
    "LOCKED",
    OTHER,
    CATEGORY_WILL_CHANGE,
    "REJECTED",
    "IN_APPEAL",
    QUALITY_YELLOW,
    "PENDING",
)
MOST_SHOWN: Final = 100
# Meta allows 512 characters (template reference, read 2026-09); languages are like zh_HK.
_LONGEST_NAME: Final = 512
_LONGEST_LANGUAGE: Final = 32
LONGEST_WORDS: Final = 300

# --- what it asks -----------------------------------------------------------------------------------------------------

# Source: Meta "Message templates" reference, read 2026-09, and Graph SDK v25.0.2, 2026-06.
FIELDS: Final = (
    "id",
    "name",
    "language",
    "status",
    "category",
    "correct_category",
    "previous_category",
    "quality_score",
    "rejected_reason",
    "last_updated_time",
)
# No page names the largest page; public programs ask for up to 250 (read 2026-11). A smaller one would only cost calls.
PAGE: Final = 250


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesTarget(AccountTarget):
    """An account together with what the picture holds of its templates.

    `known` are its templates there. Of these `held` have an alert that is not over, and `newcomers` are on no list yet:
    webhooks told of them.
    """

    known: frozenset[Subject] = frozenset()
    held: frozenset[Subject] = frozenset()
    newcomers: frozenset[Subject] = frozenset()


def aim(target: AccountTarget, state: State) -> TemplatesTarget:
    """Point the probe at an account as it is known now.

    Without this the probe works, but nothing is said of a template that has recovered: its alert would never resolve.
    """
    everywhere = state.snapshot.subjects(SubjectKind.TEMPLATE)
    known = frozenset(each for each in everywhere if each.label("waba_id") == target.waba_id)
    open_alerts = (alert for alert in state.alerts.values() if alert.state is not AlertState.INACTIVE)
    listed = state.members.get((target.subject, SubjectKind.TEMPLATE), known)
    account = {field.name: getattr(target, field.name) for field in dataclasses.fields(AccountTarget)}
    return TemplatesTarget(
        **account,
        known=known,
        held=known.intersection(alert.subject for alert in open_alerts),
        newcomers=known - listed,
    )


def run(target: AccountTarget) -> ProbeSteps:
    edge = Edge("message_templates", FIELDS, limit=PAGE)
    answer = yield GraphQuery(path=target.waba_id, edge=edge, token=target.token, waba_id=target.waba_id)
    return read_templates(answer, target)


PROBE = Probe(
    name="templates",
    target=AccountTarget,
    run=run,
    signals=SIGNALS,
    interval=timedelta(minutes=15),
    doc="A WABA's message templates: their statuses, quality and categories, and which are in trouble.",
    is_essential=False,
    is_critical=False,
)

# --- how it reads the answer ------------------------------------------------------------------------------------------


def read_templates(body: JsonObject, target: AccountTarget) -> Report:
    """The counts, and every reading of the templates that are in trouble or that the picture holds.

    A template that has recovered is told to be well as long as the picture holds it, and is on the list only until its
    alerts are over: after two lists without it the picture lets go of it.
    Raises UnexpectedShape for an answer that tells of no template although it has some.
    """
    page = body.get("data")
    if not isinstance(page, list):
        raise UnexpectedShape(f"templates of WABA {target.waba_id}: the answer has no list named data")
    identified = [
        (subject, item)
        for item in items(page)
        if (subject := template_subject(target.waba_id, item.get("name"), item.get("language")))
    ]
    if page and not identified:
        raise UnexpectedShape(f"templates of WABA {target.waba_id}: none has a name and a language")
    listed = dict(identified)
    aimed = target if isinstance(target, TemplatesTarget) else None
    known = aimed.known if aimed else frozenset()
    held = aimed.held if aimed else frozenset()
    there = {subject: item for subject, item in listed.items() if _status(item) not in GONE}
    in_trouble = _worst_first(there)
    worst = frozenset(in_trouble[:MOST_SHOWN])
    recovered = (known & there.keys()) - frozenset(in_trouble)
    shown = worst | recovered | (held & there.keys())
    readings = [
        *_counts(listed.values(), target.subject),
        PROBLEMS_LEFT_OUT.reading(target.subject, float(len(frozenset(in_trouble) - shown))),
        TEMPLATES_LISTED.reading(target.subject, True),
        *(reading for subject in sorted(shown) for reading in _read_template(subject, there[subject])),
    ]
    present = worst | (held & there.keys()) | (aimed.newcomers if aimed else frozenset())
    # A template whose item cannot be read is not gone.
    is_complete = len(identified) == len(page)
    roster = Roster(parent=target.subject, kind=SubjectKind.TEMPLATE, present=present)
    return Report(readings=tuple(readings), rosters=(roster,) if is_complete else ())


def template_subject(waba_id: str, name: object, language: object) -> Subject | None:
    """The template of this name in this language; None for one that does not tell both.

    Meta writes en_US in answers and both en_US and en-US in webhooks. Source: facts on webhooks, read 2026-11.
    """
    named, spoken = text(name), text(language)
    if not named or not spoken or len(named) > _LONGEST_NAME or len(spoken) > _LONGEST_LANGUAGE:
        return None
    return Subject.template(waba_id, named, spoken.replace("-", "_"))


def status_reading(template: Subject, raw: object, *, holds_until: datetime | None = None) -> Reading:
    """What a status, Meta's word, means for sending. That somebody took the template away is not told here."""
    status = TEMPLATE_STATUS.normalise(raw)
    problems = None if status is None else {} if status in _FINE else {status: True}
    return TEMPLATE_PROBLEM.reading(
        template, problems, raw=text(raw), is_recognised=status != OTHER, holds_until=holds_until
    )


def quality_reading(
    template: Subject, raw: object, *, reasons: Iterable[str] = (), holds_until: datetime | None = None
) -> Reading:
    """What a quality score, Meta's word, means. UNKNOWN is Meta's own answer: the template has no bad rating."""
    score = TEMPLATE_QUALITY.normalise(raw)
    word = text(raw)
    problems = {"YELLOW": {QUALITY_YELLOW: True}, "RED": {QUALITY_RED: True}}.get(score or "", {})
    why = ", ".join(reasons)
    return TEMPLATE_QUALITY_PROBLEM.reading(
        template,
        None if word is None or score == OTHER or not isinstance(raw, str) else problems,
        raw=f"{word}: {why}"[:LONGEST_WORDS] if word and why else word,
        is_recognised=score != OTHER,
        holds_until=holds_until,
    )


def category_word(raw: object) -> str:
    """A category in Meta's word, upper case; empty for what is none."""
    return (text(raw) or "").upper()[:LONGEST_WORDS] if isinstance(raw, str) else ""


def categories_reading(
    template: Subject,
    *,
    category: object,
    previous: object = None,
    correct: object = None,
    holds_until: datetime | None = None,
) -> Reading:
    """The categories in Meta's words, upper case; empty for those that Meta does not name."""
    words = {"category": category, "previous_category": previous, "correct_category": correct}
    named = {label: category_word(word) for label, word in words.items()}
    return TEMPLATE_CATEGORIES.reading(template, named if any(named.values()) else None, holds_until=holds_until)


def rejected_reading(template: Subject, raw: object, *, holds_until: datetime | None = None) -> Reading:
    """Why the template was rejected; not known for one that was not (NONE, null)."""
    reason = vocabulary.TEMPLATE_REJECTED_REASON.normalise(raw)
    return TEMPLATE_REJECTED_REASON.reading(
        template,
        None if reason == "NONE" else reason,
        raw=text(raw),
        is_recognised=reason != OTHER,
        holds_until=holds_until,
    )


def _read_template(template: Subject, item: JsonObject) -> Iterator[Reading]:
    yield status_reading(template, item.get("status"))
    score = mapping(item.get("quality_score"))
    reasons = sorted(texts(score.get("reasons"))) or [each for each in [text(score.get("reason"))] if each]
    yield quality_reading(template, score.get("score"), reasons=reasons)
    is_announced = _is_announced(item)
    yield TEMPLATE_CATEGORY_PROBLEM.reading(template, {CATEGORY_WILL_CHANGE: True} if is_announced else {})
    yield categories_reading(
        template,
        category=item.get("category"),
        previous=item.get("previous_category"),
        correct=item.get("correct_category"),
    )
    yield rejected_reading(template, item.get("rejected_reason"))
    yield TEMPLATE_LAST_UPDATED.reading(template, _moment(item.get("last_updated_time")))


def _status(item: JsonObject) -> str | None:
    return TEMPLATE_STATUS.normalise(item.get("status"))


def _is_announced(item: JsonObject) -> bool:
    """Whether Meta thinks another category right. It names the present one as such, too (template reference)."""
    return category_word(item.get("correct_category")) not in ("", category_word(item.get("category")))


def _problems(item: JsonObject) -> Iterator[str]:
    status = _status(item)
    if status is not None and status not in _FINE:
        yield status
    quality = TEMPLATE_QUALITY.normalise(mapping(item.get("quality_score")).get("score"))
    if quality in ("YELLOW", "RED"):
        yield QUALITY_RED if quality == "RED" else QUALITY_YELLOW
    if _is_announced(item):
        yield CATEGORY_WILL_CHANGE


def _worst_first(templates: Mapping[Subject, JsonObject]) -> list[Subject]:
    """The templates in trouble: of those in the same trouble the one that was updated last comes first."""
    ranked = []
    for subject, item in templates.items():
        ranks = [_WORST_FIRST.index(problem) for problem in _problems(item)]
        if ranks:
            updated = _moment(item.get("last_updated_time"))
            ranked.append((min(ranks), -updated.timestamp() if updated else 0.0, subject))
    return [subject for *_, subject in sorted(ranked)]


def _counts(listed: Iterable[JsonObject], waba: Subject) -> Iterator[Reading]:
    statuses, categories, qualities = Counter[str](), Counter[str](), Counter[str]()
    for item in listed:
        statuses[_word(TEMPLATE_STATUS, item.get("status"))] += 1
        categories[_word(TEMPLATE_CATEGORY, item.get("category"))] += 1
        qualities[_word(TEMPLATE_QUALITY, mapping(item.get("quality_score")).get("score"))] += 1
    yield TEMPLATES.reading(waba, _from_zero(statuses, _STATUSES))
    yield TEMPLATES_BY_CATEGORY.reading(waba, _from_zero(categories, TEMPLATE_CATEGORY.values))
    yield TEMPLATES_BY_QUALITY.reading(waba, _from_zero(qualities, TEMPLATE_QUALITY.values))


def _word(known: Vocabulary, raw: object) -> str:
    return known.normalise(raw) or _NOT_SAID


def _from_zero(counts: Counter[str], words: Iterable[str]) -> Mapping[str, float]:
    """The counts, those of the usual words also where there is none: a series that ends says nothing."""
    return {word: float(counts[word]) for word in dict.fromkeys((*words, *sorted(counts)))}


def _moment(value: object) -> datetime | None:
    """A moment from ISO 8601, as Graph writes times, or from unix seconds; None for anything else."""
    if not isinstance(value, str) or value.strip().isdecimal():
        return unix_time(value)
    try:
        at = datetime.fromisoformat(value.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
