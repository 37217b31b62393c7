"""Whether wamon itself is well: what a sign of life vouches for (ALERTING section 8)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from wamon.core.errors import StoreError, WamonError
from wamon.core.ports import Store
from wamon.core.timing import Clock
from wamon.notify.http import HttpClient

# News that waits longer than this has not reached anybody in time.
LATE: Final = timedelta(minutes=10)
CHALLENGE: Final = "wamon"


class Vitals:
    """Asks each part of wamon whether it works.

    `ailments` gives what the parts themselves complain of. Where webhooks are taken, `listen` says how to try it.
    """

    def __init__(
        self, store: Store, *, ailments: Callable[[], tuple[str, ...]], clock: Clock, timeout_seconds: float = 5.0
    ) -> None:
        self._store = store
        self._ailments = ailments
        self._clock = clock
        self._client = HttpClient(timeout_seconds=timeout_seconds)
        self._handshake: str | None = None

    def listen(self, public_url: str, verify_token: str) -> None:
        """Say where webhooks are taken, to be tried by a handshake as Meta does it."""
        # Whoever listens everywhere is reached here too.
        url = public_url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        token = quote(verify_token, safe="")
        self._handshake = f"{url}/webhook?hub.mode=subscribe&hub.verify_token={token}&hub.challenge={CHALLENGE}"

    async def __call__(self) -> tuple[str, ...]:
        """Why wamon is not well, in words; nothing when it is."""
        return (*self._ailments(), *await self._outbox(), *await self._self_test())

    async def close(self) -> None:
        await self._client.close()

    async def _outbox(self) -> tuple[str, ...]:
        try:
            figures = await self._store.outbox_figures()
        except StoreError as error:
            return (str(error),)
        oldest_at = figures.oldest_created_at
        if oldest_at is not None and self._clock.now() - oldest_at > LATE:
            return (f"a notification has been waiting for more than {LATE // timedelta(minutes=1)} minutes",)
        return ()

    async def _self_test(self) -> tuple[str, ...]:
        if self._handshake is None:
            return ()
        try:
            answer = await self._client.get(self._handshake)
        except WamonError as error:
            return (f"the public listener does not answer: {error}",)
        return () if answer.is_ok else (f"the public listener refused a handshake (status {answer.status})",)
