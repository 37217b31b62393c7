"""A recording says what a scraper saw: when series came and went, and what the engine said meanwhile."""

import subprocess
from datetime import timedelta
from pathlib import Path

from tests.fakes import START
from tests.flows.harness import Flow, simulated
from tests.recording import OpenAlert, Recorder, Recording, Scrape
from tests.tools import require_tool

MINUTE = timedelta(minutes=1)
PLACED = 'instance="wamon:9877",job="wamon"'


def recorded(*samples: dict[str, float]) -> Recording:
    return Recording(tuple(Scrape(at=START + number * MINUTE, samples=each) for number, each in enumerate(samples)))


def test_series_that_vanishes_is_marked_stale_and_then_absent() -> None:
    recording = recorded({}, {'a{x="1"}': 2.0}, {'a{x="1"}': 2.0}, {}, {}, {}, {'a{x="1"}': -0.5})

    series = recording.promtool_series(["a"])

    assert series == {f'a{{{PLACED},x="1"}}': "_x1 2.0x1 stale _x2 -0.5"}


def test_times_are_counted_from_the_origin_and_other_values_are_left_alone() -> None:
    at = START.timestamp()
    recording = recorded({"seen_timestamp_seconds": at - 90, "seen_seconds": at, "up_since_timestamp_seconds": at + 60})

    series = recording.promtool_series(["seen_timestamp_seconds", "seen_seconds"])
    later = recording.promtool_series(["seen_timestamp_seconds"], origin=START + MINUTE)

    assert series == {f"seen_timestamp_seconds{{{PLACED}}}": "-90.0", f"seen_seconds{{{PLACED}}}": repr(at)}
    assert later == {f"seen_timestamp_seconds{{{PLACED}}}": "-150.0"}


def test_scraper_says_whether_anybody_answered() -> None:
    recording = recorded({"a": 1.0}, {}, {"a": 1.0})

    assert recording.promtool_series(["up"]) == {f"up{{{PLACED}}}": "1.0 0.0 1.0"}


def test_promtool_takes_the_samples_with_their_times_moved_to_another_day(tmp_path: Path) -> None:
    program = require_tool("promtool")
    recording = recorded({'a{x="q\\"uote"}': 1.0, "b_timestamp_seconds": START.timestamp()}, {"b_timestamp_seconds": 0})
    text = recording.openmetrics(began_at=START + timedelta(days=3))
    file = tmp_path / "samples.om"
    file.write_text(text, encoding="utf-8")

    command = [program, "tsdb", "create-blocks-from", "openmetrics", str(file), str(tmp_path / "data")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60)

    at = START.timestamp() + 3 * 86400
    assert f'a{{{PLACED},x="q\\"uote"}} 1.0 {at:.3f}' in text
    assert f"b_timestamp_seconds{{{PLACED}}} {at!r} {at:.3f}" in text
    assert made.returncode == 0, made.stderr


@simulated
async def test_recorder_keeps_each_minute_with_the_alerts_open_then(tmp_path: Path) -> None:
    async with Flow(tmp_path) as flow:
        it = Recorder(flow)
        flow.number.quality_rating = "YELLOW"
        await it.run(minutes=1)
        await it.run(minutes=4)
        await it.restart(gap=timedelta(minutes=2))
        await it.run(minutes=3)
        recording = it.recording()

        labels = (("phone_number_id", flow.number.id), ("waba_id", flow.waba.id))
        yellow = f'whatsapp_phone_number_quality_rating{{phone_number_id="{flow.number.id}",rating="YELLOW",waba_id='
        alert = OpenAlert("WhatsAppQualityRatingYellow", "warning", labels)
        assert [scrape.at for scrape in recording.scrapes] == [
            START + n * MINUTE for n in range(len(recording.scrapes))
        ]
        assert [sum(v for k, v in scrape.samples.items() if k.startswith(yellow)) for scrape in recording.scrapes] == [
            *(0, 1, 1, 1, 1, 1),
            *(0, 0),
            *(1, 1, 1),
        ]
        assert [alert in scrape.alerts for scrape in recording.scrapes] == [False, False, *[True] * 9]
        assert [bool(scrape.moving) for scrape in recording.scrapes] == [False, True, *[False] * 9]
