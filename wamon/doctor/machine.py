"""The machine that wamon runs on: its clock, its database, its private listener, and what polling costs."""

import asyncio
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from wamon.config.settings import LARGE_QUOTA, SMALL_QUOTA, Settings
from wamon.config.values import Listen, is_loopback
from wamon.core.errors import StoreError
from wamon.core.health import Subject, SubjectKind
from wamon.doctor.findings import Finding, Status, skip
from wamon.doctor.patient import Patient
from wamon.graph.http import HttpFailure
from wamon.graph.visiting import Visitor
from wamon.probes.account import PHONE_STATUS
from wamon.probes.evidence import QUOTA_USED
from wamon.probes.names import describe
from wamon.store.inspection import Inspection, holder, inspect
from wamon.web.web_config import WebConfigError, trusting

CLOCK: Final = "Clock agrees with Meta's"
DATABASE: Final = "Database is sound"
LISTENER: Final = "Private listener answers"
GUARDED: Final = "Private listener is not open to everybody"
QUOTA: Final = "Polling fits into the call quota"

# The Date header has whole seconds, and the way there takes one or two.
TOLERANCE: Final = timedelta(seconds=5)
# Beyond it Slack's signed requests are refused, and so are most certificates' moments soon.
# Source: Slack "Verifying requests from Slack", read 2026-11.
WORST_OFFSET: Final = timedelta(minutes=5)

QUICK_CHECK_SECONDS: Final = 20.0
MEGABYTE: Final = 1_000_000
# The store cuts the log back to 64 MB after a burst; far beyond that somebody keeps it from doing so.
MOST_WAL: Final = 256 * MEGABYTE
LITTLE_DISK: Final = 500 * MEGABYTE
HARDLY_ANY_DISK: Final = 50 * MEGABYTE

# A listener on every address cannot be asked at that address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from the configuration, not bound
HEALTHY: Final = "/-/healthy"
METRICS: Final = "/metrics"
OK: Final = 200

# Beyond this share of its quota a WABA has no room for anybody else who shares the app.
MOST_SHARE: Final = 0.75


# --- the clock --------------------------------------------------------------------------------------------------------


async def clock(patient: Patient) -> tuple[Finding, ...]:
    """How far the clock here is from the Date of an answer from the Graph API's address."""
    about = "this machine"
    try:
        visit = await patient.visitor.get(patient.settings.graph_base_url)
    except HttpFailure as failure:
        return (
            Finding(
                check=CLOCK,
                about=about,
                status=Status.UNKNOWN,
                evidence=(("No usable answer", str(failure)),),
                cause="Without an answer there is nothing to compare with.",
                fix=("Check DNS, proxy and firewall towards the Graph API, and run this again.",),
            ),
        )
    theirs = _date(visit.headers.get("date", ""))
    if theirs is None:
        return (skip(CLOCK, about, "Meta's answer has no date"),)
    # On the way and back it took as long; a date without fractions lies half a second ahead of itself.
    ours = visit.asked_at + (visit.answered_at - visit.asked_at) / 2
    return (_offset(about, ours - theirs - timedelta(milliseconds=500)),)


def _offset(about: str, offset: timedelta) -> Finding:
    word = "ahead" if offset > timedelta() else "behind"
    evidence = (("offset", f"{abs(offset).total_seconds():.1f} s {word}"),)
    if abs(offset) <= TOLERANCE:
        return Finding(check=CLOCK, about=about, status=Status.OK, evidence=evidence)
    return Finding(
        check=CLOCK,
        about=about,
        status=Status.WARNING if abs(offset) <= WORST_OFFSET else Status.CRITICAL,
        evidence=evidence,
        cause="Delays, silences and expiries come out wrong by as much; beyond 5 min Slack's buttons fail.",
        fix=("Let the machine keep time: timedatectl set-ntp true, or chrony; in a container it is the host's clock.",),
    )


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone()
    except (ValueError, TypeError, OverflowError):
        return None


# --- the database -----------------------------------------------------------------------------------------------------


async def database(patient: Patient) -> tuple[Finding, ...]:
    """Whether the database is sound, what it takes and has left, and who holds it."""
    about = str(patient.settings.database)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + QUICK_CHECK_SECONDS
    try:
        inspection = await asyncio.to_thread(inspect, patient.settings.database, is_over=lambda: loop.time() > ends_at)
    except StoreError as error:
        return (
            Finding(
                check=DATABASE,
                about=about,
                status=Status.CRITICAL,
                evidence=(("Found", str(error)),),
                cause="wamon cannot work with it as it is.",
                fix=("What was found names the next step; docs/operations.md has the restore.",),
            ),
        )
    if inspection is None:
        return (skip(DATABASE, about, "there is none yet; the first start makes it"),)
    return (inspected(about, inspection),)


def inspected(about: str, found: Inspection) -> Finding:
    """What was found of the database file that is called so."""
    evidence = (
        ("quick check", "ok" if found.is_checked else f"not done in {QUICK_CHECK_SECONDS:g} s"),
        ("schema", f"{found.schema or 'empty'}{'' if found.is_current else ', the next start brings it up to date'}"),
        ("size", f"{_megabytes(found.size_bytes)}, write-ahead log {_megabytes(found.wal_bytes)}"),
        ("free on the disk", _megabytes(found.free_bytes)),
        ("held by", found.holder or "nobody"),
    )
    status, cause, fix = _strain(found)
    return Finding(check=DATABASE, about=about, status=status, evidence=evidence, cause=cause, fix=fix)


def _strain(found: Inspection) -> tuple[Status, str, tuple[str, ...]]:
    if found.free_bytes < LITTLE_DISK:
        status = Status.CRITICAL if found.free_bytes < HARDLY_ANY_DISK else Status.WARNING
        steps = ("Make room on its disk, or move the database to another one.", "`wamon prune` gives room back.")
        return status, "On a full disk wamon keeps nothing and Meta's webhooks are refused.", steps
    if found.wal_bytes > MOST_WAL:
        step = "Look who has it open (fuser, lsof): end the sqlite3 shell or the copy that reads it."
        return Status.WARNING, "Somebody reads the database for long, so that its log cannot be cut back.", (step,)
    if not found.is_checked:
        step = "`wamon backup` copies all of it and reads every page of the copy."
        return Status.UNKNOWN, "It is too large to be read in the time there is.", (step,)
    return Status.OK, "", ()


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MB"


# --- the private listener ---------------------------------------------------------------------------------------------


async def private_listener(patient: Patient) -> tuple[Finding, ...]:
    """Whether the daemon beside us answers, and whether strangers would be let in."""
    listen = patient.settings.private_listen
    web_config = patient.settings.web_config
    about = f"{web_config.scheme}://{listen}"
    if listen.port == 0:
        return (skip(LISTENER, about, "its port is chosen at the start"),)
    base = f"{web_config.scheme}://{Listen(_EVERYWHERE.get(listen.host, listen.host), listen.port)}"
    try:
        # Its certificate need not have the name of this address.
        tls = None if web_config.tls is None else trusting(web_config.tls, patient.settings.api_certificate)
    except WebConfigError as exc:
        return (_unasked(about, str(exc)),)
    visitor = Visitor(clock=patient.clock, tls=tls)
    try:
        visit = await visitor.get(f"{base}{HEALTHY}")
        findings = [_alive(about, visit.status)]
        if not is_loopback(listen.host):
            findings.append(await _guarded(visitor, base, about))
        return tuple(findings)
    except HttpFailure as failure:
        return (_silent(patient, about, str(failure)), *_guarded_by_word(patient.settings, about))
    finally:
        await visitor.close()


def _unasked(about: str, reason: str) -> Finding:
    return Finding(
        check=LISTENER,
        about=about,
        status=Status.UNKNOWN,
        evidence=(("api_cert_file and api_key_file", reason),),
        cause="The daemon asks its clients for a certificate, and the one for wamon's own commands cannot be used.",
        fix=("Let both keys name PEM files that belong together, and that you may read.",),
    )


def _silent(patient: Patient, about: str, failure: str) -> Finding:
    """Before the first start nobody is there to answer, and that is no fault."""
    try:
        daemon = holder(patient.settings.database)
    except OSError:
        daemon = None
    if daemon is None:
        return skip(LISTENER, about, "no daemon runs with this database")
    tls = patient.settings.web_config.tls
    wants_certificate = tls is not None and tls.client_ca_file is not None
    return Finding(
        check=LISTENER,
        about=about,
        status=Status.CRITICAL,
        evidence=(("Found", failure), ("Daemon", daemon)),
        cause="A daemon holds the database and nobody answers there: it is stuck, or has another private_listen.",
        fix=(
            *(
                ("Let api_cert_file and api_key_file name a certificate that client_ca_file takes.",)
                * wants_certificate
            ),
            "Compare private_listen here with what the daemon was started with; a container has its own loopback.",
            "Look into its log; restart it when it is stuck.",
        ),
    )


def _alive(about: str, status: int) -> Finding:
    if status == OK:
        return Finding(check=LISTENER, about=about, status=Status.OK, evidence=(("answered", "healthy"),))
    return Finding(
        check=LISTENER,
        about=about,
        status=Status.CRITICAL,
        evidence=(("answered", str(status)),),
        cause="The daemon says that it is not well, or another program answers there.",
        fix=("Look into the daemon's log; restart it.",),
    )


async def _guarded(visitor: Visitor, base: str, about: str) -> Finding:
    """By trying: what counts is what a stranger is answered, however the door is locked."""
    try:
        visit = await visitor.get(f"{base}{METRICS}")
    except HttpFailure as failure:
        return Finding(
            check=GUARDED, about=about, status=Status.UNKNOWN, evidence=(("No usable answer", str(failure)),)
        )
    if visit.status != OK:
        return Finding(check=GUARDED, about=about, status=Status.OK, evidence=(("answered", str(visit.status)),))
    return _open(about)


def _guarded_by_word(settings: Settings, about: str) -> tuple[Finding, ...]:
    """What the configuration alone tells."""
    is_guarded = settings.private_bearer_token is not None or settings.web_config.users
    if is_loopback(settings.private_listen.host) or is_guarded:
        return ()
    return (_open(about),)


def _open(about: str) -> Finding:
    return Finding(
        check=GUARDED,
        about=about,
        status=Status.WARNING,
        cause="Other machines reach it, and it asks nobody who they are: they may silence and close alerts.",
        fix=(
            "Set private_bearer_token, or users in a web_config, or listen on 127.0.0.1.",
            "Behind a firewall or in a network of its own it may be meant so.",
        ),
    )


# --- the quota --------------------------------------------------------------------------------------------------------


async def quota(patient: Patient) -> tuple[Finding, ...]:
    """What polling costs of each WABA's hourly calls, and what is left of them now."""
    snapshot = patient.picture.snapshot
    connected = {
        number.label("waba_id")
        for number in snapshot.subjects(SubjectKind.PHONE_NUMBER)
        if snapshot.value(number, PHONE_STATUS) == "CONNECTED"
    }
    findings = []
    for waba_id, cost in patient.settings.calls_per_hour().items():
        waba = Subject.waba(waba_id)
        granted = LARGE_QUOTA if waba_id in connected else SMALL_QUOTA
        used = max((snapshot.value(waba, QUOTA_USED) or {}).values(), default=None)
        findings.append(_costs(describe(waba, snapshot), cost, granted, used))
    return tuple(findings)


def _costs(about: str, cost: float, granted: int, used: float | None) -> Finding:
    evidence = (
        ("costs", f"{cost:,.0f} of {granted:,} calls an hour ({cost / granted:.0%})"),
        ("used now by all", "not told yet" if used is None else f"{used:.0%}"),
    )
    if cost <= MOST_SHARE * granted:
        return Finding(check=QUOTA, about=about, status=Status.OK, evidence=evidence)
    return Finding(
        check=QUOTA,
        about=about,
        status=Status.WARNING,
        evidence=evidence,
        cause="wamon uses up what everybody who shares the app is granted, and is then held back itself.",
        fix=("Set a longer poll_interval.", "A WABA with a registered number is granted 5,000 calls an hour."),
    )
