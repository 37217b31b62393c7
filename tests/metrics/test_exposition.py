import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import START
from tests.metrics.samples import (
    FLAG,
    FLAGS,
    GAUGE,
    GAUGES,
    HIDDEN,
    INFO,
    NUMBER,
    RATING,
    RULE,
    SIGNALS,
    STATUS,
    TIMESTAMP,
    aged,
    alert,
    alerted,
    counted,
    removed,
    seen,
)
from wamon.core.alerting import AlertState, Severity
from wamon.core.desk import Acknowledgement, Desk, Mute, Standing
from wamon.core.health import NEVER, Flag, FlagMap, Reading, Shape, Signal, Subject, SubjectKind, Timestamp
from wamon.core.state import CounterKey, State
from wamon.core.step import PROBE_RUNS
from wamon.metrics.exposition import Exposition
from wamon.metrics.families import TOTALS
from wamon.metrics.lines import sample
from wamon.probes import PROBES
from wamon.rules.can_send import CANNOT_SEND
from wamon.rules.quality import QUALITY

LATER = START + timedelta(hours=1)


def exposition(*, max_series: int | None = None) -> Exposition:
    return Exposition(SIGNALS, rules=(RULE,), probes=PROBES, mode="builtin", max_series=max_series)


def lines_of(exposed: Exposition, *names: str) -> list[str]:
    """The samples of these families."""
    text = exposed.text().decode()
    return [line for line in text.splitlines() if line.split("{")[0].split(" ")[0] in names]


def shown(reading: Reading, *names: str) -> list[str]:
    """The samples of these families after one reading."""
    exposed = exposition()
    exposed.publish(*seen(State(), reading))
    return lines_of(exposed, reading.signal.name, *names)


ID = 'phone_number_id="1065"'
WABA = 'waba_id="1029"'


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (GAUGE.reading(NUMBER, 2.5), [f"whatsapp_gauge{{{ID},{WABA}}} 2.5"]),
        (GAUGE.reading(NUMBER, float("inf")), [f"whatsapp_gauge{{{ID},{WABA}}} +Inf"]),
        (GAUGE.reading(NUMBER, None), []),
        (FLAG.reading(NUMBER, True), [f"whatsapp_flag{{{ID},{WABA}}} 1.0"]),
        (FLAG.reading(NUMBER, False), [f"whatsapp_flag{{{ID},{WABA}}} 0.0"]),
        (FLAG.reading(NUMBER, None), []),
        (TIMESTAMP.reading(NUMBER, START), [f"whatsapp_moment_seconds{{{ID},{WABA}}} 1.7953416e+09"]),
        (TIMESTAMP.reading(NUMBER, NEVER), []),
        (TIMESTAMP.reading(NUMBER, None), []),
        (
            RATING.reading(NUMBER, "RED"),
            [
                f'whatsapp_rating{{{ID},rating="GREEN",{WABA}}} 0.0',
                f'whatsapp_rating{{{ID},rating="RED",{WABA}}} 1.0',
                f'whatsapp_rating{{{ID},rating="UNKNOWN",{WABA}}} 0.0',
            ],
        ),
        (STATUS.reading(NUMBER, "CONNECTED"), [f'whatsapp_status{{{ID},status="CONNECTED",{WABA}}} 1.0']),
        (STATUS.reading(NUMBER, None), [f'whatsapp_status{{{ID},status="UNKNOWN",{WABA}}} 1.0']),
        (
            INFO.reading(NUMBER, {"verified_name": 'A "B"\n\\C', "mode": "LIVE", "more": "x"}),
            [f'whatsapp_info{{mode="LIVE",{ID},verified_name="A \\"B\\"\\n\\\\C",{WABA}}} 1.0'],
        ),
        (INFO.reading(NUMBER, {"mode": "LIVE"}), [f'whatsapp_info{{mode="LIVE",{ID},verified_name="",{WABA}}} 1.0']),
        (INFO.reading(NUMBER, None), []),
        (
            FLAGS.reading(NUMBER, {"b": False, "a": True}),
            [f'whatsapp_flags{{{ID},scope="a",{WABA}}} 1.0', f'whatsapp_flags{{{ID},scope="b",{WABA}}} 0.0'],
        ),
        (FLAGS.reading(NUMBER, {}), []),
        (GAUGES.reading(NUMBER, {"calls": 0.25}), [f'wamon_gauges{{dimension="calls",{ID},{WABA}}} 0.25']),
        (HIDDEN.reading(NUMBER, 1.0), []),
    ],
)
def test_value_is_exported_in_its_shape(reading: Reading, expected: list[str]) -> None:
    assert shown(reading) == expected


@pytest.mark.parametrize("value", ["PURPLE", "UNKNOWN", None])
def test_state_outside_the_set_is_unknown(value: str | None) -> None:
    assert shown(RATING.reading(NUMBER, value)) == [
        f'whatsapp_rating{{{ID},rating="GREEN",{WABA}}} 0.0',
        f'whatsapp_rating{{{ID},rating="RED",{WABA}}} 0.0',
        f'whatsapp_rating{{{ID},rating="UNKNOWN",{WABA}}} 1.0',
    ]


def test_stale_value_is_unknown_and_its_last_known_state_stays_visible() -> None:
    exposed = exposition()
    state, changes = seen(State(), RATING.reading(NUMBER, "RED"), GAUGE.reading(NUMBER, 1.0))
    exposed.publish(state, changes)

    exposed.publish(*aged(state, LATER))

    assert lines_of(exposed, "whatsapp_gauge", "whatsapp_rating", "whatsapp_last_known_rating") == [
        f'whatsapp_rating{{{ID},rating="GREEN",{WABA}}} 0.0',
        f'whatsapp_rating{{{ID},rating="RED",{WABA}}} 0.0',
        f'whatsapp_rating{{{ID},rating="UNKNOWN",{WABA}}} 1.0',
        f'whatsapp_last_known_rating{{{ID},rating="RED",{WABA}}} 1.0',
    ]


@pytest.mark.parametrize(
    ("shape", "value", "lines"),
    [
        (Flag(), False, ["b{" + WABA + "} 0.0"]),
        (
            FlagMap("app_id"),
            {"1": True, "2": False},
            ['b{app_id="1",' + WABA + "} 1.0", 'b{app_id="2",' + WABA + "} 0.0"],
        ),
        (Timestamp(), START, [sample("b", (("waba_id", "1029"),), START.timestamp()).decode().strip()]),
        (Timestamp(), NEVER, []),
    ],
)
def test_whatever_becomes_unknown_can_show_what_it_was(shape: Shape[Any], value: Any, lines: list[str]) -> None:
    signal: Signal[Any] = Signal(name="a", kind=SubjectKind.WABA, shape=shape, help="A.", last_known="b")
    about = Subject.waba("1029")
    exposed = Exposition((signal,), rules=(), mode="builtin")

    state, changes = seen(State(), signal.reading(about, value))
    exposed.publish(state, changes)
    while_known = lines_of(exposed, "b")
    exposed.publish(*seen(state, signal.reading(about, None)))

    assert while_known == []
    assert lines_of(exposed, "a") == []
    assert lines_of(exposed, "b") == lines


def test_last_known_state_goes_when_the_value_is_known_again() -> None:
    exposed = exposition()
    state, changes = seen(State(), STATUS.reading(NUMBER, "CONNECTED"))
    exposed.publish(state, changes)
    state, changes = seen(state, STATUS.reading(NUMBER, None), at=LATER)
    exposed.publish(state, changes)
    while_unknown = lines_of(exposed, "whatsapp_last_known_status")

    exposed.publish(*seen(state, STATUS.reading(NUMBER, "BANNED"), at=LATER))

    assert while_unknown == [f'whatsapp_last_known_status{{{ID},status="CONNECTED",{WABA}}} 1.0']
    assert lines_of(exposed, "whatsapp_last_known_status") == []


def test_changed_family_tells_when_the_known_value_began() -> None:
    exposed = exposition()
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0))
    exposed.publish(state, changes)

    exposed.publish(*seen(state, GAUGE.reading(NUMBER, 1.0), at=LATER))

    assert lines_of(exposed, "whatsapp_gauge_changed") == [f"whatsapp_gauge_changed{{{ID},{WABA}}} 1.7953416e+09"]


def test_help_says_that_a_value_is_cached_and_which_metric_tells_its_age() -> None:
    text = exposition().text().decode()

    assert (
        "# HELP whatsapp_flag A flag. Cached from the last poll, see wamon_probe_last_success_timestamp_seconds.\n"
        "# TYPE whatsapp_flag gauge\n"
    ) in text
    assert "# HELP wamon_gauges Gauges.\n" in text
    assert '# HELP whatsapp_status A status: "quoted", back\\\\slashed,\\nin two lines. Cached' in text


def test_help_of_what_no_poll_tells_says_who_does() -> None:
    text = exposition().text().decode()

    assert "# HELP whatsapp_ratio Ratios. As of the last tick.\n" in text
    assert "# HELP whatsapp_moment_seconds A moment. As the last webhook about it told.\n" in text
    assert "# HELP whatsapp_message_opt_outs_total Recipients who asked for no more marketing messages.\n" in text


def test_families_come_in_the_order_of_the_signals_then_sums_then_counters_and_alerts() -> None:
    text = exposition().text().decode()

    assert [line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")] == [
        "whatsapp_gauge",
        "whatsapp_gauge_changed",
        "whatsapp_flag",
        "whatsapp_moment_seconds",
        "whatsapp_rating",
        "whatsapp_last_known_rating",
        "whatsapp_rating_changed_timestamp_seconds",
        "whatsapp_status",
        "whatsapp_last_known_status",
        "whatsapp_info",
        "whatsapp_flags",
        "wamon_gauges",
        "whatsapp_ratio",
        *(total.family.name for total in TOTALS),
        "whatsapp_error_code_info",
        "wamon_probe_runs_total",
        "wamon_unrecognised_values_total",
        "wamon_alert_transitions_total",
        "wamon_alerts_pending_dropped_total",
        "wamon_clock_steps_total",
        "wamon_alerts",
        "wamon_alerts_held",
        "wamon_silences",
        "wamon_alerting_mode",
        "wamon_alert_mode",
    ]


def test_alert_says_who_tells_of_it() -> None:
    shown = Exposition((), rules=(QUALITY, CANNOT_SEND), mode="builtin", modes={CANNOT_SEND.name: "prometheus"})

    assert lines_of(shown, "wamon_alert_mode") == [
        f'wamon_alert_mode{{alertname="{alertname}",mode="{mode}"}} {float(mode == in_use)}'
        for alertname, in_use in (
            ("WhatsAppCannotSend", "prometheus"),
            ("WhatsAppQualityRatingRed", "builtin"),
            ("WhatsAppQualityRatingYellow", "builtin"),
            ("WhatsAppSendLimited", "prometheus"),
        )
        for mode in ("builtin", "prometheus", "push")
    ]


def test_lines_are_sorted_by_account_then_by_labels() -> None:
    exposed = exposition()
    numbers = [Subject.phone_number(waba, number) for waba, number in (("2", "1"), ("1", "9"), ("1", "3"))]
    apart = Subject.token("main")

    exposed.publish(*seen(State(), *(GAUGE.reading(subject, 1.0) for subject in (*numbers, apart))))

    assert lines_of(exposed, "whatsapp_gauge") == [
        'whatsapp_gauge{token="main"} 1.0',
        'whatsapp_gauge{phone_number_id="3",waba_id="1"} 1.0',
        'whatsapp_gauge{phone_number_id="9",waba_id="1"} 1.0',
        'whatsapp_gauge{phone_number_id="1",waba_id="2"} 1.0',
    ]


def test_removed_subject_leaves_no_series() -> None:
    exposed = exposition()
    before = exposed.text()
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0), RATING.reading(NUMBER, "RED"), INFO.reading(NUMBER, {}))
    exposed.publish(state, changes)
    assert exposed.text() != before

    exposed.publish(*removed(state, NUMBER))

    assert exposed.text() == before


def test_half_a_surrogate_pair_does_not_stop_the_scrape() -> None:
    assert shown(STATUS.reading(NUMBER, "\ud800")) == [f'whatsapp_status{{{ID},status="?",{WABA}}} 1.0']


def test_counters_with_known_labels_are_there_from_the_start() -> None:
    lines = lines_of(exposition(), "wamon_probe_runs_total", "wamon_unrecognised_values_total")
    others = lines_of(exposition(), "wamon_alerts_pending_dropped_total", "wamon_clock_steps_total")
    transitions = lines_of(exposition(), "wamon_alert_transitions_total")

    assert len(lines) == len(PROBES) * 6 + 2
    assert 'wamon_probe_runs_total{outcome="ok",probe="account"} 0.0' in lines
    assert 'wamon_unrecognised_values_total{signal="whatsapp_rating"} 0.0' in lines
    assert others == [
        "wamon_alerts_pending_dropped_total 0.0",
        'wamon_clock_steps_total{direction="back"} 0.0',
        'wamon_clock_steps_total{direction="forward"} 0.0',
    ]
    assert 'wamon_alert_transitions_total{alertname="RatingRed",kind="open"} 0.0' in transitions


def test_counter_shows_its_stored_total() -> None:
    exposed = exposition()
    key = CounterKey.of(PROBE_RUNS, probe="account", outcome="ok")

    exposed.publish(*counted(State(), {key: 41}))

    assert 'wamon_probe_runs_total{outcome="ok",probe="account"} 41.0' in lines_of(exposed, PROBE_RUNS)


def test_every_alert_is_counted_where_it_is() -> None:
    exposed = exposition()
    alerts = [
        alert("1"),
        alert("2", is_stale=True),
        alert("3", state=AlertState.PENDING, severity=Severity.WARNING),
        alert("4", state=AlertState.INACTIVE),
        alert("5", rule="Gone", severity=Severity.INFO),
    ]

    exposed.publish(*alerted(State(), alerts))

    assert [line for line in lines_of(exposed, "wamon_alerts") if not line.endswith(" 0.0")] == [
        'wamon_alerts{alertname="Gone",severity="info",state="firing"} 1.0',
        'wamon_alerts{alertname="RatingRed",severity="critical",state="firing"} 1.0',
        'wamon_alerts{alertname="RatingRed",severity="critical",state="stale"} 1.0',
        'wamon_alerts{alertname="RatingYellow",severity="warning",state="pending"} 1.0',
    ]


def test_alert_that_moves_is_counted_once() -> None:
    exposed = exposition()
    state, changes = alerted(State(), [alert()])
    exposed.publish(state, changes)
    state, changes = alerted(state, [alert(state=AlertState.RECOVERING)])
    exposed.publish(state, changes)
    recovering = [line for line in lines_of(exposed, "wamon_alerts") if line.endswith(" 1.0")]

    exposed.publish(*alerted(state, gone=["key"]))

    assert recovering == ['wamon_alerts{alertname="RatingRed",severity="critical",state="recovering"} 1.0']
    assert not [line for line in lines_of(exposed, "wamon_alerts") if line.endswith(" 1.0")]


def test_what_holds_open_alerts_back_is_counted_and_rehearsals_are_not() -> None:
    acknowledged = Acknowledgement(by="Kim", at=START, until=START)
    held = Standing(key="key", group_id=1, muted=Mute.SILENCED, acknowledged=acknowledged, flapping_since=START)
    played = Standing(key="played", group_id=2, muted=Mute.INHIBITED)
    state, changes = alerted(State(), [alert(), replace(alert(), key="played", is_rehearsal=True)])
    desk = Desk(standings={"key": held, "played": played, "gone": replace(held, key="gone")})
    exposed = exposition()

    exposed.publish(replace(state, desk=desk), changes)

    assert lines_of(exposed, "wamon_alerts_held") == [
        'wamon_alerts_held{overlay="acknowledged"} 1.0',
        'wamon_alerts_held{overlay="flapping"} 1.0',
        'wamon_alerts_held{overlay="inhibited"} 0.0',
        'wamon_alerts_held{overlay="silenced"} 1.0',
    ]
    assert sum(line.endswith(" 1.0") for line in lines_of(exposed, "wamon_alerts")) == 1


def test_alerting_mode_in_use_is_1() -> None:
    assert lines_of(exposition(), "wamon_alerting_mode") == [
        'wamon_alerting_mode{mode="builtin"} 1.0',
        'wamon_alerting_mode{mode="prometheus"} 0.0',
        'wamon_alerting_mode{mode="push"} 0.0',
    ]


def test_first_publication_shows_what_the_store_brought() -> None:
    stored, _ = seen(State(version=-1), GAUGE.reading(NUMBER, 1.0))
    state, changes = counted(stored, {CounterKey.of(PROBE_RUNS, probe="account", outcome="ok"): 1})
    exposed = exposition()

    exposed.publish(state, changes)

    assert lines_of(exposed, "whatsapp_gauge") == [f"whatsapp_gauge{{{ID},{WABA}}} 1.0"]


def test_publication_after_a_gap_renders_everything() -> None:
    exposed = exposition()
    exposed.publish(*seen(State(), GAUGE.reading(NUMBER, 1.0)))
    missed, _ = seen(State(version=5), GAUGE.reading(NUMBER, 2.0))
    state, changes = counted(missed, {})

    exposed.publish(state, changes)

    assert lines_of(exposed, "whatsapp_gauge") == [f"whatsapp_gauge{{{ID},{WABA}}} 2.0"]


def test_text_is_joined_once_a_publication() -> None:
    exposed = exposition()
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0))
    exposed.publish(state, changes)

    first, again, packed, packed_again = exposed.text(), exposed.text(), exposed.deflated(), exposed.deflated()
    exposed.publish(*seen(state, GAUGE.reading(NUMBER, 2.0), at=LATER))

    assert again is first
    assert packed_again is packed
    assert exposed.text() != first


def test_subject_removed_and_seen_again_in_one_step_is_shown() -> None:
    exposed = exposition()
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0), FLAG.reading(NUMBER, True))
    exposed.publish(state, changes)
    without, gone = removed(state, NUMBER)
    after, back = seen(replace(without, version=state.version), GAUGE.reading(NUMBER, 1.0))

    exposed.publish(after, replace(back, removed_subjects=gone.removed_subjects))

    assert lines_of(exposed, "whatsapp_gauge", "whatsapp_flag") == [f"whatsapp_gauge{{{ID},{WABA}}} 1.0"]


# --- too many series --------------------------------------------------------------------------------------------------


def crowded(max_series: int | None) -> Exposition:
    exposed = exposition(max_series=max_series)
    everything = (
        GAUGE.reading(NUMBER, 1.0),
        FLAG.reading(NUMBER, True),
        INFO.reading(NUMBER, {"mode": "LIVE"}),
    )
    exposed.publish(*seen(State(), *everything))
    return exposed


def test_optional_families_are_left_out_above_the_limit_the_last_one_first(caplog: pytest.LogCaptureFixture) -> None:
    total = crowded(None).series

    with caplog.at_level(logging.WARNING):
        one_too_many, two_too_many = crowded(total - 1), crowded(total - 2)

    assert (one_too_many.left_out, two_too_many.left_out) == (1, 2)
    assert "# TYPE whatsapp_info gauge" not in one_too_many.text().decode()
    assert lines_of(one_too_many, "whatsapp_flag") != []
    assert "# TYPE whatsapp_flag gauge" not in two_too_many.text().decode()
    assert {record.message for record in caplog.records} == {"metric families left out: too many series"}


def test_families_that_alerts_rest_on_stay_whatever_the_limit() -> None:
    exposed = crowded(1)

    assert exposed.left_out == 2
    assert lines_of(exposed, "whatsapp_gauge") != []


def test_family_comes_back_when_there_is_room_again(caplog: pytest.LogCaptureFixture) -> None:
    limit = crowded(None).series - 1
    exposed = exposition(max_series=limit)
    state, changes = seen(State(), GAUGE.reading(NUMBER, 1.0), FLAG.reading(NUMBER, True), INFO.reading(NUMBER, {}))
    exposed.publish(state, changes)
    assert exposed.left_out == 1
    caplog.clear()

    with caplog.at_level(logging.INFO):
        exposed.publish(*seen(state, FLAG.reading(NUMBER, None), at=LATER))

    assert exposed.left_out == 0
    assert lines_of(exposed, "whatsapp_info") != []
    assert [record.message for record in caplog.records] == ["all metric families are exported again"]


# --- declarations that cannot be exported -----------------------------------------------------------------------------


def test_family_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="whatsapp_gauge is declared twice"):
        Exposition((GAUGE, GAUGE), rules=(), mode="builtin")


def test_unknown_alerting_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'loud' is none of builtin, prometheus, push"):
        Exposition((), rules=(), mode="loud")


def test_shape_without_an_export_is_named() -> None:
    class Spiral(Shape[float]):
        pass

    signal = Signal(name="whatsapp_spiral", kind=SubjectKind.WABA, shape=Spiral(), help="A spiral.")
    exposed = Exposition((signal,), rules=(), mode="builtin")

    with pytest.raises(TypeError, match="whatsapp_spiral: no way to export"):
        exposed.publish(*seen(State(), signal.reading(Subject.instance(), 1.0)))
