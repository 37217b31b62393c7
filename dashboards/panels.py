"""The kinds of panels that the boards are made of. Each wants to be told what it shows, where that comes from, what to
do about it, and what it means when there is nothing to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus as promql
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)

from dashboards import looks

DATA_SOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
# wamon serves its runbooks on its private listener, as the alerts' runbook_url says.
RUNBOOKS: Final = "http://localhost:9877/runbooks"
WHOLE, HALF, THIRD, QUARTER = 24, 12, 8, 6
LOW, MIDDLE, HIGH = 4, 8, 10
# Enough for the eye, and what a fleet of thousands can be asked for within seconds.
MOST_POINTS: Final = 300

PanelBuilder: TypeAlias = Builder[dashboard.Panel]
Mapping: TypeAlias = dashboard.ValueMap
Thresholds: TypeAlias = build.ThresholdsConfig


class Source(StrEnum):
    """Where a panel's values come from and how old they may be."""

    POLL = (
        "poll of Meta's Graph API, cached since. What is older than three intervals (at least 15 minutes) is unknown: "
        "a state shows as UNKNOWN, anything else goes."
    )
    WEBHOOK = "webhook. It holds until Meta tells otherwise, or until the end that Meta named."
    TICK = "webhooks, worked out at each tick (30 seconds). A ratio has no value below 50 messages."
    COUNT = "webhooks, counted as they arrive; the counters survive a restart."
    BOTH = "polls of the Graph API, unknown when older than three intervals, and webhooks, which hold until the next."
    RULES = "recording rules (alerts/recording.rules.yml) over what webhooks told; as fresh as their last evaluation."
    DAEMON = "wamon itself, as of the last scrape."


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a panel tells of itself. `missing` ends the sentence that begins with "No series: " or "No value: "."""

    title: str
    shows: str
    source: Source
    act: str
    missing: str
    runbooks: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"{self.shows}\n\nSource: {self.source}\n\nWhat to do: {self.act}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query; `legend` names its series by their labels, `unit` is theirs where it is not the panel's."""

    expr: str
    legend: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: a label, or "Value" (with several queries "Value #A", "Value #B" ...).

    One that is hidden is there for the order of the rows or for links.
    """

    name: str
    title: str
    unit: str = "string"
    mapping: Mapping | None = None
    thresholds: Thresholds | None = None
    links: tuple["Link", ...] = ()
    width: int | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    title: str
    url: str


def board_link(uid: str, title: str, *fixed: str) -> Link:
    """To another board with the same source, variables and time; `fixed` are variables set from the row."""
    kept = ("datasource", "job", "instance")
    variables = "&".join((*(f"${{{name}:queryparam}}" for name in kept), *fixed))
    return Link(title=title, url=f"/d/{uid}?{variables}&${{__url_time_range}}")


THIS_NUMBER: Final = ("var-waba=${__data.fields.waba_id}", "var-phone=${__data.fields.phone_number_id}")
NUMBER_LINK: Final = board_link("wamon-number", "Open this number", *THIS_NUMBER)
DELIVERY_LINK: Final = board_link("wamon-delivery", "Delivery of this account", THIS_NUMBER[0])
WEBHOOKS_LINK: Final = board_link("wamon-webhooks", "Webhooks of this account", THIS_NUMBER[0])
RUNBOOK_LINK: Final = Link(title="Runbook", url=f"{RUNBOOKS}/${{__data.fields.alertname}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What the kinds of panels set about their values."""

    unit: str
    mapping: Mapping | None = None
    thresholds: Thresholds = field(default_factory=looks.thresholds)
    colour: dashboard.FieldColorModeId = dashboard.FieldColorModeId.PALETTE_CLASSIC
    minimum: float | None = None
    maximum: float | None = None


# What draws one figure a series writes the words for no value as large as a figure.
_BRIEF: Final = frozenset({"stat", "bargauge"})
NOTHING: Final = "-"


def _panel(kind: str, about: About, size: tuple[int, int], look: _Look, options: Any, custom: Any) -> build.Panel:
    width, height = size
    panel = build.Panel().type(kind).title(about.title).datasource(DATA_SOURCE)
    if kind in _BRIEF:
        panel.description(f"{about.description}\n\nNo value: {about.missing}").no_value(NOTHING)
    else:
        panel.description(about.description).no_value(f"No series: {about.missing}")
    panel.span(width).height(height).options(options).custom(custom)
    panel.unit(look.unit).thresholds(look.thresholds).color_scheme(build.FieldColor().mode(look.colour))
    if look.mapping is not None:
        panel.mappings([look.mapping])
    if look.minimum is not None:
        panel.min(look.minimum)
    if look.maximum is not None:
        panel.max(look.maximum)
    if look.unit in looks.DECIMALS:
        panel.decimals(looks.DECIMALS[look.unit])
    if about.runbooks:
        panel.links([_panel_link(name) for name in about.runbooks])
    return panel


def _panel_link(alert: str) -> build.DashboardLink:
    link = build.DashboardLink(f"Runbook: {alert}").type(dashboard.DashboardLinkType.LINK)
    return link.url(f"{RUNBOOKS}/{alert}").target_blank(True)


def _with_units(panel: build.Panel, queries: Sequence[Query]) -> build.Panel:
    """With the units of single queries, and decimals: those of the panel's unit may be too few."""
    for at, query in enumerate(queries):
        if query.unit:
            panel.override_by_query(_ref(at), _of_unit(query.unit, looks.DECIMALS.get(query.unit, 2)))
    return panel


def _of_unit(unit: str, decimals: int | None) -> list[dashboard.DynamicConfigValue]:
    settings = [dashboard.DynamicConfigValue(id_val="unit", value=unit)]
    if decimals is not None:
        settings.append(dashboard.DynamicConfigValue(id_val="decimals", value=decimals))
    return settings


def _ref(index: int) -> str:
    return chr(ord("A") + index)


def _range(queries: Sequence[Query]) -> list[Builder[Any]]:
    return [
        promql.Dataquery().expr(query.expr).legend_format(query.legend).range().datasource(DATA_SOURCE).ref_id(_ref(at))
        for at, query in enumerate(queries)
    ]


def _instant(queries: Sequence[Query], form: prometheus.PromQueryFormat) -> list[Builder[Any]]:
    return [
        promql.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend)
        .instant()
        .format(form)
        .datasource(DATA_SOURCE)
        .ref_id(_ref(at))
        for at, query in enumerate(queries)
    ]


def lines(
    about: About,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (HALF, MIDDLE),
    thresholds: Thresholds | None = None,
    is_stacked: bool = False,
    maximum: float | None = None,
) -> PanelBuilder:
    """Lines over time, or areas one upon the other; gaps stay gaps. Given thresholds are drawn."""
    style = common.GraphThresholdsStyleMode.DASHED if thresholds else common.GraphThresholdsStyleMode.OFF
    custom = timeseries.FieldConfig(
        line_width=1,
        fill_opacity=30 if is_stacked else 5,
        span_nulls=False,
        show_points=common.VisibilityMode.AUTO,
        thresholds_style=common.GraphThresholdsStyleConfig(mode=style),
        stacking=common.StackingConfig(
            mode=common.StackingMode.NORMAL if is_stacked else common.StackingMode.NONE, group="A"
        ),
    )
    options = timeseries.Options(
        legend=common.VizLegendOptions(
            display_mode=common.LegendDisplayMode.TABLE,
            placement=common.LegendPlacement.BOTTOM,
            show_legend=True,
            calcs=["lastNotNull", "max"],
            sort_by="Max",
            sort_desc=True,
        ),
        tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING),
    )
    look = _Look(unit=unit, thresholds=thresholds or looks.thresholds(), minimum=0, maximum=maximum)
    panel = _panel("timeseries", about, size, look, options, custom).targets(_range(queries))
    return _with_units(panel.max_data_points(MOST_POINTS), queries)


def figures(
    about: About,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (QUARTER, LOW),
    mapping: Mapping | None = None,
    thresholds: Thresholds | None = None,
    is_named: bool = False,
    is_filled: bool = False,
    alarming: Sequence[tuple[str, str]] = (),
    text: common.BigValueTextMode | None = None,
) -> PanelBuilder:
    """One big figure a series, as it is now; `is_named` shows the series' names, `is_filled` colours all of it.

    `alarming` are names of series with the colour that they have from 1 on.
    """
    named = common.BigValueTextMode.VALUE_AND_NAME if is_named else common.BigValueTextMode.VALUE
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.BACKGROUND_SOLID if is_filled else common.BigValueColorMode.VALUE,
        justify_mode=common.BigValueJustifyMode.AUTO,
        text_mode=text or named,
        reduce_options=_last(),
        orientation=common.VizOrientation.AUTO,
    )
    look = _Look(
        unit=unit,
        mapping=mapping,
        # A whole panel in the colour of letters could not be read.
        thresholds=thresholds or looks.thresholds(base=looks.UNKNOWN if is_filled else looks.PLAIN),
        colour=dashboard.FieldColorModeId.THRESHOLDS,
    )
    panel = _panel("stat", about, size, look, options, {})
    for name, colour in alarming:
        steps = looks.thresholds((1, colour)).build()
        panel.override_by_name(name, [dashboard.DynamicConfigValue(id_val="thresholds", value=steps)])
    return _with_units(panel.targets(_instant(queries, prometheus.PromQueryFormat.TIME_SERIES)), queries)


def bars(
    about: About,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (HALF, MIDDLE),
    thresholds: Thresholds | None = None,
) -> PanelBuilder:
    """One bar a series, as it is now."""
    options = bargauge.Options(
        display_mode=common.BarGaugeDisplayMode.BASIC,
        value_mode=common.BarGaugeValueMode.TEXT,
        show_unfilled=True,
        reduce_options=_last(),
        orientation=common.VizOrientation.HORIZONTAL,
    )
    look = _Look(
        unit=unit,
        thresholds=thresholds or looks.thresholds(),
        colour=dashboard.FieldColorModeId.THRESHOLDS,
        minimum=0,
    )
    targets = _instant(queries, prometheus.PromQueryFormat.TIME_SERIES)
    return _panel("bargauge", about, size, look, options, {}).targets(targets)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields="")


def timeline(
    about: About, *queries: Query, states: Mapping, size: tuple[int, int] = (WHOLE, LOW), link: Link | None = None
) -> PanelBuilder:
    """States over time, one line a subject, each stretch with its word."""
    options = statetimeline.Options(
        show_value=common.VisibilityMode.ALWAYS,
        merge_values=True,
        row_height=0.85,
        legend=common.VizLegendOptions(
            display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM, show_legend=False
        ),
        tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.SINGLE, sort=common.SortOrder.NONE),
        align_value=common.TimelineValueAlignment.LEFT,
    )
    look = _Look(
        unit="none",
        mapping=states,
        # The colours are the mappings'. By thresholds Grafana would merge values into stretches, and drop their words.
        colour=dashboard.FieldColorModeId.FIXED,
    )
    custom = statetimeline.FieldConfig(line_width=0, fill_opacity=85)
    panel = _panel("state-timeline", about, size, look, options, custom).targets(_range(queries))
    panel.max_data_points(MOST_POINTS)
    return panel.data_links([build.DashboardLink(link.title).url(link.url)]) if link else panel


def heat_map(about: About, expr: str, *, unit: str = "s", size: tuple[int, int] = (HALF, MIDDLE)) -> PanelBuilder:
    """How a histogram's observations spread over time; `expr` is by `le`."""
    options = heatmap.Options(
        calculate=False,
        color=heatmap.HeatmapColorOptions(
            mode=heatmap.HeatmapColorMode.SCHEME,
            scheme="Blues",
            fill="dark-blue",
            scale=heatmap.HeatmapColorScale.EXPONENTIAL,
            exponent=0.5,
            steps=64,
        ),
        y_axis=heatmap.YAxisConfig(unit=unit, axis_placement=common.AxisPlacement.LEFT),
        rows_frame=heatmap.RowsHeatmapOptions(layout=common.HeatmapCellLayout.AUTO),
        legend=heatmap.HeatmapLegend(show=True),
        tooltip=heatmap.HeatmapTooltip(mode=common.TooltipDisplayMode.SINGLE, y_histogram=False),
        cell_gap=1,
        filter_values=heatmap.FilterValueRange(le=1e-9),
        show_value=common.VisibilityMode.NEVER,
    )
    custom = heatmap.FieldConfig(
        scale_distribution=common.ScaleDistributionConfig(type_val=common.ScaleDistribution.LINEAR)
    )
    query = promql.Dataquery().expr(expr).legend_format("{{le}}").range().format(prometheus.PromQueryFormat.HEATMAP)
    panel = _panel("heatmap", about, size, _Look(unit=unit), options, custom)
    return panel.targets([query.datasource(DATA_SOURCE).ref_id("A")])


def rows(
    about: About,
    *queries: Query,
    columns: Sequence[Column],
    worst: str,
    is_descending: bool = True,
    size: tuple[int, int] = (WHOLE, HIGH),
) -> PanelBuilder:
    """A table as of now, the rows of several queries joined by the labels that they share; `worst` titles the column
    by which it is sorted."""
    (sorts,) = (column for column in columns if column.title == worst)
    options = table.Options(
        show_header=True,
        cell_height=common.TableCellHeight.SM,
        sort_by=[] if sorts.is_hidden else [common.TableSortByFieldState(display_name=worst, desc=is_descending)],
    )
    custom = table.FieldConfig(align=common.FieldTextAlignment.AUTO, inspect=False, filterable=False)
    look = _Look(
        unit="string",
        thresholds=looks.thresholds(base=looks.CLEAR),
        colour=dashboard.FieldColorModeId.THRESHOLDS,
    )
    panel = _panel("table", about, size, look, options, custom)
    panel.targets(_instant(queries, prometheus.PromQueryFormat.TABLE)).transformations(_in_columns(queries, columns))
    if sorts.is_hidden:
        # The table itself does not know the columns that it hides.
        order = {"fields": {}, "sort": [{"field": sorts.name, "desc": is_descending}]}
        panel.with_transformation(dashboard.DataTransformerConfig(id_val="sortBy", options=order))
    for column in columns:
        panel.override_by_name(column.name, _column(column))
    return panel


def _in_columns(queries: Sequence[Query], columns: Sequence[Column]) -> list[dashboard.DataTransformerConfig]:
    names = [column.name for column in columns]
    order = {name: index for index, name in enumerate(names)}
    return [
        *([dashboard.DataTransformerConfig(id_val="merge", options={})] if len(queries) > 1 else []),
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": names}}),
        dashboard.DataTransformerConfig(
            id_val="organize", options={"excludeByName": {}, "indexByName": order, "renameByName": {}}
        ),
    ]


def _column(column: Column) -> list[dashboard.DynamicConfigValue]:
    value = dashboard.DynamicConfigValue
    settings = [
        value(id_val="displayName", value=column.title),
        *_of_unit(column.unit, looks.DECIMALS.get(column.unit)),
        # The panel's own words for no value are about the whole table.
        value(id_val="noValue", value=NOTHING),
    ]
    if column.mapping is not None:
        settings.append(value(id_val="mappings", value=[column.mapping]))
    if column.thresholds is not None:
        settings.append(value(id_val="thresholds", value=column.thresholds.build()))
    if column.mapping is not None or column.thresholds is not None:
        settings.append(value(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}))
    if column.links:
        links = [{"title": link.title, "url": link.url, "targetBlank": False} for link in column.links]
        settings.append(value(id_val="links", value=links))
    if column.is_hidden:
        settings.append(value(id_val="custom.hidden", value=True))
    if column.width is not None:
        settings.append(value(id_val="custom.width", value=column.width))
    return settings
