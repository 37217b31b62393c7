"""What every rule owes its reader: names, meaning, cause, an owner, first steps, and no old wives' tales."""

import re
from dataclasses import is_dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from tests.rules.views import MINUTE, NOW, seen
from wamon.core.alerting import Severity, Truth
from wamon.core.health import (
    Fact,
    Flag,
    FlagMap,
    Gauge,
    GaugeMap,
    Info,
    Signal,
    Snapshot,
    StateSet,
    Subject,
    SubjectKind,
    Timestamp,
    Value,
)
from wamon.core.ports import Owner, Rule, View
from wamon.rules import RULES
from wamon.signals import SIGNALS

T = TypeVar("T", bound=Value)

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)

SUBJECTS = {
    SubjectKind.INSTANCE: Subject.instance(),
    SubjectKind.APP: Subject.app("1"),
    SubjectKind.TOKEN: Subject.token("main"),
    SubjectKind.TOKEN_ASSET: Subject.token_asset("main", "2"),
    SubjectKind.WABA: Subject.waba("2"),
    SubjectKind.PHONE_NUMBER: Subject.phone_number("2", "3"),
    SubjectKind.SENDER: Subject.sender("2", "waba", "2"),
    SubjectKind.API_VERSION: Subject.api_version("v25.0"),
    SubjectKind.PROBE: Subject.probe("account", Subject.waba("2")),
    SubjectKind.RESTRICTION: Subject.restriction("2", "RESTRICTED_BIZ_INITIATED_MESSAGING"),
    SubjectKind.ACCOUNT_ALERT: Subject.account_alert("2", "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED"),
    SubjectKind.TEMPLATE: Subject.template("2", "order_shipped", "en_US"),
    SubjectKind.FLOW: Subject.flow("2", "4", "ENDPOINT_ERROR_RATE"),
}

# ALERTING section 10: what older runbooks claim, in the forms in which people write it.
OLD_TALES = {
    "YELLOW has no seven days to improve": r"(?i)(?:7|seven)[ -]days? (?:to|until|before|or)",
    "a rating does not lower the limit": r"(?i)(?:lower|reduc|decreas|downgrad|drop)\w*[^.;]*\b(?:limit|tier)\b",
    "the rating belongs to the number": r"(?i)(?:account|WABA)(?:'s)? (?:quality )?rating",
    "no webhook announces ratings": r"(?i)phone_number_quality_update",
    "nothing errors on the day a version ends": r"(?i)(?:calls|requests) (?:will )?(?:fail|error|stop working)",
    "limits are not raised on request": r"(?i)request (?:an )?increase",
    "no number is probed by a message": r"(?i)POST /\S*(?:contacts|messages)",
    "the old quota was never true": r"(?i)60 (?:calls|requests) (?:a|per) minute",
}


def texts_of(rule: Rule) -> tuple[str, ...]:
    return (rule.meaning, rule.cause, *rule.steps)


def test_rules_and_their_alert_names_do_not_collide() -> None:
    owners: dict[str, set[str]] = {}
    for rule in RULES:
        for name in rule.alertnames.values():
            owners.setdefault(name, set()).add(rule.name)
    shared = {name: rules for name, rules in owners.items() if len(rules) > 1}

    assert len({rule.name for rule in RULES}) == len(RULES)
    # One name in METRICS.md, two things to judge.
    assert shared == {
        # The app's callback, and the WABA's override of it.
        "WhatsAppWebhookCallbackDrift": {"WhatsAppWebhookCallbackDrift", "WhatsAppWebhookOverrideDrift"},
        # The account, and each restriction on it, which has an end of its own.
        "WhatsAppAccountRestricted": {"WhatsAppAccountRestricted", "WhatsAppRestrictionActive"},
        # All messages, and one-time passwords, which nobody waits for as long.
        "WhatsAppDeliverySlow": {"WhatsAppDeliverySlow", "WhatsAppAuthenticationDeliverySlow"},
        # A number, and the account where the number is not known.
        "WhatsAppSecurityEvent": {"WhatsAppSecurityEvent", "WhatsAppAccountSecurityEvent"},
    }


def test_every_alert_of_the_first_issues_has_a_rule_and_its_severities() -> None:
    found = {(name, str(severity)) for rule in RULES for severity, name in rule.alertnames.items()}

    assert found == {
        ("WamonGraphUnreachable", "warning"),
        ("WamonGraphUnreachable", "critical"),
        ("WhatsAppQualityRatingYellow", "warning"),
        ("WhatsAppQualityRatingRed", "critical"),
        ("WhatsAppPhoneNumberDown", "critical"),
        ("WhatsAppPhoneNumberDegraded", "warning"),
        ("WhatsAppSendLimited", "warning"),
        ("WhatsAppCannotSend", "critical"),
        ("WhatsAppAccountRestricted", "warning"),
        ("WhatsAppAccountRestricted", "critical"),
        ("WhatsAppAccountAlert", "warning"),
        ("WhatsAppAccountAlert", "critical"),
        ("WhatsAppSecurityEvent", "critical"),
        ("WhatsAppTokenInvalid", "critical"),
        ("WhatsAppTokenExpiring", "warning"),
        ("WhatsAppTokenExpiring", "critical"),
        ("WhatsAppTokenScopeMissing", "critical"),
        ("WhatsAppAssetAccessLost", "critical"),
        ("WhatsAppSubscriptionLost", "critical"),
        ("WhatsAppWebhookFieldMissing", "warning"),
        ("WhatsAppWebhookCallbackDrift", "warning"),
        ("WhatsAppApiVersionExpiring", "info"),
        ("WhatsAppApiVersionExpiring", "warning"),
        ("WhatsAppApiVersionExpiring", "critical"),
        ("WhatsAppApiVersionServedDiffers", "warning"),
        ("WhatsAppFailureRatioHigh", "warning"),
        ("WhatsAppFailureRatioHigh", "critical"),
        ("WhatsAppBounceRatioHigh", "warning"),
        ("WhatsAppBounceRatioHigh", "critical"),
        ("WhatsAppSilentDrop", "warning"),
        ("WhatsAppDeliverySlow", "warning"),
        ("WhatsAppWebhookLagHigh", "critical"),
        ("WhatsAppOptOutsHigh", "warning"),
        ("WhatsAppPaymentBlocked", "critical"),
        ("WhatsAppSpamRateLimited", "critical"),
        ("WhatsAppThroughputLimited", "warning"),
        ("WhatsAppWebhookSilence", "critical"),
        ("WamonWebhookBadSignatures", "warning"),
        ("WamonWebhookBadSignatures", "critical"),
        ("WhatsAppTemplatePaused", "warning"),
        ("WhatsAppTemplateDisabled", "warning"),
        ("WhatsAppTemplateRejected", "warning"),
        ("WhatsAppTemplateQualityLow", "warning"),
        ("WhatsAppTemplateRecategorised", "warning"),
        ("WhatsAppTemplatePendingLong", "info"),
        ("WhatsAppFlowUnhealthy", "warning"),
        ("WamonCannotSee", "warning"),
        ("WamonCannotSee", "critical"),
        ("WamonQuotaNearlyUsed", "warning"),
        ("WamonClockJumped", "warning"),
    }


@each_rule
def test_names_are_camel_case_and_say_whose_they_are(rule: Rule) -> None:
    for name in (rule.name, *rule.alertnames.values()):
        assert re.fullmatch(r"(?:WhatsApp|Wamon)(?:[A-Z][a-z]+)+", name)


@each_rule
def test_rule_tells_meaning_cause_owner_and_first_steps(rule: Rule) -> None:
    assert rule.meaning
    assert rule.cause
    assert isinstance(rule.owner, Owner)
    assert len(rule.steps) >= 2
    assert len(set(rule.steps)) == len(rule.steps)


@each_rule
def test_texts_are_whole_sentences(rule: Rule) -> None:
    for text in texts_of(rule):
        assert re.match(r"[A-Z`]", text), text
        assert text.endswith((".", "?", ")")), text
        assert text == " ".join(text.split()), text
        assert len(text) <= 300, text


@each_rule
def test_texts_tell_no_old_tale(rule: Rule) -> None:
    told = [(truth, text) for text in texts_of(rule) for truth, tale in OLD_TALES.items() if re.search(tale, text)]

    assert told == []


@pytest.mark.parametrize(
    "tale",
    [
        "YELLOW: you have 7 days to improve.",
        "A RED rating reduces the messaging limit.",
        "Limits drop to a lower tier.",
        "Check the account's quality rating.",
        "Subscribe to phone_number_quality_update.",
        "On that day calls will fail.",
        "Request an increase of the limit.",
        "Try POST /PHONE_NUMBER_ID/messages.",
        "Meta allows 60 calls per minute.",
    ],
)
def test_planted_tale_is_found(tale: str) -> None:
    assert any(re.search(pattern, tale) for pattern in OLD_TALES.values())


@each_rule
def test_timing_is_possible(rule: Rule) -> None:
    timing = rule.timing

    assert timing.min_observations >= 1
    assert timing.for_ >= timedelta(0)
    assert timing.keep_firing_for >= timedelta(0)
    assert is_dataclass(rule.params)


@each_rule
def test_rule_of_an_empty_picture_says_nothing(rule: Rule) -> None:
    verdict = rule.check(View(Snapshot(), SUBJECTS[rule.kind]), rule.params, NOW)

    assert verdict is None or verdict.truth is Truth.UNKNOWN


class NotingSnapshot(Snapshot):
    """A picture that notes what it is asked for."""

    asked: list[tuple[Subject, Signal[Any]]]

    def __init__(self, picture: Snapshot) -> None:
        super().__init__(picture.facts)
        object.__setattr__(self, "asked", [])

    def fact(self, subject: Subject, signal: Signal[T]) -> Fact | None:
        self.asked.append((subject, signal))
        return super().fact(subject, signal)


def some_value(signal: Signal[Any], *, flag: bool) -> Value:
    """A value of the signal's shape; every name in it is "1", as the app of SUBJECTS is called."""
    match signal.shape:
        case StateSet(states=states):
            return states[0]
        case Flag():
            return flag
        case FlagMap():
            return {"1": flag}
        case Info(labels=labels):
            return dict.fromkeys(labels, "1")
        case Timestamp():
            return NOW
        case GaugeMap():
            return {"1": 1.0}
        case Gauge():
            return 1.0
    return "BANNED"


def full_picture(*, flag: bool) -> Snapshot:
    """Every signal known of a subject of its kind."""
    readings = tuple(signal.reading(SUBJECTS[signal.kind], some_value(signal, flag=flag)) for signal in SIGNALS)
    picture, _, _ = Snapshot().fold(seen(*readings))
    return picture


@each_rule
def test_rule_reads_only_declared_signals_and_each_of_a_subject_of_its_kind(rule: Rule) -> None:
    asked: list[tuple[Subject, Signal[Any]]] = []
    for picture in (Snapshot(), full_picture(flag=True), full_picture(flag=False)):
        noting = NotingSnapshot(picture)
        rule.check(View(noting, SUBJECTS[rule.kind]), rule.params, NOW)
        asked += noting.asked

    assert asked
    assert {(subject.kind, signal.name) for subject, signal in asked if subject.kind is not signal.kind} == set()
    assert {signal.name for _, signal in asked} <= {signal.name for signal in SIGNALS}


@pytest.mark.parametrize("flag", [True, False])
@each_rule
def test_headline_and_evidence_of_any_verdict_can_be_shown(rule: Rule, flag: bool) -> None:
    verdict = rule.check(View(full_picture(flag=flag), SUBJECTS[rule.kind]), rule.params, NOW + MINUTE)

    if verdict is not None and verdict.truth is Truth.TRUE:
        assert verdict.severity in rule.alertnames
        assert re.match(r"[A-Z]|wamon ", verdict.what), verdict.what
        assert not verdict.what.endswith(".")
        assert len(verdict.what) <= 120
        assert all(name and words for name, words in verdict.evidence)


@each_rule
def test_most_severe_name_stands_in_for_a_missing_one(rule: Rule) -> None:
    assert {rule.alertname(severity) for severity in Severity} <= set(rule.alertnames.values())
