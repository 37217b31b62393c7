"""Whether all is well, in one word: of each account, and of the whole fleet; panels of the fleet's board."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.looks import States
from dashboards.panels import (
    DELIVERY_LINK,
    MIDDLE,
    WEBHOOKS_LINK,
    WHOLE,
    About,
    Column,
    Mapping,
    PanelBuilder,
    Query,
    Source,
    Thresholds,
    board_link,
    figures,
    rows,
)
from dashboards.queries import BOUNCING, BY_WABA, CAN_SEND, FAILING, NUMBER, RATING, STATUS, TARGET, WABA
from wamon.core import vocabulary
from wamon.core.vocabulary import OTHER, Grade

MOST_ACCOUNTS: Final = 50
OK, WARNING, CANNOT_SEE, CRITICAL = 1, 2, 3, 4

_ACCOUNT: Final = 'probe="account",waba_id=~"$waba"'
# Of the numbers, their account, its business and the app.
_CAN_SEND: Final = States(
    metric="whatsapp_can_send",
    label="state",
    vocabulary=CAN_SEND.vocabulary,
    last_known="whatsapp_last_known_can_send",
)
_ACCOUNT_STATES: Final = (
    States(
        metric="whatsapp_waba_status",
        label="value",
        vocabulary=vocabulary.WABA_STATUS,
        last_known="whatsapp_waba_last_known_status",
    ),
    States(
        metric="whatsapp_waba_review_status",
        label="value",
        vocabulary=vocabulary.ACCOUNT_REVIEW_STATUS,
        last_known="whatsapp_waba_last_known_review_status",
    ),
    States(metric="whatsapp_waba_ban_state", label="state", vocabulary=vocabulary.WABA_BAN_STATE),
    States(metric="whatsapp_waba_connection", label="state", vocabulary=vocabulary.WABA_CONNECTION),
)


# --- the panels -------------------------------------------------------------------------------------------------------


def fleet(size: tuple[int, int]) -> PanelBuilder:
    """The worst of all accounts."""
    return figures(
        About(
            title="All well?",
            shows="The worst verdict of all chosen accounts. CANNOT SEE: of some account nothing is known now, or a "
            "wamon is not scraped; it is never well because nobody looked.",
            source=Source.BOTH,
            act="the table below names the accounts, the worst first.",
            missing="no account is watched, or wamon is not scraped: nothing is known to be well.",
            runbooks=("WamonDown", "WamonCannotSee"),
        ),
        Query(expr=f"max({either_by_part(by_account(), _not_scraped())})"),
        unit="none",
        size=size,
        mapping=words(),
        thresholds=looks.thresholds(base=looks.UNKNOWN),
        is_filled=True,
    )


def accounts() -> PanelBuilder:
    """One row an account, the worst first."""
    chosen = f"topk({MOST_ACCOUNTS}, {by_account()})"
    among = partial(queries.among, chosen, BY_WABA)
    numbers = f"count by ({BY_WABA}) (max by ({queries.BY_NUMBER}) (whatsapp_phone_number_in_waba{{{NUMBER}}}))"
    red = _numbers(f'whatsapp_phone_number_quality_rating{{{NUMBER},rating="RED"}}')
    stopped = _numbers(f'whatsapp_phone_number_can_send{{{NUMBER},state="BLOCKED"}}')
    answered = queries.unheard(_ACCOUNT)
    return rows(
        About(
            title="Verdict per account",
            shows="The worst that is known of each account, of its numbers, of how their messages fail, and of our "
            "access to it: CRITICAL, CANNOT SEE, WARNING, or OK when it was looked at lately and nothing is wrong. "
            f"What was bad before it became unknown still counts. The worst {MOST_ACCOUNTS}.",
            source=Source.BOTH,
            act="begin at the top; the account links to its boards.",
            missing="no account is watched, or wamon is not scraped.",
            runbooks=("WhatsAppAccountRestricted", "WhatsAppCannotSend"),
        ),
        Query(expr=chosen),
        queries.waba_names(chosen),
        Query(expr=among(numbers)),
        Query(expr=among(f"({stopped} or 0 * {numbers})")),
        Query(expr=among(red)),
        Query(expr=among(f"max by ({BY_WABA}) (waba:whatsapp_message_failures:ratio24h{{{WABA}}})")),
        Query(expr=among(f"max by ({BY_WABA}) ({answered})")),
        columns=(
            Column(name="Value #A", title="Verdict", mapping=words(), width=130),
            Column(
                name="name",
                title="Account",
                links=(
                    board_link("wamon-number", "Numbers of this account", "var-waba=${__data.fields.waba_id}"),
                    DELIVERY_LINK,
                    WEBHOOKS_LINK,
                ),
            ),
            queries.WABA_COLUMN,
            Column(name="Value #C", title="Numbers", unit=looks.COUNT),
            Column(name="Value #D", title="Blocked", unit=looks.COUNT, thresholds=_one_is_bad()),
            Column(name="Value #E", title="RED", unit=looks.COUNT, thresholds=_one_is_bad()),
            Column(
                name="Value #F",
                title="Failed in 24 h",
                unit=looks.SHARE,
                thresholds=steps(FAILING),
            ),
            Column(
                name="Value #G",
                title="Last answer of Meta",
                unit=looks.AGE,
                thresholds=looks.thresholds((900, looks.UNKNOWN), base=looks.CLEAR),
            ),
        ),
        worst="Verdict",
        size=(WHOLE, MIDDLE),
    )


def words() -> Mapping:
    return looks.words(
        {
            CRITICAL: ("CRITICAL", looks.BAD),
            CANNOT_SEE: ("CANNOT SEE", looks.UNKNOWN),
            WARNING: ("WARNING", looks.WATCH),
            OK: ("OK", looks.WELL),
        }
    )


def steps(of: tuple[float, float]) -> Thresholds:
    """The colours of a ratio in a table."""
    warning, critical = of
    return looks.thresholds((warning, looks.WATCH), (critical, looks.BAD), base=looks.CLEAR)


def _one_is_bad() -> Thresholds:
    return looks.thresholds((1, looks.BAD), base=looks.CLEAR)


def _numbers(flags: str) -> str:
    """How many numbers of each account have the flag."""
    return f"sum by ({BY_WABA}) (max by ({queries.BY_NUMBER}) ({flags}))"


# --- the verdict ------------------------------------------------------------------------------------------------------


def by_account() -> str:
    """One number an account; not seen comes before a warning."""
    return f"max by ({BY_WABA}) ({either_by_part(_critical(), _warning(), _unknown(), _blind(), _well())})"


def either_by_part(*parts: str) -> str:
    """All of the parts, each by the account alone: none can hide another one that has the same labels."""
    marked = (
        f'label_replace(max by ({BY_WABA}) ({part}), "part", "{number}", "", "")' for number, part in enumerate(parts)
    )
    return queries.either(*marked)


def _critical() -> str:
    down = (Grade.DOWN,)
    reads = f"max by ({BY_WABA}, token) (whatsapp_token_asset_access{{{WABA}}}) == 1"
    listed = _lost("whatsapp_token_target_granted", "whatsapp_token_last_known_target_granted")
    return queries.either(
        *_has(_CAN_SEND, "BLOCKED", CRITICAL),
        *_has(RATING, "RED", CRITICAL),
        *(term for states in (STATUS, *_ACCOUNT_STATES) for term in _has(states, states.graded(*down), CRITICAL)),
        _lost("whatsapp_phone_number_in_waba", "whatsapp_phone_number_last_known_in_waba"),
        _lost("whatsapp_webhook_subscribed", "whatsapp_webhook_last_known_subscribed"),
        _lost("whatsapp_token_asset_access", "whatsapp_token_last_known_asset_access"),
        # A read that works beats what the token's scope lists.
        f"(max by ({BY_WABA}, token) ({listed}) unless on ({BY_WABA}, token) {reads})",
        _restricted("=~", CRITICAL),
        _above("faults", FAILING[1], CRITICAL),
    )


def _warning() -> str:
    watch = (Grade.WATCH,)
    return queries.either(
        *_has(_CAN_SEND, "LIMITED|OTHER", WARNING),
        *_has(RATING, "YELLOW", WARNING),
        *(
            term
            for states in (STATUS, *_ACCOUNT_STATES)
            for term in _has(states, looks.alternatives(filter(None, (states.graded(*watch), "OTHER"))), WARNING)
        ),
        _restricted("!~", WARNING),
        _above("faults", FAILING[0], WARNING),
        # However many bounce: it is about the list of recipients, and the account can still send.
        _above("bounces", BOUNCING[0], WARNING),
    )


def _has(states: States, values: str, code: int) -> tuple[str, ...]:
    """Where it is in one of these states, or was before it became unknown."""
    return tuple(
        f'({metric}{{{queries.matchers_of(metric)},{states.label}=~"{values}"}} == 1) * {code}'
        for metric in (states.metric, states.last_known)
        if metric
    )


def _lost(*metrics: str) -> str:
    """Where a flag is down that should be up."""
    return queries.either(*(f"({each}{{{queries.matchers_of(each)}}} == 0) + {CRITICAL}" for each in metrics))


def _restricted(sign: str, code: int) -> str:
    """By a restriction that takes the messages, or with the sign the other way round by one that takes less."""
    kinds = vocabulary.RESTRICTION_TYPE
    # A kind that wamon does not know may take the messages.
    down = looks.alternatives((*(kind for kind in kinds.values if kinds.grade(kind) is Grade.DOWN), OTHER))
    return f'(whatsapp_waba_restriction_active{{{WABA},restriction_type{sign}"{down}"}} == 1) * {code}'


def _above(what: str, share: float, code: int) -> str:
    """Where so many messages prove more than this share, as the alerts judge it."""
    return f"0 * (phone_number:whatsapp_message_{what}:lower_bound1h{{{NUMBER}}} > {share:g}) + {code}"


def _unknown() -> str:
    return queries.either(
        f'(whatsapp_can_send{{{WABA},state="UNKNOWN"}} == 1) * {CANNOT_SEE}',
        f'({STATUS.metric}{{{NUMBER},status="UNKNOWN"}} == 1) * {CANNOT_SEE}',
    )


def _seen() -> str:
    """The accounts of which something was looked at and answered lately."""
    answered = f"max by ({BY_WABA}) (wamon_probe_last_success_timestamp_seconds{{{TARGET},{_ACCOUNT}}})"
    verdicts = f'whatsapp_can_send{{{WABA},state!="UNKNOWN"}} == 1'
    return f"(time() - {answered} <= max by ({BY_WABA}) ({queries.patience(_ACCOUNT)}) and on ({BY_WABA}) ({verdicts}))"


def _well() -> str:
    return f"0 * {_seen()} + {OK}"


def _blind() -> str:
    """Whoever is watched and not seen, and whoever was watched by a wamon that is not scraped now."""
    watched = f"wamon_probe_watched_since_timestamp_seconds{{{TARGET},{_ACCOUNT}}}"
    gone = f"last_over_time({watched}[1d]) and on (job, instance) up{{{TARGET}}} == 0"
    everybody = f"max by ({BY_WABA}) ({watched} or {gone})"
    return f"0 * ({everybody} unless on ({BY_WABA}) {_seen()}) + {CANNOT_SEE}"


def _not_scraped() -> str:
    """Each wamon that Prometheus cannot scrape now, as a part of a verdict."""
    wamons = f"last_over_time(wamon_build_info{{{TARGET}}}[1d])"
    return f"(up{{{TARGET}}} == 0 and on (job, instance) {wamons}) + {CANNOT_SEE}"
