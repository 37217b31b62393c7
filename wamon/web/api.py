"""The operators' API on the private listener: JSON in, JSON out, what `wamon alerts` and `wamon drill` speak.

Errors are `{"error": ..., "next": ...}`. A browser that another site leads here is refused: what is changed here is for
programs and for our own page.
"""

from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wamon.operating import AlertView, Operations
from wamon.operating.history import History
from wamon.web.json_api import EXCEPTION_HANDLERS, answer, duration, moment, read_body, texts
from wamon.web.openapi import description_route
from wamon.web.page_numbers import Pictures
from wamon.web.past_api import past_routes
from wamon.web.picture_api import picture_routes

PREFIX: Final = "/api/v1"


def api(operations: Operations, history: History | None = None, pictures: Pictures | None = None) -> Starlette:
    """The app below PREFIX.

    With `history` what has happened can be asked, and markers can be set; with `pictures` how everything is.
    """

    async def alerts(request: Request) -> Response:
        views = operations.alerts(include_all=request.query_params.get("all") in ("1", "true", "yes"))
        return answer({"alerts": views})

    async def alert(request: Request) -> Response:
        return answer(await operations.alert(request.path_params["id"]))

    async def acknowledge(request: Request) -> Response:
        body = await read_body(request, author=str, id=str | None)
        outcome = await operations.acknowledge(request.path_params["id"], author=body["author"], act_id=body["id"])
        return answer(outcome)

    async def close(request: Request) -> Response:
        body = await read_body(request, author=str, reason=str, id=str | None)
        target = request.path_params["id"]
        outcome = await operations.force_close(target, reason=body["reason"], author=body["author"], act_id=body["id"])
        return answer(outcome)

    async def silences(request: Request) -> Response:
        return answer({"silences": operations.silences()})

    async def silence(request: Request) -> Response:
        body = await read_body(
            request,
            matchers=list,
            preview=bool | None,
            for_seconds=float | None,
            ends_at=str | None,
            reason=str | None,
            author=str | None,
            id=str | None,
        )
        matchers = texts(body["matchers"], "matchers")
        if body["preview"]:
            hidden: tuple[AlertView, ...] = operations.preview(matchers)
            return answer({"alerts": hidden})
        outcome = await operations.silence(
            matchers,
            reason=body["reason"] or "",
            author=body["author"] or "",
            lasts=duration(body["for_seconds"]),
            ends_at=moment(body["ends_at"], "ends_at"),
            act_id=body["id"],
        )
        return answer(outcome, status=200 if outcome.is_repeated else 201)

    async def end_silence(request: Request) -> Response:
        body = await read_body(request, author=str, id=str | None)
        outcome = await operations.unsilence(request.path_params["id"], author=body["author"], act_id=body["id"])
        return answer(outcome)

    async def drill(request: Request) -> Response:
        body = await read_body(
            request, alertname=str, subject=dict | None, for_seconds=float | None, author=str, id=str | None
        )
        subject = body["subject"] or {}
        texts(list(subject.values()), "subject")
        options = {} if body["for_seconds"] is None else {"lasts": duration(body["for_seconds"]) or timedelta(0)}
        outcome = await operations.rehearse(
            body["alertname"], labels=subject, author=body["author"], act_id=body["id"], **options
        )
        return answer(outcome, status=200 if outcome.is_repeated else 201)

    async def receivers(request: Request) -> Response:
        return answer({"receivers": operations.receivers})

    async def test_receiver(request: Request) -> Response:
        body = await read_body(request, author=str, id=str | None)
        outcome = await operations.try_receiver(request.path_params["name"], author=body["author"], act_id=body["id"])
        return answer(outcome)

    app = Starlette(
        routes=[
            Route("/alerts", alerts, methods=["GET"]),
            Route("/alerts/{id}", alert, methods=["GET"]),
            Route("/alerts/{id}/acknowledge", acknowledge, methods=["POST"]),
            Route("/alerts/{id}/close", close, methods=["POST"]),
            Route("/silences", silences, methods=["GET"]),
            Route("/silences", silence, methods=["POST"]),
            Route("/silences/{id}/end", end_silence, methods=["POST"]),
            Route("/drills", drill, methods=["POST"]),
            Route("/receivers", receivers, methods=["GET"]),
            Route("/receivers/{name}/test", test_receiver, methods=["POST"]),
            description_route(),
            *(() if history is None else past_routes(history)),
            *(() if pictures is None else picture_routes(pictures)),
        ],
        exception_handlers=dict(EXCEPTION_HANDLERS),
    )
    app.router.redirect_slashes = False
    return app
