"""What the pages and the API show: values that are ready to be looked at, whoever renders them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wamon.core.alerting import Severity


class Mood(StrEnum):
    """How something looks; the words beside it say the same. UNKNOWN is never GOOD: nobody has checked it."""

    GOOD = "good"
    INFO = "info"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the daemon lives, and what it still waits for; it is ready when it waits for nothing.

    `is_healthy` is false when one of its loops has stopped. Each reason is one plain sentence.
    """

    is_healthy: bool
    not_ready_reasons: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        return self.is_healthy and not self.not_ready_reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One thing that was observed, in Meta's words or ours.

    `text` is what is known now, None when nothing is; `last` what was known last, however old (None: never). `meaning`
    explains the word that is shown, empty where there is nothing to explain. `observed_at` is when it was last asked,
    None before the first time; `changed_at` when the known value last changed; `known_by` how it was seen (poll,
    webhook, empty before the first time).
    """

    text: str | None
    mood: Mood
    last: str | None = None
    meaning: str = ""
    observed_at: datetime | None = None
    changed_at: datetime | None = None
    known_by: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether something was known once and is not known now."""
        return self.text is None and self.last is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRow:
    """One phone number among many.

    `mood` is the worst of what is known, of its open alerts and of the fate of its messages. Ratios are those of the
    last 24 hours' messages, None below the least volume that says anything; `attempted` and `failed` are counts of the
    same messages, None where no webhooks tell. `is_failing` and `is_bouncing` say that so many fail or bounce as a rule
    does not bear, and that the last hour was no better. `last_webhook_at` is the account's. `checked_at` is when Meta
    last answered about the number, None before the first time. `severity` is that of its worst open alert, None without
    one.
    """

    phone_number_id: str
    waba_id: str
    display_phone_number: str
    verified_name: str
    account: str
    mood: Mood
    rating: Known
    status: Known
    can_send: Known
    attempted: int | None
    failed: int | None
    failure_ratio: float | None
    bounce_ratio: float | None
    is_failing: bool
    is_bouncing: bool
    last_webhook_at: datetime | None
    checked_at: datetime | None
    is_stale: bool
    open_alerts: int
    severity: Severity | None


class Sort(StrEnum):
    """By what a list of numbers is ordered; WORST first is how people look at it."""

    WORST = "worst"
    NUMBER = "number"
    NAME = "name"
    ACCOUNT = "account"
    RATING = "rating"
    STATUS = "status"
    CAN_SEND = "can_send"
    FAILURES = "failures"
    BOUNCES = "bounces"
    MESSAGES = "messages"
    CHECKED = "checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which numbers are wanted. `text` is found in number, name, account and ids; `moods` empty: any.

    `page` counts from 1; one beyond the last is the last.
    """

    text: str = ""
    moods: frozenset[Mood] = frozenset()
    waba_id: str = ""
    sort: Sort = Sort.WORST
    is_reversed: bool = False
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberList:
    """One page of the numbers that fit. `total` counts all that fit, `of` all there are; `moods` those of each mood."""

    rows: tuple[NumberRow, ...]
    page: int
    pages: int
    total: int
    of: int
    moods: Mapping[Mood, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """A watched account (WABA). `name` is the configuration's, `verified_name` Meta's, empty while not known.

    `checked_at` is when Meta last answered about it, None before the first time; `is_stale` once that is too long ago.
    """

    waba_id: str
    name: str
    verified_name: str
    mood: Mood
    status: Known
    review: Known
    numbers: int
    open_alerts: int
    last_webhook_at: datetime | None
    checked_at: datetime | None
    is_stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Countdown:
    """Something that ends. `ends_at` None means that it never does, or (UNKNOWN mood) that nobody knows.

    `kind` is token, data access, API version, restriction or ban; `whose` in people's words.
    """

    kind: str
    whose: str
    ends_at: datetime | None
    mood: Mood
    observed_at: datetime | None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRow:
    """Whether one account's webhooks come. `fields_missing` are wanted fields that the app does not have.

    `callback` is whether Meta has the callback URL that was configured: of the account's override where it has one,
    else the app's.
    """

    waba_id: str
    account: str
    mood: Mood
    app_id: str
    subscribed: Known
    callback: Known
    fields_missing: tuple[str, ...]
    are_fields_known: bool
    other_apps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """The webhooks of one account. `last_at` by field; `lag_seconds` is the 95th percentile of the last minutes.

    A `last_at` too long ago to say that they still come makes the mood UNKNOWN. `usual_pause` is the longest pause of
    the last week, None before there were two webhooks.
    """

    waba_id: str
    account: str
    mood: Mood
    last_at: datetime | None
    fields: tuple[tuple[str, datetime], ...]
    lag_seconds: float | None
    usual_pause: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How webhooks come. `is_receiving` is false when none are configured to.

    `good` and `bad` count the signatures of the last minutes; `totals` are sums since wamon's database began.
    """

    is_receiving: bool
    rows: tuple[WebhookRow, ...]
    good: int
    bad: int
    totals: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Something that wamon does not see: what, why, and what would change it."""

    what: str
    why: str
    next_step: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page. `verdict` is one sentence, `reasons` what is behind it."""

    version: str
    at: datetime
    mood: Mood
    verdict: str
    reasons: tuple[str, ...]
    numbers: NumberList
    cannot_send: int
    open_alerts: int
    accounts: tuple[AccountRow, ...]
    countdowns: tuple[Countdown, ...]
    subscriptions: tuple[SubscriptionRow, ...]
    webhooks: Webhooks
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One named thing about a number, such as its throughput level."""

    name: str
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRow:
    """Somebody who must agree before a message goes out: `scope` is phone number, WABA, business or app.

    `reasons` are Meta's error codes that limit or block it, in the words of the table.
    """

    scope: str
    id: str
    can_send: Known
    reasons: tuple["CodeRow", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One of Meta's error codes. `count` is of failed statuses in the last 24 hours, None where it is no count.

    All texts are empty for a code that the table lacks.
    """

    code: str
    count: int | None
    title: str
    meaning: str
    cause: str
    fix: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What became of the messages of one window, by cohort: `delivered` is what neither failed nor is open.

    Ratios are None below the least volume that says anything.
    """

    name: str
    attempted: int
    delivered: int
    failed: int
    bounced: int
    open: int
    failure_ratio: float | None
    bounce_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPage:
    """One phone number, as its own page shows it.

    `windows` are empty where no webhooks tell, and before the first count. `statuses` are all that wamon ever counted,
    by Meta's word; `open_by_age` are messages sent and neither delivered nor failed.
    """

    row: NumberRow
    properties: tuple[Property, ...]
    senders: tuple[SenderRow, ...]
    windows: tuple[Window, ...]
    statuses: tuple[tuple[str, int], ...]
    open_by_age: tuple[tuple[str, int], ...]
    codes: tuple[CodeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time in which something was so; `text` None: it was not known."""

    since: datetime
    until: datetime
    text: str | None
    mood: Mood


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The life of one thing, such as the quality rating, in segments without gaps, oldest first."""

    name: str
    segments: tuple[Segment, ...]
