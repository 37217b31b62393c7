"""Every signal there is, in the order in which they are exported and documented."""

from typing import Any, Final

from wamon.core import figures
from wamon.core.health import Signal
from wamon.probes import SIGNALS as OF_PROBES
from wamon.webhooks.fields import SIGNALS as OF_WEBHOOKS

SIGNALS: Final[tuple[Signal[Any], ...]] = tuple(dict.fromkeys((*OF_PROBES, *OF_WEBHOOKS, *figures.SIGNALS)))
