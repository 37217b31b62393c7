"""The Graph API client: asks one query of a probe, whole, within Meta's quota, and raises only GraphFaults for Meta."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from wamon.core.errors import Refused, Throttled, UnexpectedShape, Unreachable
from wamon.core.ports import Edge, GraphQuery, JsonObject, UrlQuery
from wamon.core.timing import Clock
from wamon.graph.credentials import Credentials
from wamon.graph.faults import Question, Trouble, find_trouble, read_object
from wamon.graph.fields import Field, Refusal, read_fields, without, write_fields
from wamon.graph.http import HttpFailure, HttpReader, Reply, require_safe_url
from wamon.graph.lessons import Lessons, is_nested_edge, refusals_of
from wamon.graph.paging import Pages
from wamon.graph.quota import Decision, QuotaBudget
from wamon.graph.redaction import Redactor

log = logging.getLogger(__name__)

# What stands for the network towards Meta; tests hand in one that calls the simulator in-process.
Transport: TypeAlias = httpx.AsyncBaseTransport

T = TypeVar("T", bound="Mapping[str, Any] | Answer")

TIMEOUT_SECONDS: Final = 20.0
MAX_CONCURRENCY: Final = 10
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_PAGES: Final = 100

MAX_ATTEMPTS: Final = 4
RETRY_WINDOW_SECONDS: Final = 60.0
FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 20.0

# A version loses or gains a few names, never this many: the object is of another kind than the one asked for.
MAX_REFUSALS: Final = 6


class GraphObserver(Protocol):
    """Who counts what the client does. Every label comes from a bounded set.

    `code` is ok, one of Meta's codes that our table has, other, http_STATUS, timeout, connect, network or shape.
    """

    def request(self, code: str, seconds: float) -> None: ...

    def dropped_field(self, node_type: str, field: str) -> None: ...

    def retry(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, every edge complete and without its `paging`, whose links carry the token.

    `received_at` is when its first page came. `served_version` is None when no header told. `usage` is what this answer
    told of the quota, 0 to 1 by WABA and dimension.
    """

    body: JsonObject
    received_at: datetime
    requested_version: str
    served_version: str | None
    usage: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One query made ready: where to, as whom, and how its faults name it."""

    url: str
    waba_id: str | None
    caller: str
    question: Question
    token: str
    secret_params: Mapping[str, str]


class GraphClient:
    """Asks Meta, and only ever asks: no call changes anything. Safe to share between tasks."""

    def __init__(
        self,
        *,
        base_url: str,
        version: str,
        credentials: Credentials,
        clock: Clock,
        random: random.Random,
        budget: QuotaBudget,
        observer: GraphObserver,
        transport: httpx.AsyncBaseTransport | None = None,
        learned_app_id: Callable[[str], str | None] = lambda _token: None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_concurrency: int = MAX_CONCURRENCY,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_pages: int = MAX_PAGES,
    ) -> None:
        """Raises ConfigurationError for a base URL to which no secret may travel.

        `learned_app_id` tells the app of a token (by alias) whose app nobody configured, None while it is not known.
        """
        self._base_url = require_safe_url(base_url, name="the Graph base URL")
        self._version = version
        self._credentials = credentials
        self._learned_app_id = learned_app_id
        self._clock = clock
        self._random = random
        self._budget = budget
        self._observer = observer
        self._max_pages = max_pages
        self._redact = Redactor(credentials.secrets())
        self._slots = asyncio.Semaphore(max_concurrency)
        self._lessons = Lessons(clock)
        self._http = HttpReader(
            clock=clock,
            transport=transport,
            timeout_seconds=timeout_seconds,
            max_connections=max_concurrency,
            max_body_bytes=max_body_bytes,
        )

    async def fetch(self, query: GraphQuery, *, is_essential: bool) -> Answer:
        """Ask one query to its end: retried, paged, less the names and the nested edges that Meta refuses.

        Raises a GraphFault; ConfigurationError when the query names a credential that nobody configured. An edge that
        is not nested is left out, as Graph itself leaves it out when it is empty: a query of the edge tells which.
        """
        call = self._prepare(query)
        self._check_budget(call, is_essential=is_essential)
        first, asked = await self._first_page(call, query)
        body = dict(first.body)
        if query.edge is not None:
            body = await self._complete(call, query.edge, asked, first.body)
        inner = {field.name: field.inner for field in asked}
        for edge in (field for field in query.fields if isinstance(field, Edge) and field.name in inner):
            if isinstance(page := body.get(edge.name), Mapping):
                edge_call = replace(call, url=f"{call.url}/{edge.name}")
                body[edge.name] = await self._complete(edge_call, edge, inner[edge.name], page)
        return replace(first, body=body)

    async def fetch_url(self, query: UrlQuery) -> JsonObject:
        """Read a JSON object from outside the Graph API, without any credential.

        Raises a GraphFault; ConfigurationError for plain http to another machine.
        """
        url = require_safe_url(query.url, name="the URL of the table")
        question = Question(thing=httpx.URL(url).host, caller="nobody")

        async def attempt() -> JsonObject | Trouble:
            reply = await self._http.get(url, headers={})
            body = read_object(reply.content)
            trouble = find_trouble(reply, body, question, self._redact)
            return trouble or body or {}

        return await self._retried(attempt)

    async def close(self) -> None:
        await self._http.close()

    @property
    def budget(self) -> QuotaBudget:
        return self._budget

    def caller_of(self, token: str) -> str:
        """Whose quota this token's calls are charged to: its app, or the token itself while its app is not known."""
        return self._credentials.app_ids.get(token) or self._learned_app_id(token) or f"token {token}"

    # --- a query made ready -------------------------------------------------------------------------------------------

    def _prepare(self, query: GraphQuery) -> _Call:
        path = "/".join(quote(segment, safe="") for segment in query.path.strip("/").split("/"))
        edge = f"/{query.edge.name}" if query.edge else ""
        params: dict[str, str] = {}
        if query.as_app is not None:
            caller, asker = query.as_app, f"app {query.as_app}"
            token = self._credentials.app_access_token(query.as_app)
        elif query.token is not None:
            caller, asker = self.caller_of(query.token), f"access token {query.token!r}"
            token = self._credentials.access_token(query.token)
            if proof := self._credentials.appsecret_proof(query.token):
                params["appsecret_proof"] = proof
        else:
            raise ValueError(f"the query of {query.path} names neither a token nor an app")
        if query.inspect_token is not None:
            params["input_token"] = self._credentials.access_token(query.inspect_token)
        return _Call(
            url=f"{self._base_url}/{self._version}/{path}{edge}",
            waba_id=query.waba_id,
            caller=caller,
            question=Question(thing=_thing(query), caller=asker, is_app=query.as_app is not None),
            token=token,
            secret_params=params,
        )

    def _check_budget(self, call: _Call, *, is_essential: bool) -> None:
        """Raises Throttled, with nothing sent, while the quota does not allow this call."""
        blocked_until = self._budget.blocked_until(call.waba_id, caller=call.caller)
        if blocked_until is not None:
            when = f"until {blocked_until:%H:%M} UTC"
            raise Throttled(
                f"not asking about {call.question.thing} {when}: Meta's call quota is used up",
                retry_after=blocked_until - self._clock.now(),
            )
        decision = self._budget.decide(call.waba_id, caller=call.caller, is_essential=is_essential)
        if decision is Decision.ESSENTIAL_ONLY:
            raise Throttled(
                f"not asking about {call.question.thing}: Meta's call quota is nearly used up, "
                "the rest is left to the essential probes",
                retry_after=None,
            )

    # --- pages --------------------------------------------------------------------------------------------------------

    async def _first_page(self, call: _Call, query: GraphQuery) -> tuple[Answer, tuple[Field, ...]]:
        """The first page, and what was asked for in the end."""
        wanted = read_fields(query.edge.fields if query.edge else query.fields)
        known = self._lessons.recall(query)
        refused: dict[Refusal, str] = {}
        while True:
            asked = without(wanted, known.union(refused))
            try:
                page = await self._page(call, asked, limit=query.edge.limit if query.edge else None)
            except Refused as fault:
                more = refusals_of(fault, query, asked)
                if not more or len(refused) >= MAX_REFUSALS:
                    raise
                refused |= dict.fromkeys(more, fault.node_type or "unknown")
                continue
            if refused:
                self._lessons.learn(query, known.union(refused))
                self._tell_left_out(query, refused)
            return page, asked

    def _tell_left_out(self, query: GraphQuery, refused: Mapping[Refusal, str]) -> None:
        """An edge that is not nested is not lost, so that it is not counted. `refused` has the node types."""
        for refusal, node_type in refused.items():
            about = {"version": self._version, "node_type": node_type, "field": refusal.name}
            if is_nested_edge(refusal, query):
                log.info("graph edge refused within its node, left to a call of its own", extra=about)
                continue
            self._observer.dropped_field(node_type, refusal.name)
            log.warning("graph field refused, left out", extra=about)

    async def _complete(self, call: _Call, edge: Edge, wanted: tuple[Field, ...], first: JsonObject) -> dict[str, Any]:
        """The edge with the items of all its pages, and without its paging."""
        pages = Pages(first, thing=call.question.thing, max_pages=self._max_pages)
        while (after := pages.next_cursor()) is not None:
            page = await self._page(call, wanted, limit=edge.limit, after=after)
            pages.add(page.body)
        return pages.whole()

    async def _page(
        self, call: _Call, wanted: tuple[Field, ...], *, limit: int | None = None, after: str | None = None
    ) -> Answer:
        params = {"fields": write_fields(wanted)} if wanted else {}
        if limit is not None:
            params["limit"] = str(limit)
        if after is not None:
            params["after"] = after
        headers = {"Authorization": f"Bearer {call.token}"}

        async def attempt() -> Answer | Trouble:
            self._check_budget(call, is_essential=True)
            reply = await self._http.get(call.url, params={**params, **call.secret_params}, headers=headers)
            return self._read(call, reply)

        return await self._retried(attempt)

    def _read(self, call: _Call, reply: Reply) -> Answer | Trouble:
        usage = self._budget.observe(
            waba_id=call.waba_id,
            caller=call.caller,
            business_usage=reply.headers.get("x-business-use-case-usage"),
            app_usage=reply.headers.get("x-app-usage"),
        )
        body = read_object(reply.content)
        trouble = find_trouble(reply, body, call.question, self._redact)
        if trouble is not None and isinstance(trouble.fault, Throttled):
            trouble.fault.retry_after = self._budget.throttled(
                waba_id=call.waba_id, caller=call.caller, code=trouble.fault.code, wait=trouble.retry_after
            )
        if trouble is not None:
            # What Meta's support asks for; the fault's own text must not change with every call.
            support = {name: reply.headers.get(name) for name in ("x-fb-request-id", "x-fb-trace-id")}
            log.debug("graph call failed", extra={"thing": call.question.thing, "reason": trouble.label, **support})
            return trouble
        self._budget.succeeded(waba_id=call.waba_id, caller=call.caller)
        return Answer(
            body=body or {},
            received_at=reply.received_at,
            requested_version=self._version,
            served_version=reply.headers.get("facebook-api-version"),
            usage=usage,
        )

    # --- attempts -----------------------------------------------------------------------------------------------------

    async def _retried(self, attempt: Callable[[], Awaitable[T | Trouble]]) -> T:
        """The first result that is no trouble. Only what says nothing about the account is tried again."""
        give_up_at = self._clock.monotonic() + RETRY_WINDOW_SECONDS
        attempts = 1
        while isinstance(result := await self._counted(attempt), Trouble):
            delay = self._backoff(attempts, result.retry_after)
            may_retry = isinstance(result.fault, Unreachable) and attempts < MAX_ATTEMPTS
            if not may_retry or self._clock.monotonic() + delay > give_up_at:
                raise result.fault from result.cause
            self._observer.retry(result.label)
            log.debug("graph call tried again", extra={"reason": result.label, "delay_seconds": delay})
            await self._clock.sleep(delay)
            attempts += 1
        return result

    async def _counted(self, attempt: Callable[[], Awaitable[T | Trouble]]) -> T | Trouble:
        result: T | Trouble
        async with self._slots:
            started = self._clock.monotonic()
            try:
                result = await attempt()
            except HttpFailure as exc:
                kind = UnexpectedShape if exc.reason == "shape" else Unreachable
                result = Trouble(fault=kind(self._redact(str(exc))), label=exc.reason, cause=exc)
            label = result.label if isinstance(result, Trouble) else "ok"
            self._observer.request(label, self._clock.monotonic() - started)
        return result

    def _backoff(self, attempts: int, retry_after: timedelta | None) -> float:
        """Full jitter: callers that failed together do not come back together."""
        longest = min(FIRST_BACKOFF_SECONDS * 2 ** (attempts - 1), LONGEST_BACKOFF_SECONDS)
        jitter = self._random.uniform(0, longest)
        return jitter + (retry_after.total_seconds() if retry_after else 0.0)


def _thing(query: GraphQuery) -> str:
    """What the query is about, in words."""
    if query.inspect_token is not None:
        return f"access token {query.inspect_token!r}"
    if query.path == query.waba_id:
        thing = f"WABA {query.path}"
    elif query.path == query.as_app:
        thing = f"app {query.path}"
    else:
        thing = f"node {query.path}"
    return f"{query.edge.name} of {thing}" if query.edge else thing
