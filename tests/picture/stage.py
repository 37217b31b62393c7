"""Scenes to take pictures of: accounts with numbers, as Meta tells of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import START
from tests.metrics.samples import alerted, seen
from wamon.core import watch
from wamon.core.alerting import Alert
from wamon.core.books import Books, TallyKey
from wamon.core.health import Reading, Subject
from wamon.core.state import State
from wamon.core.targets import AccountTarget
from wamon.picture.scene import Scene
from wamon.probes.account import read_account
from wamon.rules import RULES


def target(waba_id: str = "100", *, name: str = "main", app_id: str | None = "61") -> AccountTarget:
    return AccountTarget(name=name, waba_id=waba_id, token="main", app_id=app_id, version="v25.0")


def number(number_id: str = "200", **fields: object) -> dict[str, Any]:
    """A number as the account's answer lists it; `can_send` None leaves its health_status out."""
    can_send = fields.pop("can_send", "AVAILABLE")
    health = {"entities": [{"entity_type": "PHONE_NUMBER", "id": number_id, "can_send_message": can_send}]}
    return {
        "id": number_id,
        "display_phone_number": f"+1 555 000 {number_id}",
        "verified_name": "Jasper's Market",
        "status": "CONNECTED",
        "quality_rating": "GREEN",
        **({"health_status": health} if can_send is not None else {}),
        **fields,
    }


def told(of: AccountTarget, *numbers: Mapping[str, Any], apps: Sequence[str] = ("61",)) -> tuple[Reading, ...]:
    """What one answer of Meta's tells about an account, and that its probe worked."""
    answer = {
        "id": of.waba_id,
        "name": f"Shop {of.waba_id}",
        "phone_numbers": {"data": list(numbers)},
        "subscribed_apps": {"data": [{"whatsapp_business_api_data": {"id": app_id}} for app_id in apps]},
    }
    probe = Subject.probe("account", of.subject)
    return (*read_account(answer, of).readings, watch.PROBE_LAST_SUCCESS.reading(probe, START))


def scene(
    *readings: Reading,
    accounts: Sequence[AccountTarget] = (target(),),
    alerts: Sequence[Alert] = (),
    tallied: Mapping[TallyKey, int] | None = None,
    is_receiving: bool = True,
    later: timedelta = timedelta(0),
    at: datetime = START,
) -> Scene:
    """What is known `later` than these were seen."""
    state, _ = alerted(seen(State(), *readings, at=at)[0], alerts)
    snapshot, _, _ = state.snapshot.age(at + later)
    return Scene(
        state=State(snapshot=snapshot, alerts=state.alerts),
        now=at + later,
        accounts=accounts,
        rules={rule.name: rule for rule in RULES},
        books=Books(tallied or {}),
        is_receiving=is_receiving,
    )
