"""The cases bite: whatever is changed in a rule, some case notices."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.assets.mutants import Mutant, guard_cases, mutants, survivors
from tests.assets.ruletest import Case
from tests.assets.shipped import name_of, rules_in_order, users
from tests.assets.test_rules import UNGUARDED, cases_of

# Changes that change nothing, and why.
EQUIVALENT: Final[Mapping[str, str]] = {}

PLACES: Final = range(len(rules_in_order()))
ALERTING: Final = [place for place in PLACES if "alert" in rules_in_order()[place]]
# What dashboards alone use has other tests.
RECORDING: Final = [place for place in PLACES if "record" in rules_in_order()[place] and users(place)]


def each(places: list[int]) -> list[Any]:
    return [pytest.param(place, id=f"{name_of(rules_in_order()[place])}-{place}") for place in places]


def all_cases(alert: str) -> list[Case]:
    cases = cases_of(alert)
    return cases if alert in UNGUARDED else [*cases, *guard_cases(cases)]


def unexplained(found: list[Mutant]) -> list[str]:
    return sorted(str(mutant) for mutant in found if str(mutant) not in EQUIVALENT)


@pytest.mark.parametrize("place", each(ALERTING))
def test_every_change_of_an_alert_is_noticed(place: int) -> None:
    alert = name_of(rules_in_order()[place])
    changed = list(mutants(place))
    unchanged = Mutant(position=place, name=alert, what="nothing", rule=rules_in_order()[place])

    left = survivors(alert, all_cases(alert), [unchanged, *changed])

    assert changed
    assert left[:1] == [unchanged]
    assert unexplained(left[1:]) == []


@pytest.mark.parametrize("place", each(RECORDING))
def test_every_change_of_what_is_recorded_is_noticed_by_an_alert(place: int) -> None:
    left = list(mutants(place))

    for alert in users(place):
        left = survivors(alert, all_cases(alert), left)

    assert unexplained(left) == []


def test_every_explanation_is_of_a_change_that_there_is() -> None:
    assert EQUIVALENT.keys() <= {str(mutant) for place in PLACES for mutant in mutants(place)}
    assert all(EQUIVALENT.values())


def test_a_planted_change_is_noticed_and_a_case_that_says_nothing_notices_none() -> None:
    place = next(place for place in ALERTING if name_of(rules_in_order()[place]) == "WamonDown")
    mute = Case(alert="WamonDown", kind="below", series={"up": "1x9"}, firing={"1m": ()})
    changed = list(mutants(place))

    whats = {mutant.what.partition(": ")[2] or mutant.what for mutant in changed}
    assert {"'==' is now '!='", "'or' is now 'and'", "for is now 240 s", "another severity"} <= whats
    assert len(survivors("WamonDown", [mute], changed)) > 10
    assert survivors("WamonDown", all_cases("WamonDown"), changed) == []
