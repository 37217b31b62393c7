"""phone_number_name_update: the review of a number's display name.

Source: Meta "phone_number_name_update" webhook reference, read 2025-12.
"""

from wamon.core import vocabulary
from wamon.core.vocabulary import OTHER
from wamon.probes.account import NAME_STATUS
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import required_word, words_of


def read(notice: Notice, directory: Directory) -> Heed:
    """The decision, in the words that the polls use. The poll that it asks for tells whether the name in use is meant:
    a name that was declined may be one that was wanted in its place."""
    number = directory.number(notice.waba_id, notice.value.get("display_phone_number"))
    decision = required_word(notice.value, "decision")
    status = vocabulary.NAME_STATUS.normalise(decision)
    if number is None:
        return Heed(asks_poll=True)
    raw = words_of(decision, notice.value.get("rejection_reason"))
    reading = NAME_STATUS.reading(number, status, raw=raw, is_recognised=status != OTHER)
    return Heed(readings=(reading,), asks_poll=True)


FIELD = Field(
    name="phone_number_name_update",
    doc="The review of a number's display name.",
    signals=(NAME_STATUS,),
    read=read,
)
