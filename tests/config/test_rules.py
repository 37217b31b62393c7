"""The `[rules.*]` tables: what they change, and what they cannot."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.config.loading import Faults, Load
from wamon.config.rules import UNITS, bind, dataclass_keys
from wamon.config.settings import Settings
from wamon.core.alerting import Severity, Timing
from wamon.core.errors import ConfigurationError
from wamon.core.health import SubjectKind
from wamon.core.ports import Owner, Rule
from wamon.rules import RULES

ONE = 'waba_id = "1"\naccess_token = "EAAx"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    patience: timedelta = timedelta(hours=2)
    limit: int = 3
    ratio: float = 0.5
    is_strict: bool = True
    words: tuple[str, ...] = ("A",)

    def __post_init__(self) -> None:
        if self.ratio > 1:
            raise ValueError("ratio is 0 to 1")


RULE = Rule(
    name="Example",
    kind=SubjectKind.WABA,
    check=lambda view, params, now: None,
    alertnames={Severity.WARNING: "ExampleYellow", Severity.CRITICAL: "ExampleRed"},
    timing=Timing(),
    params=Params(),
    meaning="m",
    cause="c",
    owner=Owner.SRE,
    steps=("s",),
)


def rule_named(settings: Settings, name: str) -> Rule:
    return next(rule for rule in settings.bound_rules(RULES) if rule.name == name)


def test_without_tables_the_rules_stay_as_they_are(load: Load) -> None:
    assert load(ONE).bound_rules(RULES) == RULES


def test_thresholds_and_patience_are_changed(load: Load) -> None:
    settings = load(f"{ONE}[rules.WhatsAppTokenExpiring]\nwarning_days = 21\nfor_minutes = 5\nmin_observations = 3\n")

    rule = rule_named(settings, "WhatsAppTokenExpiring")

    assert rule.params.warning_days == 21.0
    assert rule.params.critical_days == 2.0
    assert rule.timing.for_ == timedelta(minutes=5)
    assert rule.timing.min_observations == 3


def test_disabled_rule_is_left_out(load: Load) -> None:
    settings = load(f"{ONE}[rules.WhatsAppTokenExpiring]\nenabled = false\n")

    names = [rule.name for rule in settings.bound_rules(RULES)]

    assert "WhatsAppTokenExpiring" not in names
    assert len(names) == len(RULES) - 1


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        ("WhatsAppTokenExpirin", None, "there is no such rule; did you mean WhatsAppTokenExpiring?"),
        ("WhatsAppQualityRatingRed", None, "there is no such rule; did you mean WhatsAppQualityRating?"),
        (
            "WhatsAppTokenExpiring",
            "warn_days",
            "WhatsAppTokenExpiring has no such parameter; did you mean warning_days?",
        ),
        ("WhatsAppTokenExpiring", "zzzzzz", "WhatsAppTokenExpiring has no such parameter"),
        ("WhatsAppTokenExpiring", "enabled", "must be true or false"),
    ],
)
def test_override_that_fits_nothing(faults: Faults, table: str, key: str | None, reason: str) -> None:
    name, line = (f"rules.{table}.{key}", 4) if key else (f"rules.{table}", 3)

    assert faults(f"{ONE}[rules.{table}]\n{key or 'x'} = 3\n") == [f"{name} (wamon.toml:{line}): {reason}"]


@pytest.mark.parametrize(
    ("key", "value", "changed"),
    [
        ("patience_seconds", 90, Params(patience=timedelta(seconds=90))),
        ("patience_days", 1.5, Params(patience=timedelta(hours=36))),
        ("limit", 4, Params(limit=4)),
        ("ratio", 1, Params(ratio=1.0)),
        ("is_strict", False, Params(is_strict=False)),
        ("words", ["B", "C"], Params(words=("B", "C"))),
    ],
)
def test_parameter_of_every_type(key: str, value: object, changed: Params) -> None:
    (rule,) = bind([RULE], {"Example": {key: value}}).rules

    assert rule.params == changed


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("patience_hours", "2", "must be a number"),
        ("patience_hours", -1, "must be from 0 to 87,840"),
        ("patience_hours", float("nan"), "must be a number"),
        ("limit", True, "must not be true or false"),
        pytest.param("limit", 10**5000, "must be a number that is not negative", id="long number"),
        ("limit", -1, "must be a number that is not negative"),
        ("limit", 1.5, "input should be a valid integer, got a number with a fractional part"),
        ("ratio", float("inf"), "must be a number that is not negative"),
        ("ratio", 2, "ratio is 0 to 1"),
        ("min_observations", 0, "must be at least 1"),
        ("words", 3, "input should be a valid tuple"),
    ],
)
def test_parameter_that_cannot_be(key: str, value: object, reason: str) -> None:
    (problem,) = bind([RULE], {"Example": {key: value}}).problems

    assert problem.text == reason


def test_duration_in_two_units_is_refused() -> None:
    (problem,) = bind([RULE], {"Example": {"for_seconds": 1, "for_minutes": 1}}).problems

    assert problem.text == "is set twice, in two units: keep one of them"


def test_rules_may_be_bound_apart_from_loading(load: Load) -> None:
    settings = load(f"{ONE}[rules.WhatsAppTokenExpiring]\nwarning_days = 3\n")

    with pytest.raises(ConfigurationError) as caught:
        settings.bound_rules([RULE])

    assert str(caught.value) == "rules.WhatsAppTokenExpiring: there is no such rule"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_parameter_hides_a_key_of_the_timing(rule: Rule) -> None:
    def bases(part: object) -> set[str]:
        keys = {entry.key for entry in dataclass_keys(part)}
        return keys | {key.removesuffix(unit) for key in keys for unit in UNITS}

    assert bases(rule.params).isdisjoint(bases(rule.timing))
