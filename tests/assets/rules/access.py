"""What the alerts about tokens, subscriptions, callback URLs and API versions must do."""

from collections.abc import Mapping
from typing import Final

from tests.assets.rules.courses import DAY, LONG, Figure, merged, neighbours, others, told
from tests.assets.ruletest import Case, Kind, Labels

NO: Final = ()
WELL: Final = ("1", LONG)
ILL: Final = ("0", LONG)
TOKEN: Final = {"token": "main"}
ASSET: Final = {"token": "main", "waba_id": "1029"}
APP: Final = {"app_id": "634"}
WABA: Final = {"waba_id": "1029"}
# A version names itself as the one asked for, so it has no labels besides.
VERSION: Final = {"version": "v21.0"}


# --- flags ------------------------------------------------------------------------------------------------------------


def by_flag(
    alert: str, severity: str, flag: Figure, subject: Labels, *, waits: int = 0, detail: Labels | None = None
) -> tuple[Case, ...]:
    """An alert of a flag that is 0, after so many minutes. `detail` is what the flag is told of besides the subject."""

    def case(kind: Kind, name: str, shown: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=f"{flag.name}: {name}", series=shown, firing=firing)

    def shown(each: Labels, *course: tuple[str, int]) -> dict[str, str]:
        return flag.shown({**(detail or {}), **each}, *course)

    yes = told(severity, subject)
    well = merged(*(shown(other, WELL) for other in others(subject)))
    unseen = {**subject, next(iter(subject)): "unseen"}
    return (
        case(
            "fires",
            "not for others",
            merged(well, shown(subject, ("1", 3), ILL)),
            {f"{2 + waits}m": NO, f"{3 + waits}m": yes, "3h": yes},
        ),
        case(
            "fires",
            "each of several",
            merged(*(shown(each, ILL) for each in (subject, *others(subject)))),
            {"20m": told(severity, subject, *others(subject))},
        ),
        case("below", "all is well", merged(well, shown(subject, WELL)), {"1m": NO, "3h": NO}),
        case(
            "unknown",
            "it stays until it is seen to be well",
            merged(well, shown(unseen, ("1", 5), ("?1", LONG)), shown(subject, ("0", 21), ("?0", 120), WELL)),
            {"20m": yes, "1h": yes, "2h20m": yes, "2h25m": yes, "2h26m": NO},
        ),
        case(
            "resolves",
            "it is well",
            merged(well, shown(subject, ("0", 21), WELL)),
            {"20m": yes, "25m": yes, "26m": NO},
        ),
        case(
            "resolves",
            "it is no longer watched",
            merged(well, shown(subject, ("0", 21), ("-", LONG))),
            {"20m": yes, "25m": yes, "26m": NO},
        ),
    )


# --- the token --------------------------------------------------------------------------------------------------------

VALID: Final = Figure(name="whatsapp_token_valid", last_known="whatsapp_token_last_known_valid")
SCOPE: Final = Figure(name="whatsapp_token_scope_granted", last_known="whatsapp_token_last_known_scope_granted")
ACCESS: Final = Figure(name="whatsapp_token_asset_access", last_known="whatsapp_token_last_known_asset_access")
GRANTED: Final = Figure(name="whatsapp_token_target_granted", last_known="whatsapp_token_last_known_target_granted")
END: Final = Figure(
    name="whatsapp_token_expiry_timestamp_seconds",
    last_known="whatsapp_token_last_known_expiry_timestamp_seconds",
)
DATA_END: Final = Figure(
    name="whatsapp_token_data_access_expiry_timestamp_seconds",
    last_known="whatsapp_token_last_known_data_access_expiry_timestamp_seconds",
)
MANAGEMENT: Final = {"scope": "whatsapp_business_management"}
MESSAGING: Final = {"scope": "whatsapp_business_messaging"}


def scopes() -> tuple[Case, ...]:
    alert = "WhatsAppTokenScopeMissing"
    return (
        *by_flag(alert, "critical", SCOPE, TOKEN, waits=16, detail=MANAGEMENT),
        Case(
            alert=alert,
            kind="fires",
            name="one alert, however many are missing",
            series=merged(*(SCOPE.shown({**TOKEN, **scope}, ILL) for scope in (MANAGEMENT, MESSAGING))),
            firing={"20m": told("critical", TOKEN)},
        ),
    )


def expiring() -> tuple[Case, ...]:
    alert = "WhatsAppTokenExpiring"
    critical, warning = told("critical", TOKEN), told("warning", TOKEN)
    cases = list[Case]()

    def at(days: float, seconds: float = 0) -> str:
        return f"{days * DAY + seconds:.0f}"

    def case(kind: Kind, name: str, shown: Mapping[str, str], firing: Mapping[str, tuple[Labels, ...]]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=shown, firing=firing)

    for end, other in ((END, DATA_END), (DATA_END, END)):
        # The other end is far, and so are those of other tokens.
        far = merged(
            other.shown(TOKEN, (at(60), LONG)),
            *(end.shown(each, (at(60), LONG)) for each in neighbours(TOKEN)),
        )
        cases += [
            case(
                "fires",
                f"{end.name}: in less than 14 days",
                merged(far, end.shown(TOKEN, (at(60), 3), (at(13.99), LONG))),
                {"2m": NO, "3m": warning, "3h": warning},
            ),
            case(
                "fires",
                f"{end.name}: in less than 2 days",
                merged(far, end.shown(TOKEN, (at(60), 3), (at(1.99), LONG))),
                {"2m": NO, "3m": critical, "3h": critical},
            ),
            case(
                "fires",
                f"{end.name}: long over",
                merged(far, end.shown(TOKEN, (at(-3), LONG))),
                {"0m": critical, "3h": critical},
            ),
            case(
                "boundary",
                f"{end.name}: 14 days left, and less",
                merged(far, end.shown(TOKEN, (at(14, 600), LONG))),
                {"10m": NO, "11m": warning},
            ),
            case(
                "boundary",
                f"{end.name}: 2 days left, and less",
                merged(far, end.shown(TOKEN, (at(2, 600), LONG))),
                # The warning is kept for five minutes; Alertmanager mutes it.
                {"10m": warning, "11m": (*critical, *warning), "15m": (*critical, *warning), "16m": critical},
            ),
            case(
                "below",
                f"{end.name}: in 15 days, others sooner",
                merged(
                    other.shown(TOKEN, (at(60), LONG)),
                    end.shown(TOKEN, (at(15), LONG)),
                    *(end.shown({**place, **TOKEN}, (at(1), LONG)) for place in ({"job": "x"}, {"instance": "x"})),
                ),
                {"1m": NO, "3h": NO},
            ),
            case(
                "unknown",
                f"{end.name}: an end that was known is not forgotten",
                merged(far, end.shown(TOKEN, (at(9), 11), (f"?{at(9)}", 120), (at(60), LONG))),
                {"10m": warning, "1h": warning, "2h15m": warning, "2h16m": NO},
            ),
            case(
                "unknown",
                f"{end.name}: an end that was known to be far",
                merged(far, end.shown(TOKEN, (at(60), 11), (f"?{at(60)}", LONG))),
                {"10m": NO, "3h": NO},
            ),
            case(
                "resolves",
                f"{end.name}: a new token",
                merged(far, end.shown(TOKEN, (at(9), 11), (at(60), LONG))),
                {"10m": warning, "15m": warning, "16m": NO},
            ),
            case(
                "resolves",
                f"{end.name}: a new token that never expires",
                merged(far, end.shown(TOKEN, (at(1), 11), ("-", LONG))),
                {"10m": critical, "15m": critical, "16m": NO},
            ),
        ]
    cases += [
        case(
            "fires",
            "each of several, and of two ends the nearer counts",
            merged(
                END.shown(TOKEN, (at(9), LONG)),
                DATA_END.shown(TOKEN, (at(1), LONG)),
                *(
                    merged(END.shown(each, (at(1), LONG)), DATA_END.shown(each, (at(9), LONG)))
                    for each in others(TOKEN)
                ),
                END.shown({"token": "third"}, (at(9), LONG)),
            ),
            {"1m": (*told("critical", TOKEN, *others(TOKEN)), *told("warning", {"token": "third"}))},
        ),
        case(
            "fires",
            "a warning, though another daemon's token of this name has less",
            merged(
                END.shown(TOKEN, (at(9), LONG)),
                *(END.shown({**place, **TOKEN}, (at(1), LONG)) for place in ({"job": "x"}, {"instance": "x"})),
                *(END.shown(each, (at(1), LONG)) for each in others(TOKEN)),
            ),
            {"1m": (*warning, *told("critical", *others(TOKEN)))},
        ),
    ]
    return tuple(cases)


def asset() -> tuple[Case, ...]:
    alert = "WhatsAppAssetAccessLost"
    yes = told("critical", ASSET)
    readable = merged(*(ACCESS.shown(each, WELL) for each in neighbours(ASSET)))
    return (
        *by_flag(alert, "critical", ACCESS, ASSET, waits=2),
        *by_flag(alert, "critical", GRANTED, ASSET, waits=2),
        *(
            Case(
                alert=alert,
                kind="below",
                name=f"a read that works beats the token's own list, {'' if what == '0' else 'not '}known",
                series=merged(ACCESS.shown(ASSET, WELL), GRANTED.shown(ASSET, (what, LONG))),
                firing={"5m": NO, "3h": NO},
            )
            for what in ("0", "?0")
        ),
        Case(
            alert=alert,
            kind="fires",
            name="the token's own list, where no read works, or only of other accounts",
            series=merged(readable, ACCESS.shown(ASSET, ("?1", LONG)), GRANTED.shown(ASSET, ILL)),
            firing={"1m": NO, "2m": yes, "3h": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="no read works, whatever the list says",
            series=merged(ACCESS.shown(ASSET, ILL), GRANTED.shown(ASSET, WELL)),
            firing={"1m": NO, "2m": yes, "3h": yes},
        ),
    )


# --- the subscription -------------------------------------------------------------------------------------------------

SUBSCRIBED: Final = Figure(name="whatsapp_webhook_subscribed", last_known="whatsapp_webhook_last_known_subscribed")
WEBHOOK: Final = Figure(name="whatsapp_webhook_active", last_known="whatsapp_webhook_last_known_active")
FIELD: Final = Figure(
    name="whatsapp_webhook_field_subscribed", last_known="whatsapp_webhook_last_known_field_subscribed"
)
MESSAGES: Final = {"field": "messages"}


def subscription() -> tuple[Case, ...]:
    alert = "WhatsAppSubscriptionLost"
    yes, pair = told("critical", WABA), {**APP, **WABA}
    # Other apps' webhooks are switched off, and no account is theirs.
    off = merged(*(WEBHOOK.shown(each, ILL) for each in neighbours(APP)))

    def case(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=merged(*shown), firing=firing)

    return (
        *by_flag(alert, "critical", SUBSCRIBED, WABA, waits=2, detail=APP),
        case(
            "fires",
            "one app of two",
            {"5m": yes},
            SUBSCRIBED.shown(pair, WELL),
            SUBSCRIBED.shown({**pair, "app_id": "635"}, ILL),
        ),
        case(
            "fires",
            "the app's webhook is switched off, for each of its accounts",
            {"4m": NO, "5m": told("critical", WABA, *others(WABA)), "3h": told("critical", WABA, *others(WABA))},
            *(SUBSCRIBED.shown({**APP, **each}, WELL) for each in (WABA, *others(WABA))),
            WEBHOOK.shown(APP, ("1", 3), ILL),
        ),
        case(
            "below",
            "only other apps' webhooks are switched off",
            {"5m": NO, "3h": NO},
            off,
            SUBSCRIBED.shown(pair, WELL),
            WEBHOOK.shown(APP, WELL),
            SUBSCRIBED.shown({"app_id": "636", **WABA}, ("?1", LONG)),
            WEBHOOK.shown({"app_id": "636"}, ("?1", LONG)),
        ),
        case(
            "unknown",
            "the webhook was switched off when it was last seen",
            {"10m": yes, "1h": yes, "2h15m": yes, "2h16m": NO},
            SUBSCRIBED.shown(pair, WELL),
            WEBHOOK.shown(APP, ("0", 11), ("?0", 120), WELL),
        ),
        case(
            "unknown",
            "the account cannot be seen, and the app's webhook is switched off",
            {"10m": yes, "1h": yes, "2h15m": yes, "2h16m": NO},
            SUBSCRIBED.shown(pair, ("1", 11), ("?1", LONG)),
            WEBHOOK.shown(APP, ("0", 131), WELL),
        ),
    )


def fields() -> tuple[Case, ...]:
    alert = "WhatsAppWebhookFieldMissing"
    yes = told("warning", APP)
    off = merged(*(WEBHOOK.shown(each, ILL) for each in neighbours(APP)))
    return (
        *by_flag(alert, "warning", FIELD, APP, waits=16, detail=MESSAGES),
        Case(
            alert=alert,
            kind="fires",
            name="one alert, however many are missing",
            series=merged(*(FIELD.shown({**APP, "field": field}, ILL) for field in ("messages", "security"))),
            firing={"15m": NO, "16m": yes},
        ),
        Case(
            alert=alert,
            kind="fires",
            name="other apps' webhooks are switched off",
            series=merged(off, WEBHOOK.shown(APP, WELL), FIELD.shown({**APP, **MESSAGES}, ILL)),
            firing={"15m": NO, "16m": yes, "3h": yes},
        ),
        Case(
            alert=alert,
            kind="unknown",
            name="the app cannot be seen, its webhook was active",
            series=merged(
                off,
                WEBHOOK.shown(APP, ("1", 21), ("?1", LONG)),
                FIELD.shown({**APP, **MESSAGES}, ("0", 21), ("?0", LONG)),
            ),
            firing={"20m": yes, "3h": yes},
        ),
        *(
            Case(
                alert=alert,
                kind="below",
                name=f"the app's whole webhook is switched off, {'' if what == '0' else 'not '}seen",
                series=merged(WEBHOOK.shown(APP, (what, LONG)), FIELD.shown({**APP, **MESSAGES}, (what, LONG))),
                firing={"16m": NO, "3h": NO},
            )
            for what in ("0", "?0")
        ),
    )


# --- the callback URL -------------------------------------------------------------------------------------------------

CALLBACK: Final = Figure(name="whatsapp_webhook_callback_matches")
OVERRIDE: Final = Figure(name="whatsapp_webhook_override_matches")
WATCHED: Final = Figure(name="wamon_probe_watched_since_timestamp_seconds")


def callback(url: Figure, subject: Labels, probe: str, sign: Figure, detail: Labels) -> tuple[Case, ...]:
    """The URL of an app, or what an account sets instead. `sign` is what the same poll brings besides."""
    alert = "WhatsAppWebhookCallbackDrift"
    yes = told("warning", subject)

    def watched(each: Labels, course: tuple[tuple[str, int], ...] = (("-9", LONG),)) -> dict[str, str]:
        return WATCHED.shown({"probe": probe, **each}, *course)

    def seen(each: Labels, *course: tuple[str, int]) -> dict[str, str]:
        return sign.shown({**detail, **each}, *course)

    def case(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
        return Case(alert=alert, kind=kind, name=f"{url.name}: {name}", series=merged(*shown), firing=firing)

    # All that is told of the others holds of them alone; and another probe goes on whatever becomes of this one.
    watching = merged(
        *(watched(each) for each in neighbours(subject)), WATCHED.shown({"probe": "x", **subject}, ("-9", LONG))
    )
    seeing = merged(watching, *(seen(each, WELL) for each in neighbours(subject)))
    return (
        case(
            "fires",
            "not for others",
            {"4m": NO, "5m": yes, "3h": yes},
            seeing,
            watched(subject),
            seen(subject, WELL),
            url.shown(subject, ("1", 3), ILL),
            *(url.shown(each, WELL) for each in others(subject)),
        ),
        case(
            "fires",
            "each of several",
            {"5m": told("warning", subject, *others(subject))},
            *(merged(watched(each), seen(each, WELL), url.shown(each, ILL)) for each in (subject, *others(subject))),
        ),
        case(
            "fires",
            "it differs anew after all was well",
            {"10m": NO, "14m": yes, "3h": yes},
            watched(subject),
            seen(subject, WELL),
            url.shown(subject, ("1", 11), ILL),
        ),
        case(
            "below",
            "as expected",
            {"5m": NO, "3h": NO},
            watched(subject),
            seen(subject, WELL),
            url.shown(subject, WELL),
        ),
        case(
            "unknown",
            "it stays until it is seen to be as expected",
            {"20m": yes, "1h": yes, "2h25m": yes, "2h26m": NO},
            seeing,
            watched(subject),
            seen(subject, ("1", 21), ("?1", 120), WELL),
            url.shown(subject, ("0", 21), ("-", 120), WELL),
        ),
        case(
            "unknown",
            "it was as expected",
            {"20m": NO, "3h": NO},
            seeing,
            watched(subject),
            seen(subject, ("1", 21), ("?1", LONG)),
            url.shown(subject, ("1", 21), ("-", LONG)),
        ),
        case(
            "unknown",
            "it outlives a restart while nobody sees",
            {"40m": yes, "49m": yes, "3h": yes},
            seeing,
            watched(subject, (("-9", 41), ("-", 9), ("-9", LONG))),
            seen(subject, ("1", 21), ("?1", LONG)),
            url.shown(subject, ("0", 21), ("-", LONG)),
        ),
        case(
            "resolves",
            "nobody watches any more, after the time of a restart",
            {"20m": yes, "35m": yes, "36m": NO},
            seeing,
            watched(subject, (("-9", 21), ("-", LONG))),
            seen(subject, ("1", 21), ("-", LONG)),
            url.shown(subject, ("0", 21), ("-", LONG)),
        ),
        case(
            "resolves",
            "it is set back",
            {"20m": yes, "25m": yes, "26m": NO},
            seeing,
            watched(subject),
            seen(subject, WELL),
            url.shown(subject, ("0", 21), WELL),
        ),
        case(
            "resolves",
            "nothing is left that could differ, which others do not tell",
            {"20m": yes, "25m": yes, "26m": NO},
            watching,
            watched(subject),
            seen(subject, WELL),
            url.shown(subject, ("0", 21), ("-", LONG)),
        ),
    )


def inactive() -> tuple[Case, ...]:
    return (
        Case(
            alert="WhatsAppWebhookCallbackDrift",
            kind="unknown",
            name="an app without an active webhook has no URL",
            series=merged(
                WATCHED.shown({"probe": "app", **APP}, ("-9", LONG)),
                WEBHOOK.shown(APP, ("1", 21), ("0", 120), WELL),
                CALLBACK.shown(APP, ("0", 21), ("-", 120), WELL),
            ),
            firing={"20m": told("warning", APP), "2h25m": told("warning", APP), "2h26m": NO},
        ),
    )


# --- versions ---------------------------------------------------------------------------------------------------------

VERSION_END: Final = Figure(name="whatsapp_api_version_expiry_timestamp_seconds")


def version_ends() -> tuple[Case, ...]:
    alert = "WhatsAppApiVersionExpiring"
    info, warning, critical = (told(severity, VERSION) for severity in ("info", "warning", "critical"))
    far = merged(*(VERSION_END.shown(each, (f"{200 * DAY}", LONG)) for each in others(VERSION)))
    # Of other daemons it has ended.
    ended = merged(
        *(VERSION_END.shown({**place, **VERSION}, ("-9", LONG)) for place in ({"job": "x"}, {"instance": "x"}))
    )

    def case(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=merged(*shown), firing=firing)

    def end(days: float, minutes: int = LONG) -> dict[str, str]:
        return VERSION_END.shown(VERSION, (f"{200 * DAY}", 3), (f"{days * DAY:.0f}", minutes), (f"{200 * DAY}", LONG))

    return (
        *(
            case("fires", f"in {days} days", {"2m": NO, "3m": firing, "3h": firing}, far, ended, end(days))
            for days, firing in ((89.9, info), (29.9, warning), (-3, critical))
        ),
        case(
            "fires",
            "each of several",
            {
                "1m": (
                    *critical,
                    *told("warning", {"version": "v22.0"}),
                    *told("info", {"version": "v23.0"}),
                    *told("critical", {"version": "v20.0"}),
                )
            },
            VERSION_END.shown(VERSION, ("-9", LONG)),
            VERSION_END.shown({"version": "v20.0"}, ("-9", LONG)),
            VERSION_END.shown({"version": "v22.0"}, (f"{20 * DAY}", LONG)),
            VERSION_END.shown({"version": "v23.0"}, (f"{80 * DAY}", LONG)),
        ),
        case("below", "in 91 days", {"1m": NO, "3h": NO}, ended, VERSION_END.shown(VERSION, (f"{91 * DAY}", LONG))),
        case(
            "boundary",
            "90 days left, and less",
            {"10m": NO, "11m": info},
            VERSION_END.shown(VERSION, (f"{90 * DAY + 600}", LONG)),
        ),
        case(
            "boundary",
            "30 days left, and less",
            # What it was is kept for five minutes; Alertmanager mutes it.
            {"10m": info, "11m": (*warning, *info), "15m": (*warning, *info), "16m": warning},
            VERSION_END.shown(VERSION, (f"{30 * DAY + 600}", LONG)),
        ),
        case(
            "boundary",
            "a second before",
            {"10m": warning, "11m": (*critical, *warning)},
            VERSION_END.shown(VERSION, (f"{200 * DAY}", 10), ("601", LONG)),
        ),
        case(
            "boundary",
            "the moment itself",
            {"9m": warning, "10m": (*critical, *warning), "14m": (*critical, *warning), "15m": critical},
            VERSION_END.shown(VERSION, ("600", LONG)),
        ),
        *(
            case(
                "resolves",
                f"Meta serves it longer, in {days} days",
                {"10m": firing, "17m": firing, "18m": NO},
                end(days, 10),
            )
            for days, firing in ((80, info), (20, warning), (-3, critical))
        ),
        case(
            "resolves",
            "nobody asks for it any more",
            {"10m": warning, "15m": warning, "16m": NO},
            VERSION_END.shown(VERSION, (f"{20 * DAY}", 11), ("-", LONG)),
        ),
    )


SERVED: Final = Figure(
    name="whatsapp_api_version_served_info", last_known="whatsapp_api_version_last_known_served_info"
)


def served() -> tuple[Case, ...]:
    alert = "WhatsAppApiVersionServedDiffers"
    yes = told("warning", VERSION)
    asked = VERSION["version"]

    def answers(version: str, by: str, *course: tuple[str, int], **place: str) -> dict[str, str]:
        return SERVED.shown({**place, "version": version, "requested": version, "served": by}, *course)

    # Others are served as they ask, or ask for what this one is served by.
    well = merged(answers("v22.0", "v22.0", WELL), answers(asked, asked, WELL, job="other"))

    def case(kind: Kind, name: str, firing: Mapping[str, tuple[Labels, ...]], *shown: Mapping[str, str]) -> Case:
        return Case(alert=alert, kind=kind, name=name, series=merged(*shown), firing=firing)

    return (
        case(
            "fires",
            "for an hour",
            {"1h2m": NO, "1h3m": yes, "3h": yes},
            well,
            answers(asked, asked, ("1", 3), ("-", LONG)),
            answers(asked, "v22.0", ("-", 3), WELL),
        ),
        case(
            "fires",
            "each of several, once each",
            {"1h5m": told("warning", VERSION, {"version": "v20.0"})},
            well,
            answers(asked, "v22.0", WELL),
            answers("v20.0", "v22.0", ("1", 30), ("-", LONG)),
            answers("v20.0", "v23.0", ("-", 30), WELL),
        ),
        case("below", "each as asked for", {"1h5m": NO, "3h": NO}, well, answers(asked, asked, WELL)),
        case(
            "boundary",
            "for less than an hour",
            {"1h": NO, "3h": NO},
            well,
            answers(asked, "v22.0", ("1", 60), ("-", LONG)),
            answers(asked, asked, ("-", 60), WELL),
        ),
        case(
            "unknown",
            "what was last known holds",
            {"1h9m": yes, "3h": yes, "3h14m": yes, "3h15m": NO},
            well,
            answers(asked, "v22.0", ("1", 70), ("?1", 120), ("-", LONG)),
            answers(asked, asked, ("-", 190), WELL),
        ),
        case("unknown", "it was as asked for", {"2h": NO}, well, answers(asked, asked, ("1", 10), ("?1", LONG))),
        case(
            "resolves",
            "it is served again",
            {"1h9m": yes, "1h14m": yes, "1h15m": NO},
            well,
            answers(asked, "v22.0", ("1", 70), ("-", LONG)),
            answers(asked, asked, ("-", 70), WELL),
        ),
    )


# --- all of them ------------------------------------------------------------------------------------------------------

CASES: Final[tuple[Case, ...]] = (
    *by_flag("WhatsAppTokenInvalid", "critical", VALID, TOKEN),
    *expiring(),
    *scopes(),
    *asset(),
    *subscription(),
    *fields(),
    *callback(CALLBACK, APP, "app", WEBHOOK, {}),
    *callback(OVERRIDE, WABA, "account", SUBSCRIBED, APP),
    *inactive(),
    *version_ends(),
    *served(),
)
FLAGS_ONLY: Final = "it goes by a flag, which has no threshold"
WITHOUT: Final[Mapping[tuple[str, Kind], str]] = {
    ("WhatsAppTokenInvalid", "boundary"): FLAGS_ONLY,
    ("WhatsAppTokenScopeMissing", "boundary"): FLAGS_ONLY,
    ("WhatsAppAssetAccessLost", "boundary"): FLAGS_ONLY,
    ("WhatsAppSubscriptionLost", "boundary"): FLAGS_ONLY,
    ("WhatsAppWebhookFieldMissing", "boundary"): FLAGS_ONLY,
    ("WhatsAppWebhookCallbackDrift", "boundary"): FLAGS_ONLY,
    ("WhatsAppApiVersionExpiring", "unknown"): "wamon dates the versions by its own table: it always knows",
}
