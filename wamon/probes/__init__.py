"""What wamon asks Meta. A new probe is a file here and one line in PROBES."""

from typing import Any

from wamon.core import watch
from wamon.core.health import Signal
from wamon.core.ports import Probe
from wamon.probes import account, api_version, app, evidence, templates, token

PROBES: tuple[Probe[Any], ...] = (
    account.PROBE,
    token.PROBE,
    app.PROBE,
    api_version.PROBE,
    templates.PROBE,
)

# In the order in which they are exported and documented.
SIGNALS: tuple[Signal[Any], ...] = (
    *dict.fromkeys(signal for probe in PROBES for signal in probe.signals),
    *(signal for signal in evidence.SIGNALS if not any(signal in probe.signals for probe in PROBES)),
    *watch.SIGNALS,
)
