"""What the configuration asks to be watched: which probe over which target, how often, and with which credentials."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from wamon.config.settings import AccountSettings, Settings
from wamon.core.health import Snapshot, Subject, SubjectKind
from wamon.core.ports import Probe, Rule
from wamon.core.state import Monitored, State
from wamon.core.targets import AccountTarget, Target
from wamon.core.timing import Clock
from wamon.graph.client import GraphClient, GraphObserver, Transport
from wamon.graph.credentials import Credentials
from wamon.graph.quota import QuotaBudget
from wamon.intake import Sender
from wamon.polling import Watch
from wamon.probes import PROBES, account, api_version, app, templates, token
from wamon.rules import BY_WEBHOOKS_ONLY


class Watches:
    """Who is watched, by the settings and by what debug_token has told so far of whose apps the tokens are."""

    def __init__(self, settings: Settings, *, version: str, state: Callable[[], State]) -> None:
        """`version` is the Graph API's that is asked for."""
        self._settings = settings
        self._version = version
        self._state = state

    def all(self) -> tuple[Watch, ...]:
        """Every probe over every target, tokens first: debug_token may tell the app id that accounts are judged by."""
        settings = self._settings
        fast, slow = settings.poll_interval, settings.slow_poll_interval
        rare = max(slow, api_version.PROBE.interval)
        here = settings.instance_target(version=self._version)
        return (
            *(_watch(token.PROBE, t, slow) for t in settings.token_targets()),
            *(
                Watch(
                    probe=account.PROBE,
                    subject=Subject.waba(each.waba_id),
                    target=partial(self._account_target, each),
                    interval=fast,
                )
                for each in settings.accounts
            ),
            *(
                Watch(
                    probe=templates.PROBE,
                    subject=Subject.waba(each.waba_id),
                    target=partial(self._templates_target, each),
                    interval=slow,
                )
                for each in settings.accounts
            ),
            *(_watch(app.PROBE, t, slow) for t in settings.app_targets()),
            _watch(api_version.PROBE, here, rare),
        )

    def account_targets(self) -> tuple[AccountTarget, ...]:
        """The accounts as they are asked about now."""
        learned = learned_app_ids(self._state().snapshot)
        return self._settings.account_targets(learned, version=self._version)

    def learned_app_id(self, alias: str) -> str | None:
        return learned_app_id(self._state().snapshot, Subject.token(alias))

    def monitored(self, rules: tuple[Rule, ...]) -> Monitored:
        """What is remembered; anything else is forgotten at the start."""
        settings = self._settings
        return Monitored(
            waba_ids=frozenset(each.waba_id for each in settings.accounts),
            tokens=frozenset(each.alias for each in settings.tokens()),
            # Only those that are asked about: an app whose secret was taken away would stay as it was last seen.
            app_ids=frozenset(each.app_id for each in settings.app_targets()),
            versions=frozenset(settings.instance_target(version=self._version).versions),
            probes=frozenset(probe.name for probe in PROBES),
            # Without webhooks nobody could ever close what was opened by them.
            rules=frozenset(
                rule.name for rule in rules if rule.name not in BY_WEBHOOKS_ONLY or settings.webhook_apps()
            ),
        )

    def _account_target(self, account: AccountSettings) -> AccountTarget:
        learned = self.learned_app_id(account.token)
        return self._settings.account_target(account, learned_app_id=learned, version=self._version)

    def _templates_target(self, account: AccountSettings) -> templates.TemplatesTarget:
        return templates.aim(self._account_target(account), self._state())


def learned_app_ids(snapshot: Snapshot) -> Mapping[str, str]:
    """The app that each token (by alias) belongs to, as debug_token told."""
    told = ((subject, learned_app_id(snapshot, subject)) for subject in snapshot.subjects(SubjectKind.TOKEN))
    return {subject.label("token") or "": app_id for subject, app_id in told if app_id}


def learned_app_id(snapshot: Snapshot, token_subject: Subject) -> str | None:
    """The app that a token belongs to, as debug_token told; None while it has not."""
    info = snapshot.known(token_subject, token.TOKEN_INFO)
    return info["app_id"] or None if info else None


def build_client(
    settings: Settings,
    *,
    clock: Clock,
    random: random.Random,
    budget: QuotaBudget,
    observer: GraphObserver,
    transport: Transport | None = None,
    learned_app_id: Callable[[str], str | None] = lambda _alias: None,
) -> GraphClient:
    """The Graph client with every credential of the configuration."""
    tokens = settings.tokens()
    credentials = Credentials.of(
        {each.alias: each.secret for each in tokens},
        app_secrets={each.app_id: each.app_secret for each in settings.apps if each.app_secret},
        app_ids={each.alias: each.app_id for each in tokens if each.app_id},
    )
    return GraphClient(
        base_url=settings.graph_base_url,
        version=settings.version(settings.versions, clock.now()),
        credentials=credentials,
        clock=clock,
        random=random,
        budget=budget,
        observer=observer,
        transport=transport,
        learned_app_id=learned_app_id,
    )


def senders(settings: Settings) -> tuple[Sender, ...]:
    """The Meta apps whose webhooks are taken."""
    return tuple(
        Sender(
            name=each.name,
            app_id=each.app_id,
            verify_token=each.verify_token or "",
            secrets=tuple(secret for secret in (each.app_secret, each.previous_app_secret) if secret),
        )
        for each in settings.webhook_apps()
    )


def _watch(probe: Probe[Any], target: Target, interval: timedelta) -> Watch:
    """A watch over a target that stays as it is."""
    return Watch(probe=probe, subject=target.subject, target=lambda: target, interval=interval)
