"""The reference of every metric family, as Markdown for docs/metrics.md."""

from collections.abc import Sequence
from typing import Any

from wamon.core.health import Signal
from wamon.metrics.families import FRESHNESS_METRIC, Family, state_families
from wamon.metrics.instruments import INSTRUMENTS, PROCESS

INTRODUCTION = f"""\
# Metrics

`whatsapp_*` is what wamon observed of the account, `wamon_*` is about the daemon, `process_*` about its process. All
of it is at `/metrics` on the private listener, in Prometheus's text format 0.0.4.

- A value from a poll is a cached one. `{FRESHNESS_METRIC}` tells how old: it moves with every answer.
- What is too old to be known (three intervals, at least 15 minutes) is *unknown*: a state shows as `UNKNOWN`, anything
  else has no series. The `last_known` families tell what it was. No series is never a zero.
- Times are in unix seconds. A moment that will not come, as the expiry of a token that never expires, has no series.
- What webhooks come to (ratios, open messages) is worked out at each tick. What an account-level webhook told holds
  until the next one tells otherwise, or until the end that Meta named.
- Counters and histograms *since the first start* survive restarts; those of the process start again at 0.
- A phone number has its counters of messages from its first webhook on, all of them at once: one that sends nothing
  costs no series. A number or account that is no longer monitored loses them.
- Above `metrics_max_series` the families marked *optional* are left out, the last in this list first.
"""


def metric_rows(signals: Sequence[Signal[Any]]) -> tuple[Family, ...]:
    """Every family of a scrape, in its order."""
    return (*state_families(signals), *INSTRUMENTS, *PROCESS)


def render_reference(signals: Sequence[Signal[Any]]) -> str:
    """The whole page."""
    rows = metric_rows(signals)
    account = [row for row in rows if row.name.startswith("whatsapp_")]
    daemon = [row for row in rows if row.name.startswith("wamon_")]
    sections = (("The account", account), ("The daemon", daemon), ("Its process", PROCESS))
    return "\n".join([INTRODUCTION, *(_section(title, families) for title, families in sections)])


def _section(title: str, rows: Sequence[Family]) -> str:
    lines = [f"## {title}", "", "| metric | type | labels | meaning | how fresh |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(row: Family) -> str:
    name = f"`{row.name}`" + (" (optional)" if row.is_optional else "")
    cells = (name, row.type, ", ".join(row.labels), row.meaning, row.freshness.value)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
