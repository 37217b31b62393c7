"""What all boards share: the variables, the links between them, the marks of alerts, and how panels make a board."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards import looks
from dashboards.panels import DATA_SOURCE, PanelBuilder

TAG: Final = "wamon"
# For all accounts and numbers, those without a name too; a job or an instance that is none of wamon's is left out.
EVERYTHING: Final = ".*"


class Choice(StrEnum):
    """Which of the accounts' variables a board has, besides the data source, job and instance."""

    WABAS = "WABAs"
    NUMBERS = "WABAs and numbers"
    ONE_NUMBER = "WABAs and one number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the panels under it, whose widths fill lines of 24."""

    title: str
    panels: Sequence[PanelBuilder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board before it is built; `since` is the time that it shows at first."""

    uid: str
    title: str
    description: str
    choice: Choice
    sections: Sequence[Section]
    since: str = "now-24h"

    def build(self) -> dashboard.Dashboard:
        board = build.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG]).readonly()
        board.time(self.since, "now").refresh("1m").timezone("browser").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        board.variables(_variables(self.choice)).link(_links())
        board.annotations([*(_Mark(*mark) for mark in _MARKS), _Marker()])
        for section in self.sections:
            board.with_row(build.Row(section.title))
            for panel in section.panels:
                board.with_panel(panel)
        built = board.build()
        for number, panel_or_row in enumerate(built.panels or [], start=1):
            panel_or_row.id_val = number
        return built


# --- variables --------------------------------------------------------------------------------------------------------

_TARGET: Final = 'job=~"$job",instance=~"$instance"'


def _wamons(label: str, matchers: str) -> str:
    """The wamons that were scraped in the time shown or in the day before its end: one that is down is one still."""
    windows = (f"last_over_time(wamon_build_info{matchers}[{window}])" for window in ("1d", "$__range"))
    return f"query_result(max by ({label}) ({' or '.join(windows)}))"


def _choices(identity: str, named: tuple[str, str], *others: str) -> str:
    """Whoever was there in the time shown: by name where one is known, by the id where only others tell of it.

    What vanished, or was never polled, can be chosen all the same.
    """
    name, info = named
    found = [f"max by ({identity}, {name}) (last_over_time({info}[$__range]))"]
    found += [f"max by ({identity}) (last_over_time({each}[$__range]))" for each in others]
    return f" or on ({identity}) ".join(found)


_WABAS: Final = _choices(
    "waba_id",
    ("name", f"whatsapp_waba_info{{{_TARGET}}}"),
    f'wamon_probe_watched_since_timestamp_seconds{{{_TARGET},probe="account"}}',
    f"whatsapp_webhook_last_event_timestamp_seconds{{{_TARGET}}}",
    f'whatsapp_message_statuses_total{{{_TARGET},status="sent"}}',
)
_OF_WABAS: Final = f'{_TARGET},waba_id=~"$waba"'
_NUMBERS: Final = _choices(
    "phone_number_id",
    ("display_phone_number", f"whatsapp_phone_number_info{{{_OF_WABAS}}}"),
    f'whatsapp_phone_number_quality_rating{{{_OF_WABAS},rating="UNKNOWN"}}',
    # Each number of which a message was told has all statuses, at zero if need be.
    f'whatsapp_message_statuses_total{{{_OF_WABAS},status="sent"}}',
)


def _variables(choice: Choice) -> list[Builder[dashboard.VariableModel]]:
    source = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    found: list[Builder[dashboard.VariableModel]] = [
        source.description("The Prometheus that scrapes wamon."),
        _all(_query("job", "Job", _wamons("job", ""), "The scrape jobs of wamon.").regex('/job="([^"]+)/')),
        _all(
            _query("instance", "Instance", _wamons("instance", '{job=~"$job"}'), "Which wamon.").regex(
                '/instance="([^"]+)/'
            )
        ),
        _all(
            _query(
                "waba",
                "Account",
                f"query_result({_WABAS})",
                "WhatsApp Business accounts, by the names that Meta has of them; by the ID where it told none.",
            ).regex('/[{,]name="(?<text>[^"]+)|waba_id="(?<value>[^"]+)/g')
        ).all_value(EVERYTHING),
    ]
    if choice is Choice.WABAS:
        return found
    phone = _query("phone", "Number", f"query_result({_NUMBERS})", "Phone numbers of the accounts, by ID if need be.")
    phone.regex('/display_phone_number="(?<text>[^"]+)|phone_number_id="(?<value>[^"]+)/g')
    return [*found, phone if choice is Choice.ONE_NUMBER else _all(phone).all_value(EVERYTHING)]


def _query(name: str, label: str, query: str, description: str) -> build.QueryVariable:
    variable = build.QueryVariable(name).label(label).description(description).datasource(DATA_SOURCE)
    variable.query({"query": query, "refId": f"variable-{name}"}).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _all(variable: build.QueryVariable) -> build.QueryVariable:
    """With all of what is listed to begin with."""
    return (
        variable.multi(True)
        .include_all(True)
        .current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


# --- links and marks --------------------------------------------------------------------------------------------------


def _links() -> build.DashboardLink:
    link = build.DashboardLink("wamon").type(dashboard.DashboardLinkType.DASHBOARDS).tags([TAG]).icon("external link")
    return link.tooltip("The other boards of wamon").as_dropdown(False).keep_time(True).include_vars(True)


_MARKS: Final = (
    ("open", "Alerts opened (any account)", looks.BAD),
    ("raise", "Alerts raised (any account)", looks.WATCH),
    ("close", "Alerts closed (any account)", looks.WELL),
)


class _Annotation(dashboard.AnnotationQuery):
    """An annotation with what the Prometheus data source reads besides, of which the SDK knows nothing."""

    told: str = "alertname"

    def to_json(self) -> dict[str, object]:
        return {
            **super().to_json(),
            "step": "60s",
            "titleFormat": f"{self.name}: {{{{{self.told}}}}}",
            "textFormat": f"{{{{{self.told}}}}}",
            "tagKeys": self.told,
        }


class _AnnotationAtItsValue(_Annotation):
    """One that stands at the moment that its value is, in milliseconds: once, however long the value stays.

    Source: Grafana documentation, "Prometheus annotations", and the hint in its editor, read 2026-11.
    """

    told = "kind"

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "useValueForTime": True}


class _Mark(Builder[dashboard.AnnotationQuery]):
    """The moments at which alerts of wamon went through one kind of transition."""

    def __init__(self, kind: str, name: str, colour: str) -> None:
        self.kind = kind
        self.name = name
        self.colour = colour

    def build(self) -> dashboard.AnnotationQuery:
        counter = f'wamon_alert_transitions_total{{{_TARGET},kind="{self.kind}"}}'
        return _Annotation(
            name=self.name,
            datasource=DATA_SOURCE,
            enable=True,
            hide=False,
            icon_color=self.colour,
            expr=f"sum by (alertname) (increase({counter}[$__rate_interval])) > 0",
        )


class _Marker(Builder[dashboard.AnnotationQuery]):
    """The moments at which somebody set a marker: a deploy, a campaign."""

    def build(self) -> dashboard.AnnotationQuery:
        return _AnnotationAtItsValue(
            name="Markers (any account)",
            datasource=DATA_SOURCE,
            enable=True,
            hide=False,
            icon_color=looks.GONE,
            expr=f"max by (kind) (wamon_marker_timestamp_seconds{{{_TARGET}}}) * 1000",
        )
