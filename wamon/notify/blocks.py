"""A message as Slack shows it: Block Kit within its limits, whatever the lengths, and the plain fallback text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from wamon.core.alerting import Severity
from wamon.core.outgoing import Button, Message

Block: TypeAlias = dict[str, Any]

# Source: Slack "Block Kit reference: blocks" and "composition objects", read 2026-11.
MAX_HEADER: Final = 150
MAX_SECTION: Final = 3000
MAX_FIELDS: Final = 10
MAX_CONTEXT_ELEMENTS: Final = 10
MAX_ACTIONS: Final = 25
MAX_BUTTON: Final = 75
MAX_VALUE: Final = 2000
MAX_ACTION_ID: Final = 255
MAX_URL: Final = 3000
# What tells our buttons from those of others (see `slack/actions.py`).
ACTION_PREFIX: Final = "wamon_"
# Slack cuts `text` at 40,000 characters and advises 4,000 ("chat.postMessage", read 2026-11).
MAX_TEXT: Final = 4000

# All texts of a message together, but for the buttons'. Slack names no number, counts the blocks' own words too and has
# refused 11,400 ("msg_blocks_too_long"). Source: GitHub slackapi/bolt-js issues 2509 and 2867, read 2026-11.
MAX_ALL: Final = 9000

# What is longer reads badly in one of two columns.
_COLUMN: Final = 80
_FIELD: Final = 160
_NAME: Final = 60
_LINE: Final = 400
_LIST: Final = 2000
_LINKS: Final = 1000
_REMARK: Final = 400
_REMARKS: Final = 1500
_HEADLINE: Final = 600
_MENTION: Final = 200
_PARAGRAPHS: Final = 10
_MARKS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: ":red_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.INFO: ":large_blue_circle:",
}
_RESOLVED: Final = ":large_green_circle:"
# The three characters that mean something to Slack ("Formatting text", read 2026-11).
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def blocks(message: Message) -> list[Block]:
    """The message in the order in which a person needs it; where it is too long the time line is cut first."""
    mark = _mark(message.severity, message.is_resolved)
    header = f"{mark} {message.headline}"
    short = [fact for fact in message.facts if _is_short(fact[1])]
    long = [fact for fact in message.facts if not _is_short(fact[1])]
    room = _Room(MAX_ALL)
    # What is at the end of the message has its place whatever comes before.
    end = [*room.take(_linked(message.links)), *_pressed(message.buttons), *room.take(_remarked(message))]
    made = room.take(_headed(header, message))
    made += room.take(_fields(short[:MAX_FIELDS]))
    paragraphs = [fact for fact in long if "\n" in fact[1]][:_PARAGRAPHS]
    for name, value in paragraphs:
        made += room.take(_listed(name, [("", value)], min(MAX_SECTION, room.left)))
    rest = [*short[MAX_FIELDS:], *(fact for fact in long if fact not in paragraphs)]
    made += room.take(_listed(None, _named(rest), min(_LIST, room.left)))
    members = [(f"{_mark(*member[:2])} ", _cut(member[2], _LINE)) for member in message.members]
    made += room.take(_listed("Alerts", members, min(MAX_SECTION, room.left)))
    made += room.take(_listed("Evidence", _named(message.evidence), min(_LIST, room.left)))
    steps = [(f"{n}. ", step) for n, step in enumerate(message.steps, start=1)]
    made += room.take(_listed("What to do", steps, min(MAX_SECTION, room.left)))
    made += room.take(_happened(message.timeline, min(MAX_SECTION, room.left)))
    return [*made, *end]


class _Room:
    """How many characters the rest of a message may have."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, made: Iterable[Block]) -> list[Block]:
        taken = list(made)
        self.left = max(self.left - sum(map(_length, taken)), 0)
        return taken


def _length(block: Block) -> int:
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return sum(len(text["text"]) for text in texts if text is not None)


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


def _mark(severity: Severity, is_resolved: bool) -> str:
    return _RESOLVED if is_resolved else _MARKS[severity]


def _headed(header: str, message: Message) -> Iterator[Block]:
    yield {"type": "header", "text": {"type": "plain_text", "text": _cut(header, MAX_HEADER)}}
    if message.mention:
        yield _section(_cut(message.mention, _MENTION))
    if len(header) > MAX_HEADER:
        yield _section(mrkdwn(message.headline, _HEADLINE))


def _pressed(buttons: Iterable[Button]) -> Iterator[Block]:
    elements: dict[str, Block] = {}
    for button in buttons:
        action_id = _cut(f"{ACTION_PREFIX}{button.action}", MAX_ACTION_ID)
        element: Block = {
            "type": "button",
            "action_id": action_id,
            "text": {"type": "plain_text", "text": _cut(button.label or button.action, MAX_BUTTON), "emoji": True},
            "value": _cut(button.value, MAX_VALUE),
        }
        is_link = button.url is not None and 0 < len(button.url) <= MAX_URL
        # Slack takes each action once in a message.
        elements.setdefault(action_id, {**element, "url": button.url} if is_link else element)
    if elements:
        yield {"type": "actions", "elements": list(elements.values())[:MAX_ACTIONS]}


def _is_short(value: str) -> bool:
    return len(value) <= _COLUMN and "\n" not in value


def _fields(facts: Sequence[tuple[str, str]]) -> Iterator[Block]:
    if facts:
        texts = [_text(f"*{mrkdwn(name, _NAME)}*\n{mrkdwn(value, _FIELD)}") for name, value in facts]
        yield {"type": "section", "fields": texts}


def _named(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"• *{mrkdwn(name, _NAME)}*: ", value) for name, value in pairs]


def _listed(title: str | None, lines: Iterable[tuple[str, str]], room: int) -> Iterator[Block]:
    """One section of lines, each a lead in markup and a plain text; what does not fit is cut, and that is shown."""
    written = [f"*{mrkdwn(title, _NAME)}*"] if title else []
    bare = len(written)
    room -= sum(map(len, written)) + len("\n…")
    if room < 0:
        return
    for lead, text in lines:
        space = room - len(lead) - 1
        if space < 1:
            written.append("…")
            break
        written.append(lead + mrkdwn(text, space))
        room -= len(written[-1]) + 1
    if len(written) > bare:
        yield _section("\n".join(written))


def _happened(timeline: Sequence[tuple[str, str]], room: int) -> Iterator[Block]:
    """The time line; where it does not fit its beginning and its end stay, as what is newest counts most."""
    lines = [f"{mrkdwn(when, _NAME)}  {mrkdwn(what, _LINE)}" for when, what in timeline]
    title = "*What happened*"
    room -= len(title)
    if lines and sum(len(line) + 1 for line in lines) > room:
        first, lines = lines[0], lines[1:]
        room -= len(first) + len("\n\n…")
        while lines and sum(len(line) + 1 for line in lines) > room:
            del lines[0]
        lines = [first, "…", *lines]
    if lines and room >= 0:
        yield _section("\n".join([title, *lines]))


def _linked(links: Iterable[tuple[str, str]]) -> Iterator[Block]:
    written: list[str] = []
    for name, url in links:
        # A bar or a bracket would end the address early.
        address = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")
        link = f"<{address}|{mrkdwn(name, _NAME)}>"
        if len(" · ".join([*written, link])) <= _LINKS:
            written.append(link)
    if written:
        yield _section(" · ".join(written))


def _remarked(message: Message) -> Iterator[Block]:
    """The remarks, and the reference as the last: it is what a message is found again by."""
    texts: list[str] = []
    for remark in filter(None, message.remarks):
        text = mrkdwn(remark, _REMARK)
        if len(texts) < MAX_CONTEXT_ELEMENTS - 1 and sum(map(len, texts)) + len(text) <= _REMARKS:
            texts.append(text)
    # An edit has none: the message keeps that of the attempt that brought it.
    if message.reference:
        texts.append(mrkdwn(f"ref {message.reference}", _REMARK))
    if texts:
        yield {"type": "context", "elements": [_text(text) for text in texts]}


def _section(text: str) -> Block:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
