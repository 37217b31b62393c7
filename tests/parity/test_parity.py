"""The same stories give the same alerts, whether wamon tells of them or Prometheus does."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.assets.shipped import alerting_rules
from tests.parity.differences import DIFFERENCES, FIRE_ALONE_IN, PROMETHEUS_ONLY, UNTOUCHED, Difference
from tests.parity.judges import Comparison, Disagreement, builtin, compare, prometheus
from tests.parity.stories import STORIES
from tests.tools import require_tool
from wamon.rules import RULES

pytestmark = pytest.mark.alone

STORY_NAMES = tuple(story.__name__ for story in STORIES)
WORKERS = 2


def compared(story_name: str) -> Comparison:
    """One story, told and judged twice. It runs in a process of its own."""
    story = next(story for story in STORIES if story.__name__ == story_name)
    with tempfile.TemporaryDirectory() as folder:
        recording = asyncio.run(story(Path(folder)))
        return compare(builtin(recording), prometheus(recording, Path(folder)))


@pytest.fixture(scope="module")
def told() -> Iterator[Mapping[str, Future[Comparison]]]:
    require_tool("promtool")
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield {name: pool.submit(compared, name) for name in STORY_NAMES}
        # Where only some of the tests run, the other stories need not be told.
        pool.shutdown(cancel_futures=True)


def is_meant(row: Difference, found: Disagreement) -> bool:
    return (row.alert, row.said_by) == (found.alert.name, found.said_by)


def is_explained(found: Disagreement, story: str) -> bool:
    if found.alert.name in PROMETHEUS_ONLY:
        return story in FIRE_ALONE_IN.get(found.alert.name, ())
    return any(is_meant(row, found) for row in DIFFERENCES)


@pytest.mark.parametrize("story", STORY_NAMES)
def test_both_judges_name_the_same_alerts(story: str, told: Mapping[str, Future[Comparison]]) -> None:
    found = told[story].result().disagreements

    assert "\n".join(str(each) for each in found if not is_explained(each, story)) == ""


def test_each_difference_in_the_table_is_still_one(told: Mapping[str, Future[Comparison]]) -> None:
    found = [each for future in told.values() for each in future.result().disagreements]

    assert [row for row in DIFFERENCES if not any(is_meant(row, each) for each in found)] == []


def test_what_prometheus_alone_knows_fires_where_the_table_says(told: Mapping[str, Future[Comparison]]) -> None:
    found = {(each.alert.name, name) for name, future in told.items() for each in future.result().disagreements}

    expected = {(alert, story) for alert, stories in FIRE_ALONE_IN.items() for story in stories}
    assert {each for each in found if each[0] in PROMETHEUS_ONLY} == expected


def test_what_no_story_touches_is_listed(told: Mapping[str, Future[Comparison]]) -> None:
    agreed = {(alert.name, alert.severity) for future in told.values() for alert in future.result().agreed}

    known = {(name, str(severity)) for rule in RULES for severity, name in rule.alertnames.items()}
    assert known - agreed == UNTOUCHED.keys()


def test_what_prometheus_alone_knows_is_listed() -> None:
    ours = {name for rule in RULES for name in rule.alertnames.values()}

    assert alerting_rules().keys() - ours == PROMETHEUS_ONLY.keys()
