"""The pages of the numbers and of what happened: what they show, find and leave out, and how fast."""

import gzip
import re
import time
from datetime import timedelta

import pytest

from tests.fakes import START
from tests.operators import Floor
from tests.web.gallery import Gallery, lane
from tests.web.paging import Reader, words
from wamon.picture.values import Lane, Mood, Segment, Sort
from wamon.web.page_look import ago, capitalize_first, counted, grouped, moment, percent, seconds, span, until, url_with
from wamon.web.page_numbers import Strip, number_query, strip
from wamon.web.pages import page_hosts


@pytest.fixture
def reader() -> Reader:
    return Reader(Floor())


def shown(page: str) -> list[str]:
    """The numbers of the page, by id."""
    return re.findall(r'<tr id="number-(\d+)"', page)


# --- the overview -----------------------------------------------------------------------------------------------------


def test_overview_begins_with_the_verdict(reader: Reader) -> None:
    page = reader.get("/")

    assert words(page).startswith("1 number has a bad rating. +1 555 000 0000 is RED since 3 d.")
    assert "<title>1 number has a bad rating: wamon</title>" in page
    assert '<section class="verdict bad" role="status" aria-atomic="true">' in page


def test_each_number_has_its_row_of_facts(reader: Reader) -> None:
    page = reader.get("/")

    assert shown(page) == [str(200 + n) for n in range(8)]
    assert (
        "bad +1 555 000 0000 1 open alert Jasper's Market · main RED CONNECTED AVAILABLE "
        "0.7 % 102 < 0.1 % 12 345 40 s ago 20 s ago GREEN: 2026-10-23"
    ) in words(page)


def test_share_that_is_too_high_is_marked_as_such(reader: Reader) -> None:
    page = reader.get("/")

    assert page.count('data-title="Failures" class="n watch"') == 1
    assert page.count('data-title="Bounces" class="n watch"') == 1


def test_what_is_not_known_is_said_and_never_looks_well(reader: Reader) -> None:
    page = reader.get("/?q=202")

    (line,) = re.findall(r'<tr id="number-202".*?</tr>', page, re.DOTALL)
    assert "not known<small>was GREEN</small>" in line
    assert "too old to count" in line
    assert "no record" in line
    assert "never" in line


def test_overview_tells_what_ends_what_comes_and_what_nobody_sees(reader: Reader) -> None:
    text = words(reader.get("/"))

    assert "token main renew it in Business Settings in 4 d 2026-11-26" in text
    assert "token south never" in text
    assert "data access south not known" in text
    assert "Failures of south for 2 d No webhook has ever come for it. Next: subscribe the app to WABA 101." in text
    assert "main messages 40 s ago , account_update 2 d ago 40 s ago 0.4 s 12 min" in text
    assert "account_alerts, phone_number_quality_update" in text


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?q=0007", ["207"]),
        ("?q=lucky%20shrub", ["201", "204", "207"]),
        ("?mood=bad", ["200", "206"]),
        ("?mood=bad&mood=watch", ["200", "201", "206", "207"]),
        ("?account=101&mood=good", ["203", "205"]),
        ("?mood=none&sort=none&page=none", [str(200 + n) for n in range(8)]),
        ("?page=99", [str(200 + n) for n in range(8)]),
        ("?q=nobody", []),
    ],
)
def test_numbers_are_searched_and_filtered_by_the_address(reader: Reader, query: str, ids: list[str]) -> None:
    assert shown(reader.get(f"/{query}")) == ids


def test_search_that_finds_nothing_says_so(reader: Reader) -> None:
    assert "No number fits. Show all 8" in words(reader.get("/?q=nobody"))


def test_address_says_how_the_list_is_ordered(reader: Reader) -> None:
    page = reader.get("/?sort=failures&q=555")

    assert page.count("aria-sort") == 1
    assert (
        '<th scope="col" class="n" aria-sort="descending"><a href="/?q=555&amp;sort=failures&amp;reversed=1">' in page
    )
    assert '<option value="failures" selected>' in page
    assert 'aria-sort="ascending"' in reader.get("/?sort=failures&reversed=1")


def test_many_numbers_come_in_pages() -> None:
    reader = Reader(Floor(), gallery=Gallery(120))

    first, last = reader.get("/?q=555"), reader.get("/?q=555&page=3")

    assert (len(shown(first)), len(shown(last))) == (50, 20)
    assert 'rel="next" href="/?q=555&amp;page=2#numbers"' in first
    assert "101 to 120 of 120" in words(last)
    assert 'rel="next"' not in last


def test_open_alerts_stand_on_the_first_page_worst_first() -> None:
    floor = Floor()
    floor.cause("BAD")

    text = words(Reader(floor).get("/"))

    assert "Open alerts Severity Alert About Since Last seen Do critical is the cause" in text


def test_world_without_numbers_says_what_to_wait_for() -> None:
    assert "No number is known yet." in words(Reader(Floor(), gallery=Gallery(0)).get("/"))


# --- a number ---------------------------------------------------------------------------------------------------------


def test_number_tells_its_whole_story(reader: Reader) -> None:
    text = words(reader.get("/numbers/200"))

    assert text.startswith("+1 555 000 0000 Jasper's Market bad · main · id 200 · checked 20 s ago")
    assert "Quality rating RED 3 d ago by poll" in text
    assert "Name not known" in text
    assert "131026 Message undeliverable WhatsApp could not deliver the message. The recipient has no WhatsApp" in text
    assert "999999 This code is in no table yet." in text
    assert "12 under 5 min" in text
    assert "Business 900 LIMITED 131026 Message undeliverable" in text
    assert "App 7001 not known was AVAILABLE not known" in text
    assert "WhatsAppQualityRatingRed opened: Quality rating RED wamon" in text


def test_ratio_of_too_few_messages_is_a_dash(reader: Reader) -> None:
    assert "15 min 123 110 89 % 1 \N{EN DASH} 0 \N{EN DASH} 12 9.8 %" in words(reader.get("/numbers/200"))


def test_number_that_is_not_watched_is_404(reader: Reader) -> None:
    answer = reader.ask("GET", "/numbers/999")

    assert answer.status_code == 404
    assert "There is no number '999' among those that are watched" in words(answer.text)


def test_alerts_of_a_number_and_no_others_are_on_its_page() -> None:
    from tests.core.telling import number

    floor = Floor()
    floor.see("RED", number(0), number(1))

    page = Reader(floor).get("/numbers/201")

    assert page.count('<tr id="alert-') == 1
    assert 'href="/silences/new?matchers=phone_number_id%3D201"' in page


# --- thirty days ------------------------------------------------------------------------------------------------------


def test_strip_is_drawn_to_scale_and_told_in_words() -> None:
    since = START - timedelta(days=30)

    drawn = strip(lane("Quality rating", since, Mood.BAD), since=since, until=START)

    assert [(each.x, each.width, each.mood) for each in drawn.stretches] == [
        (0.0, 432.0, Mood.GOOD),
        (432.0, 4.0, Mood.UNKNOWN),
        (436.0, 212.0, Mood.GOOD),
        (648.0, 72.0, Mood.BAD),
    ]
    assert drawn.stretches[1].words == "not known: 2026-11-10 10:00:00 UTC, for 4 h"
    assert drawn.words == "GREEN 89%; BAD 10%; not known 1%"


def test_short_moment_can_be_seen_and_nothing_is_drawn_outside() -> None:
    since = START - timedelta(days=30)
    segments = (
        Segment(since=since - timedelta(days=9), until=since, text="old", mood=Mood.BAD),
        Segment(since=START - timedelta(seconds=1), until=START + timedelta(days=1), text="RED", mood=Mood.BAD),
    )

    drawn = strip(Lane(name="x", segments=segments), since=since, until=START)

    assert [(each.x, each.width) for each in drawn.stretches] == [(718.0, 2.0)]


def test_lane_without_a_record_says_so() -> None:
    drawn = strip(Lane(name="x", segments=()), since=START - timedelta(days=30), until=START)

    assert drawn == Strip(name="x", stretches=(), words="nothing is known")


# --- the timeline -----------------------------------------------------------------------------------------------------


def test_timeline_tells_before_after_when_and_how_known(reader: Reader) -> None:
    text = words(reader.get("/timeline?subject=200&since=30d&kind=change"))

    assert "2026-11-19 10:00:00 UTC quality rating +1 555 000 0000 (Jasper's Market) GREEN RED poll" in text
    assert "2026-11-19 10:00:00 UTC WhatsAppQualityRatingRed opened: Quality rating RED" in text
    assert "deploy: sender 4.2 4 of 4 machines https://ci.example.com/7 operator deploy job" in text


def test_timeline_goes_on_where_the_page_ends(reader: Reader) -> None:
    first, second = reader.get("/timeline?subject=200"), reader.get("/timeline?subject=200&cursor=older")

    assert 'href="/timeline?since=7d&amp;subject=200&amp;cursor=older"' in first
    assert 'rel="next"' not in second
    assert 'href="/timeline?since=7d&amp;subject=200"' in second


# --- all pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/numbers/200", "/timeline", "/alerts"])
def test_page_is_strict_html_without_anything_inline_or_from_elsewhere(reader: Reader, path: str) -> None:
    page = reader.get(path)

    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=\"/static/)", page)
    assert set(re.findall(r"https?://[^\s\"<]*", page)) <= {"https://ci.example.com/7"}
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<label[^>]* for="([^"]*)"', page)) <= set(ids)
    assert set(re.findall(r'aria-labelledby="([^"]*)"', page)) <= set(ids)
    assert page.count("<th") == page.count('scope="') + page.count("<thead")


def test_user_text_is_escaped_everywhere(reader: Reader) -> None:
    for path in ("/?q=%22%3E%3Ci%3E", "/timeline?subject=%22%3E%3Ci%3E", "/alerts?q=%22%3E%3Ci%3E"):
        page = reader.get(path)

        assert 'value="&#34;&gt;&lt;i&gt;"' in page
        assert "<i>" not in page


def test_answers_are_compressed_for_those_who_take_it(reader: Reader) -> None:
    packed = reader.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
    plain = reader.ask("GET", "/", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wamon.css", "text/css; charset=utf-8"),
        ("wamon.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_static_files_are_kept_by_their_digest(reader: Reader, name: str, kind: str) -> None:
    answer = reader.ask("GET", f"/static/{name}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"
    assert re.search(rf'"/static/{name}\?[0-9a-f]{{12}}"', reader.get("/"))


@pytest.mark.parametrize("path", ["/static/", "/static/base.html", "/static/..%2fpages.py", "/number/", "/runbooks/x"])
def test_anything_else_is_not_found(reader: Reader, path: str) -> None:
    assert reader.ask("GET", path).status_code == 404


@pytest.mark.parametrize("path", ["/numbers", "/numbers/", "/numbers?next=https://elsewhere.example"])
def test_numbers_without_an_id_are_all_numbers(reader: Reader, path: str) -> None:
    answer = reader.ask("GET", path)

    assert (answer.status_code, answer.headers["location"]) == (308, "/")


def test_runbooks_are_listed_with_and_without_a_slash(reader: Reader) -> None:
    assert words(reader.get("/runbooks/")) == words(reader.get("/runbooks"))


def test_runbooks_tell_nothing_of_what_is_watched() -> None:
    floor = Floor()
    floor.cause("BAD")
    reader = Reader(floor, user="mira")

    page = reader.get("/runbooks/WhatsAppQualityRatingRed")

    assert "First five minutes" in page
    assert "mira" not in page
    assert 'class="count"' not in page
    assert "1.2.3" not in page


def test_first_page_of_two_thousand_numbers_takes_less_than_a_second() -> None:
    reader = Reader(Floor(), gallery=Gallery(2000))
    reader.get("/")

    began = time.perf_counter()
    answer = reader.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
    took = time.perf_counter() - began

    assert answer.status_code == 200
    assert "2\N{NARROW NO-BREAK SPACE}000" in answer.text
    assert took < 1.0
    assert len(gzip.compress(answer.content)) < 100_000


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (span(timedelta(seconds=-5)), "0 s"),
        (span(timedelta(seconds=59)), "59 s"),
        (span(timedelta(seconds=60)), "1 min"),
        (span(timedelta(hours=5, minutes=59)), "5 h"),
        (span(timedelta(days=3)), "3 d"),
        (span(None), "not known"),
        (ago(None, START), "never"),
        (ago(START - timedelta(minutes=2), START), "2 min ago"),
        (until(START + timedelta(days=2), START), "in 2 d"),
        (until(START - timedelta(days=2), START), "over for 2 d"),
        (until(None, START), "not known"),
        (moment(None), "never"),
        (moment(START), "2026-11-22 10:00:00 UTC"),
        (percent(None), "\N{EN DASH}"),
        (percent(0.0), "0 %"),
        (percent(0.0004), "< 0.1 %"),
        (percent(0.0432), "4.3 %"),
        (percent(0.432), "43 %"),
        (percent(1.0), "100 %"),
        (seconds(None), "\N{EN DASH}"),
        (seconds(0.42), "0.4 s"),
        (seconds(90.0), "1 min"),
        (grouped(None), "\N{EN DASH}"),
        (grouped(1234567), "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
        (counted(1, "alert"), "1 alert"),
        (counted(0, "alert"), "0 alerts"),
        (capitalize_first("a B"), "A B"),
        (url_with("/", {"q": "a b", "page": "2"}, page=None), "/?q=a+b"),
        (url_with("/", {}), "/"),
    ],
)
def test_words(said: str, expected: str) -> None:
    assert said == expected


def test_every_order_of_the_menu_can_be_asked_for() -> None:
    from starlette.datastructures import QueryParams

    assert [number_query(QueryParams({"sort": each.value})).sort for each in Sort] == list(Sort)


@pytest.mark.parametrize(
    ("page_url", "hosts"),
    [(None, ()), ("https://Wamon.example", ("wamon.example",)), ("http://wamon:9877/x", ("wamon:9877",))],
)
def test_pages_are_known_by_the_name_that_the_configuration_gives(page_url: str | None, hosts: tuple[str, ...]) -> None:
    assert page_hosts(page_url) == hosts
