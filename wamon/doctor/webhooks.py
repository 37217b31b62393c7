"""The way of a webhook: from Meta's settings over the callback URL to the signature."""

import asyncio
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final
from urllib.parse import urlencode, urlsplit

from wamon.config.settings import AccountSettings, AppSettings, Settings
from wamon.config.values import is_loopback
from wamon.core.health import Subject
from wamon.doctor.findings import Finding, Status, skip
from wamon.doctor.patient import Patient
from wamon.doctor.routes import By, Callback, Route, wanted_of
from wamon.graph.http import HttpFailure
from wamon.graph.visiting import Certificate, Visit
from wamon.rules.words import moment
from wamon.watches import senders
from wamon.webhooks.signature import PREFIX, SignatureChecker

HANDSHAKE: Final = "Callback URL answers the handshake"
REFUSAL: Final = "Callback URL refuses a wrong verify token"
CERTIFICATE: Final = "Certificate of the callback URL lasts"
ROUTES: Final = "Webhooks come to the app's callback URL"
FIELDS: Final = "Webhook fields besides those wanted"
SIGNATURE: Final = "Signatures can be checked"

NOT_RECEIVED: Final = "no webhooks are received here: set verify_token and app_secret to receive them"
OK: Final = 200
# Certificates are renewed weeks before their end, short-lived ones (six days) when a third of their life is left.
LEAST_LEFT: Final = timedelta(days=14)
LEAST_SHARE: Final = 5
_SAMPLE: Final = b'{"object":"whatsapp_business_account","entry":[]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """A callback URL that is wamon's, and the app whose verify token opens it."""

    app: AppSettings
    callback: Callback

    @property
    def about(self) -> str:
        return str(self.callback)


# --- the callback URL -------------------------------------------------------------------------------------------------


async def callback_urls(patient: Patient) -> tuple[Finding, ...]:
    """Whether each callback URL of ours shakes hands as Meta would have it do, refuses who does not know the token,
    and has a certificate that lasts.

    The verify token goes nowhere but to where Meta sends already and the configuration does not object.
    """
    if not patient.settings.webhook_apps():
        return (skip(HANDSHAKE, "webhooks", NOT_RECEIVED),)
    doors = list(_doors(patient))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_knocked(patient, door)) for door in doors]
    return (*_shut(patient), *(finding for task in tasks for finding in task.result()))


def _doors(patient: Patient) -> Iterator[_Door]:
    """Every callback URL once: the apps' own, and the overrides that the configuration expects."""
    seen: set[tuple[str, str]] = set()
    for app in patient.settings.webhook_apps():
        hook = patient.routing.hooks.get(app.app_id)
        urls = (
            [hook.callback] if hook is not None and hook.callback is not None and _is_meant(app, hook.callback) else []
        )
        wanted = {account.waba_id: account for account in patient.settings.accounts if account.app == app.name}
        for route in patient.routing.routes:
            account = wanted.get(route.waba_id)
            if account is not None and route.by is not By.APP and route.callback is not None:
                urls += [route.callback] if route.callback.url == account.callback_url else []
        for callback in urls:
            if (app.name, callback.url) not in seen:
                seen.add((app.name, callback.url))
                yield _Door(app=app, callback=callback)


def _is_meant(app: AppSettings, callback: Callback) -> bool:
    return app.callback_url in (None, callback.url)


def _shut(patient: Patient) -> Iterator[Finding]:
    """The apps whose callback URL is not asked, and why."""
    for app in patient.settings.webhook_apps():
        hook = patient.routing.hooks.get(app.app_id)
        about = f"app {app.app_id}"
        if hook is None:
            yield skip(HANDSHAKE, about, "Meta did not tell the callback URL")
        elif hook.callback is None:
            yield Finding(
                check=HANDSHAKE,
                about=about,
                status=Status.CRITICAL,
                cause="The app has no callback URL for WhatsApp, so Meta sends nothing.",
                fix=(
                    "App Dashboard > WhatsApp > Configuration: put in wamon's URL and the verify token.",
                    "Tick the fields; `wamon config show` lists those wanted.",
                ),
            )
        elif not _is_meant(app, hook.callback):
            yield skip(HANDSHAKE, about, "the callback URL is another than callback_url says; the token stays here")


async def _knocked(patient: Patient, door: _Door) -> tuple[Finding, ...]:
    parts = urlsplit(door.callback.url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        return (_bad(HANDSHAKE, door, Status.CRITICAL, "No TLS", "Meta delivers to https:// only.", TLS_STEPS),)
    challenge = str(patient.random.randrange(10**9, 10**10))
    wrong = f"not-the-token-{patient.random.randrange(10**9, 10**10)}"
    try:
        visit = await patient.visitor.get(_handshake(door.callback.url, door.app.verify_token or "", challenge))
    except HttpFailure as failure:
        return (_unreached(door, failure),)
    findings = [_shaken(door, visit, challenge)]
    if findings[0].status is Status.OK:
        findings.append(await _refused(patient, door, wrong, challenge))
    if parts.scheme == "https":
        findings.append(_lasting(patient, door, visit.certificate))
    else:
        findings.append(skip(CERTIFICATE, door.about, "plain http on this machine itself"))
    return tuple(findings)


TLS_STEPS: Final = (
    "Have the proxy serve the whole chain: the certificate and every intermediate one, up to a public authority.",
    "The name in the certificate must be that in the callback URL; self-signed ones Meta does not take.",
    "Look at it from outside: openssl s_client -connect HOST:443 -servername HOST -showcerts",
)


def _handshake(url: str, verify_token: str, challenge: str) -> str:
    """Source: Meta "Create a webhook endpoint", read 2026-11."""
    query = urlencode({"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge})
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def _unreached(door: _Door, failure: HttpFailure) -> Finding:
    if failure.reason == "tls":
        cause = "Meta refuses to deliver to a certificate that it cannot verify."
        return _bad(HANDSHAKE, door, Status.CRITICAL, str(failure), cause, TLS_STEPS)
    # A machine behind the proxy may not get out and in again, while Meta does.
    cause = "Nothing answered when asked from this machine, which need not be the way that Meta comes."
    steps = (
        "Is `wamon run` running, and does the proxy hand the path on to public_listen?",
        "Ask from outside: curl -i CALLBACK_URL must answer 403 (no token was given), not time out.",
        "Name, certificate, proxy and firewall must let Meta's servers in.",
    )
    return _bad(HANDSHAKE, door, Status.UNKNOWN, str(failure), cause, steps)


def _shaken(door: _Door, visit: Visit, challenge: str) -> Finding:
    if visit.status == OK and visit.content == challenge.encode():
        took = (visit.answered_at - visit.asked_at) / timedelta(milliseconds=1)
        evidence = (("answered", f"200 in {max(took, 0):.0f} ms"), ("server", visit.headers.get("server", "")))
        return Finding(
            check=HANDSHAKE,
            about=door.about,
            status=Status.OK,
            evidence=tuple((name, words) for name, words in evidence if words),
        )
    if visit.status == OK:
        found, cause = "200 without the challenge", "Something else answers there: not wamon, or a page of the proxy's."
    elif visit.status == 403:
        found, cause = (
            "403",
            "The verify token of the running daemon is another than the configured one, or a proxy said no.",
        )
    elif visit.status == 404:
        found, cause = "404", "The path is not wamon's: it is /webhook, or /webhook/ and the app's name."
    elif 300 <= visit.status < 400:
        found, cause = f"{visit.status}, a redirect", "Meta does not follow redirects."
    else:
        found, cause = (
            str(visit.status),
            "The proxy answers and wamon does not: it is down, or the proxy looks elsewhere.",
        )
    steps = (
        "Is `wamon run` running with this configuration? Restart it when verify_token was changed.",
        "The proxy must hand the path on to public_listen as it is, query and all.",
        "Then App Dashboard > WhatsApp > Configuration > Verify and save.",
    )
    return _bad(HANDSHAKE, door, Status.CRITICAL, found, cause, steps)


async def _refused(patient: Patient, door: _Door, wrong: str, challenge: str) -> Finding:
    try:
        visit = await patient.visitor.get(_handshake(door.callback.url, wrong, challenge))
    except HttpFailure as failure:
        return _bad(REFUSAL, door, Status.UNKNOWN, str(failure), "It answered once, and then no more.", RUN_AGAIN)
    if challenge.encode() in visit.content:
        cause = "Whoever knows the URL could subscribe an app of their own to it: wamon is not what answers."
        steps = ("Find out what answers in wamon's place; the proxy must hand the path on to public_listen.",)
        return _bad(REFUSAL, door, Status.CRITICAL, f"{visit.status}, with the challenge", cause, steps)
    return Finding(check=REFUSAL, about=door.about, status=Status.OK, evidence=(("answered", str(visit.status)),))


RUN_AGAIN: Final = ("Run this again.",)


def _lasting(patient: Patient, door: _Door, certificate: Certificate | None) -> Finding:
    if certificate is None:
        return skip(CERTIFICATE, door.about, "the connection did not tell its certificate")
    left = certificate.ends_at - patient.clock.now()
    evidence = (
        ("ends", f"{moment(certificate.ends_at)}, in {left / timedelta(days=1):,.0f} days"),
        ("issuer", certificate.issuer),
    )
    if left >= min(LEAST_LEFT, certificate.life / LEAST_SHARE):
        return Finding(check=CERTIFICATE, about=door.about, status=Status.OK, evidence=evidence)
    return Finding(
        check=CERTIFICATE,
        about=door.about,
        status=Status.WARNING,
        evidence=evidence,
        cause="It should have been renewed by now. When it ends, Meta delivers nothing any more.",
        fix=("Renew it, and find out why that did not happen by itself.", "Reload the proxy that serves it."),
    )


def _bad(check: str, door: _Door, status: Status, found: str, cause: str, steps: tuple[str, ...]) -> Finding:
    return Finding(check=check, about=door.about, status=status, evidence=(("Found", found),), cause=cause, fix=steps)


# --- the routes -------------------------------------------------------------------------------------------------------


async def routes(patient: Patient) -> tuple[Finding, ...]:
    """Whether an override leads a number's webhooks past wamon. What overrides leave alone the app's check covers."""
    findings = [
        Finding(
            check=ROUTES,
            about=about,
            status=Status.UNKNOWN,
            evidence=(("Meta's answer", fault),),
            cause="Without an answer nobody knows where its webhooks go.",
            fix=RUN_AGAIN,
        )
        for about, fault in sorted(patient.routing.faults.items())
    ]
    here = {app.name for app in patient.settings.webhook_apps()}
    accounts = {account.waba_id: account for account in patient.settings.accounts}
    for waba_id, group in groupby(patient.routing.routes, key=lambda route: route.waba_id):
        account, told = accounts[waba_id], tuple(group)
        if account.app not in here:
            findings.append(skip(ROUTES, f"WABA {waba_id}", NOT_RECEIVED))
        else:
            findings += _routed(account, told)
    return tuple(findings)


def _routed(account: AccountSettings, told: tuple[Route, ...]) -> Iterator[Finding]:
    for route in told:
        evidence = ((", ".join(route.fields), f"{route.callback or 'not known'} (by the {route.by})"),)
        is_meant = route.by is By.APP or (route.callback is not None and route.callback.url == account.callback_url)
        subject = None
        if route.phone_number_id is not None:
            subject = Subject.phone_number(route.waba_id, route.phone_number_id)
        if is_meant:
            yield Finding(check=ROUTES, about=route.about, status=Status.OK, evidence=evidence, subject=subject)
            continue
        yield Finding(
            check=ROUTES,
            about=route.about,
            status=Status.WARNING,
            evidence=evidence,
            cause=f"An override of the {route.by} leads these fields elsewhere: wamon sees none of them, unless "
            "whoever answers there hands them on.",
            fix=(
                "Meant so, and it is wamon's as well: put that URL into the account's callback_url.",
                "Meant so, and it is another's: wamon hears of the account, and nothing of this number's messages.",
                "Not meant: take the override back (an empty override_callback_uri), where a person decides so.",
            ),
            subject=subject,
        )


async def fields(patient: Patient) -> tuple[Finding, ...]:
    """What an app is sent beyond what is wanted; what is missing the check of the webhook fields says."""
    findings = []
    for app_id, hook in sorted(patient.routing.hooks.items()):
        if hook.fields is None:
            findings.append(skip(FIELDS, f"app {app_id}", "Meta did not name the fields"))
            continue
        added = sorted(hook.fields - _wanted_by(patient.settings, app_id))
        evidence = (("besides", ", ".join(added) or "none"),)
        findings.append(Finding(check=FIELDS, about=f"app {app_id}", status=Status.OK, evidence=evidence))
    return tuple(findings)


def _wanted_by(settings: Settings, app_id: str) -> frozenset[str]:
    own = [set(app.wanted_fields) for app in settings.apps if app.app_id == app_id]
    of_accounts = [set(wanted_of(settings, account)) for account in settings.accounts]
    return frozenset().union(*(own or of_accounts))


# --- the signature ----------------------------------------------------------------------------------------------------


async def signatures(patient: Patient) -> tuple[Finding, ...]:
    """Whether a sample signed with each app secret is believed, and one that was changed is not.

    It happens in here: a signed request to the receiver would count as one of Meta's, and hide that Meta's fail.
    Whether the secret is the one that Meta signs with is told by Meta's answer to it, which the app probe asks for.
    """
    found = senders(patient.settings)
    if not found:
        return (skip(SIGNATURE, "webhooks", NOT_RECEIVED),)
    answered = {
        asked.target.subject.label("app_id"): asked.run.fault
        for asked in patient.picture.asked
        if asked.probe.name == "app"
    }
    return tuple(
        _signed(f"app {sender.app_id}", sender.secrets, is_known=answered.get(sender.app_id, "") is None)
        for sender in found
    )


def _signed(about: str, secrets: tuple[str, ...], *, is_known: bool) -> Finding:
    checker = SignatureChecker(secrets)
    marks = [PREFIX + hmac.new(secret.encode(), _SAMPLE, "sha256").hexdigest().encode() for secret in secrets]
    is_sound = all(checker.is_valid(mark, _SAMPLE) and not checker.is_valid(mark, _SAMPLE + b" ") for mark in marks)
    evidence = (
        ("sample", f"signed and checked in here with {len(secrets)} secret{'s' if len(secrets) > 1 else ''}"),
        ("secret", "Meta knows it" if is_known else "Meta did not confirm it"),
    )
    if is_sound and is_known:
        return Finding(check=SIGNATURE, about=about, status=Status.OK, evidence=evidence)
    if is_sound:
        return Finding(
            check=SIGNATURE,
            about=about,
            status=Status.UNKNOWN,
            evidence=evidence,
            cause="A wrong app secret refuses every webhook of Meta's.",
            fix=("Mend what keeps the app probe from its answer, above; then run this again.",),
        )
    return Finding(
        check=SIGNATURE,
        about=about,
        status=Status.CRITICAL,
        evidence=evidence,
        cause="HMAC-SHA256 does not work here as it must: no webhook would be believed.",
        fix=("Report this with the output of `wamon doctor --json`; it is wamon's or Python's own fault.",),
    )
