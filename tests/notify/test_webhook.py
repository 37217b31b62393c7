"""The generic webhook: what it posts, how that is signed, and what each answer means."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClock
from tests.notify.ear import Ear, listening
from wamon import __version__
from wamon.core.alerting import Severity
from wamon.core.errors import DeliveryDeferred, DeliveryError, DeliveryRejected
from wamon.core.outgoing import Message, Receipt
from wamon.notify.webhook import SignedWebhook

SECRET = "s3cret of the receiver"
STAMP = "1795341600"
MESSAGE = Message(
    headline="CRITICAL  Quality rating RED  +1 555 078 3881",
    severity=Severity.CRITICAL,
    is_resolved=False,
    facts=(("Since", "10:00 UTC"),),
    remarks=("possible duplicate: an earlier attempt may have arrived",),
    data={"status": "firing", "alerts": [{"alertname": "WhatsAppQualityRatingRed"}], "text": "never this"},
    reference="7d9f3a2b/1/1",
)


def post(
    ear: Ear, *, secret: str | None = SECRET, message: Message = MESSAGE, path: str = "/hook/path-secret"
) -> Receipt | DeliveryError:
    async def main() -> Receipt | DeliveryError:
        async with listening(ear) as url:
            webhook = SignedWebhook(url + path, secret, timeout_seconds=ear.timeout_seconds, clock=FakeClock())
            try:
                return await webhook.send(message)
            except DeliveryError as error:
                return error
            finally:
                await webhook.close()

    return asyncio.run(main())


def checked(url: str, secret: str | None = SECRET) -> str:
    async def main() -> str:
        webhook = SignedWebhook(url, secret)
        try:
            return await webhook.check()
        finally:
            await webhook.close()

    return asyncio.run(main())


def test_body_is_the_message_for_machines_and_for_people() -> None:
    ear = Ear()

    receipt = post(ear)

    assert receipt == Receipt(message_id=MESSAGE.reference)
    (heard,) = ear.heard
    assert (heard.method, heard.path) == ("POST", "/hook/path-secret")
    assert heard.json == {
        "status": "firing",
        "alerts": [{"alertname": "WhatsAppQualityRatingRed"}],
        "reference": "7d9f3a2b/1/1",
        "text": MESSAGE.text,
        "remarks": ["possible duplicate: an earlier attempt may have arrived"],
    }


def test_headers_name_wamon_the_message_and_the_time() -> None:
    ear = Ear()

    post(ear)

    headers = ear.heard[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"wamon/{__version__}"
    assert headers["x-wamon-reference"] == "7d9f3a2b/1/1"
    assert headers["x-wamon-timestamp"] == STAMP


def test_signature_is_over_timestamp_and_body() -> None:
    ear = Ear()

    post(ear)

    (heard,) = ear.heard
    expected = hmac.new(SECRET.encode(), f"{STAMP}.".encode() + heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-wamon-signature-256"] == f"sha256={expected}"


def test_documented_example_verifies_what_is_sent_and_nothing_else() -> None:
    ear = Ear()
    post(ear)
    (heard,) = ear.heard
    document = (Path(__file__).parents[2] / "docs" / "webhook-receiver.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(document.partition("```python\n")[2].partition("```")[0], example)
    verify = example["is_genuine"]

    now = int(STAMP)
    assert verify(SECRET.encode(), heard.headers, heard.body, now)
    assert not verify(b"another", heard.headers, heard.body, now)
    assert not verify(SECRET.encode(), heard.headers, heard.body + b" ", now)
    assert not verify(SECRET.encode(), {**heard.headers, "x-wamon-timestamp": str(now + 1)}, heard.body, now)
    assert not verify(SECRET.encode(), heard.headers, heard.body, now + 3600)
    assert not verify(SECRET.encode(), {}, heard.body, now)


def test_without_a_secret_nothing_is_signed() -> None:
    ear = Ear()

    post(ear, secret=None)

    assert "x-wamon-signature-256" not in ear.heard[0].headers


def test_text_with_half_a_surrogate_pair_is_sent_all_the_same() -> None:
    ear = Ear()

    post(ear, message=Message(headline="\ud83d broken", severity=Severity.INFO, is_resolved=False, reference="r"))

    assert ear.heard[0].json["text"] == "? broken"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert isinstance(post(Ear(status=status)), Receipt)


@pytest.mark.parametrize(
    ("status", "may_have_arrived"),
    [(408, False), (425, False), (429, False), (500, True), (502, True), (503, False), (504, True), (599, True)],
)
def test_trouble_on_the_other_side_is_tried_again(status: int, may_have_arrived: bool) -> None:
    error = post(Ear(status=status))

    assert isinstance(error, DeliveryDeferred)
    assert error.may_have_arrived is may_have_arrived
    assert str(status) in str(error)


@pytest.mark.parametrize(("manner", "may_have_arrived"), [("hang", True), ("reset", True)])
def test_lost_answer_may_have_arrived(manner: str, may_have_arrived: bool) -> None:
    error = post(Ear(manner=manner))

    assert isinstance(error, DeliveryDeferred)
    assert error.may_have_arrived is may_have_arrived


def test_receiver_that_is_not_there_did_not_take_it() -> None:
    async def main() -> None:
        async with listening(Ear()) as url:
            pass
        webhook = SignedWebhook(url, None)
        with pytest.raises(DeliveryDeferred, match="cannot connect") as caught:
            await webhook.send(MESSAGE)
        await webhook.close()
        assert not caught.value.may_have_arrived

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(seconds=120)),
        ({"Retry-After": "0"}, timedelta(seconds=1)),
        ({"Retry-After": "99999999"}, timedelta(days=1)),
        (
            {"Retry-After": "Sun, 22 Nov 2026 10:05:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            timedelta(minutes=5),
        ),
        ({"Retry-After": "soon"}, timedelta(seconds=30)),
        ({}, timedelta(seconds=30)),
    ],
)
def test_wait_that_is_asked_for_is_kept_within_reason(headers: dict[str, str], wait: timedelta) -> None:
    error = post(Ear(status=429, headers=headers))

    assert isinstance(error, DeliveryDeferred)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (301, "WAMON_WEBHOOK_URL"),
        (307, "WAMON_WEBHOOK_URL"),
        (400, "docs/webhook-receiver.md"),
        (401, "WAMON_WEBHOOK_SECRET"),
        (403, "WAMON_WEBHOOK_SECRET"),
        (404, "WAMON_WEBHOOK_URL"),
        (405, "WAMON_WEBHOOK_URL"),
        (410, "WAMON_WEBHOOK_URL"),
        (413, "docs/webhook-receiver.md"),
        (422, "docs/webhook-receiver.md"),
    ],
)
def test_refusal_names_the_next_step(status: int, step: str) -> None:
    error = post(Ear(status=status, headers={"Location": "https://elsewhere.example/"}))

    assert isinstance(error, DeliveryRejected)
    assert error.reason == f"http_{status}"
    assert step in str(error)


def test_no_error_quotes_the_url_or_the_secret() -> None:
    ears = [Ear(manner="hang"), Ear(manner="reset"), *(Ear(status=status) for status in (302, 400, 403, 429, 500))]

    told = " ".join(repr(post(ear, path="/path-secret?token=k3y")) for ear in ears)

    assert "path-secret" not in told
    assert "k3y" not in told
    assert SECRET not in told


def test_malformed_url_is_refused_by_sending_and_by_checking() -> None:
    async def main() -> None:
        webhook = SignedWebhook("hooks.example.org/x", SECRET)
        with pytest.raises(DeliveryRejected, match="WAMON_WEBHOOK_URL"):
            await webhook.send(MESSAGE)
        await webhook.close()

    asyncio.run(main())
    with pytest.raises(DeliveryRejected, match="WAMON_WEBHOOK_URL"):
        checked("hooks.example.org/x")


def test_check_tells_host_and_manner_and_sends_nothing() -> None:
    assert checked("https://u:p@hooks.example.org/path-secret?k3y") == (
        "messages go to hooks.example.org, signed; nothing was sent"
    )
    assert "over plain http" in checked("http://127.0.0.1:1/x")
    assert "not signed" in checked("https://hooks.example.org/", secret=None)


def test_webhook_has_no_threads() -> None:
    async def main() -> None:
        webhook = SignedWebhook("https://hooks.example.org", None, name="pager")
        assert webhook.threads is None
        assert webhook.name == "pager"
        await webhook.close()

    asyncio.run(main())
