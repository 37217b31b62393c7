"""How a human is told: the words of a notification, the receivers it goes to, and the outbox that drives them."""

from wamon.core.errors import DeliveryRejected


class MessageRejected(DeliveryRejected):
    """The message itself is at fault: the receiver is well, and no change of it would help."""
