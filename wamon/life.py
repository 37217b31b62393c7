"""The life of a process: one daemon after the other, each by the configuration as it was when it was last read."""

import asyncio
import logging
from collections.abc import Callable

from wamon.config.settings import Settings
from wamon.core.errors import ConfigurationError, WamonError
from wamon.core.timing import SystemClock
from wamon.daemon import Daemon
from wamon.supervision import Supervisor
from wamon.web.sockets import Sockets

log = logging.getLogger(__name__)

RELOADING = "the new configuration is taken over"
UNCHANGED = "the configuration is unchanged"


class Life:
    """Runs daemons until told to stop; a reload ends one and begins the next, the listening sockets stay open.

    All that a daemon knows is in its store, so the next one goes on where it stopped. Only the daemon's own counters
    begin at zero again, as after a restart. A configuration that is faulty, or that no daemon starts with, changes
    nothing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        read: Callable[[], Settings],
        build: Callable[[Settings], Daemon],
        began: Callable[[Settings], None] = lambda _settings: None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """`read` reads the configuration anew and raises ConfigurationError; `began` is told whose turn comes.

        `supervisor` is told of each step; without one nobody is.
        """
        self._read = read
        self._build = build
        self._began = began
        self._supervisor = supervisor or Supervisor({}, SystemClock())
        self._sockets = Sockets()
        self._settings = settings
        self._daemon = build(settings)
        self._ended = asyncio.Event()
        self._next: tuple[Settings, Daemon] | None = None
        # What to go back to, until the daemon after it has begun.
        self._before: Settings | None = None
        self._has_gone_back = False
        self._is_up = False
        self._is_stopping = False

    def stop(self) -> None:
        """Let the present daemon finish, and begin no other."""
        self._supervisor.stopping()
        self._is_stopping = True
        self._ended.set()

    def reload(self) -> str:
        """Read the configuration again; what comes of it, in words.

        Raises ConfigurationError when it cannot be used: then all stays as it is.
        """
        if not self._is_up or self._ended.is_set():
            raise ConfigurationError("wamon is just starting or stopping: try again in a moment")
        self._supervisor.reloading()
        try:
            settings = self._read()
            if settings == self._settings:
                self._daemon.instruments.reloaded(is_successful=True)
                self._supervisor.ready()
                return UNCHANGED
            daemon = self._build(settings)
            for key, place in daemon.places().items():
                self._sockets.take(key, place).close()
        except ConfigurationError:
            self._sockets.keep_only(self._daemon.places())
            self._daemon.instruments.reloaded(is_successful=False)
            self._supervisor.ready()
            raise
        self._next = (settings, daemon)
        self._ended.set()
        return RELOADING

    def hear(self) -> None:
        """What SIGHUP asks for: reload, and tell the log what came of it."""
        try:
            log.info("reload", extra={"outcome": self.reload()})
        except ConfigurationError as exc:
            log.error("reload refused, the configuration stays as it was", extra={"reason": str(exc)})

    async def run(
        self,
        *,
        listening: Callable[[str], None] = lambda _url: None,
        receiving: Callable[[str], None] = lambda _url: None,
    ) -> None:
        """Until `stop`. Raises what the first daemon raises, and what ends a later one after it has begun."""
        with self._sockets:
            while not self._is_stopping:
                await self._turn(listening, receiving)

    async def _turn(self, listening: Callable[[str], None], receiving: Callable[[str], None]) -> None:
        """One daemon from its begin to its end."""
        self._ended.clear()
        self._began(self._settings)
        self._sockets.keep_only(self._daemon.places())

        def up(url: str) -> None:
            self._is_up, self._before = True, None
            if self._has_gone_back:
                self._has_gone_back = False
                self._daemon.instruments.reloaded(is_successful=False)
            listening(url)

        try:
            await self._daemon.run(
                self._ended,
                sockets=self._sockets,
                listening=up,
                receiving=receiving,
                reload=self.reload,
                supervisor=self._supervisor,
            )
        except WamonError as exc:
            if self._before is None:
                raise
            log.error("no start with the new configuration, back to the one before", extra={"reason": str(exc)})
            self._next, self._has_gone_back = (self._before, self._build(self._before)), True
        finally:
            self._is_up = False
        if self._next is not None:
            self._before = None if self._has_gone_back else self._settings
            self._settings, self._daemon = self._next
            self._next = None
