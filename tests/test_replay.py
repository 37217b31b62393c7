"""Recorded webhooks through the real parser, ledger and rules: what would have been counted and told."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wamon.core import books
from wamon.core.errors import ConfigurationError, StoreError
from wamon.replay import Record, Replayed, read_records, replay
from wamon.rules import RULES
from wamon.store import SqliteStore

WABA_ID = "102290129340398"
NUMBER_ID = "106540352242922"
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def body(*statuses: Mapping[str, Any], waba_id: str = WABA_ID) -> dict[str, Any]:
    value = {"metadata": {"phone_number_id": NUMBER_ID}, "statuses": list(statuses)}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": waba_id, "changes": [{"field": "messages", "value": value}]}],
    }


def status(wamid: str, word: str, at: datetime, *, code: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"id": wamid, "status": word, "timestamp": str(int(at.timestamp()))}
    return found if code is None else {**found, "errors": [{"code": code}]}


def record(found: Mapping[str, Any], at: datetime | None = None) -> Record:
    return Record(body=json.dumps(found).encode(), received_at=at)


def played(records: Sequence[Record], **options: Any) -> Replayed:
    return asyncio.run(replay(records, rules=RULES, now=START, **options))


def total(replayed: Replayed, figure: str) -> dict[str, int]:
    return {key[3]: count for key, count in replayed.totals.items() if key[0] == figure}


def told(replayed: Replayed) -> list[tuple[str, str]]:
    return [(transition.rule, str(transition.kind)) for transition in replayed.transitions]


def test_each_status_counts_once_in_whatever_order_it_was_recorded() -> None:
    sent, read = status("one", "sent", START), status("one", "read", START + timedelta(seconds=5))
    later = START + timedelta(seconds=6)

    replayed = played([record(body(read), later), record(body(sent), later), record(body(read), later)])

    assert total(replayed, books.STATUSES) == {"sent": 1, "delivered": 1, "read": 1}
    assert total(replayed, books.DUPLICATES) == {"": 1}
    assert (replayed.records, replayed.first_at, replayed.last_at) == (3, later, later)


def test_payment_problem_would_have_been_told_within_a_minute_and_its_end_too() -> None:
    records = [
        record(body(status("one", "failed", START, code=131042)), START),
        *(
            record(body(status(f"good-{minute}", "delivered", at)), at)
            for minute in range(1, 90)
            for at in [START + timedelta(minutes=minute)]
        ),
    ]

    replayed = played(records)

    assert told(replayed) == [("WhatsAppPaymentBlocked", "open"), ("WhatsAppPaymentBlocked", "close")]
    assert replayed.transitions[0].at - START <= timedelta(minutes=1)


def test_account_event_is_told_too() -> None:
    value = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    entry = {"id": WABA_ID, "time": int(START.timestamp()), "changes": [{"field": "account_update", "value": value}]}

    replayed = played([record({"object": "whatsapp_business_account", "entry": [entry]})])

    assert told(replayed) == [("WhatsAppAccountRestricted", "open")]
    assert replayed.first_at == START


def test_without_a_receipt_the_youngest_stamp_counts_and_without_one_now() -> None:
    stamped = body(status("one", "sent", START - timedelta(hours=2)), status("two", "sent", START - timedelta(hours=1)))

    replayed = played([record(stamped), Record(body=b"{not json")])

    assert (replayed.first_at, replayed.last_at) == (START - timedelta(hours=1), START)
    assert total(replayed, books.QUARANTINED) == {"not_json": 1}


def test_a_silence_of_weeks_is_not_lived_through_minute_by_minute() -> None:
    month = timedelta(days=30)

    replayed = played(
        [record(body(status("one", "sent", START)), START), record(body(status("two", "sent", START)), START + month)]
    )

    assert replayed.last_at - replayed.first_at == month
    # A tick a minute would be forty thousand.
    assert replayed.state.version < 1000


def test_accounts_that_are_not_watched_are_counted_only() -> None:
    replayed = played(
        [record(body(status("one", "sent", START), waba_id="999"), START)], watched={WABA_ID: frozenset()}
    )

    assert total(replayed, books.STATUSES) == {}
    assert total(replayed, books.UNMONITORED) == {"replay": 1}


def test_stamp_beyond_all_calendars_is_none() -> None:
    absurd = body({"id": "one", "status": "sent", "timestamp": "0012300000019999999999999"})

    assert played([record(absurd)]).first_at == START


def test_accounts_are_found_as_the_envelope_finds_them() -> None:
    numeric = body(status("one", "sent", START))
    numeric["entry"][0]["id"] = int(WABA_ID)
    gone = {"event": "ACCOUNT_DELETED", "waba_info": {"waba_id": "777", "owner_business_id": "1"}}
    partner = {"id": "1", "time": 1795341600, "changes": [{"field": "account_update", "value": gone}]}

    replayed = played([record(numeric, START), record({"object": "x", "entry": [partner]}, START)])

    assert total(replayed, books.STATUSES) == {"sent": 1}
    assert total(replayed, books.UNMONITORED) == {}
    assert [str(transition.subject) for transition in replayed.transitions] == ["waba waba_id=777"]


def test_nothing_to_replay_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="nothing to replay"):
        played([])


def test_store_that_refuses_ends_the_replay_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(SqliteStore, "record", refuse)

    with pytest.raises(StoreError, match="cannot go on replaying: the disk is full"):
        played([record(body(status("one", "sent", START)), START)])


# --- files ------------------------------------------------------------------------------------------------------------


def test_file_is_one_body_or_one_a_line_with_or_without_a_receipt(tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps(body(status("one", "sent", START)), indent=2), encoding="utf-8")
    many = tmp_path / "many.jsonl"
    found = body(status("two", "sent", START))
    lines = [
        json.dumps(found),
        "",
        json.dumps({"received_at": "2026-11-22T10:00:05Z", "body": found}),
        json.dumps({"received_at": START.timestamp(), "body": json.dumps(found)}),
        "{not json",
    ]
    many.write_text("\n".join(lines), encoding="utf-8")

    assert [each.received_at for each in read_records(one)] == [None]
    assert [each.received_at for each in read_records(many)] == [None, START + timedelta(seconds=5), START, None]
    assert [json.loads(each.body) for each in list(read_records(many))[:3]] == [found] * 3


@pytest.mark.parametrize(
    "receipt", ["yesterday", 1e30, "2026-13-01", True, -1, 0, "9999-12-31T23:59:59Z", 253402300799, "0001-01-01"]
)
def test_receipt_that_is_no_moment_names_file_and_line(tmp_path: Path, receipt: object) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("\n" + json.dumps({"received_at": receipt, "body": {}}) + "\n{}", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"many\.jsonl:2: received_at .* is no moment of webhooks"):
        list(read_records(file))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_file_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "marked.jsonl"
    found = body(status("one", "sent", START))
    file.write_text("\n".join([json.dumps(found)] * 2), encoding=encoding)

    assert [json.loads(each.body) for each in read_records(file)] == [found, found]


def test_file_may_be_a_list_of_bodies_or_records(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    found = body(status("one", "sent", START))
    file.write_text(json.dumps([found, {"received_at": START.isoformat(), "body": found}], indent=1), encoding="utf-8")

    records = list(read_records(file))

    assert [each.received_at for each in records] == [None, START]
    assert [json.loads(each.body) for each in records] == [found, found]


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        list(read_records(tmp_path / "missing"))
