"""Customers that can be told from everybody else are planted in webhooks, and every artefact is searched for them.

Bodies come over a real socket to the real public listener: read, misread, forged, refused, and while nothing can be
kept. What they hold of a customer must be nowhere afterwards, not as a digest that anybody could make, either.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import FakeClock
from tests.security.burrow import APP_SECRET, TOKEN, VERIFY_TOKEN, Burrow, burrow, leaks
from wamon.core import books
from wamon.sim.webhooks import wamid
from wamon.sim.world import World
from wamon.web.public import MAX_BODY_BYTES, public_app
from wamon.web.server import bind, serve
from wamon.webhooks.digest import DIGEST_BYTES

NUMBER_ID = next(iter(World.small(FakeClock().now).numbers))
PHONE = "15550142267"
MEMBER = "447700900581"
WAMID = wamid(PHONE, "CA9A12CA9A12CA9A12")
CUSTOMER: Mapping[str, str] = {
    "number": PHONE,
    "number as it is written": "+1 555-014-2267",
    "number in base64": b64encode(PHONE.encode()).decode().rstrip("="),
    "group member": MEMBER,
    "group": "120363042199654321@g.us",
    "message id": WAMID,
    "message id without its prefix": WAMID.removeprefix("wamid."),
    "message id's own part": "CA9A12CA9A12CA9A12",
    "name": "Zsuzsanna Kanarienvogel",
    "user name": "kanarienvogel.1982",
    "user id": "US.77123450008912340099",
    "text": "my parcel has not arrived, says the canary",
    "callback data": "order-of-the-canary-7781",
    "media": "media-of-the-canary",
    "place": "52.5170365",
    "who asked": "61550000000412",
}
CONTACT = {
    "wa_id": PHONE,
    "user_id": CUSTOMER["user id"],
    "profile": {"name": CUSTOMER["name"], "username": CUSTOMER["user name"]},
}


def digests() -> Iterator[tuple[str, str]]:
    """What anybody could compute of a number or a message id, in every form in which it could be kept."""
    for name in ("number", "message id", "user id"):
        for algorithm in ("md5", "sha1", "sha256", "blake2b", "blake2s"):
            made = hashlib.new(algorithm, CUSTOMER[name].encode())
            yield f"{algorithm} of the {name}", made.hexdigest()
            yield f"raw {algorithm} of the {name}", made.digest().decode("latin-1")
    # As the ledger has it, but for the key.
    unkeyed = hashlib.blake2b(f"{NUMBER_ID}\0{WAMID}\0".encode(), digest_size=DIGEST_BYTES)
    yield "digest without its key", unkeyed.hexdigest()
    yield "raw digest without its key", unkeyed.digest().decode("latin-1")


PLANTED = {**CUSTOMER, **dict(digests())}


def traces(text: str) -> list[str]:
    """What is in a text of the customer, and of the secrets."""
    squeezed = text.translate({ord(each): None for each in " -()+"})
    escaped = [(name, planted, json.dumps(planted)[1:-1]) for name, planted in PLANTED.items()]
    found = [name for name, planted, quoted in escaped if planted in text or quoted in text]
    return [*found, *(["number"] if PHONE[1:] in squeezed else []), *leaks(text)]


def all_traces(made: Burrow) -> list[tuple[str, list[str]]]:
    places = [*made.artefacts(), ("log records before the redaction", made.raw.text())]
    return [(name, found) for name, text in places if (found := traces(text))]


# --- the bodies -------------------------------------------------------------------------------------------------------


def status(word: str, at: int, **more: object) -> dict[str, Any]:
    return {
        "id": WAMID,
        "status": word,
        "timestamp": str(at),
        "recipient_id": PHONE,
        "recipient_user_id": CUSTOMER["user id"],
        "biz_opaque_callback_data": CUSTOMER["callback data"],
        "conversation": {"id": f"conversation of {PHONE}", "origin": {"type": "utility"}},
        **more,
    }


def failure(code: int, at: int) -> dict[str, Any]:
    words = f"{CUSTOMER['name']} ({PHONE}) cannot get {CUSTOMER['text']}"
    error = {"code": code, "title": words, "message": words, "error_data": {"details": words}, "href": words}
    return status("failed", at, errors=[error])


def inbound(at: int) -> list[dict[str, Any]]:
    common = {"from": PHONE, "from_user_id": CUSTOMER["user id"], "id": WAMID, "timestamp": str(at)}
    place = {"latitude": 52.5170365, "longitude": 13.3888599, "name": CUSTOMER["name"]}
    return [
        {**common, "type": "text", "text": {"body": CUSTOMER["text"]}, "context": {"from": PHONE, "id": WAMID}},
        {**common, "type": "image", "image": {"id": CUSTOMER["media"], "caption": CUSTOMER["text"]}},
        {**common, "type": "location", "location": place},
        {**common, "type": "contacts", "contacts": [{"name": CUSTOMER["name"], "phones": [{"wa_id": PHONE}]}]},
        {**common, "type": "unsupported", "errors": failure(131051, at)["errors"]},
    ]


def changes(at: int, number_id: str) -> Iterator[dict[str, Any]]:
    """Changes of every kind in which a customer can stand, and some that are none."""

    def messages(**value: object) -> dict[str, Any]:
        metadata = {"display_phone_number": "15550783881", "phone_number_id": number_id}
        return {"field": "messages", "value": {"metadata": metadata, "contacts": [CONTACT], **value}}

    for word in ("sent", "delivered", "read", "played"):
        yield messages(statuses=[status(word, at, pricing={"category": "utility", "billable": True})])
    codes = (131026, 131042, 131047, 424242)
    yield messages(statuses=[{**failure(code, at), "id": f"{WAMID}{code}"} for code in codes])
    yield messages(statuses=[{**failure(131026, at), "id": f"{WAMID}{index}"} for index in range(120)])
    yield messages(messages=inbound(at), errors=failure(131000, at)["errors"])
    group = {"recipient_type": "group", "recipient_id": CUSTOMER["group"], "group_id": CUSTOMER["group"]}
    yield messages(statuses=[status("sent", at, **group), status("read", at, **group, recipient_participant_id=MEMBER)])
    # What no table knows.
    yield messages(statuses=[status(f"seen by {CUSTOMER['name']} {PHONE}", at)])
    yield messages(statuses=[status("sent", at, pricing={"category": f"of {PHONE}"})])
    yield {"field": PHONE, "value": {CUSTOMER["name"]: CUSTOMER["text"]}}
    # What has not the documented form.
    yield messages(statuses=[{**status("sent", at), "id": None}, PHONE, [CUSTOMER["name"]], {PHONE: WAMID}])
    yield messages(statuses={PHONE: status("sent", at)})
    yield messages(statuses=f"{WAMID} to {PHONE}")
    yield {"field": "messages", "value": {"metadata": {"phone_number_id": {PHONE: 1}}, "statuses": [CONTACT]}}
    yield {"field": "messages", "value": {"metadata": {"phone_number_id": f"+{PHONE}"}, "statuses": [CONTACT]}}
    yield {"field": "messages", "value": f"{PHONE} {CUSTOMER['name']}"}
    yield {"value": {PHONE: CUSTOMER["text"]}}
    # Fields of their own.
    stop = {"wa_id": PHONE, "user_id": CUSTOMER["user id"], "category": "marketing_messages", "timestamp": at}
    for preference in ({**stop, "value": "stop", "detail": CUSTOMER["text"]}, {**stop, "value": {PHONE: 1}}, [PHONE]):
        change = messages(user_preferences=[preference])
        yield {**change, "field": "user_preferences"}
    asked = {"display_phone_number": "15550783881", "requester": CUSTOMER["who asked"]}
    yield {"field": "security", "value": {**asked, "event": "PIN_CHANGED"}}
    yield {"field": "security", "value": {**asked, "event": {"by": PHONE}}}
    yield {"field": "account_update", "value": {"event": [PHONE, CUSTOMER["name"]]}}


def bodies(made: Burrow) -> Iterator[bytes]:
    at = int(made.clock.now().timestamp())
    told = list(changes(at, made.number.id))
    own, foreign = ({"id": waba_id, "time": at, "changes": told} for waba_id in (made.waba.id, PHONE))
    for entry in [[own], [foreign], [{**own, "id": {PHONE: 1}}], [{PHONE: told}], {PHONE: own}]:
        yield json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()
    yield json.dumps({PHONE: told}).encode()
    yield json.dumps([PHONE, CUSTOMER]).encode()
    yield f"{{ {CUSTOMER['name']} says from {PHONE}: {CUSTOMER['text']} {WAMID}".encode()
    yield f'{"[" * 3000}"{PHONE}"{"]" * 3000}'.encode()
    yield f"{CUSTOMER['name']}\xff{PHONE}".encode("latin-1")


# --- the way in -------------------------------------------------------------------------------------------------------


class Sender:
    """Somebody who speaks to the public listener, and what was answered."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.answers: list[tuple[int, str]] = []

    @property
    def codes(self) -> list[int]:
        return [code for code, _ in self.answers]

    async def post(self, body: bytes, *, secret: str = APP_SECRET, path: str = "/webhook") -> None:
        signed = f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"
        self._note(await self._client.post(path, content=body, headers={"X-Hub-Signature-256": signed}))

    async def shake_hands(self, token: str, *, path: str = "/webhook") -> None:
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
        self._note(await self._client.get(path, params=query))

    def _note(self, answer: httpx.Response) -> None:
        self.answers.append((answer.status_code, f"{answer.headers} {answer.text}"))


@asynccontextmanager
async def listening(made: Burrow) -> AsyncIterator[Sender]:
    sock = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve(public_app(made.daemon.intake), sock, is_public=True))
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield Sender(client)
        task.cancel()


async def quarantined(made: Burrow) -> str:
    kept = await made.daemon.store.quarantine(limit=1000)
    made.shown["quarantine"] = "\n".join(map(repr, kept))
    return made.shown["quarantine"]


def test_customers_are_nowhere_after_bodies_of_every_kind(tmp_path: Path) -> None:
    async def story() -> tuple[Burrow, Sender, str]:
        async with burrow(tmp_path) as made, listening(made) as sender:
            for body in bodies(made):
                await sender.post(body)
            await made.look(rounds=6)
            return made, sender, await quarantined(made)

    made, sender, kept = asyncio.run(story())

    assert set(sender.codes) == {200}
    totals = made.daemon.intake.books.totals
    assert {figure for figure, *_ in totals} >= {books.STATUSES, books.FAILURES, books.OPT_OUTS, books.QUARANTINED}
    assert len(kept.splitlines()) > 10
    told = [message.text.split("  ")[1] for message in made.channel.messages]
    assert any("of messages bounce" in what for what in told)
    assert {"Two-step verification PIN was changed", "Messages are blocked by a payment problem"} <= set(told)
    assert all_traces(made) == []
    assert [traces(text) for _, text in sender.answers if traces(text)] == []


def test_customers_and_secrets_are_nowhere_in_what_an_operator_carries_away(tmp_path: Path) -> None:
    """The ticket is attached to questions in public places, the backup lies on somebody's share."""

    def quoting(request: httpx.Request) -> httpx.Response:
        words = f"{request.url} {request.headers['authorization']} {TOKEN} {APP_SECRET} {PHONE} {WAMID}"
        return httpx.Response(400, json={"error": {"message": words, "code": 190, "error_user_msg": words}})

    async def story() -> Burrow:
        async with burrow(tmp_path) as made, listening(made) as sender:
            for body in bodies(made):
                await sender.post(body)
            await made.look(rounds=4)
            await made.carry_away("in good days")
            made.meta.misfortune = quoting
            await made.carry_away("in bad days")
            return made

    made = asyncio.run(story())

    good, bad = (json.loads(made.shown[f"doctor's ticket in {days} days"]) for days in ("good", "bad"))
    assert bad["status"] == "CRITICAL"
    assert len(good["findings"]) > 20
    assert "SQLite format 3" in made.shown["backup in bad days"]
    assert "slack_bot_token" in made.shown["configuration in bad days"]
    assert all_traces(made) == []


def test_customers_are_nowhere_after_a_restart_and_after_all_was_forgotten(tmp_path: Path) -> None:
    async def story() -> Burrow:
        async with burrow(tmp_path) as made:
            async with listening(made) as sender:
                for body in bodies(made):
                    await sender.post(body)
            await made.look()
            made.clock.advance(40 * 86400)
            await made.daemon.prune()
            await made.look()
        made.start_anew()
        async with made.daemon.opened():
            await made.look()
        return made

    made = asyncio.run(story())

    assert all_traces(made) == []


def test_customers_are_nowhere_after_requests_that_were_refused(tmp_path: Path) -> None:
    async def story() -> tuple[Burrow, Sender]:
        async with burrow(tmp_path) as made, listening(made) as sender:
            for body in bodies(made):
                await sender.post(body, secret="somebody else's")
                await sender.post(body, path=f"/webhook/{PHONE}")
                await sender.post(body, path=f"/{PHONE}?name={CUSTOMER['name']}")
            with contextlib.suppress(httpx.TransportError):
                await sender.post(PHONE.encode() * (MAX_BODY_BYTES // len(PHONE) + 1))
            await sender.shake_hands(VERIFY_TOKEN)
            await sender.shake_hands(VERIFY_TOKEN, path="/elsewhere")
            await sender.shake_hands(f"{VERIFY_TOKEN}{PHONE}")
            await made.look(rounds=4)
            return made, sender

    made, sender = asyncio.run(story())

    assert set(sender.codes) == {200, 401, 403, 404, 413}
    assert "had a bad signature" in made.channel.messages[0].text
    assert all_traces(made) == []
    assert [traces(text) for _, text in sender.answers if traces(text)] == []


def test_customers_are_nowhere_while_nothing_can_be_kept(tmp_path: Path) -> None:
    async def story() -> tuple[Burrow, Sender]:
        async with burrow(tmp_path) as made, listening(made) as sender:
            file, aside = tmp_path / "wamon.db", tmp_path / "aside"
            file.rename(aside)
            for body in bodies(made):
                await sender.post(body)
            aside.rename(file)
            await made.look()
            return made, sender

    made, sender = asyncio.run(story())

    assert set(sender.codes) == {503}
    assert made.logged("webhooks cannot be kept, Meta is asked to repeat them")
    assert all_traces(made) == []


def test_error_of_our_own_is_logged_without_the_body_that_caused_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> tuple[Burrow, Sender]:
        async with burrow(tmp_path) as made, listening(made) as sender:

            async def record(updates: object, *, counted: object, quarantined: object) -> None:
                raise ZeroDivisionError(f"{updates} {counted} {quarantined} {PHONE} {WAMID}")

            monkeypatch.setattr(made.daemon.store, "record", record)
            for body in bodies(made):
                await sender.post(body)
            monkeypatch.undo()
            await made.look()
            return made, sender

    made, sender = asyncio.run(story())

    assert set(sender.codes) == {500}
    assert made.logged("webhook could not be taken in, Meta is told to repeat it")
    assert all_traces(made) == []


# --- the search itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANTED)
def test_planted_trace_would_be_found(name: str) -> None:
    planted = PLANTED[name]

    assert name in traces(f"...{planted}...")
    assert name in traces(json.dumps({"text": planted}))


@pytest.mark.parametrize("written", ["+1 (555) 014-2267", "1 555 014 2267", "555-014-2267"])
def test_number_would_be_found_however_it_is_written(written: str) -> None:
    assert traces(f"call {written} please") == ["number"]


def test_the_customer_really_travels(tmp_path: Path) -> None:
    """Else the other tests would find nothing because there is nothing to find."""

    async def story() -> str:
        async with burrow(tmp_path) as made:
            return "\n".join(body.decode("latin-1") for body in bodies(made))

    assert set(CUSTOMER) - {"number as it is written", "number in base64"} <= set(traces(asyncio.run(story())))
