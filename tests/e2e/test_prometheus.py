"""A real Prometheus scrapes a real daemon."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.crash.lab import PATIENCE_SECONDS, lab
from tests.tools import require_tool

pytestmark = pytest.mark.alone

CONFIGURATION = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: wamon
    static_configs:
      - targets: ["{target}"]
"""
RED = 'whatsapp_phone_number_quality_rating{{job="wamon", phone_number_id="{number}", rating="RED"}}'


def configured(folder: Path, *, target: str) -> Path:
    folder.mkdir()
    file = folder / "prometheus.yml"
    file.write_text(CONFIGURATION.format(target=target), encoding="utf-8")
    return file


@asynccontextmanager
async def prometheus(program: str, folder: Path, *, target: str) -> AsyncIterator[str]:
    """Run it against one target; gives its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={configured(folder, target=target)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        await process.wait()


async def value(client: httpx.AsyncClient, expression: str) -> float | None:
    """What an instant query gives; None while there is no series, or no Prometheus yet."""
    try:
        answer = await client.get("/api/v1/query", params={"query": expression})
    except httpx.TransportError:
        return None
    found = answer.json()["data"]["result"] if answer.status_code == 200 else []
    return float(found[0]["value"][1]) if found else None


async def becomes(client: httpx.AsyncClient, expression: str, wanted: float) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await value(client, expression) != wanted:  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.1)


def test_rating_that_turns_red_is_one_in_prometheus(tmp_path: Path) -> None:
    program = require_tool("prometheus")

    async def story() -> None:
        async with lab(tmp_path / "wamon") as it:
            number = it.waba.number_ids[0]
            process = await it.start()
            page = await it.page()
            async with (
                prometheus(program, tmp_path / "prometheus", target=page.removeprefix("http://")) as url,
                httpx.AsyncClient(base_url=url, trust_env=False) as client,
            ):
                await becomes(client, 'up{job="wamon"}', 1)
                await becomes(client, RED.format(number=number), 0)

                it.world.number(number).quality_rating = "RED"

                await becomes(client, RED.format(number=number), 1)
                await becomes(
                    client, 'wamon_alerts{alertname="WhatsAppQualityRatingRed", severity="critical", state="firing"}', 1
                )
                # Nothing that Prometheus did not take: no duplicate, no sample out of bounds.
                assert await value(client, 'scrape_samples_post_metric_relabeling{job="wamon"}') == await value(
                    client, 'scrape_samples_scraped{job="wamon"}'
                )
            assert await it.stop(process) == 0

    asyncio.run(story())
