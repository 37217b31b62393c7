"""Puts the pages of an edge together, by cursor only."""

from collections.abc import Mapping
from typing import Any

from wamon.core.errors import UnexpectedShape
from wamon.core.ports import JsonObject


class Pages:
    """The items of an edge, page after page.

    `paging.next` only says that there is more. It is never followed: it may lead to another host, and it carries the
    access token. Source: Meta "Paginated results", read 2026-11. An edge that cannot be read to its end is no answer:
    the items that are missing would look as if they were gone.
    """

    def __init__(self, first: JsonObject, *, thing: str, max_pages: int) -> None:
        self._first = first
        self._last = first
        self._items: list[Any] = list(first["data"]) if isinstance(first.get("data"), list) else []
        self._thing = thing
        self._max_pages = max_pages
        self._cursors: list[str] = []

    def next_cursor(self) -> str | None:
        """Where the next page begins; None after the last. Raises UnexpectedShape for a list without an end."""
        paging = self._last.get("paging")
        if not isinstance(paging, Mapping) or not paging.get("next"):
            return None
        cursors = paging.get("cursors")
        after = cursors.get("after") if isinstance(cursors, Mapping) else None
        if not isinstance(after, str) or not after:
            raise UnexpectedShape(f"a page about {self._thing} says that there is more, but not where")
        if after in self._cursors:
            raise UnexpectedShape(f"the pages about {self._thing} go in a circle")
        if len(self._cursors) + 1 >= self._max_pages:
            raise UnexpectedShape(f"the list about {self._thing} has more than {self._max_pages} pages")
        self._cursors.append(after)
        return after

    def add(self, page: JsonObject) -> None:
        """Raises UnexpectedShape for a page without a list of items."""
        items = page.get("data")
        if not isinstance(items, list):
            raise UnexpectedShape(f"a page about {self._thing} has no list of items")
        self._items += items
        self._last = page

    def whole(self) -> dict[str, Any]:
        """The edge as if it had come on one page; where the first has no list, it stays so for the parser to judge."""
        whole = {name: value for name, value in self._first.items() if name != "paging"}
        return {**whole, "data": self._items} if isinstance(self._first.get("data"), list) else whole
