"""`wamon demo`: what a newcomer sees first."""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.crash.lab import PATIENCE_SECONDS, our_environment

pytestmark = pytest.mark.alone

FIRST_ALERT_SECONDS = 20.0
WHOLE_SECONDS = 80.0
STOP_SECONDS = 10.0


async def start(folder: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "wamon", "demo", *options),
        cwd=folder,
        env=our_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
def test_story_is_told_in_time_and_its_books_balance(tmp_path: Path) -> None:
    async def story() -> tuple[float, float, list[str], str, int]:
        began = time.monotonic()
        process = await start(tmp_path, "--once")
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[str] = []
        first_alert = float("inf")
        async with asyncio.timeout(2 * WHOLE_SECONDS):
            async for line in process.stdout:
                lines.append(line.decode().rstrip())
                if re.match(r"\d\d:\d\d +Slack ", lines[-1]):
                    first_alert = min(first_alert, time.monotonic() - began)
            errors = (await process.stderr.read()).decode()
            code = await process.wait()
        return first_alert, time.monotonic() - began, lines, errors, code

    first_alert, whole, lines, errors, code = asyncio.run(story())

    assert (code, errors) == (0, "")
    assert first_alert < FIRST_ALERT_SECONDS
    assert whole < WHOLE_SECONDS
    text = " ".join(" ".join(lines).split())
    for words in (
        "Quality rating YELLOW",
        "Quality rating RED",
        "of messages bounce",
        "of messages fail",
        "payment problem",
        "Access token expires",
        "subscription is lost",
        "of messages were sent",
        "The Graph API is unreachable",
        "Account is restricted",
        "2 phone numbers of",
        "in the thread: RESOLVED after",
        "in the thread: not acknowledged",
        "in the thread: silenced",
    ):
        assert re.search(rf"Slack [^!]*{words}", text), words
    assert "Anna presses Acknowledge" in text
    assert "#managers not acknowledged: CRITICAL" in text
    assert "Slack resets every connection" in text
    # What only told the outage's consequences was held back.
    assert "wamon cannot see: no answer" not in text
    counted = [(int(meta), int(ours)) for meta, ours in re.findall(r"(\d+) = (\d+)", text)]
    assert all(meta == ours for meta, ours in counted)
    # Four numbers by five figures, four codes, and what was told again.
    assert (len(counted), "!=" in text) == (25, False)
    assert all(code in text for code in ("131026", "131047", "131049", "131042"))
    assert "The books balance" in text
    assert list(tmp_path.iterdir()) == []


def test_interrupt_stops_the_demo_cleanly(tmp_path: Path) -> None:
    async def story() -> tuple[str, str, int]:
        process = await start(tmp_path)
        assert process.stdout is not None
        printed = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            # At the end of the output readline answers at once, for ever, and no timeout would come to its turn.
            while b"Ctrl-C stops it" not in printed and not process.stdout.at_eof():
                printed += await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            rest, errors = await process.communicate()
        return (printed + rest).decode(), errors.decode(), process.returncode or 0

    printed, errors, code = asyncio.run(story())

    assert (code, errors) == (0, "")
    assert "Stopped." in printed
    assert re.search(r"metrics +http://127\.0\.0\.1:\d+/metrics", printed)
