"""The receiver of last resort: alerts as log records, for an installation without Slack."""

import logging

from wamon.core.alerting import Severity
from wamon.core.outgoing import Message, Receipt

log = logging.getLogger(__name__)


class LogNotifier:
    """Writes each notification as one structured record: WARNING for what fires, INFO for what ended."""

    def __init__(self, *, name: str = "log") -> None:
        self.name = name

    @property
    def threads(self) -> None:
        """A log is only ever added to."""
        return None

    async def send(self, message: Message) -> Receipt:
        is_quiet = message.is_resolved or message.severity is Severity.INFO
        log.log(
            logging.INFO if is_quiet else logging.WARNING,
            "alert",
            extra={
                "headline": message.headline,
                "severity": str(message.severity),
                "is_resolved": message.is_resolved,
                "facts": dict(message.facts),
                "members": [text for _, _, text in message.members],
                "evidence": dict(message.evidence),
                "steps": list(message.steps),
                "links": dict(message.links),
                "timeline": [f"{when} {what}" for when, what in message.timeline],
                "remarks": list(message.remarks),
                "reference": message.reference,
            },
        )
        return Receipt(message_id=message.reference)

    async def check(self) -> str:
        """What `wamon doctor` shows."""
        return "alerts are only logged"

    async def close(self) -> None:
        """Nothing is held."""
