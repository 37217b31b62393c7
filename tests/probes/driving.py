"""Drives a probe by hand: no client, no event loop, only questions and answers."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wamon.core.errors import GraphFault
from wamon.core.health import Reading, Signal, Subject
from wamon.core.ports import ProbeSteps, Report
from wamon.core.targets import AccountTarget, AppTarget, TokenTarget

PAYLOADS = Path(__file__).parents[1] / "payloads"

WABA_ID = "102290129340398"
NUMBER_ID = "106540352242922"
APP_ID = "634974688087057"
BUSINESS_ID = "506914307656634"

WABA = Subject.waba(WABA_ID)
NUMBER = Subject.phone_number(WABA_ID, NUMBER_ID)
TOKEN = Subject.token("main")
ASSET = Subject.token_asset("main", WABA_ID)
APP = Subject.app(APP_ID)

ACCOUNT_TARGET = AccountTarget(name="market", waba_id=WABA_ID, token="main", app_id=APP_ID, version="v25.0")
TOKEN_TARGET = TokenTarget(
    token="main",
    app_id=APP_ID,
    waba_ids=(WABA_ID,),
    required_scopes=("whatsapp_business_management", "whatsapp_business_messaging"),
)
APP_TARGET = AppTarget(app_id=APP_ID, wanted_fields=("messages", "account_update"), expected_callback_url=None)


def payload(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return body


def finish(steps: ProbeSteps, answer: dict[str, Any] | GraphFault) -> Report:
    """The report that the probe makes of this last answer."""
    try:
        query = steps.throw(answer) if isinstance(answer, GraphFault) else steps.send(answer)
    except StopIteration as done:
        report: Report = done.value
        return report
    raise AssertionError(f"one question more: {query}")


def of_signal(readings: Iterable[Reading], signal: Signal[Any]) -> list[Reading]:
    return [reading for reading in readings if reading.signal is signal]


def value_of(readings: Iterable[Reading], signal: Signal[Any]) -> Any:
    """The value of the only reading of this signal."""
    (reading,) = of_signal(readings, signal)
    return reading.value
