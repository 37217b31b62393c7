"""Templates and Flows, a section of the board of delivery."""

from functools import partial
from typing import Final

from dashboards import looks, queries
from dashboards.board import Section
from dashboards.panels import (
    HALF,
    MIDDLE,
    WHOLE,
    About,
    Column,
    Mapping,
    PanelBuilder,
    Query,
    Source,
    bars,
    board_link,
    rows,
)
from dashboards.queries import BY_WABA, WABA

MOST_ROWS: Final = 25


def section() -> Section:
    return Section(title="Templates and Flows", panels=(_problems(), *_templates(), _flows()))


BY_TEMPLATE: Final = f"{BY_WABA}, template, language"
_PROBLEMS: Final = (
    ("whatsapp_template_problem", "whatsapp_template_problem_changed_timestamp_seconds"),
    ("whatsapp_template_quality_problem", ""),
    ("whatsapp_template_category_problem", "whatsapp_template_category_problem_changed_timestamp_seconds"),
)


_STOPPED: Final = "PAUSED|DISABLED|REJECTED|LIMIT_EXCEEDED"
_THREATENED: Final = "FLAGGED|QUALITY_RED"
_RANKS: Final = (
    (3, f'problem=~"{_STOPPED}"'),
    (2, f'problem=~"{_THREATENED}"'),
    (1, f'problem!~"{_STOPPED}|{_THREATENED}|UNKNOWN"'),
    (0, 'problem="UNKNOWN"'),
)


def _problems() -> PanelBuilder:
    on = f"{BY_TEMPLATE}, problem"
    known = queries.either(
        *(
            f"max by ({on}) ({metric}{{{WABA},{matcher}}}) * {rank}"
            for metric, _ in _PROBLEMS
            for rank, matcher in _RANKS
        )
    )
    since = queries.either(
        *(
            f"max by ({on}) ({metric}{{{WABA}}}) * on ({BY_TEMPLATE}) group_left () "
            f"max by ({BY_TEMPLATE}) ({changed}{{{WABA}}})"
            for metric, changed in _PROBLEMS
            if changed
        )
    )
    chosen = f"topk({2 * MOST_ROWS}, {known})"
    among = partial(queries.among, chosen, on)
    updated = f"max by ({BY_TEMPLATE}) (whatsapp_template_last_updated_timestamp_seconds{{{WABA}}})"
    moved = f"max by ({BY_TEMPLATE}) (whatsapp_template_recategorised_timestamp_seconds{{{WABA}}})"
    every = f"max by ({on}) (0 * ({chosen})) + on ({BY_TEMPLATE}) group_left () "
    return rows(
        About(
            title="Templates with problems",
            shows="Templates that cannot be sent or soon may not be, that recipients take badly, or that move to "
            f"another category. At most {2 * MOST_ROWS}; the panel below tells how many wamon left out.",
            source=Source.BOTH,
            act="open WhatsApp Manager > Message templates; the runbook of the problem says what then.",
            missing="every template that can be seen is well; or templates are not known now (see the panel below).",
            runbooks=("WhatsAppTemplatePaused", "WhatsAppTemplateDisabled", "WhatsAppTemplateRejected"),
        ),
        Query(expr=chosen),
        Query(expr=among(f"time() - ({since})")),
        Query(expr=f"{every}(time() - {updated})"),
        Query(expr=f"{every}(time() - {moved})"),
        columns=(
            Column(name="Value #A", title="Effect", mapping=_rank_words(), width=150),
            Column(name="problem", title="Problem", width=200),
            Column(name="template", title="Template"),
            Column(name="language", title="Language", width=100),
            Column(name="waba_id", title="Account ID", width=170),
            Column(name="Value #B", title="For", unit=looks.AGE),
            Column(name="Value #C", title="Changed by us", unit=looks.AGE),
            Column(name="Value #D", title="Recategorised", unit=looks.AGE),
        ),
        worst="Effect",
        size=(WHOLE, MIDDLE),
    )


def _rank_words() -> Mapping:
    return looks.words(
        {
            3: ("CANNOT BE SENT", looks.BAD),
            2: ("MAY SOON STOP", looks.WATCH),
            1: ("wants a look", looks.WATCH),
            0: ("UNKNOWN", looks.UNKNOWN),
        }
    )


def _templates() -> tuple[PanelBuilder, ...]:
    told = (
        ("status", "whatsapp_templates"),
        ("category", "whatsapp_templates_by_category"),
        ("quality", "whatsapp_templates_by_quality"),
    )
    queries_ = tuple(
        Query(expr=f"sum by ({label}) ({metric}{{{WABA}}}) > 0", legend=f"{label}: {{{{{label}}}}}")
        for label, metric in told
    )
    left_out = Query(expr=f"sum(whatsapp_template_problems_left_out{{{WABA}}})", legend="in trouble and left out above")
    return (
        bars(
            About(
                title="Templates",
                shows="How many templates there are by status, category and quality, each language counted, and how "
                "many in trouble the table above has no place for. Quality UNKNOWN: Meta has no data on them.",
                source=Source.POLL,
                act="compare with what your senders use; many PENDING for days: ask Meta's support.",
                missing="templates are not watched, or not known now.",
                runbooks=("WhatsAppTemplatePendingLong",),
            ),
            *queries_,
            left_out,
            unit=looks.COUNT,
            size=(HALF, MIDDLE),
        ),
    )


# More seconds than anything has been there for.
_LATER: Final = 10**10


def _flows() -> PanelBuilder:
    on = f"{BY_WABA}, flow_id, event"
    since = f"max by ({on}) (whatsapp_flow_alert_state_changed_timestamp_seconds{{{WABA}}})"

    def told(sign: str) -> str:
        states = f'max by ({on}, state) (whatsapp_flow_alert_state{{{WABA},state{sign}"ACTIVATED"}} == 1)'
        return f"{states} * on ({on}) group_left () (time() - {since})"

    every = queries.either(told("="), told("!="))
    chosen = f"bottomk({MOST_ROWS}, {told('=')} or {told('!=')} + {_LATER})"
    return rows(
        About(
            title="Flows",
            shows="What Meta last told of each Flow in trouble: ACTIVATED is there, DEACTIVATED is over. What is there "
            f"first, the newest first of all; at most {MOST_ROWS}.",
            source=Source.WEBHOOK,
            act="look at the logs of the Flow's endpoint at that time, and at WhatsApp Manager > Flows.",
            missing="Meta has told of no Flow in trouble since wamon listens.",
            runbooks=("WhatsAppFlowUnhealthy",),
        ),
        # Sorted here: the table sorts by the state alone, and leaves in their order those that have the same.
        Query(expr=f"sort(({every}) and on ({on}, state) {chosen})"),
        columns=(
            Column(
                name="state",
                title="State",
                mapping=looks.words(
                    {
                        "ACTIVATED": ("ACTIVATED", looks.WATCH),
                        "DEACTIVATED": ("DEACTIVATED", looks.WELL),
                        "UNKNOWN": ("UNKNOWN", looks.UNKNOWN),
                    }
                ),
                width=130,
            ),
            Column(name="event", title="Trouble"),
            Column(name="flow_id", title="Flow ID"),
            Column(
                name="waba_id",
                title="Account ID",
                links=(board_link("wamon-fleet", "Fleet", "var-waba=${__data.fields.waba_id}"),),
            ),
            Column(name="Value", title="For", unit=looks.AGE),
        ),
        worst="State",
        is_descending=False,
        size=(HALF, MIDDLE),
    )
