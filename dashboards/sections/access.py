"""What wamon and its senders may do, and until when: tokens, versions, restrictions."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.board import Section
from dashboards.panels import (
    DELIVERY_LINK,
    HALF,
    MIDDLE,
    THIRD,
    About,
    Column,
    PanelBuilder,
    Query,
    Source,
    Thresholds,
    board_link,
    rows,
)
from dashboards.queries import BY_WABA, TARGET, WABA

MOST_ROWS: Final = 25
DAY: Final = 86400
# What has to do with no account in particular leads to all of them: the one that is chosen may be another's.
EVERY_ACCOUNT: Final = "All"
PROBES: Final = (board_link("wamon-daemon", "Probes of wamon", f"var-waba={EVERY_ACCOUNT}"),)
PROBES_OF_ROW: Final = board_link("wamon-daemon", "Probes of wamon", "var-waba=${__data.fields.waba_id}")
# In force for good, as far as is known.
NO_END: Final = 10**10


def countdowns() -> Section:
    """What ends by itself, on the board of the fleet."""
    return Section(title="Countdowns", panels=(_ending_tokens(), _ending_versions(), _restrictions()))


def tokens_and_versions() -> Section:
    """What is granted, on the board of webhooks and configuration."""
    return Section(title="Tokens and versions", panels=(_tokens(), _scopes(), _assets(), _versions(), _ends()))


def of_every_account(expr: str) -> str:
    """Rows about no account in particular say so: a link cannot carry an account that is not there."""
    return f'label_replace({expr}, "waba_id", "{EVERY_ACCOUNT}", "waba_id", "")'


# --- countdowns -------------------------------------------------------------------------------------------------------


def _ending_tokens() -> PanelBuilder:
    ends = queries.either(
        *(
            queries.said(f"{metric}{{{TARGET}}} - time()", metric)
            for metric in (
                "whatsapp_token_expiry_timestamp_seconds",
                "whatsapp_token_data_access_expiry_timestamp_seconds",
            )
        )
    )
    chosen = f"bottomk({MOST_ROWS}, min by (job, instance, token) ({ends}))"
    return rows(
        About(
            title="Tokens that end",
            shows="How long until each access token expires, or the access to data with it; whichever is first.",
            source=Source.POLL,
            act="replace the token in time; a system user's token need not expire.",
            missing="no token ends by itself, or the tokens' ends are not known now.",
            runbooks=("WhatsAppTokenExpiring", "WhatsAppTokenInvalid"),
        ),
        Query(expr=chosen),
        columns=(
            Column(name="token", title="Token"),
            Column(name="Value", title="Ends in", unit=looks.AGE, thresholds=_countdown(2, 14)),
        ),
        worst="Ends in",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _countdown(bad_days: int, watch_days: int) -> Thresholds:
    """The colours of a time that is left, or that has passed; none where there is no time."""
    steps = ((-NO_END, looks.BAD), (bad_days * DAY, looks.WATCH), (watch_days * DAY, looks.CLEAR))
    return looks.thresholds(*steps, base=looks.CLEAR)


def _ending_versions() -> PanelBuilder:
    return rows(
        About(
            title="API versions that end",
            shows="How long Meta serves each Graph API version that is in use or configured; afterwards it answers "
            "as a newer one.",
            source=Source.DAEMON,
            act="plan the move of your senders to a newer version; wamon's own is the option graph_version.",
            missing="no end is announced for the versions in use, or none is known.",
            runbooks=("WhatsAppApiVersionExpiring",),
        ),
        Query(
            expr=f"bottomk({MOST_ROWS}, min by (version) "
            f"(whatsapp_api_version_expiry_timestamp_seconds{{{TARGET}}} - time()))"
        ),
        columns=(
            Column(name="version", title="Version"),
            Column(name="Value", title="Ends in", unit=looks.AGE, thresholds=_countdown(30, 90)),
        ),
        worst="Ends in",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _restrictions() -> PanelBuilder:
    on = f"{BY_WABA}, restriction_type"
    ends = f"max by ({on}) (whatsapp_waba_restriction_expires_timestamp_seconds{{{WABA}}} - time())"
    active = f"max by ({on}) (whatsapp_waba_restriction_active{{{WABA}}} == 1)"
    banned, to_be_banned = (
        f'max by ({BY_WABA}) (whatsapp_waba_ban_state{{{WABA},state="{state}"}} == 1)'
        for state in ("DISABLE", "SCHEDULE_FOR_DISABLE")
    )
    day = f"max by ({BY_WABA}) (whatsapp_waba_ban_timestamp_seconds{{{WABA}}} - time()) and {to_be_banned}"
    found = queries.either(
        f"({ends} and {active})",
        f"0 * {active} + {NO_END}",
        *(
            f'label_replace({bans}, "restriction_type", "{what}", "", "")'
            for bans, what in (
                (f"0 * {banned} + {NO_END}", "BAN"),
                (f"({day} or 0 * {to_be_banned} + {NO_END})", "BAN TO COME"),
            )
        ),
    )
    return rows(
        About(
            title="Restrictions and bans",
            shows="Restrictions and bans that are in force, those without an end first, then by when they end by "
            f"themselves, the latest first; and when a ban that Meta has announced begins. At most {MOST_ROWS}.",
            source=Source.WEBHOOK,
            act="read the reason in Business Support Home and request a review there.",
            missing="no restriction is in force as far as webhooks told.",
            runbooks=("WhatsAppAccountRestricted",),
        ),
        Query(expr=f"topk({MOST_ROWS}, {found})"),
        columns=(
            Column(name="restriction_type", title="Restriction"),
            Column(
                name="Value",
                title="Ends in",
                unit=looks.AGE,
                mapping=looks.words({NO_END: ("none named", looks.BAD)}),
            ),
            queries.WABA_COLUMN,
        ),
        worst="Ends in",
        size=(THIRD, MIDDLE),
    )


# --- tokens and versions ----------------------------------------------------------------------------------------------


def _tokens() -> PanelBuilder:
    by = "job, instance, token"
    chosen = f"bottomk({MOST_ROWS}, max by ({by}) (whatsapp_token_valid{{{TARGET}}}))"
    among = partial(queries.among, chosen, by)
    return rows(
        About(
            title="Tokens",
            shows="Whether Meta says that each access token is valid, its type, and how long until it or its access "
            "to data ends. Tokens go by their alias.",
            source=Source.POLL,
            act="an invalid token blinds wamon, and most likely your senders: issue a new one of a system user.",
            missing="Meta has not said of any token whether it is valid.",
            runbooks=("WhatsAppTokenInvalid", "WhatsAppTokenExpiring"),
        ),
        Query(expr=chosen),
        Query(
            expr=f"(0 * ({chosen}) + 1) * on ({by}) group_left (type) "
            f"topk by ({by}) (1, whatsapp_token_info{{{TARGET}}})"
        ),
        Query(expr=among(f"max by ({by}) (whatsapp_token_expiry_timestamp_seconds{{{TARGET}}} - time())")),
        Query(expr=among(f"max by ({by}) (whatsapp_token_data_access_expiry_timestamp_seconds{{{TARGET}}} - time())")),
        columns=(
            Column(name="token", title="Token", links=PROBES),
            Column(name="Value #A", title="Valid", mapping=looks.yes_no("yes", "INVALID"), width=100),
            Column(name="type", title="Type"),
            Column(name="Value #C", title="Ends in", unit=looks.AGE),
            Column(name="Value #D", title="Data access ends in", unit=looks.AGE),
        ),
        worst="Valid",
        is_descending=False,
        size=(HALF, MIDDLE),
    )


def _scopes() -> PanelBuilder:
    return rows(
        About(
            title="Required scopes",
            shows="Whether each token has each scope that wamon needs, the missing ones first.",
            source=Source.POLL,
            act="assign the scope to the system user and issue the token anew.",
            missing="tokens cannot be inspected: set app_id and app_secret; or they are not known now.",
            runbooks=("WhatsAppTokenScopeMissing",),
        ),
        Query(
            expr=f"bottomk({MOST_ROWS}, min by (job, instance, token, scope) "
            f"(whatsapp_token_scope_granted{{{TARGET}}}))"
        ),
        columns=(
            Column(name="token", title="Token"),
            Column(name="scope", title="Scope"),
            Column(name="Value", title="Granted", mapping=looks.yes_no("yes", "MISSING"), width=110),
        ),
        worst="Granted",
        is_descending=False,
        size=(HALF, MIDDLE),
    )


def _assets() -> PanelBuilder:
    by = f"{BY_WABA}, token"
    chosen = f"bottomk({MOST_ROWS}, min by ({by}) (whatsapp_token_asset_access{{{WABA}}}))"
    granted = f"min by ({by}) (whatsapp_token_target_granted{{{WABA}}})"
    return rows(
        About(
            title="Access to accounts",
            shows="Whether each token could read each account, proved by a read, and whether its scope covers the "
            f"account; lost ones first. At most {MOST_ROWS}.",
            source=Source.POLL,
            act="assign the account to the system user in Business settings.",
            missing="no read has proved or refused access lately.",
            runbooks=("WhatsAppAssetAccessLost",),
        ),
        Query(expr=chosen),
        Query(expr=queries.among(chosen, by, granted)),
        columns=(
            Column(name="waba_id", title="Account ID", links=(DELIVERY_LINK,)),
            Column(name="token", title="Token"),
            Column(name="Value #A", title="Read", mapping=looks.yes_no("yes", "REFUSED"), width=100),
            Column(name="Value #B", title="In scope", mapping=looks.yes_no("yes", "NO"), width=100),
        ),
        worst="Read",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _versions() -> PanelBuilder:
    return rows(
        About(
            title="Versions asked for and served",
            shows="The Graph API version that was asked for, and the one that answered. They differ when Meta no "
            "longer serves the one asked for.",
            source=Source.POLL,
            act="move to the version that is served, after reading its changelog.",
            missing="no answer of the Graph API has told its version lately.",
            runbooks=("WhatsAppApiVersionServedDiffers",),
        ),
        Query(expr=f"max by (job, instance, requested, served) (whatsapp_api_version_served_info{{{TARGET}}})"),
        columns=(
            Column(name="requested", title="Asked for"),
            Column(name="served", title="Served", links=PROBES),
            Column(name="instance", title="wamon"),
        ),
        worst="Asked for",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )


def _ends() -> PanelBuilder:
    ends = f"min by (version) (whatsapp_api_version_expiry_timestamp_seconds{{{TARGET}}} - time())"
    checked = f"max(time() - wamon_api_version_table_timestamp_seconds{{{TARGET}}})"
    return rows(
        About(
            title="Ends of versions",
            shows="How long Meta serves each version as itself, and how long ago wamon's table of versions was "
            "compared with Meta's page.",
            source=Source.DAEMON,
            act="plan the move before the end; a table that is a year old: look for a newer wamon.",
            missing="no end is announced for the versions in use.",
            runbooks=("WhatsAppApiVersionExpiring",),
        ),
        Query(expr=f"bottomk({MOST_ROWS}, {ends})"),
        Query(expr=f"0 * bottomk({MOST_ROWS}, {ends}) + scalar({checked})"),
        columns=(
            Column(name="version", title="Version"),
            Column(
                name="Value #A",
                title="Ends in",
                unit=looks.AGE,
                thresholds=_countdown(30, 90),
            ),
            Column(name="Value #B", title="Checked ago", unit=looks.AGE),
        ),
        worst="Ends in",
        is_descending=False,
        size=(THIRD, MIDDLE),
    )
