"""The fake Slack's channels as a page: what a reader of the real ones would see, and could press."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from wamon.sim.slack_workspace import SlackChannel, SlackMessage

EMOJI: Mapping[str, str] = {
    "arrow_down": "⬇️",
    "arrow_up": "⬆️",
    "bell": "🔔",
    "bust_in_silhouette": "👤",
    "eyes": "👀",
    "fire": "🔥",
    "hourglass": "⌛",
    "information_source": "ℹ️",  # noqa: RUF001  the emoji itself
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "mag": "🔍",
    "mute": "🔇",
    "no_bell": "🔕",
    "no_entry": "⛔",
    "question": "❓",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "x": "❌",
    "zzz": "💤",
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'"
    ),
    "cache-control": "no-store",
}
_FENCE = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_CONTROL = re.compile(r"<([^<>\n]+)>")
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^{mark}\n]+?)(?<=\S){mark}(?![\w{mark}])"), tag)
    for mark, tag in ((r"\*", "strong"), ("_", "em"), ("~", "s"))
)
_QUOTE = re.compile(r"^&gt; ?(.*)$", re.MULTILINE)
_KEPT = re.compile("\0(\\d+)\0")
_LINK_SCHEMES = ("http://", "https://", "mailto:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One place in the channel: a message with what its thread holds, or a reply that was sent to the channel too.

    `root` is the first message of the thread that such a reply belongs to.
    """

    message: SlackMessage
    replies: tuple[SlackMessage, ...] = ()
    root: SlackMessage | None = None

    @property
    def reply_count(self) -> int:
        """How many replies everybody sees."""
        return sum(not reply.is_ephemeral for reply in self.replies)


class SlackPage:
    """Renders a channel."""

    def __init__(self) -> None:
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        self._environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._environment.filters["mrkdwn"] = mrkdwn
        self._environment.filters["plain"] = plain

    def answer(self, channel: SlackChannel) -> HTMLResponse:
        """The page as it is at this moment."""
        template = self._environment.get_template("slack.html")
        page = template.render(channel=channel, workspace=channel.workspace, entries=timeline(channel))
        return HTMLResponse(page, headers=_HEADERS)


def timeline(channel: SlackChannel) -> list[Entry]:
    """What stands in the channel, oldest first."""
    everything = sorted([*channel.messages, *channel.ephemerals], key=lambda message: message.ts)
    roots = {message.ts: message for message in everything if message.thread_ts is None}
    entries: list[Entry] = []
    for message in everything:
        if message.thread_ts is None:
            replies = tuple(reply for reply in everything if reply.thread_ts == message.ts)
            entries.append(Entry(message=message, replies=replies))
        elif message.reply_broadcast or message.thread_ts not in roots:
            entries.append(Entry(message=message, root=roots.get(message.thread_ts)))
    return entries


def mrkdwn(text: object) -> str:
    """Slack's own markup as HTML. Whatever is not markup comes out escaped."""
    kept: list[str] = []

    def keep(html: str) -> str:
        kept.append(html)
        return f"\0{len(kept) - 1}\0"

    source = str(text).replace("\0", "")
    source = _FENCE.sub(lambda match: keep(f"<pre>{_escaped(match[1].strip(chr(10)))}</pre>"), source)
    source = _CODE.sub(lambda match: keep(f"<code>{_escaped(match[1])}</code>"), source)
    source = _CONTROL.sub(lambda match: keep(_control(match[1])), source)
    html = _escaped(source)
    for pattern, tag in _STYLES:
        html = pattern.sub(rf"<{tag}>\1</{tag}>", html)
    html = _QUOTE.sub(r"<blockquote>\1</blockquote>", html).replace("</blockquote>\n", "</blockquote>")
    html = _with_emoji(html).replace("\n", "<br>")
    # A link's text may itself hold code that was put aside earlier.
    while _KEPT.search(html):
        html = _KEPT.sub(lambda match: kept[int(match[1])], html)
    return html


def plain(text: object) -> str:
    """A plain_text object's text as HTML: escaped, with the short codes of common emoji replaced."""
    return _with_emoji(_escaped(str(text)))


def _with_emoji(html: str) -> str:
    return _SHORTCODE.sub(lambda match: EMOJI.get(match[1], match[0]), html)


def _control(inside: str) -> str:
    """What stands between angle brackets: a link, a mention, a date; anything else is shown as it is."""
    target, bar, label = inside.partition("|")
    if target.startswith(_LINK_SCHEMES):
        return f'<a href="{_escaped(target)}" rel="noreferrer">{_escaped(label or target)}</a>'
    if target[0] in "@#!":
        shown = label if bar else target[1:]
        mark = "" if target.startswith("!date") else ("#" if target[0] == "#" else "@")
        return f'<span class="mention">{mark}{_escaped(shown)}</span>'
    return _escaped(f"<{inside}>")


def _escaped(text: str) -> str:
    """Escape for HTML what Slack's senders have already escaped for Slack."""
    return escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
