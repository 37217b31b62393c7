"""Markers: what people and their programs did at a moment, to be seen beside what happened to the accounts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LONGEST_TITLE: Final = 120
LONGEST_TEXT: Final = 500
LONGEST_LINK: Final = 500
LONGEST_TAG: Final = 40
MOST_TAGS: Final = 10


class MarkerKind(StrEnum):
    """What was done; a small closed set, because it is a metric's label."""

    DEPLOY = "deploy"
    CONFIGURATION = "configuration"
    CAMPAIGN = "campaign"
    MAINTENANCE = "maintenance"
    INCIDENT = "incident"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """One thing that was done at a moment. `source` is who says so; `link` is empty or a web address.

    What is written here is kept and shown as it is: never a customer's name, number or message.
    """

    id: str
    at: datetime
    kind: MarkerKind
    title: str
    source: str
    text: str = ""
    link: str = ""
    tags: tuple[str, ...] = ()
