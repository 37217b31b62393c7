"""Made-up pictures of accounts: of every mood, with what is known, old and unknown, as many as wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tests.fakes import START
from wamon.core.alerting import Severity
from wamon.core.health import Subject
from wamon.core.markers import Marker, MarkerKind
from wamon.operating.history import Asked, Entry, PastKind, Timeline
from wamon.picture.values import (
    AccountRow,
    CodeRow,
    Countdown,
    Known,
    Lane,
    Mood,
    NumberList,
    NumberPage,
    NumberRow,
    Overview,
    Property,
    Query,
    Segment,
    SenderRow,
    SubscriptionRow,
    Unseen,
    WebhookRow,
    Webhooks,
    Window,
)

UNKNOWN = Known(text=None, mood=Mood.UNKNOWN)
RATINGS = (
    ("RED", Mood.BAD),
    ("YELLOW", Mood.WATCH),
    (None, Mood.UNKNOWN),
    ("GREEN", Mood.GOOD),
    ("GREEN", Mood.GOOD),
    ("GREEN", Mood.GOOD),
)


def known(text: str | None, mood: Mood = Mood.GOOD, **more: object) -> Known:
    return replace(
        Known(
            text=text,
            mood=mood,
            last=text,
            observed_at=START - timedelta(seconds=20),
            changed_at=START - timedelta(days=3),
            known_by="poll",
        ),
        **more,  # type: ignore[arg-type]  # by the fields' own names
    )


def row(n: int) -> NumberRow:
    rating, mood = RATINGS[n % len(RATINGS)]
    is_stale = mood is Mood.UNKNOWN
    return NumberRow(
        phone_number_id=str(200 + n),
        waba_id=str(100 + n % 2),
        display_phone_number=f"+1 555 {n // 10_000:03d} {n % 10_000:04d}",
        verified_name=("Jasper's Market", "Lucky Shrub", "Wind & Wool")[n % 3],
        account=("main", "south")[n % 2],
        mood=mood,
        rating=known(rating, mood, last="GREEN" if is_stale else rating),
        status=known("CONNECTED") if not is_stale else known(None, Mood.UNKNOWN, last="CONNECTED"),
        can_send=known("LIMITED", Mood.WATCH, meaning="Meta delivers some of it") if n == 1 else known("AVAILABLE"),
        attempted=None if is_stale else 12_345 + n,
        failed=None if is_stale else 17 * (6 - n % 6),
        failure_ratio=None if is_stale else 0.0012 * (6 - n % 6),
        bounce_ratio=None if is_stale else 0.0004,
        is_failing=n == 1,
        is_bouncing=n == 2,
        last_webhook_at=None if is_stale else START - timedelta(seconds=40),
        checked_at=START - timedelta(hours=3) if is_stale else START - timedelta(seconds=20),
        is_stale=is_stale,
        open_alerts=1 if n < 2 else 0,
        severity=Severity.CRITICAL if n == 0 else Severity.WARNING if n == 1 else None,
    )


CODES = (
    CodeRow(
        code="131026",
        count=61,
        title="Message undeliverable",
        meaning="WhatsApp could not deliver the message.",
        cause="The recipient has no WhatsApp, has not accepted the terms, or runs a version that is too old.",
        fix="Do not send again to the same people; clean the list.",
        owner="sender",
    ),
    CodeRow(code="999999", count=2, title="", meaning="", cause="", fix="", owner=""),
)


class Gallery:
    """Pictures of so many numbers; `verdict` may be set by a test."""

    def __init__(self, numbers: int = 8) -> None:
        self.rows = tuple(row(n) for n in range(numbers))
        self.verdict = "1 number has a bad rating."
        self.mood = Mood.BAD

    def overview(self, query: Query) -> Overview:
        text = query.text.lower().split()
        found = [
            each
            for each in self.rows
            if (not query.moods or each.mood in query.moods)
            and (not query.waba_id or each.waba_id == query.waba_id)
            and all(
                word in f"{each.display_phone_number} {each.verified_name} {each.phone_number_id}".lower()
                for word in text
            )
        ]
        pages = max(1, -(-len(found) // query.page_size))
        page = min(query.page, pages)
        return Overview(
            version="1.2.3",
            at=START,
            mood=self.mood,
            verdict=self.verdict,
            reasons=("+1 555 000 0000 is RED since 3 d.", "Its messaging limit no longer grows."),
            numbers=NumberList(
                rows=tuple(found[(page - 1) * query.page_size : page * query.page_size]),
                page=page,
                pages=pages,
                total=len(found),
                of=len(self.rows),
                moods={mood: sum(each.mood is mood for each in self.rows) for mood in Mood},
            ),
            cannot_send=1,
            open_alerts=2,
            accounts=tuple(account(name, waba_id) for name, waba_id in (("main", "100"), ("south", "101"))),
            countdowns=COUNTDOWNS,
            subscriptions=SUBSCRIPTIONS,
            webhooks=WEBHOOKS,
            unseen=UNSEEN,
        )

    def number(self, phone_number_id: str) -> NumberPage | None:
        found = next((each for each in self.rows if each.phone_number_id == phone_number_id), None)
        if found is None:
            return None
        return NumberPage(
            row=found,
            properties=(
                Property(name="Quality rating", known=found.rating),
                Property(name="Messaging limit", known=known("1 000 people in 24 h")),
                Property(name="Throughput", known=known("STANDARD", meaning="80 messages a second")),
                Property(name="Name", known=UNKNOWN),
            ),
            senders=(
                SenderRow(scope="phone number", id=found.phone_number_id, can_send=known("AVAILABLE"), reasons=()),
                SenderRow(scope="business", id="900", can_send=known("LIMITED", Mood.WATCH), reasons=CODES[:1]),
                SenderRow(scope="app", id="7001", can_send=known(None, Mood.UNKNOWN, last="AVAILABLE"), reasons=()),
            ),
            windows=(window("15 min", 0.01), window("1 h", 0.04), window("24 h", 1.0)),
            statuses=(("sent", 90_210), ("delivered", 88_000), ("read", 51_003), ("failed", 120)),
            open_by_age=(("under 5 min", 12), ("5 min to 1 h", 3), ("over 1 d", 0)),
            codes=CODES,
        )

    async def strips(self, rows: Sequence[NumberRow], *, since: datetime) -> Mapping[str, Lane]:
        return {each.phone_number_id: lane("Worst of all", since, each.mood) for each in rows if not each.is_stale}

    async def lanes(self, row: NumberRow, *, since: datetime) -> tuple[Lane, ...]:
        return tuple(lane(name, since, row.mood) for name in ("Quality rating", "Status", "Can send"))


def lane(name: str, since: datetime, mood: Mood) -> Lane:
    marks = [since, START - timedelta(days=12), START - timedelta(days=11, hours=20), START - timedelta(days=3), START]
    states = [("GREEN", Mood.GOOD), (None, Mood.UNKNOWN), ("GREEN", Mood.GOOD), (mood.value.upper(), mood)]
    return Lane(
        name=name,
        segments=tuple(
            Segment(since=begins, until=ends, text=text, mood=how)
            for begins, ends, (text, how) in zip(marks, marks[1:], states, strict=False)
        ),
    )


def window(name: str, part: float) -> Window:
    attempted = round(12_345 * part)
    failed = round(attempted * 0.0063)
    return Window(
        name=name,
        attempted=attempted,
        delivered=attempted - failed - 12,
        failed=failed,
        bounced=failed // 2,
        open=12,
        failure_ratio=failed / attempted if attempted > 400 else None,
        bounce_ratio=failed / attempted / 2 if attempted > 400 else None,
    )


def account(name: str, waba_id: str) -> AccountRow:
    return AccountRow(
        waba_id=waba_id,
        name=name,
        verified_name="Jasper's Market",
        mood=Mood.GOOD,
        status=known("ACTIVE"),
        review=known("APPROVED"),
        numbers=4,
        open_alerts=1,
        last_webhook_at=START - timedelta(seconds=40),
        checked_at=START - timedelta(seconds=20),
        is_stale=False,
    )


COUNTDOWNS = (
    Countdown(
        kind="token",
        whose="main",
        ends_at=START + timedelta(days=4, hours=2),
        mood=Mood.WATCH,
        observed_at=START,
        remark="renew it in Business Settings",
    ),
    Countdown(
        kind="API version", whose="v23.0", ends_at=START + timedelta(days=180), mood=Mood.GOOD, observed_at=START
    ),
    Countdown(kind="token", whose="south", ends_at=None, mood=Mood.GOOD, observed_at=START),
    Countdown(kind="data access", whose="south", ends_at=None, mood=Mood.UNKNOWN, observed_at=None),
)
SUBSCRIPTIONS = (
    SubscriptionRow(
        waba_id="100",
        account="main",
        mood=Mood.GOOD,
        app_id="7001",
        subscribed=known("subscribed"),
        callback=known("as configured"),
        fields_missing=(),
        are_fields_known=True,
        other_apps=("7009",),
    ),
    SubscriptionRow(
        waba_id="101",
        account="south",
        mood=Mood.WATCH,
        app_id="7001",
        subscribed=known("subscribed"),
        callback=UNKNOWN,
        fields_missing=("account_alerts", "phone_number_quality_update"),
        are_fields_known=True,
        other_apps=(),
    ),
)
WEBHOOKS = Webhooks(
    is_receiving=True,
    rows=(
        WebhookRow(
            waba_id="100",
            account="main",
            mood=Mood.GOOD,
            last_at=START - timedelta(seconds=40),
            fields=(("messages", START - timedelta(seconds=40)), ("account_update", START - timedelta(days=2))),
            lag_seconds=0.42,
            usual_pause=timedelta(minutes=12),
        ),
        WebhookRow(
            waba_id="101",
            account="south",
            mood=Mood.UNKNOWN,
            last_at=None,
            fields=(),
            lag_seconds=None,
            usual_pause=None,
        ),
    ),
    good=421,
    bad=0,
    totals=(("taken", 90_210), ("quarantined", 1)),
)
UNSEEN = (
    Unseen(
        what="failures of south",
        why="no webhook has ever come for it",
        next_step="subscribe the app to WABA 101",
        since=START - timedelta(days=2),
    ),
    Unseen(what="what other apps send", why="Meta tells each app of its own messages", next_step=""),
)


async def history(asked: Asked) -> Timeline:
    """A small past, whatever is asked."""
    number = Subject.phone_number("100", "200")
    changed = Entry(
        id="c1",
        at=START - timedelta(days=3),
        kind=PastKind.CHANGE,
        text="quality rating: GREEN -> RED",
        subject="+1 555 000 0000 (Jasper's Market)",
        subject_kind=number.kind.value,
        labels=dict(number.labels),
        name="quality_rating",
        before="GREEN",
        after="RED",
        before_words="GREEN",
        after_words="RED",
        known_by="poll",
    )
    opened = replace(
        changed,
        id="a1",
        kind=PastKind.ALERT,
        text="WhatsAppQualityRatingRed opened: Quality rating RED",
        name="WhatsAppQualityRatingRed",
        before_words="",
        after_words="critical, firing",
        known_by="wamon",
        severity=Severity.CRITICAL,
        alert_id="63c5fb872f6f",
        step="open",
    )
    marked = Entry(
        id="m1",
        at=START - timedelta(days=4),
        kind=PastKind.MARKER,
        text="deploy: sender 4.2",
        labels={},
        name="deploy",
        known_by="operator",
        actor="deploy job",
        note="4 of 4 machines",
        marker=Marker(
            id="m1",
            at=START - timedelta(days=4),
            kind=MarkerKind.DEPLOY,
            title="deploy: sender 4.2",
            source="deploy job",
            link="https://ci.example.com/7",
        ),
    )
    return Timeline(entries=(opened, changed, marked), next_cursor="" if asked.cursor else "older")
