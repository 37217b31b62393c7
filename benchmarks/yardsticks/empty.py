"""The least that uvicorn can do: read the body, answer an empty 200."""

from starlette.types import Receive, Scope, Send

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
BODY = {"type": "http.response.body", "body": b""}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(BODY)
