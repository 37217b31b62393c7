"""The way of wamon's own commands to the daemon: where it is asked, whom they trust, and as whom they come.

Only the keys that this takes are read, and no library is loaded that they do not need: an answer comes at once.
"""

import base64
import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from wamon.config.sources import FILE_SUFFIX, Sources, read_limited, variable
from wamon.config.values import PRIVATE_LISTEN, Listen, bearer_token, listen, page_url, text, user_name
from wamon.core.errors import ConfigurationError

LARGEST_SECRET_FILE: Final = 64 * 1024
TOKEN: Final = "private_bearer_token"  # noqa: S105 - a key's name
USER: Final = "api_user"
PASSWORD: Final = "api_password"  # noqa: S105 - a key's name
URL: Final = "api_url"
CA_FILE: Final = "api_ca_file"
CERT_FILE: Final = "api_cert_file"
KEY_FILE: Final = "api_key_file"
WEB_CONFIG: Final = "web_config"
# A listener on every address cannot be asked at that address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from the configuration, not bound

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where to ask (`base` is the URL without a slash at its end), and how; `tls` None: by plain HTTP.

    `is_own` tells whether that is the daemon of this very configuration.
    """

    base: str
    tls: ssl.SSLContext | None = field(repr=False)
    is_own: bool

    def connection(self, timeout_seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.base)
        if self.tls is None:
            return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout_seconds, context=self.tls)

    @property
    def path(self) -> str:
        """What stands before every path that is asked for."""
        return urlsplit(self.base).path

    def explained(self, error: Exception) -> str:
        """What kept us from an answer, and where TLS did, what to set."""
        if isinstance(error, ssl.SSLCertVerificationError):
            if self.is_own:
                return f"it shows another certificate than the {WEB_CONFIG} here has: is it another daemon?"
            return f"its certificate is not trusted ({error.verify_message}): set {variable(CA_FILE)} to its issuer's"
        if self.tls is not None and _may_want_a_certificate(error):
            keys = f"{variable(CERT_FILE)} and {variable(KEY_FILE)}"
            return f"it ends the connection: where it wants a client certificate, let {keys} name one that it takes"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__


def way(sources: Sources, url: str | None) -> Way:
    """To the daemon at `url`; None: at the configured `api_url`, else the one of this very configuration.

    Raises ConfigurationError when just one of the keys for that is wrong.
    """
    named = _url(sources, url)
    if named is None:
        return own_way(sources)
    tls = _tls(sources, _certificate(sources)) if named.startswith("https:") else None
    return Way(base=named, tls=tls, is_own=False)


def own_way(sources: Sources) -> Way:
    """To the daemon of this configuration. Raises ConfigurationError."""
    tls = _own_tls(sources, _certificate(sources))
    return Way(base=f"{'http' if tls is None else 'https'}://{private_listener(sources)}", tls=tls, is_own=True)


def authorization(sources: Sources) -> str | None:
    """The header that says who asks: by the bearer token, else by name and password; None when neither is configured.

    Raises ConfigurationError when one of these keys is wrong.
    """
    if (token := _secret(sources, TOKEN, bearer_token)) is not None:
        return f"Bearer {token}"
    name, password = sources.value(USER), _secret(sources, PASSWORD, text)
    if name is None and password is None:
        return None
    if name is None or password is None:
        there, missing = (PASSWORD, USER) if name is None else (USER, PASSWORD)
        raise ConfigurationError(f"{there} is set without {missing}: set {variable(missing)} too")
    known = _read(sources, USER, user_name)
    return "Basic " + base64.b64encode(f"{known}:{password}".encode()).decode()


def private_listener(sources: Sources) -> Listen:
    """Where the daemon of this configuration can be asked. Raises ConfigurationError when just that key is wrong."""
    if sources.value("private_listen") is None:
        return PRIVATE_LISTEN
    address = _read(sources, "private_listen", listen)
    return Listen(_EVERYWHERE.get(address.host, address.host), address.port)


def _url(sources: Sources, url: str | None) -> str | None:
    if url is None:
        return None if sources.value(URL) is None else _read(sources, URL, page_url)
    try:
        return page_url(url)
    except ValueError as exc:
        raise ConfigurationError(f"--url {exc}") from exc


def _own_tls(sources: Sources, certificate: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    path = sources.resolved(WEB_CONFIG, sources.value(WEB_CONFIG))
    if path is None:
        return None
    # Few have one, and reading it takes longer than asking.
    from wamon.web.web_config import WebConfigError, read_web_config, trusting

    try:
        tls = read_web_config(path).tls
    except WebConfigError as exc:
        raise ConfigurationError(f"{WEB_CONFIG} ({sources.place((WEB_CONFIG,))}): {exc}") from exc
    try:
        return None if tls is None else trusting(tls, certificate)
    except WebConfigError as exc:
        raise ConfigurationError(f"{CERT_FILE} and {KEY_FILE}: {exc}") from exc


def _tls(sources: Sources, certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    ca_file = sources.resolved(CA_FILE, sources.value(CA_FILE))
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        reason = f"the file holds no certificates ({exc.strerror or type(exc).__name__})"
        raise ConfigurationError(f"{CA_FILE} ({sources.place((CA_FILE,))}): {reason}: check the path") from exc
    # What is given is trusted, whether it is an issuer's or the daemon's own.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate is not None:
        from wamon.web.web_config import WebConfigError, show

        try:
            show(context, certificate)
        except WebConfigError as exc:
            raise ConfigurationError(f"{CERT_FILE} and {KEY_FILE}: {exc}") from exc
    return context


def _certificate(sources: Sources) -> tuple[Path, Path] | None:
    files = [sources.resolved(key, sources.value(key)) for key in (CERT_FILE, KEY_FILE)]
    match files:
        case [Path() as certificate, Path() as key]:
            return certificate, key
        case [None, None]:
            return None
    there, missing = (KEY_FILE, CERT_FILE) if files[0] is None else (CERT_FILE, KEY_FILE)
    raise ConfigurationError(f"{there} is set without {missing}: set {variable(missing)} too")


def _may_want_a_certificate(error: Exception) -> bool:
    """Whether that is how a server refuses a client's certificate: in TLS 1.3 after the handshake, often wordlessly.

    Source: OpenSSL's reasons of alerts, read 2026-11.
    """
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA"))
    # What http.client raises where no answer begins is one of these, too.
    return isinstance(error, (ConnectionResetError, BrokenPipeError))


def _read(sources: Sources, key: str, read: Callable[[object], T]) -> T:
    try:
        return read(sources.value(key))
    except ValueError as exc:
        raise ConfigurationError(f"{key} ({sources.place((key,))}): {exc}") from exc


def _secret(sources: Sources, key: str, read: Callable[[object], str]) -> str | None:
    """The secret as written or in its file, the environment first; None when there is none."""
    for table in (sources.environment, sources.document):
        try:
            if (written := table.get(key)) is not None:
                return read(written)
            if (path := sources.resolved(f"{key}{FILE_SUFFIX}", table.get(f"{key}{FILE_SUFFIX}"))) is not None:
                return read(read_limited(path, LARGEST_SECRET_FILE).strip())
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise ConfigurationError(f"{key}: its file cannot be read ({reason}): check the path") from exc
        except ValueError as exc:
            raise ConfigurationError(f"{key}: {exc}") from exc
    return None
