"""The table of where Prometheus and the built-in engine differ: complete, and of alerts that exist."""

import re
from pathlib import Path
from typing import Final

from tests.assets.shipped import alerting_rules
from tests.parity.differences import DIFFERENCES, PROMETHEUS_ONLY
from tests.parity.stories import STORIES
from wamon.rules import RULES

PAGE: Final = Path(__file__).parents[2] / "docs" / "prometheus-and-grafana.md"
CHAPTER: Final = PAGE.read_text(encoding="utf-8").partition("## Where Prometheus and the built-in engine differ\n")[2]
ROWS: Final = [row for row in re.findall(r"^\| (.+) \|$", CHAPTER, re.MULTILINE) if row.startswith("`")]
NAME: Final = re.compile(r"`((?:WhatsApp|Wamon)[A-Za-z]+)`")


def names(text: str) -> set[str]:
    return set(NAME.findall(text))


def test_every_difference_that_a_story_shows_is_in_the_table_and_marked() -> None:
    marked = [row.partition(" | ")[0] for row in ROWS if row.partition(" | ")[0].endswith(" *")]

    assert names(" ".join(marked)) == {row.alert for row in DIFFERENCES}


def test_alerts_of_prometheus_alone_are_named_below_the_table() -> None:
    below = CHAPTER.partition("\nBy Prometheus alone: ")[2].partition("\n\n")[0]

    assert names(below) == PROMETHEUS_ONLY.keys()


def test_every_row_has_what_and_why_of_alerts_that_both_have() -> None:
    both = alerting_rules().keys() & {name for rule in RULES for name in rule.alertnames.values()}

    assert [row for row in ROWS if not all(cell.strip() for cell in row.split(" | ")) or row.count(" | ") != 2] == []
    assert names("".join(row.partition(" | ")[0] for row in ROWS)) - both == set()


def test_chapter_counts_the_stories() -> None:
    assert f"plays the same {len(STORIES)} stories to both" in re.sub(r"\s+", " ", CHAPTER)
