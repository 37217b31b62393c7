"""What an error carries for the caller who acts on it."""

from datetime import timedelta

import pytest

from wamon.core.errors import (
    ConfigurationError,
    DeliveryDeferred,
    DeliveryError,
    DeliveryRejected,
    Denied,
    GraphFault,
    Refused,
    StoreError,
    StoreInUseError,
    Throttled,
    UnexpectedShape,
    Unreachable,
    WamonError,
)
from wamon.core.ports import ProbeOutcome


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (GraphFault("what is this"), ProbeOutcome.UNEXPECTED),
        (Denied("no", is_token=True), ProbeOutcome.DENIED),
        (Throttled("wait", retry_after=None), ProbeOutcome.THROTTLED),
        (Unreachable("timeout"), ProbeOutcome.UNREACHABLE),
        (Refused("no such field"), ProbeOutcome.REFUSED),
        (UnexpectedShape("not JSON"), ProbeOutcome.UNEXPECTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GraphFault) else None,
)
def test_fault_names_the_outcome_of_the_run(fault: GraphFault, outcome: ProbeOutcome) -> None:
    assert fault.outcome == outcome


def test_faults_carry_metas_numbers_when_there_are_any() -> None:
    denied = Denied("expired", is_token=True, is_asset=False, code=190, subcode=463)
    throttled = Throttled("wait", retry_after=timedelta(minutes=5), code=80008)
    refused = Refused("no field", code=100, field="health_status", node_type="WhatsAppBusinessAccount")

    assert (str(denied), denied.code, denied.subcode) == ("expired", 190, 463)
    assert (denied.is_token, denied.is_asset) == (True, False)
    assert (throttled.code, throttled.subcode, throttled.retry_after) == (80008, None, timedelta(minutes=5))
    assert (refused.code, refused.field, refused.node_type) == (100, "health_status", "WhatsAppBusinessAccount")
    assert Unreachable("timeout").code is None


def test_delivery_errors_say_whether_to_try_again() -> None:
    deferred = DeliveryDeferred("429", retry_after=timedelta(seconds=30), may_have_arrived=True)
    rejected = DeliveryRejected("channel is archived", reason="is_archived")

    assert (deferred.retry_after, deferred.may_have_arrived) == (timedelta(seconds=30), True)
    assert (DeliveryDeferred("reset").retry_after, DeliveryDeferred("reset").may_have_arrived) == (None, False)
    assert (str(rejected), rejected.reason) == ("channel is archived", "is_archived")


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (GraphFault, WamonError),
        (ConfigurationError, WamonError),
        (StoreError, WamonError),
        (StoreInUseError, StoreError),
        (DeliveryError, WamonError),
        (DeliveryDeferred, DeliveryError),
        (DeliveryRejected, DeliveryError),
    ],
)
def test_error_may_be_caught_by_its_family(kind: type[Exception], parent: type[Exception]) -> None:
    assert issubclass(kind, parent)
