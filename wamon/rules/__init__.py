"""When a human should know. A new rule is a file here and one line in RULES."""

from wamon.core.ports import Rule
from wamon.rules import account, api_version, can_send, phone_status, quality, subscription, token, watching

RULES: tuple[Rule, ...] = (
    *quality.RULES,
    *phone_status.RULES,
    *can_send.RULES,
    *account.RULES,
    *token.RULES,
    *subscription.RULES,
    *api_version.RULES,
    *watching.RULES,
)
