"""The parts of a message about one alert: its times, who can mend it, its evidence, and where to click."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from wamon.core.alerting import CloseReason, Transition, TransitionKind
from wamon.core.health import NEVER, Snapshot, Subject, SubjectKind
from wamon.core.ports import Rule
from wamon.notify.words import duration_words, moment_words

# So much of an alert's key tells it from any other; the command line takes it.
SHORT_ID: Final = 12

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


def times(transition: Transition, rule: Rule | None, snapshot: Snapshot, now: datetime) -> Iterator[tuple[str, str]]:
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
    if subject.kind in (SubjectKind.INSTANCE, SubjectKind.PROBE):
        return _SEEN_BY["wamon"]
    is_by_figures = rule is not None and rule.on_tick
    facts = [fact for fact in snapshot.facts.get(subject, {}).values() if is_by_figures or not fact.signal.is_derived]
    latest = max(facts, key=lambda fact: fact.observed_at, default=None)
    return _SEEN_BY.get(latest.source, latest.source) if latest else None


def verdict(transition: Transition, rule: Rule | None) -> Iterator[tuple[str, str]]:
    if rule is not None and transition.kind is not TransitionKind.CLOSE:
        yield "Owner", str(rule.owner)
        yield "Meaning", rule.meaning
        yield "Usual cause", rule.cause
    yield "Alert", rule.alertname(transition.severity) if rule else transition.rule
    yield "Alert id", transition.key[:SHORT_ID]
    if transition.subject.labels:
        yield "IDs", " ".join(f"{name}={value}" for name, value in transition.subject.labels)


def evidence(transition: Transition) -> tuple[tuple[str, str], ...]:
    """The readings behind it; those of a closed alert are the bad ones from before, and must not look like now's."""
    if transition.kind is not TransitionKind.CLOSE:
        return transition.evidence
    return tuple((f"{name} (before)", value) for name, value in transition.evidence)


def runbook(transition: Transition, rule: Rule | None, links: Links) -> str | None:
    if links.runbooks is None or rule is None:
        return None
    return f"{links.runbooks}/{rule.alertname(transition.severity)}.md"


def links_of(transition: Transition, rule: Rule | None, links: Links) -> Iterator[tuple[str, str]]:
    is_closing = transition.kind is TransitionKind.CLOSE
    if (url := runbook(transition, rule, links)) is not None and not is_closing:
        yield "Runbook", url
    if links.page:
        yield "wamon", links.page
    page = _META_PAGES.get(transition.subject.kind)
    if page is not None and not is_closing:
        name, url = page
        yield name, url.format_map({name: quote(value, safe="") for name, value in transition.subject.labels})


def is_unseen(subject: Subject, snapshot: Snapshot) -> bool:
    """Whether all that ages of the subject's readings is too old to count."""
    ageing = [fact for fact in snapshot.facts.get(subject, {}).values() if fact.stale_at != NEVER]
    return bool(ageing) and not any(fact.is_current for fact in ageing)
