"""The web configuration file of the private listener, as every exporter of the Prometheus world takes it.

Source: prometheus/exporter-toolkit, docs/web-configuration.md, read 2026-11.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

LARGEST_FILE: Final = 1024 * 1024
_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_SECTIONS: Final = ("tls_server_config", "http_server_config", "basic_auth_users")
_TLS_KEYS: Final = (
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "min_version",
    "max_version",
    "cipher_suites",
)
# Go's names of what it holds to be secure, and OpenSSL's. Of TLS 1.3 neither lets anybody choose.
# Source: Go crypto/tls CipherSuites, read 2026-11.
_CIPHERS: Final[Mapping[str, str | None]] = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
_HTTP_KEYS: Final = ("http2", "headers")
_HEADERS: Final = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
# Go ignores it since 1.17, so whoever has it in a file means nothing by it any more.
_IGNORED: Final = frozenset({"prefer_server_cipher_suites"})
_HASH: Final = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_END: Final = "-----END CERTIFICATE-----"
_NO_CLIENT: Final = "NoClientCert"
_EVERY_CLIENT: Final = "RequireAndVerifyClientCert"


class WebConfigError(ValueError):
    """The file cannot be used; the text names the key and what to write, and no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What the listener shows to whoever connects, and asks of them.

    `client_ca_file` None: no client has to have a certificate. `ciphers` are those of TLS 1.2 by OpenSSL's names, ()
    for its own choice. `digest` is of all the files' contents, so that two
    configurations with other certificates are not equal.
    """

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None
    min_version: ssl.TLSVersion
    max_version: ssl.TLSVersion
    ciphers: tuple[str, ...] = ()
    digest: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is made from."""
        return tuple(each for each in (self.cert_file, self.key_file, self.client_ca_file) if each is not None)

    def context(self) -> ssl.SSLContext:
        """What a server needs. Raises WebConfigError when the files are no certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = self.min_version, self.max_version
        if self.ciphers:
            context.set_ciphers(":".join(self.ciphers))
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as exc:
            # An SSLError is an OSError; its text names neither file nor content.
            raise WebConfigError(f"cert_file and key_file are no certificate and its key: {_reason(exc)}") from exc
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except OSError as exc:
                raise WebConfigError(f"client_ca_file holds no certificates: {_reason(exc)}") from exc
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """TLS, users and headers of a listener; without any of them it is open and speaks plain HTTP.

    `users` are bcrypt hashes by name. `headers` are added to every answer.
    """

    tls: Tls | None = None
    users: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"


OPEN: Final = WebConfig()


def read_web_config(path: Path) -> WebConfig:
    """The file's content, checked to the last certificate. Relative paths in it start at its folder.

    Raises WebConfigError.
    """
    written = _mapping(_parsed(path), "the file", _SECTIONS)
    # Without certificate and key it is plain HTTP, as the exporters have it.
    tls = _mapping(written.get("tls_server_config"), "tls_server_config", _TLS_KEYS)
    http = _mapping(written.get("http_server_config"), "http_server_config", _HTTP_KEYS)
    if not isinstance(http.get("http2", True), bool):
        raise WebConfigError("http2 must be true or false")
    headers = _mapping(http.get("headers"), "headers", _HEADERS)
    return WebConfig(
        tls=_tls(tls, path.parent) if any(tls.values()) else None,
        users=MappingProxyType(_users(written.get("basic_auth_users"))),
        headers=MappingProxyType({name: _text(value, name) for name, value in headers.items()}),
    )


def trusting(tls: Tls, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """What a client on the same machine needs to trust exactly this server, whatever its certificate's name.

    Where clients must have a certificate it shows `shown` (certificate and key), by default the server's own: whoever
    may read its key may be it. Raises WebConfigError when `shown` is no certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The certificate itself is what is trusted: whoever signed it need not be known, and whoever else they signed for
    # is nobody. In a chain the server's own comes first.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    first, end, _ = tls.cert_file.read_text(encoding="ascii", errors="ignore").partition(_PEM_END)
    context.load_verify_locations(cadata=f"{first[first.index(_PEM_BEGIN) :]}{end}\n")
    if shown is not None:
        show(context, shown)
    elif tls.client_ca_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def show(context: ssl.SSLContext, shown: tuple[Path, Path]) -> None:
    """Let a client show this certificate, with this key. Raises WebConfigError when that is what they are not."""
    try:
        context.load_cert_chain(*shown, password=_no_password)
    except (OSError, ValueError) as exc:
        raise WebConfigError(f"they are no certificate and its key: {_reason(exc)}") from exc


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice: the second would silently undo the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise WebConfigError(f"{twice} is there twice: keep one of them")
        return super().construct_mapping(node, deep)


def _parsed(path: Path) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise WebConfigError(f"the file cannot be read ({_reason(exc)}): check the path") from exc
    if len(raw) > LARGEST_FILE:
        raise WebConfigError("the file is too large: is it the right one?")
    try:
        return yaml.load(raw, _Strict)  # noqa: S506 - it is a safe loader
    except WebConfigError:
        raise
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise WebConfigError(f"the file is not valid YAML{where}") from exc


def _mapping(value: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WebConfigError(f"{where} is no mapping of keys to values")
    for key in value:
        if key in known or key in _IGNORED:
            continue
        near = get_close_matches(str(key), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it may have {', '.join(known)}"
        # The key alone: what stands behind it may be a secret, and so may what is no word.
        named = f"the key {key}" if _WORD.fullmatch(str(key)) else "a key"
        raise WebConfigError(f"{where} has {named} that wamon does not support: {hint}")
    return {key: each for key, each in value.items() if key not in _IGNORED}


def _tls(written: Mapping[str, Any], base: Path) -> Tls:
    cert_file, key_file = (_file(written.get(name), name, base) for name in ("cert_file", "key_file"))
    client = written.get("client_auth_type") or _NO_CLIENT
    if client not in (_NO_CLIENT, _EVERY_CLIENT):
        raise WebConfigError(f"client_auth_type must be {_NO_CLIENT} or {_EVERY_CLIENT}: the others are not secure")
    if client == _NO_CLIENT and written.get("client_ca_file"):
        raise WebConfigError(f"client_ca_file is there and nobody is asked: set client_auth_type to {_EVERY_CLIENT}")
    ca_file = _file(written.get("client_ca_file"), "client_ca_file", base) if client == _EVERY_CLIENT else None
    versions = [written.get(name, default) for name, default in (("min_version", "TLS12"), ("max_version", "TLS13"))]
    if any(not isinstance(each, str) or each not in _VERSIONS for each in versions):
        raise WebConfigError("min_version and max_version must be TLS12 or TLS13")
    least, most = (_VERSIONS[each] for each in versions)
    if least > most:
        raise WebConfigError("min_version is above max_version")
    tls = Tls(
        cert_file=cert_file,
        key_file=key_file,
        client_ca_file=ca_file,
        min_version=least,
        max_version=most,
        ciphers=_ciphers(written.get("cipher_suites")),
    )
    tls.context()
    return replace(tls, digest=sha256(b"\0".join(each.read_bytes() for each in tls.files)).hexdigest())


def _ciphers(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or any(not isinstance(each, str) or each not in _CIPHERS for each in value):
        raise WebConfigError(f"cipher_suites must be a list of these: {', '.join(_CIPHERS)}")
    return tuple(name for each in value if (name := _CIPHERS[each]) is not None)


def _file(value: Any, name: str, base: Path) -> Path:
    if not isinstance(value, str) or not value:
        raise WebConfigError(f"{name} is missing: write the path of a PEM file")
    path = base / value
    try:
        with path.open("rb"):
            return path
    except OSError as exc:
        raise WebConfigError(f"{name}: the file cannot be read ({_reason(exc)}): check the path") from exc


def _users(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WebConfigError("basic_auth_users is no mapping of names to bcrypt hashes")
    users = {}
    for name, hashed in value.items():
        if not isinstance(name, str) or not name or ":" in name:
            raise WebConfigError("basic_auth_users has a name that is no text, or has a colon in it")
        if not isinstance(hashed, str) or not _HASH.fullmatch(hashed):
            words = f"the hash of {name!r} is none of bcrypt's: write what `wamon config hash-password` prints"
            raise WebConfigError(f"basic_auth_users: {words}")
        users[name] = hashed
    return users


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not (value.strip() and value.isascii() and value.isprintable()):
        raise WebConfigError(f"{name} must be a text of plain letters on one line: put it in quotes")
    return value


def _no_password() -> str:
    raise ValueError("the key has a password: wamon reads keys without one")


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
