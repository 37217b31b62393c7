"""A real Chromium, driven over its own protocol: what a page shows, asks for and complains of, and what keys do to it.

Source: Chrome DevTools Protocol, domains Target, Page, Runtime, Log, Network, Input and Emulation; read 2026-11.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,MediaRouter,AutofillServerCommunication",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--headless",
    "--hide-scrollbars",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-sandbox",
)
KEYS = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
}


class Tab:
    """One page. `complaints` are the console's errors and warnings, `asked` the addresses that it fetched."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._session = ""
        self._calls = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self.asked: list[str] = []

    async def begin(self) -> None:
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")

    # --- what it is told ----------------------------------------------------------------------------------------------

    async def look(self, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """The size of the window, and what the reader's system prefers."""
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self._call("Emulation.setEmulatedMedia", features=[scheme])

    async def open(self, url: str) -> None:
        self._loaded.clear()
        await self._call("Page.navigate", url=url)
        await self.loads()

    async def loads(self) -> None:
        """Wait until the page that was gone to is there."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._loaded.wait()
        self._loaded.clear()

    async def run(self, script: str) -> Any:
        """What a piece of JavaScript comes to, in the page."""
        answer = await self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until this is true in the page."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (value := await self.run(script)):  # noqa: ASYNC110 - the page sets no event of ours
                await asyncio.sleep(LOOK_SECONDS)
        return value

    async def press(self, key: str) -> None:
        await self._call("Input.dispatchKeyEvent", type="keyDown", **KEYS[key])
        await self._call("Input.dispatchKeyEvent", type="keyUp", **KEYS[key])

    async def write(self, text: str) -> None:
        await self._call("Input.insertText", text=text)

    async def picture(self, file: Path, *, is_whole: bool = False) -> None:
        taken = await self._call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(taken["data"]))

    # --- the protocol -------------------------------------------------------------------------------------------------

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._calls += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._calls] = answer
        message = {"id": self._calls, "method": method, "params": params}
        await self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await answer

    async def listen(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                waiting = self._answers.pop(message["id"])
                if "error" in message:
                    waiting.set_exception(AssertionError(message["error"]))
                else:
                    waiting.set_result(message["result"])
            elif message.get("sessionId") == self._session:
                self._heard(message["method"], message["params"])

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])

    @property
    def asked_hosts(self) -> set[str]:
        """The hosts that it fetched something from; what is in the page itself has none."""
        return {host for url in self.asked if (host := urlsplit(url).hostname)}


@asynccontextmanager
async def browser(program: str, profile: Path) -> AsyncIterator[Tab]:
    """A tab of a Chromium of its own, which ends with it."""
    process = await asyncio.create_subprocess_exec(
        program,
        *QUIET,
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with connect(await _address(process), max_size=None) as socket:
            tab = Tab(socket)
            # In no TaskGroup, which would wrap what a test finds wrong.
            listening = asyncio.create_task(tab.listen())
            try:
                await tab.begin()
                yield tab
            finally:
                listening.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where the browser listens, as it says itself."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stderr.readline()).decode(errors="replace"):
            if found := re.search(r"ws://\S+", line):
                return found[0]
    raise AssertionError("Chromium did not start")
