"""What operators see and do; `Operations` is all that others use."""

from wamon.operating.finding import NotStoredError, OperatingError, UnknownError
from wamon.operating.operations import Operations, Outcome
from wamon.operating.views import AlertHistory, AlertView, Moved, Overlay, SilenceView

__all__ = [
    "AlertHistory",
    "AlertView",
    "Moved",
    "NotStoredError",
    "OperatingError",
    "Operations",
    "Outcome",
    "Overlay",
    "SilenceView",
    "UnknownError",
]
