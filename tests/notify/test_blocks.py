from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START
from tests.notify.cases import QUALITY, notification, snapshot, transition
from wamon.core.alerting import Severity
from wamon.core.ports import Message
from wamon.notify.blocks import blocks, fallback, mrkdwn
from wamon.notify.message import Links, compose
from wamon.sim.blocks import block_problems

MESSAGE = compose(
    notification(transition()),
    rule=QUALITY,
    snapshot=snapshot(),
    now=START,
    links=Links(runbooks="https://wamon.example/runbooks"),
)
TEXT = st.builds(lambda piece, times: piece * times, st.sampled_from(["a", "&<>", "|*\n", "é😀"]), st.integers(0, 4000))
TEXTS = st.lists(TEXT, max_size=30)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=30).map(tuple)


def test_blocks_come_in_the_order_of_need() -> None:
    made = blocks(MESSAGE)

    assert [block["type"] for block in made] == [
        "header", "section", "section", "section", "section", "context",
    ]  # fmt: skip
    assert made[0]["text"]["text"] == ":red_circle: CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert made[1]["fields"][0]["text"] == "*Since*\n10:00 UTC"
    assert made[2]["text"]["text"] == "*Evidence*\n• *Quality rating*: RED since 09:58"
    assert made[3]["text"]["text"] == "*What to do*\n1. Stop campaigns.\n2. Find what changed."
    assert made[4]["text"]["text"].startswith("<https://wamon.example/runbooks/QualityRed.md|Runbook> · <https://")
    assert made[5]["elements"][-1]["text"] == f"ref {MESSAGE.reference}"


@pytest.mark.parametrize(
    ("severity", "is_resolved", "mark"),
    [
        (Severity.CRITICAL, False, ":red_circle:"),
        (Severity.WARNING, False, ":large_orange_circle:"),
        (Severity.INFO, False, ":large_blue_circle:"),
        (Severity.CRITICAL, True, ":large_green_circle:"),
    ],
)
def test_colour_tells_the_severity(severity: Severity, is_resolved: bool, mark: str) -> None:
    made = blocks(replace(MESSAGE, severity=severity, is_resolved=is_resolved))

    assert made[0]["text"]["text"].startswith(f"{mark} ")


def test_long_fact_gets_a_line_of_its_own() -> None:
    made = blocks(replace(MESSAGE, facts=(("Meaning", "x" * 81), ("Owner", "SRE"))))

    assert [field["text"] for field in made[1]["fields"]] == ["*Owner*\nSRE"]
    assert made[2]["text"]["text"] == f"• *Meaning*: {'x' * 81}"


def test_headline_that_is_too_long_for_the_header_is_told_whole_below() -> None:
    headline = "CRITICAL  " + "x" * 300

    made = blocks(replace(MESSAGE, headline=headline))

    assert len(made[0]["text"]["text"]) == 150
    assert made[0]["text"]["text"].endswith("…")
    assert made[1]["text"]["text"] == headline


def test_markup_in_a_name_means_nothing_to_slack() -> None:
    hostile = replace(
        MESSAGE, facts=(("Owner", "<!channel> & <@U1>"),), links=(("a|b>", "https://x.example/?a=1&b=<|>"),)
    )

    made = str(blocks(hostile)) + fallback(hostile)

    assert "<!channel>" not in made
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in made
    assert "<https://x.example/?a=1&amp;b=%3C%7C%3E|a|b&gt;>" in made


def test_cut_text_never_ends_in_half_an_escape() -> None:
    assert mrkdwn("ab<", 6) == "ab&lt;"
    assert mrkdwn("abc<", 6) == "abc…"
    assert mrkdwn("abcdef", 6) == "abcdef"
    assert mrkdwn("abcdefg", 6) == "abcde…"


def test_list_that_is_too_long_shows_that_it_was_cut() -> None:
    made = blocks(replace(MESSAGE, steps=("x" * 2900, "y" * 200, "z")))

    text = made[3]["text"]["text"]
    assert len(text) <= 3000
    assert text.endswith("…")


def test_fallback_begins_with_the_headline() -> None:
    assert fallback(MESSAGE).splitlines()[0] == MESSAGE.headline


@given(headline=TEXT.filter(bool), facts=PAIRS, evidence=PAIRS, links=PAIRS, steps=TEXTS, remarks=TEXTS)
def test_slack_takes_it_whatever_the_lengths(
    headline: str,
    facts: tuple[tuple[str, str], ...],
    evidence: tuple[tuple[str, str], ...],
    links: tuple[tuple[str, str], ...],
    steps: list[str],
    remarks: list[str],
) -> None:
    message = Message(
        headline=headline,
        severity=Severity.CRITICAL,
        is_resolved=False,
        facts=facts,
        evidence=evidence,
        steps=tuple(steps),
        links=links,
        remarks=tuple(remarks),
        reference="r" * 300,
    )

    assert block_problems(blocks(message)) == []
    assert 0 < len(fallback(message)) <= 4000
