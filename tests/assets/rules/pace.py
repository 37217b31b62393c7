"""What the alerts on the pace of messages and webhooks must do: late, refused, too many failing, or none coming."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from tests.assets.rules.courses import DAY, ELSEWHERE, merged, neighbours, others, series, told
from tests.assets.ruletest import Case, Kind, Labels

NO: Final = ()
HOUR: Final = 3600
WABA: Final = {"waba_id": "102"}
(OTHER,) = others(WABA)
NUMBER: Final = {"phone_number_id": "106", "waba_id": "102"}
Firing: TypeAlias = Mapping[str, tuple[Labels, ...]]


def cases_of(alert: str) -> Callable[[Kind, str, Mapping[str, str], Firing], Case]:
    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Firing) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    return case


def counter(*course: tuple[float | None, int]) -> str:
    """A counter that begins at 0 and grows by so much a minute for so many minutes; None is a series that is gone."""
    parts, value = ["0"], 0.0
    for growth, minutes in course:
        if growth is None:
            parts += ["stale", *([f"_x{minutes - 1}"] if minutes > 1 else [])]
        else:
            parts.append(f"{value + growth:.12g}+{growth:.12g}x{minutes - 1}")
            value += growth * minutes
    return " ".join(parts)


# --- how long things take ---------------------------------------------------------------------------------------------

DELIVERIES: Final = "whatsapp_message_delivery_seconds"
CODES: Final = "whatsapp_authentication_delivery_seconds"
LAGS: Final = "whatsapp_webhook_lag_seconds"
BOUNDS: Final = {"10.0": 10, "30.0": 30, "60.0": 60, "300.0": 300, "1800.0": 1800, "+Inf": 86400}
# How many a minute took at most so many seconds; None while nothing is scraped.
Many: TypeAlias = Mapping[int, float] | None
Spell: TypeAlias = tuple[Many, int]

AT_ONCE: Final[Many] = {10: 1000}
FLOOD: Final[Many] = {10: 100_000}
NOBODY: Final[Many] = {}
# One in twenty takes longer than 300 seconds, or 30: the percentile is the limit itself.
FIVE_MINUTES: Final[Many] = {300: 950, 1800: 50}
LATE: Final[Many] = {300: 949, 1800: 51}
HALF_A_MINUTE: Final[Many] = {30: 950, 60: 50}
LATE_CODES: Final[Many] = {30: 949, 60: 51}
# In ten minutes 20 and 19.
TWENTY: Final[Many] = {1800: 2}
NINETEEN: Final[Many] = {1800: 1.9}


def histogram(name: str, subject: Labels, *course: Spell) -> dict[str, str]:
    def below(many: Many, most: int) -> float | None:
        return None if many is None else sum(count for seconds, count in many.items() if seconds <= most)

    return {
        series(f"{name}_bucket", subject, le=le): counter(*((below(many, most), minutes) for many, minutes in course))
        for le, most in BOUNDS.items()
    }


def deliveries(subject: Labels, *course: Spell, codes: Many = None) -> dict[str, str]:
    """Of ordinary messages, and all the while of one-time codes; None where nobody ever sent one."""
    if codes is None:
        return histogram(DELIVERIES, subject, *course)
    coded = {seconds: codes.get(seconds, 0) for seconds in BOUNDS.values()}
    together = (
        (None if many is None else {each: many.get(each, 0) + coded[each] for each in coded}, minutes)
        for many, minutes in course
    )
    gone = ((None if many is None else codes, minutes) for many, minutes in course)
    return histogram(DELIVERIES, subject, *together) | histogram(CODES, subject, *gone)


def delivery_slow() -> tuple[Case, ...]:
    case = cases_of("WhatsAppDeliverySlow")
    yes = told("warning", WABA)
    well = merged(*(deliveries(each, (AT_ONCE, 99), codes=AT_ONCE) for each in neighbours(WABA)))
    several = (WABA, OTHER)
    return (
        case(
            "fires",
            "for a quarter of an hour; one-time codes, of which there are more, hide nothing",
            {**well, **deliveries(WABA, (LATE, 99), codes=FLOOD)},
            {"15m": NO, "16m": yes, "30m": yes},
        ),
        case(
            "fires",
            "where nobody ever sent a one-time code",
            {**well, **deliveries(WABA, (LATE, 99))},
            {"15m": NO, "16m": yes, "30m": yes},
        ),
        case(
            "fires",
            "one-time codes, while the other messages are in time",
            {**well, **deliveries(WABA, (AT_ONCE, 99), codes=LATE_CODES)},
            {"15m": NO, "16m": yes, "30m": yes},
        ),
        case(
            "fires",
            "each of several, and once what is late in both",
            merged(*(deliveries(each, (LATE, 99), codes=LATE_CODES) for each in several)),
            {"20m": told("warning", *several)},
        ),
        case(
            "below",
            "all arrive at once",
            {**well, **deliveries(WABA, (AT_ONCE, 99), codes=AT_ONCE)},
            {"16m": NO, "30m": NO},
        ),
        case(
            "below",
            "late codes are not late as ordinary messages",
            {**well, **deliveries(WABA, ({60: 1000}, 99), codes=AT_ONCE)},
            {"16m": NO, "30m": NO},
        ),
        case(
            "boundary",
            "five minutes, and half a minute, are not too long",
            {**well, **deliveries(WABA, (FIVE_MINUTES, 99), codes=HALF_A_MINUTE)},
            {"16m": NO, "30m": NO},
        ),
        *(
            each
            for name, twenty, nineteen in (
                (
                    "messages",
                    deliveries(WABA, (TWENTY, 99), codes=AT_ONCE),
                    deliveries(WABA, (NINETEEN, 99), codes=AT_ONCE),
                ),
                ("messages without any codes", deliveries(WABA, (TWENTY, 99)), deliveries(WABA, (NINETEEN, 99))),
                (
                    "codes",
                    deliveries(WABA, (AT_ONCE, 99), codes=TWENTY),
                    deliveries(WABA, (AT_ONCE, 99), codes=NINETEEN),
                ),
            )
            for each in (
                case("boundary", f"20 {name} in ten minutes", {**well, **twenty}, {"24m": NO, "25m": yes}),
                case("boundary", f"19 {name} in ten minutes", {**well, **nineteen}, {"25m": NO, "45m": NO}),
            )
        ),
        case(
            "unknown",
            "nobody sends for a while",
            {**well, **deliveries(WABA, (LATE, 20), (NOBODY, 25), (LATE, 30))},
            {"20m": yes, "45m": yes, "60m": yes, "75m": yes},
        ),
        case(
            "unknown",
            "lost scrapes",
            {**well, **deliveries(WABA, (LATE, 20), (None, 12), (LATE, 30), codes=AT_ONCE)},
            {"20m": yes, "32m": yes, "50m": yes},
        ),
        case(
            "resolves",
            "half an hour after they arrive in time",
            {**well, **deliveries(WABA, (LATE, 20), (FLOOD, 40))},
            {"20m": yes, "50m": yes, "51m": NO},
        ),
        case(
            "resolves",
            "half an hour after the last ten minutes in which anybody sent",
            {**well, **deliveries(WABA, (LATE, 20), (NOBODY, 50))},
            {"59m": yes, "60m": NO},
        ),
    )


def lag() -> tuple[Case, ...]:
    case = cases_of("WhatsAppWebhookLagHigh")
    yes = told("critical", WABA)
    well = merged(*(histogram(LAGS, each, (AT_ONCE, 99)) for each in neighbours(WABA)))
    several = (WABA, OTHER)
    return (
        case(
            "fires",
            "for ten minutes",
            {**well, **histogram(LAGS, WABA, (LATE, 99))},
            {"10m": NO, "11m": yes, "30m": yes},
        ),
        case(
            "fires",
            "each of several",
            merged(*(histogram(LAGS, each, (LATE, 99)) for each in several)),
            {"20m": told("critical", *several)},
        ),
        case("below", "at once", {**well, **histogram(LAGS, WABA, (AT_ONCE, 99))}, {"11m": NO, "30m": NO}),
        case("boundary", "five minutes", {**well, **histogram(LAGS, WABA, (FIVE_MINUTES, 99))}, {"11m": NO, "30m": NO}),
        case("boundary", "20 in ten minutes", {**well, **histogram(LAGS, WABA, (TWENTY, 99))}, {"19m": NO, "20m": yes}),
        case(
            "boundary", "19 in ten minutes", {**well, **histogram(LAGS, WABA, (NINETEEN, 99))}, {"20m": NO, "40m": NO}
        ),
        case(
            "unknown",
            "no webhook comes for a while",
            {**well, **histogram(LAGS, WABA, (LATE, 20), (NOBODY, 25), (LATE, 30))},
            {"20m": yes, "45m": yes, "60m": yes, "75m": yes},
        ),
        case(
            "unknown",
            "lost scrapes",
            {**well, **histogram(LAGS, WABA, (LATE, 20), (None, 12), (LATE, 30))},
            {"20m": yes, "32m": yes, "50m": yes},
        ),
        case(
            "resolves",
            "half an hour after they come in time",
            {**well, **histogram(LAGS, WABA, (LATE, 20), (FLOOD, 40))},
            {"20m": yes, "50m": yes, "51m": NO},
        ),
        case(
            "resolves",
            "half an hour after the last ten minutes in which any came",
            {**well, **histogram(LAGS, WABA, (LATE, 20), (NOBODY, 50))},
            {"59m": yes, "60m": NO},
        ),
    )


# --- the error budget -------------------------------------------------------------------------------------------------


def messages(
    subject: Labels, *course: tuple[float | None, float, float, int], is_bounced: bool = True
) -> dict[str, str]:
    """Messages a minute, of them faults, and besides bounces, for so many minutes; by two numbers of the account."""

    def growth(of: Callable[[float, float, float], float]) -> str:
        return counter(
            *((None if each is None else of(each, faults, bounces), n) for each, faults, bounces, n in course)
        )

    one, two = ({**subject, "phone_number_id": each} for each in ("1", "2"))
    statuses, failures = "whatsapp_message_statuses_total", "whatsapp_message_failures_total"
    counted = {
        series(statuses, one, status="sent"): growth(lambda each, faults, bounces: each - faults - bounces),
        series(statuses, two, status="failed"): growth(lambda each, faults, bounces: faults + bounces),
        series(statuses, one, status="delivered"): growth(lambda each, faults, bounces: (each - faults - bounces) / 2),
        series(failures, two, error_class="template"): growth(lambda each, faults, bounces: faults),
        series(failures, two, error_class="recipient"): growth(lambda each, faults, bounces: bounces),
    }
    if is_bounced:
        counted[series("whatsapp_message_bounces_total", two, kind="hard")] = growth(
            lambda each, faults, bounces: bounces
        )
    return counted


def burn() -> tuple[Case, ...]:
    case = cases_of("WhatsAppDeliveryErrorBudgetBurn")
    warning, critical = told("warning", WABA), told("critical", WABA)
    # Sums of these are without any rounding.
    many = 100 * HOUR
    well = merged(*(messages(each, (many, 0, 0, 999)) for each in neighbours(WABA)))
    ill = merged(*(messages(each, (many, many / 2, 0, 999)) for each in neighbours(WABA)))
    ill_other = told("critical", OTHER)
    return (
        *(
            each
            for name, bounced, is_bounced in (("", 0.3 * many, True), (", where nobody ever bounced", 0, False))
            for each in (
                case(
                    "fires",
                    f"14.4 times as fast, bounces left out{name}",
                    {**well, **messages(WABA, (many, 0.15 * many, bounced, 99), is_bounced=is_bounced)},
                    {"0m": NO, "1m": critical, "3m": critical, "4m": critical, "45m": critical, "75m": critical},
                ),
                case(
                    "fires",
                    f"6 times as fast{name}",
                    {**ill, **messages(WABA, (many, 0.13 * many, bounced, 99), is_bounced=is_bounced)},
                    {
                        "0m": NO,
                        "1m": (*warning, *ill_other),
                        "3m": (*warning, *ill_other),
                        "5m": (*warning, *ill_other),
                        "45m": (*warning, *ill_other),
                        "75m": (*warning, *ill_other),
                    },
                ),
            )
        ),
        case(
            "fires",
            "for hours",
            messages(WABA, (many, 0.065 * many, 0.1 * many, 999)),
            {"1m": warning, "45m": warning, "200m": warning, "400m": warning},
        ),
        case(
            "below",
            "for hours",
            messages(WABA, (many, 0.055 * many, 0.1 * many, 400), (many, 0.1 * many, 0.1 * many, 15)),
            {"1m": NO, "45m": NO, "200m": NO, "400m": NO, "415m": NO},
        ),
        case(
            "below",
            "fast now, but not within the hour",
            {**well, **messages(WABA, (many, 0.13 * many, 0, 75), (many, 0.2 * many, 0, 3))},
            {"45m": warning, "75m": warning, "78m": warning},
        ),
        case("below", "few messages, and none fails", messages(WABA, (10, 0, 0, 99)), {"30m": NO, "60m": NO}),
        case(
            "below",
            "for minutes only, until now",
            {**well, **messages(WABA, (many, 0, 0, 30), (many, many / 2, 0, 3))},
            {"30m": NO, "33m": NO},
        ),
        case(
            "boundary",
            "exactly 14.4 times as fast within the hour, and faster now",
            {**well, **messages(WABA, (many, 0.135 * many, 0, 20), (many, 0.204 * many, 0, 20))},
            {"25m": warning, "26m": (*critical, *warning), "30m": (*critical, *warning), "31m": critical},
        ),
        case(
            "boundary",
            "exactly 14.4 times as fast now, and faster within the hour",
            {**ill, **messages(WABA, (many, 0.3 * many, 0, 10), (many, 0.144 * many, 0, 40))},
            {"10m": (*critical, *ill_other), "25m": (*warning, *ill_other), "40m": (*warning, *ill_other)},
        ),
        case(
            "boundary",
            "exactly 6 times as fast within hours, and faster now",
            {**well, **messages(WABA, (many, 0.057 * many, 0, 55), (many, 0.115 * many, 0, 9))},
            {"60m": NO, "61m": warning},
        ),
        case(
            "boundary",
            "exactly 6 times as fast now, and faster within hours",
            {**ill, **messages(WABA, (many, 0.1 * many, 0, 10), (many, 0.06 * many, 0, 60))},
            {"10m": (*warning, *ill_other), "60m": ill_other, "65m": ill_other},
        ),
        case(
            "boundary",
            "200 messages, and all fail; when none is sent any more it is no longer fast",
            {**well, **messages(WABA, *burst(10, 125, 125), *burst(2, 75, 75), *burst(99))},
            {
                "15m": NO,
                "16m": critical,
                "17m": (*critical, *warning),
                "21m": (*critical, *warning),
                "22m": warning,
                "30m": warning,
            },
        ),
        case(
            "boundary",
            "200 messages, and some fail",
            {**well, **messages(WABA, *burst(10, 125, 12), *burst(2, 75, 7), *burst(99))},
            {"15m": NO, "16m": warning},
        ),
        case(
            "boundary",
            "199 messages, and all fail",
            {**ill, **messages(WABA, *burst(10, 124, 124), *burst(2, 75, 75), *burst(99))},
            {"16m": ill_other, "30m": ill_other},
        ),
        *(
            case(
                "boundary",
                f"all of 220 messages fail, half of them {minutes} minutes after the others",
                messages(WABA, *burst(5, 110, 110), *burst(minutes, 110, 110), *burst(99)),
                {f"{minutes}m": NO, f"{minutes + 9}m": firing},
            )
            for minutes, firing in ((40, critical), (70, warning), (200, warning), (400, NO))
        ),
        case(
            "boundary",
            "few messages are enough for now",
            {**well, **messages(WABA, *burst(5, 220, 44), *burst(75, 10, 3), *burst(99))},
            {"75m": NO, "81m": warning},
        ),
        case(
            "boundary",
            "failures of no message are no ratio now",
            {
                **well,
                **messages(WABA, *burst(5, 220, 44), *burst(99)),
                series("whatsapp_message_failures_total", NUMBER, error_class="platform"): counter(
                    (0, 79), (10, 1), (0, 99)
                ),
            },
            {"75m": NO, "81m": NO},
        ),
        case(
            "boundary",
            "nor are they for the fast one",
            {
                **well,
                **messages(WABA, (50, 25, 0, 10), (0, 0, 0, 99)),
                series("whatsapp_message_failures_total", NUMBER, error_class="platform"): counter((0, 10), (10, 99)),
            },
            {"10m": critical, "19m": (*critical, *warning), "20m": warning, "25m": warning},
        ),
        case(
            "boundary",
            "more bounces than failures make up for no fault",
            {
                **well,
                **messages(WABA, (50, 0, 0, 10), (50, 25, 0, 99)),
                series("whatsapp_message_bounces_total", NUMBER, kind="soft"): counter((50, 10), (0, 99)),
            },
            {"10m": NO, "20m": (*critical, *warning), "30m": critical},
        ),
        case(
            "unknown",
            "lost scrapes",
            {**well, **messages(WABA, (many, many / 2, 0, 10), (None, 0, 0, 4), (many, many / 2, 0, 99))},
            {"10m": critical, "14m": critical, "15m": critical, "30m": critical},
        ),
        *(
            case(
                "resolves",
                f"it was {severity}",
                {**well, **messages(WABA, (many, share * many, 0, 10), (1000 * many, 0, 0, 99))},
                {"10m": told(severity, WABA), "15m": told(severity, WABA), "16m": NO},
            )
            for severity, share in (("critical", 0.5), ("warning", 0.1))
        ),
    )


def burst(minutes: int, sent: float = 0, faults: float = 0) -> tuple[tuple[float, float, float, int], ...]:
    """So many messages in the last of so many minutes."""
    return (0, 0, 0, minutes - 1), (sent, faults, 0, 1)


# --- refused because they come too fast -------------------------------------------------------------------------------

ATTEMPTED: Final = "whatsapp_messages_attempted"
REFUSED: Final = "whatsapp_message_recent_failures"


def tried(subject: Labels, hour: str = "1000x9999", day: str = "100000x9999") -> dict[str, str]:
    return {series(ATTEMPTED, subject, window="1h"): hour, series(ATTEMPTED, subject, window="24h"): day}


def refused(subject: Labels, values: str, code: str = "130429") -> dict[str, str]:
    return {series(REFUSED, subject, code=code): values}


def throughput() -> tuple[Case, ...]:
    case = cases_of("WhatsAppThroughputLimited")
    yes = told("warning", NUMBER)
    # They try a lot, and some is refused, for other reasons too.
    well = merged(
        *(tried(each) | refused(each, "9x9999") | refused(each, "500x9999", "131048") for each in neighbours(NUMBER))
    )
    others_refused = refused(NUMBER, "500x9999", "131048")
    several = (NUMBER, *others(NUMBER))
    idle_hour = "1000x15 0x9999"
    return (
        *(
            case(
                "fires",
                f"code {code}, for ten minutes",
                {**well, **tried(NUMBER), **others_refused, **refused(NUMBER, "25x99", code)},
                {"9m": NO, "10m": yes, "30m": yes},
            )
            for code in ("130429", "131056")
        ),
        case(
            "fires",
            "each of several",
            merged(*(tried(each) | refused(each, "25x99") for each in several)),
            {"15m": told("warning", *several)},
        ),
        case("below", "none", {**well, **tried(NUMBER), **others_refused}, {"15m": NO, "60m": NO}),
        case(
            "boundary",
            "20 refusals of both kinds",
            {**well, **tried(NUMBER), **refused(NUMBER, "12x99"), **refused(NUMBER, "8x99", "131056")},
            {"9m": NO, "10m": yes},
        ),
        case(
            "boundary",
            "19 refusals",
            {
                **well,
                **tried(NUMBER),
                **others_refused,
                **refused(NUMBER, "12x99"),
                **refused(NUMBER, "7x99", "131056"),
            },
            {"15m": NO, "60m": NO},
        ),
        case(
            "boundary",
            "more than one in a hundred",
            {**well, **tried(NUMBER, "1999x99"), **refused(NUMBER, "20x99")},
            {"9m": NO, "10m": yes},
        ),
        case(
            "boundary",
            "one in a hundred",
            {**well, **tried(NUMBER, "2000x99"), **refused(NUMBER, "20x99")},
            {"15m": NO, "60m": NO},
        ),
        case(
            "boundary",
            "refused now, though nothing was first told of within the hour",
            {**well, **tried(NUMBER, "0x99"), **refused(NUMBER, "20x99")},
            {"9m": NO, "10m": yes},
        ),
        case(
            "boundary",
            "one message that is not refused ends it",
            {**well, **tried(NUMBER, "1000x15 0x20 1x99"), **refused(NUMBER, "25x15 stale")},
            {"15m": yes, "41m": yes, "42m": NO},
        ),
        case(
            "boundary",
            "one message within a day keeps it",
            {**well, **tried(NUMBER, idle_hour, "100000x15 1x99"), **refused(NUMBER, "25x15 stale")},
            {"15m": yes, "40m": yes},
        ),
        case(
            "unknown",
            "an hour in which nobody tries",
            {**well, **tried(NUMBER, idle_hour), **refused(NUMBER, "25x15 stale")},
            {"15m": yes, "40m": yes},
        ),
        case(
            "unknown",
            "lost scrapes",
            {
                **well,
                **tried(NUMBER, "1000x15 stale _x3 1000x99", "100000x15 stale _x3 100000x99"),
                **refused(NUMBER, "25x15 stale _x3 25x99"),
            },
            {"15m": yes, "19m": yes, "40m": yes},
        ),
        case(
            "unknown",
            "for no longer than a day",
            {**tried(NUMBER, idle_hour), **refused(NUMBER, "25x15 stale")},
            {"15m": yes, "24h20m": yes, "24h21m": NO},
        ),
        case(
            "resolves",
            "nobody has tried for a day",
            {**well, **tried(NUMBER, "5x99", "100000x15 0x99"), **refused(NUMBER, "25x99")},
            {"15m": yes, "20m": yes, "21m": NO},
        ),
        *(
            case(
                "resolves",
                name,
                {**well, **tried(NUMBER, hour), **refused(NUMBER, values)},
                {"15m": yes, "20m": yes, "21m": NO},
            )
            for name, hour, values in (
                ("none is refused any more", "1000x99", "25x15 stale"),
                ("few are", "1000x99", "25x15 19x99"),
                ("few of all are", "1000x15 5000x99", "25x99"),
            )
        ),
    )


# --- no webhooks ------------------------------------------------------------------------------------------------------

LAST: Final = "whatsapp_webhook_last_event_timestamp_seconds"
GAP: Final = "whatsapp_webhook_longest_gap_seconds"
ACTIVE: Final = "whatsapp_webhook_active_seconds"
LISTENING: Final = "wamon_webhook_listening_since_timestamp_seconds"
WEEK: Final = 7 * DAY
NEVER: Final = f"-{WEEK}x999"


def heard(subject: Labels, last: str, *, gap: str = "0x999", active: str = f"{WEEK}x999") -> dict[str, str]:
    """An account whose last webhook came then, a week after that of another field."""
    return {
        series(LAST, subject, field="messages"): last,
        series(LAST, subject, field="account_update"): NEVER,
        series(GAP, subject): gap,
        series(ACTIVE, subject): active,
    }


def hours_before(hours: float, minute: int = 10) -> str:
    """So many hours are over in that minute."""
    return f"{minute * 60 - hours * HOUR:.0f}x999"


def silence() -> tuple[Case, ...]:
    case = cases_of("WhatsAppWebhookSilence")
    yes = told("critical", WABA)
    well = merged(
        *(heard(each, "0+60x999") for each in neighbours(WABA)),
        *({series(LISTENING, place): NEVER} for place in ELSEWHERE),
    )
    listening = {series(LISTENING, {}): NEVER}
    late: Firing = {"12m": NO, "13m": yes, "30m": yes}
    several = (WABA, OTHER)
    return (
        case("fires", "for longer than six hours", {**well, **listening, **heard(WABA, hours_before(6))}, late),
        case(
            "fires",
            "each of several",
            {**listening, **merged(*(heard(each, hours_before(6)) for each in several))},
            {"15m": told("critical", *several)},
        ),
        *(
            case(
                "boundary",
                f"the longest pause of the last week was of {gap} hours: {hours} hours",
                {**well, **listening, **heard(WABA, hours_before(hours), gap=f"{gap * HOUR}x999")},
                late,
            )
            for gap, hours in ((2, 6), (4, 8), (36, 72), (40, 72))
        ),
        case("below", "they come", {**well, **listening, **heard(WABA, "0+60x999")}, {"15m": NO, "60m": NO}),
        case(
            "below",
            "nobody listens",
            {**well, **heard(WABA, hours_before(24))},
            {"15m": NO, "60m": NO},
        ),
        case(
            "boundary",
            "wamon listens for so long, too",
            {**well, series(LISTENING, {}): hours_before(8), **heard(WABA, NEVER, gap=f"{4 * HOUR}x999")},
            late,
        ),
        case(
            "boundary",
            "webhooks in 24 hours of the week",
            {**well, **listening, **heard(WABA, hours_before(6), active=f"{24 * HOUR}x999")},
            late,
        ),
        case(
            "boundary",
            "webhooks in 23 hours of the week",
            {**well, **listening, **heard(WABA, hours_before(6), active=f"{23 * HOUR}x999")},
            {"15m": NO, "60m": NO},
        ),
        case(
            "unknown",
            "lost scrapes",
            {
                **well,
                series(LISTENING, {}): f"-{WEEK}x20 stale _x3 -{WEEK}x99",
                **heard(
                    WABA,
                    f"-{DAY}x20 stale _x3 -{DAY}x99",
                    gap="0x20 stale _x3 0x99",
                    active=f"{WEEK}x20 stale _x3 {WEEK}x99",
                ),
            },
            {"20m": yes, "24m": yes, "25m": yes, "40m": yes},
        ),
        *(
            case("resolves", name, {**well, **now}, {"20m": yes, "25m": yes, "26m": NO, "60m": NO})
            for name, now in (
                ("a webhook comes", listening | heard(WABA, f"-{DAY}x20 1260x99")),
                ("wamon starts again", {series(LISTENING, {}): f"-{WEEK}x20 1260x99"} | heard(WABA, f"-{DAY}x99")),
                (
                    "a week of silence is no habit",
                    listening | heard(WABA, f"-{DAY}x99", active=f"{24 * HOUR}x20 {23 * HOUR}x99"),
                ),
            )
        ),
    )


CASES: tuple[Case, ...] = (*delivery_slow(), *lag(), *burn(), *throughput(), *silence())
WITHOUT: dict[tuple[str, Kind], str] = {}
