"""Log lines: columns for people, JSON for machines, secrets in neither."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wamon import logs
from wamon.graph.redaction import Redactor

SECRET = "EAAcanary0123456789canary"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Gives the root logger back as it was, so that no other test logs through ours."""
    names = ["", *logs.QUIET]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def written() -> Callable[..., io.StringIO]:
    def configure(log_format: str | None = "json", level: str = "INFO") -> io.StringIO:
        stream = io.StringIO()
        logs.configure(level, log_format, Redactor([SECRET]), stream=stream)
        return stream

    return configure


def only_entry(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert isinstance(entry, dict)
    return entry


def test_json_line_has_time_level_logger_message_and_fields(written: Callable[..., io.StringIO]) -> None:
    stream = written()

    logging.getLogger("wamon.test").warning("poll failed", extra={"probe": "account", "attempt": 2})

    entry = only_entry(stream)
    assert datetime.fromisoformat(str(entry.pop("timestamp"))).tzinfo == UTC
    assert entry == {
        "message": "poll failed",
        "level": "warning",
        "logger": "wamon.test",
        "probe": "account",
        "attempt": 2,
    }


def test_console_line_is_one_line_for_people(written: Callable[..., io.StringIO]) -> None:
    stream = written("console")

    logging.getLogger("wamon.test").warning("poll failed", extra={"probe": "account"})

    (line,) = stream.getvalue().splitlines()
    assert "warning" in line
    assert "poll failed" in line
    assert "probe=account" in line
    assert "\x1b" not in line


def test_without_a_terminal_the_format_is_json(written: Callable[..., io.StringIO]) -> None:
    stream = written(None)

    logging.getLogger("wamon.test").info("started")

    assert only_entry(stream)["message"] == "started"


def test_values_that_json_does_not_know_become_text(written: Callable[..., io.StringIO]) -> None:
    stream = written()

    logging.getLogger("wamon.test").info(
        "values",
        extra={
            "at": datetime(2026, 11, 22, tzinfo=UTC),
            "wait": timedelta(seconds=1.5),
            "path": Path("wamon.db"),
            "parts": (1, None, {"a": Path("b")}),
        },
    )

    entry = only_entry(stream)
    assert entry["at"] == "2026-11-22T00:00:00+00:00"
    assert entry["wait"] == "1.5 s"
    assert entry["path"] == "wamon.db"
    assert entry["parts"] == [1, None, {"a": "b"}]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_secret_is_nowhere(written: Callable[..., io.StringIO], log_format: str) -> None:
    stream = written(log_format)
    log = logging.getLogger("wamon.test")

    log.warning("asked %s", f"https://graph.example/1?access_token=unknowncanary&x={SECRET}")
    log.warning(f"Authorization: Bearer {SECRET}")  # noqa: G004 - what a library may do
    log.warning("fields", extra={"url": f"?input_token={SECRET}", "headers": {"Authorization": "Basic canary"}})
    log.warning("named", extra={"access_token": "canary", "nested": [{"app_secret": "canary"}, (SECRET,)]})
    log.warning("object", extra={"failure": ValueError(SECRET)})
    try:
        raise ValueError(SECRET)  # noqa: TRY301 - the traceback is what is looked at
    except ValueError:
        log.exception("failed", stack_info=True)

    assert "canary" not in stream.getvalue()
    assert "ValueError: [redacted]" in stream.getvalue()


def test_traceback_keeps_its_lines_and_a_field_cannot_fake_one(written: Callable[..., io.StringIO]) -> None:
    stream = written("console")
    log = logging.getLogger("wamon.test")

    log.warning("field", extra={"name_seen": "a\n2026-11-22 [critical] faked"})
    try:
        raise ValueError("x")  # noqa: TRY301 - as above
    except ValueError:
        log.exception("failed")

    first, *rest = stream.getvalue().splitlines()
    assert "faked" in first
    assert rest[-1] == "ValueError: x"


def test_libraries_speak_from_warning_on(written: Callable[..., io.StringIO]) -> None:
    stream = written(level="DEBUG")

    for name in ("httpx", "apscheduler.scheduler", "slack_sdk.web", "uvicorn.access"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("wamon.test").debug("ours")

    assert only_entry(stream)["message"] == "ours"


def test_configuring_again_replaces_what_was_before(written: Callable[..., io.StringIO]) -> None:
    first = written()
    second = written(level="ERROR")

    logging.getLogger("wamon.test").warning("below")
    logging.getLogger("wamon.test").error("above")

    assert first.getvalue() == ""
    assert only_entry(second)["message"] == "above"
