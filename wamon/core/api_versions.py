"""Meta's calendar of Graph API versions: which there are, until when each can be used, and which one to ask for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from itertools import pairwise
from typing import Final

# A refresh URL may send anything; Meta brings out two or three versions a year.
MAX_VERSIONS: Final = 500
PLAUSIBLE_YEARS: Final = range(2000, 2101)
# Meta keeps a version for at least two years after the next one comes out.
# Source: Meta "Graph API versioning", read 2026-11. The dates it announces deviate by some days, so they come first.
YEARS_AFTER_SUCCESSOR: Final = 2

_VERSION_NAME: Final = re.compile(r"[vV]?([0-9]{1,3})(?:\.([0-9]{1,2}))?")
_TABLE_KEYS: Final = frozenset({"as_of", "versions"})
_ROW_KEYS: Final = frozenset({"introduced", "available_until"})


class VersionTableError(ValueError):
    """A version table is not usable; the text names the key and the next step."""


class VersionState(StrEnum):
    """Whether a version still answers as itself.

    EXPIRED calls do not fail: Meta serves the oldest usable version instead. UNKNOWN is a version that the table lacks.
    """

    USABLE = "usable"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """One version; `available_until` is None when Meta has not announced its end."""

    name: str
    introduced: date
    available_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """The versions in ascending order, none twice and at least one; `as_of` is the day somebody last compared them with
    Meta's page.

    Every method takes a version in any spelling that `normalise_version` reads.
    Raises VersionTableError when the order or the number of the versions is wrong.
    """

    as_of: date
    source: str
    versions: tuple[ApiVersion, ...]

    def __post_init__(self) -> None:
        if not self.versions:
            raise VersionTableError(f"the version table from {self.source} has no versions: add at least one")
        numbers = [_number(version.name) for version in self.versions]
        if any(after <= before for before, after in pairwise(numbers)):
            raise VersionTableError(f"the version table from {self.source} is not in ascending order: sort it")

    def get(self, version: str) -> ApiVersion | None:
        name = normalise_version(version)
        return next((row for row in self.versions if row.name == name), None)

    def expires_at(self, version: str) -> datetime | None:
        """The moment from which the version is no longer served as itself.

        Meta's announced day at 00:00 UTC. Where `available_until` is None: the estimate of two years after the next
        version came out. None when there is no next version either, or the table lacks this one.
        """
        row = self.get(version)
        if row is None:
            return None
        if row.available_until is not None:
            return _midnight(row.available_until)
        successors = self.versions[self.versions.index(row) + 1 :]
        return _midnight(_years_later(successors[0].introduced)) if successors else None

    def state(self, version: str, now: datetime) -> VersionState:
        row = self.get(version)
        if row is None:
            return VersionState.EXPIRED if self._is_before_an_expired_one(version, now) else VersionState.UNKNOWN
        expires_at = self.expires_at(row.name)
        return VersionState.EXPIRED if expires_at is not None and expires_at <= now else VersionState.USABLE

    def oldest_usable(self, now: datetime) -> str | None:
        """The version that Meta serves to whoever asks for an expired one; None when all of the table have expired."""
        return next((row.name for row in self.versions if self.state(row.name, now) is VersionState.USABLE), None)

    def default_version(self, now: datetime) -> str:
        """The newest version but one: proven, and far from its end.

        The newest where there is no other, or the other has expired because nobody renewed the table for years.
        """
        out = [row for row in self.versions if _midnight(row.introduced) <= now] or list(self.versions[:1])
        newest_but_one = out[-2:][0].name
        return newest_but_one if self.state(newest_but_one, now) is VersionState.USABLE else out[-1].name

    def merge(self, override: "VersionTable") -> "VersionTable":
        """This table with the override's rows added, or put in place of those of the same name."""
        rows = {row.name: row for row in (*self.versions, *override.versions)}
        return VersionTable(
            as_of=max(self.as_of, override.as_of),
            source=f"{self.source}; {override.source}",
            versions=_in_order(rows.values()),
        )

    def _is_before_an_expired_one(self, version: str, now: datetime) -> bool:
        # Versions end in their order, so one from before the table's first has ended when that one has.
        first = self.versions[0]
        name = normalise_version(version)
        return (
            name is not None
            and _number(name) < _number(first.name)
            and self.state(first.name, now) is VersionState.EXPIRED
        )


def normalise_version(text: str) -> str | None:
    """`v25.0` for `v25.0`, `V25.0`, `25.0`, `v25` and `25`; None when the text is no version name."""
    match = _VERSION_NAME.fullmatch(text.strip())
    if match is None:
        return None
    major, minor = match.groups()
    return f"v{int(major)}.{int(minor or 0)}"


def parse_version_table(payload: Mapping[str, object], *, source: str = "override") -> VersionTable:
    """Read a table in the form `{"as_of": "2026-11-22", "versions": {"v25.0": {"introduced": "2026-02-18",
    "available_until": "2028-07-29"}}}`, from JSON or from TOML (whose dates need no quotes).

    `available_until` may be absent or null: not announced. `source` names the file or URL.
    Raises VersionTableError, whose text names the key and the next step.
    """
    _refuse_unknown_keys(payload, _TABLE_KEYS, where=source)
    rows = payload.get("versions")
    if not isinstance(rows, Mapping) or not rows:
        raise VersionTableError(f"{source}: versions must be a table with at least one version, like versions.v25.0")
    if len(rows) > MAX_VERSIONS:
        raise VersionTableError(f"{source}: versions has {len(rows)} entries, more than {MAX_VERSIONS}: check the file")
    versions: dict[str, ApiVersion] = {}
    for key, row in rows.items():
        version = _parse_row(key, row, source=source)
        if version.name in versions:
            raise VersionTableError(f"{source}: versions names {version.name} twice: keep one of them")
        versions[version.name] = version
    return VersionTable(
        as_of=_parse_date(payload.get("as_of"), key="as_of", source=source),
        source=source,
        versions=_in_order(versions.values()),
    )


def _parse_row(key: object, row: object, *, source: str) -> ApiVersion:
    name = normalise_version(key) if isinstance(key, str) else None
    if name is None:
        raise VersionTableError(f"{source}: versions has the key {key!r}: write it like v25.0")
    where = f"versions.{key}"
    if not isinstance(row, Mapping):
        raise VersionTableError(f"{source}: {where} must be a table with introduced and available_until")
    _refuse_unknown_keys(row, _ROW_KEYS, where=f"{source}: {where}")
    introduced = _parse_date(row.get("introduced"), key=f"{where}.introduced", source=source)
    until = row.get("available_until")
    if until is None:
        return ApiVersion(name=name, introduced=introduced, available_until=None)
    available_until = _parse_date(until, key=f"{where}.available_until", source=source)
    if available_until <= introduced:
        raise VersionTableError(f"{source}: {where}.available_until is not after introduced: correct one of them")
    return ApiVersion(name=name, introduced=introduced, available_until=available_until)


def _parse_date(value: object, *, key: str, source: str) -> date:
    day = _date_or_none(value)
    if day is None or day.year not in PLAUSIBLE_YEARS:
        raise VersionTableError(f"{source}: {key} is {value!r}: write a date like 2026-02-18")
    return day


def _date_or_none(value: object) -> date | None:
    # A datetime is a date to isinstance, but it would bring a time and a zone that a calendar of days has no use for.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _refuse_unknown_keys(payload: Mapping[str, object], known: frozenset[str], *, where: str) -> None:
    unknown = sorted(str(key) for key in payload if key not in known)
    if unknown:
        raise VersionTableError(f"{where}: unknown key {unknown[0]!r}: use only {', '.join(sorted(known))}")


def _number(name: str) -> tuple[int, int]:
    major, minor = name.removeprefix("v").split(".")
    return int(major), int(minor)


def _in_order(versions: Iterable[ApiVersion]) -> tuple[ApiVersion, ...]:
    return tuple(sorted(versions, key=lambda version: _number(version.name)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _years_later(day: date) -> date:
    year = day.year + YEARS_AFTER_SUCCESSOR
    # 29 February has no second anniversary.
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _bundled(name: str, introduced: str, available_until: str | None) -> ApiVersion:
    return ApiVersion(
        name=name,
        introduced=date.fromisoformat(introduced),
        available_until=None if available_until is None else date.fromisoformat(available_until),
    )


# The Marketing API has a shorter calendar of its own, which must not be mixed in.
BUNDLED_TABLE: Final = VersionTable(
    as_of=date(2026, 11, 22),
    source='Meta "Graph API changelog", read 2026-11',
    versions=(
        _bundled("v10.0", "2021-02-23", "2023-06-08"),
        _bundled("v11.0", "2021-06-08", "2023-09-14"),
        _bundled("v12.0", "2021-09-14", "2024-02-08"),
        _bundled("v13.0", "2022-02-08", "2024-05-28"),
        _bundled("v14.0", "2022-05-25", "2024-09-17"),
        _bundled("v15.0", "2022-09-15", "2024-11-20"),
        _bundled("v16.0", "2023-02-02", "2025-05-14"),
        _bundled("v17.0", "2023-05-23", "2025-09-12"),
        _bundled("v18.0", "2023-09-12", "2026-01-26"),
        _bundled("v19.0", "2024-01-23", "2026-05-21"),
        _bundled("v20.0", "2024-05-21", "2026-09-24"),
        _bundled("v21.0", "2024-10-02", "2027-01-21"),
        _bundled("v22.0", "2025-01-21", "2027-05-20"),
        _bundled("v23.0", "2025-05-29", "2027-10-08"),
        _bundled("v24.0", "2025-10-08", "2028-02-18"),
        _bundled("v25.0", "2026-02-18", "2028-07-29"),
        _bundled("v26.0", "2026-07-29", None),
    ),
)
