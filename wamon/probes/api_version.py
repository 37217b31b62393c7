"""The API version probe: until when the Graph versions in use are served, by Meta's published calendar."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from wamon.core.api_versions import VersionTableError, parse_version_table
from wamon.core.errors import GraphFault, UnexpectedShape
from wamon.core.health import Signal, Subject, SubjectKind, Timestamp
from wamon.core.ports import Probe, ProbeSteps, Report, UrlQuery
from wamon.core.targets import InstanceTarget

VERSION_EXPIRY = Signal(
    name="whatsapp_api_version_expiry_timestamp_seconds",
    kind=SubjectKind.API_VERSION,
    shape=Timestamp(),
    help="Until when Meta serves this Graph API version as itself; absent while no end is announced.",
)
VERSION_TABLE_AS_OF = Signal(
    name="wamon_api_version_table_timestamp_seconds",
    kind=SubjectKind.INSTANCE,
    shape=Timestamp(),
    help="The day on which the table of API versions was last compared with Meta's page.",
)

SIGNALS: tuple[Signal[Any], ...] = (VERSION_EXPIRY, VERSION_TABLE_AS_OF)


def run(target: InstanceTarget) -> ProbeSteps:
    """Date every version in use by the table, refreshed first where an address for a newer one is configured."""
    table, fault = target.table, None
    if target.table_url is not None:
        try:
            payload = yield UrlQuery(url=target.table_url)
            table = table.merge(parse_version_table(payload, source="the version table at the configured URL"))
        except GraphFault as failed:
            fault = failed
        except VersionTableError as error:
            fault = UnexpectedShape(str(error))
    readings = [VERSION_EXPIRY.reading(Subject.api_version(v), table.expires_at(v)) for v in target.versions]
    as_of = datetime.combine(table.as_of, time(), UTC)
    readings.append(VERSION_TABLE_AS_OF.reading(Subject.instance(), as_of))
    return Report(readings=tuple(readings), fault=fault)


PROBE = Probe(
    name="api_version",
    target=InstanceTarget,
    run=run,
    signals=SIGNALS,
    interval=timedelta(hours=1),
    doc="The Graph API versions in use: until when Meta serves them, by its published calendar.",
    is_essential=False,
    is_critical=False,
)
