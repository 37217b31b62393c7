"""The pages in a real browser: they show what they should, and fetch nothing from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.crash.lab import PATIENCE_SECONDS, lab, until
from tests.tools import require_tool

pytestmark = pytest.mark.alone

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter,AutofillServerCommunication",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--headless",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-sandbox",
)
# What Chromium asks for by itself at every start, whatever page it shows.
ITS_OWN_HOSTS = frozenset({"accounts.google.com", "clients2.google.com", "update.googleapis.com"})


@asynccontextmanager
async def way_out() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy for everything that is not on loopback: it refuses, and notes which hosts a page wanted."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, target, *_ = (await reader.readline()).decode(errors="replace").split()
        host = urlsplit(target if "://" in target else f"//{target}").hostname or target
        asked.extend({host} - ITS_OWN_HOSTS)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def document(program: str, url: str, profile: Path) -> tuple[str, list[str]]:
    """The page's document after its scripts ran, and the hosts elsewhere that it wanted something of."""
    async with way_out() as (proxy, asked):
        process = await asyncio.create_subprocess_exec(
            program,
            *QUIET,
            f"--proxy-server={proxy}",
            f"--user-data-dir={profile}",
            "--dump-dom",
            url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return printed.decode(), asked


def test_overview_and_slack_page_show_the_alert_and_fetch_nothing_from_elsewhere(tmp_path: Path) -> None:
    program = require_tool("chromium")

    async def story() -> None:
        async with lab(tmp_path / "wamon") as it:
            it.world.number(it.waba.number_ids[0]).quality_rating = "RED"
            process = await it.start()
            await until(lambda: it.channel.messages)
            page = await it.page()

            landing, wanted_by_landing = await document(program, page, tmp_path / "profile-1")
            slack, wanted_by_slack = await document(program, it.slack_url, tmp_path / "profile-2")

            assert "1 critical alert is open." in landing
            assert "Quality rating RED" in landing
            assert "/metrics" in landing
            assert "CRITICAL  Quality rating RED" in slack
            assert (wanted_by_landing, wanted_by_slack) == ([], [])
            assert await it.stop(process) == 0

    asyncio.run(story())


def test_page_that_fetches_from_elsewhere_is_found_out(tmp_path: Path) -> None:
    program = require_tool("chromium")

    page = "data:text/html,<p>hello<img src=http://elsewhere.example.net/x.png>"
    shown, wanted = asyncio.run(document(program, page, tmp_path / "profile"))

    assert "hello" in shown
    assert wanted == ["elsewhere.example.net"]
