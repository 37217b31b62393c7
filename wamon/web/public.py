"""What Meta's servers reach: the webhook routes, and the one for Slack's buttons where it is asked for.

One ASGI callable without a framework, because it answers thousands of requests a second.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wamon.web.direct import Answer, Headers, Post, answer_of

log = logging.getLogger(__name__)

ROUTE: Final = "/webhook"
SLACK_ROUTE: Final = "/slack/actions"
# Meta's largest webhook is 3 MB. Source: Meta "Webhooks overview", read 2026-11.
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
# A pressed button comes with the message that it stands under.
MAX_SLACK_BODY_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 10.0
# How exactly that is kept. One timer looks after all bodies: asyncio.timeout() for each costs as much as all else here.
OVERDUE_CHECK_SECONDS: Final = 0.5
# What all bodies that arrive in pieces may hold together: twenty of Meta's largest. Beyond it Meta is asked to repeat.
MOST_BUFFERED_BYTES: Final = 64 * 1024 * 1024
# Who still sends what is refused does not see the answer when the connection is reset under it.
LINGER_SECONDS: Final = 2.0
RETRY_AFTER_SECONDS: Final = 10
LONGEST_QUERY: Final = 4096
LONGEST_CHALLENGE: Final = 1000
MOST_PARAMETERS: Final = 16
MOST_KINDS_LOGGED: Final = 100

_TOLD_META: Final = "webhook could not be taken in, Meta is told to repeat it"
_TOLD_SLACK: Final = "slack request could not be taken in, whoever pressed the button is told so"
_ROUTE_OF_APP: Final = f"{ROUTE}/"
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_END: Final[Message] = {"type": "http.response.body"}
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
# What is a path as it stands.
_PLAIN_URL: Final = re.compile(rb"[A-Za-z0-9_./-]+")
_SIGNATURE: Final = b"x-hub-signature-256"
_LENGTH: Final = b"content-length"
# In digits: nobody means more than ten gigabytes.
_LONGEST_LENGTH: Final = 10


class Receiver(Protocol):
    """Who takes webhooks in. `app` is the name in the path, None for the path without one."""

    def is_app(self, name: str | None) -> bool: ...

    def handshake(self, app: str | None, verify_token: str) -> bool: ...

    async def receive(self, app: str | None, body: bytes, signature: bytes | None) -> int:
        """Take one body in; the status to answer: 200, 401 or 503. `signature` is None where none or two are given."""
        ...

    def answered(self, code: int, seconds: float) -> None:
        """Told of every answer but Slack's, with the time since the request's head was read."""
        ...


class SlackReceiver(Protocol):
    """Who takes what people press in Slack."""

    async def receive(self, headers: Headers, body: bytes) -> int:
        """Take one request in; the status to answer: 200, 400, 401 or 503."""
        ...


def _answer(
    code: int, body: bytes = b"", *headers: tuple[bytes, bytes], closes: bool = False, lingers: bool = False
) -> Answer:
    """`closes` for answers that leave a body unread: nobody reads that for ever."""
    every = [
        (b"content-length", b"%d" % len(body)),
        # What has no body has no type; the server checks each header of each answer.
        *(_TEXT if body else ()),
        *headers,
        *([(b"connection", b"close")] if closes else []),
    ]
    return answer_of(code, body, every, lingers=lingers)


_RETRY_AFTER: Final = (b"retry-after", b"%d" % RETRY_AFTER_SECONDS)
# What the receiver may say; the whole body has been read by then.
_TAKEN: Final[Mapping[int, Answer]] = MappingProxyType(
    {
        200: _answer(200),
        401: _answer(401, b"signature does not match\n"),
        503: _answer(503, b"cannot be kept now, send it again\n", _RETRY_AFTER),
    }
)
# Slack shows whoever pressed the button that it did not work.
_PRESSED: Final[Mapping[int, Answer]] = MappingProxyType(
    {
        200: _answer(200),
        400: _answer(400, b"no payload\n"),
        401: _answer(401, b"signature does not match\n"),
        503: _answer(503, b"too many at once\n", _RETRY_AFTER),
    }
)
_POST_ONLY: Final = _answer(405, b"", (b"allow", b"POST"), closes=True)
_FAILED: Final = _answer(500, b"internal error\n")
_UNREAD: Final[Mapping[int, Answer]] = MappingProxyType(
    {
        403: _answer(403, closes=True),
        404: _answer(404, closes=True),
        405: _answer(405, b"", (b"allow", b"GET, POST"), closes=True),
        408: _answer(408, b"body too slow\n", closes=True),
        413: _answer(413, b"body too large\n", closes=True, lingers=True),
        503: _answer(503, b"cannot be kept now, send it again\n", _RETRY_AFTER, closes=True, lingers=True),
    }
)


def public_app(
    receiver: Receiver,
    slack: SlackReceiver | None = None,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    body_seconds: float = BODY_SECONDS,
    most_buffered_bytes: int = MOST_BUFFERED_BYTES,
) -> ASGIApp:
    """The app of the public listener. A body may be `max_body_bytes` long and take `body_seconds` in all.

    Bodies that arrive in pieces are refused by 503 while they would hold more than `most_buffered_bytes` together.
    Without `slack` its route is none.
    """
    if slack is None:
        return _PublicApp(receiver, max_body_bytes, body_seconds, most_buffered_bytes)
    return _WithSlack(slack, receiver, max_body_bytes, body_seconds, most_buffered_bytes)


class _UnreadError(Exception):
    """The body is not read to its end; `code` says why."""

    def __init__(self, code: int) -> None:
        self.code = code


class _GoneError(Exception):
    """The sender has left before the end of its body."""


class _Head(NamedTuple):
    """What counts of a post's headers."""

    signature: bytes | None
    has_length: bool


class _Deadlines:
    """Ends the wait of tasks that take longer than `seconds`."""

    __slots__ = ("_due", "_is_watched", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # All wait equally long, so the first to come is the first that is due.
        self._due: dict[asyncio.Task[Any], float] = {}
        self._is_watched = False

    def start(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._due[task] = loop.time() + self._seconds
        if not self._is_watched:
            self._watch(loop)

    def is_overdue(self, task: asyncio.Task[Any]) -> bool:
        """Whether a task that was started was cancelled because it took too long."""
        return task not in self._due

    def stop(self, task: asyncio.Task[Any]) -> None:
        self._due.pop(task, None)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, due in self._due.items() if due <= now]:
            del self._due[task]
            task.cancel()
        self._is_watched = bool(self._due)
        if self._due:
            loop.call_later(min(OVERDUE_CHECK_SECONDS, self._seconds), self._watch, loop)


class _PublicApp:
    __slots__ = (
        "_buffered_bytes",
        "_deadlines",
        "_kinds_logged",
        "_max_body_bytes",
        "_most_buffered_bytes",
        "_receiver",
    )

    def __init__(self, receiver: Receiver, max_body_bytes: int, body_seconds: float, most_buffered_bytes: int) -> None:
        self._receiver = receiver
        self._max_body_bytes = max_body_bytes
        self._most_buffered_bytes = most_buffered_bytes
        self._deadlines = _Deadlines(body_seconds)
        self._buffered_bytes = 0
        self._kinds_logged: set[tuple[str, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            app = self._app(scope["path"])
            if scope["method"] == "POST":
                answer = await self._take(app, self._head(scope["headers"]), receive)
            elif scope["method"] == "GET":
                answer = self._shake_hands(app, scope["query_string"])
            else:
                answer = _UNREAD[405]
        except _UnreadError as refused:
            answer = _UNREAD[refused.code]
        except _GoneError:
            return
        await send(answer.start)
        await send(answer.body)
        self._receiver.answered(answer.code, loop.time() - started)
        if answer.lingers:
            await _see_off(receive)
            await send(_END)

    def wants(self, url: bytes, headers: Headers) -> Post | None:
        if not _PLAIN_URL.fullmatch(url):
            return None
        try:
            app = self._app(url.decode("ascii"))
            head = self._head(headers)
        except _UnreadError:
            # Said where all refusals are said.
            return None
        return Post(app, head.signature) if head.has_length else None

    async def take_post(self, post: Post, body: bytes, give: Callable[[Answer], None]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await self._receive(post.app, body, post.signature)
        give(answer)
        self._receiver.answered(answer.code, loop.time() - started)

    def _app(self, path: str) -> str | None:
        """The name in the path of a route."""
        app = None if path == ROUTE else path.removeprefix(_ROUTE_OF_APP)
        if (app is not None and (app == path or not app)) or not self._receiver.is_app(app):
            raise _UnreadError(404)
        return app

    def _head(self, headers: Headers) -> _Head:
        signature = None
        is_signed_twice = has_length = False
        for name, value in headers:
            if name == _SIGNATURE:
                is_signed_twice = signature is not None
                signature = value
            elif name == _LENGTH:
                has_length = True
                if len(value) > _LONGEST_LENGTH or int(value) > self._max_body_bytes:
                    raise _UnreadError(413)
        return _Head(None if is_signed_twice else signature, has_length)

    def _shake_hands(self, app: str | None, query: bytes) -> Answer:
        challenge = _challenge(query, partial(self._receiver.handshake, app))
        return _UNREAD[403] if challenge is None else _answer(200, challenge, closes=True)

    async def _take(self, app: str | None, head: _Head, receive: Receive) -> Answer:
        pieces: list[bytes] = []
        try:
            return await self._receive(app, await self._read(receive, pieces), head.signature)
        finally:
            if pieces:
                self._buffered_bytes -= sum(map(len, pieces))

    async def _receive(self, app: str | None, body: bytes, signature: bytes | None) -> Answer:
        try:
            return _TAKEN[await self._receiver.receive(app, body, signature)]
        except Exception as error:  # noqa: BLE001 - the edge: the sender learns nothing of it
            self._log_once(error)
            return _FAILED

    async def _read(self, receive: Receive, pieces: list[bytes]) -> bytes:
        """The whole body in time. What arrives in several pieces is in `pieces` too, until the caller is done."""
        task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]  # what runs here is one
        self._deadlines.start(task, task.get_loop())
        try:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                body: bytes = message.get("body", b"")
                if len(body) > self._max_body_bytes:
                    raise _UnreadError(413)
                return body
            return await self._join(message, receive, pieces)
        except asyncio.CancelledError:
            if not self._deadlines.is_overdue(task):
                raise
            task.uncancel()
            raise _UnreadError(408) from None
        finally:
            self._deadlines.stop(task)

    async def _join(self, message: Message, receive: Receive, pieces: list[bytes]) -> bytes:
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise _GoneError
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self._max_body_bytes:
                raise _UnreadError(413)
            pieces.append(piece)
            self._buffered_bytes += len(piece)
            if self._buffered_bytes > self._most_buffered_bytes:
                raise _UnreadError(503)
            if not message.get("more_body", False):
                return b"".join(pieces)
            message = await receive()

    def _log_once(self, error: Exception, message: str = _TOLD_META) -> None:
        """Log each kind of error once, without its text: that may quote the body."""
        kind = (type(error).__name__, *_places(error))
        if kind in self._kinds_logged or len(self._kinds_logged) >= MOST_KINDS_LOGGED:
            return
        self._kinds_logged.add(kind)
        log.error(message, extra={"error": kind[0], "at": list(kind[1:])})


class _WithSlack(_PublicApp):
    """Slack's route besides, at no cost to the others: posts that go the short way never come here."""

    __slots__ = ("_slack",)

    def __init__(
        self,
        slack: SlackReceiver,
        receiver: Receiver,
        max_body_bytes: int,
        body_seconds: float,
        most_buffered_bytes: int,
    ) -> None:
        super().__init__(receiver, max_body_bytes, body_seconds, most_buffered_bytes)
        self._slack = slack

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        way = self._press if scope["path"] == SLACK_ROUTE else super().__call__
        return way(scope, receive, send)

    async def _press(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces: list[bytes] = []
        try:
            answer = await self._pressed(scope, receive, pieces)
        except _UnreadError as refused:
            answer = _UNREAD[refused.code]
        except _GoneError:
            return
        finally:
            self._buffered_bytes -= sum(map(len, pieces))
        await send(answer.start)
        await send(answer.body)
        if answer.lingers:
            await _see_off(receive)
            await send(_END)

    async def _pressed(self, scope: Scope, receive: Receive, pieces: list[bytes]) -> Answer:
        if scope["method"] != "POST":
            return _POST_ONLY
        headers: Headers = scope["headers"]
        for name, value in headers:
            if name == _LENGTH and (len(value) > _LONGEST_LENGTH or int(value) > MAX_SLACK_BODY_BYTES):
                raise _UnreadError(413)
        body = await self._read(receive, pieces)
        if len(body) > MAX_SLACK_BODY_BYTES:
            raise _UnreadError(413)
        try:
            return _PRESSED[await self._slack.receive(headers, body)]
        except Exception as error:  # noqa: BLE001 - the edge: the sender learns nothing of it
            self._log_once(error, _TOLD_SLACK)
            return _FAILED


def _places(error: BaseException) -> list[str]:
    """Where the error went through, the place that raised it last."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}.{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places


async def _see_off(receive: Receive) -> None:
    """Discard what a sender still sends, until it is done or has had the time to see the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass


def _challenge(query: bytes, is_token: Callable[[str], bool]) -> bytes | None:
    """The challenge of a handshake as it was sent, when everything about it is right.

    Source: Meta "Create a webhook endpoint", read 2026-11.
    """
    if len(query) > LONGEST_QUERY:
        return None
    try:
        # Latin-1 takes every byte for one character and back, so that the challenge is not touched.
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MOST_PARAMETERS
        )
        asked = dict(pairs)
        challenge = asked["hub.challenge"].encode("latin-1")
        token = asked["hub.verify_token"].encode("latin-1").decode("utf-8")
    except (KeyError, ValueError):
        return None
    is_sound = len(asked) == len(pairs) and 0 < len(challenge) <= LONGEST_CHALLENGE and not _CONTROL.search(challenge)
    return challenge if is_sound and asked.get("hub.mode") == "subscribe" and is_token(token) else None
