"""What a notification says to the person on call: one transition in words, before any receiver's markup."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from wamon.core.alerting import CloseReason, Severity, Transition, TransitionKind
from wamon.core.health import NEVER, Snapshot, Subject, SubjectKind
from wamon.core.ports import Message, Notification, Rule
from wamon.probes.names import describe
from wamon.rules.words import span

# From then on a message says that it is late.
LATE_AFTER: Final = timedelta(minutes=5)

_SEEN_BY: Final = MappingProxyType({
    "poll": "poll of the Graph API",
    "webhook": "webhook from Meta",
    "wamon": "wamon itself",
})  # fmt: skip

# Where whoever must click finds the place. Source: the links of Meta's WhatsApp and Graph API guides, read 2026-11.
_WHATSAPP_MANAGER: Final = (
    "WhatsApp Manager",
    "https://business.facebook.com/wa/manage/phone-numbers/?waba_id={waba_id}",
)
_META_PAGES: Final[Mapping[SubjectKind, tuple[str, str]]] = MappingProxyType({
    SubjectKind.PHONE_NUMBER: _WHATSAPP_MANAGER,
    SubjectKind.WABA: _WHATSAPP_MANAGER,
    SubjectKind.SENDER: _WHATSAPP_MANAGER,
    SubjectKind.TOKEN_ASSET: _WHATSAPP_MANAGER,
    SubjectKind.RESTRICTION: _WHATSAPP_MANAGER,
    SubjectKind.ACCOUNT_ALERT: _WHATSAPP_MANAGER,
    SubjectKind.TEMPLATE: _WHATSAPP_MANAGER,
    SubjectKind.FLOW: _WHATSAPP_MANAGER,
    SubjectKind.TOKEN: ("Meta's access token debugger", "https://developers.facebook.com/tools/debug/accesstoken/"),
    SubjectKind.APP: ("Meta's app dashboard", "https://developers.facebook.com/apps/{app_id}/"),
    SubjectKind.API_VERSION: (
        "Meta's version table",
        "https://developers.facebook.com/docs/graph-api/changelog/versions/",
    ),
    SubjectKind.PROBE: ("Meta's platform status", "https://metastatus.com/whatsapp-business-api"),
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Our own pages to point to, None for what is not there.

    `runbooks` is the folder of `<AlertName>.md`; `page` is wamon's own page. Neither ends in a slash.
    """

    runbooks: str | None = None
    page: str | None = None


def compose(
    notification: Notification, *, rule: Rule | None, snapshot: Snapshot, now: datetime, links: Links
) -> Message:
    """Say what happened, at the moment of sending.

    `rule` is None for one that is no longer configured, `snapshot` lends the names. The headline, which is all that a
    phone's lock screen shows, says everything that decides whether to get up.
    """
    transition = notification.transition
    is_closing = transition.kind is TransitionKind.CLOSE
    is_resolved = is_closing and transition.close_reason is CloseReason.RESOLVED
    who = describe(transition.subject, snapshot)
    return Message(
        headline="  ".join([_fixed_word(transition), transition.what, who]),
        severity=Severity.INFO if is_closing and not is_resolved else transition.severity,
        is_resolved=is_resolved,
        facts=(
            *_raise(transition, rule),
            *_times(transition, rule, snapshot, now),
            *_verdict(transition, rule, is_closing=is_closing),
        ),
        evidence=_evidence(transition, is_closing=is_closing),
        steps=() if is_closing or rule is None else rule.steps,
        links=tuple(_links(transition, rule, links, is_closing=is_closing)),
        remarks=tuple(_remarks(notification, snapshot, now)),
        reference=f"{transition.key[:12]}/{transition.episode}/{transition.ordinal}",
    )


def moment_words(at: datetime, now: datetime) -> str:
    """`10:02 UTC`, with the date when that is not today's."""
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M} UTC" if utc.date() == now.astimezone(UTC).date() else f"{utc:%Y-%m-%d %H:%M} UTC"


def duration_words(duration: timedelta) -> str:
    """`2 h 10 min`, `3 d 4 h`, `40 s`: whole minutes from an hour on, whole hours from a day on; never below zero."""
    if duration >= timedelta(days=1):
        grain = timedelta(hours=1)
    else:
        grain = timedelta(minutes=1) if duration >= timedelta(hours=1) else timedelta(seconds=1)
    return span(max(duration - duration % grain, timedelta(0)))


# --- the headline -----------------------------------------------------------------------------------------------------


def _fixed_word(transition: Transition) -> str:
    """The word to search and filter by (ALERTING section 10)."""
    if transition.kind is not TransitionKind.CLOSE:
        return transition.severity.name
    lasted = duration_words(transition.at - transition.opened_at)
    match transition.close_reason:
        case CloseReason.RESOLVED:
            return f"RESOLVED after {lasted}"
        case CloseReason.REMOVED:
            return f"no longer monitored after {lasted}"
        case _:
            return f"CLOSED by an operator after {lasted}"


# --- the body ---------------------------------------------------------------------------------------------------------


def _raise(transition: Transition, rule: Rule | None) -> Iterator[tuple[str, str]]:
    """From what severity it rose, told as far as the rule leaves no choice: the transition keeps the new one only."""
    if transition.kind is TransitionKind.RAISE:
        lower = [severity for severity in (rule.alertnames if rule else ()) if severity < transition.severity]
        yield "Raised", f"from {lower[0].name if len(lower) == 1 else 'a lower severity'}"


def _times(transition: Transition, rule: Rule | None, snapshot: Snapshot, now: datetime) -> Iterator[tuple[str, str]]:
    opened = moment_words(transition.opened_at, now)
    if transition.kind is TransitionKind.CLOSE:
        yield "Fired", opened
        name = "Resolved" if transition.close_reason is CloseReason.RESOLVED else "Closed"
        yield name, moment_words(transition.at, now)
    else:
        ago = now - transition.opened_at
        yield "Since", f"{opened} ({duration_words(ago)} ago)" if ago >= timedelta(minutes=1) else opened
    yield "Last confirmed", moment_words(transition.last_confirmed_at, now)
    if source := _source(transition.subject, rule, snapshot):
        yield "Seen by", source
    if transition.returns:
        yield "Came back", f"{transition.returns} times" if transition.returns > 1 else "once"


def _source(subject: Subject, rule: Rule | None, snapshot: Snapshot) -> str | None:
    """How the subject was last seen; None for one that is no longer in the picture.

    Figures of the books come with every tick and say nothing of a rule that does not judge by them.
    """
    is_by_figures = rule is not None and rule.on_tick
    facts = [fact for fact in snapshot.facts.get(subject, {}).values() if is_by_figures or not fact.signal.is_derived]
    latest = max(facts, key=lambda fact: fact.observed_at, default=None)
    return _SEEN_BY.get(latest.source, latest.source) if latest else None


def _verdict(transition: Transition, rule: Rule | None, *, is_closing: bool) -> Iterator[tuple[str, str]]:
    if rule is not None and not is_closing:
        yield "Owner", str(rule.owner)
        yield "Meaning", rule.meaning
        yield "Usual cause", rule.cause
    yield "Alert", rule.alertname(transition.severity) if rule else transition.rule
    if transition.subject.labels:
        yield "IDs", " ".join(f"{name}={value}" for name, value in transition.subject.labels)


def _evidence(transition: Transition, *, is_closing: bool) -> tuple[tuple[str, str], ...]:
    """The readings behind it; those of a closed alert are the bad ones from before, and must not look like now's."""
    if not is_closing:
        return transition.evidence
    return tuple((f"{name} (before)", value) for name, value in transition.evidence)


def _links(transition: Transition, rule: Rule | None, links: Links, *, is_closing: bool) -> Iterator[tuple[str, str]]:
    if links.runbooks and rule is not None and not is_closing:
        yield "Runbook", f"{links.runbooks}/{rule.alertname(transition.severity)}.md"
    if links.page:
        yield "wamon", links.page
    page = _META_PAGES.get(transition.subject.kind)
    if page is not None and not is_closing:
        name, url = page
        yield name, url.format_map({name: quote(value, safe="") for name, value in transition.subject.labels})


def _remarks(notification: Notification, snapshot: Snapshot, now: datetime) -> Iterator[str]:
    transition = notification.transition
    if notification.created_at - transition.at > LATE_AFTER:
        yield f"not told here before: it has been open for {duration_words(now - transition.opened_at)}"
    late = now - notification.created_at
    if late > LATE_AFTER:
        yield f"Slack was unreachable or wamon was stopped: this message is {duration_words(late)} late"
    if notification.is_possible_duplicate:
        yield "possible duplicate: an earlier attempt may have arrived"
    if transition.kind is TransitionKind.CLOSE:
        if transition.close_reason is CloseReason.REMOVED:
            yield "no longer monitored: it is gone from Meta's answer or from the configuration, not known to be well"
    elif _is_unseen(transition.subject, snapshot):
        yield f"cannot see it at present: last confirmed {moment_words(transition.last_confirmed_at, now)}"


def _is_unseen(subject: Subject, snapshot: Snapshot) -> bool:
    """Whether all that ages of the subject's readings is too old to count."""
    ageing = [fact for fact in snapshot.facts.get(subject, {}).values() if fact.stale_at != NEVER]
    return bool(ageing) and not any(fact.is_current for fact in ageing)
