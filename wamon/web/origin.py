"""What a request must be before it may change something: from a program or our own page, of one kind, not too large.

A browser carries what it knows (a network, a password) to wherever any page leads it. So each request that changes
something is asked where it comes from, and one that another site's page sends is refused.
"""

from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

MAX_BODY_BYTES: Final = 64 * 1024
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
NAVIGATIONS_OF_OUR_OWN: Final = ("same-origin", "none")


class RefusedError(Exception):
    """A request that is not taken: the status, and the words for it."""

    def __init__(self, status: int, error: str, next_step: str) -> None:
        super().__init__(error)
        self.status = status
        self.next_step = next_step


async def changing_body(request: Request, *, kind: str, hosts: Collection[str] = ()) -> bytes:
    """The body of a request that may change something. `hosts` are the names our page goes by. Raises RefusedError."""
    check_origin(request, hosts=hosts)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        words = "JSON" if kind == JSON else "a form"
        raise RefusedError(415, f"the body is not {words}", f"send it with Content-Type: {kind}")
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise RefusedError(413, "the body is too large", f"send at most {MAX_BODY_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def check_origin(request: Request, *, hosts: Collection[str] = ()) -> None:
    """Refuse what a page of another site sends; a program sends neither of these headers. Raises RefusedError.

    A name can be made to lead here by whoever owns it (DNS rebinding), so a browser must have used an address, or one
    of `hosts` (with its port where it has one), or have shown who it is: passwords are kept by name.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is None and origin is None:
        return
    host = request.headers.get("host", "").lower()
    is_known = _is_address(host) or host in hosts or bool(request.scope.get("user_name"))
    is_foreign = site is not None and site not in NAVIGATIONS_OF_OUR_OWN
    if origin is not None:
        is_foreign = is_foreign or _host_in(origin) not in {host, *hosts}
    if is_foreign or not is_known:
        raise RefusedError(
            403,
            "another site asks for this",
            "use `wamon alerts`, a program of your own, or our page at the address that page_url names",
        )


def _is_address(host: str) -> bool:
    """Whether no name server was asked for it: localhost, or an IP address, with or without a port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False


def _host_in(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
