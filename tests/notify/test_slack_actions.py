"""What is pressed under a message: who may, what becomes of it, and what the person is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from tests.fakes import START, FakeClock
from wamon.core.errors import DeliveryDeferred, DeliveryRejected
from wamon.core.outgoing import Press
from wamon.notify.slack.actions import (
    FAILURE,
    MOST_WAITING,
    REFUSAL,
    WORKERS,
    SlackActions,
    click_of,
)

PAYLOAD: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0ANNA", "username": "anna", "name": "anna", "team_id": "T1"},
    "container": {
        "type": "message",
        "message_ts": "1548261231.000200",
        "channel_id": "C0ALERTS",
        "is_ephemeral": False,
    },
    "channel": {"id": "C0ALERTS", "name": "alerts"},
    "message": {"ts": "1548261231.000200", "text": "secret-text", "thread_ts": "1548261231.000200"},
    "actions": [
        {"type": "button", "action_id": "wamon_acknowledge", "value": "7", "action_ts": "1548426417.840180"},
    ],
}
PRESS = Press(
    act_id="slack:1548426417.840180:1548261231.000200:U0ANNA:wamon_acknowledge",
    action="acknowledge",
    value="7",
    user_id="U0ANNA",
    user="anna",
)


def changed(path: str, value: object) -> dict[str, Any]:
    """The payload with one thing another, or without it (for None)."""
    payload = deepcopy(PAYLOAD)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    holder: Any = payload
    for step in steps:
        holder = holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return payload


class Desk:
    """Everything around the actions."""

    def __init__(self, *allowed: str, groups: Mapping[str, frozenset[str]] | None = None) -> None:
        self.clock = FakeClock(START)
        self.pressed: list[Press] = []
        self.told: list[tuple[str, str, str, str | None]] = []
        self.counted: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.answered = asyncio.Semaphore(0)
        self.groups = dict(groups or {})
        self.act: Callable[[Press], Awaitable[str]] = self._act
        self.actions = SlackActions(
            self._press,
            frozenset(allowed),
            self._reply,
            self,
            members=self._members,
            clock=self.clock,
        )

    async def _press(self, press: Press) -> str:
        return await self.act(press)

    async def _act(self, press: Press) -> str:
        self.pressed.append(press)
        return "Acknowledged by anna."

    async def _reply(self, user: str, text: str, channel: str, thread_ts: str | None) -> None:
        self.told.append((user, text, channel, thread_ts))
        self.answered.release()

    async def _members(self, group: str) -> frozenset[str]:
        self.asked.append(group)
        if group not in self.groups:
            raise DeliveryRejected("Slack refused (missing_scope)", reason="missing_scope")
        return self.groups[group]

    def slack_action(self, action: str, outcome: str) -> None:
        self.counted.append((action, outcome))

    def handle(self, payload: Mapping[str, Any] = PAYLOAD) -> None:
        asyncio.run(self.actions.handle(payload))


def test_press_of_an_allowed_user_is_done_and_answered_in_the_thread() -> None:
    desk = Desk("U0ANNA")

    desk.handle()

    assert desk.pressed == [PRESS]
    assert desk.told == [("U0ANNA", "Acknowledged by anna.", "C0ALERTS", "1548261231.000200")]
    assert desk.counted == [("acknowledge", "done")]


@pytest.mark.parametrize("action", ["acknowledge", "silence_1h", "silence_4h", "silence_24h"])
def test_every_action_of_ours_is_known(action: str) -> None:
    desk = Desk("*")

    desk.handle(changed("actions.0.action_id", f"wamon_{action}"))

    assert [press.action for press in desk.pressed] == [action]


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", ["*", "U0ANNA", "S0ONCALL", "C0ALERTS"])
def test_everybody_a_user_a_group_or_a_channel_may(allowed: str) -> None:
    desk = Desk("U0SOMEBODY", allowed, groups={"S0ONCALL": frozenset({"U0ANNA"})})

    desk.handle()

    assert desk.counted == [("acknowledge", "done")]


@pytest.mark.parametrize("allowed", [(), ("U0ANN",), ("u0anna",), ("C0OTHER",), ("S0OTHER",), ("anna",)])
def test_anybody_else_is_refused_and_told_how_to_be_let_in(allowed: tuple[str, ...]) -> None:
    desk = Desk(*allowed, groups={"S0OTHER": frozenset({"U0BEN"})})

    desk.handle()

    assert desk.pressed == []
    assert desk.told == [("U0ANNA", REFUSAL, "C0ALERTS", "1548261231.000200")]
    assert "WAMON_SLACK_ALLOWED_USERS" in REFUSAL
    assert desk.counted == [("acknowledge", "refused")]


def test_group_is_asked_for_again_after_five_minutes() -> None:
    desk = Desk("S0ONCALL", groups={"S0ONCALL": frozenset({"U0ANNA"})})

    desk.handle()
    desk.groups["S0ONCALL"] = frozenset()
    desk.clock.advance(299)
    desk.handle()
    desk.clock.advance(1)
    desk.handle()

    assert desk.asked == ["S0ONCALL"] * 2
    assert [outcome for _, outcome in desk.counted] == ["done", "done", "refused"]


def test_clock_that_goes_back_does_not_keep_a_group_for_ever() -> None:
    desk = Desk("S0ONCALL", groups={"S0ONCALL": frozenset({"U0ANNA"})})

    desk.handle()
    desk.clock.step(-3600)
    desk.handle()

    assert len(desk.asked) == 2


def test_group_that_cannot_be_read_lets_nobody_in_and_the_next_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk("S0HIDDEN", "S0ONCALL", groups={"S0ONCALL": frozenset({"U0ANNA"})})

    desk.handle()
    desk.groups = {}
    desk.clock.advance(600)
    desk.handle()

    assert [outcome for _, outcome in desk.counted] == ["done", "refused"]
    assert "slack user group cannot be read" in caplog.text


# --- what is an act ---------------------------------------------------------------------------------------------------


def test_click_delivered_twice_is_one_act() -> None:
    again = changed("trigger_id", "another")

    assert click_of(PAYLOAD) == click_of(again)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("actions.0.action_ts", "1548426417.840181"),
        ("user.id", "U0BEN"),
        ("container.message_ts", "1548261231.000201"),
        ("actions.0.action_id", "wamon_silence_1h"),
    ],
)
def test_two_clicks_are_two_acts(path: str, value: str) -> None:
    first, second = click_of(PAYLOAD), click_of(changed(path, value))

    assert first is not None
    assert second is not None
    assert first.press.act_id != second.press.act_id


def test_button_that_opens_a_page_is_nothing_to_do() -> None:
    desk = Desk("*")

    desk.handle(changed("actions.0.action_id", "wamon_open"))

    assert (desk.pressed, desk.told, desk.counted) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "view_submission"),
        ("type", None),
        ("actions", None),
        ("actions", []),
        ("actions", {}),
        ("actions", [PAYLOAD["actions"][0]] * 2),
        ("actions.0", "text"),
        ("actions.0.action_id", "launch_missiles"),
        ("actions.0.action_id", "wamon_"),
        ("actions.0.action_id", "wamon_close"),
        ("actions.0.action_id", 7),
        ("actions.0.value", None),
        ("actions.0.value", ""),
        ("actions.0.value", "7" * 201),
        ("actions.0.action_ts", None),
        ("actions.0.action_ts", "1548426417"),
        ("actions.0.action_ts", "1548426417.840180\n"),
        ("user", None),
        ("user", "U0ANNA"),
        ("user.id", "anna"),
        ("user.id", "U0ANNA secret-text"),
        ("container", None),
        ("container.type", "view"),
        ("container.channel_id", None),
        ("container.channel_id", "#alerts"),
        ("container.message_ts", None),
    ],
)
def test_malformed_payload_is_counted_and_not_quoted(
    path: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk("*")

    desk.handle(changed(path, value))

    assert (desk.pressed, desk.told) == ([], [])
    assert desk.counted == [("unknown", "malformed")]
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert "slack button not obeyed" in logged
    assert "secret-text" not in logged
    assert "missiles" not in logged


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Anna\x00 \u202eB", "Anna B"), ("x" * 200, "x" * 80), ("", "anna"), ("\n", "anna"), (7, "anna"), (None, "anna")],
)
def test_name_of_the_person_is_made_fit_to_be_shown(name: object, shown: str) -> None:
    click = click_of(changed("user.name", name))

    assert click is not None
    assert click.press.user == shown


def test_person_without_a_name_is_called_by_the_id() -> None:
    click = click_of({**PAYLOAD, "user": {"id": "U0ANNA"}})

    assert click is not None
    assert click.press.user == "U0ANNA"


@pytest.mark.parametrize(
    ("payload", "thread_ts"),
    [
        (changed("message.thread_ts", None), None),
        (changed("message", None), None),
        (changed("message", "text"), None),
        (changed("message.thread_ts", "text"), None),
        (changed("container.thread_ts", "1500000000.000001"), "1500000000.000001"),
    ],
)
def test_answer_goes_to_a_thread_only_where_there_is_one(payload: dict[str, Any], thread_ts: str | None) -> None:
    click = click_of(payload)

    assert click is not None
    assert click.thread_ts == thread_ts


# --- what fails -------------------------------------------------------------------------------------------------------


def test_act_that_fails_is_told_and_counted_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk("*")

    async def fail(press: Press) -> str:
        raise RuntimeError("secret-text")

    desk.act = fail
    desk.handle()

    assert desk.told == [("U0ANNA", FAILURE, "C0ALERTS", "1548261231.000200")]
    assert desk.counted == [("acknowledge", "failed")]
    assert "secret-text" not in caplog.text


def test_answer_that_cannot_be_shown_does_not_undo_the_act(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk("*")

    async def no_reply(user: str, text: str, channel: str, thread_ts: str | None) -> None:
        raise DeliveryDeferred("Slack cannot be reached")

    desk.actions = SlackActions(desk.act, frozenset("*"), no_reply, desk, members=desk._members, clock=desk.clock)
    desk.handle()

    assert len(desk.pressed) == 1
    assert desk.counted == [("acknowledge", "done")]
    assert "answer to a pressed button not shown" in caplog.text


def test_presses_are_done_while_others_are_still_answered() -> None:
    desk = Desk("*")
    started, may_end = asyncio.Semaphore(0), asyncio.Event()

    async def slow(press: Press) -> str:
        desk.pressed.append(press)
        started.release()
        await may_end.wait()
        return "Done."

    async def scenario() -> None:
        desk.act = slow
        running = asyncio.ensure_future(desk.actions.run())
        assert all(desk.actions.take(PAYLOAD) for _ in range(WORKERS))
        for _ in range(WORKERS):
            await started.acquire()
        assert len(desk.pressed) == WORKERS
        may_end.set()
        for _ in range(WORKERS):
            await desk.answered.acquire()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scenario())

    assert desk.counted == [("acknowledge", "done")] * WORKERS


def test_more_than_can_be_looked_after_are_not_taken() -> None:
    desk = Desk("*")

    assert all(desk.actions.take(PAYLOAD) for _ in range(MOST_WAITING))
    assert not desk.actions.take(PAYLOAD)
    assert desk.counted == [("unknown", "failed")]
