"""How often the fake Slack lets itself be called."""

import httpx
import pytest

from tests.sim.callers import slack_call, slack_channel
from wamon.sim.slack import SlackChannel


def call(channel: SlackChannel, name: str = "chat.postMessage", **payload: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {channel.bot_token}"}
    return slack_call(channel, f"/api/{name}", json={"channel": channel.id, "text": "x", **payload}, headers=headers)


def test_fifth_post_of_a_moment_waits_a_second() -> None:
    channel, clock = slack_channel()

    statuses = [call(channel).status_code for _ in range(4)]
    limited = call(channel)
    clock.advance(int(limited.headers["retry-after"]))

    assert statuses == [200] * 4
    assert (limited.status_code, limited.json(), limited.headers["retry-after"]) == (
        429,
        {"ok": False, "error": "ratelimited"},
        "1",
    )
    assert call(channel).json()["ok"]
    assert call(channel).status_code == 429
    assert channel.limits.hits == {"chat.postMessage": 2}
    assert len(channel.messages) == 5
    assert channel.calls[4].error == "ratelimited"


def test_each_channel_has_its_own_pace() -> None:
    channel, _ = slack_channel()
    ops = channel.workspace.add_channel("ops")

    statuses = [call(each).status_code for each in (channel, ops) for _ in range(4)]

    assert statuses == [200] * 8


def test_webhook_shares_the_pace_of_its_channel() -> None:
    channel, _ = slack_channel()

    answers = [slack_call(channel, channel.webhook_path, json={"text": "x"}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert (answers[4].text, answers[4].headers["retry-after"]) == ("rate_limited", "1")


@pytest.mark.parametrize("name", ["chat.update", "conversations.history", "conversations.replies"])
def test_tier_three_allows_fifty_a_minute_and_a_few_over(name: str) -> None:
    channel, clock = slack_channel()
    ts = call(channel).json()["ts"]

    statuses = []
    for _ in range(55):
        statuses.append(call(channel, name, ts=ts).status_code)
        clock.advance(0.5)
    limited = call(channel, name, ts=ts)
    clock.advance(int(limited.headers["retry-after"]))

    assert statuses == [200] * 55
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "33")
    assert call(channel, name, ts=ts).json()["ok"]


def test_whole_workspace_has_a_pace_too() -> None:
    channel, _ = slack_channel()
    channels = [channel.workspace.add_channel(f"room-{number}") for number in range(76)]

    answers = [channel.limits.retry_after("chat.postMessage", each.id) for each in channels for _ in range(4)]

    assert [answer for answer in answers if answer is not None] == [60] * 4


def test_limits_can_be_switched_off() -> None:
    channel, clock = slack_channel()
    channel.limits.is_on = False

    assert [call(channel).status_code for _ in range(10)] == [200] * 10
    assert SlackChannel(now=clock.now, limits=False).limits.is_on is False
    assert not channel.limits.hits


def test_clock_that_goes_back_locks_nobody_out() -> None:
    channel, clock = slack_channel()
    ts = call(channel).json()["ts"]
    for _ in range(55):
        call(channel, "chat.update", ts=ts)

    clock.step(-3600)

    assert call(channel, "chat.update", ts=ts).json()["ok"]
