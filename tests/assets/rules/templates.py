"""What the alerts about templates and Flows must do."""

from collections.abc import Mapping
from typing import Final

from tests.assets.rules.courses import series
from tests.assets.ruletest import Case, Kind, Labels

WABA: Final = "1029"
DAY: Final = 86400
ORDER: Final = {"language": "en_US", "template": "order", "waba_id": WABA}
# Another template of the same account, the same one in another language, and the same one of another account.
OTHERS: Final = (
    {**ORDER, "template": "promo"},
    {**ORDER, "language": "de"},
    {**ORDER, "waba_id": "1030"},
)
# Both have all that wamon has, but belong to somebody else.
ELSEWHERE: Final = ({"job": "other"}, {"instance": "other:9877"})

PROBLEM: Final = "whatsapp_template_problem"
QUALITY: Final = "whatsapp_template_quality_problem"
CATEGORY: Final = "whatsapp_template_category_problem"
UPDATED: Final = "whatsapp_template_last_updated_timestamp_seconds"
WATCHED: Final = "wamon_probe_watched_since_timestamp_seconds"
FIRST_LISTED: Final = "whatsapp_templates_first_listed_timestamp_seconds"


def told(labels: Labels, severity: str = "warning") -> Labels:
    return {**labels, "severity": severity}


def account(
    *, listed: str = "9x2000", watched: str = f"-{10 * DAY}x2000", waba: str = WABA, **elsewhere: str
) -> dict[str, str]:
    """An account whose templates are listed, and that is watched since then: for ten days, unless told otherwise."""
    return {
        series("whatsapp_templates", elsewhere, status="APPROVED", waba_id=waba): listed,
        series(WATCHED, elsewhere, probe="templates", waba_id=waba): watched,
        series(WATCHED, elsewhere, probe="account", waba_id=waba): f"-{20 * DAY}x2000",
        series(FIRST_LISTED, elsewhere, waba_id=waba): watched,
    }


def accounts() -> dict[str, str]:
    return {**account(), **account(waba="1030")}


# --- what was last known, of each of the three kinds of trouble -------------------------------------------------------


def lasting(
    alert: str, name: str, problem: str, *, more: Mapping[str, str], kept: int, carried: int = 10
) -> tuple[Case, ...]:
    """A trouble goes on while nobody sees the templates, and only then.

    `kept` is keep_firing_for in minutes; for `carried` minutes it outlives the daemon, where that is told.
    """
    ill = series(name, ORDER, problem=problem)
    yes, no = (told(ORDER),), ()
    # Others can see what wamon cannot.
    seeing = {
        **account(waba="1030"),
        **{key: value for other in ELSEWHERE for key, value in account(**other).items()},
    }
    blind = account(listed="9x20 stale _x119 9x200", watched="-864000x500")
    return (
        Case(
            alert=alert,
            kind="unknown",
            name="it lasts while nobody sees, and ends when it is seen to be over",
            series={**seeing, **more, **blind, ill: "1x20 stale"},
            firing={"20m": yes, "1h": yes, "2h20m": yes, f"{140 + kept}m": yes, f"{142 + kept}m": no},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="what was over before nobody saw any more does not come back",
            series={**seeing, **more, **blind, ill: "1x10 stale"},
            firing={"10m": yes, f"{10 + kept}m": yes, f"{11 + kept}m": no, "1h": no, "2h": no},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="it ends where the account is no longer watched, after the time of a restart",
            series={
                **seeing,
                **more,
                **account(listed="9x20 stale", watched="-864000x20 stale"),
                ill: "1x20 stale",
            },
            firing={f"{20 + carried + kept}m": yes, f"{21 + carried + kept}m": no},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="it outlives a restart while nobody sees",
            series={
                **seeing,
                **more,
                **account(listed="9x20 stale", watched="-864000x40 stale _x8 -864000x200"),
                ill: "1x20 stale",
            },
            firing={"40m": yes, **({"49m": yes} if carried else {}), "1h30m": yes, "2h": yes},
        ),
    )


# --- a status ---------------------------------------------------------------------------------------------------------


def status(alert: str, problem: str, *, decoy: str, carried: int = 10) -> tuple[Case, ...]:
    """A status that is told at once, and ends five minutes after it did. All of it is news."""
    news = {series(f"{PROBLEM}_changed_timestamp_seconds", each): "0x500" for each in (ORDER, *OTHERS)}
    ill, well = series(PROBLEM, ORDER, problem=problem), series(PROBLEM, ORDER, problem=decoy)
    yes, no = (told(ORDER),), ()
    return (
        Case(
            alert=alert,
            kind="fires",
            series={
                **accounts(),
                **news,
                ill: "_ _ _ 1x30",
                **{series(PROBLEM, other, problem=decoy): "1x40" for other in OTHERS},
            },
            firing={"2m": no, "3m": yes, "30m": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="each of several",
            series={
                **accounts(),
                **news,
                **{series(PROBLEM, each, problem=problem): "1x9" for each in (ORDER, *OTHERS)},
            },
            firing={"5m": tuple(told(each) for each in (ORDER, *OTHERS))},
        ),
        Case(
            alert=alert,
            kind="below",
            name="another status",
            series={**accounts(), **news, well: "1x30", series(PROBLEM, ORDER, problem="OTHER"): "1x30"},
            firing={"5m": no, "30m": no},
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={**accounts(), **news, ill: "1x10 stale"},
            firing={"10m": yes, "15m": yes, "16m": no},
        ),
        Case(
            alert=alert,
            kind="resolves",
            name="it moved on to another status",
            series={**accounts(), **news, ill: "1x10 stale", well: "_x11 1x30"},
            firing={"15m": yes, "16m": no},
        ),
        *lasting(alert, PROBLEM, problem, more=news, kept=5, carried=carried),
    )


# --- old ones are no news ---------------------------------------------------------------------------------------------

CHANGED: Final = f"{PROBLEM}_changed_timestamp_seconds"


def old_ones(alert: str, problem: str) -> tuple[Case, ...]:
    ill = {series(PROBLEM, ORDER, problem=problem): "1x100"}
    yes, no = (told(ORDER),), ()

    def case(
        kind: Kind, name: str, *, changed: float, updated: float, firing: bool, more: Mapping[str, str] | None = None
    ) -> Case:
        return Case(
            alert=alert,
            kind=kind,
            name=name,
            series={
                **(more or {}),
                **account(watched="-1000x100"),
                **ill,
                series(CHANGED, ORDER): f"{changed}x100",
                series(UPDATED, ORDER): f"{updated}x100",
            },
            firing={"10m": yes if firing else no, "1h30m": yes if firing else no},
        )

    # What would make it news, if it were its own.
    others = {
        **{series(CHANGED, each): "0x100" for each in OTHERS},
        **{series(UPDATED, each): "0x100" for each in OTHERS},
        **{series(CHANGED, {**other, **ORDER}): "0x100" for other in ELSEWHERE},
        **{series(UPDATED, {**other, **ORDER}): "0x100" for other in ELSEWHERE},
        **account(waba="1030"),
        **{key: value for other in ELSEWHERE for key, value in account(watched=f"-{99 * DAY}x100", **other).items()},
    }
    long_ago, week = -50 * DAY, -1000 - 7 * DAY
    return (
        case("below", "it was so before", changed=-1010, updated=long_ago, firing=False, more=others),
        case("boundary", "it was so in the first list", changed=-1000, updated=long_ago, firing=False),
        case("boundary", "it came a moment later", changed=-999, updated=long_ago, firing=True),
        case("boundary", "updated a week before the first list", changed=-1000, updated=week, firing=True),
        case("boundary", "updated a moment earlier", changed=-1000, updated=week - 1, firing=False),
        Case(
            alert=alert,
            kind="unknown",
            name="what it was updated at is known for a day",
            series={
                **account(listed="9x10 stale", watched="-1000x2000"),
                series(PROBLEM, ORDER, problem=problem): "1x10 stale",
                series(CHANGED, ORDER): "-1000x2000",
                series(UPDATED, ORDER): "-1010x10 stale",
            },
            firing={"23h": yes, "24h15m": yes, "24h20m": no},
        ),
    )


# --- quality ----------------------------------------------------------------------------------------------------------


def quality() -> tuple[Case, ...]:
    alert = "WhatsAppTemplateQualityLow"
    red, flagged = series(QUALITY, ORDER, problem="QUALITY_RED"), series(PROBLEM, ORDER, problem="FLAGGED")
    yes, no = (told(ORDER),), ()
    decoys = {
        **{series(QUALITY, other, problem="QUALITY_YELLOW"): "1x60" for other in OTHERS},
        **{series(PROBLEM, other, problem="PAUSED"): "1x60" for other in OTHERS},
        **{series(PROBLEM, {**other, **ORDER}, problem="PAUSED"): "1x60" for other in ELSEWHERE},
        series(PROBLEM, ORDER, problem="PENDING"): "1x60",
    }
    both = {
        **{series(QUALITY, each, problem="QUALITY_RED"): "1x60" for each in (ORDER, *OTHERS)},
        **{series(PROBLEM, each, problem="FLAGGED"): "1x60" for each in (ORDER, *OTHERS)},
    }
    return (
        Case(
            alert=alert,
            kind="fires",
            name="rated RED",
            series={**accounts(), **decoys, red: "_ _ _ 1x60"},
            firing={"2m": no, "3m": yes, "40m": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="flagged",
            series={**accounts(), **decoys, flagged: "_ _ _ 1x60"},
            firing={"2m": no, "3m": yes, "40m": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="both is one alert, each of several has its own",
            series={**accounts(), **both},
            firing={"5m": tuple(told(each) for each in (ORDER, *OTHERS))},
        ),
        Case(
            alert=alert,
            kind="below",
            series={
                **accounts(),
                series(QUALITY, ORDER, problem="QUALITY_YELLOW"): "1x60",
                series(PROBLEM, ORDER, problem="LIMIT_EXCEEDED"): "1x60",
            },
            firing={"5m": no, "40m": no},
        ),
        *(
            Case(
                alert=alert,
                kind="below",
                name=f"{word} has an alert of its own",
                series={**accounts(), **both, series(PROBLEM, ORDER, problem=word): "1x60"},
                firing={"5m": tuple(told(each) for each in OTHERS)},
            )
            for word in ("PAUSED", "DISABLED")
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={**accounts(), red: "1x10 stale"},
            firing={"10m": yes, "40m": yes, "41m": no},
        ),
        *lasting(alert, QUALITY, "QUALITY_RED", more={}, kept=30),
    )


# --- categories -------------------------------------------------------------------------------------------------------

RECATEGORISED: Final = "whatsapp_template_recategorised_timestamp_seconds"
CATEGORY_CHANGED: Final = f"{CATEGORY}_changed_timestamp_seconds"


def recategorised() -> tuple[Case, ...]:
    alert = "WhatsAppTemplateRecategorised"
    yes, no = (told(ORDER),), ()
    announced = {series(CATEGORY, ORDER, problem="CATEGORY_WILL_CHANGE"): "1x2000"}
    # They have been told of an announcement lately, but have none now.
    decoys = {series(CATEGORY_CHANGED, other): "0x2000" for other in OTHERS}
    neighbours = {series(CATEGORY, other, problem="CATEGORY_WILL_CHANGE"): "1x2000" for other in OTHERS} | {
        series(CATEGORY, {**other, **ORDER}, problem="CATEGORY_WILL_CHANGE"): "1x2000" for other in ELSEWHERE
    }
    # 24 hours are over 10 minutes from the start.
    nearly = 600 - DAY
    return (
        Case(
            alert=alert,
            kind="fires",
            name="told by webhook",
            series={**accounts(), **decoys, series(RECATEGORISED, ORDER): "_ _ _ 180x60"},
            firing={"2m": no, "3m": yes, "1h": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="announced",
            series={**accounts(), **decoys, **announced, series(CATEGORY_CHANGED, ORDER): "_ _ _ 180x60"},
            firing={"2m": no, "3m": yes, "1h": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="announced long after a change; each of several, and once where both hold",
            series={
                **accounts(),
                **announced,
                **neighbours,
                **{series(CATEGORY_CHANGED, each): "0x60" for each in (ORDER, *OTHERS)},
                series(RECATEGORISED, ORDER): f"-{9 * DAY}x60",
                series(RECATEGORISED, OTHERS[0]): "0x60",
            },
            firing={"5m": tuple(told(each) for each in (ORDER, *OTHERS))},
        ),
        Case(
            alert=alert,
            kind="below",
            name="an announcement that was taken back",
            series={**accounts(), **neighbours, series(CATEGORY_CHANGED, ORDER): "0x60"},
            firing={"5m": no, "50m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="a change is told for a day, and five minutes",
            series={**accounts(), series(RECATEGORISED, ORDER): f"{nearly}x60"},
            firing={"9m": yes, "14m": yes, "15m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="a change of a day ago is not told",
            series={**accounts(), series(RECATEGORISED, ORDER): f"-{DAY}x60"},
            firing={"0m": no, "10m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="an announcement is told for a day, and five minutes",
            series={**accounts(), **announced, series(CATEGORY_CHANGED, ORDER): f"{nearly}x60"},
            firing={"9m": yes, "14m": yes, "15m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="an announcement of a day ago is not told",
            series={**accounts(), **announced, series(CATEGORY_CHANGED, ORDER): f"-{DAY}x60"},
            firing={"0m": no, "10m": no},
        ),
        Case(
            alert=alert,
            kind="resolves",
            name="the announcement is over",
            series={
                **accounts(),
                series(CATEGORY, ORDER, problem="CATEGORY_WILL_CHANGE"): "1x10 stale",
                series(CATEGORY_CHANGED, ORDER): "0x60",
            },
            firing={"10m": yes, "15m": yes, "16m": no},
        ),
        *lasting(alert, CATEGORY, "CATEGORY_MISMATCH", more={series(CATEGORY_CHANGED, ORDER): "0x500"}, kept=5),
    )


# --- review -----------------------------------------------------------------------------------------------------------


def pending() -> tuple[Case, ...]:
    alert = "WhatsAppTemplatePendingLong"
    yes, no = (told(ORDER, "info"),), ()
    ill = {series(PROBLEM, ORDER, problem="PENDING"): "1x200"}
    # 72 hours are over at 10 minutes.
    nearly = 600 - 72 * 3600
    neighbours = (*OTHERS, *({**other, **ORDER} for other in ELSEWHERE))
    long_ago = {series(CHANGED, each): f"-{30 * DAY}x200" for each in neighbours}

    def appeared(at: float) -> dict[str, str]:
        return {series(CHANGED, ORDER): f"{at}x200", series(UPDATED, ORDER): f"-{40 * DAY}x200"}

    def listed(updated: float) -> dict[str, str]:
        """It was so when the watch began, half a day ago."""
        return {
            **account(watched=f"-{DAY // 2}x200"),
            series(CHANGED, ORDER): f"-{DAY // 2}x200",
            series(UPDATED, ORDER): f"{updated}x200",
        }

    return (
        Case(
            alert=alert,
            kind="fires",
            series={
                **accounts(),
                **long_ago,
                **appeared(nearly),
                **ill,
                # In another status, or not pending for long.
                series(PROBLEM, OTHERS[0], problem="IN_APPEAL"): "1x200",
                series(PROBLEM, OTHERS[1], problem="REJECTED"): "1x200",
            },
            firing={"5m": no, "11m": yes, "1h": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="each of several",
            series={
                **accounts(),
                **long_ago,
                **appeared(nearly),
                **{series(PROBLEM, each, problem="PENDING"): "1x200" for each in (ORDER, *OTHERS)},
            },
            firing={"5m": tuple(told(each, "info") for each in OTHERS)},
        ),
        Case(
            alert=alert,
            kind="below",
            name="others wait for longer",
            series={**accounts(), **long_ago, **appeared(nearly + 3600), **ill},
            firing={"11m": no, "1h": no, "1h11m": yes},
        ),
        Case(
            alert=alert,
            kind="boundary",
            series={**accounts(), **appeared(nearly), **ill},
            firing={"10m": no, "11m": yes},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="one that was in review when the watch began counts from its last update",
            series={**ill, **listed(nearly)},
            firing={"10m": no, "11m": yes},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="that others came lately changes nothing",
            series={
                **account(waba="1030"),
                **{key: value for other in ELSEWHERE for key, value in account(**other).items()},
                **{series(PROBLEM, each, problem="IN_APPEAL"): "1x200" for each in neighbours},
                **{series(CHANGED, each): "0x200" for each in neighbours},
                **ill,
                **listed(nearly),
            },
            firing={"10m": no, "11m": yes, "1h": yes},
        ),
        Case(
            alert=alert,
            kind="below",
            name="others are in review, and it has been in another status for long",
            series={
                **accounts(),
                **{key: value for other in ELSEWHERE for key, value in account(**other).items()},
                **{series(PROBLEM, each, problem="PENDING"): "1x200" for each in neighbours},
                **{series(CHANGED, each): "0x200" for each in neighbours},
                **appeared(-9 * DAY),
                series(PROBLEM, ORDER, problem="IN_APPEAL"): "1x200",
            },
            firing={"10m": no, "1h": no},
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={**accounts(), **appeared(-9 * DAY), series(PROBLEM, ORDER, problem="PENDING"): "1x10 stale"},
            firing={"10m": yes, "15m": yes, "16m": no},
        ),
        Case(
            alert=alert,
            kind="unknown",
            series={
                **account(listed="9x10 stale"),
                **appeared(-9 * DAY),
                series(PROBLEM, ORDER, problem="PENDING"): "1x10 stale",
            },
            firing={"1h": yes, "3h": yes},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="its last update is known for a day",
            series={
                **account(listed="9x10 stale", watched=f"-{DAY // 2}x2000"),
                series(PROBLEM, ORDER, problem="PENDING"): "1x10 stale",
                series(CHANGED, ORDER): f"-{DAY // 2}x2000",
                series(UPDATED, ORDER): f"-{9 * DAY}x10 stale",
            },
            firing={"23h": yes, "24h15m": yes, "24h20m": no},
        ),
    )


# --- Flows ------------------------------------------------------------------------------------------------------------

STATE: Final = "whatsapp_flow_alert_state"
FLOW: Final = {"event": "ENDPOINT_ERROR_RATE", "flow_id": "33", "waba_id": WABA}
FLOWS: Final = (
    FLOW,
    {**FLOW, "event": "ENDPOINT_LATENCY"},
    {**FLOW, "flow_id": "34"},
    {**FLOW, "waba_id": "1030"},
)


def flows() -> tuple[Case, ...]:
    alert, changed = "WhatsAppFlowUnhealthy", f"{STATE}_changed_timestamp_seconds"
    yes, no = (told(FLOW),), ()
    # 30 days are over at 10 minutes.
    nearly = 600 - 30 * DAY
    lately = {series(changed, each): "0x60" for each in FLOWS}
    return (
        Case(
            alert=alert,
            kind="fires",
            series={
                **lately,
                series(STATE, FLOW, state="ACTIVATED"): "_ _ _ 1x60",
                **{series(STATE, each, state="DEACTIVATED"): "1x60" for each in FLOWS[1:]},
            },
            firing={"2m": no, "3m": yes, "50m": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="each of several",
            series={**lately, **{series(STATE, each, state="ACTIVATED"): "1x60" for each in FLOWS}},
            firing={"5m": tuple(told(each) for each in FLOWS)},
        ),
        Case(
            alert=alert,
            kind="below",
            name="what is over, told lately, while others are in trouble",
            series={
                **lately,
                series(STATE, FLOW, state="DEACTIVATED"): "1x60",
                **{series(STATE, {**other, **FLOW}, state="ACTIVATED"): "1x60" for other in ELSEWHERE},
            },
            firing={"5m": no, "50m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="it counts for 30 days, and five minutes",
            series={series(changed, FLOW): f"{nearly}x60", series(STATE, FLOW, state="ACTIVATED"): "1x60"},
            firing={"9m": yes, "14m": yes, "15m": no},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name="of 30 days ago",
            series={series(changed, FLOW): f"-{30 * DAY}x60", series(STATE, FLOW, state="ACTIVATED"): "1x60"},
            firing={"0m": no, "10m": no},
        ),
        Case(
            alert=alert,
            kind="resolves",
            series={
                series(changed, FLOW): "0x10 660x60",
                series(STATE, FLOW, state="ACTIVATED"): "1x10 stale",
                series(STATE, FLOW, state="DEACTIVATED"): "_x11 1x60",
            },
            firing={"10m": yes, "15m": yes, "16m": no},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="a restart of wamon",
            series={
                series(changed, FLOW): "0x10 stale _x3 0x60",
                series(STATE, FLOW, state="ACTIVATED"): "1x10 stale _x3 1x60",
            },
            firing={"10m": yes, "13m": yes, "20m": yes},
        ),
    )


CASES: Final[tuple[Case, ...]] = (
    *status("WhatsAppTemplatePaused", "PAUSED", decoy="DISABLED"),
    *status("WhatsAppTemplateDisabled", "DISABLED", decoy="REJECTED", carried=0),
    *old_ones("WhatsAppTemplateDisabled", "DISABLED"),
    *status("WhatsAppTemplateRejected", "REJECTED", decoy="DISABLED", carried=0),
    *old_ones("WhatsAppTemplateRejected", "REJECTED"),
    *quality(),
    *recategorised(),
    *pending(),
    *flows(),
)
STATES_ONLY: Final = "it goes by a state, which has no threshold"
WITHOUT: Final[Mapping[tuple[str, Kind], str]] = {
    ("WhatsAppTemplatePaused", "boundary"): STATES_ONLY,
    ("WhatsAppTemplateQualityLow", "boundary"): STATES_ONLY,
}
