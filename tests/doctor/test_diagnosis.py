"""The whole visit: the list of checks, their time, their receivers, and what goes into a support ticket."""

import asyncio
import json
import random
import re
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.doctor.patients import Ward, only_ill, told
from tests.fakes import START, FakeClock
from wamon import __version__
from wamon.core.timing import SystemClock
from wamon.doctor import EXAMINATIONS, Diagnosis, Examination, Finding, Status, diagnose, ticket
from wamon.doctor.diagnosis import conduct
from wamon.doctor.findings import skip
from wamon.doctor.machine import DATABASE
from wamon.doctor.patient import Patient
from wamon.doctor.receivers import BUTTONS_TITLE, CHANNEL_TITLE, examine_buttons, examine_channels
from wamon.doctor.webhooks import HANDSHAKE, ROUTES
from wamon.graph.quota import QuotaBudget
from wamon.graph.redaction import Redactor
from wamon.graph.visiting import TIMEOUT_SECONDS, Visitor
from wamon.metrics.instruments import Instruments
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.watches import build_client

CHANNEL_ID = "C0WAMONSIM"


def conducted(ward: Ward, *examinations: Examination) -> tuple[Finding, ...]:
    async def ask() -> tuple[Finding, ...]:
        async with ward.patient() as patient:
            return await conduct(examinations, patient)

    return asyncio.run(ask())


async def well(patient: Patient) -> Sequence[Finding]:
    return (Finding(check="well", about="it", status=Status.OK),)


async def hangs(patient: Patient) -> Sequence[Finding]:
    await asyncio.Event().wait()
    return ()


async def breaks(patient: Patient) -> Sequence[Finding]:
    raise KeyError("words-from-outside")


# --- the list ---------------------------------------------------------------------------------------------------------


def test_check_that_hangs_is_unknown_and_keeps_nobody_waiting(ward: Ward) -> None:
    hanging, fine = Examination(title="hanging", run=hangs, seconds=0.01), Examination(title="fine", run=well)

    findings = conducted(ward, hanging, fine)

    assert told(findings) == [("UNKNOWN", "hanging"), ("OK", "well")]
    assert dict(findings[0].evidence) == {"Found": "not done within 0.01 s"}


def test_check_that_breaks_is_unknown_and_quotes_nothing(ward: Ward) -> None:
    findings = conducted(ward, Examination(title="broken", run=breaks), Examination(title="fine", run=well))

    assert told(findings) == [("UNKNOWN", "broken"), ("OK", "well")]
    assert "words-from-outside" not in repr(findings)


def test_every_check_has_a_title_of_its_own_and_an_end() -> None:
    assert len({each.title for each in EXAMINATIONS}) == len(EXAMINATIONS)
    assert all(0 < each.seconds <= 60 for each in EXAMINATIONS)


def test_callback_that_answers_twice_at_the_last_moment_is_still_judged() -> None:
    (handshake,) = (each for each in EXAMINATIONS if each.title == HANDSHAKE)

    assert handshake.seconds > 2 * TIMEOUT_SECONDS


class Mute(httpx.AsyncBaseTransport):
    """A Graph API that takes every request and never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


def test_graph_api_that_hangs_has_one_time_for_everything_and_leaves_the_rest_to_be_checked(ward: Ward) -> None:
    clock = SystemClock()
    settings = ward.settings(public_listen="")
    client = build_client(
        settings,
        clock=clock,
        random=random.Random(0),
        budget=QuotaBudget(clock),
        observer=Instruments(version=__version__, clock=clock),
        transport=Mute(),
    )
    visitor = Visitor(clock=clock, timeout_seconds=0.1, transport=Mute())

    async def ask() -> Diagnosis:
        try:
            return await diagnose(
                settings,
                client=client,
                rules=settings.bound_rules(RULES),
                notifiers={},
                visitor=visitor,
                clock=clock,
                random=random.Random(0),
                meta_seconds=0.3,
            )
        finally:
            await client.close()
            await visitor.close()

    began = clock.monotonic()
    findings = asyncio.run(ask()).findings
    took = clock.monotonic() - began

    by_check = {each.check: each for each in findings}
    unanswered = [by_check[f"Meta answers the {probe} probe"] for probe in ("token", "account", "app")]
    assert {each.status for each in unanswered} == {Status.UNKNOWN}
    assert {dict(each.evidence)["No usable answer, unreachable"][:16] for each in unanswered} == {"no report within"}
    assert "no answer in time" in repr(by_check[ROUTES])
    assert by_check[DATABASE].status is Status.OK
    assert took < 3.0


# --- Slack's channel --------------------------------------------------------------------------------------------------


@pytest.fixture
def channel() -> SlackChannel:
    return SlackChannel(now=FakeClock().now)


def channels_found(ward: Ward, channel: SlackChannel, *, name: str = CHANNEL_ID) -> tuple[Finding, ...]:
    async def ask() -> tuple[Finding, ...]:
        async with serve(slack_app(channel)) as url:
            slack = {"slack_bot_token": channel.bot_token, "slack_channel": name, "slack_base_url": f"{url}/api"}
            settings = ward.settings(**slack)
            notifiers = build_notifiers(settings, RULES)
            try:
                return await examine_channels(notifiers.values(), settings, FakeClock())
            finally:
                for notifier in notifiers.values():
                    await notifier.close()

    return asyncio.run(ask())


def test_bot_that_reads_its_channel_is_well_and_nothing_is_posted(ward: Ward, channel: SlackChannel) -> None:
    (finding,) = channels_found(ward, channel)

    assert (finding.check, finding.status) == (CHANNEL_TITLE, Status.OK)
    assert channel.messages == []


def test_bot_outside_its_channel_warns_with_the_next_step(ward: Ward, channel: SlackChannel) -> None:
    channel.is_member = False

    finding = only_ill(channels_found(ward, channel))

    assert (finding.check, finding.status) == (CHANNEL_TITLE, Status.WARNING)
    assert "not_in_channel" in dict(finding.evidence)["Answer"]


def test_bot_without_the_scope_to_read_warns_and_names_it(ward: Ward, channel: SlackChannel) -> None:
    channel.workspace.scopes = ["chat:write"]

    finding = only_ill(channels_found(ward, channel))

    assert finding.status is Status.WARNING
    assert "channels:history" in dict(finding.evidence)["Answer"]


def test_wrong_bot_token_is_critical_for_the_channel_too(ward: Ward, channel: SlackChannel) -> None:
    channel.workspace.token_error = "token_revoked"

    finding = only_ill(channels_found(ward, channel))

    assert (finding.check, finding.status) == (CHANNEL_TITLE, Status.CRITICAL)


def test_slack_in_trouble_is_unknown_for_the_channel_too(ward: Ward, channel: SlackChannel) -> None:
    channel.faults.add("status", http_status=503)

    assert only_ill(channels_found(ward, channel)).status is Status.UNKNOWN


def test_channel_by_name_cannot_be_looked_into(ward: Ward, channel: SlackChannel) -> None:
    assert told(channels_found(ward, channel, name="#wamon-alerts")) == [("SKIPPED", CHANNEL_TITLE)]


# --- Slack's buttons --------------------------------------------------------------------------------------------------


def buttons_found(ward: Ward, channel: SlackChannel, **changes: str) -> tuple[Finding, ...]:
    async def ask() -> tuple[Finding, ...]:
        async with serve(slack_app(channel)) as url:
            slack = {"slack_bot_token": channel.bot_token, "slack_channel": CHANNEL_ID, "slack_base_url": f"{url}/api"}
            settings = ward.settings(**slack, **changes)
            notifiers = build_notifiers(settings, RULES)
            try:
                return await examine_buttons(notifiers.values(), settings, FakeClock())
            finally:
                for notifier in notifiers.values():
                    await notifier.close()

    return asyncio.run(ask())


def test_socket_and_user_group_that_slack_gives_are_well_and_nothing_is_connected(
    ward: Ward, channel: SlackChannel
) -> None:
    channel.workspace.scopes.append("usergroups:read")
    channel.workspace.usergroups["S0ONCALL01"] = ["U1"]

    findings = buttons_found(
        ward, channel, slack_app_token=channel.workspace.app_token, slack_allowed_users="S0ONCALL01,U0ANNA0001"
    )

    assert [(each.about, each.status) for each in findings] == [
        ("slack_app_token", Status.OK),
        ("user group S0ONCALL01", Status.OK),
    ]
    assert channel.workspace.sockets.connections == 0


def test_app_level_token_that_may_open_no_socket_warns(ward: Ward, channel: SlackChannel) -> None:
    channel.workspace.app_scopes = []

    finding = only_ill(buttons_found(ward, channel, slack_app_token=channel.workspace.app_token))

    assert (finding.check, finding.about, finding.status) == (BUTTONS_TITLE, "slack_app_token", Status.WARNING)
    assert "connections:write" in dict(finding.evidence)["Answer"]


def test_user_group_that_the_bot_may_not_read_warns_with_the_scope(ward: Ward, channel: SlackChannel) -> None:
    secret = {"slack_signing_secret": "0123456789abcdef0123456789abcdef"}

    finding = only_ill(buttons_found(ward, channel, slack_allowed_users="S0ONCALL01", **secret))

    assert (finding.about, finding.status) == ("user group S0ONCALL01", Status.WARNING)
    assert "usergroups:read" in dict(finding.evidence)["Answer"]


def test_buttons_that_nobody_configured_or_that_slack_posts_are_not_tried(ward: Ward, channel: SlackChannel) -> None:
    signed = {"slack_signing_secret": "0123456789abcdef0123456789abcdef"}

    assert told(buttons_found(ward, channel)) == [("SKIPPED", BUTTONS_TITLE)]
    assert asyncio.run(examine_buttons((), ward.settings(), FakeClock())) == ()
    assert told(buttons_found(ward, channel, **signed)) == [("SKIPPED", BUTTONS_TITLE)]


# --- the ticket -------------------------------------------------------------------------------------------------------


def written(ward: Ward, *findings: Finding, **changes: str) -> dict[str, Any]:
    settings = ward.settings(**changes)
    redact = Redactor(settings.secrets())

    async def ask() -> Diagnosis:
        async with ward.patient(settings=settings) as patient:
            return Diagnosis(findings=findings, routes=patient.routing.routes)

    made = ticket(asyncio.run(ask()), settings, redact=redact, now=START)
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def test_ticket_has_versions_configuration_and_routes(ward: Ward) -> None:
    made = written(ward, Finding(check="a", about="b", status=Status.WARNING, cause="c", fix=("d",)))

    assert (made["shape"], made["status"], made["at"]) == (1, "WARNING", "2026-11-22T10:00:00+00:00")
    assert re.fullmatch(r"3\.[0-9]+\.[0-9]+", made["versions"]["sqlite"])
    assert made["findings"] == [
        {"check": "a", "about": "b", "status": "WARNING", "evidence": {}, "cause": "c", "fix": ["d"]}
    ]
    keys = {row["key"]: row["value"] for row in made["configuration"]}
    assert keys["access_token"] == "(set, not shown)"
    (route,) = [each for each in made["routes"] if each["phone_number_id"] == ward.number.id]
    assert route == {
        "waba_id": ward.waba.id,
        "phone_number_id": ward.number.id,
        "about": "+1 555-078-3881 (Jasper's Market)",
        "fields": ["messages"],
        "callback_url": "https://hooks.example.com/webhook",
        "decided_by": "app",
    }


def test_ticket_holds_no_secret_wherever_it_turns_up(ward: Ward) -> None:
    secret = ward.world.token("system-user").value
    ward.number.verified_name = secret
    ward.app.subscriptions[0].callback_url = f"https://hooks.example.com/{ward.app.secret}?key=hidden-key"

    made = written(
        ward,
        Finding(check="a", about=secret, status=Status.OK, evidence=(("b", secret),)),
        callback_url="https://hooks.example.com/webhook?key=hidden-key",
    )

    text = json.dumps(made)
    assert "[redacted]" in text
    for hidden in (secret, ward.app.secret, "the-verify-token-of-this-test", "hidden-key"):
        assert hidden not in text


def test_skipped_check_says_why_and_is_no_fault(ward: Ward) -> None:
    made = written(ward, skip("a", "b", "nothing there"))

    assert made["status"] == "OK"
    assert made["findings"][0] | {"status": "SKIPPED", "cause": "nothing there"} == made["findings"][0]
