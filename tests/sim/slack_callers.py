"""How these tests call the fake Slack's methods."""

from typing import Any

from tests.fakes import FakeClock
from tests.sim.callers import slack_call
from wamon.sim.slack import SlackChannel

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*CRITICAL* quality"}}


def quiet_channel() -> tuple[SlackChannel, FakeClock]:
    """A channel without rate limits."""
    clock = FakeClock()
    return SlackChannel(now=clock.now, limits=False), clock


def method(channel: SlackChannel, name: str, /, **payload: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {channel.bot_token}"}
    body = slack_call(channel, f"/api/{name}", json=payload, headers=headers).json()
    assert isinstance(body, dict)
    return body


def post(channel: SlackChannel, /, **payload: Any) -> dict[str, Any]:
    return method(channel, "chat.postMessage", **{"channel": channel.id, "text": "hello", **payload})


def buttons(*action_ids: str, **more: Any) -> list[dict[str, Any]]:
    """A message's blocks with a button for each."""
    elements = [
        {"type": "button", "action_id": each, "text": {"type": "plain_text", "text": each}, **more}
        for each in action_ids
    ]
    return [{"type": "actions", "block_id": "deeds", "elements": elements}]
