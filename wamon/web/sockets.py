"""The listening sockets of a process: they stay open while one daemon hands over to the next."""

import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from wamon.web.server import bind

Place = tuple[str, int]


class Sockets:
    """One socket for each key of the configuration that names a place. Who connects while nobody answers waits.

    Port 0 is a place too: the free port that was taken for it is kept.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, Place], socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.keep_only({})

    def take(self, key: str, place: Place) -> socket.socket:
        """A socket that listens there, to be closed by the taker: the place is kept all the same.

        Raises ConfigurationError that names `key`.
        """
        if (key, place) not in self._open:
            self._open[key, place] = bind(*place, key=key)
        taken = self._open[key, place].dup()
        taken.setblocking(False)
        return taken

    def keep_only(self, places: Mapping[str, Place]) -> None:
        """Give up all others."""
        for each in self._open.keys() - places.items():
            self._open.pop(each).close()
