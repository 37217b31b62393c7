"""What is wrong with a configuration, and how it is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from wamon.config.sources import KeyPath

# `poll` is far from `poll_interval` by its letters, and still surely meant; `a` could be anything.
SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault: the key, and a text that completes "KEY: ..." without ever repeating the value."""

    key: KeyPath
    text: str


def spelled(key: KeyPath) -> str:
    """A key as people say it: `accounts #2 waba_id`, `rules.WhatsAppTokenExpiring.for_seconds`."""
    match key:
        case (str(table), int(index), *rest):
            return " ".join([f"{table} #{index + 1}", *map(str, rest)])
        case _:
            return ".".join(map(str, key))


def nearest(key: str, known: Iterable[str]) -> str:
    """A closing like `; did you mean 'waba_id'?`, empty when nothing known is near."""
    candidates = {name.lower(): name for name in sorted(known)}
    wanted = key.lower()
    close = get_close_matches(wanted, candidates, n=1, cutoff=0.6)
    if not close and len(wanted) >= SHORTEST_PREFIX:
        close = [name for name in candidates if name.startswith(wanted)][:1]
    return f"; did you mean {candidates[close[0]]}?" if close else ""
