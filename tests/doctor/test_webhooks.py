"""The way of a webhook, well and broken in its turn: real HTTP and real TLS on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.certificates import make_ended_certificate
from tests.doctor.patients import VERIFY_TOKEN, Door, Ward, only_ill, told
from tests.fakes import FakeClock
from wamon.core.timing import SystemClock
from wamon.doctor import Finding, Status
from wamon.doctor.webhooks import (
    CERTIFICATE,
    HANDSHAKE,
    REFUSAL,
    ROUTES,
    SIGNATURE,
    callback_urls,
    fields,
    routes,
    signatures,
)
from wamon.graph.visiting import Visitor
from wamon.sim.serve import serve

ELSEWHERE = "https://elsewhere.example.org/hook"


# --- the handshake ----------------------------------------------------------------------------------------------------


def test_receiver_that_shakes_hands_and_refuses_strangers_is_well(ward: Ward) -> None:
    door = Door()

    findings = ward.find(callback_urls, door=door)

    assert told(findings) == [("OK", HANDSHAKE), ("OK", REFUSAL), ("SKIPPED", CERTIFICATE)]
    assert door.asked[0] == VERIFY_TOKEN
    assert len(door.asked) == 2
    assert door.received == []


def test_another_verify_token_is_critical_and_said(ward: Ward) -> None:
    finding = only_ill(ward.find(callback_urls, door=Door("another-token")))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert dict(finding.evidence) == {"Found": "403"}
    assert "verify token" in finding.cause
    assert finding.fix


def answering(ward: Ward, app: ASGIApp, **changes: str) -> tuple[Finding, ...]:
    """What is found with this app in wamon's place."""

    async def ask() -> tuple[Finding, ...]:
        async with serve(app) as url:
            ward.app.subscriptions[0].callback_url = f"{url}/webhook"
            async with ward.patient(settings=ward.settings(**changes)) as patient:
                return await callback_urls(patient)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (PlainTextResponse("welcome"), "200 without the challenge"),
        (PlainTextResponse("", status_code=404), "404"),
        (PlainTextResponse("", status_code=502), "502"),
        (RedirectResponse("https://elsewhere.example.org/"), "307, a redirect"),
    ],
)
def test_what_is_no_handshake_is_critical_with_its_own_cause(ward: Ward, answer: Response, found: str) -> None:
    async def any_page(request: Request) -> Response:
        return answer

    finding = only_ill(answering(ward, Starlette(routes=[Route("/webhook", any_page)])))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert dict(finding.evidence) == {"Found": found}


def test_who_gives_every_stranger_the_challenge_is_critical(ward: Ward) -> None:
    async def echo(request: Request) -> Response:
        return PlainTextResponse(request.query_params["hub.challenge"])

    finding = only_ill(answering(ward, Starlette(routes=[Route("/webhook", echo)])))

    assert (finding.check, finding.status) == (REFUSAL, Status.CRITICAL)


def test_callback_that_never_answers_is_unknown_in_time(ward: Ward) -> None:
    ward.seconds = 0.05

    async def mute(request: Request) -> Response:
        await asyncio.Event().wait()
        return PlainTextResponse("never")

    finding = only_ill(answering(ward, Starlette(routes=[Route("/webhook", mute)])))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.UNKNOWN)
    assert dict(finding.evidence) == {"Found": "no answer from 127.0.0.1 within 0.05 s"}


def test_nobody_behind_the_callback_is_unknown(ward: Ward) -> None:
    ward.app.subscriptions[0].callback_url = "http://127.0.0.1:9/webhook"

    finding = only_ill(ward.find(callback_urls))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.UNKNOWN)
    assert "127.0.0.1" in dict(finding.evidence)["Found"]


def test_plain_http_to_another_machine_is_critical_and_nothing_is_sent_there(ward: Ward) -> None:
    ward.app.subscriptions[0].callback_url = "http://hooks.example.org/webhook"

    finding = only_ill(ward.find(callback_urls))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert dict(finding.evidence) == {"Found": "No TLS"}


def test_verify_token_is_not_sent_to_a_callback_url_that_is_not_meant(ward: Ward) -> None:
    door = Door()

    findings = ward.find(callback_urls, door=door, callback_url="https://hooks.example.org/webhook")

    assert told(findings) == [("SKIPPED", HANDSHAKE)]
    assert door.asked == []


def test_app_without_callback_url_is_critical(ward: Ward) -> None:
    ward.app.subscriptions.clear()

    finding = only_ill(ward.find(callback_urls))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert "sends nothing" in finding.cause


def test_without_verify_token_nothing_is_asked(ward: Ward) -> None:
    door = Door()

    findings = ward.find(callback_urls, door=door, verify_token="")

    assert told(findings) == [("SKIPPED", HANDSHAKE)]
    assert "verify_token" in findings[0].skipped
    assert door.asked == []


def test_query_of_the_callback_url_is_kept_and_never_shown(ward: Ward) -> None:
    seen: list[str] = []

    async def note(request: Request) -> Response:
        seen.append(request.url.query)
        return PlainTextResponse(request.query_params["hub.challenge"])

    async def ask() -> tuple[Finding, ...]:
        async with serve(Starlette(routes=[Route("/webhook", note)])) as url:
            ward.app.subscriptions[0].callback_url = f"{url}/webhook?key=hidden-key"
            async with ward.patient() as patient:
                return await callback_urls(patient)

    findings = asyncio.run(ask())

    assert parse_qs(seen[0])["key"] == ["hidden-key"]
    assert "hidden-key" not in repr(findings)


# --- TLS --------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def shaking_hands_over_tls(certificate: Path) -> AsyncIterator[int]:
    """The port of a server that gives the challenge to who knows the token, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            asked = parse_qs(urlsplit(head.split(" ")[1]).query)
            is_known = asked["hub.verify_token"] == [VERIFY_TOKEN]
            status, body = ("200 OK", asked["hub.challenge"][0]) if is_known else ("403 Forbidden", "")
            words = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
            writer.write(words.encode())
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def trusting(certificate: Path) -> httpx.AsyncHTTPTransport:
    context = ssl.create_default_context(cafile=str(certificate))
    return httpx.AsyncHTTPTransport(verify=context)


def over_tls(ward: Ward, certificate: Path, *, host: str = "127.0.0.1") -> tuple[Finding, ...]:
    async def ask() -> tuple[Finding, ...]:
        async with shaking_hands_over_tls(certificate) as port:
            ward.app.subscriptions[0].callback_url = f"https://{host}:{port}/webhook"
            async with ward.patient() as patient:
                return await callback_urls(patient)

    return asyncio.run(ask())


def test_trusted_certificate_with_days_left_is_well(ward: Ward, certificate: Path) -> None:
    ward.clock = SystemClock()
    ward.transport = trusting(certificate)

    findings = over_tls(ward, certificate)

    assert told(findings) == [("OK", HANDSHAKE), ("OK", REFUSAL), ("OK", CERTIFICATE)]
    evidence = dict(findings[2].evidence)
    assert evidence["issuer"] == "Ward"
    assert evidence["ends"].endswith("in 100 days")


def test_certificate_near_its_end_warns(ward: Ward, certificate: Path) -> None:
    async def end() -> FakeClock:
        visitor = Visitor(clock=SystemClock(), transport=trusting(certificate))
        async with shaking_hands_over_tls(certificate) as port:
            query = "hub.verify_token=any&hub.challenge=1"
            visit = await visitor.get(f"https://127.0.0.1:{port}/?{query}")
            await visitor.close()
        assert visit.certificate is not None
        return FakeClock(visit.certificate.ends_at)

    clock = asyncio.run(end())
    clock.advance(-13 * 86_400)
    ward.clock = clock
    ward.transport = trusting(certificate)

    finding = only_ill(over_tls(ward, certificate))

    assert (finding.check, finding.status) == (CERTIFICATE, Status.WARNING)
    assert dict(finding.evidence)["ends"].endswith("in 13 days")
    assert finding.fix


def test_certificate_that_has_ended_is_critical(ward: Ward, tmp_path: Path) -> None:
    make_ended_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "cert.pem").read_bytes() + (tmp_path / "key.pem").read_bytes())
    ward.transport = trusting(both)

    finding = only_ill(over_tls(ward, both))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert "certificate has expired" in dict(finding.evidence)["Found"]


def test_certificate_that_nobody_vouches_for_is_critical(ward: Ward, certificate: Path) -> None:
    finding = only_ill(over_tls(ward, certificate))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert "self-signed certificate" in dict(finding.evidence)["Found"]
    assert "whole chain" in finding.fix[0]


def test_certificate_of_another_name_is_critical(ward: Ward, certificate: Path) -> None:
    ward.transport = trusting(certificate)

    finding = only_ill(over_tls(ward, certificate, host="localhost"))

    assert (finding.check, finding.status) == (HANDSHAKE, Status.CRITICAL)
    assert "mismatch" in dict(finding.evidence)["Found"]


# --- routes -----------------------------------------------------------------------------------------------------------


def test_without_override_everything_goes_to_the_app(ward: Ward) -> None:
    findings = ward.find(routes)

    assert {finding.word for finding in findings} == {"OK"}
    assert len(findings) == 1 + len(ward.waba.number_ids)
    assert dict(findings[1].evidence) == {"messages": "https://hooks.example.com/webhook (by the app)"}


def test_override_of_a_number_leads_its_messages_alone_elsewhere(ward: Ward) -> None:
    ward.number.raw["webhook_configuration"] = {"phone_number": f"{ELSEWHERE}?key=hidden"}

    finding = only_ill(ward.find(routes))

    assert (finding.check, finding.status) == (ROUTES, Status.WARNING)
    assert finding.about.startswith(ward.number.display_phone_number or "none")
    assert dict(finding.evidence) == {"messages": f"{ELSEWHERE} (by the number)"}


def test_override_of_the_waba_leads_the_messages_of_all_its_numbers_elsewhere(ward: Ward) -> None:
    ward.world.subscribe(ward.waba.id, ward.app.id, override_callback_uri=ELSEWHERE)

    findings = ward.find(routes)

    assert [finding.word for finding in findings] == ["OK", *["WARNING"] * len(ward.waba.number_ids)]
    assert "account_update" in findings[0].evidence[0][0]
    assert findings[0].evidence[0][1] == "https://hooks.example.com/webhook (by the app)"


def test_number_wins_over_waba_and_the_expected_override_is_well(ward: Ward) -> None:
    ward.world.subscribe(ward.waba.id, ward.app.id, override_callback_uri=ELSEWHERE)
    ward.number.raw["webhook_configuration"] = {"phone_number": "https://third.example.org/"}
    file = (
        f'[[accounts]]\nname = "one"\nwaba_id = "{ward.waba.id}"\napp = "main"\n'
        f'access_token = "{ward.world.token("system-user").value}"\ncallback_url = "{ELSEWHERE}"\n'
        f'[[apps]]\nname = "main"\napp_id = "{ward.app.id}"\napp_secret = "{ward.app.secret}"\n'
        f'verify_token = "{VERIFY_TOKEN}"\n'
    )
    finding = only_ill(
        ward.find(routes, file=file, waba_id="", access_token="", app_id="", app_secret="", verify_token="")
    )

    assert dict(finding.evidence) == {"messages": "https://third.example.org/ (by the number)"}


def test_route_that_could_not_be_asked_is_unknown(ward: Ward) -> None:
    ward.world.faults.add("error", code=10, http_status=400, message="(#10) No", path=f"{ward.waba.id}/phone_numbers")

    finding = only_ill(ward.find(routes))

    assert (finding.status, finding.about) == (Status.UNKNOWN, f"WABA {ward.waba.id}")


def test_fields_beyond_the_wanted_are_told_and_no_fault(ward: Ward) -> None:
    ward.app.subscriptions[0].fields[:] = ["messages", "calls", "history"]

    (finding,) = ward.find(fields)

    assert (finding.status, dict(finding.evidence)) == (Status.OK, {"besides": "calls, history"})


# --- the signature ----------------------------------------------------------------------------------------------------


def test_sample_is_signed_and_checked_in_here_and_nothing_is_posted(ward: Ward) -> None:
    door = Door()

    (finding,) = ward.find(signatures, door=door)

    assert (finding.check, finding.status) == (SIGNATURE, Status.OK)
    assert dict(finding.evidence)["secret"] == "Meta knows it"
    assert door.received == []


def test_secret_that_meta_does_not_know_is_not_called_well(ward: Ward) -> None:
    finding = only_ill(ward.find(signatures, app_secret="0" * 32))

    assert (finding.check, finding.status) == (SIGNATURE, Status.UNKNOWN)
    assert dict(finding.evidence)["secret"] == "Meta did not confirm it"


def test_without_verify_token_there_is_no_signature_to_check(ward: Ward) -> None:
    assert told(ward.find(signatures, verify_token="")) == [("SKIPPED", SIGNATURE)]
