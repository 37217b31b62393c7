"""Every webhook field that wamon reads. A new one is a file here and one line in FIELDS."""

from typing import Any

from wamon.core.health import Signal
from wamon.webhooks.field import Field

FIELDS: tuple[Field, ...] = ()

# In the order in which they are exported and documented.
SIGNALS: tuple[Signal[Any], ...] = tuple(dict.fromkeys(signal for field in FIELDS for signal in field.signals))
