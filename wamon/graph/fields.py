"""The `fields` parameter as a tree: written for a request, and pruned when Meta refuses one of its names."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from wamon.core.ports import Edge

# A name's place in the tree: the names that enclose it, outermost first; empty at the top.
Place: TypeAlias = tuple[str, ...]

_WORDS: Final = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One wanted name: `modifiers` such as `.limit(100)`, and what is wanted inside it."""

    name: str
    modifiers: str = ""
    inner: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One name that Meta does not have at one place."""

    place: Place
    name: str


def read_fields(wanted: Iterable[str | Edge]) -> tuple[Field, ...]:
    """The tree of what a query names; a plain text may itself hold a list or `throughput{level}`."""
    return tuple(field for item in wanted for field in _read_item(item))


def write_fields(fields: Iterable[Field]) -> str:
    """Field expansion as Meta reads it: `name,phone_numbers.limit(100){id,status}`."""
    return ",".join(
        field.name + field.modifiers + (f"{{{write_fields(field.inner)}}}" if field.inner else "") for field in fields
    )


def places_of(name: str, fields: Iterable[Field], *, place: Place = ()) -> Iterator[Place]:
    """Every place at which the name is asked for, outer ones before their inner ones."""
    for field in fields:
        if field.name == name:
            yield place
        yield from places_of(name, field.inner, place=(*place, field.name))


def without(fields: Iterable[Field], refusals: Iterable[Refusal]) -> tuple[Field, ...]:
    """The tree less the refused names. A field that loses all that was wanted inside it is asked for as a whole."""
    return _without(fields, frozenset(refusals), place=())


def likeliest_place(places: Sequence[Place], node_type: str | None) -> Place:
    """Where a refusal on `node_type` most probably happened, of the places that ask for the name.

    Meta names the type, not the place, and the same name may be asked for at several. The type of an edge's items tells
    by its words: WhatsAppBusinessAccountToNumberCurrentStatus is of `phone_numbers`, Application of `subscribed_apps`.
    A wrong guess costs one call more: the same refusal comes again and the next place is taken.
    """
    words = [word.lower() for word in _WORDS.findall((node_type or "").replace("WhatsApp", ""))]
    return min(places, key=lambda place: (not _is_told_by(words, place), len(place)))


def _is_told_by(words: Iterable[str], place: Place) -> bool:
    if not place:
        return False
    thing = place[-1].rsplit("_", 1)[-1].removesuffix("s")
    return any(word.startswith(thing) for word in words)


def _without(fields: Iterable[Field], refusals: frozenset[Refusal], *, place: Place) -> tuple[Field, ...]:
    return tuple(
        replace(field, inner=_without(field.inner, refusals, place=(*place, field.name)))
        for field in fields
        if Refusal(place, field.name) not in refusals
    )


def _read_item(item: str | Edge) -> Iterator[Field]:
    if isinstance(item, Edge):
        modifiers = "" if item.limit is None else f".limit({item.limit})"
        yield Field(name=item.name, modifiers=modifiers, inner=read_fields(item.fields))
        return
    for piece in _split(item):
        head, brace, rest = piece.partition("{")
        name, dot, modifiers = head.partition(".")
        yield Field(name=name, modifiers=dot + modifiers, inner=read_fields([rest.removesuffix("}")]) if brace else ())


def _split(text: str) -> Iterator[str]:
    """The items of a list, at the commas outside every bracket."""
    depth, piece = 0, ""
    for character in text:
        depth += (character in "({") - (character in ")}")
        if character == "," and depth == 0:
            yield piece.strip()
            piece = ""
        else:
            piece += character
    yield piece.strip()
