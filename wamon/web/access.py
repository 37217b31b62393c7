"""Who may use the private listener: whoever shows its bearer token, or a name and a password that it knows."""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import bcrypt
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from wamon.web import runbooks

# Who looks after a container or a load balancer has no credential, nor has who follows a link in a message; what the
# runbooks look like is no secret either.
OPEN_PATHS: Final = ("/-/healthy", "/-/ready", runbooks.PREFIX)
OPEN_FOLDERS: Final = (f"{runbooks.PREFIX}/", "/static/")
# A password costs a tenth of a second, by intention; who scrapes each few seconds pays it once.
MOST_REMEMBERED: Final = 100
# Beyond that a password that is not known yet has to be sent again; each waits for those before it.
MOST_WAITING: Final = 16
RETRY_AFTER_SECONDS: Final = 5
# bcrypt looks at no more of it. Source: pyca/bcrypt changelog 5.0.0, read 2026-11.
LONGEST_PASSWORD_BYTES: Final = 72


class _TooManyError(Exception):
    """More passwords wait to be checked than anybody would type."""


class Guard:
    """Asks for `Authorization: Bearer TOKEN` (RFC 6750) or Basic (RFC 7617) everywhere but at what is open.

    `user_name` of the scope is then the user's name; it is not set by the token, which belongs to programs. Without a
    token and users everything is open.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, users: Mapping[str, str]) -> None:
        """`users` are bcrypt hashes by name."""
        self._app = app
        self._token = None if token is None else token.encode()
        self._users = {name: hashed.encode() for name, hashed in users.items()}
        # What an unknown name is compared with, so that it takes as long as the known one that takes longest.
        self._nobody = max(self._users.values(), key=_cost, default=b"")
        self._salt = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        # One at a time: whoever guesses must not take the whole machine, nor all the memory by waiting for it.
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_asked = self._token is not None or self._users
        if scope["type"] != "http" or not is_asked or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer" and self._is_token(given.strip()):
                answer = self._app
            elif scheme.lower() == "basic" and (name := await self._named(given.strip())) is not None:
                answer, scope = self._app, {**scope, "user_name": name}
            else:
                answer = self._refusal()
        except _TooManyError:
            answer = _too_many()
        await answer(scope, receive, send)

    def _is_token(self, given: str) -> bool:
        # In the same time whatever is sent, so that nobody can guess it letter by letter.
        return self._token is not None and secrets.compare_digest(given.encode(), self._token)

    async def _named(self, given: str) -> str | None:
        """The user whose name and password these are; None for anything else. Raises _TooManyError."""
        try:
            name, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        secret = password.encode()
        if not self._users or not colon or len(secret) > LONGEST_PASSWORD_BYTES or b"\0" in secret:
            return None
        mark = hashlib.blake2b(given.encode(), key=self._salt, digest_size=32).digest()
        if mark in self._remembered:
            return name
        if self._waiting >= MOST_WAITING:
            raise _TooManyError
        self._waiting += 1
        try:
            async with self._turn:
                # One before may have brought the same.
                if mark in self._remembered:
                    return name
                hashed = self._users.get(name)
                is_right = await asyncio.to_thread(bcrypt.checkpw, secret, hashed or self._nobody)
        finally:
            self._waiting -= 1
        if hashed is None or not is_right:
            return None
        self._remembered[mark] = None
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return name

    def _refusal(self) -> JSONResponse:
        wanted = [
            *(["the bearer token"] if self._token is not None else []),
            *(["a user's name and password"] if self._users else []),
        ]
        answer = JSONResponse(
            {
                "error": f"{' or '.join(wanted)} is missing or wrong",
                "next": "send the private_bearer_token of wamon.toml"
                if not self._users
                else "send a user of the web configuration file, or the private_bearer_token",
            },
            status_code=401,
        )
        for scheme, is_known in (("Basic", bool(self._users)), ("Bearer", self._token is not None)):
            if is_known:
                answer.headers.append("WWW-Authenticate", f'{scheme} realm="wamon"')
        return answer


def _cost(hashed: bytes) -> bytes:
    """`12` of `$2b$12$...`: each step of it takes twice as long."""
    return hashed[4:6]


def _too_many() -> JSONResponse:
    return JSONResponse(
        {"error": "too many passwords are waiting to be checked", "next": "try again in a moment"},
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def is_open(path: str) -> bool:
    """Whether a path is answered to everybody."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
