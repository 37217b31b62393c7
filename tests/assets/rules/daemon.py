"""What the alerts about wamon itself must do."""

from collections.abc import Mapping
from typing import Final

from tests.assets.rules.courses import series
from tests.assets.ruletest import Case, Kind, Labels

DAY: Final = 86400
LONG: Final = 400
NO: Final = ()
# Each is somebody else, who is well or ill for himself.
ELSEWHERE: Final = ({"job": "other"}, {"instance": "other:9877"})


def modes(alert: str, *places: Labels) -> dict[str, str]:
    """Alerts of these daemons, too, are Prometheus's."""
    return {series("wamon_alert_mode", place, alertname=alert, mode="prometheus"): f"1x{LONG}" for place in places}


def told(severity: str, labels: Labels | None = None) -> tuple[Labels, ...]:
    return ({**(labels or {}), "severity": severity},)


# --- probes -----------------------------------------------------------------------------------------------------------

SUCCESS: Final = "wamon_probe_last_success_timestamp_seconds"
WATCHED: Final = "wamon_probe_watched_since_timestamp_seconds"
INTERVAL: Final = "wamon_probe_interval_seconds"
OUTCOME: Final = "wamon_probe_outcome"
STEPPED: Final = "wamon_clock_step_timestamp_seconds"
STEP: Final = "wamon_clock_step_seconds"
ACCOUNT: Final = {"probe": "account", "waba_id": "1029"}
TOKEN: Final = {"probe": "token", "token": "main"}
APP: Final = {"probe": "app", "app_id": "634"}
CRITICAL: Final = (ACCOUNT, TOKEN, APP)
# Each differs from one of those in one label, or is not critical.
OTHER_PROBES: Final = (
    {**ACCOUNT, "waba_id": "1030"},
    {**TOKEN, "token": "spare"},
    {**APP, "app_id": "635"},
    {"probe": "templates", "waba_id": "1029"},
    {"probe": "api_version", "waba_id": "1029"},
)


def asked(
    probe: Labels, *, success: str | None = None, watched: str = f"-{DAY}x{LONG}", interval: int = 60
) -> dict[str, str]:
    """A probe that is asked for a day, and has an answer each minute, unless told otherwise."""
    answered = {} if success == "" else {series(SUCCESS, probe): success or f"0+60x{LONG}"}
    return {**answered, series(WATCHED, probe): watched, series(INTERVAL, probe): f"{interval}x{LONG}"}


def others(*, interval: int = 60) -> dict[str, str]:
    """Probes that are well, and two that are not critical: one never had an answer, the other long ago."""
    well: dict[str, str] = {}
    for probe in OTHER_PROBES:
        success = {"templates": "", "api_version": f"-{DAY}x{LONG}"}.get(probe["probe"])
        well |= asked(probe, success=success, interval=interval)
    for place in ELSEWHERE:
        for probe in CRITICAL:
            well |= asked({**place, **probe}, interval=interval)
    return well


def waking(at: float, *, step: float = 7200.0, from_minute: int = 0, **place: str) -> dict[str, str]:
    """The clock jumped, as it does when a machine wakes."""
    absent = "_ " * from_minute
    return {series(STEPPED, place): f"{absent}{at}x{LONG}", series(STEP, place): f"{absent}{step}x{LONG}"}


def cannot_see() -> tuple[Case, ...]:
    alert = "WamonCannotSee"
    warning, critical = told("warning", ACCOUNT), told("critical", ACCOUNT)
    # The last answer was so long ago that 30 minutes, or 120, are over in 5 minutes.
    soon, very_soon = f"-1500x{LONG}", f"-6900x{LONG}"

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    several = (*CRITICAL, *OTHER_PROBES[:3])
    return (
        *(
            case(
                "fires",
                f"no answer to the {probe['probe']} probe",
                {**others(), **asked(probe, success=soon)},
                {"7m": NO, "8m": told("warning", probe), "20m": told("warning", probe)},
            )
            for probe in CRITICAL
        ),
        case(
            "fires",
            "no answer for longer",
            {**others(), **asked(ACCOUNT, success=very_soon)},
            {
                "1m": NO,
                "2m": warning,
                "7m": warning,
                # The warning is kept for five minutes; Alertmanager mutes it.
                "8m": (*critical, *warning),
                "10m": (*critical, *warning),
                "11m": critical,
                "20m": critical,
            },
        ),
        case(
            "fires",
            "each of several",
            {key: value for probe in several for key, value in asked(probe, success=soon).items()},
            {"10m": tuple(label for probe in several for label in told("warning", probe))},
        ),
        *(
            case(
                "fires",
                f"the {probe['probe']} probe was never answered: since it was first asked",
                {**others(), **asked(probe, success="", watched=soon)},
                {"7m": NO, "8m": told("warning", probe)},
            )
            for probe in CRITICAL
        ),
        case(
            "fires",
            "nothing is known of its interval",
            {series(SUCCESS, ACCOUNT): very_soon, series(WATCHED, ACCOUNT): f"-{DAY}x{LONG}"},
            {"2m": warning, "8m": (*critical, *warning)},
        ),
        case(
            "below",
            "an answer each half hour",
            {**others(), **asked(ACCOUNT, success="-1500x5 300x30 2100x30")},
            {"5m": NO, "7m": NO, "20m": NO, "37m": NO, "40m": NO},
        ),
        *(
            case(
                "boundary",
                f"a rare {probe['probe']} probe has two and a half intervals",
                {**others(interval=1), **asked(probe, success=f"-3300x{LONG}", interval=1440)},
                {"7m": NO, "8m": told("warning", probe)},
            )
            for probe in CRITICAL
        ),
        case(
            "boundary",
            "two and a half intervals may be longer than what is critical",
            {**others(interval=1), **asked(ACCOUNT, success=f"-8700x{LONG}", interval=3600)},
            {"7m": NO, "8m": critical},
        ),
        *(
            case(
                "boundary",
                f"after its machine woke the patience with the {probe['probe']} probe begins anew",
                {
                    **others(),
                    **waking(-1500),
                    **waking(0, job="other"),
                    **waking(0, instance="other:9877"),
                    **asked(probe, success=very_soon),
                },
                {"5m": NO, "7m": NO, "8m": told("warning", probe), "20m": told("warning", probe)},
            )
            for probe in CRITICAL
        ),
        case(
            "boundary",
            "only the machine that slept",
            {
                **others(),
                **waking(0, job="other", step=-60),
                **waking(0, instance="other:9877", step=-60),
                series(STEP, {"job": "third"}): f"7200x{LONG}",
                series(STEP, {"instance": "third:9877"}): f"7200x{LONG}",
                series(STEPPED, {}): f"0x{LONG}",
                **asked(ACCOUNT, success=soon),
            },
            {"7m": NO, "8m": warning},
        ),
        case(
            "boundary",
            "critical, too",
            {**others(), **waking(-6900), **asked(ACCOUNT, success=f"-9000x{LONG}")},
            {"7m": warning, "8m": (*critical, *warning), "11m": critical},
        ),
        case(
            "boundary",
            "a clock that was set back is no sleep",
            {**others(), **waking(0, step=-7200), **asked(ACCOUNT, success=soon)},
            {"7m": NO, "8m": warning},
        ),
        case(
            "boundary",
            "nor is one that stands still",
            {**others(), **waking(0, step=0), **asked(ACCOUNT, success=soon)},
            {"7m": NO, "8m": warning},
        ),
        case(
            "boundary",
            "a jump of a second",
            {**others(), **waking(0, step=1), **asked(ACCOUNT, success=soon)},
            {"8m": NO, "20m": NO},
        ),
        case(
            "resolves",
            "an answer ends it five minutes later",
            {**others(), **asked(ACCOUNT, success=f"-1500x10 660+60x{LONG}")},
            {"10m": warning, "15m": warning, "16m": NO},
        ),
        case(
            "resolves",
            "when it was critical, too",
            {**others(), **asked(ACCOUNT, success=f"-9000x10 660+60x{LONG}")},
            {"10m": critical, "15m": critical, "16m": NO},
        ),
        case(
            "unknown",
            "a restart of wamon",
            {
                **others(),
                **asked(ACCOUNT, success="-1500x10 stale _x3 -1500x40", watched=f"-{DAY}x10 stale _x3 -{DAY}x40"),
            },
            {"10m": warning, "14m": warning, "30m": warning},
        ),
    )


# --- all probes -------------------------------------------------------------------------------------------------------


def ended(probe: Labels, outcome: str, values: str = f"1x{LONG}") -> dict[str, str]:
    return {series(OUTCOME, probe, outcome=outcome): values}


def unreachable() -> tuple[Case, ...]:
    alert = "WamonGraphUnreachable"
    warning, critical = told("warning"), told("critical")

    def all_ended(outcome: str, values: str = f"1x{LONG}", **place: str) -> dict[str, str]:
        return {k: v for probe in CRITICAL for k, v in ended({**place, **probe}, outcome, values).items()}

    def silent(success: str, watched: str = f"-{DAY}x{LONG}") -> dict[str, str]:
        return {
            **asked(ACCOUNT, success=success, watched=watched),
            **asked(TOKEN, success=f"-9000x{LONG}", watched=watched),
            **asked(APP, success="", watched=watched),
            # A probe that is not critical has other ways.
            **asked(OTHER_PROBES[3]),
            **ended(OTHER_PROBES[3], "ok"),
        }

    elsewhere = {
        key: value
        for place in ELSEWHERE
        for key, value in {**all_ended("ok", **place), **asked({**place, **ACCOUNT})}.items()
    }

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    # The last answer was so long ago that 20 minutes, or 120, are over in 5 minutes.
    soon, very_soon = f"-900x{LONG}", f"-6900x{LONG}"
    return (
        case(
            "fires",
            "",
            {**elsewhere, **silent(soon), **all_ended("unreachable")},
            {"6m": NO, "7m": warning, "30m": warning},
        ),
        case(
            "fires",
            "no answer for longer",
            {
                **elsewhere,
                **silent(very_soon),
                **all_ended("unreachable"),
                **ended(OTHER_PROBES[3], "ok", "_"),
                **ended(OTHER_PROBES[3], "unreachable"),
            },
            {
                "0m": NO,
                "1m": warning,
                "6m": warning,
                # The warning is kept for twenty minutes; Alertmanager mutes it.
                "7m": (*critical, *warning),
                "25m": (*critical, *warning),
                "26m": critical,
            },
        ),
        *(
            case(
                "fires",
                f"never answered: since the first was asked, the {first['probe']} probe",
                {
                    **elsewhere,
                    **all_ended("unreachable"),
                    **{
                        key: value
                        for probe in CRITICAL
                        for key, value in asked(probe, success="", watched=f"0x{LONG}").items()
                    },
                    **asked(first, success="", watched=soon),
                    **asked(OTHER_PROBES[3], success=""),
                },
                {"6m": NO, "7m": warning},
            )
            for first in CRITICAL
        ),
        case(
            "boundary",
            "each of several",
            {
                **silent(soon),
                **all_ended("unreachable"),
                **{
                    key: value
                    for place in ELSEWHERE
                    for key, value in {
                        **all_ended("unreachable", **place),
                        **asked({**place, **ACCOUNT}, success=soon),
                        **modes(alert, place),
                    }.items()
                },
            },
            {"10m": (*warning, *(label for place in ELSEWHERE for label in told("warning", place)))},
        ),
        *(
            case(
                "below",
                f"the {probe['probe']} probe was denied, the others have no answer",
                {
                    **silent(very_soon),
                    **all_ended("unreachable"),
                    **ended(probe, "unreachable", "_"),
                    **ended(probe, "denied"),
                },
                {"10m": NO, "30m": NO},
            )
            for probe in CRITICAL
        ),
        case(
            "below",
            "somebody else has no answer",
            {
                **silent(very_soon),
                **all_ended("ok"),
                **{k: v for place in ELSEWHERE for k, v in all_ended("unreachable", **place).items()},
            },
            {"10m": NO, "30m": NO},
        ),
        case(
            "below",
            "nothing is known of how they ended",
            {**elsewhere, **silent(very_soon), **ended(OTHER_PROBES[3], "unreachable")},
            {"10m": NO, "30m": NO},
        ),
        case(
            "below",
            "another than the account probe had an answer",
            {**silent(very_soon), **all_ended("unreachable"), **asked(TOKEN), **asked(APP, success="")},
            {"10m": NO, "30m": NO},
        ),
        case(
            "below",
            "the app probe alone had an answer",
            {**silent(very_soon), **all_ended("unreachable"), **asked(APP)},
            {"10m": NO, "30m": NO},
        ),
        case(
            "boundary",
            "an answer each twenty minutes",
            {**silent("-900x5 300x20 1500x20"), **all_ended("unreachable")},
            {"6m": NO, "15m": NO, "27m": NO, "40m": NO},
        ),
        case(
            "boundary",
            "after its machine woke the patience begins anew",
            {
                **elsewhere,
                **silent(very_soon),
                **all_ended("unreachable"),
                **waking(-900),
                **waking(0, job="other"),
                **waking(0, instance="other:9877"),
            },
            {"6m": NO, "7m": warning},
        ),
        case(
            "boundary",
            "a clock that was set back is no sleep",
            {**elsewhere, **silent(soon), **all_ended("unreachable"), **waking(0, step=-60)},
            {"6m": NO, "7m": warning},
        ),
        case(
            "resolves",
            "twenty minutes after the first probe ended otherwise",
            {
                **silent(soon),
                **all_ended("unreachable"),
                **ended(ACCOUNT, "unreachable", "1x10 stale"),
                **ended(ACCOUNT, "throttled", "_x11 1x100"),
            },
            {"10m": warning, "30m": warning, "31m": NO},
        ),
        case(
            "resolves",
            "when it was critical, too",
            {
                **silent("-9000x100"),
                **asked(TOKEN, success="-9000x100"),
                **all_ended("unreachable"),
                **ended(ACCOUNT, "unreachable", "1x10 stale"),
                **ended(ACCOUNT, "ok", "_x11 1x100"),
            },
            {"10m": critical, "30m": critical, "31m": NO},
        ),
        case(
            "unknown",
            "a restart of wamon",
            {**silent(soon), **all_ended("unreachable", "1x10 stale _x15 1x100")},
            {"10m": warning, "25m": warning, "40m": warning},
        ),
    )


# --- the quota --------------------------------------------------------------------------------------------------------

QUOTA: Final = "wamon_graph_quota_used_ratio"


def quota() -> tuple[Case, ...]:
    alert = "WamonQuotaNearlyUsed"
    waba = {"waba_id": "1029"}
    warning = told("warning", waba)

    def used(values: str, dimension: str = "total_time", waba_id: str = "1029", **place: str) -> dict[str, str]:
        return {series(QUOTA, place, dimension=dimension, waba_id=waba_id): values}

    watched = {series(WATCHED, ACCOUNT): "-1000x2000", series(WATCHED, OTHER_PROBES[0]): "-1000x2000"}
    # The daemon next door is the one who watches the account.
    next_door = {series(WATCHED, {**place, **ACCOUNT}): "-1000x2000" for place in ELSEWHERE}

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series={**watched, **series}, firing=firing)

    return (
        case(
            "fires",
            "the highest of its shares",
            {**used("0.9x30"), **used("0.1x30", "call_count"), **used("0.1x30", waba_id="1030")},
            {"1m": NO, "2m": warning, "30m": warning},
        ),
        case(
            "fires",
            "each of several",
            {**used("0.9x30"), **used("0.9x30", waba_id="1030")},
            {"5m": (*warning, *told("warning", {"waba_id": "1030"}))},
        ),
        case("below", "", {**used("0.74x30"), **used("0.7x30", "call_count")}, {"2m": NO, "30m": NO}),
        case("boundary", "at it", used("0.75x30"), {"2m": NO, "30m": NO}),
        case("boundary", "above it", used("0.76x30"), {"2m": warning}),
        case("resolves", "", used("0.9x10 0.5x30"), {"10m": warning, "15m": warning, "16m": NO}),
        case(
            "unknown",
            "what Meta said last holds for a day",
            used("0.9x10 stale"),
            {"23h": warning, "24h15m": warning, "24h16m": NO},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="it ends where the account is no longer watched",
            series={
                **next_door,
                series(WATCHED, OTHER_PROBES[0]): "-1000x100",
                series(WATCHED, OTHER_PROBES[3]): "-1000x100",
                series(WATCHED, ACCOUNT): "-1000x20 stale",
                **used("0.9x100"),
            },
            firing={"20m": warning, "25m": warning, "26m": NO},
        ),
    )


# --- the clock --------------------------------------------------------------------------------------------------------


def clock() -> tuple[Case, ...]:
    alert, warning = "WamonClockJumped", told("warning")
    return (
        Case(
            alert=alert,
            kind="fires",
            series={
                series(STEPPED, {}): "_ _ _ 180x60",
                series(STEP, {}): "7200x60",
                **{series(STEPPED, place): f"-{DAY}x60" for place in ELSEWHERE},
            },
            firing={"2m": NO, "3m": warning, "50m": warning},
        ),
        Case(
            alert=alert,
            kind="below",
            name="an hour and a minute ago",
            series={series(STEPPED, {}): "-3660x60"},
            firing={"0m": NO, "30m": NO},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="it is told for an hour, and five minutes",
            series={series(STEPPED, {}): "-3000x60"},
            firing={"10m": warning, "15m": warning, "16m": NO},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="an hour ago",
            series={series(STEPPED, {}): "-3600x60"},
            firing={"0m": warning, "5m": warning, "6m": NO},
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={series(STEPPED, {}): "0x200"},
            firing={"1h": warning, "1h5m": warning, "1h6m": NO},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="a restart of wamon",
            series={series(STEPPED, {}): "0x10 stale _x4 0x60"},
            firing={"10m": warning, "14m": warning, "30m": warning},
        ),
    )


# --- signatures -------------------------------------------------------------------------------------------------------

BAD: Final = "wamon_webhook_signature_failures_total"
GOOD: Final = "wamon_ledger_commit_duration_seconds_count"


def signatures() -> tuple[Case, ...]:
    alert = "WamonWebhookBadSignatures"
    warning, critical = told("warning"), told("critical")
    # Others take good ones in.
    elsewhere = {series(GOOD, place): f"0+1x{LONG}" for place in ELSEWHERE}
    none = {series(GOOD, {}): f"7x{LONG}"}
    many = {series(GOOD, {}): f"0+1x{LONG}"}

    def case(
        kind: Kind, name: str, bad: str, firing: Mapping[str, tuple[Labels, ...]], good: Mapping[str, str] = none
    ) -> Case:
        return Case(
            alert=alert, kind=kind, name=name, series={**elsewhere, **good, series(BAD, {}): bad}, firing=firing
        )

    return (
        case("fires", "none is good", f"0x20 20x{LONG}", {"21m": NO, "22m": critical}),
        case("fires", "no good one since the start", f"0x20 20x{LONG}", {"21m": NO, "22m": critical}, {}),
        case("fires", "some are good", f"0x20 90x{LONG}", {"21m": NO, "22m": warning, "35m": warning}, many),
        case("below", "", f"0x20 4x{LONG}", {"22m": NO, "35m": NO}),
        case("boundary", "five of them", f"0x20 5x{LONG}", {"21m": NO, "22m": warning}),
        case("boundary", "one short of critical", f"0x20 19x{LONG}", {"21m": NO, "22m": warning}),
        case(
            "boundary",
            "in a quarter of an hour",
            "0x20 4x12 8x40",
            {"34m": NO, "35m": warning},
        ),
        case("boundary", "in more than a quarter of an hour", "0x20 4x15 8x40", {"36m": NO, "40m": NO}),
        case(
            "boundary",
            "a good one in the same quarter of an hour",
            f"0x20 20x{LONG}",
            {"22m": warning, "24m": warning, "25m": (*critical, *warning)},
            {series(GOOD, {}): f"7x8 8x{LONG}"},
        ),
        case(
            "boundary",
            "a good one before the quarter of an hour",
            f"0x30 20x{LONG}",
            {"31m": NO, "32m": critical},
            {series(GOOD, {}): f"7x12 8x{LONG}"},
        ),
        case(
            "resolves",
            "an hour after they ended",
            f"0x20 20x{LONG}",
            {"36m": critical, "1h35m": critical, "1h36m": NO},
        ),
        case(
            "resolves",
            "a warning, too",
            f"0x20 5x{LONG}",
            {"36m": warning, "1h35m": warning, "1h36m": NO},
        ),
        case("unknown", "a restart of wamon", "0x20 20x10 stale _x5 0x60", {"30m": critical, "45m": critical}),
    )


# --- Prometheus's own -------------------------------------------------------------------------------------------------


def down() -> tuple[Case, ...]:
    alert, critical, nobody = "WamonDown", told("critical"), told("critical", {"instance": ""})
    another = {'up{job="other"}': "0x60"}
    return (
        Case(
            alert=alert,
            kind="fires",
            name="its scrapes fail",
            series={**another, "up": "0x60", 'up{instance="other:9877"}': "1x60"},
            firing={"4m": NO, "5m": critical, "50m": critical},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="nobody scrapes it",
            series={'up{job="other"}': "1x60"},
            firing={"4m": NO, "5m": nobody, "50m": nobody},
        ),
        Case(alert=alert, kind="below", series={**another, "up": "1x60"}, firing={"5m": NO, "50m": NO}),
        Case(
            alert=alert,
            kind="boundary",
            name="a restart is shorter than its patience",
            series={"up": "1x10 0x3 1x60"},
            firing={"14m": NO, "16m": NO, "20m": NO},
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={"up": "0x10 1x60"},
            firing={"10m": critical, "15m": critical, "16m": NO},
        ),
    )


def watchdog() -> tuple[Case, ...]:
    alert, info = "WamonWatchdog", told("info")
    beat = "wamon_scheduler_heartbeat_timestamp_seconds"
    elsewhere = {series("wamon_alerting_mode", place, mode="push"): "1x100" for place in ELSEWHERE}

    def case(kind: Kind, name: str, beats: str, firing: Mapping[str, tuple[Labels, ...]], mode: str) -> Case:
        return Case(alert=alert, kind=kind, name=name, series={**elsewhere, beat: beats}, firing=firing, mode=mode)

    return (
        *(case("fires", mode, "0+60x60", {"0m": info, "1h": info}, mode) for mode in ("builtin", "prometheus")),
        case("below", "in mode push wamon sends its own", "0+60x60", {"0m": NO, "1h": NO}, "push"),
        case("boundary", "the heartbeat is two minutes old", "-120+60x60", {"0m": NO, "1h": NO}, "prometheus"),
        case("boundary", "it is younger than that", "-119+60x60", {"0m": info, "1h": info}, "prometheus"),
        case(
            "resolves",
            "the scheduler stands still",
            "0+60x10 600x60",
            {"11m": info, "16m": info, "17m": NO},
            "prometheus",
        ),
        case("unknown", "a restart of wamon", "0+60x10 stale _x4 900+60x60", {"14m": info, "30m": info}, "prometheus"),
        case("unknown", "wamon is gone", "0+60x10 stale", {"15m": info, "16m": NO}, "prometheus"),
    )


def notifier() -> tuple[Case, ...]:
    alert, critical = "WamonNotifierFailing", told("critical")
    sent, items, oldest = "wamon_notifications_total", "wamon_outbox_items", "wamon_outbox_oldest_timestamp_seconds"
    well = {
        **{series(sent, {}, outcome=outcome, receiver="slack"): "0+3x200" for outcome in ("delivered", "deferred")},
        **{series(sent, {}, outcome=outcome, receiver="slack"): "5x200" for outcome in ("handed_over", "rejected")},
        **{series(items, {}, state=state): "0+3x200" for state in ("due", "sending")},
        series(items, {}, state="dead"): "4x200",
    }

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series={**well, **series}, firing=firing)

    def refused(outcome: str) -> Case:
        values = {series(sent, {}, outcome=outcome, receiver="slack"): "5x9 6x200"}
        return case("fires", outcome, values, {"11m": NO, "12m": critical, "1h14m": critical, "1h15m": NO})

    def buried(values: str) -> dict[str, str]:
        return {series(items, {}, state="dead"): values}

    return (
        refused("rejected"),
        refused("handed_over"),
        case(
            "fires",
            "a dead letter more than an hour ago",
            buried("4x69 5x200"),
            {"1h11m": NO, "1h12m": critical, "2h14m": critical, "2h15m": NO},
        ),
        case(
            "fires",
            "the oldest waits, of each of several",
            {
                series(oldest, {}): "0x60",
                series(oldest, {"instance": "other:9877"}): "0x60",
                series(oldest, {"job": "b"}): "0x60",
            },
            {
                "12m": NO,
                "13m": (
                    *critical,
                    *told("critical", {"instance": "other:9877"}),
                    *told("critical", {"job": "b"}),
                ),
            },
        ),
        case(
            "fires",
            "refused and buried, of each of several",
            {
                **buried("4x69 5x200"),
                series(items, {"instance": "other:9877"}, state="dead"): "4x69 5x200",
                series(items, {"job": "b"}, state="dead"): "4x69 5x200",
                series(sent, {"instance": "c:1"}, outcome="rejected", receiver="slack"): "5x69 6x200",
                series(sent, {"job": "c"}, outcome="rejected", receiver="slack"): "5x69 6x200",
            },
            {
                "1h20m": (
                    *critical,
                    *told("critical", {"instance": "other:9877"}),
                    *told("critical", {"job": "b"}),
                    *told("critical", {"instance": "c:1"}),
                    *told("critical", {"job": "c"}),
                ),
            },
        ),
        case("below", "old dead letters, and many that arrive", {}, {"30m": NO, "2h": NO}),
        case("below", "dead letters are forgotten", buried("4x69 3x200"), {"1h20m": NO, "2h": NO}),
        case(
            "below",
            "late for two scrapes, as after a restart",
            {series(oldest, {}): "_x19 0x1 stale"},
            {"20m": NO, "22m": NO},
        ),
        case("boundary", "ten minutes", {series(oldest, {}): "-600x0 0x10 660x50"}, {"0m": NO, "10m": NO, "21m": NO}),
        case(
            "resolves",
            "what waited was delivered",
            {series(oldest, {}): "0x20 stale"},
            {"20m": critical, "25m": critical, "26m": NO},
        ),
        case(
            "unknown",
            "a restart of wamon",
            {series(oldest, {}): "0x20 stale _x4 0x60"},
            {"20m": critical, "24m": critical, "40m": critical},
        ),
    )


def store() -> tuple[Case, ...]:
    alert, critical = "WamonStoreFailing", told("critical")
    failures, ledger = "wamon_commit_failures_total", "wamon_ledger_commit_failures_total"

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    well = {failures: "7x60", ledger: "7x60"}
    once = {"9m": NO, "10m": critical, "19m": critical, "20m": NO}
    places: tuple[Labels, ...] = ({}, *ELSEWHERE)
    return (
        case("fires", "of readings and alerts", {**well, failures: "7x9 8x60"}, once),
        case("fires", "of webhooks", {**well, ledger: "7x9 8x60"}, once),
        *(
            case(
                "fires",
                f"each of several, {name}",
                {series(name, place): "7x9 8x60" for place in places},
                {"12m": tuple(label for place in places for label in told("critical", place))},
            )
            for name in (failures, ledger)
        ),
        case("below", "failures of long ago", well, {"5m": NO, "30m": NO}),
        case("resolves", "", {**well, failures: "7+1x20 27x60"}, {"20m": critical, "29m": critical, "30m": NO}),
        case(
            "unknown",
            "a restart of wamon",
            {failures: "0+1x20 stale _x4 0+1x60"},
            {"20m": critical, "25m": critical, "40m": critical},
        ),
    )


def drift() -> tuple[Case, ...]:
    alert, info = "WamonShapeDrift", told("info")
    values, words = "wamon_unrecognised_values_total", "wamon_webhook_unrecognised_total"
    forms, fields = "wamon_webhook_quarantined_total", "wamon_graph_dropped_fields_total"
    known = {
        series(values, {}, signal="whatsapp_phone_number_status"): "3x2000",
        series(words, {}, what="field"): "2x2000",
        series(forms, {}, reason="not_json"): "1x2000",
    }
    first = {"9m": NO, "10m": info, "1h": info}

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    return (
        case("fires", "a value", {**known, series(values, {}, signal="whatsapp_template_problem"): "_x10 1x99"}, first),
        case("fires", "a word", {**known, series(words, {}, what="status"): "0x9 1x99"}, first),
        case("fires", "a webhook", {**known, series(forms, {}, reason="unexpected_shape"): "0x9 1x99"}, first),
        case("fires", "a field", {**known, series(fields, {}, field="is_pin_enabled"): "_x10 1x99"}, first),
        case(
            "boundary",
            "each of several",
            {
                **{series(fields, place, field="a"): "1x99" for place in ELSEWHERE},
                **{series(values, place, signal="a"): "0x9 1x99" for place in ({"job": "b"}, {"instance": "b:1"})},
                **{
                    series("wamon_alerting_mode", place, mode="prometheus"): "1x99"
                    for place in ({"job": "b"}, {"instance": "b:1"}, *ELSEWHERE)
                },
            },
            {
                "20m": tuple(
                    label for place in ({"job": "b"}, {"instance": "b:1"}, *ELSEWHERE) for label in told("info", place)
                )
            },
        ),
        case("below", "nothing new", {**known, series(fields, {}, field="a"): "0x99"}, {"10m": NO, "1h": NO}),
        case(
            "boundary",
            "it is told for a day, and five minutes",
            {**known, series(words, {}, what="status"): "0x9 1x2000"},
            {"10m": info, "24h14m": info, "24h15m": NO},
        ),
        case(
            "resolves",
            "a newer wamon asks no more for a field that is gone",
            {**known, series(fields, {}, field="is_pin_enabled"): "1x20 stale"},
            {"20m": info, "25m": info, "26m": NO},
        ),
        case(
            "unknown",
            "a restart of wamon",
            {**known, series(fields, {}, field="is_pin_enabled"): "1x20 stale _x4 1x60"},
            {"20m": info, "24m": info, "40m": info},
        ),
    )


CASES: Final[tuple[Case, ...]] = (
    *cannot_see(),
    *unreachable(),
    *quota(),
    *clock(),
    *signatures(),
    *down(),
    *watchdog(),
    *notifier(),
    *store(),
    *drift(),
)
WITHOUT: Final[Mapping[tuple[str, Kind], str]] = {
    ("WamonDown", "unknown"): "that nothing is known of wamon is what it tells",
    ("WamonStoreFailing", "boundary"): "one failure is enough, and none is below",
}
