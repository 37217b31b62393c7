"""Meta's side: the daemon's probes once, into a picture, and the daemon's rules about it.

The doctor has no knowledge of its own here: what is wrong with an account the rules know.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from wamon.config.settings import Settings
from wamon.core.alerting import Truth, Verdict
from wamon.core.health import Sighting, Signal, Snapshot, Value
from wamon.core.ports import Probe, ProbeOutcome, Rule, View
from wamon.core.targets import Target
from wamon.core.timing import Clock
from wamon.doctor.findings import BY_SEVERITY, Finding, Status
from wamon.graph.client import GraphClient
from wamon.graph.runner import ProbeRun, run_probe
from wamon.probes import account, api_version, app, evidence, token
from wamon.probes.names import describe
from wamon.rules import phone_status
from wamon.rules.words import moment
from wamon.watches import learned_app_ids

# Somebody waits for the answer: of all that Meta is asked, the routes too, nothing may take longer.
SECONDS: Final = 75.0
# A probe that begins when the time is over still says so itself.
LEAST_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist: the claim that should hold, the rule that judges it, and what to show for it."""

    title: str
    rule: str
    shows: tuple[tuple[str, Signal[Any]], ...] = ()


REFUSALS = (ProbeOutcome.DENIED, ProbeOutcome.REFUSED)
SUBSCRIBED = "Webhooks are subscribed"
CONNECTED = "Number is in the WABA and connected"

CHECKS = (
    Check(title="Access token is valid", rule="WhatsAppTokenInvalid", shows=(("token", token.TOKEN_INFO),)),
    Check(
        title="Access token lasts",
        rule="WhatsAppTokenExpiring",
        shows=(("expires", token.TOKEN_EXPIRY), ("data access ends", token.TOKEN_DATA_ACCESS_EXPIRY)),
    ),
    Check(
        title="Access token has its scopes",
        rule="WhatsAppTokenScopeMissing",
        shows=(("granted", token.TOKEN_SCOPE_GRANTED),),
    ),
    Check(
        title="Token reaches the WABA", rule="WhatsAppAssetAccessLost", shows=(("read", account.TOKEN_ASSET_ACCESS),)
    ),
    Check(
        title="Account is in good standing",
        rule="WhatsAppAccountRestricted",
        shows=(("status", account.WABA_STATUS), ("review", account.WABA_REVIEW_STATUS)),
    ),
    Check(
        title=CONNECTED,
        rule="WhatsAppPhoneNumberDown",
        shows=(("in the WABA", account.PHONE_NUMBER_IN_WABA), ("status", account.PHONE_STATUS)),
    ),
    Check(
        title="Number is not degraded",
        rule="WhatsAppPhoneNumberDegraded",
        shows=(("status", account.PHONE_STATUS), ("code verification", account.CODE_VERIFICATION_STATUS)),
    ),
    Check(
        title="Quality rating",
        rule="WhatsAppQualityRating",
        shows=(("rating", account.QUALITY_RATING), ("messaging limit", account.MESSAGING_LIMIT)),
    ),
    Check(title="Can send", rule="WhatsAppCannotSend", shows=(("state", account.CAN_SEND),)),
    Check(
        title=SUBSCRIBED,
        rule="WhatsAppSubscriptionLost",
        shows=(("apps", account.WEBHOOK_SUBSCRIBED),),
    ),
    Check(
        title="Webhook fields are subscribed",
        rule="WhatsAppWebhookFieldMissing",
        shows=(("active", app.WEBHOOK_ACTIVE), ("fields", app.WEBHOOK_FIELD_SUBSCRIBED)),
    ),
    Check(title="Callback URL is the expected one", rule="WhatsAppWebhookCallbackDrift"),
    Check(title="Override of the callback URL is the expected one", rule="WhatsAppWebhookOverrideDrift"),
    Check(
        title="API version lasts",
        rule="WhatsAppApiVersionExpiring",
        shows=(("served until", api_version.VERSION_EXPIRY),),
    ),
    Check(
        title="API version is served as asked",
        rule="WhatsAppApiVersionServedDiffers",
        shows=(("versions", evidence.VERSION_SERVED),),
    ),
    Check(title="Call quota has room", rule="WamonQuotaNearlyUsed", shows=(("used", evidence.QUOTA_USED),)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one probe brought about one target."""

    probe: Probe[Any]
    target: Target
    run: ProbeRun

    def added_to(self, snapshot: Snapshot) -> Snapshot:
        sighting = Sighting(
            readings=self.run.readings, observed_at=self.run.observed_at, interval=self.probe.interval, source="poll"
        )
        return snapshot.fold(sighting)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What Meta answered when it was asked everything once, as Graph API `version`."""

    version: str
    asked: tuple[Asked, ...]
    snapshot: Snapshot


async def examine(
    settings: Settings, *, client: GraphClient, rules: Sequence[Rule], clock: Clock
) -> tuple[Finding, ...]:
    """Ask Meta everything once, and judge it by the rules."""
    return judge(await look(settings, client=client, clock=clock), settings, rules=rules, now=clock.now())


async def look(settings: Settings, *, client: GraphClient, clock: Clock, seconds: float = SECONDS) -> Picture:
    """Ask Meta everything once; what is not answered within so many seconds of the clock is in the picture too."""
    give_up_at = clock.monotonic() + seconds
    version = settings.version(settings.versions, clock.now())
    asked: list[Asked] = []
    snapshot = Snapshot()

    async def ask_one(probe: Probe[Any], target: Target) -> Asked:
        left = max(give_up_at - clock.monotonic(), LEAST_SECONDS)
        run = await run_probe(client, probe, target, clock=clock, deadline_seconds=left)
        return Asked(probe=probe, target=target, run=run)

    async def ask(probe: Probe[Any], targets: Sequence[Target]) -> None:
        nonlocal snapshot
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask_one(probe, target)) for target in targets]
        for task in tasks:
            asked.append(task.result())
            snapshot = task.result().added_to(snapshot)

    await ask(token.PROBE, settings.token_targets())
    # After the tokens, since debug_token tells the app that nobody configured.
    await ask(account.PROBE, settings.account_targets(learned_app_ids(snapshot), version=version))
    await ask(app.PROBE, settings.app_targets())
    await ask(api_version.PROBE, (settings.instance_target(version=version),))
    return Picture(version=version, asked=tuple(asked), snapshot=snapshot)


def judge(picture: Picture, settings: Settings, *, rules: Sequence[Rule], now: datetime) -> tuple[Finding, ...]:
    """What the rules say of the picture, in the order in which an expert would look."""
    by_name = {rule.name: _at_one_look(rule) for rule in rules}
    findings = [_answered(one, picture.snapshot) for one in picture.asked]
    for check in CHECKS:
        if check.rule in by_name:
            findings += _judge(check, by_name[check.rule], picture.snapshot, now)
    graph = f"{settings.graph_base_url}/{picture.version}"
    return tuple(_with_command(finding, graph) for finding in findings)


def _answered(asked: Asked, snapshot: Snapshot) -> Finding:
    """Whether Meta answered at all: what could not be asked cannot be judged below."""
    check = f"Meta answers the {asked.probe.name} probe"
    about = describe(asked.target.subject, snapshot)
    if asked.run.fault is None:
        return Finding(check=check, about=about, status=Status.OK)
    if asked.run.outcome in REFUSALS:
        return Finding(
            check=check,
            about=about,
            status=Status.CRITICAL,
            evidence=(("Meta's answer", asked.run.fault),),
            cause="Meta refuses the request; the answer names the next step.",
        )
    return Finding(
        check=check,
        about=about,
        status=Status.UNKNOWN,
        evidence=((f"No usable answer, {asked.run.outcome}", asked.run.fault),),
        cause="Without an answer nothing about it can be known.",
        fix=("Check DNS, proxy and firewall towards the Graph API, then Meta's status page, and run this again.",),
    )


def _at_one_look(rule: Rule) -> Rule:
    """The rule without the patience that needs a past: who asks now wants to know that a number is still PENDING."""
    if isinstance(rule.params, phone_status.DegradedParams):
        return replace(rule, params=replace(rule.params, setup_hours=0.0))
    return rule


def _with_command(finding: Finding, graph: str) -> Finding:
    """The finding with the exact command that would mend it, where there is one: wamon only reads, a person may run it.

    Source: Meta "Subscribed apps" and "Register" references, read 2026-09.
    """
    if finding.status is Status.OK or finding.subject is None:
        return finding
    post = f'curl -X POST -H "Authorization: Bearer $WAMON_ACCESS_TOKEN" {graph}'
    match finding.check, finding.subject.label("waba_id"), finding.subject.label("phone_number_id"):
        case (title, str(waba_id), None) if title == SUBSCRIBED:
            command = f"{post}/{waba_id}/subscribed_apps"
        case (title, _, str(number_id)) if title == CONNECTED:
            command = f"{post}/{number_id}/register -d messaging_product=whatsapp -d pin=YOUR_PIN"
        case _:
            return finding
    return replace(finding, fix=(*finding.fix, f"The command, where a person decides so: {command}"))


def _judge(check: Check, rule: Rule, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    for subject in sorted(snapshot.subjects(rule.kind)):
        view = View(snapshot, subject)
        verdict = rule.check(view, rule.params, now)
        if verdict is not None:
            yield _finding(check, rule, view, verdict)


def _finding(check: Check, rule: Rule, view: View, verdict: Verdict) -> Finding:
    about = describe(view.subject, view.snapshot)
    if verdict.truth is Truth.TRUE:
        return Finding(
            check=check.title,
            about=about,
            status=BY_SEVERITY[verdict.severity],
            evidence=(("Found", verdict.what), *verdict.evidence),
            cause=rule.cause,
            fix=rule.steps,
            subject=view.subject,
        )
    shown = tuple((name, words) for name, signal in check.shows if (words := _words(view.value(signal))))
    if verdict.truth is Truth.FALSE:
        return Finding(check=check.title, about=about, status=Status.OK, evidence=shown)
    return Finding(check=check.title, about=about, status=Status.UNKNOWN, evidence=shown, cause="Meta did not say.")


def _words(value: Value | None) -> str:
    """A value for people; empty for one that is not known."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "no limit" if value == float("inf") else f"{value:,g}"
    if isinstance(value, str):
        return value
    return ", ".join(_pair(name, part) for name, part in sorted(value.items()) if part != "")


def _pair(name: str, part: object) -> str:
    if isinstance(part, bool):
        return name if part else f"not {name}"
    return f"{name} {part:.0%}" if isinstance(part, float) else f"{name} {part}"
