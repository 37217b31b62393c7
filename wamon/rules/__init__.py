"""When a human should know. A new rule is a file here and one line in RULES."""

from wamon.core.ports import Rule
from wamon.rules import (
    account,
    account_alert,
    api_version,
    can_send,
    delivery,
    delivery_pace,
    flow,
    phone_status,
    quality,
    security,
    sending_codes,
    subscription,
    templates,
    token,
    watching,
    webhooks,
)

# What judges figures that webhooks alone bring.
BY_WEBHOOKS_ONLY: frozenset[str] = frozenset(
    rule.name
    for rule in (
        *delivery.RULES,
        *delivery_pace.RULES,
        *webhooks.RULES,
        sending_codes.SPAM_RATE_LIMITED,
        sending_codes.THROUGHPUT_LIMITED,
    )
)

RULES: tuple[Rule, ...] = (
    *quality.RULES,
    *phone_status.RULES,
    *can_send.RULES,
    *account.RULES,
    *account_alert.RULES,
    *security.RULES,
    *token.RULES,
    *subscription.RULES,
    *api_version.RULES,
    *delivery.RULES,
    *delivery_pace.RULES,
    *sending_codes.RULES,
    *webhooks.RULES,
    *templates.RULES,
    *flow.RULES,
    *watching.RULES,
)
