"""What people call the things that readings are about."""

from datetime import timedelta

import pytest

from tests.fakes import START
from wamon.core.health import Sighting, Snapshot, Subject
from wamon.probes.account import PHONE_NUMBER_INFO, WABA_INFO
from wamon.probes.names import describe

WABA_ID = "102290129340398"
NUMBER = Subject.phone_number(WABA_ID, "106540352242922")


def snapshot() -> Snapshot:
    sighting = Sighting(
        readings=(
            PHONE_NUMBER_INFO.reading(
                NUMBER, {"display_phone_number": "+1 555 078 3881", "verified_name": "Jasper's Market"}
            ),
            WABA_INFO.reading(Subject.waba(WABA_ID), {"name": "Jasper's Market Inc", "currency": "USD"}),
        ),
        observed_at=START,
        interval=timedelta(minutes=1),
        source="poll",
    )
    return Snapshot().fold(sighting)[0]


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (NUMBER, "+1 555 078 3881 (Jasper's Market)"),
        (Subject.phone_number(WABA_ID, "7"), "phone number 7"),
        (Subject.waba(WABA_ID), "Jasper's Market Inc (WABA 102290129340398)"),
        (Subject.waba("9"), "WABA 9"),
        (Subject.token("main"), "token main"),
        (Subject.token_asset("main", WABA_ID), "token main on Jasper's Market Inc (WABA 102290129340398)"),
        (Subject.app("55"), "app 55"),
        (Subject.api_version("v21.0"), "Graph API v21.0"),
        (Subject.sender(WABA_ID, "phone_number", "106540352242922"), "+1 555 078 3881 (Jasper's Market)"),
        (Subject.sender(WABA_ID, "waba", WABA_ID), "Jasper's Market Inc (WABA 102290129340398)"),
        (Subject.sender("9", "business", "77"), "business 77 of WABA 9"),
        (Subject.probe("account", Subject.waba("9")), "WABA 9"),
        (Subject.probe("token", Subject.token("main")), "token main"),
        (Subject.probe("app", Subject.app("55")), "app 55"),
        (Subject.probe("api_version", Subject.instance()), "wamon"),
        (Subject.restriction("9", "RESTRICTED_UTILITY_TEMPLATES"), "RESTRICTED_UTILITY_TEMPLATES of WABA 9"),
        (
            Subject.restriction(WABA_ID, "OTHER"),
            "OTHER of Jasper's Market Inc (WABA 102290129340398)",
        ),
        (Subject.account_alert("9", "OBA_REJECTED"), "OBA_REJECTED of WABA 9"),
        (Subject.template("9", "order_update", "en_US"), "template order_update (en_US) of WABA 9"),
        (Subject.template("9", "x" * 500, "en_US"), f"template {'x' * 80} (en_US) of WABA 9"),
        (
            Subject.flow("9", "691244242662581", "ENDPOINT_LATENCY"),
            "ENDPOINT_LATENCY of Flow 691244242662581 of WABA 9",
        ),
        (Subject.instance(), "wamon"),
    ],
)
def test_subject_is_named_as_people_name_it(subject: Subject, words: str) -> None:
    assert describe(subject, snapshot()) == words
