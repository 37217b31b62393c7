"""How a human is told: the words of a notification, the receivers it goes to, and the outbox that drives them."""
