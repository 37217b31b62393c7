"""Secrets that can be told from everything else are planted, things go wrong, and every artefact is searched for them.

Whoever the daemon talks to sends the secrets back: in errors, in pages, in links, in exceptions that quote the URL.
"""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.configured import logging_restored
from tests.fakes import FakeClock
from tests.security.burrow import (
    APP_SECRET,
    BOT_TOKEN,
    CANARIES,
    SECRETS,
    TOKEN,
    VERIFY_TOKEN,
    WEBHOOK_PATH,
    Burrow,
    Misfortune,
    burrow,
    leaks,
)
from tests.security.outside import Outside
from wamon.config.sources import SECRET_KEYS
from wamon.sim.slack import SlackChannel

# --- what may happen on the way to Meta -------------------------------------------------------------------------------


def unconnected(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"no route for {request.url} with {request.headers['authorization']}")


def timed_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout(f"no answer to {request.url} with {request.headers['authorization']}")


def broken_off(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError(f"nonsense on {request.url}: {request.headers['authorization']}")


def refused_by_the_system(request: httpx.Request) -> httpx.Response:
    raise OSError(113, f"no route to host for {request.url} {request.headers['authorization']}")


def web_page(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, html=f"<h1>Log in</h1><a href='{request.url}'>{request.headers['authorization']}</a>")


def gateway_page(request: httpx.Request) -> httpx.Response:
    return httpx.Response(502, html=f"<h1>Bad gateway</h1>{request.url} {request.headers['authorization']}")


def elsewhere(request: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"location": f"https://collector.example/?access_token={TOKEN}&s={APP_SECRET}"})


def meta_error(code: int, words: str, *, status: int = 400) -> Misfortune:
    """Meta's error envelope, whose texts quote what came with the request."""

    def answer(request: httpx.Request) -> httpx.Response:
        quoted = f"{words} {request.url} {request.headers['authorization']} {TOKEN} {APP_SECRET}"
        error = {"message": quoted, "code": code, "type": "OAuthException", "error_data": {"details": quoted}}
        error |= {"error_user_title": quoted, "error_user_msg": quoted, "fbtrace_id": "A1"}
        headers = {"www-authenticate": f'OAuth "invalid_token" "{TOKEN}"'}
        return httpx.Response(status, json={"error": error}, headers=headers)

    return answer


MISFORTUNES = {
    "no connection": unconnected,
    "timeout": timed_out,
    "broken answer": broken_off,
    "system error": refused_by_the_system,
    "HTML with status 200": web_page,
    "HTML of a gateway": gateway_page,
    "redirect": elsewhere,
    "dead token": meta_error(190, "Error validating access token", status=401),
    "refused field": meta_error(100, "(#100) Tried accessing nonexisting field (quality_score) on node type (X)"),
    "refused parameter": meta_error(100, "(#100) Invalid parameter access_token=EAAx"),
    "refused proof": meta_error(100, "Invalid appsecret_proof provided in the API argument"),
    "permission": meta_error(10, "(#10) No permission"),
    "throttled": meta_error(80008, "(#80008) Too many calls", status=429),
    "code in no list": meta_error(987654, "Something"),
}


def test_the_secrets_really_travel(tmp_path: Path) -> None:
    """Else the other tests would find nothing because there is nothing to find."""

    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.world.faults.add("paging_loop")
            await made.look()
            return made

    made = asyncio.run(story())

    sent = "\n".join(made.meta.seen)
    assert set(leaks(sent)) == {"access_token", "app_secret", "appsecret_proof"}
    assert f"Bearer {TOKEN}" in sent
    assert "access_token" in leaks("\n".join(answer for answer in made.meta.answers if '"next":' in answer))


def test_every_secret_that_can_be_configured_has_a_canary() -> None:
    assert CANARIES.keys() == SECRET_KEYS


def test_receivers_were_really_told(tmp_path: Path) -> None:
    """And each secret of theirs was on its way to where it belongs."""

    async def story() -> Burrow:
        async with burrow(tmp_path, alertmanager_urls="{outside}/am") as made:
            made.number.quality_rating = "RED"
            await made.look()
            return made

    made = asyncio.run(story())

    assert set(made.outside.paths) == {
        f"/{CANARIES['webhook_url']}",
        f"/{CANARIES['heartbeat_url']}",
        "/am/api/v2/alerts",
    }
    assert any("WhatsAppQualityRating" in post for post in made.outside.posts)
    assert leaks(repr(made.settings.secrets())) == [name for name in SECRETS if name in CANARIES]


def test_pushed_alerts_show_no_secret(tmp_path: Path) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path, alerting_mode="push", alertmanager_urls="{outside}/am") as made:
            made.number.quality_rating = "RED"
            await made.look()
            return made

    made = asyncio.run(story())

    assert any("WhatsAppQualityRatingRed" in post for post in made.outside.posts)
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


def test_healthy_day_shows_no_secret(tmp_path: Path) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.number.quality_rating = "RED"
            await made.look()
            return made

    made = asyncio.run(story())

    assert len(made.channel.messages) == 2
    assert made.logged("alert transition")
    # Every page and answer was there to be searched.
    assert {route: code for route, code in made.visited.items() if code != 200} == {"/numbers": 308, "/numbers/": 308}
    assert {"/", "/metrics", "/alerts/{id}", "/api/v1/timeline", "/numbers/{phone_number_id}"} <= made.visited.keys()
    # The alias is how a token is called, and may be seen.
    assert 'whatsapp_token_valid{token="default"} 1.0' in made.daemon.scrape(False).decode()
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


@pytest.mark.parametrize("kind", MISFORTUNES)
def test_misfortune_that_quotes_the_secrets_shows_none(tmp_path: Path, kind: str) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.meta.misfortune = MISFORTUNES[kind]
            await made.look(rounds=4)
            # Long enough for the alerts about not seeing anything, whose messages carry the reason.
            made.clock.advance(3 * 3600)
            await made.look(rounds=4)
            made.meta.misfortune = None
            made.clock.advance(3 * 3600)
            await made.look()
            return made

    made = asyncio.run(story())

    assert made.logged("probe failed")
    assert made.channel.messages
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("foreign_next", {}),
        ("paging_loop", {}),
        ("unknown_field", {"field": "quality_score"}),
        ("no_expansion", {}),
        ("unknown_enum", {"field": "status"}),
        ("null", {"field": "verified_name"}),
        ("cut_json", {}),
        ("html_200", {}),
        ("served_version", {}),
    ],
)
def test_odd_answer_shows_no_secret(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.world.faults.add(kind, **options)
            await made.look(rounds=4)
            return made

    made = asyncio.run(story())

    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


def test_what_nobody_asked_for_is_not_kept(tmp_path: Path) -> None:
    """Meta's pages bring links with the token in them, and a number's certificate is one field further."""

    async def story() -> Burrow:
        async with burrow(tmp_path) as made:

            def generous(request: httpx.Request) -> httpx.Response:
                link = f"https://graph.example/v25.0/{made.waba.id}/phone_numbers?access_token={TOKEN}&after=x"
                paging = {"previous": link, "cursors": {"before": "x", "after": "x"}}
                number = {"id": made.number.id, "status": "CONNECTED", "quality_rating": "RED", "link": link}
                number |= {"certificate": SECRETS["number's certificate"], "pin": APP_SECRET}
                page = {"data": [number], "paging": paging}
                body = {"id": made.waba.id, "name": "Market", "phone_numbers": page, "token": TOKEN}
                return httpx.Response(200, json={**page, **body, "paging": {"next": link}})

            made.meta.misfortune = generous
            await made.look(rounds=4)
            return made

    made = asyncio.run(story())

    assert [message.text.split("  ")[1] for message in made.channel.messages][:1] == ["Quality rating RED"]
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


def test_dead_token_is_told_everywhere_by_its_alias_only(tmp_path: Path) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.world.revoke_token("system-user", subcode=463)
            await made.look()
            return made

    made = asyncio.run(story())

    assert made.channel.messages[0].text.startswith("CRITICAL  Access token is not valid  token default")
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


def test_error_of_our_own_is_logged_with_its_traceback_and_without_the_secrets(tmp_path: Path) -> None:
    """Here the redaction is needed: nobody knows what an exception that nobody expected has in its text."""

    def unexpected(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError(f"{request.url} {request.headers['authorization']} {TOKEN} {APP_SECRET}")

    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.meta.misfortune = unexpected
            await made.look(rounds=4)
            return made

    made = asyncio.run(story())

    (entry, *_) = made.logged("probe broke")
    assert "ZeroDivisionError" in str(entry["exception"])
    assert "Traceback" in made.console_log.getvalue()
    assert "[redacted]" in str(entry["exception"])
    assert made.all_leaks() == []
    assert "access_token" in leaks(made.raw.text())


# --- Slack ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("error", {"code": "invalid_auth"}),
        ("error", {"code": "invalid_payload"}),
        ("error", {"code": "no_service"}),
        ("error", {"code": "a_word_that_nobody_knows"}),
        ("error", {"code": f"bad_request {BOT_TOKEN} {WEBHOOK_PATH}"}),
        ("status", {"http_status": 503}),
        ("status", {"http_status": 404}),
        ("rate_limited", {}),
        ("reset", {}),
        ("accept_then_reset", {}),
    ],
)
def test_slack_in_trouble_shows_no_secret(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            made.channel.faults.add(kind, **options)
            made.number.quality_rating = "RED"
            await made.look(rounds=4)
            made.clock.advance(6 * 3600)
            await made.look()
            made.channel.faults.clear()
            made.clock.advance(6 * 3600)
            await made.look()
            return made

    made = asyncio.run(story())

    assert made.channel.calls
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"slack_webhook_url": f"http://127.0.0.1:9{WEBHOOK_PATH}"},
        {"slack_bot_token": BOT_TOKEN, "slack_channel": "x", "slack_base_url": "http://127.0.0.1:9/api"},
    ],
)
def test_slack_that_cannot_be_reached_shows_no_secret(tmp_path: Path, settings: dict[str, str]) -> None:
    async def story() -> Burrow:
        clock, nobody = FakeClock(), "http://127.0.0.1:9"
        channel = SlackChannel(now=clock.now)
        with logging_restored():
            made = Burrow(tmp_path, nobody, channel, clock, outside=Outside(), outside_url=nobody, **settings)
            async with made.daemon.opened():
                made.number.quality_rating = "RED"
                await made.daemon.first_round()
                await made.look(rounds=4)
        return made

    made = asyncio.run(story())

    assert made.channel.messages == []
    assert made.all_leaks() == []
    assert leaks(made.raw.text()) == []


# --- the search itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRETS)
def test_planted_secret_would_be_found(tmp_path: Path, name: str) -> None:
    secret = SECRETS[name]

    assert leaks(f"...{secret}...") == [name]
    assert name in leaks(quote(f"|{secret}|", safe=""))
    assert leaks(json.dumps({"text": secret})) == [name]


def test_log_line_with_a_secret_is_caught_by_the_net(tmp_path: Path) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            for secret in (TOKEN, APP_SECRET, VERIFY_TOKEN, BOT_TOKEN, f"{made.settings.slack_webhook_url}"):
                logging.getLogger("wamon.test").warning("leak", extra={"text": f"it is {secret}."})
            return made

    made = asyncio.run(story())

    assert len(leaks(made.raw.text())) == 5
    assert made.all_leaks() == []
