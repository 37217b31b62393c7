"""Whatever is written, loading ends with settings or with a ConfigurationError that repeats no value."""

import contextlib
import datetime as dt
import string
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wamon.config.load import load_settings, settings_of
from wamon.config.schema import AccountTable, AppTable, Keys
from wamon.config.sources import FILE_SUFFIX, SECRET_KEYS, Sources
from wamon.core.errors import ConfigurationError
from wamon.rules import RULES

CANARY = "EAAcanary0"
# What tomllib can give, and nothing that a loader would choose.
scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["1029", CANARY, f"Bearer {CANARY}", f"{CANARY} ", "v25.0", "127.0.0.1:1", "http://[", "\0", "/", "~"]
    ),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.just(dt.UTC)),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
secret_files = [f"{key}{FILE_SUFFIX}" for key in SECRET_KEYS]


def tables(fields: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*fields, *secret_files]) | st.text(max_size=8), anything, max_size=6)


documents = st.builds(
    lambda top, accounts, apps, rules: {**top, **accounts, **apps, **rules},
    tables(list(Keys.model_fields)),
    st.fixed_dictionaries({}, optional={"accounts": st.lists(tables(list(AccountTable.model_fields)), max_size=3)}),
    st.fixed_dictionaries({}, optional={"apps": st.lists(tables(list(AppTable.model_fields)), max_size=3)}),
    st.fixed_dictionaries(
        {},
        optional={
            "rules": st.dictionaries(
                st.sampled_from([rule.name for rule in RULES]) | st.text(max_size=8),
                st.dictionaries(
                    st.sampled_from(["enabled", "for_seconds", "warning_days", "min_observations"])
                    | st.text(max_size=8),
                    anything,
                    max_size=4,
                )
                | anything,
                max_size=3,
            )
        },
    ),
)
variables = st.dictionaries(
    st.sampled_from([key.upper() for key in (*Keys.model_fields, *secret_files)])
    | st.text(string.ascii_uppercase + "_", max_size=12),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
    | st.sampled_from([CANARY, f"{CANARY}|", "1029", "60", "127.0.0.1:9877"]),
    max_size=6,
).filter(lambda environment: "CONFIG" not in environment)


def outcome(sources: Sources) -> str:
    """The text of the error, empty when it loads."""
    try:
        settings_of(sources, rules=RULES)
    except ConfigurationError as exc:
        return str(exc)
    return ""


@given(documents, variables)
def test_any_value_loads_or_is_refused_without_being_repeated(
    document: dict[str, Any], environment: dict[str, str]
) -> None:
    given_sources = Sources(
        environment={name.lower(): value for name, value in environment.items()},
        document=document,
        path=Path("wamon.toml"),
        lines={},
    )

    assert "canary" not in outcome(given_sources)


@given(documents)
def test_any_value_beside_a_good_account_does_too(document: dict[str, Any]) -> None:
    good = {"waba_id": "1029", "access_token": CANARY}

    text = outcome(Sources(environment=good, document=document, path=Path("wamon.toml"), lines={}))

    assert "canary" not in text
    assert bool(text) or not document.keys() - Keys.model_fields.keys() - set(secret_files)


@given(st.binary(max_size=200) | st.text(string.printable, max_size=200).map(str.encode))
def test_any_file_loads_or_is_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wamon.toml"
        path.write_bytes(content)

        with contextlib.suppress(ConfigurationError):
            load_settings(path, {"WAMON_WABA_ID": "1029", "WAMON_ACCESS_TOKEN": CANARY}, rules=RULES)
