"""The short way of a post through uvicorn, for apps that take it: no ASGI messages, one write.

Here we bend uvicorn, and only here. What it does for each request for the sake of any app at all (a cycle with an
event, two awaited calls for the answer, each header checked) costs more than checking and reading a webhook. A request
takes the short way when it needs none of that: the app wants it, its end came in the same read from the socket as the
end of its head, and nobody else on the connection waits for an answer. Everything else takes uvicorn's way as if this
module were not there, in particular every body that has to be waited for. So there is nothing here to be slow, to be
buffered or to be left half-way: those limits stay with the app.

While a request is on the short way a DirectCycle stands where uvicorn keeps its own, with what uvicorn looks at: so
uvicorn itself queues what comes behind it, waits for it when the server stops, and then starts what it queued.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

Headers = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """An answer in ASGI's form, and its header lines as they are sent. It `lingers` when the sender may still send."""

    code: int
    start: Message
    body: Message
    lingers: bool
    lines: bytes


def answer_of(code: int, body: bytes = b"", headers: Headers = (), *, lingers: bool = False) -> Answer:
    return Answer(
        code,
        {"type": "http.response.start", "status": code, "headers": list(headers)},
        {"type": "http.response.body", "body": body, "more_body": lingers},
        lingers,
        b"".join(b"%s: %s\r\n" % header for header in headers),
    )


# What uvicorn says where an app fails it.
_STOPPED: Final = answer_of(
    500, b"Internal Server Error", [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")]
)


class Post(NamedTuple):
    """What an app wants to know of a head. `app` is the name in the path."""

    app: str | None
    signature: bytes | None


@runtime_checkable
class TakesPosts(Protocol):
    """An app that takes posts the short way too."""

    def wants(self, url: bytes, headers: Headers) -> Post | None:
        """Whether a post with a length is to go the short way; None leaves it, and what is to be said, to ASGI."""
        ...

    async def take_post(self, post: Post, body: bytes, give: Callable[[Answer], None]) -> None:
        """Give the one answer to the whole request."""
        ...


class DirectCycle:
    """A request on the short way, with what uvicorn reads and sets on a RequestResponseCycle that is not its own."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self, *, keep_alive: bool, message_event: asyncio.Event) -> None:
        self.keep_alive = keep_alive
        # Nobody waits for it, so one does for all requests of a connection.
        self.message_event = message_event
        self.disconnected = False
        self.response_complete = False


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with the short way for `taker`."""

    taker: TakesPosts | None = None
    # The post whose head has been read, until its end or that of the read.
    _post: Post | None = None
    _post_body = b""
    _unwatched: asyncio.Event | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._post is not None:
            self._hand_over()

    def on_headers_complete(self) -> None:
        self._post = self._wanted()
        if self._post is None:
            super().on_headers_complete()
        else:
            self._post_body = b""

    def on_body(self, body: bytes) -> None:
        if self._post is None:
            super().on_body(body)
        else:
            # One piece as a rule, and then this copies nothing.
            self._post_body += body

    def on_message_complete(self) -> None:
        post = self._post
        if post is None or self.taker is None:
            super().on_message_complete()
            return
        self._post = None
        if self._unwatched is None:
            self._unwatched = asyncio.Event()
        cycle = DirectCycle(keep_alive=self.parser.should_keep_alive(), message_event=self._unwatched)
        self.cycle = cycle  # type: ignore[assignment]  # stands in for it
        task = self.loop.create_task(self._run(self.taker, post, self._post_body, cycle))
        self.tasks.add(task)

    def is_waiting(self) -> bool:
        """Whether no request is being answered, or read behind its head."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._post is None and (cycle is None or cycle.response_complete)

    def _wanted(self) -> Post | None:
        if (
            self.taker is None
            or not self.is_waiting()
            or self.expect_100_continue
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
        ):
            return None
        return self.taker.wants(self.url, self.headers)

    def _hand_over(self) -> None:
        """Let uvicorn have a request whose end has not come yet."""
        self._post = None
        super().on_headers_complete()
        if self._post_body:
            super().on_body(self._post_body)

    async def _run(self, taker: TakesPosts, post: Post, body: bytes, cycle: DirectCycle) -> None:
        def give(answer: Answer) -> None:
            self._give(answer, cycle)

        try:
            await taker.take_post(post, body, give)
        except (Exception, asyncio.CancelledError) as error:
            # As uvicorn has it, also for the stop that waited long enough.
            self.logger.error("a post has not been answered in order", exc_info=error)
            if not cycle.response_complete:
                cycle.keep_alive = False
                self._give(_STOPPED, cycle)
            self.transport.close()
        finally:
            # Sooner than a callback, and cheaper. A task that is cancelled before it starts is waited for by nobody.
            if task := asyncio.current_task():
                self.tasks.discard(task)

    def _give(self, answer: Answer, cycle: DirectCycle) -> None:
        if not self.transport.is_closing():
            lines = [b"%s: %s\r\n" % header for header in self.server_state.default_headers]
            end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
            content = (STATUS_LINE[answer.code], *lines, answer.lines, end, answer.body["body"])
            self.transport.write(b"".join(content))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
