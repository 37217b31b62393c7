"""What keys must say together: nothing missing, nothing twice, every name defined.

Works on the values as they were written, so that one load can report these faults beside those of single values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wamon.config.problems import Problem, nearest, spelled
from wamon.config.receiving import told_problems
from wamon.config.sources import KeyPath
from wamon.config.values import PRIVATE_LISTEN, PUBLIC_LISTEN, listen

Table = Mapping[str, Any]
# The top of the file describes one account and one app, which are called this.
TOP_NAME = "default"


def together(top: Table) -> Iterator[Problem]:
    """`top` is the merged configuration, secrets from files in their keys' place."""
    accounts = list(_tables(top, "accounts"))
    apps = list(_tables(top, "apps"))
    if "waba_id" in top:
        accounts.insert(0, ((), {**top, "name": TOP_NAME}))
    if "app_id" in top:
        apps.insert(0, ((), {**top, "name": TOP_NAME}))
    yield from _present(top, accounts)
    yield from _accounts_differ(accounts)
    yield from _apps_differ(apps)
    yield from _secrets_are_complete(top, apps)
    yield from _ids_are_of_their_kind(accounts, apps)
    yield from _apps_are_defined(top, accounts, apps)
    names = [name for _, account in accounts if (name := _text(account.get("name")) or _text(account.get("waba_id")))]
    yield from told_problems(top, names)
    yield from _listeners_differ(top)
    yield from _pairs_are_whole(top)


def _present(top: Table, accounts: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    if "accounts" in top and not isinstance(top["accounts"], list):
        # Reported where single values are judged.
        return
    if not accounts:
        yield Problem(
            key=("waba_id",), text="is missing: set WAMON_WABA_ID, or write a wamon.toml with `wamon config init`"
        )
    if "access_token" not in top:
        if not accounts or accounts[0][0] == ():
            yield Problem(key=("access_token",), text="is missing: set WAMON_ACCESS_TOKEN or WAMON_ACCESS_TOKEN_FILE")
        for key, account in accounts:
            if key and "access_token" not in account:
                yield Problem(
                    key=(*key, "access_token"), text="is missing: give one here, or one for all at the top of the file"
                )
    if "phone_number_ids" in top and "waba_id" not in top and accounts:
        yield Problem(
            key=("phone_number_ids",), text="belongs to waba_id, which is not set: move it into its [[accounts]]"
        )
    for name in ("app_secret", "verify_token"):
        if name in top and "app_id" not in top:
            yield Problem(key=(name,), text="is set without app_id: set WAMON_APP_ID too, both belong to one app")
            break


def _accounts_differ(accounts: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    yield from _repeated(accounts, "waba_id", "this WABA is configured twice", also=())
    yield from _repeated(accounts, "name", "two accounts have this name", also=("waba_id",))
    seen: dict[str, KeyPath] = {}
    for key, account in accounts:
        for number in dict.fromkeys(_texts(account.get("phone_number_ids"))):
            if number in seen:
                where = _account_words(seen[number])
                yield Problem(
                    key=(*key, "phone_number_ids"),
                    text=f"has a number that {where} lists too: a number belongs to one WABA",
                )
            seen.setdefault(number, key)


def _apps_differ(apps: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    yield from _repeated(apps, "app_id", "this app is configured twice", also=())
    yield from _repeated(apps, "name", "two apps have this name", also=("app_id",))


def _secrets_are_complete(top: Table, apps: list[tuple[KeyPath, Table]]) -> Iterator[Problem]:
    """Faults for what goes with an app_secret that is not there."""
    # The top-level keys are looked at even where no app_id makes them an app.
    for key, app in [((), top), *((key, app) for key, app in apps if key)]:
        if "app_secret" in app:
            continue
        if "verify_token" in app:
            text = "is missing: verify_token is set, and without it the signatures of webhooks cannot be checked"
            yield Problem(key=(*key, "app_secret"), text=text)
        elif "previous_app_secret" in app:
            text = "is missing: previous_app_secret is accepted beside it, not in its place"
            yield Problem(key=(*key, "app_secret"), text=text)


def _ids_are_of_their_kind(
    accounts: list[tuple[KeyPath, Table]], apps: list[tuple[KeyPath, Table]]
) -> Iterator[Problem]:
    numbers = {number for _, account in accounts for number in _texts(account.get("phone_number_ids"))}
    app_ids = {_text(app.get("app_id")) for _, app in apps}
    for key, account in accounts:
        waba_id = _text(account.get("waba_id"))
        if waba_id in numbers:
            text = "is also in phone_number_ids: that is a phone number id; WhatsApp Manager shows the WABA id too"
            yield Problem(key=(*key, "waba_id"), text=text)
        if waba_id and waba_id in app_ids:
            yield Problem(
                key=(*key, "waba_id"), text="is also an app_id: the WABA has an id of its own in WhatsApp Manager"
            )


def _apps_are_defined(
    top: Table, accounts: list[tuple[KeyPath, Table]], apps: list[tuple[KeyPath, Table]]
) -> Iterator[Problem]:
    names = [name for _, app in apps if (name := _text(app.get("name")) or _text(app.get("app_id")))]
    standard = default_app(names)
    app_of_token: dict[str, str] = {}
    for key, account in accounts:
        app = (_text(account.get("app")) if key else None) or standard
        if app and app not in names:
            hint = nearest(app, names) or ": add an [[apps]] table with this name"
            yield Problem(key=(*key, "app"), text=f"names an app that is not defined{hint}")
        token = _text(account.get("access_token")) or _text(top.get("access_token"))
        if token and app and app_of_token.setdefault(token, app) != app:
            yield Problem(
                key=(*key, "app"),
                text="differs from another account's that has the same access token: one token, one app",
            )


def default_app(names: Sequence[str]) -> str | None:
    """The app of an account that names none: the top-level one, else the only one there is."""
    if TOP_NAME in names:
        return TOP_NAME
    return names[0] if len(names) == 1 else None


def _listeners_differ(top: Table) -> Iterator[Problem]:
    try:
        public = listen(top.get("public_listen", str(PUBLIC_LISTEN)))
        private = listen(top.get("private_listen", str(PRIVATE_LISTEN)))
    except ValueError:
        # Reported where single values are judged.
        return
    shares_host = public.host == private.host or not {public.host, private.host}.isdisjoint(("0.0.0.0", "::"))  # noqa: S104 - compared, not bound
    if public.port == private.port != 0 and shares_host:
        yield Problem(key=("private_listen",), text="has the port of public_listen: give each a port of its own")


def _pairs_are_whole(top: Table) -> Iterator[Problem]:
    for pair in (("api_user", "api_password"), ("api_cert_file", "api_key_file")):
        there = [key for key in pair if key in top]
        if len(there) == 1:
            missing = pair[1 - pair.index(there[0])]
            yield Problem(key=(there[0],), text=f"is set without {missing}: set WAMON_{missing.upper()} too")


def _repeated(tables: list[tuple[KeyPath, Table]], field: str, claim: str, *, also: Iterable[str]) -> Iterator[Problem]:
    """Faults for a field that must differ; `also` are the fields that stand in where it is not written."""
    seen: dict[str, KeyPath] = {}
    for key, table in tables:
        value = next((known for name in (field, *also) if (known := _text(table.get(name)))), None)
        if value is None:
            continue
        if value in seen:
            yield Problem(key=(*key, field), text=f"{claim}, here and in {_account_words(seen[value])}: remove one")
        seen.setdefault(value, key)


def _account_words(key: KeyPath) -> str:
    return spelled(key) if key else "the top-level keys"


def _tables(top: Table, name: str) -> Iterator[tuple[KeyPath, Table]]:
    tables = top.get(name)
    if isinstance(tables, list):
        yield from (((name, index), table) for index, table in enumerate(tables) if isinstance(table, Mapping))


def _text(value: object) -> str | None:
    """The value as it compares; None for what no id or name can be."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return str(value).strip() or None
    except ValueError:
        # An integer too long for Python to print.
        return None


def _texts(value: object) -> Iterator[str]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    yield from (text for part in parts if (text := _text(part)))
