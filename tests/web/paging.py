"""The pages over a floor of alerts, asked as a browser would, without a socket."""

import asyncio
import re
from datetime import timedelta
from html import unescape
from random import Random
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.operators import Floor
from tests.web.gallery import Gallery, history
from wamon.web.page_look import Look
from wamon.web.pages import Pictures, page_routes

HOST = "127.0.0.1:9877"
OURS = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}


class Reader:
    """Somebody with a browser. `user` is who signed in, as the access guard would tell."""

    def __init__(
        self,
        floor: Floor,
        *,
        user: str = "",
        hosts: tuple[str, ...] = (),
        refresh: float = 15.0,
        gallery: Gallery | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self.floor = floor
        self.look = Look(
            version="1.2.3",
            clock=floor.clock,
            random=Random(3),
            count_alerts=lambda: len(floor.operations.alerts()),
            refresh=timedelta(seconds=refresh),
        )
        self.gallery = gallery or Gallery()
        routes = page_routes(
            self.look, operations=floor.operations, pictures=pictures or self.gallery, timeline=history, hosts=hosts
        )
        self.app = Starlette(routes=routes)

        async def signed_in(scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, **({"user_name": user} if user else {})}, receive, send)

        self._app = signed_in

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str) -> str:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, *, came_from: str = "/alerts", headers: Any = None, **fields: str) -> httpx.Response:
        """What the browser sends when the form is sent."""
        # As a browser does, for a form without a field too.
        told = {
            "Content-Type": "application/x-www-form-urlencoded",
            **OURS,
            "Referer": f"http://{HOST}{came_from}",
            **(headers or {}),
        }
        return self.ask("POST", path, data=fields, headers=told)


def words(page: str) -> str:
    """What a reader reads of the page's middle."""
    middle = re.search(r"<main.*?</main>", page, re.DOTALL)
    assert middle is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", middle[0])).split())
