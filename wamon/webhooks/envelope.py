"""Takes a webhook's body apart: every change of every entry goes to the reader of its field, or into a count.

Nothing in here raises, whatever the bytes are: what cannot be read is quarantined, and the rest is read.
Source: Meta "Webhooks" overview, payload structure, read 2026-09.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from wamon.core import books
from wamon.core.books import HOUR, Tally
from wamon.core.delivery import Update
from wamon.core.ports import Quarantined
from wamon.probes.payload import mapping, text
from wamon.webhooks.digest import Digests
from wamon.webhooks.entering import UNWATCHED_NUMBER, stamp
from wamon.webhooks.field import Change, Field, Notice, WebhookShapeError
from wamon.webhooks.fields import FIELDS
from wamon.webhooks.lenient import UNEXPECTED_SHAPE, dumps, load_object, loads
from wamon.webhooks.skeleton import UnreadablePartsError, skeleton

# The label of every field without a reader: its name is Meta's to choose.
OTHER_FIELD: Final = "other"
UNRECOGNISED_FIELD: Final = (books.UNRECOGNISED, "", "", "field", books.FOR_EVER)

# All are counted; of those of one request only so many are kept, since they are mostly alike.
MOST_KEPT: Final = 10


class Post(NamedTuple):
    """What one webhook request holds. `counted` is what it adds to the books beside what its updates do."""

    updates: list[Update]
    notices: list[Notice]
    counted: Tally
    quarantined: list[Quarantined]


class _Change(msgspec.Struct, gc=False):
    field: str
    value: msgspec.Raw


class _Entry(msgspec.Struct, gc=False):
    changes: list[_Change]
    # Whatever they are, they spoil nothing but their own entry.
    id: Any = None
    time: Any = None


class _Envelope(msgspec.Struct, gc=False):
    entry: list[_Entry]


_DECODER: Final = msgspec.json.Decoder(_Envelope)

Enter: TypeAlias = Callable[[Change, list[Update], Tally], None]


def decode(
    body: bytes,
    *,
    received_at: float,
    digests: Digests,
    watched: Mapping[str, frozenset[str]],
    app_id: str,
    fields: Sequence[Field] = FIELDS,
) -> Post:
    """Read a webhook's body, of which the signature is good.

    `received_at` is in unix seconds. `watched` are the phone_number_ids by waba_id, none for all of an account's;
    what is about any other is counted for the app, and nothing is kept of it.
    """
    post = Post([], [], defaultdict(int), [])
    reader = _Reader(received_at, digests, watched, app_id, fields, post)
    try:
        envelope = _DECODER.decode(body)
    except (ValueError, RecursionError):
        reader.read_loosely(body)
    else:
        for entry in envelope.entry:
            for change in entry.changes:
                reader.read(entry.id, entry.time, change.field, change.value)
    return post


def quarantine(post: Post, value: object, *, reason: str, at: datetime) -> None:
    """Count something that could not be read, and keep its form, unless enough of the request is kept already."""
    _quarantine(post, reason, at, form=lambda: skeleton(value))


def _quarantine(post: Post, reason: str, at: datetime, *, form: Callable[[], str]) -> None:
    post.counted[books.QUARANTINED, "", "", reason, books.FOR_EVER] += 1
    if len(post.quarantined) < MOST_KEPT:
        post.quarantined.append(Quarantined(reason=reason, skeleton=form(), at=at))


def _opened(change: object) -> tuple[str, bytes]:
    """The field and the value of a change, as the strict decoder would give them. Raises WebhookShapeError."""
    parts = mapping(change)
    name = parts.get("field")
    if not isinstance(name, str) or "value" not in parts:
        raise WebhookShapeError(UNEXPECTED_SHAPE)
    return name, dumps(parts["value"])


class _Reader(NamedTuple):
    """Reads one request."""

    received_at: float
    digests: Digests
    watched: Mapping[str, frozenset[str]]
    app_id: str
    fields: Sequence[Field]
    post: Post

    def read(self, entry_id: object, time: object, name: str, value: bytes) -> None:
        """Read one change."""
        field = self._field(name)
        enter = field.enter if field is not None else None
        waba_id = entry_id if isinstance(entry_id, str) else text(entry_id)
        if waba_id is None:
            self._quarantine_text(UNEXPECTED_SHAPE, value)
            return
        if waba_id not in self.watched:
            # What concerns partners has their business portfolio in the account's place, and the account within.
            waba_id = self._inner_account(value) if enter is None else None
        if waba_id is None:
            self._count_unmonitored()
        elif enter is not None:
            if self._enter(enter, waba_id, value):
                self._count_event(waba_id, name)
            else:
                self._count_unmonitored()
        elif field is not None:
            self._count_event(waba_id, name)
            self._note(name, waba_id, time, value)
        else:
            self.post.counted[UNRECOGNISED_FIELD] += 1
            self._count_event(waba_id, OTHER_FIELD)

    def read_loosely(self, body: bytes) -> None:
        """Read what the strict decoder refuses as a whole, part by part."""
        try:
            document = loads(body)
        except WebhookShapeError as error:
            self._quarantine_blob(error.reason, body)
            return
        for entry in self._parts(document, "entry"):
            for change in self._parts(entry, "changes"):
                try:
                    name, value = _opened(change)
                except WebhookShapeError as error:
                    self._quarantine(error.reason, change)
                else:
                    self.read(entry.get("id"), entry.get("time"), name, value)

    def _parts(self, whole: Any, key: str) -> Iterator[Any]:
        parts = mapping(whole).get(key)
        if isinstance(parts, list):
            yield from parts
        else:
            self._quarantine(UNEXPECTED_SHAPE, whole)

    def _field(self, name: str) -> Field | None:
        for field in self.fields:
            if field.name == name:
                return field
        return None

    def _inner_account(self, value: bytes) -> str | None:
        try:
            inside = text(mapping(load_object(value).get("waba_info")).get("waba_id"))
        except WebhookShapeError:
            return None
        return inside if inside in self.watched else None

    def _enter(self, enter: Enter, waba_id: str, value: bytes) -> bool:
        """Read a change of a field that goes into the ledger; false for a number that is not watched."""
        change = Change(waba_id, self.watched[waba_id], value, self.received_at, self.digests)
        counted = self.post.counted
        try:
            enter(change, self.post.updates, counted)
        except UnreadablePartsError as error:
            for reason, part in error.parts:
                self._quarantine(reason, part)
        except WebhookShapeError as error:
            self._quarantine_text(error.reason, value)
        return not counted.pop(UNWATCHED_NUMBER, 0)

    def _note(self, field: str, waba_id: str, time: object, value: bytes) -> None:
        try:
            found = load_object(value)
        except WebhookShapeError as error:
            self._quarantine_text(error.reason, value)
            return
        stamped = time if isinstance(time, float) else text(time)
        self.post.notices.append(
            Notice(
                waba_id=waba_id,
                field=field,
                at=datetime.fromtimestamp(stamp(stamped, self.received_at), UTC),
                value=found,
                digest=self.digests.of(waba_id, field, str(stamped or ""), bytes(value)),
            )
        )

    def _count_event(self, waba_id: str, label: str) -> None:
        counted = self.post.counted
        counted[books.WEBHOOK_EVENTS, waba_id, "", label, books.FOR_EVER] += 1
        counted[books.RECENT_EVENTS, waba_id, "", "", int(self.received_at) // HOUR * HOUR] += 1

    def _count_unmonitored(self) -> None:
        self.post.counted[books.UNMONITORED, "", "", self.app_id, books.FOR_EVER] += 1

    def _quarantine(self, reason: str, value: object) -> None:
        quarantine(self.post, value, reason=reason, at=datetime.fromtimestamp(self.received_at, UTC))

    def _quarantine_text(self, reason: str, value: bytes) -> None:
        try:
            self._quarantine(reason, loads(value))
        except WebhookShapeError:
            self._quarantine_blob(reason, bytes(value))

    def _quarantine_blob(self, reason: str, blob: bytes) -> None:
        """Of what has no form only its size is kept, and a digest that tells a repeated one."""
        at = datetime.fromtimestamp(self.received_at, UTC)
        _quarantine(self.post, reason, at, form=lambda: f"{len(blob)} bytes, digest {self.digests.of(blob).hex()}")
