"""A listener's TLS that follows its files: a renewed certificate is shown to whoever connects next."""

import logging
import ssl
from pathlib import Path
from typing import TypeAlias

from wamon.web.web_config import Tls, WebConfigError

log = logging.getLogger(__name__)

# Of each file what changes when it is written or replaced; None where there is none.
_Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class RenewingTls:
    """The context for a server. Each handshake looks at the files, as those of the exporters do.

    While what is there is no certificate and its key, which is so for a moment when both are replaced, the ones before
    are shown on.
    """

    def __init__(self, tls: Tls) -> None:
        """Raises WebConfigError when the files are no certificate and its key."""
        self._tls = tls
        self._seen = _stamp(tls)
        self.context = tls.context()
        self.context.sni_callback = self._choose
        self._newest = self.context

    def _choose(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if (stamp := _stamp(self._tls)) != self._seen:
            self._seen = stamp
            self._renew()
        handshake.context = self._newest

    def _renew(self) -> None:
        try:
            self._newest = self._tls.context()
        except WebConfigError as exc:
            log.warning(
                "the renewed certificate cannot be used, the one before is shown on", extra={"reason": str(exc)}
            )
        else:
            log.info("a renewed certificate is shown")


def _stamp(tls: Tls) -> _Stamp:
    return tuple(map(_stamp_of, tls.files))


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
