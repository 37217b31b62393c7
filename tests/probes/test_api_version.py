"""The API version probe: dates by the table, refreshed or not."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.probes.driving import finish, payload
from wamon.core.api_versions import BUNDLED_TABLE
from wamon.core.errors import GraphFault, UnexpectedShape, Unreachable
from wamon.core.health import Reading, Subject
from wamon.core.ports import Report, UrlQuery
from wamon.core.targets import InstanceTarget
from wamon.probes.api_version import PROBE, VERSION_EXPIRY, VERSION_TABLE_AS_OF, run

URL = "https://example.com/versions.json"
TABLE = replace(BUNDLED_TABLE, as_of=date(2026, 11, 22))
TARGET = InstanceTarget(versions=("v21.0", "v26.0"), table=TABLE)
REFRESHED = replace(TARGET, table_url=URL)


def expiry(version: str, day: tuple[int, int, int] | None) -> Reading:
    return VERSION_EXPIRY.reading(Subject.api_version(version), datetime(*day, tzinfo=UTC) if day else None)


def as_of(year: int, month: int, day: int) -> Reading:
    return VERSION_TABLE_AS_OF.reading(Subject.instance(), datetime(year, month, day, tzinfo=UTC))


def without_refresh(target: InstanceTarget) -> Report:
    with pytest.raises(StopIteration) as done:
        next(run(target))
    report: Report = done.value.value
    return report


def test_versions_are_dated_by_the_table_without_any_question() -> None:
    report = without_refresh(TARGET)

    assert report == Report(readings=(expiry("v21.0", (2027, 1, 21)), expiry("v26.0", None), as_of(2026, 11, 22)))
    assert {reading.signal.name for reading in report.readings} == {signal.name for signal in PROBE.signals}


def test_version_that_the_table_lacks_has_no_date() -> None:
    report = without_refresh(replace(TARGET, versions=("v99.0",)))

    assert report.readings[0] == expiry("v99.0", None)


def test_refreshed_table_brings_new_dates() -> None:
    steps = run(REFRESHED)

    query = next(steps)
    report = finish(steps, payload("version_table"))

    assert query == UrlQuery(url=URL)
    assert report == Report(
        readings=(expiry("v21.0", (2027, 1, 21)), expiry("v26.0", (2028, 12, 15)), as_of(2027, 2, 1))
    )


def test_unreachable_table_leaves_the_bundled_one_and_is_reported() -> None:
    steps = run(REFRESHED)
    next(steps)
    fault: GraphFault = Unreachable("HTTP 502 instead of an answer about example.com")

    report = finish(steps, fault)

    assert report == Report(readings=without_refresh(TARGET).readings, fault=fault)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({}, "versions must be a table with at least one version, like versions.v25.0"),
        ({"as_of": "2026-11-22", "versions": {}}, "versions must be a table with at least one version"),
        ({"as_of": "soon", "versions": {"v26.0": {"introduced": "2026-07-29"}}}, "as_of is 'soon'"),
        ({"as_of": "2026-11-22", "versions": {"v26.0": None}}, "versions.v26.0 must be a table"),
        ({"error": "not found"}, "unknown key 'error'"),
    ],
)
def test_broken_table_leaves_the_bundled_one_and_is_reported(broken: dict[str, object], reason: str) -> None:
    steps = run(REFRESHED)
    next(steps)

    report = finish(steps, broken)

    assert report.readings == without_refresh(TARGET).readings
    assert isinstance(report.fault, UnexpectedShape)
    assert str(report.fault).startswith("the version table at the configured URL: ")
    assert reason in str(report.fault)
