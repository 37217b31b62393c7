"""wamon itself: does it see, does it speak, does it keep what it is told, and what does it use."""

from typing import Final

from dashboards import looks, queries
from dashboards.board import Board, Choice, Section
from dashboards.panels import (
    HALF,
    MIDDLE,
    THIRD,
    WEBHOOKS_LINK,
    WHOLE,
    About,
    Column,
    Mapping,
    PanelBuilder,
    Query,
    Source,
    figures,
    lines,
    rows,
)
from dashboards.queries import BY_WABA, TARGET, WABA
from dashboards.sections import access, telling

MOST_LINES: Final = 10
MOST_ROWS: Final = 25
NOT_SCRAPED: Final = "wamon is not scraped."


def board() -> Board:
    return Board(
        uid="wamon-daemon",
        title="wamon: the daemon itself",
        description="Whether wamon sees, speaks and keeps what it is told: probes, Graph quota, outbox, store, "
        "scheduler.",
        choice=Choice.WABAS,
        sections=(
            Section(title="Now", panels=_now()),
            Section(title="Seeing", panels=(_probes(), _outcomes(), _durations(), _graph(), _quota(), _words())),
            telling.alerts(),
            telling.telling(),
            Section(title="Keeping", panels=(_store(), _failures(), _scheduler(), _process())),
        ),
    )


def _now() -> tuple[PanelBuilder, ...]:
    return (
        figures(
            About(
                title="Scraped",
                shows="Whether Prometheus could read each wamon's metrics at its last try.",
                source=Source.DAEMON,
                act="DOWN: see whether the process runs, and whether Prometheus reaches its private listener.",
                missing="Prometheus has no target of that job and instance.",
                runbooks=("WamonDown", "WamonWatchdog"),
            ),
            # Of those targets only that are wamons: with all jobs chosen there are others.
            Query(expr=f"min(up{{{TARGET}}} and on (job, instance) last_over_time(wamon_build_info{{{TARGET}}}[1d]))"),
            unit="none",
            mapping=looks.yes_no("UP", "DOWN"),
            is_filled=True,
        ),
        figures(
            About(
                title="Version and who tells of alerts",
                shows="The version that runs, and whether wamon itself (builtin), Prometheus's rules (prometheus) "
                "or an Alertmanager that wamon pushes to (push) tells people of alerts.",
                source=Source.DAEMON,
                act="more than one version or mode: look which instance is the odd one.",
                missing=NOT_SCRAPED,
            ),
            Query(expr=f"count by (version) (wamon_build_info{{{TARGET}}})", legend="version {{version}}"),
            Query(expr=f"count by (mode) (wamon_alerting_mode{{{TARGET}}} == 1)", legend="alerts by {{mode}}"),
            unit="none",
            is_named=True,
        ),
        figures(
            About(
                title="Running and configured for",
                shows="How long ago the process started and the configuration was last accepted.",
                source=Source.DAEMON,
                act="a start that nobody made: read the log from before it.",
                missing=NOT_SCRAPED,
            ),
            Query(expr=queries.since("process_start_time_seconds"), legend="started"),
            Query(expr=queries.since("wamon_config_last_reload_success_timestamp_seconds"), legend="configured"),
            unit=looks.AGE,
            is_named=True,
        ),
        figures(
            About(
                title="Configuration",
                shows="Whether the configuration was accepted when it was last read.",
                source=Source.DAEMON,
                act="`wamon config check` names the fault; until then the former configuration is in force.",
                missing=NOT_SCRAPED,
            ),
            Query(expr=f"min(wamon_config_last_reload_successful{{{TARGET}}})"),
            unit="none",
            mapping=looks.yes_no("accepted", "REFUSED"),
            is_filled=True,
        ),
        figures(
            About(
                title="Probes that cannot see",
                shows="Targets whose readings are too old to be known.",
                source=Source.DAEMON,
                act="the table below names them; run `wamon doctor`.",
                missing=NOT_SCRAPED,
                runbooks=("WamonCannotSee", "WamonGraphUnreachable"),
            ),
            Query(expr=f"sum({queries.unseen()})"),
            unit=looks.COUNT,
            thresholds=looks.thresholds((1, looks.BAD)),
        ),
        figures(
            About(
                title="Notifications that wait",
                shows="Notifications in the outbox by state: due, being sent, and dead ones that wait for a human.",
                source=Source.DAEMON,
                act="dead ones: read why in wamon's log, mend the receiver; `wamon alerts` lists what is open.",
                missing=NOT_SCRAPED,
                runbooks=("WamonNotifierFailing",),
            ),
            Query(expr=f"sum by (state) (wamon_outbox_items{{{TARGET}}})", legend="{{state}}"),
            Query(expr=f"sum(wamon_outbox_edits{{{TARGET}}})", legend="edits due"),
            unit=looks.COUNT,
            is_named=True,
            alarming=(("dead", looks.BAD),),
        ),
        figures(
            About(
                title="Last turn of the scheduler",
                shows="How long ago the scheduler last started a job, and how late that was.",
                source=Source.DAEMON,
                act="minutes: the process hangs or the machine sleeps; restart it and read the log.",
                missing="the scheduler has not started a job yet, or wamon is not scraped.",
                runbooks=("WamonWatchdog",),
            ),
            Query(expr=queries.since("wamon_scheduler_heartbeat_timestamp_seconds"), legend="ago"),
            Query(expr=f"max(wamon_scheduler_lag_seconds{{{TARGET}}})", legend="late", unit="s"),
            unit=looks.AGE,
            thresholds=looks.thresholds((120, looks.WATCH), (600, looks.BAD)),
            is_named=True,
        ),
        figures(
            About(
                title="Jumps of the clock",
                shows="How far the machine's clock jumped when it last did, and how long ago that was.",
                source=Source.DAEMON,
                act="check the time synchronisation of the machine.",
                missing="the clock has not jumped since wamon watches.",
                runbooks=("WamonClockJumped",),
            ),
            Query(expr=f"max(wamon_clock_step_seconds{{{TARGET}}})", legend="by", unit="s"),
            Query(expr=queries.since("wamon_clock_step_timestamp_seconds"), legend="ago"),
            unit=looks.AGE,
            is_named=True,
        ),
    )


# --- seeing -----------------------------------------------------------------------------------------------------------


def _probes() -> PanelBuilder:
    by = queries.BY_PROBE
    unheard = f"max by ({by}) ({queries.unheard()})"
    chosen = f"topk({MOST_ROWS}, {unheard})"
    interval = queries.among(chosen, by, f"max by ({by}) (wamon_probe_interval_seconds{{{TARGET}}})")
    outcome = (
        f"(0 * ({chosen}) + 1) * on ({by}) group_left (outcome) "
        f"topk by ({by}) (1, wamon_probe_outcome{{{TARGET}}} == 1)"
    )
    return rows(
        About(
            title="Probes, the longest without an answer first",
            shows="How long ago each probe last had a usable answer about its target, how far apart its runs are, "
            f"and how the last one ended. Beyond three intervals the readings count as unknown. Account "
            f"{access.EVERY_ACCOUNT}: of a token or an app. At most {MOST_ROWS}.",
            source=Source.DAEMON,
            act="denied is about the token, throttled about the quota, unreachable about the network, refused and "
            "unexpected about Meta or a change of its API.",
            missing="no probe has run yet, or wamon is not scraped.",
            runbooks=("WamonCannotSee",),
        ),
        *(Query(expr=access.of_every_account(each)) for each in (chosen, interval, outcome)),
        columns=(
            Column(name="probe", title="Probe", width=110),
            Column(name="waba_id", title="Account ID", links=(WEBHOOKS_LINK,)),
            Column(name="token", title="Token"),
            Column(name="app_id", title="App ID"),
            Column(
                name="Value #A",
                title="No answer for",
                unit=looks.AGE,
                thresholds=looks.thresholds((1800, looks.UNKNOWN), (7200, looks.BAD), base=looks.CLEAR),
            ),
            Column(name="Value #B", title="Interval", unit=looks.AGE, width=90),
            Column(name="outcome", title="Last run", mapping=_outcome_words(), width=120),
        ),
        worst="No answer for",
        size=(HALF, MIDDLE),
    )


def _outcome_words() -> Mapping:
    bad = ("denied", "refused", "unexpected")
    return looks.words(
        {
            "ok": ("ok", looks.WELL),
            **{word: (word, looks.BAD) for word in bad},
            **{word: (word, looks.WATCH) for word in ("throttled", "unreachable")},
        }
    )


def _outcomes() -> PanelBuilder:
    return lines(
        About(
            title="Probe runs by outcome",
            shows="Runs of all probes a minute by how they ended.",
            source=Source.DAEMON,
            act="anything but ok for long: the table beside names the probe.",
            missing=NOT_SCRAPED,
            runbooks=("WamonCannotSee", "WamonGraphUnreachable"),
        ),
        Query(expr=f"{queries.rate('wamon_probe_runs_total', TARGET, 'outcome')} * 60", legend="{{outcome}}"),
        unit="opm",
        is_stacked=True,
    )


def _durations() -> PanelBuilder:
    return lines(
        About(
            title="How long probes and Graph requests take",
            shows="Within which time 95 in 100 runs of each probe, and 95 in 100 requests to the Graph API, were "
            "through.",
            source=Source.DAEMON,
            act="slow requests: the network or Meta; slow probes with fast requests: many pages, or retries.",
            missing="no probe has run since the process started.",
            runbooks=("WamonGraphUnreachable",),
        ),
        Query(expr=queries.quantile(0.95, "wamon_probe_duration_seconds", TARGET, "probe"), legend="probe {{probe}}"),
        Query(expr=queries.quantile(0.95, "wamon_graph_request_duration_seconds", TARGET), legend="Graph request"),
        unit="s",
        size=(THIRD, MIDDLE),
    )


def _graph() -> PanelBuilder:
    requests, retries = (
        queries.busiest_lines(MOST_LINES, f"{queries.rate(counter, TARGET, by)} * 60", counter, TARGET, by)
        for counter, by in (("wamon_graph_requests_total", "code"), ("wamon_graph_retries_total", "reason"))
    )
    return lines(
        About(
            title="Graph requests by answer",
            shows="Requests to Meta's Graph API a minute by how they ended (ok, an error code of Meta's, "
            "http_STATUS, or why there was no answer), and those made again.",
            source=Source.DAEMON,
            act="`wamon explain CODE` tells what a code means.",
            missing="no request was made since the process started.",
            runbooks=("WamonGraphUnreachable", "WamonQuotaNearlyUsed"),
        ),
        Query(expr=requests, legend="{{code}}"),
        Query(expr=retries, legend="again: {{reason}}"),
        unit="reqpm",
        size=(THIRD, MIDDLE),
    )


def _quota() -> PanelBuilder:
    return lines(
        About(
            title="Graph quota of the accounts that use most",
            shows="The share of Meta's hourly quota of calls that is used, by everybody who shares the app.",
            source=Source.POLL,
            act="lengthen poll_interval, or give wamon an app of its own.",
            missing="Meta has told no usage lately.",
            runbooks=("WamonQuotaNearlyUsed",),
        ),
        Query(
            expr=queries.waba_named(
                queries.worst_lines(MOST_LINES, f"wamon_graph_quota_used_ratio{{{WABA}}}", f"{BY_WABA}, dimension")
            ),
            legend="{{name}} ({{waba_id}}), {{dimension}}",
        ),
        unit=looks.SHARE,
        size=(THIRD, MIDDLE),
        thresholds=looks.thresholds((0.75, looks.WATCH), (0.95, looks.BAD)),
        maximum=1,
    )


def _words() -> PanelBuilder:
    told = (
        ("wamon_unrecognised_values_total", "signal", "unknown word"),
        ("wamon_graph_dropped_fields_total", "field", "field that Meta dropped"),
        ("wamon_clock_steps_total", "direction", "jump of the clock"),
        ("wamon_jobs_skipped_total", "task", "run left out"),
    )
    found = queries.either(
        *(queries.said(f"{queries.increase(metric, TARGET, label)} > 0", what, label) for metric, label, what in told),
        *(
            queries.said(f"sum(increase({metric}{{{TARGET}}}[$__range])) > 0", what)
            for metric, what in (
                ("wamon_series_dropped_total", "series left out of scrapes"),
                ("wamon_alerts_pending_dropped_total", "pending alert given up"),
                ("wamon_notification_possible_duplicates_total", "notification perhaps told twice"),
            )
        ),
    )
    return rows(
        About(
            title="Oddities in the time shown",
            shows="Words of Meta's that wamon does not know, fields that Meta dropped, jumps of the clock, runs "
            "left out, series left out because of metrics_max_series, and the like.",
            source=Source.DAEMON,
            act="unknown words and dropped fields: look for a newer wamon; series left out: raise metrics_max_series.",
            missing="nothing odd happened; or wamon is not scraped (then the figures above are missing too).",
            runbooks=("WamonClockJumped", "WamonCannotSee"),
        ),
        Query(expr=f"topk({MOST_ROWS}, sum by (about, said) ({found}))"),
        columns=(
            Column(name="about", title="What"),
            Column(name="said", title="Which"),
            Column(name="Value", title="Times", unit=looks.COUNT, width=90),
        ),
        worst="Times",
        size=(WHOLE, MIDDLE),
    )


# --- keeping ----------------------------------------------------------------------------------------------------------


def _store() -> PanelBuilder:
    return lines(
        About(
            title="Commits to the database",
            shows="Within which time half, and 99 in 100, of the commits of the state were through.",
            source=Source.DAEMON,
            act="slow commits are a slow or shared disk.",
            missing=NOT_SCRAPED,
            runbooks=("WamonStoreFailing",),
        ),
        Query(expr=queries.quantile(0.5, "wamon_database_commit_duration_seconds", TARGET), legend="half"),
        Query(expr=queries.quantile(0.99, "wamon_database_commit_duration_seconds", TARGET), legend="99 in 100"),
        unit="s",
        size=(HALF, MIDDLE),
    )


def _failures() -> PanelBuilder:
    counter = "wamon_job_failures_total"
    jobs = f"sum by (task) (increase({counter}{{{TARGET}}}[$__rate_interval]))"
    told = (
        ("wamon_commit_failures_total", "commit of the state"),
        ("wamon_ledger_commit_failures_total", "commit of webhooks"),
    )
    return lines(
        About(
            title="Failures of wamon's own",
            shows="Failed commits and jobs that ended with an error of wamon's own, between two points.",
            source=Source.DAEMON,
            act="commits: the disk is full or broken. Jobs: a fault of wamon's; report it with the log.",
            missing=NOT_SCRAPED,
            runbooks=("WamonStoreFailing",),
        ),
        *(
            Query(expr=f"sum(increase({metric}{{{TARGET}}}[$__rate_interval]))", legend=legend)
            for metric, legend in told
        ),
        Query(
            expr=queries.busiest_lines(MOST_LINES, jobs, counter, TARGET, "task"),
            legend="job {{task}}",
        ),
        unit=looks.COUNT,
        size=(HALF, MIDDLE),
    )


def _scheduler() -> PanelBuilder:
    return lines(
        About(
            title="Size of the database and memory",
            shows="The database with its write-ahead log, and the memory that the process holds.",
            source=Source.DAEMON,
            act="a database that grows for weeks: see the retention options; memory that grows for days: report it.",
            missing=NOT_SCRAPED,
        ),
        Query(expr=f"max(wamon_database_size_bytes{{{TARGET}}})", legend="database"),
        Query(expr=f"max(process_resident_memory_bytes{{{TARGET}}})", legend="memory"),
        Query(expr=f"max(process_virtual_memory_bytes{{{TARGET}}})", legend="virtual memory"),
        unit="bytes",
        size=(HALF, MIDDLE),
    )


def _process() -> PanelBuilder:
    return lines(
        About(
            title="CPU and file descriptors",
            shows="The share of a core that the process used, and the share of its file descriptors that are open.",
            source=Source.DAEMON,
            act="descriptors that climb: report it, and restart before they run out.",
            missing=NOT_SCRAPED,
        ),
        Query(expr=f"max(rate(process_cpu_seconds_total{{{TARGET}}}[$__rate_interval]))", legend="CPU"),
        Query(expr=f"max(process_open_fds{{{TARGET}}} / process_max_fds{{{TARGET}}})", legend="file descriptors"),
        unit=looks.SHARE,
        size=(HALF, MIDDLE),
    )
