"""The weekly digest: what changed, what stands open, and how well was watched, in words for people."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Final

from wamon.core import books, watch
from wamon.core.alerting import Alert, CloseReason, Severity, Transition, TransitionKind
from wamon.core.books import TallyKey
from wamon.core.error_codes import lookup
from wamon.core.health import NEVER, Change, Signal, Snapshot, Subject, SubjectKind, fresh_for
from wamon.core.ports import ProbeOutcome, Rule
from wamon.core.state import State
from wamon.probes import PROBES
from wamon.probes.account import QUALITY_RATING
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.names import describe
from wamon.probes.templates import TEMPLATE_CATEGORY_PROBLEM, TEMPLATE_PROBLEM, TEMPLATE_QUALITY_PROBLEM
from wamon.probes.token import TOKEN_DATA_ACCESS_EXPIRY, TOKEN_EXPIRY
from wamon.rules.words import moment, span

# A digest is read on a phone: each section tells so much and counts the rest.
MOST_LINES: Final = 10
TOP_CODES: Final = 5
# From then on an alert that nobody has acknowledged is worth a word of its own.
LONG_OPEN: Final = timedelta(days=1)
NOT_KNOWN: Final = "not known"


def weekly_digest(
    state: State,
    rules: Iterable[Rule],
    transitions: Sequence[Transition],
    history: Iterable[Change],
    tallies: Mapping[TallyKey, int],
    *,
    since: datetime,
    now: datetime,
    tallies_before: Mapping[TallyKey, int] | None = None,
) -> str:
    """JSON of `{"period": text, "sections": [[title, [line, ...]], ...]}`.

    `transitions` and `history` are those of the period, or of more. `tallies` are the books' sums over all time;
    `tallies_before` the same at `since`, None where nobody kept them: then codes are told over all time.
    """
    changes = sorted((change for change in history if since <= change.at <= now), key=lambda change: change.at)
    happened = [each for each in transitions if since <= each.at <= now and not each.is_rehearsal]
    snapshot = state.snapshot
    codes = "Failed messages by error code" + ("" if tallies_before is not None else ", since wamon counts")
    sections = (
        ("Rating changes", _few(_ratings(changes, snapshot), none="no rating changed")),
        (codes, _few(_codes(tallies, tallies_before or {}), none="no message failed")),
        ("Templates with problems now", _few(_templates(snapshot), none="none is known")),
        ("Time left", _few(_deadlines(snapshot, now), none=NOT_KNOWN)),
        (
            "Alerts",
            [*_figures(happened), *_few(_open(state, {rule.name: rule for rule in rules}, now), none="none is open")],
        ),
        ("The watching itself", _few(_watching(changes, snapshot, since, now), none=NOT_KNOWN)),
    )
    return json.dumps({"period": f"{moment(since)} to {moment(now)}", "sections": sections})


def _few(lines: Iterable[str], *, none: str) -> list[str]:
    told = list(lines)
    rest = len(told) - MOST_LINES
    return [*told[:MOST_LINES], *([f"and {rest} more"] if rest > 0 else [])] or [none]


# --- Meta's side ------------------------------------------------------------------------------------------------------


def _ratings(changes: Iterable[Change], snapshot: Snapshot) -> Iterator[str]:
    """Each change from one known rating to another, whatever was not known in between."""
    known: dict[Subject, object] = {}
    for change in changes:
        if change.signal.name != QUALITY_RATING.name:
            continue
        before = change.before if change.before is not None else known.get(change.subject)
        if change.after is not None and before not in (None, change.after):
            yield f"{moment(change.at)}  {describe(change.subject, snapshot)}: {before} to {change.after}"
        known[change.subject] = change.after if change.after is not None else before


def _codes(tallies: Mapping[TallyKey, int], before: Mapping[TallyKey, int]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for key, total in tallies.items():
        figure, _, _, code, bucket = key
        if figure == books.FAILURE_CODES and bucket == books.FOR_EVER:
            counts[code] += total - before.get(key, 0)
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_CODES]:
        if count > 0:
            row = lookup(int(code)) if code.isdecimal() else None
            name = f"code {code}" if code.isdecimal() else "other codes"
            yield f"{count:,} x {name}: " + (f"{row.title}. {row.cause}" if row else "not in the table of known codes")


def _templates(snapshot: Snapshot) -> Iterator[str]:
    signals = (TEMPLATE_PROBLEM, TEMPLATE_QUALITY_PROBLEM, TEMPLATE_CATEGORY_PROBLEM)
    for template in sorted(snapshot.subjects(SubjectKind.TEMPLATE)):
        values = (snapshot.value(template, signal) or {} for signal in signals)
        if problems := sorted(problem for value in values for problem, holds in value.items() if holds):
            yield f"{describe(template, snapshot)}: {', '.join(problems)}"


def _deadlines(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    """Tokens and API versions, the next to end first; one whose end is not known comes last."""
    ends = [
        *_ends(snapshot, SubjectKind.TOKEN, TOKEN_EXPIRY, "", now),
        *_ends(snapshot, SubjectKind.API_VERSION, VERSION_EXPIRY, "", now),
        # A system user's token has no such end: only one that there is, is told.
        *(
            (at, line)
            for at, line in _ends(snapshot, SubjectKind.TOKEN, TOKEN_DATA_ACCESS_EXPIRY, ", access to data", now)
            if at != NEVER
        ),
    ]
    yield from (line for _, line in sorted(ends))


def _ends(
    snapshot: Snapshot, kind: SubjectKind, signal: Signal[datetime], what: str, now: datetime
) -> Iterator[tuple[datetime, str]]:
    for subject in snapshot.subjects(kind):
        at = snapshot.known(subject, signal)
        name = f"{describe(subject, snapshot)}{what}"
        if at is None or at == NEVER:
            yield NEVER, f"{name}: {'no end is known' if at is None else 'does not end'}"
        elif at <= now:
            yield at, f"{name}: ended {moment(at)}"
        else:
            yield at, f"{name}: {(at - now).days} d left, until {moment(at)}"


# --- alerts -----------------------------------------------------------------------------------------------------------


def _figures(happened: Sequence[Transition]) -> Iterator[str]:
    opened = Counter(each.severity for each in happened if each.kind is TransitionKind.OPEN)
    by_severity = ", ".join(f"{opened[severity]} {severity}" for severity in sorted(opened, reverse=True))
    yield f"{opened.total()} opened" + (f" ({by_severity})" if opened else "")
    lasted = [
        (each.at - each.opened_at).total_seconds()
        for each in happened
        if each.kind is TransitionKind.CLOSE and each.close_reason is CloseReason.RESOLVED
    ]
    yield f"{len(lasted)} resolved" + (
        f", half of them within {span(timedelta(seconds=median(lasted)))}" if lasted else ""
    )


def _open(state: State, rules: Mapping[str, Rule], now: datetime) -> Iterator[str]:
    """What is open now, worst and oldest first; before it how much of that nobody has taken in hand for long."""
    alerts = sorted(
        (alert for alert in state.alerts.values() if alert.is_open and not alert.is_rehearsal),
        key=lambda alert: (-alert.severity, alert.opened_at or alert.since, alert.key),
    )
    if left := sum(_is_left(state, alert, now) for alert in alerts):
        yield f"{left} open for more than {span(LONG_OPEN)} and acknowledged by nobody"
    for alert in alerts:
        rule = rules.get(alert.rule)
        name = rule.alertname(alert.severity) if rule else alert.rule
        who = describe(alert.subject, state.snapshot)
        yield f"{alert.severity.name}  {alert.what or name}  {who}: {_standing(state, alert, now)}"


def _is_left(state: State, alert: Alert, now: datetime) -> bool:
    standing = state.desk.standings.get(alert.key)
    is_long = now - (alert.opened_at or alert.since) > LONG_OPEN
    return is_long and alert.severity > Severity.INFO and (standing is None or standing.acknowledged is None)


def _standing(state: State, alert: Alert, now: datetime) -> str:
    words = [f"open for {span(now - (alert.opened_at or alert.since))}"]
    standing = state.desk.standings.get(alert.key)
    if standing is not None and standing.acknowledged is not None:
        words.append(f"acknowledged by {standing.acknowledged.by}")
    else:
        words.append("not acknowledged")
    if standing is not None and standing.muted is not None:
        words.append(str(standing.muted))
    if alert.is_stale:
        words.append(f"cannot see it, last confirmed {moment(alert.last_confirmed_at)}")
    return ", ".join(words)


# --- the watching itself ----------------------------------------------------------------------------------------------


def _watching(changes: Iterable[Change], snapshot: Snapshot, since: datetime, now: datetime) -> Iterator[str]:
    """How much of the period each critical probe had fresh answers, as far as its outcomes tell."""
    outcomes: defaultdict[Subject, list[Change]] = defaultdict(list)
    for change in changes:
        if change.signal.name == watch.PROBE_OUTCOME.name:
            outcomes[change.subject].append(change)
    critical = {probe.name for probe in PROBES if probe.is_critical}
    shares: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for subject in sorted(snapshot.subjects(SubjectKind.PROBE)):
        probe = subject.label("probe")
        if probe in critical:
            share = _share(outcomes[subject], subject, snapshot, since, now)
            shares[probe] += [] if share is None else [(share, describe(subject, snapshot))]
    for probe, own in shares.items():
        if not own:
            yield f"{probe}: {NOT_KNOWN}"
            continue
        least, who = min(own)
        words = f"{probe}: {_percent(fmean(share for share, _ in own))} of the time with fresh answers"
        yield words + (f", least {who} with {_percent(least)}" if len(own) > 1 and least < 1 else "")
    if any(shares.values()):
        yield "for how long wamon itself was stopped is not known"


def _share(
    changes: Sequence[Change], subject: Subject, snapshot: Snapshot, since: datetime, now: datetime
) -> float | None:
    """The part of the time since the watch began in which the last run had gone well; None where nothing tells."""
    began = snapshot.known(subject, watch.PROBE_WATCHED_SINCE)
    succeeded_at = snapshot.known(subject, watch.PROBE_LAST_SUCCESS)
    outcome = changes[0].before if changes else snapshot.known(subject, watch.PROBE_OUTCOME)
    if began is None or (outcome is None and not changes):
        return None
    at = start = min(max(since, began), now)
    good = timedelta(0)
    for change in changes:
        if outcome == ProbeOutcome.OK:
            good += max(change.at - at, timedelta(0))
        at, outcome = max(change.at, at), change.after
    if outcome == ProbeOutcome.OK and succeeded_at is not None:
        # The last good answer counts as long as a reading from then would.
        interval = timedelta(seconds=snapshot.known(subject, watch.PROBE_INTERVAL) or 0.0)
        good += max(min(now, succeeded_at + fresh_for(interval)) - at, timedelta(0))
    return good / (now - start) if now > start else None


def _percent(share: float) -> str:
    """Never 100 % for less than all."""
    return f"{int(share * 1000) / 10:.1f} %"
