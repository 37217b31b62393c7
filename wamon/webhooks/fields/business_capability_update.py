"""business_capability_update: the messaging limit of the business portfolio.

Source: Meta "business_capability_update" webhook reference, read 2025-12; its keys and types differ between the table,
the example and the dashboard's test.
"""

from wamon.probes.account import MESSAGING_LIMIT
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import recipients_of, words_of

# The portfolio's own key, and the older one by number, which Meta meant to take away in 2026-02.
LIMIT_KEYS = ("max_daily_conversations_per_business", "max_daily_conversation_per_phone")


def read(notice: Notice, directory: Directory) -> Heed:
    """The limit for every known number of the account, as polls show it, unless it is told in two ways that differ."""
    told = [notice.value.get(key) for key in LIMIT_KEYS]
    limits = {limit for each in told if (limit := recipients_of(each)) is not None}
    if len(limits) != 1:
        return Heed(asks_poll=True)
    (limit,) = limits
    raw = words_of(*told)
    numbers = sorted(directory.numbers(notice.waba_id))
    return Heed(readings=tuple(MESSAGING_LIMIT.reading(number, limit, raw=raw) for number in numbers), asks_poll=True)


FIELD = Field(
    name="business_capability_update",
    doc="The messaging limit of the business portfolio.",
    signals=(MESSAGING_LIMIT,),
    read=read,
)
