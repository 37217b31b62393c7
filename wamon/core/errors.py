"""The errors that a caller acts on differently: stop, retry, give up or tell a human."""

from datetime import timedelta


class WamonError(Exception):
    """Base of every error that wamon raises on purpose; its text names the thing and the next step."""


class ConfigurationError(WamonError):
    """The configuration is wrong: the start stops with the key's name."""


class StoreError(WamonError):
    """The database did not take or give what was asked; nothing in memory may move ahead of it."""


class StoreInUseError(StoreError):
    """Another process holds this database; the text names the holder."""


class GraphFault(WamonError):
    """A Graph call that brought no usable answer. `code` and `subcode` are Meta's, None when Meta sent none."""

    outcome = "unexpected"

    def __init__(self, message: str, *, code: int | None = None, subcode: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode


class Denied(GraphFault):
    """Meta said no to this credential: the only evidence there is of a bad token or a lost right."""

    outcome = "denied"

    def __init__(
        self,
        message: str,
        *,
        is_token: bool,
        is_asset: bool = False,
        code: int | None = None,
        subcode: int | None = None,
    ) -> None:
        super().__init__(message, code=code, subcode=subcode)
        self.is_token = is_token
        self.is_asset = is_asset


class Throttled(GraphFault):
    """Meta, or our own quota budget, asks us to wait. `retry_after` is None when Meta named no time."""

    outcome = "throttled"

    def __init__(
        self, message: str, *, retry_after: timedelta | None, code: int | None = None, subcode: int | None = None
    ) -> None:
        super().__init__(message, code=code, subcode=subcode)
        self.retry_after = retry_after


class Unreachable(GraphFault):
    """No answer: timeout, refused, reset, or a 5xx. It says nothing about the account."""

    outcome = "unreachable"


class Refused(GraphFault):
    """Meta understood the caller but not the request (code 100 and kin).

    `field` and `node_type` are read from "(#100) Tried accessing nonexisting field (NAME) on node type (TYPE)",
    None where the text is another.
    """

    outcome = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        subcode: int | None = None,
        field: str | None = None,
        node_type: str | None = None,
    ) -> None:
        super().__init__(message, code=code, subcode=subcode)
        self.field = field
        self.node_type = node_type


class UnexpectedShape(GraphFault):
    """An answer that is not JSON, not an object, or lacks what makes it usable."""


class DeliveryError(WamonError):
    """A notification was not accepted."""


class DeliveryDeferred(DeliveryError):
    """Try again later. `may_have_arrived` is true when the receiver may have taken it all the same."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived


class DeliveryRejected(DeliveryError):
    """Trying again would not help until a human changes something; `reason` is the receiver's own word."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class MessageLost(DeliveryError):
    """The message to be answered or edited is gone or fixed; a new one can be sent."""


class HistoryUnreadable(DeliveryError):
    """The receiver does not let us look for what we sent; the text says what would be needed."""
