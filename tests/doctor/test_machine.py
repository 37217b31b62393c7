"""The machine that wamon runs on: clock, database, private listener and quota."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.doctor.patients import Ward, only_ill, told
from tests.fakes import START, FakeClock
from wamon.doctor import Finding, Status
from wamon.doctor.machine import (
    CLOCK,
    DATABASE,
    GUARDED,
    LISTENER,
    QUOTA,
    clock,
    database,
    inspected,
    private_listener,
    quota,
)
from wamon.sim.serve import serve
from wamon.store import SqliteStore
from wamon.store.inspection import Inspection, inspect


def paths(answers: Mapping[str, Response]) -> Starlette:
    def page(path: str, answer: Response) -> Route:
        async def any_page(request: Request) -> Response:
            return answer

        return Route(path, any_page)

    return Starlette(routes=[page(path, answer) for path, answer in answers.items()])


# --- the clock --------------------------------------------------------------------------------------------------------


def offset_found(ward: Ward, headers: Mapping[str, str]) -> Finding:
    """What is found with these headers on an answer of the Graph API's address."""

    async def ask() -> tuple[Finding, ...]:
        page = PlainTextResponse("", headers=dict(headers))
        async with (
            serve(paths({"/": page})) as url,
            ward.patient(settings=ward.settings(graph_base_url=url)) as patient,
        ):
            return await clock(patient)

    (finding,) = asyncio.run(ask())
    return finding


@pytest.mark.parametrize(
    ("seconds", "status", "offset"),
    [
        (0, Status.OK, "0.5 s behind"),
        (4, Status.OK, "3.5 s ahead"),
        (30, Status.WARNING, "29.5 s ahead"),
        (-30, Status.WARNING, "30.5 s behind"),
        (3600, Status.CRITICAL, "3599.5 s ahead"),
    ],
)
def test_clock_is_compared_with_the_date_of_metas_answer(ward: Ward, seconds: int, status: Status, offset: str) -> None:
    finding = offset_found(ward, {"date": format_datetime(START - timedelta(seconds=seconds), usegmt=True)})

    assert (finding.check, finding.status) == (CLOCK, status)
    assert dict(finding.evidence) == {"offset": offset}
    assert bool(finding.fix) is (status is not Status.OK)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_answer_without_a_date_is_skipped(ward: Ward, headers: dict[str, str]) -> None:
    assert told((offset_found(ward, headers),)) == [("SKIPPED", CLOCK)]


def test_nobody_to_compare_the_clock_with_is_unknown(ward: Ward) -> None:
    finding = only_ill(ward.find(clock))

    assert (finding.check, finding.status) == (CLOCK, Status.UNKNOWN)


# --- the database -----------------------------------------------------------------------------------------------------


def held(path: Path) -> SqliteStore:
    return SqliteStore(path, synchronous="OFF", clock=FakeClock())


def test_before_the_first_start_there_is_no_database_and_no_fault(ward: Ward) -> None:
    assert told(ward.find(database)) == [("SKIPPED", DATABASE)]
    assert not (ward.folder / "wamon.db").exists()


def test_database_beside_its_daemon_is_sound_and_the_holder_is_named(ward: Ward) -> None:
    async def ask() -> tuple[Finding, ...]:
        store = held(ward.folder / "wamon.db")
        await store.open()
        try:
            async with ward.patient() as patient:
                return await database(patient)
        finally:
            await store.close()

    (finding,) = asyncio.run(ask())

    evidence = dict(finding.evidence)
    assert (finding.check, finding.cause) == (DATABASE, "")
    assert evidence["quick check"] == "ok"
    assert evidence["schema"].startswith("m0")
    assert evidence["held by"].startswith("pid ")


def test_database_that_nobody_holds_says_so(ward: Ward) -> None:
    async def begin() -> None:
        store = held(ward.folder / "wamon.db")
        await store.open()
        await store.close()

    asyncio.run(begin())

    (finding,) = ward.find(database)

    assert dict(finding.evidence)["held by"] == "nobody"


def known(**strained: object) -> Inspection:
    well: dict[str, object] = {
        "schema": "m0005_known_before",
        "is_current": True,
        "is_checked": True,
        "size_bytes": 10**7,
        "wal_bytes": 10**6,
        "free_bytes": 10**10,
        "holder": None,
    }
    return Inspection(**{**well, **strained})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "status", "shown"),
    [
        (known(), Status.OK, ("free on the disk", "10,000.0 MB")),
        (known(free_bytes=499 * 10**6), Status.WARNING, ("free on the disk", "499.0 MB")),
        (known(free_bytes=49 * 10**6), Status.CRITICAL, ("free on the disk", "49.0 MB")),
        (known(wal_bytes=300 * 10**6), Status.WARNING, ("size", "10.0 MB, write-ahead log 300.0 MB")),
        (known(is_checked=False), Status.UNKNOWN, ("quick check", "not done in 20 s")),
    ],
)
def test_full_disk_and_long_log_are_told_with_the_figures(
    found: Inspection, status: Status, shown: tuple[str, str]
) -> None:
    finding = inspected("wamon.db", found)

    assert finding.status is status
    assert shown in finding.evidence
    assert bool(finding.fix) is (status is not Status.OK)


def test_file_that_is_no_database_is_critical(ward: Ward) -> None:
    (ward.folder / "wamon.db").write_text("not a database at all, but some words\n" * 100, encoding="utf-8")

    finding = only_ill(ward.find(database))

    assert (finding.check, finding.status) == (DATABASE, Status.CRITICAL)
    assert "not a SQLite database" in dict(finding.evidence)["Found"]


def test_database_of_another_program_is_critical(ward: Ward) -> None:
    with closing(sqlite3.connect(ward.folder / "wamon.db")) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")

    finding = only_ill(ward.find(database))

    assert "belongs to another program" in dict(finding.evidence)["Found"]


def test_check_of_a_large_database_is_broken_off(tmp_path: Path) -> None:
    async def begin() -> None:
        store = held(tmp_path / "wamon.db")
        await store.open()
        await store.close()

    asyncio.run(begin())
    with closing(sqlite3.connect(tmp_path / "wamon.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE wide (words TEXT)")
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n"
        connection.execute(f"INSERT INTO wide {rows}")

    found = inspect(tmp_path / "wamon.db", is_over=lambda: True)

    assert found is not None
    assert not found.is_checked


# --- the private listener ---------------------------------------------------------------------------------------------


WELL = PlainTextResponse("well")


def listener_found(ward: Ward, answers: Mapping[str, Response], *, host: str = "127.0.0.1") -> tuple[Finding, ...]:
    async def ask() -> tuple[Finding, ...]:
        async with serve(paths(answers)) as url:
            port = url.rpartition(":")[2]
            async with ward.patient(settings=ward.settings(private_listen=f"{host}:{port}")) as patient:
                return await private_listener(patient)

    return asyncio.run(ask())


def test_daemon_that_answers_on_loopback_is_well(ward: Ward) -> None:
    findings = listener_found(ward, {"/-/healthy": WELL, "/metrics": WELL})

    assert told(findings) == [("OK", LISTENER)]


def test_daemon_that_is_not_well_is_critical(ward: Ward) -> None:
    finding = only_ill(listener_found(ward, {"/-/healthy": PlainTextResponse("", status_code=503)}))

    assert (finding.check, finding.status) == (LISTENER, Status.CRITICAL)


def test_listener_on_every_address_that_asks_nobody_warns(ward: Ward) -> None:
    finding = only_ill(listener_found(ward, {"/-/healthy": WELL, "/metrics": WELL}, host="0.0.0.0"))

    assert (finding.check, finding.status) == (GUARDED, Status.WARNING)


def test_listener_on_every_address_that_asks_who_is_there_is_well(ward: Ward) -> None:
    answers = {"/-/healthy": WELL, "/metrics": PlainTextResponse("", status_code=401)}

    assert told(listener_found(ward, answers, host="0.0.0.0")) == [("OK", LISTENER), ("OK", GUARDED)]


def test_no_daemon_is_no_fault_but_an_open_address_is_told_already(ward: Ward) -> None:
    findings = ward.find(private_listener, private_listen="0.0.0.0:9")

    assert told(findings) == [("SKIPPED", LISTENER), ("WARNING", GUARDED)]


def test_daemon_that_holds_the_database_and_does_not_answer_is_critical(ward: Ward) -> None:
    async def ask() -> tuple[Finding, ...]:
        store = held(ward.folder / "wamon.db")
        await store.open()
        try:
            async with ward.patient(settings=ward.settings(private_listen="127.0.0.1:9")) as patient:
                return await private_listener(patient)
        finally:
            await store.close()

    finding = only_ill(asyncio.run(ask()))

    assert (finding.check, finding.status) == (LISTENER, Status.CRITICAL)
    assert dict(finding.evidence)["Daemon"].startswith("pid ")


# --- the quota --------------------------------------------------------------------------------------------------------


def test_polling_every_minute_fits_into_the_quota_of_a_registered_number(ward: Ward) -> None:
    (finding,) = ward.find(quota)

    assert (finding.check, finding.status) == (QUOTA, Status.OK)
    assert dict(finding.evidence)["costs"] == "64 of 5,000 calls an hour (1%)"


def test_polling_every_second_warns_where_no_number_is_registered(ward: Ward) -> None:
    for number_id in ward.waba.number_ids:
        ward.world.number(number_id).status = "PENDING"

    finding = only_ill(ward.find(quota, poll_interval="10"))

    assert (finding.check, finding.status) == (QUOTA, Status.WARNING)
    assert "of 200 calls an hour" in dict(finding.evidence)["costs"]


def test_what_is_used_already_is_shown(ward: Ward) -> None:
    ward.world.quota.spend((ward.app.id, ward.waba.id), 2500)

    (finding,) = ward.find(quota)

    assert dict(finding.evidence)["used now by all"] == "50%"
