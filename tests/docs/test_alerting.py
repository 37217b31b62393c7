"""docs/alerting.md tells the numbers and tables that the code has."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from wamon.core.alerting import Severity
from wamon.core.flapping import CALM_BELOW, FLAPS_AT, LEAST_HALF_LIFE, LONGEST_HOLD_HALF_LIVES, OPENED, RETURNED
from wamon.core.manner import Patience
from wamon.core.silences import LONGEST_SILENCE
from wamon.rules import RULES
from wamon.rules.inhibitions import INHIBITIONS

GUIDE = (Path(__file__).parents[2] / "docs" / "alerting.md").read_text(encoding="utf-8")
PATIENCE = Patience()


def chapter(title: str) -> str:
    return re.split(r"^##+ ", GUIDE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table(title: str) -> list[list[str]]:
    """The cells of a chapter's first table, without its head."""
    lines = re.findall(r"^\|(.+)\|$", chapter(title), flags=re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def words(duration: timedelta) -> str:
    """`20 s`, `15 min`, `4 h`: the largest unit that leaves nothing over; a day is 24 h."""
    units = ((3600, "h"), (60, "min"), (1, "s"))
    seconds = int(duration.total_seconds())
    return next(f"{seconds // size} {unit}" for size, unit in units if seconds % size == 0)


def test_inhibitions_are_those_of_the_code() -> None:
    told = {
        (source.split("`")[1], frozenset(re.findall(r"`(\w+)`", targets)), frozenset(re.findall(r"`(\w+)`", equal)))
        for source, targets, equal in table("Inhibition")
    }

    assert told == {(each.source, each.targets, frozenset(each.equal)) for each in INHIBITIONS}


def test_narrower_inhibitions_name_what_narrows_them() -> None:
    rows = {source.split("`")[1]: f"{source} {targets}" for source, targets, _ in table("Inhibition")}
    named = {
        (each.source, value)
        for each in INHIBITIONS
        for where in (each.source_where, each.target_where)
        for values in where.values()
        for value in values
    }

    assert named
    assert all(value in rows[source] for source, value in named)


def test_families_are_those_of_the_rules() -> None:
    told = {family.strip("`"): re.findall(r"`(\w+)`", rules) for family, rules in table("Families")}

    assert told == {
        family: [rule.name for rule in RULES if rule.family == family]
        for family in dict.fromkeys(rule.family for rule in RULES if rule.family)
    }


@pytest.mark.parametrize(
    ("title", "duration"),
    [
        ("Grouping and timing", PATIENCE.group_wait),
        ("Grouping and timing", PATIENCE.group_interval),
        ("Grouping and timing", PATIENCE.urgent_interval),
        ("Grouping and timing", PATIENCE.repeats[Severity.CRITICAL]),
        ("Grouping and timing", PATIENCE.repeats[Severity.WARNING]),
        ("Acknowledgement and escalation", PATIENCE.ack_lasts),
        ("Acknowledgement and escalation", PATIENCE.escalate_after[0]),
        ("Acknowledgement and escalation", PATIENCE.escalate_after[1]),
    ],
)
def test_times_are_those_of_the_code(title: str, duration: timedelta) -> None:
    assert words(duration) in chapter(title)


def test_counts_are_those_of_the_code() -> None:
    storm = f"more than {PATIENCE.storm_groups} groups open within {PATIENCE.storm_within.seconds} s"
    penalties = [f"{OPENED:,.0f}", f"{RETURNED:.0f}", f"{FLAPS_AT:,.0f}", f"{CALM_BELOW:,.0f}"]

    assert storm in chapter("Storms")
    assert f"at most {LONGEST_SILENCE.days} days" in " ".join(chapter("Silences").split())
    assert [each for each in penalties if each not in chapter("Flap damping")] == []
    assert f"{LEAST_HALF_LIFE.seconds // 60} minutes" in chapter("Flap damping")
    assert LONGEST_HOLD_HALF_LIVES == 4
    assert "four half-lives" in chapter("Flap damping")
