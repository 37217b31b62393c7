"""The control endpoints, as a curl with curl uses them."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from tests.fakes import FakeClock
from tests.sim.callers import first_number, first_waba, get, request, small_world
from wamon.sim.control import Webhooks, with_control
from wamon.sim.sender import Sender
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.traffic import Traffic
from wamon.sim.webhooks import signature
from wamon.sim.world import World


class Curl:
    def __init__(self) -> None:
        self.world: World
        self.clock: FakeClock
        self.world, self.clock = small_world()
        self.channel = SlackChannel(now=self.clock.now)
        self.traffic = Traffic(self.world, random.Random(1))
        self.posted: list[httpx.Request] = []
        self.sender = Sender(
            self.world,
            self.traffic.due,
            sleep=self.clock.sleep,
            random=random.Random(2),
            transport=httpx.MockTransport(self.receive),
        )
        webhooks = Webhooks(traffic=self.traffic, sender=self.sender)
        self.app: ASGIApp = with_control(slack_app(self.channel), self.world, self.channel, webhooks)

    def receive(self, request: httpx.Request) -> httpx.Response:
        self.posted.append(request)
        is_forged = self.forged_secret in request.headers["x-hub-signature-256"]
        return httpx.Response(401 if is_forged else 200)

    @property
    def forged_secret(self) -> str:
        app = next(iter(self.world.apps.values()))
        return signature(f"not {app.secret}", self.posted[-1].content)

    def __call__(self, method: str, path: str, /, **body: Any) -> httpx.Response:
        options = {"json": body} if method == "POST" else {}
        return request(self.app, method, path, **options)


def test_help_lists_the_endpoints_and_the_page_stays_where_it_was() -> None:
    curl = Curl()

    assert "POST /_sim/faults" in curl("GET", "/_sim").text
    assert "simulated Slack" in curl("GET", "/").text


def test_number_changes_and_goes() -> None:
    curl = Curl()
    path = f"/_sim/numbers/{first_number(curl.world)}"

    answer = curl("POST", path, quality_rating="RED", raw={"status": None})
    changed = curl.world.number(first_number(curl.world))
    curl("DELETE", path)

    assert answer.json() == {"ok": True, "changed": ["quality_rating", "raw"]}
    assert (changed.quality_rating, changed.raw) == ("RED", {"status": None})
    assert len(curl.world.numbers) == 3


@pytest.mark.parametrize("health", ["BLOCKED", "LIMITED", "AVAILABLE"])
def test_health_is_set_by_its_word(health: str) -> None:
    curl = Curl()
    waba = curl.world.waba(first_waba(curl.world))
    waba.health.block(1, "before")

    curl("POST", f"/_sim/wabas/{waba.id}", health=health, account_review_status="PENDING")

    assert (waba.health.can_send_message, waba.account_review_status) == (health, "PENDING")


def test_app_fields_reach_its_subscription() -> None:
    curl = Curl()
    app = next(iter(curl.world.apps.values()))

    curl("POST", f"/_sim/apps/{app.id}", callback_url="https://other.example.com", fields=["messages"], name="New")

    subscription = app.subscriptions[0]
    assert (app.name, subscription.callback_url, subscription.fields) == (
        "New",
        "https://other.example.com",
        ["messages"],
    )


def test_token_ends_when_told_is_revoked_and_renewed() -> None:
    curl = Curl()
    token = curl.world.token("system-user")

    curl("POST", "/_sim/tokens/system-user", expires_at=3600, data_access_expires_at=None)
    expires_at = token.expires_at
    curl("POST", "/_sim/tokens/system-user/revoke", subcode=460)
    revoked = (token.is_revoked, token.dead_subcode)
    curl("POST", "/_sim/tokens/system-user/renew")

    assert expires_at == curl.clock.now() + timedelta(hours=1)
    assert revoked == (True, 460)
    assert not token.is_revoked


def test_subscription_is_taken_away_and_given_back() -> None:
    curl = Curl()
    waba = curl.world.waba(first_waba(curl.world))
    path = f"/_sim/wabas/{waba.id}/subscribed_apps/{waba.subscribed_apps[0].app_id}"

    curl("DELETE", path)
    lost = list(waba.subscribed_apps)
    curl("POST", path, override_callback_uri="https://other.example.com")

    assert lost == []
    assert waba.subscribed_apps[0].override_callback_uri == "https://other.example.com"


def test_faults_are_added_shown_and_cleared() -> None:
    curl = Curl()

    curl("POST", "/_sim/faults", kind="hang", path="debug_token", times=2, seconds=30)
    curl("POST", "/_sim/slack/faults", kind="rate_limited", retry_after=5)
    shown = curl("GET", "/_sim/faults").json()
    slack_shown = curl("GET", "/_sim/slack/faults").json()
    curl("DELETE", "/_sim/faults")

    assert shown == [{"kind": "hang", "path": "debug_token", "times": 2, "hits": 0, "seconds": 30}]
    assert slack_shown[0]["retry_after"] == 5
    assert len(curl.world.faults) == 0
    assert len(curl.channel.faults) == 1


def test_calls_and_messages_are_shown() -> None:
    curl = Curl()
    for _ in range(3):
        get(curl.world, f"/v25.0/{first_waba(curl.world)}", fields="name")
    curl.channel.accept({"text": "hello", "blocks": [{"type": "divider"}]}, via="webhook")

    calls = curl("GET", "/_sim/calls?last=2").json()
    messages = curl("GET", "/_sim/slack").json()

    assert (calls["count"], [call["fields"] for call in calls["last"]]) == (3, ["name", "name"])
    assert (messages["count"], messages["messages"][0]["text"]) == (1, "hello")


def test_world_is_shown_without_its_secrets() -> None:
    curl = Curl()
    app = next(iter(curl.world.apps.values()))

    answer = curl("GET", "/_sim/world")

    assert first_number(curl.world) in answer.text
    assert app.secret not in answer.text
    assert curl.world.token("system-user").value not in answer.text


def test_slack_itself_can_be_changed() -> None:
    curl = Curl()

    curl("POST", "/_sim/slack", is_archived=True)

    assert curl.channel.is_archived


def test_story_is_told_beat_by_beat() -> None:
    curl = Curl()

    titles = [beat["title"] for beat in curl("GET", "/_sim/story").json()]
    told = curl("POST", f"/_sim/story/{titles.index('Quality falls to RED')}").json()

    assert titles[:2] == ["Messages flow", "A bad campaign starts"]
    assert "RED" in told["narration"]
    assert curl.world.number(first_number(curl.world)).quality_rating == "RED"


def test_account_event_is_told_by_webhook() -> None:
    curl = Curl()
    waba_id = first_waba(curl.world)

    curl("POST", "/_sim/webhooks", waba_id=waba_id, field="account_update", value={"event": "ACCOUNT_DELETED"})
    asyncio.run(curl.sender.step())
    shown = curl("GET", "/_sim/webhooks").json()

    assert b"ACCOUNT_DELETED" in curl.posted[0].content
    assert (shown["account_events"], shown["posts"], shown["is_idle"]) == ({"account_update": 1}, 1, True)


def test_traffic_starts_is_shown_counted_and_stopped() -> None:
    curl = Curl()
    number_id = first_number(curl.world)

    started = curl(
        "POST",
        "/_sim/traffic",
        number_id=number_id,
        per_hour=600,
        minutes=30,
        category="marketing",
        undelivered=0.1,
        failed={"131026": 0.2},
    ).json()
    curl("POST", f"/_sim/numbers/{number_id}/opt_out")
    curl.clock.advance(600)
    asyncio.run(curl.sender.step())
    told = curl("GET", "/_sim/webhooks").json()["numbers"][number_id]
    shown = curl("GET", "/_sim/traffic").json()
    stopped = curl("DELETE", "/_sim/traffic/0")

    assert (started["per_hour"], started["mix"]["failed"], started["index"]) == (600, {"131026": 0.2}, 0)
    assert [campaign["messages"] for campaign in shown] == [told["messages"]]
    assert told["failures"]["131026"] == told["statuses"]["failed"] > 5
    assert told["opt_outs"] == 1
    assert (stopped.json(), curl.traffic.campaigns) == ({"ok": True}, [])


def test_mischief_changes_by_its_parts() -> None:
    curl = Curl()

    curl("POST", "/_sim/webhooks/mischief", repeated=0.5, most_in_body=100)

    assert (curl.sender.mischief.repeated, curl.sender.mischief.most_in_body, curl.sender.mischief.late) == (
        0.5,
        100,
        0,
    )


def test_forged_body_shows_the_receivers_answer() -> None:
    assert Curl()("POST", "/_sim/webhooks/forged").json() == {"answer": 401}


def test_without_a_webhook_url_nothing_can_be_sent() -> None:
    world, clock = small_world()
    channel = SlackChannel(now=clock.now)
    app = with_control(slack_app(channel), world, channel)

    assert request(app, "GET", "/_sim/traffic").status_code == 404
    assert request(app, "GET", "/_sim/story").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/_sim/numbers/1", {}, 404, "no 1; known: 106540"),
        ("POST", "/_sim/numbers/{number}", {"quality": "RED"}, 400, "no field quality; known: account_mode"),
        ("POST", "/_sim/numbers/{number}", {"id": "1"}, 400, "no field id"),
        ("POST", "/_sim/numbers/{number}", {"health": "ILL"}, 400, "health must be"),
        ("POST", "/_sim/tokens/system-user", {"expires_at": "soon"}, 400, "seconds from this moment"),
        ("POST", "/_sim/tokens/system-user/revoke", {"subcode": "x"}, 400, "subcode must be a number"),
        ("POST", "/_sim/faults", {"kind": "hangs"}, 400, "no fault 'hangs'"),
        ("POST", "/_sim/faults", {"kind": "hang", "times": "x"}, 400, "times a number"),
        ("POST", "/_sim/slack", {"name": "x"}, 400, "no field name"),
        ("POST", "/_sim/story/99", {}, 404, "beats"),
        ("POST", "/_sim/webhooks", {"waba_id": "1"}, 400, "waba_id must be one of 102290"),
        ("POST", "/_sim/webhooks/mischief", {"late": -1}, 400, "late must be a number from 0"),
        ("POST", "/_sim/webhooks/mischief", {"lost": 1}, 400, "no field lost"),
        ("POST", "/_sim/traffic", {"number_id": "1"}, 400, "number_id must be one of 106540"),
        ("POST", "/_sim/traffic", {"number_id": "{number}"}, 400, "per_hour must be a number"),
        ("POST", "/_sim/traffic", {"number_id": "{number}", "per_hour": "x"}, 400, "per_hour must be a number"),
        ("DELETE", "/_sim/traffic/7", {}, 404, "there are 0 campaigns"),
        ("POST", "/_sim/numbers/1/opt_out", {}, 404, "no 1"),
        ("GET", "/_sim/calls?last=x", {}, 400, "last must be a number"),
        ("GET", "/_sim/nothing", {}, 404, "Not Found"),
    ],
)
def test_mistake_is_answered_with_what_would_be_right(
    method: str, path: str, body: dict[str, Any], status: int, told: str
) -> None:
    curl = Curl()
    number_id = first_number(curl.world)
    if body.get("number_id") == "{number}":
        body = {**body, "number_id": number_id}

    answer = curl(method, path.format(number=number_id), **body)

    assert answer.status_code == status
    assert told in answer.text


@pytest.mark.parametrize(("content", "told"), [(b"quality=RED", "not JSON"), (b"[]", "a JSON object is wanted")])
def test_body_must_be_a_json_object(content: bytes, told: str) -> None:
    curl = Curl()

    answer = request(curl.app, "POST", f"/_sim/numbers/{first_number(curl.world)}", content=content)

    assert (answer.status_code, told in answer.text) == (400, True)
