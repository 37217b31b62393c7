"""The status pages in a real Chromium: light and dark, on a phone, by keyboard, and while things change."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.browser import Tab, browser
from tests.core.telling import number
from tests.operators import Floor
from tests.tools import require_tool
from tests.web.paging import Reader
from wamon.picture.values import Health, Mood
from wamon.sim.serve import serve
from wamon.web.private import private_app

pytestmark = pytest.mark.alone

REFRESH_SECONDS = 0.2
# Every text that is seen, and how much its colour stands out from what is behind it (WCAG 2.2, section 1.4.3).
FAINT_TEXTS = """
(() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || !element.checkVisibility() || element.closest("option")) continue;
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(1)}: ${walker.currentNode.nodeValue.trim()}`);
  }
  return faint;
})()
"""


def a_floor() -> Floor:
    floor = Floor()
    floor.see("YELLOW", number(0))
    floor.see("RED", number(1))
    floor.passes(timedelta(minutes=1))
    floor.silence("phone_number_id=200", name="5111ce")
    return floor


def listener(reader: Reader) -> Starlette:
    """The private listener as it is, with the headers that say what a page may do."""
    return private_app(scrape=lambda is_gzip: b"", health=lambda: Health(is_healthy=True), pages=reader.app.routes)


@asynccontextmanager
async def looking(reader: Reader, folder: Path) -> AsyncIterator[tuple[Tab, str]]:
    program = require_tool("chromium")
    async with serve(listener(reader)) as url, browser(program, folder / "profile") as tab:
        await tab.look()
        yield tab, url


def paths(reader: Reader) -> list[str]:
    worst = reader.floor.operations.alerts()[0].id
    return [
        *("/", "/?q=nobody", "/numbers/200", "/numbers/202", "/numbers/999", "/timeline"),
        *("/alerts", "/alerts?all=1", f"/alerts/{worst}", "/silences/new?matchers=waba_id%3D100"),
        *("/runbooks", "/runbooks/WhatsAppQualityRatingRed"),
    ]


async def focus(tab: Tab, beginning: str) -> None:
    """Press Tab until what has the focus has an id that begins so."""
    for _ in range(100):
        await tab.press("Tab")
        if str(await tab.run("document.activeElement.id")).startswith(beginning):
            return
    raise AssertionError(f"the keyboard does not reach {beginning}")


def test_pages_are_calm_everywhere(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor())
        async with looking(reader, tmp_path) as (tab, url):
            for width, is_dark in ((1280, False), (1280, True), (360, False)):
                await tab.look(width=width, is_dark=is_dark)
                for path in paths(reader):
                    await tab.open(url + path)

                    assert await tab.run("document.documentElement.scrollWidth") <= width, (path, width)
                    assert await tab.run(FAINT_TEXTS) == [], (path, is_dark)
                    assert await tab.run("[...document.querySelectorAll('[id]')].length") == await tab.run(
                        "new Set([...document.querySelectorAll('[id]')].map((each) => each.id)).size"
                    ), path

            # A page that is not there is told so in the console too.
            assert [each for each in tab.complaints if "404" not in each] == []
            assert tab.asked_hosts == {"127.0.0.1"}

    asyncio.run(story())


def test_dark_is_dark(tmp_path: Path) -> None:
    async def story() -> None:
        async with looking(Reader(a_floor()), tmp_path) as (tab, url):
            shades = []
            for is_dark in (False, True):
                await tab.look(is_dark=is_dark)
                await tab.open(f"{url}/alerts")
                shades.append(await tab.run("getComputedStyle(document.body).backgroundColor"))

            assert shades == ["rgb(246, 247, 248)", "rgb(16, 19, 22)"]

    asyncio.run(story())


def test_keyboard_alone_skips_to_the_content_and_acknowledges(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor())
        async with looking(reader, tmp_path) as (tab, url):
            await tab.open(f"{url}/alerts?q=red")
            await tab.press("Tab")
            await tab.press("Enter")
            await focus(tab, "ack-")
            outline = await tab.run("getComputedStyle(document.activeElement).outlineStyle")
            await tab.press("Enter")
            await tab.loads()

            assert outline == "solid"
            assert await tab.until("document.querySelector('.said')?.textContent.startsWith('Acknowledged')")
            assert await tab.run("location.search") == "?q=red"
            assert [each.kind for each in reader.floor.operations.alerts()[0].overlays] == ["acknowledged"]
            assert tab.complaints == []

    asyncio.run(story())


def test_search_is_sent_by_the_enter_key(tmp_path: Path) -> None:
    async def story() -> None:
        async with looking(Reader(a_floor()), tmp_path) as (tab, url):
            await tab.open(f"{url}/alerts")
            await focus(tab, "q")
            await tab.write("yellow")
            await tab.press("Enter")
            await tab.loads()

            rows = await tab.run("[...document.querySelectorAll('tr[id^=alert-]')].map((row) => row.innerText)")
            assert len(rows) == 1
            assert "is YELLOW" in rows[0]

    asyncio.run(story())


def test_name_is_remembered_for_the_next_form(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor())
        first, second = (each.id for each in reader.floor.operations.alerts())
        async with looking(reader, tmp_path) as (tab, url):
            await tab.open(f"{url}/alerts/{first}")
            await focus(tab, "ack-name")
            await tab.write("Kim")
            await tab.press("Enter")
            await tab.loads()
            await tab.open(f"{url}/alerts/{second}")

            assert await tab.until("document.getElementById('ack-name').value") == "Kim"
            assert reader.floor.operations.alerts()[0].overlays[0].by == "Kim"

    asyncio.run(story())


def test_page_brings_itself_up_to_date_and_leaves_the_reader_in_peace(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor(), refresh=REFRESH_SECONDS)
        target = reader.floor.operations.alerts()[0].id
        async with looking(reader, tmp_path) as (tab, url):
            await tab.open(f"{url}/alerts/{target}")
            await tab.run("document.getElementById('labels').open = true")
            await focus(tab, "silence-reason")
            await tab.write("half a sent")
            await tab.run("scrollTo(0, 40)")
            place = await tab.run("scrollY")

            reader.floor.acknowledge(number(1))
            reader.floor.see("YELLOW", number(2))

            await tab.until("document.querySelector('.verdict').innerText.includes('in hand of Kim')")
            assert await tab.run("document.querySelector('.count').textContent") == "3 open"
            assert await tab.run("document.activeElement.id") == "silence-reason"
            assert await tab.run("document.activeElement.value") == "half a sent"
            assert await tab.run("document.getElementById('labels').open") is True
            assert await tab.run("scrollY") == place
            assert tab.complaints == []

    asyncio.run(story())


def test_changed_verdict_arrives_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor(), refresh=REFRESH_SECONDS)
        async with looking(reader, tmp_path) as (tab, url):
            await tab.open(f"{url}/?q=555")
            await focus(tab, "q")
            await tab.write("half a numb")

            reader.gallery.verdict, reader.gallery.mood = "All is well.", Mood.GOOD

            await tab.until("document.querySelector('h1').textContent === 'All is well.'")
            assert await tab.run("document.querySelector('.verdict').className") == "verdict good"
            assert await tab.run("document.title") == "All is well: wamon"
            assert await tab.run("document.getElementById('q').value") == "half a numb"
            assert str(await tab.run("document.getElementById('updated').textContent")).startswith("updated ")
            assert tab.complaints == []

    asyncio.run(story())


def test_hidden_page_asks_for_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with looking(Reader(a_floor(), refresh=REFRESH_SECONDS), tmp_path) as (tab, url):
            await tab.open(f"{url}/")
            await tab.run("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
            await asyncio.sleep(2 * REFRESH_SECONDS)
            before = len(tab.asked)
            await asyncio.sleep(5 * REFRESH_SECONDS)
            assert len(tab.asked) == before

            await tab.run("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
            async with asyncio.timeout(10):
                while len(tab.asked) == before:  # noqa: ASYNC110 - the page sets no event of ours
                    await asyncio.sleep(0.05)

    asyncio.run(story())


def test_numbers_are_found_and_ordered_with_the_keyboard(tmp_path: Path) -> None:
    async def story() -> None:
        async with looking(Reader(a_floor()), tmp_path) as (tab, url):
            await tab.open(f"{url}/")
            await focus(tab, "q")
            await tab.write("lucky shrub")
            await tab.press("Enter")
            await tab.loads()

            rows = await tab.run("[...document.querySelectorAll('tr[id^=number-]')].map((row) => row.id)")
            assert rows == ["number-201", "number-204", "number-207"]
            assert await tab.run("location.search") == "?q=lucky+shrub&mood=&account=&sort="

    asyncio.run(story())


def test_rows_that_come_and_go_keep_the_focus_where_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        reader = Reader(a_floor(), refresh=REFRESH_SECONDS)
        kept = reader.floor.operations.alerts()[1].id
        async with looking(reader, tmp_path) as (tab, url):
            await tab.open(f"{url}/alerts")
            await focus(tab, f"ack-{kept}")

            reader.floor.see("RED", number(3), number(4))

            await tab.until("document.querySelectorAll('tr[id^=alert-]').length === 4")
            shown = await tab.run("[...document.querySelectorAll('tr[id^=alert-]')].map((row) => row.id)")
            assert shown == [f"alert-{each.id}" for each in reader.floor.operations.alerts()]
            assert await tab.run("document.activeElement.id") == f"ack-{kept}"

    asyncio.run(story())


def test_page_says_when_wamon_no_longer_answers(tmp_path: Path) -> None:
    async def story() -> None:
        program = require_tool("chromium")
        reader = Reader(a_floor(), refresh=REFRESH_SECONDS)
        async with browser(program, tmp_path / "profile") as tab:
            async with serve(listener(reader)) as url:
                await tab.open(f"{url}/alerts")
                assert await tab.run("document.getElementById('banner').checkVisibility()") is False

            await tab.until("document.getElementById('banner').checkVisibility()")
            words = await tab.run("document.getElementById('banner').textContent")
            assert words.startswith("wamon no longer answers. What you see is of ")
            assert "is RED" in await tab.run("document.body.innerText")
            assert str(await tab.run("document.title")).startswith("(no answer)")

            async with serve(listener(reader), port=int(url.rpartition(":")[2])):
                await tab.until("!document.getElementById('banner').checkVisibility()")
                assert await tab.run("document.title") == "2 alerts: wamon"

    asyncio.run(story())


def test_faint_text_is_found_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with browser(require_tool("chromium"), tmp_path / "profile") as tab:
            await tab.open("data:text/html,<p>clear<p style='color:silver'>faint")

            assert json.dumps(await tab.run(FAINT_TEXTS)) == '["1.8: faint"]'

    asyncio.run(story())
