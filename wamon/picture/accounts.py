"""The accounts, whether their webhooks come, and what of theirs ends one day."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from wamon.core import books, figures
from wamon.core.health import NEVER, Fact, Signal, Subject, SubjectKind
from wamon.core.vocabulary import ACCOUNT_REVIEW_STATUS, WABA_STATUS
from wamon.picture.scene import MOOD_OF_SEVERITY, WORST_FIRST, Scene, flag, known, worst
from wamon.picture.values import AccountRow, Countdown, Known, Mood, SubscriptionRow, WebhookRow, Webhooks
from wamon.probes import account, app, token
from wamon.probes.api_version import VERSION_EXPIRY
from wamon.probes.names import describe
from wamon.rules import api_version as version_rules
from wamon.rules import token as token_rules
from wamon.rules import webhooks as webhook_rules
from wamon.webhooks.fields.account_update import RESTRICTION_EXPIRY, WABA_BAN_DATE

# What of the webhooks' sums people should see, in their words.
_TOTALS: Final = (
    (books.DUPLICATES, "repeated by Meta, counted once"),
    (books.OUT_OF_ORDER, "out of order, put right"),
    (books.CONTRADICTIONS, "contradicting an earlier word"),
    (books.UNRECOGNISED, "with words that wamon does not know"),
    (books.UNMONITORED, "of accounts that are not watched"),
    (books.QUARANTINED, "unreadable, kept in quarantine"),
)
_ENDING_RULES: Final = {
    "token": token_rules.EXPIRING,
    "data access": token_rules.EXPIRING,
    "API version": version_rules.EXPIRING,
}
_DAYS: Final = (("critical_days", Mood.BAD), ("warning_days", Mood.WATCH), ("info_days", Mood.INFO))
_WEBHOOK_RULES: Final = frozenset({webhook_rules.SILENCE.name, "WhatsAppWebhookLagHigh"})


def account_rows(scene: Scene) -> tuple[AccountRow, ...]:
    """Every watched account, the worst first."""
    rows = (_account_row(scene, each.waba_id, each.name) for each in scene.accounts)
    return tuple(sorted(rows, key=lambda row: (WORST_FIRST[row.mood], row.name.casefold(), row.waba_id)))


def _account_row(scene: Scene, waba_id: str, name: str) -> AccountRow:
    subject = Subject.waba(waba_id)
    alerts = scene.alerts_of_accounts.get(waba_id, ())
    is_stale = scene.is_stale(waba_id)
    status = known(scene.snapshot, subject, account.WABA_STATUS, WABA_STATUS)
    review = known(scene.snapshot, subject, account.WABA_REVIEW_STATUS, ACCOUNT_REVIEW_STATUS)
    moods = [MOOD_OF_SEVERITY[alert.severity] for alert in alerts]
    moods += [Mood.UNKNOWN] if is_stale else []
    # Meta does not tell both of every account; what it tells counts before a rule has judged it.
    moods += [each.mood for each in (status, review) if each.text is not None]
    answer = scene.answers.get(waba_id)
    return AccountRow(
        waba_id=waba_id,
        name=name,
        verified_name=scene.names.get(waba_id, ""),
        mood=worst(moods),
        status=status,
        review=review,
        numbers=scene.numbers_of[waba_id],
        open_alerts=len(alerts),
        last_webhook_at=scene.last_webhook(waba_id),
        checked_at=answer[0] if answer else None,
        is_stale=is_stale,
    )


# --- what ends --------------------------------------------------------------------------------------------------------


def countdowns(scene: Scene) -> tuple[Countdown, ...]:
    """What ends, the soonest first; then what nobody knows the end of, then what never ends."""
    found = [
        *_ends(scene, "token", SubjectKind.TOKEN, token.TOKEN_EXPIRY),
        *_ends(scene, "data access", SubjectKind.TOKEN, token.TOKEN_DATA_ACCESS_EXPIRY),
        *_ends(scene, "API version", SubjectKind.API_VERSION, VERSION_EXPIRY),
        *(
            each
            for each in _ends(scene, "restriction", SubjectKind.RESTRICTION, RESTRICTION_EXPIRY)
            if each.ends_at is not None and each.ends_at > scene.now
        ),
        *_ends(scene, "ban", SubjectKind.WABA, WABA_BAN_DATE),
    ]
    return tuple(sorted(found, key=_soonest))


def _soonest(each: Countdown) -> tuple[int, float, str, str]:
    if each.ends_at is not None:
        return 0, each.ends_at.timestamp(), each.kind, each.whose
    return (1 if each.mood is Mood.UNKNOWN else 2), 0.0, each.kind, each.whose


def _ends(scene: Scene, kind: str, of: SubjectKind, signal: Signal[datetime]) -> Iterator[Countdown]:
    for subject in scene.snapshot.subjects(of):
        fact = scene.snapshot.fact(subject, signal)
        if fact is None:
            # Only a token has an end that should be known and is not; the rest have none.
            if of is SubjectKind.TOKEN:
                words = "nobody has told when it ends"
                yield _countdown(scene, kind, subject, None, Mood.UNKNOWN, None, words)
            continue
        yield _of_fact(scene, kind, subject, fact)


def _of_fact(scene: Scene, kind: str, subject: Subject, fact: Fact) -> Countdown:
    ends_at = fact.known if isinstance(fact.known, datetime) else None
    if ends_at == NEVER:
        mood, remark = Mood.GOOD, "never ends"
        if fact.current is None:
            mood, remark = Mood.UNKNOWN, "never ends, as it was last known"
        return _countdown(scene, kind, subject, None, mood, fact.observed_at, remark)
    if ends_at is None:
        return _countdown(scene, kind, subject, None, Mood.UNKNOWN, fact.observed_at, "Meta does not say when it ends")
    mood = _mood_of_rest(scene, kind, ends_at - scene.now)
    if mood is Mood.GOOD and fact.current is None:
        mood = Mood.UNKNOWN
    remark = "" if fact.current is not None else "as it was last known"
    return _countdown(scene, kind, subject, ends_at, mood, fact.observed_at, remark)


def _mood_of_rest(scene: Scene, kind: str, left: timedelta) -> Mood:
    """By the days of the rule that judges it, the usual ones where that is switched off.

    A restriction and a ban, which no rule judges by days, are bad for as long as they last.
    """
    usual = _ENDING_RULES.get(kind)
    if usual is None or left <= timedelta(0):
        return Mood.BAD
    rule = scene.rules.get(usual.name, usual)
    for name, mood in _DAYS:
        days = getattr(rule.params, name, None)
        if days is not None and left < timedelta(days=days):
            return mood
    return Mood.GOOD


def _countdown(
    scene: Scene, kind: str, subject: Subject, ends_at: datetime | None, mood: Mood, at: datetime | None, remark: str
) -> Countdown:
    return Countdown(
        kind=kind,
        whose=describe(subject, scene.snapshot),
        ends_at=ends_at,
        mood=mood,
        observed_at=at,
        remark=remark,
    )


# --- whether webhooks come --------------------------------------------------------------------------------------------


def subscription_rows(scene: Scene) -> tuple[SubscriptionRow, ...]:
    """One for each account, the worst first."""
    rows = [_subscription(scene, each.waba_id, each.name, each.app_id or "") for each in scene.accounts]
    return tuple(sorted(rows, key=lambda row: (WORST_FIRST[row.mood], row.account.casefold(), row.waba_id)))


def _subscription(scene: Scene, waba_id: str, name: str, app_id: str) -> SubscriptionRow:
    snapshot, waba = scene.snapshot, Subject.waba(waba_id)
    own = Subject.app(app_id)
    apps = snapshot.value(waba, account.WEBHOOK_SUBSCRIBED)
    last_apps = snapshot.known(waba, account.WEBHOOK_SUBSCRIBED)
    fact = snapshot.fact(waba, account.WEBHOOK_SUBSCRIBED)
    is_in = None if apps is None else apps.get(app_id, False) if app_id else any(apps.values())
    was_in = None if last_apps is None else last_apps.get(app_id, False) if app_id else any(last_apps.values())
    words = {True: "subscribed", False: "not subscribed", None: None}
    subscribed = Known(
        text=words[is_in],
        mood=Mood.UNKNOWN if is_in is None else Mood.GOOD if is_in else Mood.BAD,
        last=words[was_in],
        observed_at=fact.observed_at if fact else None,
        changed_at=fact.changed_at if fact else None,
        known_by=fact.source if fact else "",
    )
    fields = snapshot.value(own, app.WEBHOOK_FIELD_SUBSCRIBED)
    missing = tuple(sorted(each for each, is_there in (fields or {}).items() if not is_there))
    callback = _callback(scene, waba, own)
    # What was never known is not missed: without a callback URL in the configuration there is none to compare.
    moods = [subscribed.mood, *([callback.mood] if callback.last is not None else [])]
    moods.append(Mood.UNKNOWN if fields is None else Mood.WATCH if missing else Mood.GOOD)
    if snapshot.value(own, app.WEBHOOK_ACTIVE) is False:
        moods.append(Mood.BAD)
    return SubscriptionRow(
        waba_id=waba_id,
        account=scene.names.get(waba_id) or name,
        mood=worst(moods),
        app_id=app_id,
        subscribed=subscribed,
        callback=callback,
        fields_missing=missing,
        are_fields_known=fields is not None,
        other_apps=tuple(sorted(each for each, is_there in (apps or {}).items() if is_there and each != app_id)),
    )


def _callback(scene: Scene, waba: Subject, own: Subject) -> Known:
    override, of_app = (
        flag(scene.snapshot, subject, signal, yes="as configured", no="another one", no_mood=Mood.WATCH)
        for subject, signal in ((waba, account.WEBHOOK_OVERRIDE_MATCHES), (own, app.WEBHOOK_CALLBACK_MATCHES))
    )
    return override if override.text is not None else of_app


def webhooks(scene: Scene) -> Webhooks:
    """How webhooks come, the worst account first."""
    rows: Sequence[WebhookRow] = ()
    if scene.is_receiving:
        rows = sorted(
            (_webhook_row(scene, each.waba_id, each.name) for each in scene.accounts),
            key=lambda row: (WORST_FIRST[row.mood], row.account.casefold(), row.waba_id),
        )
    tally = scene.snapshot.value(Subject.instance(), figures.RECEIVER_TALLY) or {}
    return Webhooks(
        is_receiving=scene.is_receiving,
        rows=tuple(rows),
        good=int(tally.get("accepted", 0)),
        bad=int(tally.get("bad_signatures", 0)),
        totals=_totals(scene) if scene.is_receiving else (),
    )


def _webhook_row(scene: Scene, waba_id: str, name: str) -> WebhookRow:
    subject = Subject.waba(waba_id)
    pace = scene.snapshot.value(subject, figures.DELIVERY_PACE) or {}
    pause = scene.snapshot.value(subject, figures.LONGEST_GAP)
    last_at = scene.last_webhook(waba_id)
    severities = [alert.severity for alert in scene.alerts_of_accounts.get(waba_id, ()) if alert.rule in _WEBHOOK_RULES]
    if severities:
        mood = MOOD_OF_SEVERITY[max(severities)]
    else:
        mood = Mood.GOOD if last_at is not None and scene.now - last_at <= _patience(scene) else Mood.UNKNOWN
    return WebhookRow(
        waba_id=waba_id,
        account=scene.names.get(waba_id) or name,
        mood=mood,
        last_at=last_at,
        fields=tuple(sorted(scene.last_webhooks.get(waba_id, {}).items(), key=lambda each: (each[1], each[0]))[::-1]),
        lag_seconds=pace.get("lag_p95"),
        usual_pause=timedelta(seconds=pause) if pause else None,
    )


def _patience(scene: Scene) -> timedelta:
    """For how long a webhook says that they come: as long as any pause may be before the rule calls it a silence."""
    params = scene.rules.get(webhook_rules.SILENCE.name, webhook_rules.SILENCE).params
    hours = (getattr(params, name, 0.0) for name in ("silent_for_hours", "longest_hours"))
    return timedelta(hours=max(hours))


def _totals(scene: Scene) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for (figure, *_), amount in scene.books.totals.items():
        sums[figure] = sums.get(figure, 0) + amount
    return tuple((words, sums[figure]) for figure, words in _TOTALS if sums.get(figure))
