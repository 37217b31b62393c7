"""An incoming webhook as a receiver: it posts, and that is all."""

from typing import Final
from urllib.parse import urlsplit

from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.core.outgoing import Message, Receipt
from wamon.notify.blocks import blocks, fallback
from wamon.notify.slack.errors import STEPS, WEBHOOK_STEP, refusal, rejection, slack_word
from wamon.notify.slack.wire import DEADLINE_TIMEOUTS, TIMEOUT_SECONDS, WebhookPoster, Wire, in_thread

_OFFICIAL_HOST: Final = "hooks.slack.com"


class SlackWebhook:
    """An incoming webhook: it can post, and cannot edit, thread or be asked who it is."""

    threads: Final = None

    def __init__(self, url: str, *, name: str = "slack_webhook", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.name = name
        self._url = url
        self._client = WebhookPoster(url, Wire(timeout_seconds))
        self._deadline_seconds = DEADLINE_TIMEOUTS * timeout_seconds

    async def send(self, message: Message) -> Receipt:
        return await in_thread(lambda: self._post(message), deadline_seconds=self._deadline_seconds)

    async def check(self) -> str:
        """What the URL's form tells: a webhook cannot be tried without posting. Raises DeliveryRejected."""
        host, path = _host_and_path(self._url)
        if not host or not path.strip("/"):
            raise DeliveryRejected(f"the Slack webhook's URL is malformed: {WEBHOOK_STEP}", reason="invalid_url")
        if host == _OFFICIAL_HOST and not path.startswith("/services/"):
            raise DeliveryRejected(f"the Slack webhook's URL is not one: {WEBHOOK_STEP}", reason="invalid_url")
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
        status = f"http_{answer.status_code}"
        word = slack_word(body) or status
        raise refusal(word) or rejection(word, STEPS.get(status, WEBHOOK_STEP))


def _host_and_path(url: str) -> tuple[str | None, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, ""
    return (parts.hostname if parts.scheme in ("http", "https") else None), parts.path
