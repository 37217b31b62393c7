"""What the pages of the numbers show, as JSON: the overview, the list of numbers, one number."""

from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wamon.operating import UnknownError
from wamon.picture.values import Mood, Query, Sort
from wamon.web.json_api import answer
from wamon.web.origin import RefusedError
from wamon.web.page_numbers import Pictures, number_query

MOST_NUMBERS: Final = 500
PARAMETERS: Final = ("q", "mood", "account", "sort", "reversed", "page", "limit")


def picture_routes(pictures: Pictures) -> tuple[Route, ...]:
    """The routes, below the prefix of the API."""

    async def overview(request: Request) -> Response:
        return answer(pictures.overview(_query(request)))

    async def numbers(request: Request) -> Response:
        return answer(pictures.overview(_query(request)).numbers)

    async def number(request: Request) -> Response:
        phone_number_id = request.path_params["phone_number_id"]
        page = pictures.number(phone_number_id)
        if page is None:
            words = f"there is no number {phone_number_id!r} among those that are watched"
            raise UnknownError(words, next_step="/api/v1/numbers lists them")
        return answer(page)

    return (
        Route("/overview", overview, methods=["GET"]),
        Route("/numbers", numbers, methods=["GET"]),
        Route("/numbers/{phone_number_id}", number, methods=["GET"]),
    )


def _query(request: Request) -> Query:
    """The query of an address, as on the page; but a program is told what makes no sense. Raises RefusedError."""
    given = request.query_params
    if unknown := sorted(set(given) - set(PARAMETERS)):
        raise RefusedError(400, f"there is no parameter {unknown[0]!r}", f"there are {', '.join(PARAMETERS)}")
    for name, known in (("mood", tuple(Mood)), ("sort", tuple(Sort))):
        if wrong := sorted(set(given.getlist(name)) - set(known)):
            raise RefusedError(400, f"there is no {name} {wrong[0]!r}", f"there are {', '.join(known)}")
    page, limit = _count(given.get("page", "1"), "page"), _count(given.get("limit", "50"), "limit")
    if limit > MOST_NUMBERS:
        raise RefusedError(400, "limit is out of range", f"ask for 1 to {MOST_NUMBERS}")
    return replace(number_query(given), page=page, page_size=limit)


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise RefusedError(400, f"{name} is no number", "give a number from 1 on")
    return int(text)
