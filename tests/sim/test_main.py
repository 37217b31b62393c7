"""`python -m wamon.sim`."""

import asyncio
import re
import signal
import subprocess
import sys

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.sim.callers import slack_channel, small_world
from wamon.sim.__main__ import introduction, main, run
from wamon.sim.serve import serve

URL = re.compile(r"http://127\.0\.0\.1:\d+")


def test_introduction_gives_the_environment_for_a_run() -> None:
    world, _ = small_world()
    channel, _ = slack_channel()

    text = introduction(world, channel, graph_url="http://graph", slack_url="http://slack")

    exported = dict(re.findall(r"^export (\w+)=(.+)$", text, re.MULTILINE))
    assert exported == {
        "WAMON_GRAPH_BASE_URL": "http://graph",
        "WAMON_WABA_ID": next(iter(world.wabas)),
        "WAMON_ACCESS_TOKEN": world.token("system-user").value,
        "WAMON_APP_ID": next(iter(world.apps)),
        "WAMON_APP_SECRET": next(iter(world.apps.values())).secret,
        "WAMON_SLACK_WEBHOOK_URL": f"http://slack{channel.webhook_path}",
    }


def test_introduction_names_the_verify_token_where_webhooks_are_sent() -> None:
    world, _ = small_world()
    channel, _ = slack_channel()

    text = introduction(
        world, channel, graph_url="http://graph", slack_url="http://slack", webhook_url="http://w/webhook"
    )

    assert "\nexport WAMON_VERIFY_TOKEN=simulated-verify-token\n" in text


def test_webhooks_are_sent_once_the_daemon_has_answered_the_handshake(capsys: pytest.CaptureFixture[str]) -> None:
    world, world_clock = small_world()
    channel, _ = slack_channel()
    posted = asyncio.Event()

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            posted.set()
        return PlainTextResponse(request.query_params.get("hub.challenge", ""))

    receiver = Starlette(routes=[Route("/webhook", answer, methods=["GET", "POST"])])

    async def nap(seconds: float) -> None:
        world_clock.advance(seconds)
        await asyncio.sleep(0)

    async def scenario() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group, serve(receiver) as url:
            serving = group.create_task(
                run(world, channel, port=0, slack_port=0, webhook_url=f"{url}/webhook", per_hour=60, sleep=nap)
            )
            await posted.wait()
            serving.cancel()

    asyncio.run(scenario())

    assert "answered the handshake" in capsys.readouterr().out


def test_app_has_the_webhook_url_before_anybody_answers_there(capsys: pytest.CaptureFixture[str]) -> None:
    world, world_clock = small_world()
    channel, _ = slack_channel()
    asked = asyncio.Event()

    async def nap(seconds: float) -> None:
        world_clock.advance(seconds)
        asked.set()
        await asyncio.sleep(0)

    async def scenario() -> str:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            serving = group.create_task(
                run(world, channel, port=0, slack_port=0, webhook_url="http://127.0.0.1:9/webhook", sleep=nap)
            )
            await asked.wait()
            serving.cancel()
        return next(iter(world.apps.values())).subscriptions[0].callback_url

    assert asyncio.run(scenario()) == "http://127.0.0.1:9/webhook"
    assert "answered the handshake" not in capsys.readouterr().out


def test_both_sides_are_served_until_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    world, _ = small_world()
    channel, _ = slack_channel()

    async def scenario() -> tuple[int, int]:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            serving = group.create_task(run(world, channel, port=0, slack_port=0))
            printed = ""
            while not printed:
                await asyncio.sleep(0)
                printed = capsys.readouterr().out
            graph_url, slack_url = URL.findall(printed)[:2]
            async with httpx.AsyncClient(trust_env=False) as client:
                graph = await client.get(f"{graph_url}/v25.0/debug_token")
                control = await client.get(f"{slack_url}/_sim")
            serving.cancel()
        return graph.status_code, control.status_code

    assert asyncio.run(scenario()) == (401, 200)


def test_process_ends_quietly_on_interrupt() -> None:
    command = [sys.executable, "-m", "wamon.sim", "--port", "0", "--slack-port", "0", "--fleet", "2"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export WAMON_GRAPH_BASE_URL=http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()

    assert (process.returncode, errors) == (0, "")


def test_help_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    assert "--slack-port" in capsys.readouterr().out
