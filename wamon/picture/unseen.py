"""What wamon does not see, said plainly: a page that is green because nobody looked is worse than none."""

from collections.abc import Iterable, Iterator
from typing import Final

from wamon.core import watch
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import ProbeOutcome
from wamon.core.targets import AccountTarget
from wamon.picture.scene import Scene
from wamon.picture.values import Unseen
from wamon.probes import account, token
from wamon.probes.names import describe

_PROBES: Final = {
    "account": "the health of {} and its numbers",
    "templates": "the message templates of {}",
    "token": "validity, end and scopes of {}",
    "app": "webhook fields and callback URL of {}",
    "api_version": "a newer table of Graph API versions",
}


def unseen(scene: Scene) -> tuple[Unseen, ...]:
    """The gaps, the largest first."""
    return tuple(_gaps(scene))


def _gaps(scene: Scene) -> Iterator[Unseen]:
    yield from _failing_probes(scene)
    yield from _unanswered_accounts(scene)
    yield from _lacking_scopes(scene)
    if not scene.is_receiving:
        yield Unseen(
            what="what becomes of each message, and most of what happens to an account",
            why="Meta tells it by webhook only, and no webhooks are configured to come here",
            next_step="set verify_token, app_id and app_secret: docs/webhooks.md",
        )
    yield from _silent_accounts(scene)
    yield from _unread_apps(scene)
    yield from _untold_numbers(scene)
    yield from _untold_tokens(scene)


def _failing_probes(scene: Scene) -> Iterator[Unseen]:
    for subject in sorted(scene.snapshot.subjects(SubjectKind.PROBE)):
        outcome = scene.snapshot.value(subject, watch.PROBE_OUTCOME)
        if outcome is None or outcome == ProbeOutcome.OK:
            continue
        probe = subject.label("probe") or ""
        whose = describe(subject, scene.snapshot)
        last = scene.snapshot.value(subject, watch.PROBE_LAST_SUCCESS)
        since = last or scene.snapshot.value(subject, watch.PROBE_WATCHED_SINCE)
        yield Unseen(
            what=_PROBES.get(probe, f"what the probe {probe} asks of {{}}").format(whose),
            why=scene.snapshot.value(subject, watch.PROBE_FAULT) or f"the last look ended {outcome}",
            next_step="`wamon doctor` asks once and tells the cause",
            since=since,
        )


def _unanswered_accounts(scene: Scene) -> Iterator[Unseen]:
    """Accounts that are not known although no look at them is known to have failed."""
    failing = {
        subject.label("waba_id")
        for subject in scene.snapshot.subjects(SubjectKind.PROBE)
        if subject.label("probe") == "account"
        and scene.snapshot.value(subject, watch.PROBE_OUTCOME) not in (None, ProbeOutcome.OK)
    }
    unanswered = [each for each in scene.accounts if scene.is_stale(each.waba_id) and each.waba_id not in failing]
    for when in ("yet", "lately"):
        own = [each for each in unanswered if (each.waba_id in scene.answers) == (when == "lately")]
        if own:
            yield Unseen(
                what=f"the health of {_some(_called(scene, own))} and {'its' if len(own) == 1 else 'their'} numbers",
                why=f"Meta has not answered {when}",
                next_step="`wamon doctor` asks once and tells the cause",
                since=min(
                    (scene.answers[each.waba_id][0] for each in own if each.waba_id in scene.answers), default=None
                ),
            )


def _lacking_scopes(scene: Scene) -> Iterator[Unseen]:
    for subject in sorted(scene.snapshot.subjects(SubjectKind.TOKEN)):
        scopes = scene.snapshot.value(subject, token.TOKEN_SCOPE_GRANTED) or {}
        lacking = sorted(scope for scope, is_granted in scopes.items() if not is_granted)
        if lacking:
            yield Unseen(
                what=f"what {describe(subject, scene.snapshot)} may not read",
                why=f"it lacks {' and '.join(lacking)}",
                next_step="make a new system-user token with every scope that the README names",
            )


def _silent_accounts(scene: Scene) -> Iterator[Unseen]:
    if not scene.is_receiving:
        return
    silent = _called(scene, (each for each in scene.accounts if not scene.last_webhooks.get(each.waba_id)))
    if silent:
        yield Unseen(
            what=f"the messages of {_some(silent)}",
            why="no webhook of it has ever come" if len(silent) == 1 else "no webhook of these has ever come",
            next_step="send a message; if nothing comes, `wamon doctor` looks at the subscription",
        )


def _called(scene: Scene, accounts: Iterable[AccountTarget]) -> list[str]:
    return [scene.names.get(each.waba_id) or each.name for each in accounts]


def _unread_apps(scene: Scene) -> Iterator[Unseen]:
    watched = {subject.label("app_id") for subject in scene.snapshot.subjects(SubjectKind.APP)}
    apps = sorted({each.app_id for each in scene.accounts if each.app_id} - watched)
    if apps:
        yield Unseen(
            what=f"webhook fields and callback URL of {_some([f'app {app_id}' for app_id in apps])}",
            why="Meta tells them only to who has the app's secret",
            next_step="set app_secret for the app",
        )
    nameless = [each.name for each in scene.accounts if each.app_id is None]
    if nameless:
        yield Unseen(
            what=f"whose app should be subscribed to {_some(nameless)}",
            why="neither the configuration nor Meta has told the app",
            next_step="set app_id",
        )


def _untold_numbers(scene: Scene) -> Iterator[Unseen]:
    untold = [
        describe(subject, scene.snapshot)
        for subject in scene.snapshot.subjects(SubjectKind.PHONE_NUMBER)
        if (fact := scene.snapshot.fact(subject, account.NUMBER_CAN_SEND)) is not None
        and fact.is_current
        and fact.value is None
    ]
    if untold:
        yield Unseen(
            what=f"whether {_some(untold)} can send",
            why="Meta answers without a health_status",
            next_step="rely on failures and status; ask again with a newer graph_version",
        )


def _untold_tokens(scene: Scene) -> Iterator[Unseen]:
    untold = [
        subject
        for subject in scene.snapshot.subjects(SubjectKind.TOKEN)
        if scene.snapshot.known(subject, token.TOKEN_EXPIRY) is None and _was_asked(scene, subject)
    ]
    if untold:
        yield Unseen(
            what=f"when {_some([describe(each, scene.snapshot) for each in untold])} expires",
            why="Meta did not say",
            next_step="set app_id and app_secret, so that wamon asks as the app",
        )


def _was_asked(scene: Scene, subject: Subject) -> bool:
    return scene.snapshot.fact(subject, token.TOKEN_EXPIRY) is not None


def _some(names: Iterable[str], most: int = 3) -> str:
    told = sorted(names)
    rest = len(told) - most
    return ", ".join(told) if rest <= 0 else f"{', '.join(told[:most])} and {rest} more"
