"""Whether Meta's webhooks still come, and whether they can be believed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core import watch
from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.figures import ACTIVE_SECONDS, LAST_EVENT, LONGEST_GAP, RECEIVER_TALLY
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Owner, Rule, View, clear, firing, unknown
from wamon.rules.words import moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceParams:
    """How long no webhook may come, at least; a quiet WABA gets `gap_factor` times its longest pause of the last week.

    No pause earns more than `longest_hours`: one outage of three days in the last week would let the next one last
    for six before anybody is told. That is a weekend and its evenings, so that offices sleep calmly; a longer
    `silent_for_hours` wins.
    `min_active_hours`: in how many hours of the last week webhooks must have come before their absence says anything.
    """

    silent_for_hours: float = 6.0
    gap_factor: float = 2.0
    longest_hours: float = 72.0
    min_active_hours: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureParams:
    """How many bad signatures in a quarter of an hour; from `critical_at` on, without a good one, it is critical.

    Anybody can send a few requests to a public URL, so a few say nothing of the secret.
    """

    fires_count: int = 5
    critical_at: int = 20


def check_silence(view: View, params: SilenceParams, now: datetime) -> Verdict | None:
    fact, events = view.fact(LAST_EVENT), view.value(LAST_EVENT)
    known_activity, known_gap = view.value(ACTIVE_SECONDS), view.value(LONGEST_GAP)
    if fact is None or not events:
        return None
    is_open = view.open_severity is not None
    if known_activity is None and not is_open:
        return unknown(now)
    activity, longest_gap = known_activity or 0.0, known_gap or 0.0
    field, stamped = max(events.items(), key=lambda item: item[1])
    # A clock that was ahead stamped what lies ahead still. It came at the latest when it was observed, a moment that is
    # corrected when the clock goes back, and that stays where it is while time passes.
    last = min(stamped, fact.observed_at.timestamp(), now.timestamp())
    habitual = min(params.gap_factor * longest_gap, 3600.0 * params.longest_hours)
    patience = max(3600.0 * params.silent_for_hours, habitual)
    if now.timestamp() - last <= patience:
        return clear(now)
    # The silence itself makes the account lose its habit, in the end all of it: that must not end the alert.
    if activity < 3600.0 * params.min_active_hours and not is_open:
        return unknown(now)
    listening_since = _listening_since(view)
    if listening_since is None:
        return unknown(now)
    silent = now.timestamp() - max(last, listening_since)
    if silent <= patience:
        return unknown(now)
    evidence = (
        ("Last webhook", f"{_at(last, now)}, field {field}"),
        ("wamon listens since", _at(listening_since, now)),
        ("Longest pause of the last week", span(timedelta(seconds=longest_gap))),
    )
    # In whole minutes: the alert's text must not change with every tick.
    what = f"No webhook for {span(timedelta(minutes=silent // 60))}"
    return firing(Severity.CRITICAL, now, what, evidence=evidence)


def _listening_since(view: View) -> float | None:
    """Since when this process hears webhooks, None when it does not; a machine that slept hears from its waking on."""
    since = (view.value(RECEIVER_TALLY, of=Subject.instance()) or {}).get("listening_since")
    stepped_at = view.known(watch.CLOCK_STEPPED, of=Subject.instance())
    is_forward = (view.known(watch.CLOCK_STEP, of=Subject.instance()) or 0.0) > 0
    if since is None or stepped_at is None or not is_forward:
        return since
    return max(since, stepped_at.timestamp())


def _at(seconds: float, now: datetime) -> str:
    return moment(datetime.fromtimestamp(seconds, tz=now.tzinfo))


def check_signatures(view: View, params: SignatureParams, now: datetime) -> Verdict | None:
    if view.fact(RECEIVER_TALLY) is None:
        return None
    tally = view.value(RECEIVER_TALLY)
    if tally is None:
        return unknown(now)
    bad, accepted = tally.get("bad_signatures", 0.0), tally.get("accepted", 0.0)
    is_open = view.open_severity is not None
    if not bad or (bad < params.fires_count and not is_open):
        return clear(now)
    evidence = [
        ("Bad signatures in 15 minutes", f"{bad:,.0f}"),
        ("Good signatures in 15 minutes", f"{accepted:,.0f}"),
    ]
    is_critical = not accepted and (bad >= params.critical_at or view.open_severity is Severity.CRITICAL)
    if not is_critical:
        what = f"{bad:,.0f} webhook requests in 15 minutes had a bad signature"
        return firing(Severity.WARNING, now, what, evidence=evidence)
    what = f"Every one of {bad:,.0f} webhook requests had a bad signature: the app secret may be wrong"
    return firing(Severity.CRITICAL, now, what, evidence=evidence)


SILENCE = Rule(
    name="WhatsAppWebhookSilence",
    kind=SubjectKind.WABA,
    check=check_silence,
    alertnames={Severity.CRITICAL: "WhatsAppWebhookSilence"},
    timing=Timing(for_=timedelta(minutes=2), min_observations=2),
    params=SilenceParams(),
    meaning="No webhook of any kind came for this WABA for far longer than it ever is silent. Failed messages, "
    "restrictions and your customers' replies are not seen; Meta repeats for some days at most, then they are lost.",
    cause="The subscription is gone, the callback URL, its certificate or the proxy is broken, or nobody sends at all.",
    owner=Owner.SRE,
    steps=(
        "Does anybody send right now? Send one message to a phone of your own and look for its statuses.",
        "Run `wamon doctor`; it checks the subscription, the callback URL and the app's webhook fields.",
        "Reach the callback URL from outside: name, certificate, proxy and firewall must let Meta through.",
        "App Dashboard > WhatsApp > Configuration: the URL is wamon's and the field messages is subscribed.",
        "After an outage Meta repeats by itself; there is no way to ask for what it has given up.",
    ),
    on_tick=True,
)
BAD_SIGNATURES = Rule(
    name="WamonWebhookBadSignatures",
    kind=SubjectKind.INSTANCE,
    check=check_signatures,
    alertnames={
        Severity.WARNING: "WamonWebhookBadSignatures",
        Severity.CRITICAL: "WamonWebhookBadSignatures",
    },
    # A wrong secret with little traffic looks well whenever nothing comes for a quarter of an hour.
    timing=Timing(min_observations=2, keep_firing_for=timedelta(hours=1)),
    params=SignatureParams(),
    meaning="Requests came to the webhook URL whose signature is not that of the app's secret. They are refused with "
    "401. If Meta's are among them, wamon hears nothing from Meta; strangers who try the URL look the same.",
    cause="The app secret was reset and wamon has the former one, a proxy changes the body, another app is subscribed "
    "to the same URL; or a stranger tries the URL.",
    owner=Owner.SRE,
    steps=(
        "Is it Meta? See in the proxy's log who sends, and whether deliveries of Meta's are answered with 401.",
        "Compare App Dashboard > App settings > Basic > App secret with the one that wamon reads.",
        "During a rotation give wamon both secrets, then remove the former one when the alert is over.",
        "A proxy in between must hand on the body byte for byte, and the header X-Hub-Signature-256.",
        "Several apps: each needs its own path and its own secret in wamon's configuration.",
        "Good signatures come too, or no delivery of Meta's failed: it is a stranger, refused as it should be.",
    ),
    on_tick=True,
)
RULES = (SILENCE, BAD_SIGNATURES)
