"""What systemd is told of this process: that it is ready, reloads, stops, and still lives.

Source: systemd's man pages sd_notify(3), sd_watchdog_enabled(3) and systemd.service(5), read 2026-11.
"""

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from wamon.core.timing import Clock
from wamon.picture.values import Health

log = logging.getLogger(__name__)

READY: Final = "ready"
# How often the status is looked at where no watchdog is wanted.
LOOK_SECONDS: Final = 15.0
# `systemctl status` shows one line.
LONGEST_STATUS: Final = 300


class Supervisor:
    """The supervisor that the environment names; without one nothing is said, and nothing else changes."""

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._watchdog_seconds = _watchdog_seconds(environment) if self._address else None
        self._status: str | None = None
        self._is_heard = True

    @property
    def is_there(self) -> bool:
        return self._address is not None

    def ready(self) -> None:
        """Everything is up, for the first time or again after `reloading`."""
        self._say("READY=1")

    def reloading(self) -> None:
        """One daemon ends and the next begins; `ready` follows. The watchdog's time begins anew."""
        # systemd tells by the moment that a `ready` answers its own signal and none before it. It measures by
        # CLOCK_MONOTONIC, and so does a clock that keeps the world's time.
        self._say("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1_000_000)}", "WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    async def watch(self, health: Callable[[], Health]) -> None:
        """Until cancelled, say how we are, and that we live for as long as `health` says so.

        Who hangs cannot say it, and who knows that he hangs does not: either way systemd starts wamon again.
        """
        if self._address is None:
            return
        while True:
            found = health()
            if (status := _status(found)) != self._status:
                self._status = status
                self._say(f"STATUS={status}")
            if found.is_healthy and self._watchdog_seconds is not None:
                self._say("WATCHDOG=1")
            # Half of the time allowed, as systemd recommends.
            seconds = LOOK_SECONDS if self._watchdog_seconds is None else self._watchdog_seconds / 2
            await self._clock.sleep(min(seconds, LOOK_SECONDS))

    def _say(self, *words: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                # A supervisor that does not listen must not hold us up.
                to.setblocking(False)
                to.sendto("\n".join(words).encode(), self._address)
        except OSError as exc:
            if self._is_heard:
                log.warning("the supervisor cannot be told", extra={"reason": exc.strerror or type(exc).__name__})
            self._is_heard = False
        else:
            self._is_heard = True


def _address(named: str) -> str | None:
    """The socket's address as the system takes it; None where there is none, or none that this understands."""
    if named.startswith("@"):
        # An abstract socket: its name begins with a zero byte.
        return f"\0{named[1:]}"
    return named if named.startswith("/") else None


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """The time in which systemd wants a sign of life from this process; None when it wants none."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    # The variables are inherited, and may be meant for a parent.
    is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not is_ours or not microseconds.isdecimal() or not int(microseconds):
        return None
    return int(microseconds) / 1_000_000


def _status(health: Health) -> str:
    if health.is_ready:
        return READY
    reasons = (
        health.not_ready_reasons if health.is_healthy else ("the scheduler does not tick", *health.not_ready_reasons)
    )
    line = " ".join("; ".join(reasons).split())
    return f"not ready: {line}"[:LONGEST_STATUS]
