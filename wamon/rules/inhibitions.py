"""Which alert says the cause, so that its consequences need not be announced (ALERTING section 5)."""

from typing import Final

from wamon.core.alerting import Severity
from wamon.core.inhibition import Inhibition
from wamon.rules import (
    account,
    can_send,
    delivery,
    phone_status,
    quality,
    sending_codes,
    subscription,
    token,
    watching,
    webhooks,
)

INHIBITIONS: Final = (
    Inhibition(source=watching.GRAPH_UNREACHABLE.name, targets=frozenset({watching.CANNOT_SEE.name})),
    Inhibition(source=token.INVALID.name, targets=frozenset({watching.CANNOT_SEE.name}), equal=("token",)),
    Inhibition(source=watching.QUOTA.name, targets=frozenset({watching.CANNOT_SEE.name}), equal=("waba_id",)),
    *(
        Inhibition(
            source=source,
            targets=frozenset(
                {
                    quality.QUALITY.name,
                    phone_status.DOWN.name,
                    phone_status.DEGRADED.name,
                    can_send.CANNOT_SEND.name,
                    delivery.FAILURE_RATIO.name,
                }
            ),
            equal=("waba_id",),
            # What only warns of an account takes no number out of service.
            source_where={"severity": frozenset({str(Severity.CRITICAL)})},
        )
        for source in (account.RESTRICTED.name, account.RESTRICTION.name)
    ),
    Inhibition(
        source=subscription.LOST.name,
        targets=frozenset({webhooks.SILENCE.name, delivery.SILENT_DROP.name}),
        equal=("waba_id",),
    ),
    # Meta's own verdict on the account then has this one reason; a number's own verdict may have another.
    Inhibition(
        source=sending_codes.PAYMENT_BLOCKED.name,
        targets=frozenset({can_send.CANNOT_SEND.name}),
        equal=("waba_id",),
        target_where={"scope": frozenset({"waba", "business"})},
    ),
)
