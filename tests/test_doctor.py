"""The doctor against the simulated Meta: each check of the list well, and each broken in its turn."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.configured import settings_for
from tests.fakes import FakeClock
from tests.sim.callers import HTTPX_ERRORS
from wamon import __version__
from wamon.config.settings import Settings
from wamon.core.alerting import Severity
from wamon.doctor import BY_SEVERITY, CHECKS, RECEIVER_TITLE, Finding, Status, examine, examine_receivers, worst
from wamon.graph.quota import QuotaBudget
from wamon.metrics.instruments import Instruments
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.sim.entities import MANAGEMENT, MESSAGING
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.world import World
from wamon.watches import build_client

# Rules that judge a past, which a command that looks once does not have: how long nobody answered, and a clock that
# jumped while somebody watched it.
NEED_A_PAST = {"WamonCannotSee", "WamonGraphUnreachable", "WamonClockJumped"}

# Rules that judge what only webhooks tell, which a command that does not listen never hears: what becomes of messages,
# account events, and whether webhooks come and can be believed. What stands at Meta now (a review, a payment that
# blocks) "Account is in good standing" and "Can send" show.
NEED_WEBHOOKS = {
    "WhatsAppRestrictionActive",
    "WhatsAppAccountAlert",
    "WhatsAppSecurityEvent",
    "WhatsAppAccountSecurityEvent",
    "WhatsAppFlowUnhealthy",
    "WhatsAppFailureRatioHigh",
    "WhatsAppBounceRatioHigh",
    "WhatsAppSilentDrop",
    "WhatsAppDeliverySlow",
    "WhatsAppAuthenticationDeliverySlow",
    "WhatsAppWebhookLagHigh",
    "WhatsAppOptOutsHigh",
    "WhatsAppPaymentBlocked",
    "WhatsAppSpamRateLimited",
    "WhatsAppThroughputLimited",
    "WhatsAppWebhookSilence",
    "WamonWebhookBadSignatures",
}

# Rules about single templates, which the doctor does not list: a paused or rejected one is no fault of the setup, and
# an account may have thousands.
NEED_TEMPLATES = {
    "WhatsAppTemplatePaused",
    "WhatsAppTemplateDisabled",
    "WhatsAppTemplateRejected",
    "WhatsAppTemplateQualityLow",
    "WhatsAppTemplateRecategorised",
    "WhatsAppTemplatePendingLong",
}

# The checks of one healthy account with its token and app, in the order of an expert.
ALL_WELL = [
    "Meta answers the token probe",
    "Meta answers the account probe",
    "Meta answers the app probe",
    "Meta answers the api_version probe",
    "Access token is valid",
    "Access token lasts",
    "Access token has its scopes",
    "Token reaches the WABA",
    "Account is in good standing",
    "Number is in the WABA and connected",
    "Number is not degraded",
    "Quality rating",
    "Can send",
    "Webhooks are subscribed",
    "Webhook fields are subscribed",
    "API version lasts",
    "API version is served as asked",
]


class Surgery:
    """The small world, and what the doctor finds in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.world = World.small(self.clock.now)
        self.waba = next(iter(self.world.wabas.values()))
        self.number = self.world.number(self.waba.number_ids[0])
        self.app = next(iter(self.world.apps.values()))

    def settings(self, **changes: str) -> Settings:
        return settings_for(self.world, self.folder, **changes)

    def examine(self, **changes: str) -> tuple[Finding, ...]:
        """Every finding about Meta."""
        settings = self.settings(**changes)
        transport = httpx.ASGITransport(app=graph_app(self.world, sleep=self.clock.sleep, stand_ins=HTTPX_ERRORS))

        async def ask() -> tuple[Finding, ...]:
            client = build_client(
                settings,
                clock=self.clock,
                random=random.Random(0),
                budget=QuotaBudget(self.clock),
                observer=Instruments(version=__version__, clock=self.clock),
                transport=transport,
            )
            try:
                return await examine(settings, client=client, rules=settings.bound_rules(RULES), clock=self.clock)
            finally:
                await client.close()

        return asyncio.run(ask())

    @property
    def about_number(self) -> str:
        return f"{self.number.display_phone_number} ({self.number.verified_name})"

    @property
    def about_waba(self) -> str:
        return f"{self.waba.name} (WABA {self.waba.id})"


@pytest.fixture
def surgery(tmp_path: Path) -> Surgery:
    return Surgery(tmp_path)


def ill(findings: tuple[Finding, ...]) -> list[tuple[Status, str, str]]:
    """What is not well, as (status, check, about)."""
    return [(each.status, each.check, each.about) for each in findings if each.status is not Status.OK]


def of_check(findings: tuple[Finding, ...], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def only(findings: tuple[Finding, ...], check: str) -> Finding:
    """The one finding of this check that is not well."""
    (finding,) = [each for each in of_check(findings, check) if each.status is not Status.OK]
    return finding


# --- all well ---------------------------------------------------------------------------------------------------------


def test_healthy_account_is_well_in_every_check_in_the_experts_order(surgery: Surgery) -> None:
    findings = surgery.examine()

    assert ill(findings) == []
    assert list(dict.fromkeys(finding.check for finding in findings)) == ALL_WELL
    assert worst(findings) is Status.OK
    assert {(finding.cause, finding.fix) for finding in findings} == {("", ())}


def test_what_is_well_shows_its_evidence(surgery: Surgery) -> None:
    findings = surgery.examine()

    shown = {(finding.check, name): words for finding in findings for name, words in finding.evidence}
    assert shown["Access token is valid", "token"] == f"app_id {surgery.app.id}, type SYSTEM_USER"
    assert shown["Access token lasts", "expires"] == "2027-01-21 10:00 UTC"
    assert shown["Access token has its scopes", "granted"] == f"{MANAGEMENT}, {MESSAGING}"
    assert shown["Token reaches the WABA", "read"] == "yes"
    assert shown["Account is in good standing", "review"] == "APPROVED"
    assert shown["Number is in the WABA and connected", "status"] == "CONNECTED"
    assert shown["Quality rating", "rating"] == "GREEN"
    assert shown["Quality rating", "messaging limit"] == "10,000"
    assert shown["Webhooks are subscribed", "apps"] == surgery.app.id
    assert shown["Webhook fields are subscribed", "active"] == "yes"
    assert shown["API version is served as asked", "versions"] == "requested v25.0, served v25.0"


def test_every_number_of_the_account_is_looked_at(surgery: Surgery) -> None:
    findings = surgery.examine()

    displays = [number.display_phone_number for number in surgery.world.numbers_of(surgery.waba.id)]
    assert sorted(finding.about for finding in of_check(findings, "Quality rating")) == sorted(
        f"{display} ({surgery.number.verified_name})" for display in displays
    )


def test_account_without_app_is_well_too(surgery: Surgery) -> None:
    findings = surgery.examine(app_id="", app_secret="")

    assert ill(findings) == []
    assert of_check(findings, "Webhook fields are subscribed") == []


def test_learned_app_must_be_subscribed_too(surgery: Surgery) -> None:
    surgery.world.unsubscribe(surgery.waba.id, surgery.app.id)

    findings = surgery.examine(app_id="", app_secret="")

    assert ill(findings) == [(Status.CRITICAL, "Webhooks are subscribed", surgery.about_waba)]
    evidence = dict(only(findings, "Webhooks are subscribed").evidence)
    assert evidence[f"App {surgery.app.id}"] == "not subscribed"


def test_lost_subscription_comes_with_the_exact_command(surgery: Surgery) -> None:
    surgery.world.unsubscribe(surgery.waba.id, surgery.app.id)

    command = only(surgery.examine(), "Webhooks are subscribed").fix[-1]

    assert command.endswith(f"/v25.0/{surgery.waba.id}/subscribed_apps")
    assert 'curl -X POST -H "Authorization: Bearer $WAMON_ACCESS_TOKEN" ' in command


def test_disconnected_number_comes_with_the_exact_command(surgery: Surgery) -> None:
    number = surgery.world.number(surgery.waba.number_ids[0])
    number.status = "DISCONNECTED"

    found = next(f for f in surgery.examine() if f.check == "Number is in the WABA and connected" and f.cause)

    assert found.fix[-1].endswith(f"/v25.0/{number.id}/register -d messaging_product=whatsapp -d pin=YOUR_PIN")


def test_nothing_is_written_to_meta(surgery: Surgery) -> None:
    surgery.examine()

    assert {call.method for call in surgery.world.calls} == {"GET"}


# --- each of the list broken in its turn ------------------------------------------------------------------------------

Break = Callable[[Surgery], None]


def _quality(rating: str) -> Break:
    def change(surgery: Surgery) -> None:
        surgery.number.quality_rating = rating

    return change


def _status(status: str) -> Break:
    def change(surgery: Surgery) -> None:
        surgery.number.status = status

    return change


def _spend_quota(surgery: Surgery) -> None:
    surgery.world.quota.spend((surgery.app.id, surgery.waba.id), 4000)


@pytest.mark.parametrize(
    ("change", "settings", "status", "check", "about", "evidence"),
    [
        pytest.param(
            lambda s: s.world.remove_scope("system-user", MESSAGING),
            {},
            Status.CRITICAL,
            "Access token has its scopes",
            "token default",
            {"Found": f"Access token lacks {MESSAGING}", MESSAGING: "missing", MANAGEMENT: "granted"},
            id="scope missing",
        ),
        pytest.param(
            _status("DISCONNECTED"),
            {},
            Status.CRITICAL,
            "Number is in the WABA and connected",
            "number",
            {"Found": "Phone number is DISCONNECTED"},
            id="deregistered",
        ),
        pytest.param(
            _status("PENDING"),
            {},
            Status.WARNING,
            "Number is not degraded",
            "number",
            {"Found": "Phone number is PENDING"},
            id="never registered",
        ),
        pytest.param(
            _quality("RED"),
            {},
            Status.CRITICAL,
            "Quality rating",
            "number",
            {"Found": "Quality rating RED", "Status": "CONNECTED"},
            id="quality RED",
        ),
        pytest.param(
            _quality("YELLOW"),
            {},
            Status.WARNING,
            "Quality rating",
            "number",
            {"Found": "Quality rating YELLOW"},
            id="quality YELLOW",
        ),
        pytest.param(
            lambda s: s.world.unsubscribe(s.waba.id, s.app.id),
            {},
            Status.CRITICAL,
            "Webhooks are subscribed",
            "waba",
            {"Found": "Webhook subscription is lost"},
            id="not subscribed",
        ),
        pytest.param(
            lambda s: s.app.subscriptions[0].fields.remove("messages"),
            {},
            Status.WARNING,
            "Webhook fields are subscribed",
            "app",
            {"Found": "1 webhook field is not subscribed", "Missing": "messages"},
            id="field missing",
        ),
        pytest.param(
            lambda s: None,
            {"callback_url": "https://hooks.example.org/moved"},
            Status.WARNING,
            "Callback URL is the expected one",
            "app",
            {"Meta sends webhooks to": "https://hooks.example.com/webhook"},
            id="callback drift",
        ),
        pytest.param(
            lambda s: s.world.faults.add("served_version", version="v26.0"),
            {},
            Status.WARNING,
            "API version is served as asked",
            "Graph API v25.0",
            {"Found": "Graph API v25.0 is served by v26.0", "Header facebook-api-version": "v26.0"},
            id="served by another version",
        ),
        pytest.param(
            _spend_quota,
            {},
            Status.WARNING,
            "Call quota has room",
            "waba",
            {"Found": "Graph API quota is 80% used (call_count)"},
            id="quota nearly used",
        ),
        pytest.param(
            lambda s: s.waba.health.block(141006, "There is a payment problem"),
            {},
            Status.CRITICAL,
            "Can send",
            "waba",
            {},
            id="cannot send",
        ),
    ],
)
def test_what_is_broken_is_the_only_finding_with_evidence_cause_and_fix(
    surgery: Surgery,
    change: Break,
    settings: dict[str, str],
    status: Status,
    check: str,
    about: str,
    evidence: dict[str, str],
) -> None:
    change(surgery)

    findings = surgery.examine(**settings)

    known = {"number": surgery.about_number, "waba": surgery.about_waba, "app": f"app {surgery.app.id}"}
    assert ill(findings) == [(status, check, known.get(about, about))]
    finding = only(findings, check)
    assert evidence.items() <= dict(finding.evidence).items()
    assert finding.cause
    assert finding.fix
    assert worst(findings) is status


def test_dead_token_is_critical_and_says_how_to_make_another(surgery: Surgery) -> None:
    surgery.world.revoke_token("system-user", subcode=463)

    findings = surgery.examine()

    finding = only(findings, "Access token is valid")
    assert (finding.status, finding.about) == (Status.CRITICAL, "token default")
    assert dict(finding.evidence)["Meta's answer"] == "code 190, subcode 463"
    assert "Make a new system-user token" in finding.fix[0]
    assert worst(findings) is Status.CRITICAL
    # What could not be asked with it is told too, and nothing is made up about it.
    assert of_check(findings, "Quality rating") == []
    unanswered = only(findings, "Meta answers the account probe")
    assert (unanswered.status, unanswered.about) == (Status.CRITICAL, f"WABA {surgery.waba.id}")
    assert "190/463" in dict(unanswered.evidence)["Meta's answer"]


def test_token_without_the_right_to_look_is_critical(surgery: Surgery) -> None:
    surgery.world.remove_scope("system-user", MANAGEMENT)

    findings = surgery.examine()

    assert (Status.CRITICAL, "Access token has its scopes", "token default") in ill(findings)
    assert (Status.CRITICAL, "Token reaches the WABA", f"token default on WABA {surgery.waba.id}") in ill(findings)
    assert (Status.OK, "Access token is valid") in [(each.status, each.check) for each in findings]


def test_number_that_the_account_does_not_list_is_critical_and_the_rest_of_it_unknown(surgery: Surgery) -> None:
    findings = surgery.examine(phone_number_ids="999")

    assert ill(findings) == [
        (Status.CRITICAL, "Number is in the WABA and connected", "phone number 999"),
        (Status.UNKNOWN, "Number is not degraded", "phone number 999"),
        (Status.UNKNOWN, "Quality rating", "phone number 999"),
    ]
    assert dict(only(findings, "Number is in the WABA and connected").evidence) == {
        "Found": "Phone number is not in its WABA",
        "Listed by the WABA": "no: the WABA lists 3 other numbers",
    }
    assert worst(findings) is Status.CRITICAL


def test_phone_number_id_in_the_place_of_the_waba_id_is_told_as_such(surgery: Surgery) -> None:
    findings = surgery.examine(waba_id=surgery.number.id)

    finding = only(findings, "Meta answers the account probe")
    assert finding.status is Status.CRITICAL
    assert "is a phone number id, not a WABA id" in dict(finding.evidence)["Meta's answer"]


def test_expired_version_is_critical_and_so_is_its_silent_replacement_told(surgery: Surgery) -> None:
    findings = surgery.examine(graph_version="v19.0")

    assert ill(findings) == [
        (Status.CRITICAL, "API version lasts", "Graph API v19.0"),
        (Status.WARNING, "API version is served as asked", "Graph API v19.0"),
    ]
    assert dict(only(findings, "API version lasts").evidence)["Served until"] == "2026-05-21 00:00 UTC"
    assert dict(only(findings, "API version is served as asked").evidence) == {
        "Found": "Graph API v19.0 is served by v21.0",
        "Asked for": "v19.0",
        "Header facebook-api-version": "v21.0",
    }


def test_token_near_its_end_warns(surgery: Surgery) -> None:
    surgery.clock.advance(50 * 86_400)

    finding = only(surgery.examine(), "Access token lasts")

    assert finding.status is Status.WARNING
    assert dict(finding.evidence)["Found"] == "Access token expires in 10 d"


def test_wrong_app_secret_is_critical_and_the_token_is_still_judged(surgery: Surgery) -> None:
    findings = surgery.examine(app_secret="0" * 32)

    assert (Status.CRITICAL, "Meta answers the app probe", f"app {surgery.app.id}") in ill(findings)
    assert [each.status for each in of_check(findings, "Access token is valid")] != [Status.CRITICAL]


def test_meta_that_cannot_be_reached_is_unknown_and_nothing_else(surgery: Surgery) -> None:
    surgery.world.faults.add("refused")

    findings = surgery.examine()

    assert ill(findings) == [
        (Status.UNKNOWN, "Meta answers the token probe", "token default"),
        (Status.UNKNOWN, "Meta answers the account probe", f"WABA {surgery.waba.id}"),
        (Status.UNKNOWN, "Meta answers the app probe", f"app {surgery.app.id}"),
    ]
    finding = only(findings, "Meta answers the account probe")
    assert dict(finding.evidence) == {
        "No usable answer, unreachable": "cannot connect to 127.0.0.1: check network, name resolution and firewall"
    }
    assert "Check DNS, proxy and firewall" in finding.fix[0]
    assert worst(findings) is Status.UNKNOWN


def test_throttled_is_unknown(surgery: Surgery) -> None:
    surgery.world.faults.add("throttle", path=surgery.waba.id)

    finding = only(surgery.examine(), "Meta answers the account probe")

    assert finding.status is Status.UNKNOWN
    assert [name for name, _ in finding.evidence] == ["No usable answer, throttled"]


def test_what_meta_leaves_out_is_unknown_not_well(surgery: Surgery) -> None:
    surgery.number.quality_rating = None
    surgery.number.raw["quality_score"] = {"date": 1}

    findings = surgery.examine()

    finding = only(findings, "Quality rating")
    assert (finding.status, finding.about, finding.cause) == (
        Status.UNKNOWN,
        surgery.about_number,
        "Meta did not say.",
    )
    assert worst(findings) is Status.UNKNOWN


def test_disabled_rule_is_not_judged(surgery: Surgery) -> None:
    surgery.number.quality_rating = "RED"

    findings = surgery.examine(file="[rules.WhatsAppQualityRating]\nenabled = false\n")

    assert of_check(findings, "Quality rating") == []
    assert worst(findings) is Status.OK


def test_changed_threshold_counts(surgery: Surgery) -> None:
    findings = surgery.examine(file="[rules.WhatsAppTokenExpiring]\nwarning_days = 90\n")

    assert ill(findings) == [(Status.WARNING, "Access token lasts", "token default")]


# --- the receivers ----------------------------------------------------------------------------------------------------


def receivers_of(surgery: Surgery, channel: SlackChannel, **changes: str) -> tuple[Finding, ...]:
    """What the doctor finds of the receivers of these settings; {url} in them is the fake Slack's address."""

    async def ask() -> tuple[Finding, ...]:
        async with serve(slack_app(channel)) as url:
            settings = surgery.settings(**{key: value.format(url=url) for key, value in changes.items()})
            notifiers = build_notifiers(settings, RULES)
            try:
                return await examine_receivers(notifiers.values())
            finally:
                for notifier in notifiers.values():
                    await notifier.close()

    return asyncio.run(ask())


@pytest.fixture
def channel(surgery: Surgery) -> SlackChannel:
    return SlackChannel(now=surgery.clock.now)


BOT = {"slack_channel": "#wamon-alerts", "slack_base_url": "{url}/api"}


def test_slack_bot_with_a_good_token_is_well_and_nothing_is_posted(surgery: Surgery, channel: SlackChannel) -> None:
    (finding,) = receivers_of(surgery, channel, slack_bot_token=channel.bot_token, **BOT)

    assert (finding.check, finding.about, finding.status) == (RECEIVER_TITLE, "slack_bot", Status.OK)
    assert dict(finding.evidence) == {"Answer": "the token is that of wamon in the workspace Wamon Demo"}
    assert channel.messages == []


def test_slack_bot_with_a_wrong_token_is_critical(surgery: Surgery, channel: SlackChannel) -> None:
    (finding,) = receivers_of(surgery, channel, slack_bot_token="xoxb-wrong", **BOT)

    assert (finding.about, finding.status, finding.cause) == (
        "slack_bot",
        Status.CRITICAL,
        "Alerts would not arrive.",
    )
    answer = dict(finding.evidence)["Answer"]
    assert answer.startswith("Slack refused (invalid_auth): reinstall the Slack app")
    assert "xoxb" not in answer
    assert finding.fix


def test_slack_in_trouble_is_unknown(surgery: Surgery, channel: SlackChannel) -> None:
    channel.faults.add("status", http_status=503)

    (finding,) = receivers_of(surgery, channel, slack_bot_token=channel.bot_token, **BOT)

    assert (finding.status, finding.cause) == (Status.UNKNOWN, "The receiver did not answer.")


def test_webhook_is_judged_by_its_form_and_nothing_is_posted(surgery: Surgery, channel: SlackChannel) -> None:
    (finding,) = receivers_of(surgery, channel, slack_webhook_url="{url}" + channel.webhook_path)

    assert (finding.about, finding.status) == ("slack_webhook", Status.OK)
    assert channel.calls == []


def test_without_slack_the_log_is_the_receiver(surgery: Surgery, channel: SlackChannel) -> None:
    (finding,) = receivers_of(surgery, channel)

    assert (finding.about, finding.status) == ("log", Status.OK)


# --- the whole --------------------------------------------------------------------------------------------------------


def finding_of(status: Status) -> Finding:
    return Finding(check="check", about="thing", status=status)


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ([], Status.UNKNOWN),
        ([Status.OK], Status.OK),
        ([Status.OK, Status.UNKNOWN], Status.UNKNOWN),
        ([Status.UNKNOWN, Status.WARNING], Status.WARNING),
        ([Status.CRITICAL, Status.UNKNOWN, Status.WARNING], Status.CRITICAL),
    ],
)
def test_whole_is_as_bad_as_its_worst_part(statuses: list[Status], whole: Status) -> None:
    assert worst([finding_of(status) for status in statuses]) is whole


def test_exit_codes_are_those_of_nagios() -> None:
    assert {status.name: int(status) for status in Status} == {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}
    assert set(BY_SEVERITY) == set(Severity)


def test_every_rule_has_its_check_and_every_check_its_rule() -> None:
    """A new rule belongs into CHECKS, or with its reason into a set of those that the doctor cannot judge."""
    rules = {rule.name for rule in RULES}
    checked = [check.rule for check in CHECKS]

    assert sorted(rules - set(checked)) == sorted([*NEED_A_PAST, *NEED_WEBHOOKS, *NEED_TEMPLATES])
    assert set(checked) <= rules
    assert len(checked) == len(set(checked))
    assert len({check.title for check in CHECKS}) == len(CHECKS)


def test_what_a_check_shows_is_observed_of_the_things_that_its_rule_judges() -> None:
    kinds = {rule.name: rule.kind for rule in RULES}

    foreign = [(c.title, name) for c in CHECKS for name, signal in c.shows if signal.kind is not kinds[c.rule]]

    assert foreign == []
