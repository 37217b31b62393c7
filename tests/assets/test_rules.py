"""Every Prometheus rule fires, stays silent, holds on to what is unknown and resolves, by the real promtool."""

import importlib
from dataclasses import replace
from itertools import chain
from types import ModuleType

import pytest

from tests.assets.ruletest import KINDS, Case, Kind, complaints
from tests.assets.shipped import alerting_rules

MODULES: tuple[ModuleType, ...] = tuple(
    importlib.import_module(f"tests.assets.rules.{name}")
    for name in ("account", "access", "delivery", "pace", "templates", "daemon")
)
CASES: tuple[Case, ...] = tuple(chain.from_iterable(module.CASES for module in MODULES))
# Why an alert has no case of a kind.
WITHOUT: dict[tuple[str, Kind], str] = {key: why for module in MODULES for key, why in module.WITHOUT.items()}
# They speak of what the daemon cannot tell itself, whoever tells of the others.
UNGUARDED = frozenset({"WamonDown", "WamonWatchdog", "WamonNotifierFailing", "WamonStoreFailing"})

ALERTS = sorted(alerting_rules())


def cases_of(alert: str) -> list[Case]:
    return [case for case in CASES if case.alert == alert]


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_does_as_its_cases_say(alert: str) -> None:
    cases = cases_of(alert)

    assert cases
    assert complaints(cases) == ""


@pytest.mark.parametrize("alert", sorted(set(ALERTS) - UNGUARDED))
@pytest.mark.parametrize("mode", ["builtin", "push"])
def test_alert_is_silent_when_others_tell_of_it(alert: str, mode: str) -> None:
    firing = [case for case in cases_of(alert) if case.kind == "fires"]

    silent = [replace(case, mode=mode, firing=dict.fromkeys(case.firing, ())) for case in firing]

    assert firing
    assert complaints(silent) == ""


@pytest.mark.parametrize("alert", sorted(set(ALERTS) - UNGUARDED))
def test_alert_is_silent_when_nothing_is_known(alert: str) -> None:
    nothing = Case(alert=alert, kind="unknown", series={}, firing={"5m": (), "3h": (), "2d": ()})

    assert complaints([nothing]) == ""


def test_every_alert_has_every_kind_of_case_or_a_reason() -> None:
    told = {(case.alert, case.kind) for case in CASES}
    wanted = {(alert, kind) for alert in ALERTS for kind in KINDS}

    assert wanted - told - WITHOUT.keys() == set()
    assert WITHOUT.keys() & told == set()
    assert WITHOUT.keys() <= wanted
    assert all(WITHOUT.values())


def test_cases_are_about_alerts_that_exist() -> None:
    assert {case.alert for case in CASES} <= set(ALERTS)


def test_unguarded_alerts_exist() -> None:
    assert set(ALERTS) >= UNGUARDED
