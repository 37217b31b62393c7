"""A message as Slack takes and shows it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import START
from tests.notify.cases import QUALITY, batch, state_of, story, told, transition
from wamon.core.alerting import Severity
from wamon.core.outgoing import Button, Message
from wamon.notify.blocks import MAX_ACTIONS, MAX_ALL, MAX_BUTTON, blocks, fallback, mrkdwn
from wamon.notify.details import Links
from wamon.notify.message import Composer
from wamon.sim.blocks import block_problems

MESSAGE = replace(
    Composer(
        rules=(QUALITY,),
        links=Links(runbooks="https://wamon.example/runbooks", page="http://w.example"),
        has_buttons=True,
    ).first(batch(told(transition())), story(transition()), state_of(transition()), START),
    reference="a1b2-1",
)
BARE = Message(headline="CRITICAL", severity=Severity.CRITICAL, is_resolved=False, reference="")
TEXT = st.builds(
    lambda piece, times: piece * times, st.sampled_from(["a", "&<>", "|*\n", "é😀", "\n"]), st.integers(0, 4000)
)
TEXTS = st.lists(TEXT, max_size=12)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=12).map(tuple)
MEMBERS = st.lists(st.tuples(st.sampled_from(Severity), st.booleans(), TEXT), max_size=12).map(tuple)
BUTTONS = st.lists(
    st.builds(Button, action=TEXT, label=TEXT.filter(bool), value=TEXT, url=st.none() | TEXT), max_size=30
).map(tuple)
MESSAGES = st.builds(
    Message,
    headline=TEXT.filter(bool),
    severity=st.sampled_from(Severity),
    is_resolved=st.booleans(),
    facts=PAIRS,
    members=MEMBERS,
    evidence=PAIRS,
    steps=TEXTS.map(tuple),
    timeline=PAIRS,
    links=PAIRS,
    remarks=TEXTS.map(tuple),
    buttons=BUTTONS,
    mention=st.none() | TEXT,
    data=st.just({}),
    reference=TEXT,
)


def shown(made: object) -> Iterator[str]:
    """All the words of some blocks."""
    if isinstance(made, list):
        for each in made:
            yield from shown(each)
    elif isinstance(made, Mapping):
        for name, value in made.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from shown(value)


def section(message: Message, title: str) -> str:
    """The one section under this title."""
    texts = [block["text"]["text"] for block in blocks(message) if block["type"] == "section" and "text" in block]
    (found,) = (text for text in texts if text.startswith(f"*{title}*"))
    return str(found)


def test_blocks_come_in_the_order_of_need() -> None:
    made = blocks(MESSAGE)

    assert [block["type"] for block in made] == [
        "header", "section", "section", "section", "section", "actions", "context",
    ]  # fmt: skip
    assert made[0]["text"]["text"] == ":red_circle: CRITICAL  Quality rating RED  +1 555 078 3881 (Jasper's Market)"
    assert made[1]["fields"][0]["text"] == "*Since*\n10:00 UTC"
    assert made[2]["text"]["text"] == "*Evidence*\n• *Quality rating*: RED since 09:58"
    assert made[3]["text"]["text"] == "*What to do*\n1. Stop campaigns.\n2. Find what changed."
    assert made[4]["text"]["text"].startswith("<https://wamon.example/runbooks/QualityRed.md|Runbook> · <http://")
    assert made[6]["elements"][-1]["text"] == "ref a1b2-1"


def test_edit_has_no_reference() -> None:
    assert "context" not in [block["type"] for block in blocks(replace(MESSAGE, reference=""))]


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


def test_fact_of_several_lines_gets_a_section_of_its_own() -> None:
    digest = replace(BARE, facts=(("Alerts", "2 opened\n1 resolved"), ("Time left", "a\nb")))

    assert [block["text"]["text"] for block in blocks(digest)[1:]] == [
        "*Alerts*\n2 opened\n1 resolved",
        "*Time left*\na\nb",
    ]


def test_headline_that_is_too_long_for_the_header_is_told_whole_below() -> None:
    headline = "CRITICAL  " + "x" * 300

    made = blocks(replace(MESSAGE, headline=headline))

    assert len(made[0]["text"]["text"]) == 150
    assert made[0]["text"]["text"].endswith("…")
    assert made[1]["text"]["text"] == headline


def test_each_member_has_the_colour_of_its_severity() -> None:
    several = replace(BARE, members=((Severity.CRITICAL, False, "one"), (Severity.WARNING, True, "two")))

    assert section(several, "Alerts") == "*Alerts*\n:red_circle: one\n:large_green_circle: two"


def test_people_are_called_in_slacks_own_words_right_below_the_headline() -> None:
    made = blocks(replace(MESSAGE, mention="<!subteam^S1>"))

    assert made[1]["text"]["text"] == "<!subteam^S1>"


def test_buttons_carry_what_comes_back_when_they_are_pressed() -> None:
    (actions,) = [block for block in blocks(MESSAGE) if block["type"] == "actions"]

    assert [(each["action_id"], each["value"], each.get("url")) for each in actions["elements"]] == [
        ("wamon_acknowledge", "1", None),
        ("wamon_silence_1h", "1", None),
        ("wamon_silence_4h", "1", None),
        ("wamon_silence_24h", "1", None),
        ("wamon_open", "1", "http://w.example"),
    ]


def test_button_whose_page_slack_would_refuse_does_not_cost_the_message() -> None:
    message = replace(BARE, buttons=(Button("open", "Open", "1", "http://w.example/" + "x" * 3000),))

    (actions,) = [block for block in blocks(message) if block["type"] == "actions"]
    assert "url" not in actions["elements"][0]


def test_markup_in_a_name_means_nothing_to_slack() -> None:
    hostile = replace(
        MESSAGE,
        facts=(("Owner", "<!channel> & <@U1>"),),
        members=((Severity.INFO, False, "<!here>"),),
        timeline=(("<!here>", "<!everyone>"),),
        links=(("a|b>", "https://x.example/?a=1&b=<|>"),),
    )

    made = str(blocks(hostile)) + fallback(hostile)

    assert not any(word in made for word in ("<!channel>", "<!here>", "<!everyone>"))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in made
    assert "<https://x.example/?a=1&amp;b=%3C%7C%3E|a|b&gt;>" in made


def test_cut_text_never_ends_in_half_an_escape() -> None:
    assert mrkdwn("ab<", 6) == "ab&lt;"
    assert mrkdwn("abc<", 6) == "abc…"
    assert mrkdwn("abcdef", 6) == "abcdef"
    assert mrkdwn("abcdefg", 6) == "abcde…"


def test_list_that_is_too_long_shows_that_it_was_cut() -> None:
    text = section(replace(BARE, steps=("x" * 2900, "y" * 200, "z")), "What to do")

    assert len(text) <= 3000
    assert text.endswith("…")


def test_time_line_that_is_too_long_keeps_its_beginning_and_its_end() -> None:
    timeline = tuple((f"10:{minute:02} UTC", "x" * 200) for minute in range(26))

    lines = section(replace(BARE, timeline=timeline), "What happened").splitlines()

    assert lines[1].startswith("10:00 UTC")
    assert lines[2] == "…"
    assert lines[-1].startswith("10:25 UTC")


def test_crowded_message_keeps_what_is_needed_to_act_on_it() -> None:
    crowded = replace(
        MESSAGE,
        members=tuple((Severity.CRITICAL, False, "m" * 400) for _ in range(11)),
        evidence=tuple((f"e{index}", "e" * 300) for index in range(20)),
        timeline=tuple((f"{index}", "t" * 300) for index in range(26)),
        remarks=tuple("r" * 300 for _ in range(9)),
    )

    made = blocks(crowded)

    assert {"header", "actions", "context"} <= {block["type"] for block in made}
    assert "1. Stop campaigns." in section(crowded, "What to do")
    assert made[-1]["elements"][-1]["text"] == "ref a1b2-1"


def test_fallback_begins_with_the_headline() -> None:
    assert fallback(MESSAGE).splitlines()[0] == MESSAGE.headline


@given(message=MESSAGES)
def test_slack_takes_it_whatever_the_lengths(message: Message) -> None:
    made: list[dict[str, Any]] = blocks(message)

    assert block_problems(made) == []
    assert sum(map(len, shown(made))) <= MAX_ALL + MAX_ACTIONS * MAX_BUTTON
    assert 0 < len(fallback(message)) <= 4000
