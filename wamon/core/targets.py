"""What probes are pointed at: the configured accounts, tokens, apps and wamon itself, without any secret."""

from dataclasses import dataclass
from typing import TypeAlias

from wamon.core.api_versions import VersionTable
from wamon.core.health import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTarget:
    """One WABA as one token sees it.

    `app_id` is the app whose subscription counts, None while neither configuration nor debug_token has told it;
    `is_app_learned` is true when only debug_token did.
    `phone_number_ids` are the numbers to watch, empty for all.
    """

    name: str
    waba_id: str
    token: str
    app_id: str | None = None
    is_app_learned: bool = False
    phone_number_ids: frozenset[str] = frozenset()
    expected_callback_url: str | None = None
    version: str

    @property
    def subject(self) -> Subject:
        return Subject.waba(self.waba_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTarget:
    """One access token by its alias; `app_id` is set when the app's own token may do the asking."""

    token: str
    app_id: str | None
    waba_ids: tuple[str, ...]
    required_scopes: tuple[str, ...]

    @property
    def subject(self) -> Subject:
        return Subject.token(self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTarget:
    """One Meta app whose secret is known: which webhook fields it should receive, and where."""

    app_id: str
    wanted_fields: tuple[str, ...]
    expected_callback_url: str | None

    @property
    def subject(self) -> Subject:
        return Subject.app(self.app_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTarget:
    """wamon itself: the Graph versions it and the user's own senders ask for, and the table that dates them.

    `table_url` is where a newer table may be read, None to rely on `table` alone.
    """

    versions: tuple[str, ...]
    table: VersionTable
    table_url: str | None = None

    @property
    def subject(self) -> Subject:
        return Subject.instance()


Target: TypeAlias = AccountTarget | TokenTarget | AppTarget | InstanceTarget
