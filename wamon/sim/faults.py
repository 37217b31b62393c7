"""Faults on demand: what can be made to go wrong with a call, by name.

`world.faults.add("hang", path="debug_token", times=2, seconds=30)`; `path` is a piece of the path, a glob or a
predicate over it (None: every call), `times` how many calls it spoils (None: until taken away).

| Graph fault | options (default) | what the caller sees |
|---|---|---|
| refused | | no connection; behind a real socket, where the listener stays, it closes at once |
| reset | after_bytes (0) | the connection is reset, before the answer or in the middle of it |
| hang | seconds (3600) | no answer for so long, then the connection closes |
| slow | seconds (5) | the right answer, late |
| drip | seconds (1), chunk_bytes (16) | the right answer, a few bytes at a time with a pause before each |
| html_200 | | a web page with status 200 |
| cut_json | keep_bytes (None: half) | the right answer cut off, with a length that agrees |
| huge_body | bytes (100000000) | an endless-looking JSON document, streamed |
| redirect | location, http_status (302) | a redirect to another host |
| status | http_status (503) | a gateway's own error page, not JSON |
| error | code (2), subcode, http_status (500), message, type, transient, headers | Meta's error envelope |
| throttle | code (80008), http_status (429), usage (true), minutes (12) | throttled, with or without usage headers |
| unknown_field | field | requests that name the field are refused with code 100 |
| no_expansion | | requests with nested fields are refused with code 100 |
| paging_loop | | every page is the first and says that there is a next one, with the same cursor |
| foreign_next | host | `paging.next` points to another host |
| null | field | the field is null wherever it occurs |
| number | field, value (7) | the field is a number wherever it occurs |
| unknown_enum | field, value ("HIBERNATING") | the field has a word in no document |
| missing | field | the field (or nested edge) is left out |
| flip | field ("quality_rating"), value ("RED") | the first item of a page comes again at its end with another value |
| served_version | version ("v21.0") | `facebook-api-version` names this version |

| Slack fault | options (default) | what the caller sees |
|---|---|---|
| rate_limited | retry_after (1; None: no header) | 429 |
| slow | seconds (5) | the right answer, late |
| accept_then_reset | | the message is accepted, the connection reset without an answer |
| accept_then_hang | seconds (3600) | the message is accepted, no answer comes |
| accept_late | seconds (30) | no answer; the message appears so much later, whoever still waits |
| reset | | not accepted, connection reset |
| hang | seconds (3600) | not accepted, no answer comes |
| error | code ("internal_error"), http_status (None: 200 for methods, 400 for webhooks) | refused with this error |
| lagging_history | seconds (5) | history and replies do not know yet what came in the last seconds |
| status | http_status (503) | a gateway's own error page |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

PathMatch = str | Callable[[str], bool] | None
Options = Mapping[str, object]

GRAPH_FAULTS: Mapping[str, Options] = {
    "refused": {},
    "reset": {"after_bytes": 0},
    "hang": {"seconds": 3600.0},
    "slow": {"seconds": 5.0},
    "drip": {"seconds": 1.0, "chunk_bytes": 16},
    "html_200": {},
    "cut_json": {"keep_bytes": None},
    "huge_body": {"bytes": 100_000_000},
    "redirect": {"location": "https://elsewhere.example.net/graph", "http_status": 302},
    "status": {"http_status": 503},
    "error": {
        "code": 2,
        "subcode": None,
        "http_status": 500,
        "message": "An unexpected error occurred. Please retry your request",
        "type": "OAuthException",
        "transient": False,
        "headers": None,
    },
    "throttle": {"code": 80008, "http_status": 429, "usage": True, "minutes": 12},
    "unknown_field": {"field": "quality_score"},
    "no_expansion": {},
    "paging_loop": {},
    "foreign_next": {"host": "collector.example.net"},
    "null": {"field": "verified_name"},
    "number": {"field": "verified_name", "value": 7},
    "unknown_enum": {"field": "status", "value": "HIBERNATING"},
    "missing": {"field": "status"},
    "flip": {"field": "quality_rating", "value": "RED"},
    "served_version": {"version": "v21.0"},
}

SLACK_FAULTS: Mapping[str, Options] = {
    "rate_limited": {"retry_after": 1},
    "slow": {"seconds": 5.0},
    "accept_then_reset": {},
    "accept_then_hang": {"seconds": 3600.0},
    "accept_late": {"seconds": 30.0},
    "lagging_history": {"seconds": 5.0},
    "reset": {},
    "hang": {"seconds": 3600.0},
    "error": {"code": "internal_error", "http_status": None},
    "status": {"http_status": 503},
}


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One active fault; `hits` counts the calls that it has spoiled."""

    kind: str
    path: PathMatch
    times: int | None
    options: Options
    hits: int = 0

    def matches(self, path: str) -> bool:
        """Whether it applies to a call of this path."""
        if self.path is None:
            return True
        if callable(self.path):
            return self.path(path)
        return self.path in path or fnmatchcase(path, self.path)

    @property
    def is_spent(self) -> bool:
        """Whether it has spoiled as many calls as it should."""
        return self.times is not None and self.hits >= self.times

    def text(self, option: str) -> str:
        """An option as text."""
        return str(self.options[option])

    def number(self, option: str) -> float:
        """An option as a number; raises ValueError for one that is none."""
        value = self.options[option]
        if isinstance(value, int | float):
            return float(value)
        raise ValueError(f"fault {self.kind!r}: {option!r} must be a number, not {value!r}")


class ActiveFaults:
    """The faults that one call meets."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = faults

    def first(self, *kinds: str) -> Fault | None:
        """The earliest added fault of one of these kinds."""
        return next((fault for fault in self._faults if fault.kind in kinds), None)

    def all(self, *kinds: str) -> Iterator[Fault]:
        """Every fault of one of these kinds."""
        return (fault for fault in self._faults if fault.kind in kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Their names, for the record of the call."""
        return tuple(fault.kind for fault in self._faults)


class Faults:
    """The faults that are active, in the order in which they were added."""

    def __init__(self, kinds: Mapping[str, Options] = GRAPH_FAULTS) -> None:
        self._kinds = kinds
        self._active: list[Fault] = []

    def add(self, kind: str, *, path: PathMatch = None, times: int | None = None, **options: object) -> Fault:
        """Activate a fault of the table in the module's docstring.

        Raises ValueError, which names the known ones, for a kind or an option that does not exist.
        """
        if kind not in self._kinds:
            raise ValueError(f"no fault {kind!r}; known: {', '.join(sorted(self._kinds))}")
        defaults = self._kinds[kind]
        if unknown := set(options) - set(defaults):
            known = ", ".join(sorted(defaults)) or "none"
            raise ValueError(f"fault {kind!r} has no option {', '.join(sorted(unknown))}; known: {known}")
        fault = Fault(kind=kind, path=path, times=times, options={**defaults, **options})
        self._active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one away; one that has spent itself is already gone."""
        if fault in self._active:
            self._active.remove(fault)

    def clear(self) -> None:
        """Take all away."""
        self._active.clear()

    def take(self, path: str) -> ActiveFaults:
        """The faults for a call of this path; each counts it as a hit."""
        met = tuple(fault for fault in self._active if fault.matches(path))
        for fault in met:
            fault.hits += 1
        self._active = [fault for fault in self._active if not fault.is_spent]
        return ActiveFaults(met)

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._active))

    def __len__(self) -> int:
        return len(self._active)
