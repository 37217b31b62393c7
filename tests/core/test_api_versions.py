"""The calendar of API versions: Meta's dates, the estimate where there is none, and tables from outside."""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from wamon.core.api_versions import (
    BUNDLED_TABLE,
    ApiVersion,
    VersionState,
    VersionTable,
    VersionTableError,
    normalise_version,
    parse_version_table,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def table(*rows: tuple[str, str, str | None], as_of: str = "2026-11-22") -> VersionTable:
    return VersionTable(
        as_of=date.fromisoformat(as_of),
        source="test",
        versions=tuple(
            ApiVersion(
                name=name,
                introduced=date.fromisoformat(introduced),
                available_until=None if until is None else date.fromisoformat(until),
            )
            for name, introduced, until in rows
        ),
    )


@pytest.mark.parametrize(
    ("version", "introduced", "available_until"),
    [
        ("v10.0", "2021-02-23", "2023-06-08"),
        ("v11.0", "2021-06-08", "2023-09-14"),
        ("v12.0", "2021-09-14", "2024-02-08"),
        ("v13.0", "2022-02-08", "2024-05-28"),
        ("v14.0", "2022-05-25", "2024-09-17"),
        ("v15.0", "2022-09-15", "2024-11-20"),
        ("v16.0", "2023-02-02", "2025-05-14"),
        ("v17.0", "2023-05-23", "2025-09-12"),
        ("v18.0", "2023-09-12", "2026-01-26"),
        ("v19.0", "2024-01-23", "2026-05-21"),
        ("v20.0", "2024-05-21", "2026-09-24"),
        ("v21.0", "2024-10-02", "2027-01-21"),
        ("v22.0", "2025-01-21", "2027-05-20"),
        ("v23.0", "2025-05-29", "2027-10-08"),
        ("v24.0", "2025-10-08", "2028-02-18"),
        ("v25.0", "2026-02-18", "2028-07-29"),
        ("v26.0", "2026-07-29", None),
    ],
)
def test_bundled_table_has_metas_dates(version: str, introduced: str, available_until: str | None) -> None:
    row = BUNDLED_TABLE.get(version)

    assert row is not None
    assert row.introduced.isoformat() == introduced
    assert (row.available_until and row.available_until.isoformat()) == available_until


def test_bundled_table_says_how_old_it_is() -> None:
    assert BUNDLED_TABLE.as_of == date(2026, 11, 22)
    assert "2026-11" in BUNDLED_TABLE.source
    assert len(BUNDLED_TABLE.versions) == 17


@pytest.mark.parametrize("text", ["v25.0", "V25.0", "25.0", "v25", "25", " v25.0 ", "v025.00"])
def test_version_names_are_read_in_every_spelling(text: str) -> None:
    row = BUNDLED_TABLE.get(text)

    assert normalise_version(text) == "v25.0"
    assert row is not None
    assert row.name == "v25.0"


@pytest.mark.parametrize(
    "text", ["", "v", "latest", "v25.0.1", "v25.", ".5", "v2 5", "-25", "v\u0662\u0665", "v25.0/../x", "v1234.0"]
)
def test_other_texts_are_no_version_names(text: str) -> None:
    assert normalise_version(text) is None
    assert BUNDLED_TABLE.get(text) is None
    assert BUNDLED_TABLE.expires_at(text) is None
    assert BUNDLED_TABLE.state(text, NOW) is VersionState.UNKNOWN


def test_announced_end_is_midnight_utc() -> None:
    assert BUNDLED_TABLE.expires_at("v21.0") == datetime(2027, 1, 21, tzinfo=UTC)


def test_version_expires_at_that_very_moment() -> None:
    last_second = datetime(2027, 1, 20, 23, 59, 59, tzinfo=UTC)
    midnight = datetime(2027, 1, 21, tzinfo=UTC)

    assert BUNDLED_TABLE.state("v21.0", last_second) is VersionState.USABLE
    assert BUNDLED_TABLE.state("v21.0", midnight) is VersionState.EXPIRED


def test_newest_version_has_no_end() -> None:
    assert BUNDLED_TABLE.expires_at("v26.0") is None
    assert BUNDLED_TABLE.state("v26.0", NOW) is VersionState.USABLE


def test_end_is_estimated_from_the_successor_where_meta_announced_none() -> None:
    versions = table(("v26.0", "2026-07-29", None), ("v27.0", "2027-02-10", None))

    assert versions.expires_at("v26.0") == datetime(2029, 2, 10, tzinfo=UTC)


def test_estimate_from_a_leap_day_is_the_day_after() -> None:
    versions = table(("v30.0", "2027-10-01", None), ("v31.0", "2028-02-29", None))

    assert versions.expires_at("v30.0") == datetime(2030, 3, 1, tzinfo=UTC)


def test_announced_end_wins_over_the_estimate() -> None:
    # v21.0 came out 2024-10-02, so the rule alone would give v20.0 eight days too many.
    assert BUNDLED_TABLE.expires_at("v20.0") == datetime(2026, 9, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("v20.0", VersionState.EXPIRED),
        ("v21.0", VersionState.USABLE),
        ("v25.0", VersionState.USABLE),
        ("v27.0", VersionState.UNKNOWN),
        ("v99.0", VersionState.UNKNOWN),
    ],
)
def test_state_today(version: str, state: VersionState) -> None:
    assert BUNDLED_TABLE.state(version, NOW) is state


def test_version_from_before_the_table_expired_with_its_first() -> None:
    assert BUNDLED_TABLE.state("v9.0", NOW) is VersionState.EXPIRED


def test_version_from_before_the_table_is_unknown_while_its_first_is_usable() -> None:
    versions = table(("v25.0", "2026-02-18", "2028-07-29"))

    assert versions.state("v24.0", NOW) is VersionState.UNKNOWN


def test_oldest_usable_is_what_meta_serves_instead_of_an_expired_one() -> None:
    assert BUNDLED_TABLE.oldest_usable(NOW) == "v21.0"
    assert BUNDLED_TABLE.oldest_usable(datetime(2027, 1, 21, tzinfo=UTC)) == "v22.0"


def test_no_version_is_usable_when_all_have_expired() -> None:
    versions = table(("v10.0", "2021-02-23", "2023-06-08"))

    assert versions.oldest_usable(NOW) is None


@pytest.mark.parametrize(
    ("now", "version"),
    [
        (NOW, "v25.0"),
        (datetime(2026, 7, 28, 23, 59, tzinfo=UTC), "v24.0"),
        (datetime(2026, 7, 29, tzinfo=UTC), "v25.0"),
        (datetime(2028, 7, 29, tzinfo=UTC), "v26.0"),
        (datetime(2020, 1, 1, tzinfo=UTC), "v10.0"),
        (datetime(2021, 3, 1, tzinfo=UTC), "v10.0"),
    ],
)
def test_default_is_the_newest_but_one_while_it_is_usable(now: datetime, version: str) -> None:
    assert BUNDLED_TABLE.default_version(now) == version


def test_only_version_is_the_default() -> None:
    assert table(("v25.0", "2026-02-18", None)).default_version(NOW) == "v25.0"


def test_versions_are_ordered_by_number_not_by_text() -> None:
    versions = parse_version_table(
        {
            "as_of": "2026-11-22",
            "versions": {"v10.0": {"introduced": "2021-02-23"}, "v9.0": {"introduced": "2020-11-10"}},
        }
    )

    assert [row.name for row in versions.versions] == ["v9.0", "v10.0"]


def test_table_out_of_order_is_refused() -> None:
    with pytest.raises(VersionTableError, match="not in ascending order: sort it"):
        table(("v10.0", "2021-02-23", None), ("v9.0", "2020-11-10", None))


def test_table_with_a_version_twice_is_refused() -> None:
    with pytest.raises(VersionTableError, match="ascending"):
        table(("v10.0", "2021-02-23", None), ("v10.0", "2021-02-23", None))


def test_empty_table_is_refused() -> None:
    with pytest.raises(VersionTableError, match="no versions: add at least one"):
        table()


def test_table_is_read_from_json() -> None:
    text = """{"as_of": "2027-03-01", "versions": {
        "v26.0": {"introduced": "2026-07-29", "available_until": "2029-02-10"},
        "27": {"introduced": "2027-02-10", "available_until": null}}}"""

    versions = parse_version_table(json.loads(text), source="table.json")

    assert versions == VersionTable(
        as_of=date(2027, 3, 1),
        source="table.json",
        versions=(
            ApiVersion(name="v26.0", introduced=date(2026, 7, 29), available_until=date(2029, 2, 10)),
            ApiVersion(name="v27.0", introduced=date(2027, 2, 10), available_until=None),
        ),
    )


def test_table_is_read_from_toml_with_bare_dates() -> None:
    text = 'as_of = 2027-03-01\n[versions."v26.0"]\nintroduced = 2026-07-29\navailable_until = "2029-02-10"\n'

    versions = parse_version_table(tomllib.loads(text))

    assert versions == VersionTable(
        as_of=date(2027, 3, 1),
        source="override",
        versions=(ApiVersion(name="v26.0", introduced=date(2026, 7, 29), available_until=date(2029, 2, 10)),),
    )


ROW = {"introduced": "2026-02-18", "available_until": "2028-07-29"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "f.json: versions must be a table with at least one version, like versions.v25.0"),
        ({"versions": []}, "f.json: versions must be a table with at least one version, like versions.v25.0"),
        ({"versions": {}}, "f.json: versions must be a table with at least one version, like versions.v25.0"),
        ({"version": {}}, "f.json: unknown key 'version': use only as_of, versions"),
        ({"versions": {"v25.0": ROW}}, "f.json: as_of is None: write a date like 2026-02-18"),
        ({"as_of": "soon", "versions": {"v25.0": ROW}}, "f.json: as_of is 'soon': write a date like 2026-02-18"),
        ({"versions": {"newest": ROW}}, "f.json: versions has the key 'newest': write it like v25.0"),
        ({"versions": {25: ROW}}, "f.json: versions has the key 25: write it like v25.0"),
        ({"versions": {"v25.0": "2026"}}, "f.json: versions.v25.0 must be a table with introduced and available_until"),
        ({"versions": {"v25.0": {}}}, "f.json: versions.v25.0.introduced is None: write a date like 2026-02-18"),
        (
            {"versions": {"v25.0": {"introduced": "2026-02-18", "until": "2028-07-29"}}},
            "f.json: versions.v25.0: unknown key 'until': use only available_until, introduced",
        ),
        (
            {"versions": {"v25.0": {"introduced": "2026-02-18", "available_until": ""}}},
            "f.json: versions.v25.0.available_until is '': write a date like 2026-02-18",
        ),
        (
            {"versions": {"v25.0": {"introduced": "9999-02-18"}}},
            "f.json: versions.v25.0.introduced is '9999-02-18': write a date like 2026-02-18",
        ),
        (
            {"versions": {"v25.0": {"introduced": 20260218}}},
            "f.json: versions.v25.0.introduced is 20260218: write a date like 2026-02-18",
        ),
        (
            {"versions": {"v25.0": {"introduced": "2028-07-29", "available_until": "2026-02-18"}}},
            "f.json: versions.v25.0.available_until is not after introduced: correct one of them",
        ),
        ({"versions": {"v25.0": ROW, "V25": ROW}}, "f.json: versions names v25.0 twice: keep one of them"),
        (
            {"versions": {f"v{major}.{minor}": ROW for major in range(100) for minor in range(6)}},
            "f.json: versions has 600 entries, more than 500: check the file",
        ),
    ],
)
def test_unusable_table_names_the_key_and_the_next_step(payload: Mapping[str, object], message: str) -> None:
    with pytest.raises(VersionTableError) as caught:
        parse_version_table(payload, source="f.json")

    assert str(caught.value) == message


def test_moment_is_not_taken_for_a_day() -> None:
    payload = {"as_of": datetime(2026, 11, 22, 7, tzinfo=UTC), "versions": {"v25.0": ROW}}

    with pytest.raises(VersionTableError, match="as_of is datetime"):
        parse_version_table(payload)


def test_override_replaces_and_adds_rows() -> None:
    override = table(("v26.0", "2026-07-29", "2029-02-10"), ("v27.0", "2027-02-10", None), as_of="2027-03-01")

    merged = BUNDLED_TABLE.merge(override)

    assert merged.expires_at("v26.0") == datetime(2029, 2, 10, tzinfo=UTC)
    assert merged.versions[-1].name == "v27.0"
    assert merged.versions[:-2] == BUNDLED_TABLE.versions[:-1]
    assert merged.as_of == date(2027, 3, 1)
    assert merged.source == f"{BUNDLED_TABLE.source}; test"
    assert merged.default_version(datetime(2027, 3, 1, tzinfo=UTC)) == "v26.0"


def test_override_wins_even_when_it_is_older() -> None:
    override = table(("v25.0", "2026-02-18", "2028-01-01"), as_of="2026-03-01")

    merged = BUNDLED_TABLE.merge(override)

    assert merged.expires_at("v25.0") == datetime(2028, 1, 1, tzinfo=UTC)
    assert merged.as_of == date(2026, 11, 22)
