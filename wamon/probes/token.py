"""The token probe: is the access token valid, until when, and what may it do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from wamon.core.errors import Denied, Refused, UnexpectedShape
from wamon.core.health import NEVER, Flag, FlagMap, Info, Reading, Signal, Subject, SubjectKind, Timestamp
from wamon.core.ports import GraphQuery, JsonObject, Probe, ProbeSteps, Report
from wamon.core.targets import TokenTarget
from wamon.probes.evidence import TOKEN_VALID, code_words
from wamon.probes.payload import error_code, flag, items, mapping, required_object, text, texts, unix_time

TOKEN_INFO = Signal(
    name="whatsapp_token_info",
    kind=SubjectKind.TOKEN,
    shape=Info(("app_id", "type")),
    help="The app that issued the access token, and the token's type.",
)
TOKEN_EXPIRY = Signal(
    name="whatsapp_token_expiry_timestamp_seconds",
    kind=SubjectKind.TOKEN,
    shape=Timestamp(),
    help="When the access token expires; absent when it never does.",
    last_known="whatsapp_token_last_known_expiry_timestamp_seconds",
)
TOKEN_DATA_ACCESS_EXPIRY = Signal(
    name="whatsapp_token_data_access_expiry_timestamp_seconds",
    kind=SubjectKind.TOKEN,
    shape=Timestamp(),
    help="When the app's access to the user's data ends; absent when it never does.",
    last_known="whatsapp_token_last_known_data_access_expiry_timestamp_seconds",
)
TOKEN_SCOPE_GRANTED = Signal(
    name="whatsapp_token_scope_granted",
    kind=SubjectKind.TOKEN,
    shape=FlagMap("scope"),
    help="Whether the access token has this required scope (union of scopes and granular_scopes).",
    last_known="whatsapp_token_last_known_scope_granted",
)
TOKEN_TARGET_GRANTED = Signal(
    name="whatsapp_token_target_granted",
    kind=SubjectKind.TOKEN_ASSET,
    shape=Flag(),
    help="Whether the token's whatsapp_business_management scope covers this WABA (granular_scopes target_ids).",
    last_known="whatsapp_token_last_known_target_granted",
)

SIGNALS: tuple[Signal[Any], ...] = (
    TOKEN_INFO,
    TOKEN_EXPIRY,
    TOKEN_DATA_ACCESS_EXPIRY,
    TOKEN_SCOPE_GRANTED,
    TOKEN_TARGET_GRANTED,
)

MANAGEMENT_SCOPE = "whatsapp_business_management"


# "(#100) The App_id in the input_token did not match the Viewing App": Meta shows an app only its own tokens. It is
# mostly the whole answer, sometimes the `data.error` of one (many public reports of the text, read 2026-11).
NOT_THIS_APPS = 100


def run(target: TokenTarget) -> ProbeSteps:
    """Ask with the app's own token where its secret is known, else let the token inspect itself.

    Meta documents the first; the second is common practice (facts of 2026-11). A dead token answers the first with
    `data.is_valid` false and the second with an error of code 190, which the client turns into Denied.
    """
    as_itself = GraphQuery(path="debug_token", token=target.token, inspect_token=target.token)
    if target.app_id is None:
        answer = yield as_itself
        return read_token(answer, target)
    try:
        answer = yield GraphQuery(path="debug_token", as_app=target.app_id, inspect_token=target.token)
        return read_token(answer, target)
    except (Denied, Refused) as fault:
        # The app's secret is wrong, or the token belongs to another app: the token may still speak for itself.
        answer = yield as_itself
        return replace(read_token(answer, target), fault=fault)


PROBE = Probe(
    name="token",
    target=TokenTarget,
    run=run,
    signals=(*SIGNALS, TOKEN_VALID),
    interval=timedelta(minutes=15),
    doc="An access token: validity, both expiries, scopes and the WABAs they cover.",
)


def read_token(body: JsonObject, target: TokenTarget) -> Report:
    """Every reading of one debug_token answer.

    Raises UnexpectedShape when `data.is_valid` is missing, Refused when whoever asked may not see this token.
    Source: Graph API reference "Debug Token" (v25.0), read 2026-11.
    """
    data = required_object(body, "data", what=f"debug_token for token {target.token}")
    is_valid = flag(data.get("is_valid"))
    if is_valid is None:
        raise UnexpectedShape(f"debug_token for token {target.token}: data has no boolean is_valid")
    error = mapping(data.get("error"))
    code = error_code(error.get("code"))
    if not is_valid and code == str(NOT_THIS_APPS):
        raise Refused(
            f"debug_token for token {target.token}: the token belongs to another app than the one that asks",
            code=NOT_THIS_APPS,
        )
    raw = code_words(code, error_code(error.get("subcode")))
    readings = [TOKEN_VALID.reading(target.subject, is_valid, raw=raw)]
    readings += _read_expiries(data, target.subject)
    # A dead token may come without its app's id and has its scopes listed empty: that says nothing about either.
    app_id = text(data.get("app_id"))
    info = {"app_id": app_id, "type": (text(data.get("type")) or "").upper()} if app_id else None
    readings.append(TOKEN_INFO.reading(target.subject, info))
    readings += _read_scopes(data, target) if is_valid else []
    return Report(readings=tuple(readings))


def _read_expiries(data: JsonObject, token: Subject) -> Iterator[Reading]:
    yield TOKEN_EXPIRY.reading(token, _expiry(data.get("expires_at")))
    yield TOKEN_DATA_ACCESS_EXPIRY.reading(token, _expiry(data.get("data_access_expires_at")))


def _expiry(value: object) -> datetime | None:
    """Meta sends 0 for "never" (its SYSTEM_USER example); None here means that it did not say."""
    return NEVER if value in (0, "0") and not isinstance(value, bool) else unix_time(value)


def _read_scopes(data: JsonObject, target: TokenTarget) -> Iterator[Reading]:
    if not isinstance(data.get("scopes"), list) and not isinstance(data.get("granular_scopes"), list):
        yield TOKEN_SCOPE_GRANTED.reading(target.subject, None, raw="no list of scopes")
        return
    granular = {scope: item for item in items(data.get("granular_scopes")) if (scope := text(item.get("scope")))}
    granted = texts(data.get("scopes")) | set(granular)
    yield TOKEN_SCOPE_GRANTED.reading(target.subject, {scope: scope in granted for scope in target.required_scopes})
    # target_ids absent means every asset of the business; ids come as texts or numbers.
    management = granular.get(MANAGEMENT_SCOPE, {})
    for waba_id in target.waba_ids:
        covered = MANAGEMENT_SCOPE in granted and _covers(management, waba_id)
        yield TOKEN_TARGET_GRANTED.reading(Subject.token_asset(target.token, waba_id), covered)


def _covers(granular_scope: JsonObject, waba_id: str) -> bool | None:
    if "target_ids" not in granular_scope:
        return True
    target_ids = granular_scope["target_ids"]
    return waba_id in texts(target_ids) if isinstance(target_ids, list) else None
