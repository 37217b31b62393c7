"""Slack as a receiver, by incoming webhook or by bot token; the one module that knows slack_sdk.

Every failure becomes DeliveryDeferred or DeliveryRejected. The webhook's URL and the bot's token are in none of their
texts, nor in any log.
"""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import Any, Final, TypeAlias, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPErrorProcessor, HTTPHandler, HTTPSHandler, OpenerDirector, Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.ports import Message, Receipt
from wamon.core.timing import SystemClock
from wamon.notify import MessageRejected
from wamon.notify.blocks import blocks, fallback

R = TypeVar("R")

EVENT_TYPE: Final = "wamon_alert"
POST_SCOPE: Final = "chat:write"
TIMEOUT_SECONDS: Final = 10.0
# A timeout is that of one read. An answer that comes in drops, each in time, is cut off after so many of them; and
# where it drips before its body, where nobody can cut it off, it is no longer waited for.
BODY_TIMEOUTS: Final = 2
DEADLINE_TIMEOUTS: Final = 3
# What a 429 without Retry-After is taken for, and the longest wait that is believed.
DEFAULT_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(days=1)
# An answer repeats the message at most once or twice.
MAX_ANSWER_BYTES: Final = 1 << 20

# Slack's words for trouble of its own. Source: "chat.postMessage", errors, read 2026-11.
_TRANSIENT: Final = frozenset({
    "fatal_error", "internal_error", "message_limit_exceeded", "request_timeout", "rollup_error",
    "service_unavailable", "team_added_to_org",
})  # fmt: skip
_RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited"})
# Slack says of these that part of the work may have been done.
_AMBIGUOUS: Final = frozenset({"fatal_error", "internal_error", "rollup_error"})

# What a human does about Slack's other words.
# Sources: "chat.postMessage" and "Incoming webhooks", errors, read 2026-11.
_TOKEN_STEP: Final = "reinstall the Slack app, put its bot token into WAMON_SLACK_BOT_TOKEN and restart"  # noqa: S105
_SCOPE_STEP: Final = f"give the Slack app the scope {POST_SCOPE} and reinstall it"
_CHANNEL_STEP: Final = "put the channel's id into WAMON_SLACK_CHANNEL and invite the bot there (/invite @name)"
_ARCHIVED_STEP: Final = "unarchive the channel, or choose another one"
_POLICY_STEP: Final = "ask a workspace admin to let the app post in this channel, or choose another one"
_WEBHOOK_STEP: Final = "make another incoming webhook and put its URL into WAMON_SLACK_WEBHOOK_URL"
_FAULT_STEP: Final = "the message itself is at fault: report it to wamon's makers; the alert stands in the log"
_STEPS: Final[Mapping[str, str]] = {
    word: step
    for step, words in {
        _TOKEN_STEP: "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type "
        "org_login_required two_factor_setup_required enterprise_is_restricted team_access_not_granted "
        "team_not_found deprecated_endpoint method_deprecated",
        _SCOPE_STEP: "missing_scope no_permission access_denied",
        _CHANNEL_STEP: "channel_not_found not_in_channel messages_tab_disabled",
        _ARCHIVED_STEP: "is_archived channel_is_archived",
        _POLICY_STEP: "restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel "
        "restricted_action_non_threadable_channel restricted_action_thread_locked ekm_access_denied "
        "posting_to_general_channel_denied action_prohibited accesslimited as_user_not_supported",
        _WEBHOOK_STEP: "no_service no_active_hooks no_team team_disabled invalid_token user_not_found "
        "http_401 http_403 http_404 http_410",
        _FAULT_STEP: "invalid_payload invalid_blocks invalid_blocks_format invalid_attachments no_text msg_too_long "
        "msg_blocks_too_long too_many_attachments attachment_payload_limit_exceeded invalid_metadata_format "
        "invalid_metadata_schema metadata_too_large metadata_must_be_sent_from_app markdown_text_conflict "
        "invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data invalid_json "
        "json_not_object invalid_post_type missing_post_type unknown_method cannot_reply_to_message http_400 http_413",
    }.items()
    for word in words.split()
}
_WORD: Final = re.compile(r"[a-z][a-z_]{1,79}")

_Exchange: TypeAlias = Callable[[Request], "_Answer"]


class SlackWebhook:
    """An incoming webhook: it can post, and cannot edit, thread or be asked who it is."""

    def __init__(self, url: str, *, name: str = "slack_webhook", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.name = name
        self._url = url
        self._client = _WebhookClient(url, _Wire(timeout_seconds))
        self._deadline_seconds = DEADLINE_TIMEOUTS * timeout_seconds

    async def send(self, message: Message) -> Receipt:
        return await _in_thread(lambda: self._post(message), deadline_seconds=self._deadline_seconds)

    async def check(self) -> str:
        """What the URL's form tells: a webhook cannot be tried without posting. Raises DeliveryRejected."""
        host, path = _host_and_path(self._url)
        if not host or not path.strip("/"):
            raise DeliveryRejected(f"the Slack webhook's URL is malformed: {_WEBHOOK_STEP}", reason="invalid_url")
        if host == "hooks.slack.com" and not path.startswith("/services/"):
            raise DeliveryRejected(f"the Slack webhook's URL is not one: {_WEBHOOK_STEP}", reason="invalid_url")
        return f"the URL has the form of an incoming webhook at {host}; nothing was posted"

    async def close(self) -> None:
        """Nothing is held."""

    def _post(self, message: Message) -> Receipt:
        answer = self._client.send(
            text=fallback(message), blocks=blocks(message), unfurl_links=False, unfurl_media=False
        )
        body = answer.body.strip()
        if answer.status_code == 200 and body == "ok":
            return Receipt()
        if answer.status_code == 200:
            raise DeliveryDeferred("the answer was not Slack's `ok`", may_have_arrived=True)
        word = body if _WORD.fullmatch(body) else f"http_{answer.status_code}"
        raise _refusal(word) or _rejection(word, _STEPS.get(f"http_{answer.status_code}", _WEBHOOK_STEP))


class SlackBot:
    """A bot that posts to one channel. Each message carries its reference as metadata, to be found again."""

    def __init__(
        self,
        token: str,
        channel: str,
        base_url: str = "https://slack.com/api",
        *,
        name: str = "slack_bot",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name = name
        self._channel = channel
        self._client = _BotClient(token, base_url, _Wire(timeout_seconds))
        self._deadline_seconds = DEADLINE_TIMEOUTS * timeout_seconds

    async def send(self, message: Message) -> Receipt:
        return await _in_thread(lambda: self._post(message), deadline_seconds=self._deadline_seconds)

    async def check(self) -> str:
        """Who Slack says the bot is. Raises as `send` does, and without the scope to post too."""
        return await _in_thread(self._identity, deadline_seconds=self._deadline_seconds)

    async def close(self) -> None:
        """Nothing is held."""

    def _post(self, message: Message) -> Receipt:
        answer = self._client.chat_postMessage(
            channel=self._channel,
            text=fallback(message),
            blocks=blocks(message),
            metadata={"event_type": EVENT_TYPE, "event_payload": {"reference": message.reference}},
            unfurl_links=False,
            unfurl_media=False,
        )
        return Receipt(channel=_text(answer.get("channel")), message_id=_text(answer.get("ts")))

    def _identity(self) -> str:
        answer = self._client.auth_test()
        scopes = answer.headers.get("x-oauth-scopes")
        if scopes is not None and POST_SCOPE not in scopes.replace(",", " ").split():
            raise _rejection("missing_scope", _SCOPE_STEP)
        return f"the token is that of {answer.get('user')} in the workspace {answer.get('team')}"


# --- the SDK's clients over a wire of ours ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
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


class _Wire:
    """One request, one answer of bounded size and time. No files, no redirects, none of the environment's proxies."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        # The network's seconds are the world's, whatever clock the daemon lives by.
        self._clock = SystemClock()
        # Not build_opener, which brings handlers for all of these.
        self._opener = OpenerDirector()
        for handler in (HTTPHandler(), HTTPSHandler(), _AnyStatus()):
            self._opener.add_handler(handler)

    def __call__(self, request: Request) -> _Answer:
        if request.type not in ("http", "https"):
            raise ValueError(f"{request.type} is not spoken here")
        ends_at = self._clock.monotonic() + BODY_TIMEOUTS * self._timeout_seconds
        with self._opener.open(request, timeout=self._timeout_seconds) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = self._body(response, ends_at)
        answer = _Answer(status=response.status, headers=headers, body=body.decode("utf-8", errors="replace"))
        _check_status(answer)
        return answer

    def _body(self, response: HTTPResponse, ends_at: float) -> bytes:
        body = b""
        while len(body) < MAX_ANSWER_BYTES and (some := response.read1(MAX_ANSWER_BYTES - len(body))):
            if self._clock.monotonic() > ends_at:
                raise TimeoutError
            body += some
        return body


def _check_status(answer: _Answer) -> None:
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


def _silent() -> logging.Logger:
    # Not from getLogger, so that nobody can turn it up: at DEBUG the SDK logs the webhook's URL and the whole message.
    return logging.Logger("slack_sdk", level=logging.CRITICAL + 1)  # noqa: LOG001


# The SDK follows redirects and the environment's proxies, and offers no other way to have neither; a test on a real
# socket holds both methods.
class _WebhookClient(WebhookClient):
    def __init__(self, url: str, exchange: _Exchange) -> None:
        super().__init__(url, retry_handlers=[], logger=_silent())
        self._exchange = exchange

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = self._exchange(req)
        return WebhookResponse(url=url, status_code=answer.status, body=answer.body, headers=dict(answer.headers))


class _BotClient(WebClient):
    def __init__(self, token: str, base_url: str, exchange: _Exchange) -> None:
        super().__init__(token, base_url=base_url, retry_handlers=[], logger=_silent())
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


async def _in_thread(work: Callable[[], R], *, deadline_seconds: float) -> R:
    """Run a blocking call in a thread of its own, and leave it to itself at the deadline.

    A daemon thread, because the interpreter waits for those of an executor when it exits, however long they hang.
    """
    done: Future[R] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(_translated(work))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="wamon-slack", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.wrap_future(done), deadline_seconds)
    except TimeoutError as exc:
        raise DeliveryDeferred("Slack did not finish its answer", may_have_arrived=True) from exc


def _translated(work: Callable[[], R]) -> R:
    try:
        return work()
    except DeliveryError:
        raise
    except SlackApiError as exc:
        word = str(exc.response.get("error"))
        if not _WORD.fullmatch(word):
            # No word of Slack's: whoever answered may have quoted the request, token and all.
            word = "unreadable"
        raise _refusal(word) or DeliveryDeferred(f"Slack gave a reason that wamon does not know: {word}") from exc
    except URLError as exc:
        # urllib wraps what happens before the request is out, and only that.
        raise DeliveryDeferred(f"Slack cannot be reached: {_in_words(exc.reason)}") from exc
    except (ValueError, InvalidURL, SlackClientError):
        # Their texts quote the URL or the header with the token, so not even the cause may be chained.
        raise DeliveryRejected(
            "the Slack URL or token is malformed: paste WAMON_SLACK_WEBHOOK_URL or WAMON_SLACK_BOT_TOKEN again",
            reason="invalid_url_or_token",
        ) from None
    except (OSError, HTTPException) as exc:
        raise DeliveryDeferred(f"Slack did not answer: {_in_words(exc)}", may_have_arrived=True) from exc


def _refusal(word: str) -> DeliveryError | None:
    """What Slack's own word for an error means to the outbox; None for a word that we do not know."""
    if word in _RATE_LIMITED:
        return DeliveryDeferred("Slack asks to wait", retry_after=DEFAULT_WAIT)
    if word in _TRANSIENT:
        return DeliveryDeferred(f"Slack is in trouble ({word})", may_have_arrived=word in _AMBIGUOUS)
    return _rejection(word, _STEPS[word]) if word in _STEPS else None


def _rejection(word: str, step: str) -> DeliveryRejected:
    # Only Slack's own word proves that the receiver is well; a status may be that of somebody on the way.
    is_message = _STEPS.get(word) == _FAULT_STEP and not word.startswith("http_")
    return (MessageRejected if is_message else DeliveryRejected)(f"Slack refused ({word}): {step}", reason=word)


def _in_words(error: object) -> str:
    """The system's words for it; never `str(error)`, which may quote what must not be shown."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _host_and_path(url: str) -> tuple[str | None, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, ""
    return (parts.hostname if parts.scheme in ("http", "https") else None), parts.path


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
