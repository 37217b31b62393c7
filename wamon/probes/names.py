"""What people call the things that readings are about."""

from collections.abc import Mapping
from typing import Final

from wamon.core.health import Signal, Snapshot, Subject, SubjectKind
from wamon.probes.account import PHONE_NUMBER_INFO, WABA_INFO

# Meta's own names are shorter; a headline must stay one.
LONGEST_NAME: Final = 80


def describe(subject: Subject, snapshot: Snapshot) -> str:
    """The subject in people's words: `+1 555 078 3881 (Jasper's Market)`; its ids where no name is known."""
    labels = dict(subject.labels)
    match subject.kind:
        case SubjectKind.PHONE_NUMBER:
            return _number(subject, snapshot)
        case SubjectKind.WABA:
            return _account(labels["waba_id"], snapshot)
        case SubjectKind.TOKEN:
            return f"token {labels['token']}"
        case SubjectKind.TOKEN_ASSET:
            return f"token {labels['token']} on {_account(labels['waba_id'], snapshot)}"
        case SubjectKind.APP:
            return f"app {labels['app_id']}"
        case SubjectKind.API_VERSION:
            return f"Graph API {labels['version']}"
        case SubjectKind.SENDER:
            return _sender(labels, snapshot)
        case SubjectKind.PROBE:
            return describe(_probed(labels), snapshot)
        case SubjectKind.RESTRICTION | SubjectKind.ACCOUNT_ALERT | SubjectKind.TEMPLATE | SubjectKind.FLOW:
            return f"{_part(subject.kind, labels)} of {_account(labels['waba_id'], snapshot)}"
        case _:
            return "wamon"


def _number(subject: Subject, snapshot: Snapshot) -> str:
    names = _names(subject, PHONE_NUMBER_INFO, snapshot)
    display = names.get("display_phone_number") or f"phone number {subject.label('phone_number_id')}"
    verified = names.get("verified_name")
    return f"{display} ({verified})" if verified else display


def _account(waba_id: str, snapshot: Snapshot) -> str:
    name = _names(Subject.waba(waba_id), WABA_INFO, snapshot).get("name")
    return f"{name} (WABA {waba_id})" if name else f"WABA {waba_id}"


def _sender(labels: Mapping[str, str], snapshot: Snapshot) -> str:
    match labels["scope"]:
        case "phone_number":
            return _number(Subject.phone_number(labels["waba_id"], labels["id"]), snapshot)
        case "waba":
            return _account(labels["id"], snapshot)
        case scope:
            return f"{scope} {labels['id']} of {_account(labels['waba_id'], snapshot)}"


def _part(kind: SubjectKind, labels: Mapping[str, str]) -> str:
    """What of an account is meant."""
    match kind:
        case SubjectKind.RESTRICTION:
            return labels["restriction_type"]
        case SubjectKind.ACCOUNT_ALERT:
            return labels["alert_type"]
        case SubjectKind.TEMPLATE:
            return f"template {_bearable(labels['template'])} ({labels['language']})"
        case _:
            return f"{labels['event']} of Flow {labels['flow_id']}"


def _probed(labels: Mapping[str, str]) -> Subject:
    """What the probe watches, told from its labels."""
    if "waba_id" in labels:
        return Subject.waba(labels["waba_id"])
    if "token" in labels:
        return Subject.token(labels["token"])
    return Subject.app(labels["app_id"]) if "app_id" in labels else Subject.instance()


def _names(subject: Subject, signal: Signal[Mapping[str, str]], snapshot: Snapshot) -> Mapping[str, str]:
    """Names do not age: the last known ones serve, however old. Each on one line of bearable length."""
    known = snapshot.known(subject, signal) or {}
    return {label: _bearable(name) for label, name in known.items()}


def _bearable(name: str) -> str:
    return " ".join(name.split())[:LONGEST_NAME]
