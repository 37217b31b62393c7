"""A message as Slack shows it: Block Kit within its limits, whatever the lengths, and the plain fallback text."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from wamon.core.alerting import Severity
from wamon.core.ports import Message

Block: TypeAlias = dict[str, Any]

# Source: Slack "Block Kit reference: blocks" and "composition objects", read 2026-11.
MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_FIELDS: Final = 10
MAX_FIELD: Final = 2000
MAX_CONTEXT_ELEMENTS: Final = 10
# Slack cuts `text` at 40,000 characters and advises 4,000 ("chat.postMessage", read 2026-11).
MAX_TEXT: Final = 4000

# What is longer reads badly in one of two columns.
_COLUMN: Final = 80
_NAME: Final = 200
_URL: Final = 2000
_MARKS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: ":red_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.INFO: ":large_blue_circle:",
}
_RESOLVED: Final = ":large_green_circle:"
# The three characters that mean something to Slack ("Formatting text", read 2026-11).
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def blocks(message: Message) -> list[Block]:
    """The message in the order in which a person needs it."""
    mark = _RESOLVED if message.is_resolved else _MARKS[message.severity]
    header = f"{mark} {message.headline}"
    short = [fact for fact in message.facts if len(fact[1]) <= _COLUMN]
    long = [fact for fact in message.facts if len(fact[1]) > _COLUMN]
    sections: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": _cut(header, MAX_HEADER)}}]
    if len(header) > MAX_HEADER:
        sections.append(_section(mrkdwn(message.headline, MAX_SECTION)))
    if short:
        fields = [_text(f"*{mrkdwn(name, _NAME)}*\n{mrkdwn(value, _COLUMN * 5)}") for name, value in short]
        sections.append({"type": "section", "fields": fields[:MAX_FIELDS]})
    sections += _listed(None, [*_named(short[MAX_FIELDS:]), *_named(long)])
    sections += _listed("Evidence", _named(message.evidence))
    sections += _listed("What to do", [(f"{n}. ", step) for n, step in enumerate(message.steps, start=1)])
    sections += _linked(message.links)
    remarks = [_text(mrkdwn(remark, MAX_FIELD)) for remark in message.remarks if remark]
    reference = _text(mrkdwn(f"ref {message.reference}", MAX_FIELD))
    sections.append({"type": "context", "elements": [*remarks[: MAX_CONTEXT_ELEMENTS - 1], reference]})
    return sections


def fallback(message: Message) -> str:
    """The whole as plain text; its first line is the notification on a phone."""
    return mrkdwn(message.text, MAX_TEXT)


def mrkdwn(text: str, limit: int) -> str:
    """The text without meaning to Slack's markup, cut to `limit` characters never in the middle of an escape."""
    escaped = [_ESCAPES.get(character, character) for character in text]
    if sum(map(len, escaped)) <= limit:
        return "".join(escaped)
    kept: list[str] = []
    room = limit - len("…")
    for part in escaped:
        room -= len(part)
        if room < 0:
            break
        kept.append(part)
    return f"{''.join(kept)}…"


def _named(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"• *{mrkdwn(name, _NAME)}*: ", value) for name, value in pairs]


def _listed(title: str | None, lines: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """One section of lines, each a lead in markup and a plain text; what does not fit is cut, and that is shown."""
    written = [f"*{title}*"] if title else []
    bare = len(written)
    room = MAX_SECTION - sum(map(len, written)) - len("\n…")
    for lead, text in lines:
        space = room - len(lead) - 1
        if space < 1:
            written.append("…")
            break
        written.append(lead + mrkdwn(text, space))
        room -= len(written[-1]) + 1
    if len(written) > bare:
        yield _section("\n".join(written))


def _linked(links: Iterable[tuple[str, str]]) -> Iterator[Block]:
    written: list[str] = []
    for name, url in links:
        # A bar or a bracket would end the address early.
        address = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
        link = f"<{address}|{mrkdwn(name, _NAME)}>"
        if len(address) <= _URL and len(" · ".join([*written, link])) <= MAX_SECTION:
            written.append(link)
    if written:
        yield _section(" · ".join(written))


def _section(text: str) -> Block:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
