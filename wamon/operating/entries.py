"""One line of the timeline: what happened, in words and as values."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Final

from wamon.core.alerting import CloseReason, Severity, Transition, TransitionKind
from wamon.core.health import NEVER, Change, JsonValue, Signal, Snapshot, Subject, SubjectKind, Value
from wamon.core.markers import Marker
from wamon.core.past import Gap, Happening, PastKind, Position, Step
from wamon.core.ports import Rule
from wamon.operating.views import SHORT_ID
from wamon.probes.names import describe

NOT_KNOWN: Final = "not known"
OPERATOR: Final = "operator"
WAMON: Final = "wamon"
GAP_BEGINS: Final = "no_longer_known"
GAP_ENDS: Final = "known_again"
LONGEST_WORDS: Final = 200

_PREFIXES: Final = ("whatsapp_", "wamon_")
_UNITS: Final = ("_timestamp_seconds", "_seconds", "_ratio", "_bytes")
# Where the name without its prefix and unit is not how people say it. The subject stands beside it.
SIGNAL_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wamon_api_version_table_timestamp_seconds": "table of API versions last compared with Meta's",
        "wamon_clock_step_seconds": "seconds by which the clock jumped",
        "wamon_clock_step_timestamp_seconds": "last jump of the clock",
        "wamon_probe_outcome": "probe",
        "whatsapp_account_alert_severity": "severity of Meta's own alert",
        "whatsapp_api_version_expiry_timestamp_seconds": "served by Meta until",
        "whatsapp_api_version_served_info": "version that answers",
        "whatsapp_can_send_reason_info": "error codes that keep it from sending",
        "whatsapp_flow_alert_state": "Meta's alert",
        "whatsapp_messaging_limit_recipients": "messaging limit (people in 24 hours)",
        "whatsapp_phone_number_code_verification_status": "verification of ownership",
        "whatsapp_phone_number_in_waba": "listed in its account",
        "whatsapp_phone_number_info": "names",
        "whatsapp_phone_number_last_security_event_timestamp_seconds": "time of the last security event",
        "whatsapp_phone_number_name_status": "review of the display name",
        "whatsapp_phone_number_pin_enabled": "two-step verification",
        "whatsapp_template_categories": "category",
        "whatsapp_template_category_problem": "problem with the category",
        "whatsapp_template_problem": "problem with the template",
        "whatsapp_template_quality_problem": "problem with the quality",
        "whatsapp_template_recategorised_timestamp_seconds": "moved to another category",
        "whatsapp_template_rejected_reason": "reason of the rejection",
        "whatsapp_token_asset_access": "can be read with the token",
        "whatsapp_token_data_access_expiry_timestamp_seconds": "data access ends",
        "whatsapp_token_expiry_timestamp_seconds": "token expires",
        "whatsapp_token_info": "app and type of the token",
        "whatsapp_token_scope_granted": "permissions of the token",
        "whatsapp_token_target_granted": "covered by the token's permissions",
        "whatsapp_token_valid": "token is valid",
        "whatsapp_waba_ban_timestamp_seconds": "day of the ban",
        "whatsapp_waba_business_verification_status": "verification of the business",
        "whatsapp_waba_connection": "connection to platform and partner",
        "whatsapp_waba_info": "name and currency",
        "whatsapp_waba_last_security_event_timestamp_seconds": "time of the last security event",
        "whatsapp_waba_last_violation": "last violation of a policy",
        "whatsapp_waba_last_violation_timestamp_seconds": "time of the last violation of a policy",
        "whatsapp_waba_restriction_active": "restriction in force",
        "whatsapp_waba_restriction_expires_timestamp_seconds": "restriction ends",
        "whatsapp_waba_review_status": "review of the account",
        "whatsapp_webhook_active": "app has an active webhook",
        "whatsapp_webhook_callback_matches": "app's callback URL is the configured one",
        "whatsapp_webhook_field_subscribed": "webhook fields of the app",
        "whatsapp_webhook_override_matches": "account's callback URL is the configured one",
        "whatsapp_webhook_subscribed": "apps that get the webhooks",
    }
)
# What an alert was and is, as far as its step tells; severities are told of those that move them.
_STATES: Final[Mapping[TransitionKind, tuple[str | None, str | None]]] = MappingProxyType(
    {
        TransitionKind.OPEN: ("inactive", "firing"),
        TransitionKind.STALE: ("confirmed", "stale"),
        TransitionKind.CONFIRMED: ("stale", "confirmed"),
        TransitionKind.RECOVERING: ("firing", "recovering"),
        TransitionKind.RETURNED: ("recovering", "firing"),
        TransitionKind.INHIBITED: (None, "inhibited"),
        TransitionKind.UNINHIBITED: ("inhibited", None),
        TransitionKind.SILENCED: (None, "silenced"),
        TransitionKind.UNSILENCED: ("silenced", None),
        TransitionKind.ACKNOWLEDGED: (None, "acknowledged"),
        TransitionKind.UNACKNOWLEDGED: ("acknowledged", None),
        TransitionKind.ESCALATED: (None, "escalated"),
        TransitionKind.FLAPPING: (None, "flapping"),
        TransitionKind.CALMED: ("flapping", None),
        TransitionKind.TAKEN_OVER: (None, "told by another"),
    }
)
_WORDS: Final[Mapping[TransitionKind, str]] = MappingProxyType(
    {
        TransitionKind.OPEN: "opened",
        TransitionKind.RAISE: "became worse",
        TransitionKind.LOWER: "became less bad",
        TransitionKind.STALE: "cannot be confirmed",
        TransitionKind.CONFIRMED: "is confirmed again",
        TransitionKind.RECOVERING: "looks better",
        TransitionKind.RETURNED: "came back",
        TransitionKind.CLOSE: "ended",
        TransitionKind.INHIBITED: "is held back by its cause",
        TransitionKind.UNINHIBITED: "is no longer held back",
        TransitionKind.SILENCED: "was silenced",
        TransitionKind.UNSILENCED: "is no longer silenced",
        TransitionKind.ACKNOWLEDGED: "was acknowledged",
        TransitionKind.UNACKNOWLEDGED: "is no longer acknowledged",
        TransitionKind.ESCALATED: "was escalated",
        TransitionKind.FLAPPING: "comes and goes",
        TransitionKind.CALMED: "is steady again",
        TransitionKind.TAKEN_OVER: "is told by another",
    }
)
_CLOSINGS: Final[Mapping[CloseReason, str]] = MappingProxyType(
    {
        CloseReason.RESOLVED: "is resolved",
        CloseReason.REMOVED: "ended: it is no longer watched",
        CloseReason.FORCED: "was closed by hand",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the timeline; `id` is its own for ever.

    `text` says it in one sentence, without the subject. `subject` is in people's words, `labels` are its identity
    labels; all of it is empty for a marker, which is about everything. `name` is that of the signal or the alert, or
    the marker's kind; where many readings were lost or found again at one moment it is `no_longer_known` or
    `known_again`, and `labels` are those that all their subjects share. `step` is what the alert did. `before` and
    `after` are a signal's values (None: not known), or an alert's severity or state (None: nothing to tell);
    `before_words` and `after_words` say them to people, of several values those that differ.
    `known_by` is how it came to be known: poll, webhook, age (nobody could confirm it any longer), wamon (by what it
    counts and judges itself) or operator. `actor` is who did it, `note` why, `alert_id` leads to the alert.
    """

    id: str
    at: datetime
    kind: PastKind
    text: str
    name: str
    known_by: str
    subject: str = ""
    subject_kind: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    before: JsonValue | None = None
    after: JsonValue | None = None
    before_words: str = ""
    after_words: str = ""
    severity: Severity | None = None
    alert_id: str = ""
    step: str = ""
    actor: str = ""
    note: str = ""
    is_rehearsal: bool = False
    marker: Marker | None = None


class Teller:
    """Tells happenings with the names that are known now."""

    def __init__(self, snapshot: Snapshot, rules: Mapping[str, Rule]) -> None:
        # A page tells of few subjects, each many times.
        self._described: Callable[[Subject], str] = cache(lambda subject: describe(subject, snapshot))
        self._rules = rules

    def entry(self, position: Position, happening: Happening) -> Entry:
        entry_id = f"{position.kind.value}-{position.row}"
        match happening:
            case Marker():
                return _marker(entry_id, happening)
            case Change():
                return self._change(entry_id, happening)
            case Gap():
                return self._gap(entry_id, happening)
            case Step():
                return self._step(entry_id, happening)

    def _change(self, entry_id: str, change: Change) -> Entry:
        before, after = words(change.before, change.after)
        if change.before is None and change.known_before is not None and change.known_before != change.after:
            before = f"{_said(change.known_before)}, then {NOT_KNOWN}"
        # A probe goes by the name of what it asks about, so what it asks must be said.
        probe = change.subject.label("probe")
        name = f"{probe} {called(change.signal)}" if probe else called(change.signal)
        return Entry(
            id=entry_id,
            at=change.at,
            kind=PastKind.CHANGE,
            text=f"{name}: {before} -> {after}",
            subject=self._described(change.subject),
            subject_kind=change.subject.kind.value,
            labels=MappingProxyType(dict(change.subject.labels)),
            name=change.signal.name,
            before=_json(change.signal, change.before),
            after=_json(change.signal, change.after),
            before_words=before,
            after_words=after,
            known_by=change.source,
        )

    def _gap(self, entry_id: str, gap: Gap) -> Entry:
        is_one = len(gap.subjects) == 1
        subject = gap.subjects[0]
        # What all of them share leads to all of them: an account's numbers to the account.
        shared = set(subject.labels).intersection(*(each.labels for each in gap.subjects))
        what = _bearable(", ".join(dict.fromkeys(map(called, gap.signals)))) if is_one else f"{gap.count} readings"
        before, after = (NOT_KNOWN, "known, as before") if gap.is_over else ("known", NOT_KNOWN)
        return Entry(
            id=entry_id,
            at=gap.at,
            kind=PastKind.CHANGE,
            text=f"{what}: {before} -> {after}",
            subject=self._described(subject) if is_one else self._together(gap.subjects),
            subject_kind=subject.kind.value if is_one else "",
            labels=MappingProxyType({name: value for name, value in subject.labels if (name, value) in shared}),
            name=GAP_ENDS if gap.is_over else GAP_BEGINS,
            before_words=before,
            after_words=after,
            known_by=gap.source,
        )

    def _together(self, subjects: Sequence[Subject]) -> str:
        """The account that all of it belongs to, or how many there are of each."""
        accounts = {waba_id for each in subjects if (waba_id := each.label("waba_id")) is not None}
        return self._described(Subject.waba(accounts.pop())) if len(accounts) == 1 else _counted(subjects)

    def _step(self, entry_id: str, step: Step) -> Entry:
        transition = step.transition
        rule = self._rules.get(transition.rule)
        name = rule.alertname(transition.severity) if rule else transition.rule
        before, after = _moved(step)
        return Entry(
            id=entry_id,
            at=transition.at,
            kind=PastKind.ALERT,
            text=_sentence(name, transition),
            subject=self._described(transition.subject),
            subject_kind=transition.subject.kind.value,
            labels=MappingProxyType(dict(transition.subject.labels)),
            name=name,
            before=before,
            after=after,
            before_words=before or "",
            after_words=after or "",
            known_by=OPERATOR if transition.actor else WAMON,
            severity=transition.severity,
            alert_id=transition.key[:SHORT_ID],
            step=transition.kind.value,
            actor=transition.actor,
            note=transition.note,
            is_rehearsal=transition.is_rehearsal,
        )


def _marker(entry_id: str, marker: Marker) -> Entry:
    return Entry(
        id=entry_id,
        at=marker.at,
        kind=PastKind.MARKER,
        text=marker.title,
        name=marker.kind.value,
        known_by=OPERATOR,
        actor=marker.source,
        note=marker.text,
        marker=marker,
    )


def _moved(step: Step) -> tuple[str | None, str | None]:
    match step.transition.kind:
        case TransitionKind.RAISE | TransitionKind.LOWER:
            before = step.severity_before
            return None if before is None else str(before), str(step.transition.severity)
        case TransitionKind.CLOSE:
            # Whoever is removed or forced to end may have been firing or recovering.
            return "recovering" if step.transition.close_reason is CloseReason.RESOLVED else None, "inactive"
        case kind:
            return _STATES[kind]


def _sentence(name: str, transition: Transition) -> str:
    reason = transition.close_reason
    what_happened = _WORDS[transition.kind] if reason is None else _CLOSINGS[reason]
    by = f" by {transition.actor}" if transition.actor else ""
    why = f" ({transition.note})" if transition.note else ""
    return f"{name} {what_happened}{by}{why}: {transition.what}"


def _counted(subjects: Sequence[Subject]) -> str:
    """`1 account, 12 phone numbers`."""
    kinds = Counter(
        "account" if subject.kind is SubjectKind.WABA else subject.kind.value.replace("_", " ") for subject in subjects
    )
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())


def called(signal: Signal[Value]) -> str:
    """A signal in people's words: `quality rating` for whatsapp_phone_number_quality_rating."""
    if signal.name in SIGNAL_WORDS:
        return SIGNAL_WORDS[signal.name]
    name = signal.name
    for prefix in (*_PREFIXES, f"{signal.kind.value}_"):
        name = name.removeprefix(prefix)
    for unit in _UNITS:
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def words(before: Value | None, after: Value | None) -> tuple[str, str]:
    """Both values in people's words; of several values in one those that differ."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return _said(before), _said(after)
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return _named(before, differing), _named(after, differing)


def _named(values: Mapping[str, str] | Mapping[str, bool] | Mapping[str, float], names: list[str]) -> str:
    return _bearable(", ".join(f"{name} {_said(values.get(name))}" for name in names)) or "nothing"


def _said(value: Value | None) -> str:
    match value:
        case None:
            return NOT_KNOWN
        case bool():
            return "yes" if value else "no"
        case datetime():
            return "never" if value == NEVER else f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case str():
            return _bearable(value)
        case Mapping():
            return _named(value, list(value))
        case _:
            return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def _bearable(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 3]}..."


def _json(signal: Signal[Value], value: Value | None) -> JsonValue | None:
    return None if value is None else signal.shape.encode(value)
