"""account_review_update: the outcome of Meta's review of an account.

Source: Meta "account_review_update" webhook reference, read 2025-12.
"""

from wamon.core import vocabulary
from wamon.core.health import Subject
from wamon.probes.account import WABA_REVIEW_STATUS, word
from wamon.webhooks.field import Directory, Field, Heed, Notice
from wamon.webhooks.forms import required_word


def read(notice: Notice, directory: Directory) -> Heed:
    """The decision, as the polls show it too."""
    decision = required_word(notice.value, "decision")
    review = word(WABA_REVIEW_STATUS, Subject.waba(notice.waba_id), vocabulary.ACCOUNT_REVIEW_STATUS, decision)
    return Heed(readings=(review,), asks_poll=True)


FIELD = Field(
    name="account_review_update",
    doc="The outcome of Meta's review of an account.",
    signals=(WABA_REVIEW_STATUS,),
    read=read,
)
