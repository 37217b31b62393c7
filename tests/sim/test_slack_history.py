"""Reading back what is in the fake Slack."""

from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.sim.slack_callers import method, post, quiet_channel
from wamon.sim.slack import SlackChannel


def filled(count: int) -> tuple[SlackChannel, FakeClock, list[str]]:
    channel, clock = quiet_channel()
    stamps = []
    for number in range(count):
        stamps.append(post(channel, text=str(number))["ts"])
        clock.advance(10)
    return channel, clock, stamps


def history(channel: SlackChannel, /, **payload: Any) -> dict[str, Any]:
    return method(channel, "conversations.history", channel=channel.id, **payload)


def texts(answer: dict[str, Any]) -> str:
    return " ".join(message["text"] for message in answer["messages"])


def test_history_is_newest_first_and_holds_roots_and_broadcasts_only() -> None:
    channel, _, stamps = filled(2)
    post(channel, text="quiet", thread_ts=stamps[0])
    post(channel, text="loud", thread_ts=stamps[0], reply_broadcast=True)

    answer = history(channel)

    assert texts(answer) == "loud 1 0"
    assert [message.get("subtype") for message in answer["messages"]] == ["thread_broadcast", None, None]
    assert [message.get("reply_count") for message in answer["messages"]] == [None, None, 2]
    assert not answer["has_more"]
    assert "response_metadata" not in answer


def test_replies_are_oldest_first_from_the_root_on_whichever_message_is_named() -> None:
    channel, _, stamps = filled(2)
    reply = post(channel, text="first", thread_ts=stamps[0])["ts"]
    post(channel, text="second", thread_ts=stamps[0])

    answers = [method(channel, "conversations.replies", channel=channel.id, ts=ts) for ts in (stamps[0], reply)]

    assert [texts(answer) for answer in answers] == ["0 first second"] * 2
    assert texts(method(channel, "conversations.replies", channel=channel.id, ts=stamps[1])) == "1"


def test_metadata_comes_only_when_asked_for() -> None:
    channel, _ = quiet_channel()
    metadata = {"event_type": "wamon", "event_payload": {"outbox_id": 7}}
    ts = post(channel, metadata=metadata)["ts"]

    without = history(channel)["messages"][0]
    with_it = history(channel, include_all_metadata=True)["messages"][0]
    replies = method(channel, "conversations.replies", channel=channel.id, ts=ts, include_all_metadata="true")

    assert "metadata" not in without
    assert with_it["metadata"] == replies["messages"][0]["metadata"] == metadata


@pytest.mark.parametrize(
    ("oldest", "latest", "inclusive", "expected"),
    [
        (1, None, False, "4 3 2"),
        (1, None, True, "4 3 2 1"),
        (None, 3, False, "2 1 0"),
        (None, 3, True, "3 2 1 0"),
        (1, 3, False, "2"),
        (1, 3, True, "3 2 1"),
    ],
)
def test_span_counts_its_ends_only_when_told_to(
    oldest: int | None, latest: int | None, inclusive: bool, expected: str
) -> None:
    channel, _, stamps = filled(5)
    span = {name: stamps[at] for name, at in (("oldest", oldest), ("latest", latest)) if at is not None}

    assert texts(history(channel, inclusive=inclusive, **span)) == expected


def test_single_message_is_found_by_its_stamp_from_either_end() -> None:
    channel, _, stamps = filled(3)

    answers = [history(channel, limit=1, inclusive=True, **{end: stamps[1]}) for end in ("oldest", "latest")]

    assert [texts(answer) for answer in answers] == ["1", "1"]


@pytest.mark.parametrize(("forward", "expected"), [(False, ["4 3", "2 1", "0"]), (True, ["1 0", "3 2", "4"])])
def test_pages_follow_their_cursor_from_latest_back_or_from_oldest_on(forward: bool, expected: list[str]) -> None:
    channel, _, _ = filled(5)
    more = {"oldest": "0"} if forward else {}
    pages, cursor = [], ""
    while True:
        answer = history(channel, limit=2, cursor=cursor, **more)
        pages.append(texts(answer))
        if not answer["has_more"]:
            break
        cursor = answer["response_metadata"]["next_cursor"]

    assert pages == expected


def test_replies_come_in_pages_too() -> None:
    channel, _, stamps = filled(1)
    for number in range(3):
        post(channel, text=f"r{number}", thread_ts=stamps[0])
    ask = {"channel": channel.id, "ts": stamps[0], "limit": 3}

    first = method(channel, "conversations.replies", **ask)
    second = method(channel, "conversations.replies", cursor=first["response_metadata"]["next_cursor"], **ask)

    assert [texts(first), texts(second)] == ["0 r0 r1", "r2"]


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"cursor": "nonsense"}, "invalid_cursor"),
        ({"cursor": "bmV4dF90czoxLjA="}, "invalid_cursor"),
        ({"limit": "many"}, "invalid_limit"),
        ({"limit": -1}, "invalid_limit"),
        ({"oldest": "yesterday"}, "invalid_ts_oldest"),
        ({"latest": "today"}, "invalid_ts_latest"),
        ({"channel": "#wamon-alerts"}, "channel_not_found"),
    ],
)
def test_senseless_question_is_refused(payload: dict[str, Any], error: str) -> None:
    channel, _, _ = filled(1)

    assert method(channel, "conversations.history", **{"channel": channel.id, **payload})["error"] == error


def test_unknown_thread_is_not_found() -> None:
    channel, _ = quiet_channel()

    assert method(channel, "conversations.replies", channel=channel.id, ts="1.0")["error"] == "thread_not_found"


def test_history_can_lag_behind() -> None:
    channel, clock, stamps = filled(2)
    channel.faults.add("lagging_history", seconds=15, path="conversations.")
    ask = {"channel": channel.id, "ts": stamps[1]}

    early = (texts(history(channel)), method(channel, "conversations.replies", **ask).get("error"))
    clock.advance(10)

    assert early == ("0", "thread_not_found")
    assert texts(history(channel)) == "1 0"


def test_history_tells_people_from_the_bot() -> None:
    channel, _ = quiet_channel()
    post(channel)
    channel.say("looking", user="U0BEN")

    said, posted = history(channel)["messages"]

    assert (said["user"], said.get("bot_id")) == ("U0BEN", None)
    assert posted["bot_id"] == channel.workspace.BOT_ID
