"""How every page is made: the templates, the words they use for moments and ratios, and the answer in few bytes."""

import gzip
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from wamon.core.timing import Clock
from wamon.operating import NotStoredError, OperatingError, UnknownError
from wamon.web.origin import RefusedError

HERE: Final = Path(__file__).parent
STATIC: Final[Mapping[str, str]] = {
    "wamon.css": "text/css; charset=utf-8",
    "wamon.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# Below this a compressed answer is hardly smaller.
LEAST_COMPRESSED_BYTES: Final = 1000
# The first level: pages are made anew every few seconds, and half of what the last level saves is saved by it.
LEVEL: Final = 1
# What came of a form, said once on the page that follows it. Words of an address would be anybody's.
DONE: Final[Mapping[str, str]] = {
    "acknowledged": "Acknowledged: nobody is reminded of it for a while.",
    "silenced": "Silenced: nobody is told of it until then.",
    "closed": "Closed. Should it still be so, it opens again.",
    "ended": "The silence has ended.",
    "nothing": "There was nothing left to do.",
}
NOT_KNOWN: Final = "not known"


class Look:
    """Renders the templates. `count_alerts` tells how many are open; `random` makes the ids that let a form act once.

    Every `refresh` a page that is looked at brings itself up to date.
    """

    def __init__(
        self,
        *,
        version: str,
        clock: Clock,
        random: Random,
        count_alerts: Callable[[], int],
        refresh: timedelta = timedelta(seconds=15),
    ) -> None:
        self._clock = clock
        self._random = random
        self._count_alerts = count_alerts
        self.static = {name: (HERE / "static" / name).read_bytes() for name in STATIC}
        digest = sha256(b"".join(self.static.values())).hexdigest()[:12]
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        words: tuple[Callable[..., str], ...] = (
            moment,
            clock_time,
            span,
            percent,
            seconds,
            grouped,
            counted,
            capitalize_first,
        )
        environment.filters.update({each.__name__: each for each in words})
        environment.globals.update(version=version, digest=digest, url_with=url_with, every=refresh.total_seconds())
        self._environment = environment

    def page(
        self, request: Request, template: str, *, status: int = 200, is_public: bool = False, **content: Any
    ) -> Response:
        """The template as an answer. Besides `content` it knows `now`, `ago`, `until`, `alert_count`, `user` and `did`.

        A page that `is_public` is shown to everybody, so it tells nothing of what is watched.
        """
        now = self._clock.now()
        text = self._environment.get_template(template).render(
            **content,
            now=now,
            ago=lambda at: ago(at, now),
            until=lambda at: until(at, now),
            alert_count=0 if is_public else self._count_alerts(),
            is_public=is_public,
            path=request.url.path,
            # What came of a form, or is an error, is not asked for again by its address.
            is_still=request.method == "POST" or status != 200 or is_public,
            did=DONE.get(request.query_params.get("did", "")),
            user=request.scope.get("user_name") or "",
            act_id=lambda: f"{self._random.getrandbits(128):032x}",
        )
        return compressed(request, HTMLResponse(text, status_code=status))

    def failed(self, request: Request, error: OperatingError | RefusedError) -> Response:
        """The page that says what was not done, and what to do instead."""
        return self.page(request, "failed.html", status=status_of(error), error=str(error), next_step=error.next_step)

    def now(self) -> datetime:
        return self._clock.now()


def status_of(error: OperatingError | RefusedError) -> int:
    match error:
        case RefusedError():
            return error.status
        case UnknownError():
            return 404
        case NotStoredError():
            return 503
        case _:
            return 400


def compressed(request: Request, response: Response) -> Response:
    """The answer, packed where it is worth it and the asker takes it."""
    response.headers["Vary"] = "Accept-Encoding"
    body = bytes(response.body)
    if len(body) < LEAST_COMPRESSED_BYTES or not accepts_gzip(request.headers):
        return response
    response.body = gzip.compress(body, LEVEL, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))
    return response


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, or anything, without refusing it by q=0 (RFC 9110, section 12.5.3)."""
    weights = {}
    for item in ",".join(headers.getlist("accept-encoding")).split(","):
        coding, _, parameter = item.partition(";")
        name, _, weight = parameter.replace(" ", "").partition("=")
        weights[coding.strip().lower()] = weight if name.lower() == "q" else "1"
    weight = weights.get("gzip", weights.get("x-gzip", weights.get("*", "0")))
    return weight.strip("0.") != ""


# --- words ------------------------------------------------------------------------------------------------------------


def moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else "never"


def clock_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long before `now`, in one unit."""
    return "never" if at is None else f"{span(now - at)} ago"


def until(at: datetime | None, now: datetime) -> str:
    """How long after `now`, in one unit; what is past is over."""
    if at is None:
        return NOT_KNOWN
    return f"in {span(at - now)}" if at > now else f"over for {span(now - at)}"


def span(duration: timedelta | None) -> str:
    """A duration in one unit, never below zero: `3 d`, `5 h`, `12 min`, `40 s`."""
    if duration is None:
        return NOT_KNOWN
    waited = max(duration, timedelta(0))
    for unit, word in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if waited >= unit:
            return f"{waited // unit} {word}"
    return f"{waited // timedelta(seconds=1)} s"


def seconds(lasted: float | None) -> str:
    """A short duration: `0.4 s`, `12 s`, `3 min`; a dash for one that is not known."""
    if lasted is None:
        return "\N{EN DASH}"
    return f"{lasted:.1f} s" if lasted < 10 else span(timedelta(seconds=lasted))


def percent(ratio: float | None) -> str:
    """A ratio for people: `0 %`, `0.4 %`, `12 %`; a dash for one that is not known."""
    if ratio is None:
        return "\N{EN DASH}"
    shown = ratio * 100
    if 0 < shown < 0.1:
        return "< 0.1 %"
    return f"{shown:.1f} %" if 0 < shown < 10 else f"{shown:.0f} %"


def grouped(number: float | None) -> str:
    """A count with its thousands apart, by a space that does not break."""
    return "\N{EN DASH}" if number is None else f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, noun: str) -> str:
    """`1 alert`, `3 alerts`."""
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def url_with(path: str, query: Mapping[str, str], **changes: str | None) -> str:
    """The path with this query after the changes; what is None or empty is left out."""
    kept = {name: value for name, value in {**query, **changes}.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
