"""The daemon, those around it, and every place where a secret of theirs could be seen.

The daemon runs in process and in simulated time. Log lines are looked at twice: as they are written, and as records
before the redaction, which is the net below and must have nothing to catch.
"""

import gzip
import hmac
import io
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
from starlette.applications import Starlette

from tests.configured import logging_restored, settings_for
from tests.fakes import FakeClock
from tests.security.outside import Outside
from tests.security.routes import routes_of
from tests.sim.callers import HTTPX_ERRORS
from wamon import logs
from wamon.daemon import Daemon
from wamon.doctor import diagnose, ticket
from wamon.graph.quota import QuotaBudget
from wamon.graph.redaction import Redactor
from wamon.graph.visiting import Visitor
from wamon.metrics.instruments import Instruments
from wamon.receivers import build_notifiers
from wamon.rules import RULES
from wamon.sim.graph import graph_app
from wamon.sim.serve import serve
from wamon.sim.slack import SlackChannel, slack_app
from wamon.sim.world import World
from wamon.store import backup as copies
from wamon.watches import build_client
from wamon.web.private import private_app

TOKEN = "EAACanaryOfTheAccessToken"
APP_SECRET = "ca9a12ca9a12ca9a12ca9a12ca9a12ca"
VERIFY_TOKEN = "canary-of-the-verify-token"
BOT_TOKEN = "xoxb-canary-of-the-bot"
WEBHOOK_KEY = "canaryOfTheWebhook"
WEBHOOK_PATH = f"/services/T0WAMONSIM/B0WAMONSIM/{WEBHOOK_KEY}"
BEARER = "canary-of-the-private-listener"
# By the key under which each is configured; of an address the part that is secret.
CANARIES = {
    "access_token": TOKEN,
    "app_secret": APP_SECRET,
    "previous_app_secret": "0ca9a12b0ca9a12b0ca9a12b0ca9a12b",
    "verify_token": VERIFY_TOKEN,
    "slack_webhook_url": WEBHOOK_KEY,
    "slack_bot_token": BOT_TOKEN,
    "slack_app_token": "xapp-1-canary-of-the-app",
    "slack_signing_secret": "51ca9a12b51ca9a12b51ca9a12b51ca9",
    "webhook_url": "canaryOfTheReceiver",
    "webhook_secret": "canary-of-the-signature-of-alerts",
    "heartbeat_url": "canaryOfTheHeartbeat",
    "private_bearer_token": BEARER,
    "api_password": "canary-of-the-commands",
}
SECRETS = {
    **CANARIES,
    "appsecret_proof": hmac.new(APP_SECRET.encode(), TOKEN.encode(), "sha256").hexdigest(),
    "number's certificate": "simulated-certificate-never-log-this",
}

Misfortune = Callable[[httpx.Request], httpx.Response]


def leaks(text: str) -> list[str]:
    """The planted secrets in a text, as they are or as they stand in a URL or in JSON."""
    return [
        name
        for name, secret in SECRETS.items()
        if any(form in text for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]))
    ]


class Wayward(httpx.AsyncBaseTransport):
    """The way to Meta, on which anything may happen; `seen` is everything that was sent along it."""

    def __init__(self, world: World, clock: FakeClock) -> None:
        self._meta = httpx.ASGITransport(app=graph_app(world, sleep=clock.sleep, stand_ins=HTTPX_ERRORS))
        self.misfortune: Misfortune | None = None
        self.seen: list[str] = []
        self.answers: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen += [str(request.url), *request.headers.values()]
        if self.misfortune is not None:
            return self.misfortune(request)
        answer = await self._meta.handle_async_request(request)
        body = await answer.aread()
        self.answers.append(body.decode())
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


class RawRecords(logging.Handler):
    """Every record with all that is in it, before any redaction."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.texts.append(f"{record.getMessage()} {vars(record)!r} {trace}")

    def text(self) -> str:
        return "\n".join(self.texts)


def _nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"no route for {request.url}")


def _asking(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:9877")


class Burrow:
    """The daemon, those around it, and all that can be seen of it from outside."""

    def __init__(
        self,
        folder: Path,
        slack_url: str,
        channel: SlackChannel,
        clock: FakeClock,
        *,
        outside: Outside,
        outside_url: str,
        **changes: str,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.channel = channel
        self.outside = outside
        self.world = World.small(clock.now)
        self.world.swap_token("system-user", TOKEN)
        self.app = next(iter(self.world.apps.values()))
        self.app.secret = APP_SECRET
        self.waba = next(iter(self.world.wabas.values()))
        self.number = self.world.number(self.waba.number_ids[0])
        self.meta = Wayward(self.world, clock)
        given = {
            **CANARIES,
            "slack_webhook_url": f"{slack_url}{WEBHOOK_PATH}",
            "slack_channel": "#wamon-alerts",
            "slack_base_url": f"{slack_url}/api",
            "webhook_url": f"{outside_url}/{CANARIES['webhook_url']}",
            "heartbeat_url": f"{outside_url}/{CANARIES['heartbeat_url']}",
            "api_user": "wamon",
        }
        self.settings = settings_for(self.world, folder, **{**given, **changes})
        self.json_log, self.console_log = io.StringIO(), io.StringIO()
        self.raw = RawRecords()
        self._log()
        self.start_anew()
        self.shown: dict[str, str] = {"repr of the settings": repr(self.settings)}
        # What each route of the private listener answered last.
        self.visited: dict[str, int] = {}

    def start_anew(self) -> None:
        """Put another daemon in place of the one that is there, which must have ended."""
        self.daemon = Daemon(self.settings, clock=self.clock, random=random.Random(0), transport=self.meta)

    def _log(self) -> None:
        """As `wamon run` does, in both forms at once, down to DEBUG."""
        redact = Redactor(self.settings.secrets())
        root = logging.getLogger()
        logs.configure("DEBUG", "json", redact, stream=self.json_log)
        as_json = root.handlers[0]
        logs.configure("DEBUG", "console", redact, stream=self.console_log)
        root.addHandler(as_json)
        root.addHandler(self.raw)

    async def look(self, *, rounds: int = 2) -> None:
        """Poll everything a few times, let time pass, tell Slack; and keep what is shown after it."""
        for _ in range(rounds):
            self.clock.advance(60)
            for watch in self.daemon.watches():
                await self.daemon.poller.poll(watch)
            await self.daemon.tick()
            await self.daemon.outbox.deliver_due()
            if self.daemon.heartbeat is not None:
                await self.daemon.heartbeat.beat()
            if self.daemon.push is not None:
                await self.daemon.push.push_once()
        await self._keep_what_is_shown(str(len(self.shown)))

    async def _keep_what_is_shown(self, label: str) -> None:
        self.shown[f"metrics {label}"] = self.daemon.scrape(False).decode()
        self.shown[f"gzip metrics {label}"] = gzip.decompress(self.daemon.scrape(True)).decode()
        await self._visit(label)
        self.keep_files(label)
        for letter in await self.daemon.store.dead_letters():
            self.shown[f"dead letter {label}"] = repr(letter)

    def _private(self, *, bearer_token: str | None = None) -> Starlette:
        daemon = self.daemon
        return private_app(
            scrape=daemon.scrape,
            health=daemon.health,
            pages=daemon.pages(),
            operations=daemon.operations,
            history=daemon.history,
            pictures=daemon.pictures,
            bearer_token=bearer_token,
        )

    async def _visit(self, label: str) -> None:
        """Every page and every answer of the API, with the number and the alerts that there are."""
        app = self._private()
        async with _asking(app) as client:
            alerts = [alert["id"] for alert in (await client.get("/api/v1/alerts")).json()["alerts"]]
            for line in sorted(routes_of(app.routes)):
                method, _, route = line.partition(" ")
                if method != "GET":
                    continue
                named = {"phone_number_id": self.number.id, "name": "wamon.css" if "static" in route else "WamonDown"}
                for alert in alerts if "{id}" in route else [0]:
                    path = route.format(id=alert, **named)
                    answer = await client.get(path)
                    self.visited[route] = answer.status_code
                    self.shown[f"{path} {label}"] = f"{answer.headers!r}\n{answer.text}"

        await self._be_refused(label)

    async def _be_refused(self, label: str) -> None:
        """Ask in every way that is refused, with every secret in the query and in a header."""
        right, wrong = {"Authorization": f"Bearer {BEARER}"}, {"Authorization": f"Bearer {BEARER}x"}
        asked = {f"X-{number}": secret for number, secret in enumerate(SECRETS.values())}
        async with _asking(self._private(bearer_token=BEARER)) as stranger:
            for status, method, path, given in (
                (401, "GET", "/metrics", {}),
                (401, "GET", "/api/v1/alerts", wrong),
                (404, "GET", "/nowhere", right),
                (404, "GET", "/alerts/none", right),
                (405, "DELETE", "/metrics", right),
                (400, "GET", "/api/v1/timeline", right),
                (403, "POST", "/api/v1/silences", {**right, "Origin": "https://elsewhere.example"}),
            ):
                answer = await stranger.request(method, path, params=asked, headers={**asked, **given})
                assert answer.status_code == status, (method, path)
                self.shown[f"refused {method} {path} {label}"] = f"{answer.headers!r}\n{answer.text}"

    async def carry_away(self, label: str) -> None:
        """What an operator takes with him: the doctor's ticket, the effective configuration, a backup."""
        redact, chance = Redactor(self.settings.secrets()), random.Random(0)
        budget, observer = QuotaBudget(self.clock), Instruments(version="1", clock=self.clock)
        client = build_client(
            self.settings, clock=self.clock, random=chance, budget=budget, observer=observer, transport=self.meta
        )
        visitor = Visitor(clock=self.clock, timeout_seconds=1.0, transport=httpx.MockTransport(_nobody))
        rules = self.settings.bound_rules(RULES)
        notifiers = build_notifiers(self.settings, rules)
        found = await diagnose(
            self.settings,
            client=client,
            rules=rules,
            notifiers=notifiers,
            visitor=visitor,
            clock=self.clock,
            random=chance,
        )
        for close in (client.close, visitor.close, *(notifier.close for notifier in notifiers.values())):
            await close()
        made = ticket(found, self.settings, redact=redact, now=self.clock.now())
        self.shown[f"doctor's ticket {label}"] = json.dumps(made)
        self.shown[f"findings {label}"] = "\n".join(map(repr, found.findings))
        self.shown[f"configuration {label}"] = "\n".join(map(repr, self.settings.shown))
        copy = self.folder / "copy.db"
        copies.backup(self.folder / "wamon.db", copy, replace=True)
        self.shown[f"backup {label}"] = copy.read_bytes().decode("latin-1")

    def keep_files(self, label: str) -> None:
        """The database as it is on disk, the write-ahead log too."""
        for file in self.folder.glob("wamon.db*"):
            self.shown[f"{file.name} {label}"] = file.read_bytes().decode("latin-1")

    def artefacts(self) -> Iterator[tuple[str, str]]:
        yield from self.shown.items()
        yield "JSON log", self.json_log.getvalue()
        yield "console log", self.console_log.getvalue()
        for number, message in enumerate(self.channel.messages):
            yield f"Slack message {number}", f"{message.all_text}\n{message!r}"
        for number, post in enumerate(self.outside.posts):
            yield f"what another receiver got {number}", post

    def all_leaks(self) -> list[tuple[str, list[str]]]:
        return [(name, found) for name, text in self.artefacts() if (found := leaks(text))]

    def logged(self, message: str) -> list[dict[str, object]]:
        """The JSON lines with this message."""
        entries = map(json.loads, self.json_log.getvalue().splitlines())
        return [entry for entry in entries if entry["message"] == message]


@asynccontextmanager
async def burrow(folder: Path, **changes: str) -> AsyncIterator[Burrow]:
    """With these changes of the configuration, in which `{outside}` is where everybody else listens."""
    clock, outside = FakeClock(), Outside()
    channel = SlackChannel(now=clock.now, bot_token=BOT_TOKEN, webhook_path=WEBHOOK_PATH)
    with logging_restored():
        async with serve(slack_app(channel)) as slack_url, serve(outside.app()) as outside_url:
            changed = {key: value.format(outside=outside_url) for key, value in changes.items()}
            made = Burrow(folder, slack_url, channel, clock, outside=outside, outside_url=outside_url, **changed)
            async with made.daemon.opened():
                await made.daemon.first_round()
                await made.look()
                yield made
            made.keep_files("after the end")
