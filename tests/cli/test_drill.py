"""`wamon drill`: what is started, and where it will appear."""

import json
from datetime import timedelta

import pytest

from tests.cli.daemon import daemon
from tests.core.telling import number
from tests.operators import Floor


def test_drill_says_what_was_started_and_where_it_appears() -> None:
    floor = Floor()
    floor.see("GREEN", number(0))
    with daemon(floor) as beside:
        result = beside.run("drill", "BadCritical", "--for", "5m")

    (alert,) = floor.operations.alerts()
    assert result.exit_code == 0
    assert result.stdout == (
        "rehearsal of BadCritical about phone number 200 for 5 min: see slack\n"
        f"It is alert {alert.id}: see `wamon alerts show {alert.id}`.\n"
    )
    assert alert.is_rehearsal
    floor.passes(timedelta(minutes=6))
    assert floor.operations.alerts() == ()


def test_drill_about_one_number_for_programs() -> None:
    floor = Floor()
    floor.see("GREEN", number(0), number(1))
    with daemon(floor) as beside:
        result = beside.run("drill", "BadCritical", "--subject", "phone_number_id=201", "--json")

    (alert,) = floor.operations.alerts()
    assert json.loads(result.stdout)["alerts"] == [alert.id]
    assert alert.labels["phone_number_id"] == "201"


def test_misspelt_alert_is_exit_code_1_with_the_nearest() -> None:
    with daemon(Floor()) as beside:
        result = beside.run("drill", "WhatsAppQualityRatingRedd")

    assert result.exit_code == 1
    assert "there is no alert 'WhatsAppQualityRatingRedd': did you mean WhatsAppQualityRatingRed" in result.stderr


@pytest.mark.parametrize("label", ["waba_id", "=1", "waba_id="])
def test_subject_that_is_none_is_a_usage_error(label: str) -> None:
    with daemon(Floor()) as beside:
        result = beside.run("drill", "BadCritical", "--subject", label)

    assert result.exit_code == 2
    assert "write it like waba_id=102290129340398" in result.stderr
