"""A real Alertmanager on a loopback port, as a process that tests can end and start again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.crash.lab import PATIENCE_SECONDS
from tests.tools import require_tool

# Its configuration's name in the folder that it is started on.
CONFIGURED = "alertmanager.yml"


@dataclass
class Alertmanager:
    """A process that can be ended and started again on the same folder and port."""

    program: str
    folder: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            self.program,
            f"--config.file={self.folder / CONFIGURED}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.firing() is None:  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End it in order, so that it keeps the log of what it told."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def firing(self) -> set[str] | None:
        """The names of the alerts that are not resolved; None while nobody answers."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            try:
                answer = await client.get("/api/v2/alerts")
            except httpx.TransportError:
                return None
        return {alert["labels"]["alertname"] for alert in answer.json()} if answer.status_code == 200 else None

    async def shows(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.firing() != set(names):  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(0.05)


def configured(folder: Path, configuration: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / CONFIGURED
    file.write_text(configuration, encoding="utf-8")
    return file


@asynccontextmanager
async def alertmanager(folder: Path, configuration: str) -> AsyncIterator[Alertmanager]:
    """Start it, by this configuration, on a folder that may hold the templates that it names."""
    program, amtool = require_tool("alertmanager"), require_tool("amtool")
    file = configured(folder, configuration)
    checked = await asyncio.create_subprocess_exec(
        amtool, "check-config", str(file), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    assert await checked.wait() == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = Alertmanager(program, folder, port)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
