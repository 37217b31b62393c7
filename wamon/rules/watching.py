"""Whether wamon itself still sees: probes without an answer, a quota nearly used up, a clock that jumps."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wamon.core import watch
from wamon.core.alerting import Severity, Timing, Verdict
from wamon.core.health import Subject, SubjectKind
from wamon.core.ports import Owner, ProbeOutcome, Rule, View, clear, firing, unknown
from wamon.probes import PROBES
from wamon.probes.evidence import QUOTA_USED
from wamon.rules.words import is_above, moment, span


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotSeeParams:
    """Minutes without an answer. A probe that runs rarely gets two and a half of its intervals."""

    warning_minutes: float = 30.0
    critical_minutes: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphUnreachableParams:
    """Minutes in which no probe at all had an answer; sooner than WamonCannotSee, which it mutes."""

    warning_minutes: float = 20.0
    critical_minutes: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaParams:
    """Share of the hourly quota, 0 to 1: where the alert opens and where it closes."""

    fires_ratio: float = 0.75
    clears_ratio: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockParams:
    """How long a jump is worth knowing."""

    minutes: float = 60.0


def check_cannot_see(view: View, params: CannotSeeParams, now: datetime) -> Verdict | None:
    if view.subject.label("probe") not in {probe.name for probe in PROBES if probe.is_critical}:
        return None
    succeeded_at = view.known(watch.PROBE_LAST_SUCCESS)
    anchor = succeeded_at or view.known(watch.PROBE_WATCHED_SINCE)
    if anchor is None:
        return None
    silent = now - max(anchor, _woken_at(view) or anchor)
    patience = timedelta(seconds=2.5 * (view.known(watch.PROBE_INTERVAL) or 0.0))
    is_patient = silent <= max(timedelta(minutes=params.warning_minutes), patience)
    # Once told, only an answer ends it: an interval that the quota stretches, or a clock that jumps, is none.
    is_told = view.open_severity is not None and view.value(watch.PROBE_OUTCOME) != ProbeOutcome.OK
    if is_patient and not is_told:
        return clear(now)
    is_critical = silent > max(timedelta(minutes=params.critical_minutes), patience)
    probe = view.subject.label("probe")
    evidence = [("Last answer", moment(succeeded_at) if succeeded_at else f"never, asked since {moment(anchor)}")]
    if fault := view.value(watch.PROBE_FAULT):
        evidence.append(("Reason", fault))
    what = f"wamon cannot see: no answer to the {probe} probe for {_rounded(silent)}"
    return firing(Severity.CRITICAL if is_critical else Severity.WARNING, now, what, evidence=evidence)


def check_graph_unreachable(view: View, params: GraphUnreachableParams, now: datetime) -> Verdict | None:
    essential = {probe.name for probe in PROBES if probe.is_critical}
    probes = [each for each in view.snapshot.subjects(SubjectKind.PROBE) if each.label("probe") in essential]
    if not probes:
        return None
    outcomes = {view.value(watch.PROBE_OUTCOME, of=probe) for probe in probes}
    if outcomes != {ProbeOutcome.UNREACHABLE}:
        return clear(now)
    succeeded = [at for probe in probes if (at := view.known(watch.PROBE_LAST_SUCCESS, of=probe))]
    watched = [at for probe in probes if (at := view.known(watch.PROBE_WATCHED_SINCE, of=probe))]
    anchor = max(succeeded, default=None) or min(watched, default=now)
    silent = now - max(anchor, _woken_at(view) or anchor)
    if silent <= timedelta(minutes=params.warning_minutes) and view.open_severity is None:
        return clear(now)
    faults = sorted({fault for probe in probes if (fault := view.value(watch.PROBE_FAULT, of=probe))})
    evidence = (
        ("Last answer", moment(anchor) if succeeded else f"never, asked since {moment(anchor)}"),
        ("Probes without an answer", str(len(probes))),
        *(("Reason", fault) for fault in faults[:3]),
    )
    is_critical = silent > timedelta(minutes=params.critical_minutes)
    what = f"The Graph API is unreachable: no probe had an answer for {_rounded(silent)}"
    return firing(Severity.CRITICAL if is_critical else Severity.WARNING, now, what, evidence=evidence)


def _woken_at(view: View) -> datetime | None:
    """When the clock last jumped ahead, as after a machine's sleep: nobody could have asked in the time left out."""
    seconds = view.known(watch.CLOCK_STEP, of=Subject.instance()) or 0.0
    return view.known(watch.CLOCK_STEPPED, of=Subject.instance()) if seconds > 0 else None


def _rounded(silent: timedelta) -> str:
    """In whole minutes: the alert's text must not change with every tick."""
    return span(timedelta(minutes=silent // timedelta(minutes=1)))


def check_quota(view: View, params: QuotaParams, now: datetime) -> Verdict | None:
    fact = view.fact(QUOTA_USED)
    if fact is None:
        return None
    used = view.value(QUOTA_USED)
    if not used:
        return unknown(now)
    dimension, ratio = max(used.items(), key=lambda item: item[1])
    is_open = view.open_severity is not None
    if not is_above(ratio, fires=params.fires_ratio, clears=params.clears_ratio, is_open=is_open):
        return clear(fact.observed_at)
    evidence = [(name, f"{share:.0%} of Meta's hourly allowance") for name, share in sorted(used.items())]
    what = f"Graph API quota is {ratio:.0%} used ({dimension})"
    return firing(Severity.WARNING, fact.observed_at, what, evidence=evidence)


def check_clock(view: View, params: ClockParams, now: datetime) -> Verdict | None:
    stepped_at = view.known(watch.CLOCK_STEPPED)
    if stepped_at is None:
        return None
    if now - stepped_at > timedelta(minutes=params.minutes):
        return clear(now)
    seconds = view.known(watch.CLOCK_STEP) or 0.0
    direction = "back" if seconds < 0 else "forward"
    what = f"The clock jumped {direction} by {span(timedelta(seconds=abs(seconds)))}"
    evidence = (
        ("Seen", moment(stepped_at)),
        ("What wamon does", "timers stand still over the jump, readings are kept"),
    )
    return firing(Severity.WARNING, now, what, evidence=evidence)


CANNOT_SEE = Rule(
    name="WamonCannotSee",
    kind=SubjectKind.PROBE,
    check=check_cannot_see,
    alertnames={Severity.WARNING: "WamonCannotSee", Severity.CRITICAL: "WamonCannotSee"},
    # After a restart the last answer is old before anybody asked again.
    timing=Timing(for_=timedelta(minutes=2), min_observations=2),
    params=CannotSeeParams(),
    meaning="A probe has had no usable answer for a while: what it watches is unknown, neither well nor broken.",
    cause="Meta or the network is down, calls are throttled, or the token or the app's secret is refused.",
    owner=Owner.SRE,
    steps=(
        "Read the reason in the evidence; run `wamon doctor` where wamon runs.",
        "Unreachable: check DNS, proxy and firewall towards the Graph API, then Meta's status page.",
        "Denied: the token's own alert tells more; for the app probe check app_id and app_secret.",
        "Until it answers again, take older readings as history: they are shown as unknown.",
    ),
    on_tick=True,
)
GRAPH_UNREACHABLE = Rule(
    name="WamonGraphUnreachable",
    kind=SubjectKind.INSTANCE,
    check=check_graph_unreachable,
    alertnames={Severity.WARNING: "WamonGraphUnreachable", Severity.CRITICAL: "WamonGraphUnreachable"},
    # Until then it mutes WamonCannotSee: even a rare probe has been asked again, so that the end is no storm.
    timing=Timing(min_observations=2, keep_firing_for=timedelta(minutes=20)),
    params=GraphUnreachableParams(),
    meaning="No probe gets an answer from Meta's Graph API: every account is unknown, neither well nor broken.",
    cause="The network, DNS, a proxy or a firewall between wamon and Meta; seldom Meta itself.",
    owner=Owner.SRE,
    steps=(
        "From the machine of wamon: `curl -sI https://graph.facebook.com/` must give an answer of any status.",
        "Check DNS, proxy and firewall towards graph.facebook.com, port 443; then Meta's platform status page.",
        "Find out whether your own senders reach Meta: if they do not, customers get nothing at present.",
        "Until it answers again, take older readings as history: they are shown as unknown.",
    ),
    on_tick=True,
)
QUOTA = Rule(
    name="WamonQuotaNearlyUsed",
    kind=SubjectKind.WABA,
    check=check_quota,
    alertnames={Severity.WARNING: "WamonQuotaNearlyUsed"},
    timing=Timing(min_observations=2),
    params=QuotaParams(),
    meaning="Most of Meta's hourly allowance of management calls on this WABA is used; wamon slows down by itself.",
    cause="Everybody who uses the same app shares it: wamon's interval is short, or another program calls a lot.",
    owner=Owner.SRE,
    steps=(
        "`wamon config check` tells how many calls an hour wamon makes for this WABA.",
        "Lengthen `poll_interval`, or give wamon a Meta app of its own.",
        "Look for another program that reads templates or numbers in a loop with the same app.",
    ),
)
CLOCK = Rule(
    name="WamonClockJumped",
    kind=SubjectKind.INSTANCE,
    check=check_clock,
    alertnames={Severity.WARNING: "WamonClockJumped"},
    timing=Timing(min_observations=1),
    params=ClockParams(),
    meaning="The machine's clock jumped, or the machine slept; durations across the jump are not counted.",
    cause="A time synchronisation that was off, a suspended machine, or a wrong clock set right.",
    owner=Owner.SRE,
    steps=(
        "Check time synchronisation on the machine (`timedatectl`, `chronyc tracking`).",
        "A virtual machine that was suspended explains a jump forward.",
    ),
    on_tick=True,
)
RULES = (GRAPH_UNREACHABLE, CANNOT_SEE, QUOTA, CLOCK)
