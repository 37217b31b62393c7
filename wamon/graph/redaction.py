"""Takes secrets out of any text that may be seen: exceptions, log lines, fault readings."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "[redacted]"

# A shorter one would be found inside ordinary words and numbers, and turn every text to rubble.
LEAST_SECRET_LENGTH: Final = 4

# What is a secret by its place or look, known to us or not: Meta's own paging.next links carry access_token.
# Source: facts on paging, Meta "Paginated results", read 2026-11.
_NAMED: Final = re.compile(
    r"""(?ix)
    \b(access_token|input_token|appsecret_proof|client_secret|app_secret|fb_exchange_token|verify_token)
    (["']?\s*(?:=|:|%3D)\s*["']?)
    [^\s&"'<>,;)}\]]+
    """
)
_BEARER: Final = re.compile(r"(?i)\b(Bearer|OAuth)(\s+)[A-Za-z0-9|%._~+/-]{8,}=*")
_LOOKS_LIKE_A_TOKEN: Final = re.compile(r"\bEAA[A-Za-z0-9]{20,}|\b[0-9]{5,}(?:\||%7[Cc])[0-9A-Za-z_-]{16,}")


class Redactor:
    """Replaces secrets in texts: those it was given, and whatever is named or shaped like one of Meta's.

    Secrets of fewer than four characters are not looked for.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in _forms(secret) if len(secret) >= LEAST_SECRET_LENGTH}
        # The longest first: an app token contains the app secret.
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
        text = _BEARER.sub(rf"\1\2{HIDDEN}", text)
        return _LOOKS_LIKE_A_TOKEN.sub(HIDDEN, text)

    def __repr__(self) -> str:
        return "Redactor()"


def _forms(secret: str) -> set[str]:
    """A secret as it is and as it stands in a URL."""
    return {secret, quote(secret, safe=""), quote(secret, safe="").replace("%7C", "%7c")}
