"""The whole visit: the list of checks, their time, their receivers, and what goes into a support ticket."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from tests.doctor.patients import Ward, only_ill, told
from tests.fakes import START, FakeClock
from wamon.doctor import EXAMINATIONS, Diagnosis, Examination, Finding, Status, ticket
from wamon.doctor.diagnosis import conduct
from wamon.doctor.findings import skip
from wamon.doctor.patient import Patient
from wamon.doctor.receivers import CHANNEL_TITLE, examine_channels
from wamon.graph.redaction import Redactor
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app

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
