"""Builds what a rule may see, the way the daemon does: sightings folded into a snapshot that then ages."""

from datetime import timedelta

from tests.fakes import START
from wamon.core.alerting import Severity
from wamon.core.health import Reading, Sighting, Snapshot, Subject
from wamon.core.ports import View

NOW = START
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NO_TIME = timedelta(0)

WABA_ID = "102290129340398"
APP_ID = "634974688087057"
WABA = Subject.waba(WABA_ID)
NUMBER = Subject.phone_number(WABA_ID, "106540352242922")
TOKEN = Subject.token("main")
ASSET = Subject.token_asset("main", WABA_ID)
APP = Subject.app(APP_ID)


def seen(*readings: Reading, ago: timedelta = NO_TIME, interval: timedelta = MINUTE) -> Sighting:
    return Sighting(readings=readings, observed_at=NOW - ago, interval=interval, source="poll")


def view(subject: Subject, *sightings: Sighting, open_severity: Severity | None = None) -> View:
    """The picture at NOW after these sightings, the oldest first."""
    snapshot = Snapshot()
    for sighting in sightings:
        snapshot, _, _ = snapshot.fold(sighting)
    snapshot, _, _ = snapshot.age(NOW)
    return View(snapshot, subject, open_severity)
