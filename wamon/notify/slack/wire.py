"""The one exchange with Slack over HTTP, and slack_sdk's clients upon it."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import Any, Final, TypeAlias, TypeVar
from urllib.error import URLError
from urllib.request import HTTPErrorProcessor, HTTPHandler, HTTPSHandler, OpenerDirector, Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.timing import SystemClock
from wamon.notify.slack.errors import DEFAULT_WAIT, LONGEST_WAIT, SEND, Use, refusal, slack_word

R = TypeVar("R")

TIMEOUT_SECONDS: Final = 10.0
# A timeout is that of one read. An answer that comes in drops, each in time, is cut off after so many of them; and
# where it drips before its body, where nobody can cut it off, it is no longer waited for.
BODY_TIMEOUTS: Final = 2
DEADLINE_TIMEOUTS: Final = 3
# An answer repeats the message at most once or twice; a page of history is two hundred of them.
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_PAGE_BYTES: Final = 1 << 23

_Exchange: TypeAlias = Callable[[Request], "Answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: str


class _AnyStatus(HTTPErrorProcessor):
    """Hands every answer out as it came: no status is an exception, no redirect is followed.

    urllib would send the token along to wherever a redirect points.
    """

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response

    https_response = http_response


class Wire:
    """One request, one answer of bounded size and time. No files, no redirects, none of the environment's proxies."""

    def __init__(self, timeout_seconds: float, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._timeout_seconds = timeout_seconds
        self._max_answer_bytes = max_answer_bytes
        # The network's seconds are the world's, whatever clock the daemon lives by.
        self._clock = SystemClock()
        # Not build_opener, which brings handlers for all of these.
        self._opener = OpenerDirector()
        for handler in (HTTPHandler(), HTTPSHandler(), _AnyStatus()):
            self._opener.add_handler(handler)

    def __call__(self, request: Request) -> Answer:
        if request.type not in ("http", "https"):
            raise ValueError(f"{request.type} is not spoken here")
        ends_at = self._clock.monotonic() + BODY_TIMEOUTS * self._timeout_seconds
        with self._opener.open(request, timeout=self._timeout_seconds) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = self._body(response, ends_at)
        answer = Answer(status=response.status, headers=headers, body=body.decode("utf-8", errors="replace"))
        _check_status(answer)
        return answer

    def _body(self, response: HTTPResponse, ends_at: float) -> bytes:
        pieces: list[bytes] = []
        room = self._max_answer_bytes
        while room and (some := response.read1(room)):
            if self._clock.monotonic() > ends_at:
                raise TimeoutError
            pieces.append(some)
            room -= len(some)
        return b"".join(pieces)


def _check_status(answer: Answer) -> None:
    """Raise for what says nothing about the message: Slack asks to wait, is in trouble, or did not answer itself."""
    status = answer.status
    if status == 429:
        wait = _retry_after(answer.headers.get("retry-after"))
        raise DeliveryDeferred(f"Slack asks to wait {wait.total_seconds():.0f} s", retry_after=wait)
    if status >= 500:
        # 503 is said before any work; behind another 5xx the message may have been taken.
        raise DeliveryDeferred(f"Slack is in trouble (status {status})", may_have_arrived=status != 503)
    if status == 408 or status < 200 or 300 <= status < 400:
        raise DeliveryDeferred(f"the answer was not Slack's (status {status})")


def _retry_after(header: str | None) -> timedelta:
    text = (header or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return DEFAULT_WAIT
    # A wait of nothing would make us ask again and again without a pause.
    return min(max(timedelta(seconds=int(text)), timedelta(seconds=1)), LONGEST_WAIT)


def silent_logger() -> logging.Logger:
    """A logger that says nothing: at DEBUG the libraries log addresses with secrets and whole messages."""
    # Not from getLogger, so that nobody can turn it up.
    return logging.Logger("slack_sdk", level=logging.CRITICAL + 1)  # noqa: LOG001


# The SDK follows redirects and the environment's proxies, and offers no other way to have neither; a test on a real
# socket holds both methods.
class WebhookPoster(WebhookClient):
    def __init__(self, url: str, exchange: _Exchange) -> None:
        super().__init__(url, retry_handlers=[], logger=silent_logger())
        self._exchange = exchange

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = self._exchange(req)
        return WebhookResponse(url=url, status_code=answer.status, body=answer.body, headers=dict(answer.headers))


class MethodCaller(WebClient):
    def __init__(self, token: str, base_url: str, exchange: _Exchange) -> None:
        super().__init__(token, base_url=base_url, retry_handlers=[], logger=silent_logger())
        self._exchange = exchange

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        answer = self._exchange(req)
        if not _is_json_object(answer.body):
            # What came with an error's status was refused by somebody on the way.
            raise DeliveryDeferred(
                f"the answer was not Slack's (status {answer.status})", may_have_arrived=answer.status == 200
            )
        return {"status": answer.status, "headers": answer.headers, "body": answer.body}


def _is_json_object(body: str) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


# --- the thread, and what goes wrong in it ----------------------------------------------------------------------------


async def in_thread(work: Callable[[], R], use: Use = SEND, *, deadline_seconds: float) -> R:
    """Run a blocking call in a thread of its own, and leave it to itself at the deadline.

    A daemon thread, because the interpreter waits for those of an executor when it exits, however long they hang.
    """
    done: Future[R] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(_translated(work, use))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="wamon-slack", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.wrap_future(done), deadline_seconds)
    except TimeoutError as exc:
        raise DeliveryDeferred("Slack did not finish its answer", may_have_arrived=True) from exc


def _translated(work: Callable[[], R], use: Use) -> R:
    try:
        return work()
    except DeliveryError:
        raise
    except SlackApiError as exc:
        word = slack_word(exc.response.get("error")) or "unreadable"
        raise (
            refusal(word, use, needed=exc.response.get("needed"))
            or DeliveryDeferred(f"Slack gave a reason that wamon does not know: {word}")
        ) from exc
    except URLError as exc:
        # urllib wraps what happens before the request is out, and only that.
        raise DeliveryDeferred(f"Slack cannot be reached: {in_words(exc.reason)}") from exc
    except (ValueError, InvalidURL, SlackClientError):
        # Their texts quote the URL or the header with the token, so not even the cause may be chained.
        raise DeliveryRejected(
            "the Slack URL or token is malformed: paste WAMON_SLACK_WEBHOOK_URL, WAMON_SLACK_BOT_TOKEN or "
            "WAMON_SLACK_APP_TOKEN again",
            reason="invalid_url_or_token",
        ) from None
    except (OSError, HTTPException) as exc:
        raise DeliveryDeferred(f"Slack did not answer: {in_words(exc)}", may_have_arrived=True) from exc


def in_words(error: object) -> str:
    """The system's words for it; never `str(error)`, which may quote what must not be shown."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
