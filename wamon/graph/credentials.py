"""The secrets that calls are made with, and which belongs to which."""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from wamon.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no repr, log line or traceback shows."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Access tokens by alias, app secrets by app id, and the app that each token (by alias) is known to belong to."""

    access_tokens: Mapping[str, Secret]
    app_secrets: Mapping[str, Secret]
    app_ids: Mapping[str, str]

    @classmethod
    def of(
        cls,
        access_tokens: Mapping[str, str],
        *,
        app_secrets: Mapping[str, str] = MappingProxyType({}),
        app_ids: Mapping[str, str] = MappingProxyType({}),
    ) -> "Credentials":
        """From plain texts, as the configuration reveals them."""
        return cls(
            access_tokens={alias: Secret(text) for alias, text in access_tokens.items()},
            app_secrets={app_id: Secret(text) for app_id, text in app_secrets.items()},
            app_ids=dict(app_ids),
        )

    def access_token(self, alias: str) -> str:
        """Raises ConfigurationError for an alias that nobody configured."""
        if alias not in self.access_tokens:
            raise ConfigurationError(f"no access token is configured as {alias!r}: add it or correct the name")
        return self.access_tokens[alias].reveal()

    def app_access_token(self, app_id: str) -> str:
        """The app's own token. Raises ConfigurationError when the app's secret is not configured.

        Source: Meta "Access tokens", app access token as `APP_ID|APP_SECRET`, read 2026-11.
        """
        if app_id not in self.app_secrets:
            raise ConfigurationError(f"no app secret is configured for app {app_id}: add app_secret")
        return f"{app_id}|{self.app_secrets[app_id].reveal()}"

    def appsecret_proof(self, alias: str) -> str | None:
        """What shows that whoever calls with this token knows the app's secret too; None where we do not.

        The untimed form: one proof a token, no clock to disagree about.
        Source: Meta "Secure Graph API calls", read 2026-11.
        """
        secret = self.app_secrets.get(self.app_ids.get(alias, ""))
        if secret is None:
            return None
        return hmac.new(secret.reveal().encode(), self.access_token(alias).encode(), "sha256").hexdigest()

    def secrets(self) -> Iterator[str]:
        """Every text that must never be seen, for a Redactor."""
        yield from (token.reveal() for token in self.access_tokens.values())
        yield from (secret.reveal() for secret in self.app_secrets.values())
        yield from (self.app_access_token(app_id) for app_id in self.app_secrets)
        yield from filter(None, map(self.appsecret_proof, self.access_tokens))
