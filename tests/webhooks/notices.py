"""Builds what a reader of an account-level field is given: a notice, and the directory of the known numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes import START
from wamon.core.health import Sighting, Snapshot, Subject
from wamon.probes.account import PHONE_NUMBER_INFO
from wamon.webhooks.field import Directory, Heed, Notice

WABA_ID = "102290129340398"
WABA = Subject.waba(WABA_ID)
NUMBER = Subject.phone_number(WABA_ID, "106540352242922")
SECOND_NUMBER = Subject.phone_number(WABA_ID, "106540352242923")
FOREIGN_NUMBER = Subject.phone_number("9", "7")
AT = datetime(2026, 11, 22, 9, 58, tzinfo=UTC)


def notice(field: str, value: dict[str, Any]) -> Notice:
    return Notice(waba_id=WABA_ID, field=field, at=AT, value=value, digest=b"0123456789abcdef")


def directory() -> Directory:
    """Two numbers of the account, written as Graph writes them, and one of another account."""
    names = {NUMBER: "+1 555-078-3881", SECOND_NUMBER: "+250 788 123 200", FOREIGN_NUMBER: "+1 555-078-3881"}
    sighting = Sighting(
        readings=tuple(
            PHONE_NUMBER_INFO.reading(number, {"display_phone_number": display}) for number, display in names.items()
        ),
        observed_at=START,
        interval=timedelta(minutes=1),
        source="poll",
    )
    return Directory(Snapshot().fold(sighting)[0])


def told(heed: Heed) -> dict[tuple[Subject, str], Any]:
    """The values of a heed's readings, by subject and the signal's name."""
    return {(reading.subject, reading.signal.name): reading.value for reading in heed.readings}
