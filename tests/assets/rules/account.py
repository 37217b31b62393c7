"""What the alerts about numbers and accounts must do: ratings, statuses, the right to send, restrictions, PINs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tests.assets.rules.courses import DAY, LONG, Figure, State, merged, neighbours, others, series, told
from tests.assets.ruletest import Case, Kind, Labels
from wamon.core import vocabulary
from wamon.core.vocabulary import OTHER, Grade, Vocabulary

NO: Final = ()
HOUR: Final = 3600
NUMBER: Final = {"phone_number_id": "106", "waba_id": "1029"}
SENDER: Final = {"id": "106", "scope": "phone_number", "waba_id": "1029"}
WABA: Final = {"waba_id": "1029"}


def words_of(known: Vocabulary, *grades: Grade) -> list[str]:
    return [word for word, value in known.values.items() if value.grade in grades]


# --- states -----------------------------------------------------------------------------------------------------------


def nothing_besides(subject: Labels) -> Mapping[str, str]:
    return {}


def by_state(
    alert: str,
    severity: str,
    state: State,
    subject: Labels,
    *,
    ill: Sequence[str],
    well: Sequence[str],
    waits: int = 0,
    keeps: int = 5,
    besides: Callable[[Labels], Mapping[str, str]] = nothing_besides,
) -> tuple[Case, ...]:
    """An alert of these words of a state, after so many minutes and kept for so many; `besides` is what else is told
    of each subject."""
    name = next(iter(subject))

    def each(words: Sequence[str]) -> dict[str, Labels]:
        """A subject of its own for each of the words."""
        return {word: {**subject, name: f"is {word}"} for word in words}

    def case(kind: Kind, what: str, shown: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        about = merged(*(besides(each) for each in (subject, *others(subject))))
        return Case(alert=alert, kind=kind, name=f"{state.name}: {what}", series=merged(about, shown), firing=firing)

    def course(words: Sequence[str], *steps: tuple[str, int]) -> dict[str, str]:
        """The same course for each word: {} in it stands for the word."""
        return merged(
            *(
                merged(
                    besides(subject), state.shown(subject, *((what.format(word), minutes) for what, minutes in steps))
                )
                for word, subject in each(words).items()
            )
        )

    good, bad = well[0], ill[0]
    every, some = told(severity, *each(ill).values()), told(severity, subject)
    cases = [
        case(
            "fires",
            "each of the words",
            course(ill, (good, 3), ("{}", LONG)),
            {f"{2 + waits}m": NO, f"{3 + waits}m": every, "40m": every},
        ),
        case(
            "fires",
            "of several only those that are ill, each by itself",
            merged(
                state.shown(subject, (bad, LONG)),
                state.shown(others(subject)[0], (bad, LONG)),
                *(state.shown(other, (good, LONG)) for other in others(subject)[1:]),
            ),
            {"10m": told(severity, subject, others(subject)[0])},
        ),
        case(
            "fires",
            "each of several",
            merged(*(state.shown(each, (bad, LONG)) for each in (subject, *others(subject)))),
            {"10m": told(severity, subject, *others(subject))},
        ),
        case("below", "other words", course(well, ("{}", LONG)), {"5m": NO, "40m": NO}),
        case(
            "resolves",
            "a good word",
            state.shown(subject, (bad, 11), (good, LONG)),
            {"10m": some, f"{10 + keeps}m": some, f"{11 + keeps}m": NO},
        ),
        case(
            "resolves",
            "it is no longer watched",
            state.shown(subject, (bad, 11), ("-", LONG)),
            {"10m": some, f"{10 + keeps}m": some, f"{11 + keeps}m": NO},
        ),
    ]
    if state.last_known:
        cases += [
            case(
                "unknown",
                "it stays until a good word is seen",
                course(ill, ("{}", 11), ("?{}", 120), (good, LONG)),
                {"1h": every, "2h10m": every, f"{130 + keeps}m": every, f"{131 + keeps}m": NO},
            ),
            case(
                "unknown",
                "what was well, or never known, is not ill",
                merged(
                    course(well, ("{}", 10), ("?{}", LONG)),
                    state.shown({**subject, name: "never known"}, ("?", LONG)),
                ),
                {"12m": NO, "40m": NO},
            ),
        ]
    return tuple(cases)


QUALITY: Final = State(
    name="whatsapp_phone_number_quality_rating",
    last_known="whatsapp_phone_number_last_known_quality_rating",
    label="rating",
    words=("GREEN", "YELLOW", "RED", "UNKNOWN"),
)


def quality(alert: str, severity: str, rating: str, *, waits: int) -> tuple[Case, ...]:
    well = [word for word in ("GREEN", "YELLOW", "RED") if word != rating]
    return by_state(alert, severity, QUALITY, NUMBER, ill=[rating], well=well, waits=waits, keeps=30)


# --- the status of a number -------------------------------------------------------------------------------------------

STATUS: Final = State(
    name="whatsapp_phone_number_status", last_known="whatsapp_phone_number_last_known_status", label="status"
)
IN_WABA: Final = Figure(name="whatsapp_phone_number_in_waba", last_known="whatsapp_phone_number_last_known_in_waba")
STATUS_CHANGED: Final = "whatsapp_phone_number_status_changed_timestamp_seconds"
STATUSES: Final = vocabulary.PHONE_NUMBER_STATUS
SETTING_UP: Final = ("PENDING", "UNVERIFIED")


def down() -> tuple[Case, ...]:
    alert = "WhatsAppPhoneNumberDown"
    ill = words_of(STATUSES, Grade.DOWN)
    well = ["CONNECTED", *(word for word in STATUSES.values if word not in ill), OTHER]
    yes = told("critical", NUMBER)
    listed = merged(*(IN_WABA.shown(other, ("1", LONG)) for other in others(NUMBER)))
    return (
        *by_state(alert, "critical", STATUS, NUMBER, ill=ill, well=well, waits=2),
        Case(
            alert=alert,
            kind="fires",
            name="its WABA does not list it",
            series=merged(listed, IN_WABA.shown(NUMBER, ("1", 3), ("0", LONG))),
            firing={"4m": NO, "5m": yes, "2h": yes},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="its WABA did not list it, and cannot be seen",
            series=merged(
                listed,
                IN_WABA.shown(NUMBER, ("0", 11), ("?0", 120), ("1", LONG)),
                IN_WABA.shown({**NUMBER, "phone_number_id": "was listed"}, ("1", 11), ("?1", LONG)),
            ),
            firing={"10m": yes, "1h": yes, "2h15m": yes, "2h16m": NO},
        ),
    )


def degraded() -> tuple[Case, ...]:
    alert = "WhatsAppPhoneNumberDegraded"
    ill = [word for word in words_of(STATUSES, Grade.WATCH, Grade.GONE) if word not in SETTING_UP] + [OTHER]
    well = words_of(STATUSES, Grade.HEALTHY, Grade.DOWN)
    yes = told("warning", NUMBER)

    def changed(number: Labels, *, at: float = -10 * DAY) -> dict[str, str]:
        return {series(STATUS_CHANGED, number): f"{at}x{LONG}"}

    def of_each(course: Callable[[str], tuple[tuple[str, int], ...]], *, at: float) -> dict[str, str]:
        """Both words of a number in set-up, each on a number of its own."""
        numbers = {word: {**NUMBER, "phone_number_id": word} for word in SETTING_UP}
        return merged(
            *(changed(number, at=at) for number in numbers.values()),
            *(STATUS.shown(number, *course(word)) for word, number in numbers.items()),
        )

    both = told("warning", *({**NUMBER, "phone_number_id": word} for word in SETTING_UP))
    # What the neighbours are would be another matter.
    long_connected = merged(
        *(merged(changed(each), STATUS.shown(each, ("CONNECTED", LONG))) for each in neighbours(NUMBER))
    )
    long_unseen = merged(
        *(merged(changed(each), STATUS.shown(each, ("?CONNECTED", LONG))) for each in neighbours(NUMBER))
    )
    return (
        *by_state(alert, "warning", STATUS, NUMBER, ill=ill, well=well, waits=2, besides=changed),
        Case(
            alert=alert,
            kind="boundary",
            name="48 hours in set-up",
            series=of_each(lambda word: ((word, LONG),), at=600 - 48 * HOUR),
            firing={"11m": NO, "12m": both, "2h": both},
        ),
        Case(
            alert=alert,
            kind="below",
            name="in set-up since a while",
            series=merged(long_connected, changed(NUMBER, at=0), STATUS.shown(NUMBER, ("PENDING", LONG))),
            firing={"10m": NO, "5h": NO},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="long in set-up, and not seen any more",
            series=of_each(lambda word: ((word, 11), (f"?{word}", 120), ("CONNECTED", LONG)), at=-3 * DAY),
            firing={"10m": both, "1h": both, "2h15m": both, "2h16m": NO},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="Meta's own word UNKNOWN",
            series=merged(long_unseen, changed(NUMBER), STATUS.shown(NUMBER, ("UNKNOWN", LONG))),
            firing={"1m": NO, "2m": yes},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="a status that was never told",
            series=merged(long_connected, STATUS.shown(NUMBER, ("?", LONG))),
            firing={"10m": NO, "2h": NO},
        ),
    )


# --- the right to send ------------------------------------------------------------------------------------------------

CAN_SEND: Final = State(name="whatsapp_can_send", last_known="whatsapp_last_known_can_send", label="state")


def can_send(alert: str, severity: str, state: str) -> tuple[Case, ...]:
    well = [word for word in ("AVAILABLE", "LIMITED", "BLOCKED", OTHER) if word != state]
    return by_state(alert, severity, CAN_SEND, SENDER, ill=[state], well=well, waits=2)


# --- the account ------------------------------------------------------------------------------------------------------

RESTRICTED: Final = "WhatsAppAccountRestricted"
WABA_STATUS: Final = State(name="whatsapp_waba_status", last_known="whatsapp_waba_last_known_status", label="value")
REVIEW: Final = State(
    name="whatsapp_waba_review_status", last_known="whatsapp_waba_last_known_review_status", label="value"
)
BAN: Final = State(name="whatsapp_waba_ban_state", label="state")
BAN_DAY: Final = "whatsapp_waba_ban_timestamp_seconds"
TIE: Final = State(name="whatsapp_waba_connection", label="state")
VIOLATED: Final = "whatsapp_waba_last_violation_timestamp_seconds"
POLLED: Final = "wamon_probe_last_success_timestamp_seconds"
CRITICAL: Final = told("critical", WABA)
WARNING: Final = told("warning", WABA)


def account(number: int) -> Labels:
    return {"waba_id": f"203{number}"}


def polled(waba: Labels, at: str = f"0+60x{LONG}") -> dict[str, str]:
    """When the account was last seen: each minute, unless told otherwise. Its templates were seen much later."""
    return {series(POLLED, waba, probe="account"): at, series(POLLED, waba, probe="templates"): f"{9 * DAY}x{LONG}"}


def of_account(waba: Labels) -> Labels:
    """The account as one of those who must agree before a message goes out."""
    return {"id": waba["waba_id"], "scope": "waba", **waba}


def restricted(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
    return Case(alert=RESTRICTED, kind=kind, name=name, series=merged(*shown), firing=firing)


def seen_restricted() -> tuple[Case, ...]:
    """What polls show of the account."""
    cases = list[Case]()
    for state, other, known in (
        (WABA_STATUS, REVIEW, vocabulary.WABA_STATUS),
        (REVIEW, WABA_STATUS, vocabulary.ACCOUNT_REVIEW_STATUS),
    ):
        ill = words_of(known, Grade.DOWN)
        well = [*words_of(known, Grade.HEALTHY, Grade.WATCH), OTHER]
        good = "ACTIVE" if other is WABA_STATUS else "APPROVED"
        unseen = state.shown(WABA, (ill[0], 11), (f"?{ill[0]}", LONG))
        cases += by_state(RESTRICTED, "critical", state, WABA, ill=ill, well=well)
        cases.append(
            restricted(
                "unknown",
                f"{state.name}: Meta leaves it out, and {other.name} is well",
                {"10m": CRITICAL, "15m": CRITICAL, "16m": NO},
                unseen,
                other.shown(WABA, (good, LONG)),
            )
        )
        cases += [
            restricted(
                "unknown",
                f"{state.name}: {word} of {other.name} is no word on it, nor is what others are",
                {"10m": CRITICAL, "40m": CRITICAL},
                unseen,
                other.shown(WABA, (word, LONG)),
                *(other.shown(each, (good, LONG)) for each in neighbours(WABA)),
            )
            for word in (OTHER, "?")
        ]
    return tuple(cases)


def told_once(state: State, word: str, severity: str) -> tuple[Case, ...]:
    """Bad news by webhook, which a poll outdoes that finds the account well an hour later."""
    yes = told(severity, WABA)
    changed = f"{state.name}_changed_timestamp_seconds"

    def heard(waba: Labels, *, at: float = 0) -> dict[str, str]:
        return {**state.shown(waba, (word, LONG)), series(changed, waba): f"{at}x{LONG}"}

    later = f"{HOUR}x{LONG}"
    proofs = (
        WABA_STATUS.shown(account(0), ("ACTIVE", LONG)),
        WABA_STATUS.shown(account(1), ("?ACTIVE", LONG)),
        CAN_SEND.shown(of_account(account(2)), ("AVAILABLE", LONG)),
        CAN_SEND.shown(of_account(account(3)), ("?AVAILABLE", LONG)),
    )
    no_proofs = (
        WABA_STATUS.shown(account(0), ("PENDING", LONG)),
        WABA_STATUS.shown(account(1), ("?PENDING", LONG)),
        CAN_SEND.shown(of_account(account(2)), ("LIMITED", LONG)),
        CAN_SEND.shown(of_account(account(3)), ("?LIMITED", LONG)),
        CAN_SEND.shown({**of_account(account(4)), "scope": "business"}, ("AVAILABLE", LONG)),
        CAN_SEND.shown({**of_account(account(5)), "scope": "business"}, ("?AVAILABLE", LONG)),
    )
    # All that is told of the others holds of them alone: they are well.
    well = merged(
        *(
            merged(heard(each, at=-DAY), polled(each), WABA_STATUS.shown(each, ("ACTIVE", LONG)))
            for each in neighbours(WABA)
        )
    )

    def case(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
        return restricted(kind, f"{word}: {name}", firing, *shown)

    return (
        case(
            "fires",
            "at once",
            {"2m": NO, "3m": yes, "70m": yes},
            state.shown(WABA, ("CONNECTED", 3), (word, LONG)),
            {series(changed, WABA): f"_ _ _ 180x{LONG}"},
        ),
        case(
            "fires",
            "each of several",
            {"3m": told(severity, WABA, *others(WABA))},
            *(heard(each) for each in (WABA, *others(WABA))),
        ),
        case(
            "fires",
            "others are well",
            {"1m": yes, "70m": yes},
            well,
            heard(WABA),
            polled(WABA),
            WABA_STATUS.shown(WABA, ("PENDING", LONG)),
        ),
        case(
            "boundary",
            "it is seen to be well an hour later",
            {"59m": yes, "1h4m": yes, "1h5m": NO, "70m": NO},
            well,
            heard(WABA),
            polled(WABA),
            WABA_STATUS.shown(WABA, ("ACTIVE", LONG)),
        ),
        case(
            "boundary",
            "each proof of it",
            {"1m": NO, "70m": NO},
            *(merged(heard(account(number)), polled(account(number), later)) for number in range(4)),
            *proofs,
        ),
        case(
            "below",
            "what is no proof of it",
            {"1m": told(severity, *map(account, range(6))), "70m": told(severity, *map(account, range(6)))},
            *(merged(heard(account(number)), polled(account(number), later)) for number in range(6)),
            *no_proofs,
        ),
        case(
            "unknown",
            "it was well when it was last seen, before an hour was over",
            {"1m": yes, "70m": yes},
            heard(WABA),
            polled(WABA, f"{HOUR - 1}x{LONG}"),
            WABA_STATUS.shown(WABA, ("ACTIVE", 30), ("?ACTIVE", LONG)),
        ),
        case(
            "resolves",
            "it is taken back",
            {"10m": yes, "15m": yes, "16m": NO},
            state.shown(WABA, (word, 11), ("REINSTATE" if state is BAN else "CONNECTED", LONG)),
            {series(changed, WABA): f"0x{LONG}"},
        ),
    )


def cut_off() -> tuple[Case, ...]:
    """Such an account looks well in every poll."""
    return (
        restricted(
            "fires",
            "OFFBOARDED, however well it looks",
            {"2m": NO, "3m": CRITICAL, "70m": CRITICAL},
            polled(WABA, f"{DAY}x{LONG}"),
            WABA_STATUS.shown(WABA, ("ACTIVE", LONG)),
            TIE.shown(WABA, ("CONNECTED", 3), ("OFFBOARDED", LONG)),
            {series(f"{TIE.name}_changed_timestamp_seconds", WABA): f"0x{LONG}"},
        ),
        restricted(
            "resolves",
            "OFFBOARDED, and connected again",
            {"10m": CRITICAL, "15m": CRITICAL, "16m": NO},
            TIE.shown(WABA, ("OFFBOARDED", 11), ("CONNECTED", LONG)),
        ),
    )


def about_to_be_disabled() -> tuple[Case, ...]:
    """Until its day has passed, such an account is bound to look well."""

    def heard(waba: Labels, *, day: float | None, at: float) -> dict[str, str]:
        return {
            **BAN.shown(waba, ("SCHEDULE_FOR_DISABLE", LONG)),
            series(f"{BAN.name}_changed_timestamp_seconds", waba): f"{at}x{LONG}",
            **({series(BAN_DAY, waba): f"{day}x{LONG}"} if day is not None else {}),
            **polled(waba),
            **WABA_STATUS.shown(waba, ("ACTIVE", LONG)),
        }

    over = merged(*(heard(each, day=-5 * DAY, at=-6 * DAY) for each in neighbours(WABA)))
    return (
        restricted(
            "fires",
            "disabled some day, of which Meta names none",
            {"1m": CRITICAL, "70m": CRITICAL},
            over,
            heard(WABA, day=None, at=-5 * DAY),
        ),
        restricted(
            "boundary",
            "well an hour after the day of the ban",
            {"9m": CRITICAL, "14m": CRITICAL, "15m": NO},
            over,
            heard(WABA, day=600 - 25 * HOUR, at=-2 * DAY),
        ),
        restricted(
            "boundary",
            "well an hour after it was told, where the day had long passed",
            {"59m": CRITICAL, "1h4m": CRITICAL, "1h5m": NO},
            over,
            heard(WABA, day=-9 * DAY, at=0),
        ),
    )


def violated() -> tuple[Case, ...]:
    def at(waba: Labels, moment: float) -> dict[str, str]:
        return {series(VIOLATED, waba): f"{moment}x{LONG}"}

    return (
        restricted(
            "fires",
            "a policy was violated",
            {"2m": NO, "3m": CRITICAL, "70m": CRITICAL},
            {series(VIOLATED, WABA): f"_ _ _ 180x{LONG}"},
            *(at(each, -2 * DAY) for each in others(WABA)),
        ),
        restricted(
            "boundary",
            "a violation is told for a day, and five minutes",
            {"9m": CRITICAL, "14m": CRITICAL, "15m": NO},
            at(WABA, 600 - DAY),
        ),
        restricted("boundary", "a violation of a day ago is not told", {"0m": NO, "10m": NO}, at(WABA, -DAY)),
    )


def partner_lost() -> tuple[Case, ...]:
    """A warning, where nothing worse is told of the account."""
    removed = TIE.shown(WABA, ("PARTNER_REMOVED", LONG))
    violated = {series(VIOLATED, each): f"0x{LONG}" for each in neighbours(WABA)}
    return (
        restricted(
            "fires",
            "of the account what is worse is told",
            {"5m": CRITICAL, "70m": CRITICAL},
            removed,
            {series(VIOLATED, WABA): f"0x{LONG}"},
        ),
        restricted(
            "fires",
            "what is worse is told of others",
            {"5m": (*WARNING, *told("critical", *others(WABA)))},
            removed,
            violated,
        ),
        restricted(
            "below",
            "other words",
            {"5m": NO, "70m": NO},
            *(
                TIE.shown({"waba_id": word}, (word, LONG))
                for word in words_of(vocabulary.WABA_CONNECTION, Grade.HEALTHY)
            ),
            *(BAN.shown({"waba_id": word}, (word, LONG)) for word in ("REINSTATE", OTHER)),
        ),
    )


# --- restrictions -----------------------------------------------------------------------------------------------------

ACTIVE: Final = Figure(name="whatsapp_waba_restriction_active")
RESTRICTION: Final = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "waba_id": "1029"}
SINCE: Final = "whatsapp_waba_restriction_active_changed_timestamp_seconds"
ENDS: Final = "whatsapp_waba_restriction_expires_timestamp_seconds"


def restriction() -> tuple[Case, ...]:
    def under(each: Labels, *, since: float = 0, ends: float | None = None) -> dict[str, str]:
        return {
            **ACTIVE.shown(each, ("1", LONG)),
            series(SINCE, each): f"{since}x{LONG}",
            **({series(ENDS, each): f"{ends}x{LONG}"} if ends is not None else {}),
        }

    kinds = vocabulary.RESTRICTION_TYPE
    critical = [*words_of(kinds, Grade.DOWN), OTHER]
    warning = words_of(kinds, Grade.WATCH)
    of_kind = {kind: {**RESTRICTION, "restriction_type": kind} for kind in (*critical, *warning)}
    every = (
        *told("critical", *(of_kind[kind] for kind in critical)),
        *told("warning", *(of_kind[kind] for kind in warning)),
    )
    yes, wabas = told("critical", RESTRICTION), ("1029", "1030")
    quiet = {**RESTRICTION, "restriction_type": warning[0]}
    # They are as old, and end some day; or they are old, and count as over.
    ending = merged(*(under(each, since=-40 * DAY, ends=9 * DAY) for each in neighbours(RESTRICTION)))
    ends = told("critical", others(RESTRICTION)[1]) + told("warning", others(RESTRICTION)[0])
    over = merged(*(under(each, since=-40 * DAY) for each in neighbours(RESTRICTION)))
    return (
        restricted(
            "fires",
            "each kind of restriction, the account's own trouble beside it",
            {"2m": CRITICAL, "3m": (*every, *CRITICAL), "70m": (*every, *CRITICAL)},
            WABA_STATUS.shown(WABA, ("DISABLED", LONG)),
            *(ACTIVE.shown(each, ("-", 3), ("1", LONG)) for each in of_kind.values()),
            *({series(SINCE, each): f"_ _ _ 180x{LONG}"} for each in of_kind.values()),
        ),
        restricted(
            "fires",
            "each account by itself",
            {"1m": tuple(told("critical", *({**RESTRICTION, "waba_id": waba} for waba in wabas)))},
            *(under({**RESTRICTION, "waba_id": waba}) for waba in wabas),
        ),
        restricted(
            "below",
            "lifted",
            {"1m": NO, "70m": NO},
            *(merged(under(each), ACTIVE.shown(each, ("0", LONG))) for each in (RESTRICTION, quiet)),
        ),
        restricted(
            "boundary",
            "without an end it is over after 30 days",
            {"9m": (*yes, *ends), "14m": (*yes, *ends), "15m": ends},
            ending,
            under(RESTRICTION, since=600 - 30 * DAY),
        ),
        restricted(
            "boundary",
            "with an end it lasts until then",
            {"9m": yes, "70m": yes},
            over,
            under(RESTRICTION, since=-30 * DAY, ends=9 * DAY),
        ),
        *(
            restricted(
                "resolves",
                f"its end has come: {each['restriction_type']}",
                {"10m": told(severity, each), "15m": told(severity, each), "16m": NO},
                ACTIVE.shown(each, ("1", 11), ("-", LONG)),
                {series(SINCE, each): f"0x{LONG}"},
            )
            for each, severity in ((RESTRICTION, "critical"), (quiet, "warning"))
        ),
    )


# --- Meta's own alerts ------------------------------------------------------------------------------------------------

ALERT: Final = State(name="whatsapp_account_alert_severity", label="severity")
ALERT_CHANGED: Final = f"{ALERT.name}_changed_timestamp_seconds"
META_ALERT: Final = {"alert_type": "OBA_REJECTED", "waba_id": "1029"}


def metas_alert(severity: str) -> tuple[Case, ...]:
    alert, word = "WhatsAppAccountAlert", severity.upper()
    yes = told(severity, META_ALERT)

    def changed(each: Labels, *, at: float = -DAY) -> dict[str, str]:
        return {series(ALERT_CHANGED, each): f"{at}x{LONG}"}

    lately = merged(*(changed(each, at=0) for each in neighbours(META_ALERT)))
    well = ["NONE", "INFORMATIONAL", OTHER]
    return (
        *by_state(alert, severity, ALERT, META_ALERT, ill=[word], well=well, besides=changed),
        Case(
            alert=alert,
            kind="boundary",
            name=f"{word}: it is over after 30 days",
            series=merged(lately, changed(META_ALERT, at=600 - 30 * DAY), ALERT.shown(META_ALERT, (word, LONG))),
            firing={"9m": yes, "14m": yes, "15m": NO},
        ),
        Case(
            alert=alert,
            kind="boundary",
            name=f"{word}: of 30 days ago",
            series=merged(lately, changed(META_ALERT, at=-30 * DAY), ALERT.shown(META_ALERT, (word, LONG))),
            firing={"0m": NO, "10m": NO},
        ),
    )


# --- two-step verification --------------------------------------------------------------------------------------------


def security() -> tuple[Case, ...]:
    alert = "WhatsAppSecurityEvent"
    cases = list[Case]()
    subjects = (
        (NUMBER, "whatsapp_phone_number_last_security_event_timestamp_seconds"),
        (WABA, "whatsapp_waba_last_security_event_timestamp_seconds"),
    )

    def case(kind: Kind, name: str, series: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=series, firing=firing)

    for subject, name in subjects:
        yes = told("critical", subject)
        long_ago = {series(name, each): f"-{2 * DAY}x{LONG}" for each in others(subject)}
        cases += [
            case(
                "fires",
                f"{name}: at once, of others not",
                {**long_ago, series(name, subject): f"_ _ _ 180x{LONG}"},
                {"2m": NO, "3m": yes, "70m": yes},
            ),
            case("below", f"{name}: long ago", long_ago, {"5m": NO, "70m": NO}),
            case(
                "boundary",
                f"{name}: a day ago",
                {series(name, subject): f"-{DAY}x{LONG}"},
                {"0m": NO, "10m": NO},
            ),
            case(
                "resolves",
                f"{name}: it is told for a day, and five minutes",
                {series(name, subject): f"{600 - DAY}x{LONG}"},
                {"9m": yes, "14m": yes, "15m": NO},
            ),
        ]
    several = [(each, name) for subject, name in subjects for each in (subject, *others(subject))]
    cases.append(
        case(
            "fires",
            "each of several, the account beside its numbers",
            {series(name, each): f"0x{LONG}" for each, name in several},
            {"1m": told("critical", *(each for each, _ in several))},
        )
    )
    return tuple(cases)


# --- all of them ------------------------------------------------------------------------------------------------------

CASES: Final[tuple[Case, ...]] = (
    *quality("WhatsAppQualityRatingRed", "critical", "RED", waits=0),
    *quality("WhatsAppQualityRatingYellow", "warning", "YELLOW", waits=2),
    *down(),
    *degraded(),
    *can_send("WhatsAppCannotSend", "critical", "BLOCKED"),
    *can_send("WhatsAppSendLimited", "warning", "LIMITED"),
    *seen_restricted(),
    *told_once(TIE, "DELETED", "critical"),
    *told_once(BAN, "DISABLE", "critical"),
    *told_once(TIE, "PARTNER_REMOVED", "warning"),
    *told_once(TIE, "PARTNER_APP_UNINSTALLED", "warning"),
    *cut_off(),
    *about_to_be_disabled(),
    *violated(),
    *partner_lost(),
    *restriction(),
    *metas_alert("critical"),
    *metas_alert("warning"),
    *security(),
)
STATES_ONLY: Final = "it goes by a state, which has no threshold"
ALWAYS_KNOWN: Final = "webhooks told it: that does not become unknown"
WITHOUT: Final[Mapping[tuple[str, Kind], str]] = {
    ("WhatsAppQualityRatingRed", "boundary"): STATES_ONLY,
    ("WhatsAppQualityRatingYellow", "boundary"): STATES_ONLY,
    ("WhatsAppPhoneNumberDown", "boundary"): STATES_ONLY,
    ("WhatsAppCannotSend", "boundary"): STATES_ONLY,
    ("WhatsAppSendLimited", "boundary"): STATES_ONLY,
    ("WhatsAppAccountAlert", "unknown"): ALWAYS_KNOWN,
    ("WhatsAppSecurityEvent", "unknown"): ALWAYS_KNOWN,
}
