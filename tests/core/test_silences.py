"""Matchers and silences: what they hide, until when, and which are refused."""

from datetime import timedelta

import pytest

from tests.fakes import START
from wamon.core.silences import Matcher, Operator, Silence, silence_problems, silenced_by

HOUR = timedelta(hours=1)


def silence(*matchers: str, name: str = "s", lasts: timedelta = HOUR, **changes: str) -> Silence:
    values = {"reason": "maintenance", "author": "Kim", **changes}
    parsed = tuple(map(Matcher.parse, matchers))
    return Silence(id=name, matchers=parsed, starts_at=START, ends_at=START + lasts, **values)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("rule=Bad", {"rule": "Bad"}, True),
        ("rule=Bad", {"rule": "Worse"}, False),
        ("rule=Bad", {}, False),
        ('rule="Bad = worse"', {"rule": "Bad = worse"}, True),
        (" rule != Bad ", {"rule": "Worse"}, True),
        ("rule!=Bad", {"rule": "Bad"}, False),
        ("rule!=Bad", {}, True),
        ("rule=~Whats.*", {"rule": "WhatsAppTokenInvalid"}, True),
        ("rule=~Token", {"rule": "WhatsAppTokenInvalid"}, False),
        ("rule!~Whats.*", {"rule": "WhatsAppTokenInvalid"}, False),
        ("rule!~Whats.*", {"rule": "WamonCannotSee"}, True),
        ("rule=", {}, True),
    ],
)
def test_matcher_compares_the_whole_value(text: str, labels: dict[str, str], matches: bool) -> None:
    assert Matcher.parse(text).matches(labels) is matches


@pytest.mark.parametrize(
    ("text", "word"), [("rule", "is not a matcher"), ("=x", "is not a matcher"), ("rule=~[", "regular expression")]
)
def test_what_is_no_matcher_is_refused_in_words(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Matcher.parse(text)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a|b)*c", "(?:x){2,}", ".*a.*b.*c.*", "x" * 301, "a{1,9}b*c+d*"],
)
def test_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="could take for ever"):
        Matcher.parse(f"rule=~{pattern}")


@pytest.mark.parametrize(
    "pattern", ["WhatsApp.*", "(Bad|Worse)", "a\\*b\\+c\\{d\\(e\\)*", "[*+{)]+x", ".*Token.*|.*Quality.*"[:14]]
)
def test_everyday_pattern_is_taken(pattern: str) -> None:
    assert Matcher.parse(f"rule=~{pattern}").value == pattern


def test_matcher_is_printed_as_it_is_written() -> None:
    assert str(Matcher("rule", Operator.MATCHES_NOT, "Bad|Worse")) == "rule!~Bad|Worse"


@pytest.mark.parametrize(("at", "active"), [(-1, False), (0, True), (3599, True), (3600, False)])
def test_silence_holds_from_its_start_to_just_before_its_end(at: int, active: bool) -> None:
    assert silence("rule=Bad").is_active(START + timedelta(seconds=at)) is active


def test_alert_must_match_every_matcher() -> None:
    both = silence("rule=Bad", "waba_id=100")

    assert both.matches({"rule": "Bad", "waba_id": "100"})
    assert not both.matches({"rule": "Bad", "waba_id": "101"})


def test_of_several_silences_the_one_that_ends_last_counts() -> None:
    short, long = silence("rule=Bad", name="short"), silence("rule=Bad", name="long", lasts=2 * HOUR)

    assert silenced_by({"rule": "Bad"}, [long, short], START) is long
    assert silenced_by({"rule": "Bad"}, [long, short], START + 3 * HOUR) is None
    assert silenced_by({"rule": "Worse"}, [long, short], START) is None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (silence(), "at least one matcher"),
        (silence("rule=~.*"), "match anything"),
        (silence("rule=Bad", reason=" "), "needs a reason"),
        (silence("rule=Bad", author=""), "needs an author"),
        (silence("rule=Bad", lasts=timedelta(0)), "end before it begins"),
        (silence("rule=Bad", lasts=timedelta(days=31)), "ends within 30 days"),
    ],
)
def test_silence_that_would_do_harm_is_refused_in_words(wrong: Silence, word: str) -> None:
    (problem,) = silence_problems(wrong, now=START)

    assert word in problem


def test_good_silence_has_no_problems() -> None:
    assert silence_problems(silence("rule=Bad", lasts=timedelta(days=30)), now=START) == []
