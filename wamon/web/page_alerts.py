"""The pages of alerts and silences: what is open, and the forms to acknowledge, silence and close."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wamon.operating import AlertView, OperatingError, Operations, Outcome, UnknownError
from wamon.web.origin import FORM, RefusedError, changing_body
from wamon.web.page_look import Look, status_of

PAGE_SIZE: Final = 100
MOST_FIELDS: Final = 20
NOBODY: Final = "someone at the page"
SEVERITIES: Final = ("critical", "warning", "info")
# Labels that say what kind of alert it is; the rest say what it is about.
_KIND_LABELS: Final = frozenset({"alertname", "rule", "family", "severity"})
_DURATION: Final = re.compile(r"([0-9]{1,6})\s*(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Form = Mapping[str, str]


def alert_routes(operations: Operations, look: Look, *, hosts: Collection[str] = ()) -> list[Route]:
    """The routes. `hosts` are the names under which our own page is reached."""
    pages = _Pages(operations, look, hosts)
    return [
        Route("/alerts", pages.alerts, methods=["GET"]),
        Route("/alerts/{id}", pages.alert, methods=["GET"]),
        Route("/alerts/{id}/acknowledge", pages.acknowledge, methods=["POST"]),
        Route("/alerts/{id}/silence", pages.silence_alert, methods=["POST"]),
        Route("/alerts/{id}/close", pages.close, methods=["POST"]),
        Route("/silences/new", pages.new_silence, methods=["GET"]),
        Route("/silences", pages.silence, methods=["POST"]),
        Route("/silences/{id}/end", pages.end_silence, methods=["POST"]),
    ]


class _Pages:
    def __init__(self, operations: Operations, look: Look, hosts: Collection[str]) -> None:
        self._operations = operations
        self._look = look
        self._hosts = hosts

    # --- what is shown ------------------------------------------------------------------------------------------------

    async def alerts(self, request: Request) -> Response:
        query = request.query_params
        wanted = {
            "q": query.get("q", "").strip(),
            "severity": query.get("severity", ""),
            "all": "1" if query.get("all") else "",
        }
        everything = self._operations.alerts(include_all=bool(wanted["all"]))
        found = [each for each in everything if _fits(each, wanted)]
        last = max(1, -(-len(found) // PAGE_SIZE))
        page = min(_page_number(query.get("page", "")), last)
        return self._look.page(
            request,
            "alerts.html",
            alerts=found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
            total=len(everything),
            found=len(found),
            page=page,
            last=last,
            first=(page - 1) * PAGE_SIZE + 1,
            query=wanted,
            severities=SEVERITIES,
            silences=self._operations.silences(),
        )

    async def alert(self, request: Request) -> Response:
        try:
            return await self._alert_page(request)
        except OperatingError as error:
            return self._look.failed(request, error)

    async def new_silence(self, request: Request) -> Response:
        matchers = [line.strip() for text in request.query_params.getlist("matchers") for line in text.splitlines()]
        given = {name: request.query_params.get(name, "") for name in ("lasts", "reason", "name")}
        return self._silence_page(request, [each for each in matchers if each], given)

    # --- what is done -------------------------------------------------------------------------------------------------

    async def acknowledge(self, request: Request) -> Response:
        async def act(form: Form) -> Response:
            outcome = await self._operations.acknowledge(
                request.path_params["id"], author=_author(request, form), act_id=form.get("act")
            )
            return _after(request, outcome, "acknowledged")

        return await self._acting(request, act, again=self._alert_page)

    async def silence_alert(self, request: Request) -> Response:
        async def act(form: Form) -> Response:
            history = await self._operations.alert(request.path_params["id"])
            scopes = {name: matchers for name, _, matchers in silence_scopes(history.alert)}
            matchers = scopes.get(form.get("scope", ""))
            if matchers is None:
                raise OperatingError("it is not said what to silence", next_step="choose it in the form")
            outcome = await self._operations.silence(
                matchers,
                reason=form.get("reason", ""),
                author=_author(request, form),
                lasts=_duration(form.get("lasts", "")),
                act_id=form.get("act"),
            )
            return _after(request, outcome, "silenced")

        return await self._acting(request, act, again=self._alert_page)

    async def close(self, request: Request) -> Response:
        async def act(form: Form) -> Response:
            outcome = await self._operations.force_close(
                request.path_params["id"],
                reason=form.get("reason", ""),
                author=_author(request, form),
                act_id=form.get("act"),
            )
            return _after(request, outcome, "closed")

        return await self._acting(request, act, again=self._alert_page)

    async def silence(self, request: Request) -> Response:
        async def act(form: Form) -> Response:
            outcome = await self._operations.silence(
                _lines(form),
                reason=form.get("reason", ""),
                author=_author(request, form),
                lasts=_duration(form.get("lasts", "")),
                act_id=form.get("act"),
            )
            return RedirectResponse(f"/alerts?did={_did(outcome, 'silenced')}#silences", status_code=303)

        async def again(request: Request, *, form: Form, error: OperatingError, status: int) -> Response:
            return self._silence_page(request, _lines(form), form, error=error, status=status)

        return await self._acting(request, act, again=again)

    async def end_silence(self, request: Request) -> Response:
        async def act(form: Form) -> Response:
            outcome = await self._operations.unsilence(
                request.path_params["id"], author=_author(request, form), act_id=form.get("act")
            )
            return _after(request, outcome, "ended")

        return await self._acting(request, act, again=None)

    async def _acting(
        self,
        request: Request,
        act: Callable[[Form], Awaitable[Response]],
        *,
        again: Callable[..., Awaitable[Response]] | None,
    ) -> Response:
        """Do what the form asks. What cannot be done comes back as the page with the form, and with what was typed."""
        try:
            form = _parsed(await changing_body(request, kind=FORM, hosts=self._hosts))
        except RefusedError as refused:
            return self._look.failed(request, refused)
        try:
            return await act(form)
        except OperatingError as error:
            if again is None or isinstance(error, UnknownError):
                return self._look.failed(request, error)
            return await again(request, form=form, error=error, status=status_of(error))

    # --- pages that have two ways to them -----------------------------------------------------------------------------

    async def _alert_page(
        self, request: Request, *, form: Form | None = None, error: OperatingError | None = None, status: int = 200
    ) -> Response:
        history = await self._operations.alert(request.path_params["id"])
        return self._look.page(
            request,
            "alert.html",
            status=status,
            alert=history.alert,
            evidence=history.evidence,
            timeline=tuple(reversed(history.timeline)),
            about={name: value for name, value in history.alert.labels.items() if name not in _KIND_LABELS},
            scopes=silence_scopes(history.alert),
            form=_filled(form or {}),
            error=error,
        )

    def _silence_page(
        self,
        request: Request,
        matchers: list[str],
        form: Form,
        *,
        error: OperatingError | None = None,
        status: int = 200,
    ) -> Response:
        hidden: tuple[AlertView, ...] = ()
        try:
            hidden = self._operations.preview(matchers)
        except OperatingError as exc:
            error = error or exc
        return self._look.page(
            request,
            "silence.html",
            status=status,
            matchers=matchers,
            hidden=hidden,
            form=_filled(form),
            error=error,
        )


def silence_scopes(alert: AlertView) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """What somebody who looks at this alert may want to silence: the name, the words, the matchers. Narrowest first.

    By rule, not by alertname, so that a silence still holds when the alert gets worse.
    """
    labels = alert.labels
    about = {name: value for name, value in labels.items() if name not in _KIND_LABELS}
    rule = _equal("rule", labels["rule"])
    scopes = [("alert", "this alert", (rule, *(_equal(*each) for each in sorted(about.items()))))]
    if "phone_number_id" in about:
        scopes.append(
            ("number", "everything about this number", (_equal("phone_number_id", about["phone_number_id"]),))
        )
    if "waba_id" in about:
        scopes.append(("account", "everything about this account", (_equal("waba_id", about["waba_id"]),)))
    if about:
        scopes.append(("rule", "this kind of alert, wherever it opens", (rule,)))
    return tuple(scopes)


def _equal(label: str, value: str) -> str:
    return f'{label}="{value}"'


def _fits(alert: AlertView, wanted: Mapping[str, str]) -> bool:
    if wanted["severity"] and wanted["severity"] != str(alert.severity):
        return False
    text = " ".join([alert.id, alert.alertname, alert.what, alert.subject, *alert.labels.values()]).lower()
    return all(word in text for word in wanted["q"].lower().split())


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


# --- forms ------------------------------------------------------------------------------------------------------------


def _parsed(body: bytes) -> Form:
    """The form's fields. Raises RefusedError."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as exc:
        raise RefusedError(400, "the form cannot be read", "go back, reload the page and send it again") from exc
    return dict(fields)


def _filled(form: Form) -> Form:
    """What was typed before, for the form that is shown again."""
    return {name: form.get(name, "") for name in ("name", "reason", "scope", "lasts")}


def _author(request: Request, form: Form) -> str:
    """Who acts: who signed in, else who they say they are."""
    return request.scope.get("user_name") or form.get("name", "").strip() or NOBODY


def _lines(form: Form) -> list[str]:
    return [line.strip() for line in form.get("matchers", "").splitlines() if line.strip()]


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise OperatingError("it is not said for how long", next_step="choose a duration, like 4h")
    return int(found[1]) * _UNITS[found[2]]


def _did(outcome: Outcome, word: str) -> str:
    is_idle = outcome.silence is None and not outcome.alerts and not outcome.is_repeated
    return "nothing" if is_idle else word


def _after(request: Request, outcome: Outcome, word: str) -> Response:
    """Back to the page that the form was on (303, so that a reload sends nothing), with what came of it."""
    try:
        came_from = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        came_from = urlsplit("")
    path = came_from.path if came_from.netloc == request.headers.get("host") else ""
    if not path.startswith("/") or path.startswith(("//", "/silences")):
        path = "/alerts"
    query = [(name, value) for name, value in parse_qsl(came_from.query) if name != "did"]
    # A page that came of a form is not asked for by its address.
    path = re.sub(r"^(/alerts/[^/]+)/[a-z]+$", r"\1", path)
    return RedirectResponse(f"{path}?{urlencode([*query, ('did', _did(outcome, word))])}", status_code=303)
